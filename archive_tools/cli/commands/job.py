"""`tokio-archive job`: how a job did, and whether it was the file system."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from typing import Any

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.core import quantities
from archive_tools.jobs import job_history, job_lookup, users, verdicts
from archive_tools.public import Archive, Job


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    if options.plot:
        printing.target(options.plot, printing.PICTURES)
    archive = common_options.open_archive(options.archive)
    there = found(archive, options)
    if options.plot:
        _plot(archive, there[0], options)
    elif options.json:
        printing.show_json(
            [
                dataclasses.asdict(job)
                | {"verdict": dataclasses.asdict(_verdict(archive, job, options))}
                for job in there
            ]
        )
    else:
        for job in there:
            _show(job, archive.timezone, options.limit or None)
            printing.say()
            printing.say(_verdict(archive, job, options).sentence)
    return exit_codes.DONE


def _verdict(
    archive: Archive, job: job_lookup.JobDetails, options: argparse.Namespace
) -> verdicts.Verdict:
    is_there = any(row["fsname"] == options.fs for row in job.file_systems)
    return verdicts.verdict(archive.root, job, options.fs if is_there else "")


def found(archive: Archive, options: argparse.Namespace) -> list[job_lookup.JobDetails]:
    """The jobs that are meant, newest first."""
    given = common_options.given_range(options)
    dates = common_options.dates_between(*given, archive.timezone)
    return job_lookup.find_job(
        archive.root,
        options.job,
        *dates,
        between=common_options.seconds_between(*given, archive.timezone),
        account=options.account,
        partition=options.partition,
    )


def _plot(archive: Archive, job: job_lookup.JobDetails, options: argparse.Namespace) -> None:
    from archive_tools import plotting

    figure = Job(archive, job).plot(options.fs)
    with printing.writing(options.plot):
        plotting.save(figure, options.plot)


def _show(job: job_lookup.JobDetails, timezone: str, limit: int | None) -> None:
    """The job for people."""
    begin, end = (printing.local(stamp, timezone) for stamp in (job.start_time, job.end_time))
    printing.say(
        f"job {job.account.get('jobid_shown') or job.jobid} of {job.username or job.uid}:"
        f" {job.exenames or 'unknown program'}, {processes(job.nprocs)}"
    )
    logs = f"{quantities.counted(len(job.logs), 'log')} of {job.instance}"
    printing.say(
        f"{begin} to {end}, {_seconds(job)}; {logs if job.instance else 'no logs'}, {job.date}"
    )
    if job.account:
        printing.say(_account(job.account, timezone))
    if job.partial_modules:
        printing.say(partial(job.partial_modules))
    printing.say()
    if job.file_systems:
        _file_systems(job)
        _views(job)
        _servers(job)
    else:
        printing.say("no I/O on any file system that is known")
    _logs(job, limit)
    if job.file_systems or job.account:
        _others(job, timezone, limit)


def _account(account: Mapping[str, Any], timezone: str) -> str:
    """What the scheduler has of the job."""
    begin, end = (printing.local(account[name], timezone) for name in ("job_start", "job_end"))
    nodes = account["nodes"]
    starts = f", {account['starts']} starts" if (account["starts"] or 1) > 1 else ""
    return (
        f"scheduler: account {account['account'] or '–'}, partition {account['partition'] or '–'},"
        f" {account['state'] or 'state not known'},"
        f" {'nodes not known' if nodes is None else quantities.counted(nodes, 'node')},"
        f" {begin} to {'not known' if account['job_end'] is None else end}{starts}"
    )


def _views(job: job_lookup.JobDetails) -> None:
    """Bytes as the application, the servers and inference see them."""
    rows = [
        [
            f"{row['fsname']}, {what}",
            *(
                quantities.quantity(row.get(name), "bytes")
                for name in (f"bytes_{what}", f"server_bytes_{what}", f"fs_bytes_{what}")
            ),
            _signed(row.get("difference_read" if what == "read" else "difference_written")),
        ]
        for row in job.file_systems
        for what in ("read", "written")
        if row.get("server_job") is not None
    ]
    if rows:
        header = ["whose bytes", "by the logs", "by job_stats", "servers, for all", "difference"]
        printing.show(header, rows)
        printing.say()


def _signed(amount: int | None) -> str:
    """A difference with its sign."""
    if amount is None:
        return "–"
    return ("−" if amount < 0 else "+") + quantities.quantity(abs(amount), "bytes")


def _seconds(job: job_lookup.JobDetails) -> str:
    if job.start_time is None or job.end_time is None:
        return "seconds not known"
    return f"{job.end_time - job.start_time:,} s"


def processes(count: int | None) -> str:
    """A number of processes with its word."""
    if count is None:
        return "processes not known"
    return quantities.counted(count, "process", "processes")


def partial(modules: str) -> str:
    """The sentence for a job whose logs lack a part of some modules."""
    return (
        f"Partial: {modules.replace(',', ', ')}. Darshan ran out of memory: files that it could"
        " not record are missing, and figures may be too low."
    )


def _file_systems(job: job_lookup.JobDetails) -> None:
    header = ["what it did on", "read", "written", "reads", "writes", "opens", "files", "its rate"]
    rows = [
        [
            row["fsname"],
            quantities.quantity(row["bytes_read"], "bytes"),
            quantities.quantity(row["bytes_written"], "bytes"),
            *(quantities.quantity(row[name], "") for name in ("reads", "writes", "opens")),
            quantities.quantity((row["posix_files"] or 0) + (row["stdio_files"] or 0), ""),
            quantities.quantity(job_history.rate(row), "bytes/s"),
        ]
        for row in job.file_systems
    ]
    printing.show(header, rows)
    printing.say()


def _servers(job: job_lookup.JobDetails) -> None:
    """What the servers saw, a column a file system."""
    seen = [row for row in job.file_systems if row.get("fs_instance")]
    unseen = [row["fsname"] for row in job.file_systems if not row.get("fs_instance")]
    if seen:
        rows = [[label, *(show(row) for row in seen)] for label, show in SEEN]
        printing.show(["what the servers saw of", *(row["fsname"] for row in seen)], rows)
    if unseen:
        printing.say(
            f"no servers are known behind {', '.join(unseen)} (fsname_to_instance in site.json)"
        )
    printing.say()


def _percent(*names: str) -> Any:
    return lambda row: " / ".join(quantities.quantity(row.get(name), "%") for name in names)


def _ratio(name: str) -> Any:
    return lambda row: "–" if row.get(name) is None else f"{row[name]:.2f}"


def _amount(name: str, unit: str) -> Any:
    return lambda row: quantities.quantity(row.get(name), unit)


SEEN = (
    ("instance", lambda row: row["fs_instance"]),
    ("seconds looked at", lambda row: quantities.quantity(job_history.looked_at(row), "")),
    ("bytes read", _amount("fs_bytes_read", "bytes")),
    ("bytes written", _amount("fs_bytes_written", "bytes")),
    ("coverage, read", _ratio("coverage_read")),
    ("coverage, written", _ratio("coverage_written")),
    ("share of all jobs' bytes in whole rows, read", _ratio("share_read")),
    ("share of all jobs' bytes in whole rows, written", _ratio("share_written")),
    ("fastest row, read", _amount("fs_peak_read_rate", "bytes/s")),
    ("fastest row, written", _amount("fs_peak_write_rate", "bytes/s")),
    ("CPU load of OSSes, mean / peak", _percent("fs_oss_cpu_mean", "fs_oss_cpu_peak")),
    ("CPU load of MDSes, mean / peak", _percent("fs_mds_cpu_mean", "fs_mds_cpu_peak")),
    ("metadata operations", lambda row: quantities.quantity(job_history.operations(row), "ops/s")),
    ("targets full, mean / fullest", _percent("fs_bytes_full", "fs_bytes_fullest")),
    ("inodes used, mean / fullest", _percent("fs_inodes_full", "fs_inodes_fullest")),
    ("missing", _amount("fs_missing", "%")),
    (
        "other logs / jobs",
        lambda row: (
            f"{quantities.quantity(row.get('other_logs'), '')} /"
            f" {quantities.quantity(row.get('other_jobs'), '')}"
        ),
    ),
)
"""Lines of the table of servers: label, and how a row's figure is shown."""


def _logs(job: job_lookup.JobDetails, limit: int | None) -> None:
    header = ["log", "program", "processes", "seconds", "read", "written", "POSIX rate"]
    rows = [
        [
            log["filename"],
            log["exename"] or "–",
            "–" if log["nprocs"] is None else str(log["nprocs"]),
            quantities.quantity(log["walltime"], ""),
            quantities.quantity(log["bytes_read"], "bytes"),
            quantities.quantity(log["bytes_written"], "bytes"),
            (
                "–"
                if log.get("posix_agg_perf") is None
                else quantities.quantity(log["posix_agg_perf"] * 2**20, "bytes/s")
            ),
        ]
        for log in job.logs[:limit]
    ]
    if rows:
        printing.show(header, rows, left=(0, 1))
        _more(len(job.logs), len(rows), "logs")


def _others(job: job_lookup.JobDetails, timezone: str, limit: int | None) -> None:
    header = ["who else was there", "start", "user", "program", "file system"]
    has_accounts = any("account" in row for row in job.others)
    header += ["account", "nodes", "shared"] if has_accounts else []
    named = users.shown_users((row["uid"], row["username"]) for row in job.others)
    rows = [
        [
            row.get("jobid_shown") or row["jobid"] or row.get("server_job") or "–",
            printing.local(row["start_time"], timezone),
            named[row["uid"], row["username"]] or "–",
            row["exenames"] or "–",
            row["fsname"] or "–",
            *(_account_cells(row) if has_accounts else ()),
            *(_moved(row, name) for name in ("bytes_read", "bytes_written")),
            f"{_seconds_together(row, job):,}",
        ]
        for row in job.others[:limit]
    ]
    if rows:
        left = range(6 if has_accounts else 5)
        printing.show([*header, "read", "written", "seconds together"], rows, left=left)
        _more(len(job.others), len(rows), "other jobs and file systems")
    else:
        printing.say("no other job was on its file systems then")


def _account_cells(row: Mapping[str, Any]) -> list[str]:
    numbers = (row["nodes"], row["shared_nodes"])
    return [row["account"] or "–", *("–" if one is None else f"{one:,}" for one in numbers)]


def _moved(row: Mapping[str, Any], name: str) -> str:
    """Bytes by the logs, of a job without logs by job_stats."""
    amount = row[name] if row["logs"] else row.get(f"server_{name}")
    return quantities.quantity(amount, "bytes")


def _seconds_together(row: Mapping[str, Any], job: job_lookup.JobDetails) -> int:
    """How long another job was there while the job ran; what has no end is still there."""
    begin = max(row["start_time"], job.start_time or 0)
    ends = [stamp for stamp in (row["end_time"], job.end_time) if stamp is not None]
    return max(0, min(ends) - begin) if ends else 0


def _more(there: int, shown: int, what: str) -> None:
    if there > shown:
        printing.say(f"{shown} of {there} {what}; --limit 0 shows all")
    printing.say()
