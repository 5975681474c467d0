"""The commands `summarize_tts`, `find_darshanlogs` and `darshan_scoreboard`, as users of pytokio
know them.

The same arguments and the same keys of JSON, on the functions that `tokio-archive` uses. What
differs on purpose is in `docs/commands.md`. Exit codes: 0 done; 1 not there or cannot be read; 2
wrong command.
"""

from __future__ import annotations

import argparse
import datetime as dt
import glob
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archive_tools import tables
from archive_tools.command import guarded
from archive_tools.commands import _common
from archive_tools.commands.find_logs import print_paths
from archive_tools.formats.series_file import SeriesFile
from archive_tools.formats.tts_read import open_tts
from archive_tools.jobs import logs, scoreboards

READ, WRITTEN = "datatargets/readbytes", "datatargets/writebytes"
EXIT_CODES = "exit codes: 0 done; 1 not there or cannot be read; 2 wrong command"


def _run(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    run: Callable[[argparse.Namespace], int],
) -> int:
    options = parser.parse_args(arguments)
    return guarded(parser.prog, lambda: run(options))


# summarize_tts


def summarize_tts(arguments: Sequence[str] | None = None) -> int:
    """Run `summarize_tts`: bytes read and written of a file, by row and by component; returns the
    exit code.
    """
    parser = argparse.ArgumentParser(
        "summarize_tts",
        description="Bytes read and written of a TTS or H5LMT file.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("file", help="file to summarize")
    parser.add_argument("-j", "--json", action="store_true", help="as JSON")
    parser.add_argument("--timesteps", action="store_true", help="also of each row")
    parser.add_argument("--columns", action="store_true", help="also of each component")
    return _run(parser, arguments, _summarize_tts)


def _summarize_tts(options: argparse.Namespace) -> int:
    with open_tts(options.file) as tts:
        found: dict[str, Any] = {"total": file_total(tts)}
        if options.timesteps:
            found["timesteps"] = by_row(tts)
        if options.columns:
            found["columns"] = by_column(tts)
    if options.json:
        print(json.dumps(found, indent=4, sort_keys=True))
        return _common.DONE
    _say_total(found["total"])
    for second, moved in found.get("timesteps", {}).items():
        _say_moved(str(dt.datetime.fromtimestamp(int(second))), moved)
    for name, moved in found.get("columns", {}).items():
        _say_moved(name, moved)
    return _common.DONE


def file_total(tts: SeriesFile) -> dict[str, float | int]:
    """Bytes of a whole file, and what is missing of what was read; rows are -1 where nothing was
    measured.
    """
    read, written = tts.to_numpy(READ), tts.to_numpy(WRITTEN)
    measured = ~np.isnan(read)
    rows = np.flatnonzero(measured.any(axis=1))
    missing = read.size - int(measured.sum())
    return {
        "read_bytes": float(np.nansum(read)),
        "write_bytes": float(np.nansum(written)),
        "missing_pts": missing,
        "total_pts": read.size,
        "missing_pct": 100.0 * missing / max(1, read.size),
        "first_nonzero_idx": int(rows[0]) if len(rows) else -1,
        "last_nonzero_idx": int(rows[-1]) if len(rows) else -1,
    }


def by_row(tts: SeriesFile) -> dict[str, dict[str, float]]:
    """Bytes of each row, all components together, by the epoch second of its start; 0 where nothing
    was measured.
    """
    return _moved(tts, 1, lambda name: tts.timestamps(name).tolist())


def by_column(tts: SeriesFile) -> dict[str, dict[str, float]]:
    """Bytes of each component."""
    return _moved(tts, 0, tts.columns)


def _moved(
    tts: SeriesFile, axis: int, labels: Callable[[str], Iterable[object]]
) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for key, name in (("read_bytes", READ), ("write_bytes", WRITTEN)):
        for label, amount in zip(
            labels(name), np.nansum(tts.to_numpy(name), axis=axis).tolist(), strict=True
        ):
            found.setdefault(str(label), {})[key] = amount
    return found


def _say_total(total: dict[str, Any]) -> None:
    _common.say(f"Data Read:            {_prefixed(total['read_bytes'])}")
    _common.say(f"Data Written:         {_prefixed(total['write_bytes'])}")
    _common.say(f"Missing data points:  {total['missing_pts']:9d}")
    _common.say(f"Expected data points: {total['total_pts']:9d}")
    _common.say(f"Percent data missing: {total['missing_pct']:8.1f}%")
    _common.say(f"First non-empty row:  {total['first_nonzero_idx']:9d}")
    _common.say(f"Last non-empty row:   {total['last_nonzero_idx']:9d}")


def _say_moved(label: str, moved: dict[str, float]) -> None:
    _common.say(
        f"{label:>12} {moved.get('read_bytes', 0.0):14.2f} read,"
        f" {moved.get('write_bytes', 0.0):14.2f} written"
    )


def _prefixed(amount: float) -> str:
    units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while amount >= 1024 and len(units) > 1:
        amount, units = amount / 1024, units[1:]
    return f"{amount:5.1f} {units[0]}"


# find_darshanlogs


def find_darshanlogs(arguments: Sequence[str] | None = None) -> int:
    """Run `find_darshanlogs`: paths of Darshan logs, a line each; returns the exit code."""
    parser = argparse.ArgumentParser(
        "find_darshanlogs", description="Paths of Darshan logs, a line each.", epilog=EXIT_CODES
    )
    parser.add_argument(
        "-s", "--start", type=_date, metavar="YYYY-MM-DD", help="first day (default: that of --end)"
    )
    parser.add_argument(
        "-e", "--end", type=_date, metavar="YYYY-MM-DD", help="last day (default: that of --start)"
    )
    parser.add_argument("-u", "--username", default="", help="owner of the log")
    parser.add_argument(
        "-j",
        "--jobid",
        default="",
        help="job id; without days, those on which the archive's indexes have the job",
    )
    parser.add_argument(
        "--logdir", help="folder above those of the days, YYYY/M/D (default: what site.json says)"
    )
    parser.add_argument("--host", default="", help="the source in site.json, where it has several")
    return _run(parser, arguments, lambda options: print_paths(_found(options)))


def _date(text: str) -> dt.date:
    try:
        return dt.datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; expected: 2026-11-22") from None


def _found(options: argparse.Namespace) -> Iterator[Path]:
    start, end = options.start or options.end, options.end or options.start
    if start is None and (not options.jobid or options.logdir):
        raise _common.WrongCommand(
            "--start or --end is missing", hint="only --jobid, with an archive, does without"
        )
    if start and end < start:
        raise _common.WrongCommand("--end is before --start", got=f"{start} to {end}")
    if options.logdir:
        template = f"{glob.escape(options.logdir).replace('%', '%%')}/%Y/%-m/%-d"
        for n in range((end - start).days + 1):
            yield from logs.logs_in(
                [template],
                start + dt.timedelta(days=n),
                {},
                user=options.username,
                job=options.jobid,
            )
        return
    from pipeline import site as sites

    site = sites.load()
    chosen = {"user": options.username, "job": options.jobid, "instance": options.host}
    for first, last in (
        [(start, end)]
        if start
        else [(date, date) for date in logs.days_of_job(site.root, options.jobid)]
    ):
        yield from logs.find_logs(site, first, last, **chosen)


# darshan_scoreboard

BOARDS = {
    "per_user": ("Users", ("username",)),
    "per_fs": ("File Systems", ("fsname", "mountpt")),
    "per_exe": ("Applications", ("exename",)),
    "per_user_exe_fs": ("User/App/FS", ("username", "exename", "fsname")),
}
"""Key of each list, its title, and the columns of the index."""
Ranked = tuple[Any, ...]
"""Bytes read and written, logs, name; of a file system also its first mount point."""


def darshan_scoreboard(arguments: Sequence[str] | None = None) -> int:
    """Run `darshan_scoreboard`: who moved most bytes; returns the exit code."""
    parser = argparse.ArgumentParser(
        "darshan_scoreboard",
        description="Who moved most bytes, by indexes of Darshan logs.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("indexfile", nargs="+", help="index, ours or pytokio's")
    parser.add_argument("--json", action="store_true", help="as JSON, all rows")
    parser.add_argument(
        "--max-show", type=_common.count, default=10, metavar="N", help="rows of each (default: 10)"
    )
    for key, what in scoreboards.FILTERS.items():
        either = parser.add_mutually_exclusive_group()
        either.add_argument(
            f"--limit-{key}",
            default="",
            metavar="LIST",
            help=f"only {what}; comma-separated, %% stands for any characters",
        )
        either.add_argument(f"--exclude-{key}", default="", metavar="LIST", help=f"all but {what}")
    return _run(parser, arguments, _scoreboard)


def _scoreboard(options: argparse.Namespace) -> int:
    told = vars(options)
    limit, exclude = (
        {key: _patterns(told[f"{how}_{key}"]) for key in scoreboards.FILTERS}
        for how in ("limit", "exclude")
    )
    only = scoreboards.Filter(limit, exclude)
    found = {key: _ranked(options.indexfile, columns, only) for key, (_, columns) in BOARDS.items()}
    if options.json:
        print(json.dumps(found, indent=4, sort_keys=True))
        return _common.DONE
    for number, (key, ranked) in enumerate(
        (key, ranked) for key, ranked in found.items() if ranked
    ):
        _say_board(BOARDS[key][0], ranked[: options.max_show], first=number == 0)
    return _common.DONE


def _patterns(given: str) -> list[str]:
    """Shell patterns out of a comma-separated list in which ``%`` stands for any characters."""
    return [re.sub(r"[*?[]", r"[\g<0>]", one).replace("%", "*") for one in given.split(",") if one]


def _ranked(
    indexes: Sequence[str], columns: tuple[str, ...], only: scoreboards.Filter
) -> list[Ranked]:
    """Most bytes first."""
    if columns == ("fsname", "mountpt"):
        totals = scoreboards.totals(indexes, ("fsname",), only)
        mounts = {
            names[0]: names[1]
            for names in sorted(scoreboards.totals(indexes, columns, only), reverse=True)
        }
        rows: list[Ranked] = [
            (read, written, count, name, mounts[name])
            for (name,), (count, read, written) in totals.items()
        ]
    else:
        rows = [
            (read, written, count, "|".join(names))
            for names, (count, read, written) in scoreboards.totals(indexes, columns, only).items()
        ]
    return sorted(rows, key=lambda row: (-row[0] - row[1], row[3]))


def _say_board(title: str, ranked: Sequence[Ranked], *, first: bool) -> None:
    if not first:
        _common.say()
    _common.say(f"{'#':>2}  {title:>40} {'Read(GiB)':>10} {'Write(GiB)':>10} {'# Jobs':>8}")
    _common.say("=" * 75)
    for place, (read, written, count, name, *_) in enumerate(ranked, 1):
        shown = tables.clean(", ".join(part or "UNKNOWN" for part in name.split("|")))
        _common.say(
            f"{place:>2}. {shown:>40} {read / 2**30:10.1f} {written / 2**30:10.1f} {count:8d}"
        )
