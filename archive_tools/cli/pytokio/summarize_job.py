"""The command `summarize_job`, as users of pytokio know it: one flat record of a log or a time, and
of the servers then.

The same arguments and keys, answered from the archive: logs are looked up by name in its indexes.
Figures of single records are read from a log where it is still there. What differs is in
`docs/commands.md`. Exit codes: 0 done; 1 not
there or cannot be read; 2 wrong command.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import io
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from archive_tools.cli import common_options, exit_codes, printing, tables
from archive_tools.cli.main import guarded
from archive_tools.cli.pytokio import log_figures
from archive_tools.core import printable, quantities
from archive_tools.core.errors import FormatError, NotFound, TokioError
from archive_tools.core.findings import Findings
from archive_tools.core.sums import sql_sum
from archive_tools.formats.darshan_log import read_darshan_log
from archive_tools.jobs import server_days, server_extremes, server_series, servers
from archive_tools.jobs.job_history import looked_at
from archive_tools.jobs.job_lookup import query_rows
from archive_tools.reading.archive import Archive
from archive_tools.store import layout

Record = dict[str, Any]
EXIT_CODES = "exit codes: 0 done; 1 not there or cannot be read; 2 wrong command"
LOG = f"""
SELECT headers.*, fsname, mountpt, {sql_sum("bytes_read")} AS bytes_read,
    {sql_sum("bytes_written")} AS bytes_written
FROM headers LEFT JOIN summaries USING (log_id) LEFT JOIN mounts USING (fs_id)
WHERE {{}} GROUP BY log_id, mountpt ORDER BY log_id, mountpt
"""
SERVERS = "SELECT * FROM servers WHERE log_id = ? AND fsname = ?"
OPERATIONS = {
    name: name.removesuffix("s") if name != "statfss" else "statfs" for name in servers.METADATA
}


def summarize_job(arguments: Sequence[str] | None = None) -> int:
    """Run `summarize_job`; returns the exit code."""
    parser = argparse.ArgumentParser(
        "summarize_job",
        description="What jobs did and what the servers saw, a flat record for each.",
        epilog=EXIT_CODES,
    )
    parser.add_argument(
        "files", nargs="*", help="Darshan logs, by their names; they need not be there any more"
    )
    parser.add_argument("-j", "--json", action="store_true", help="as JSON (default: CSV)")
    parser.add_argument(
        "-f",
        "--file-system",
        default="",
        metavar="NAME",
        help="file system (default: where most was moved)",
    )
    parser.add_argument(
        "--start-time",
        type=_time,
        metavar="'YYYY-MM-DD HH:MM:SS'",
        help="with --end-time and --file-system, in place of logs",
    )
    parser.add_argument("--end-time", type=_time, metavar="'YYYY-MM-DD HH:MM:SS'")
    parser.add_argument(
        "--slurm-jobid",
        default="",
        metavar="ID",
        help="the logs of this job, in place of their names; with times, the key _jobid",
    )
    parser.add_argument(
        "-o",
        "--ost",
        action="store_true",
        help="accepted: how full the targets are is always shown",
    )
    parser.add_argument(
        "--silent-errors", action="store_true", help="do not say which logs cannot be read"
    )
    common_options.add_archive(parser)
    return guarded(parser.prog, lambda: _run(parser.parse_args(arguments)))


def _time(text: str) -> dt.datetime:
    try:
        return dt.datetime.strptime(text, "%Y-%m-%d %H:%M:%S")
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time; expected: 'YYYY-MM-DD HH:MM:SS'"
        ) from None


def _run(options: argparse.Namespace) -> int:
    archive = common_options.open_archive(options.archive)
    times = options.start_time, options.end_time
    if any(times):
        if not all(times) or options.files or not options.file_system:
            raise exit_codes.WrongCommand(
                "a time needs --start-time, --end-time and --file-system, and no logs"
            )
        first, last = (archive.epoch_second(when) for when in times)
        if last <= first:
            raise exit_codes.WrongCommand(
                "the range is empty",
                expected="--start-time before --end-time",
                got=f"{times[0]} to {times[1]}",
            )
        records = [_of_time(archive, first, last, options.file_system)]
        if options.slurm_jobid:
            records[0]["_jobid"] = options.slurm_jobid
    elif options.files or options.slurm_jobid:
        records = list(_of_logs(archive, options))
    else:
        raise exit_codes.WrongCommand(
            "nothing to summarize", expected="logs, --slurm-jobid, or --start-time and --end-time"
        )
    _write(records, options.json, archive.timezone)
    return exit_codes.DONE


def _write(records: Sequence[Record], as_json: bool, timezone: str) -> None:
    if as_json:
        printing.show_json(records)
        return
    text = io.StringIO()
    writer = csv.DictWriter(
        text,
        ["index", *dict.fromkeys(key for record in records for key in record)],
        lineterminator="\n",
    )
    writer.writeheader()
    writer.writerows(
        {
            key: printable.clean(value) if isinstance(value, str) else value
            for key, value in ({"index": n} | _with_dates(one, timezone)).items()
        }
        for n, one in enumerate(records)
    )
    tables.write(sys.stdout, text.getvalue())


def _with_dates(record: Record, timezone: str) -> Record:
    """A record with its time as pytokio writes it in CSV: the site's clock."""
    dates = {
        key: dt.datetime.fromtimestamp(record[key], ZoneInfo(timezone)).replace(tzinfo=None)
        for key in ("_datetime_start", "_datetime_end")
        if record[key] is not None
    }
    return record | {key: str(date) for key, date in dates.items()}


def _of_logs(archive: Archive, options: argparse.Namespace) -> Iterator[Record]:
    """A record for each log."""
    given: list[tuple[str, Found]] = []
    if options.slurm_jobid:
        if options.files:
            raise exit_codes.WrongCommand("logs are named, and a job", hint="give one of them")
        given = [("", _looked_up(archive, "jobid = ?", options.slurm_jobid))]
    for name in options.files:
        given.append((name, _looked_up(archive, "filename = ?", Path(name).name)[:1]))
    for name, found in given:
        for path, rows in found:
            for log_id in dict.fromkeys(row["log_id"] for row in rows):
                one = [row for row in rows if row["log_id"] == log_id]
                record = _of_log(archive, path, one, options.file_system)
                more = _of_records(name, one[0], silent=options.silent_errors)
                yield record | {key: value for key, value in more.items() if key not in record}


def _of_records(name: str, known: Record, *, silent: bool) -> Record:
    """What a log's records say, where it is still there and is the one that was indexed."""
    if not name or not Path(name).is_file():
        return log_figures.unknown()
    try:
        log = read_darshan_log(name)
        if str(log.header["jobid"]) != str(known["jobid"]):
            raise FormatError(f"{name} is not the log of that name in the archive")
        return log_figures.of_log(log)
    except (TokioError, OSError) as error:
        if not silent:
            printing.note(f"summarize_job: {error}")
        return log_figures.unknown()


Found = list[tuple[Path, list[Record]]]


def _looked_up(archive: Archive, where: str, value: str) -> Found:
    """Indexes and their rows of a log or job, newest first: those of the newest day that has it,
    and of the days right before that have it too.
    """
    indexes = [
        (date, path)
        for date, folder in layout.day_folders(archive.root)
        for path in sorted(folder.glob("[!.]*_index.sqlite"))
    ]
    found: Found = []
    oldest = dt.date.min
    for date, path in reversed(indexes):
        if found and (oldest - date).days > 1:
            break
        if rows := query_rows(path, LOG.format(where), [value]):
            found, oldest = [*found, (path, rows)], date
    if not found:
        expected = f"one of {quantities.counted(len(indexes), 'day')}"
        raise NotFound(
            f"no log {value} in the indexes of {archive.root}",
            expected=expected,
            hint="tokio-archive find-logs lists the logs",
        )
    return found


def _of_log(archive: Archive, path: Path, rows: Sequence[Record], fsname: str) -> Record:
    """One log: a row for each of its mount points."""
    one = rows[0]
    read, written = (
        max(rows, key=lambda row: row[name] or 0) for name in ("bytes_read", "bytes_written")
    )
    mostly = written if (written["bytes_written"] or 0) > (read["bytes_read"] or 0) else read
    name = fsname or mostly["fsname"]
    posix = [one[f"posix_bytes_{way}"] or 0 for way in ("read", "written")]
    record = {
        "_jobid": one["jobid"],
        "_datetime_start": one["start_time"],
        "_datetime_end": one["end_time"],
        "_file_system": name,
        "darshan_app": one["exe"],
        **{
            f"darshan_{key}": one[key]
            for key in ("jobid", "nprocs", "walltime", "start_time", "end_time")
        },
        "darshan_total_gibs_posix": sum(posix) / 2**30,
        "darshan_tot_bytes_read_posix": posix[0],
        "darshan_tot_bytes_written_posix": posix[1],
        "darshan_agg_perf_by_slowest_posix": one["posix_agg_perf"],
        "darshan_io_time": one["posix_agg_time"],
        "darshan_biggest_read_fs": read["mountpt"],
        "darshan_biggest_read_fs_bytes": read["bytes_read"],
        "darshan_biggest_write_fs": written["mountpt"],
        "darshan_biggest_write_fs_bytes": written["bytes_written"],
    }
    seen = dict(next(iter(query_rows(path, SERVERS, [one["log_id"], name])), {}))
    behind = _behind(archive, name) if seen.get("fs_instance") else None
    start, end = (seen.get(f"fs_{edge}") for edge in ("start", "end"))
    return record | _servers(seen) | _extremes(behind, start, end, one["start_time"])


def _behind(archive: Archive, fsname: str) -> server_extremes.Behind:
    """The servers behind a file system, as the archive says."""
    found = archive.about.get("fsname_to_instance", {}).get(fsname, {"instance": fsname})
    return server_extremes.Behind(archive, found["instance"], found)


def _extremes(
    behind: server_extremes.Behind | None, start: int | None, end: int | None, when: int | None
) -> Record:
    """What the series have beside the index, by pytokio's names; None where it is not known."""
    if behind is None or start is None or end is None or when is None:
        rates, state = server_extremes.unknown_rates(), server_extremes.unknown_state(when)
    else:
        rates = server_extremes.rates(behind, start, end)
        state = server_extremes.target_state(behind, when)
    record = {f"fs_{key}": value for key, value in rates.items()}
    return record | {f"fshealth_{key}": value for key, value in state.items()}


def _of_time(archive: Archive, first: int, last: int, fsname: str) -> Record:
    """What the servers behind a file system did from `first` to `last`, the last excluded."""
    behind = _behind(archive, fsname)
    source = server_series.ServerSeries(
        archive,
        behind.instance,
        lambda group: re.compile(behind.components.get(group, server_extremes.ALL)),
        archive.dates(first - server_days.BEFORE, last),
        Findings(),
    )
    figures, *_ = servers.figures(source, np.array([first]), np.array([last - 1]))
    if "fs_bytes_read" not in figures:
        raise NotFound(
            f"the archive has nothing of the servers behind {fsname} at that time",
            expected=", ".join(archive.instances()),
        )
    seen = {
        name: None if np.isnan(values[0]) else float(values[0]) for name, values in figures.items()
    }
    record = {"_datetime_start": first, "_datetime_end": last, "_file_system": fsname}
    rows = [None if value is None else int(value) for value in (seen["fs_start"], seen["fs_end"])]
    return record | _servers(seen) | _extremes(behind, rows[0], rows[1], first)


def _servers(seen: Record) -> Record:
    """The figures of the servers by pytokio's names; None where nobody measured."""
    seconds = looked_at(seen)
    record: Record = {}
    for way, rate in (("read", "read"), ("written", "write")):
        total, peak = seen.get(f"fs_bytes_{way}"), seen.get(f"fs_peak_{rate}_rate")
        mean = total / seconds if total is not None and seconds else None
        for key, value in (
            ("tot_bytes_{}", total),
            ("ave_bytes_{}_per_sec", mean),
            ("max_bytes_{}_per_sec", peak),
        ):
            record[f"fs_{key.format(way)}"] = value
            record[f"fs_{key.replace('bytes', 'gibs').format(way)}"] = (
                None if value is None else value / 2**30
            )
        record[f"fs_coverage_{way}"] = seen.get(f"coverage_{way}")
    for server in ("oss", "mds"):
        record |= {
            f"fs_ave_{server}_cpu": seen.get(f"fs_{server}_cpu_mean"),
            f"fs_max_{server}_cpu": seen.get(f"fs_{server}_cpu_peak"),
        }
    for column, name in OPERATIONS.items():
        done = seen.get(f"fs_{column}")
        record |= {
            f"fs_tot_{name}_ops": done,
            f"fs_ave_{name}_ops_per_sec": done / seconds if done is not None and seconds else None,
        }
    missing = seen.get("fs_missing")
    record["fs_frac_missing"] = None if missing is None else missing / 100
    record |= {
        "fshealth_ost_avg_full_pct": seen.get("fs_bytes_full"),
        "fshealth_ost_max_full_pct": seen.get("fs_bytes_fullest"),
    }
    return record
