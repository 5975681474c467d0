"""What is known of a job, in words: sentences and tables, as the command `job` and the job's page
say them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from archive_tools.core import quantities
from archive_tools.jobs import job_history, users
from archive_tools.jobs.job_lookup import JobDetails

When = Callable[[int | None], str]
"""How a time is said, or that there is none."""
NO_IO = "no I/O on any file system that is known"
NO_OTHERS = "no other job was on its file systems then"
BEYOND = (
    "logs ×N: the logs have N times what the servers moved then: a client's page cache answered, or"
    " the mount is of other servers"
)
"""What `coverage` shows where it is above 1."""


@dataclass(frozen=True)
class Table:
    """Rows of text.

    Attributes
    ----------
    header : list of str
    rows : list of list of str
    texts : int
        How many columns are texts: the first ones; the others are figures.
    """

    header: list[str]
    rows: list[list[str]]
    texts: int = 1


def title(job: JobDetails) -> str:
    """Which job, whose, and what ran."""
    whose = job.username or ("an unknown user" if job.uid is None else job.uid)
    return (
        f"job {shown_id(job)} of {whose}:"
        f" {job.exenames or 'unknown program'}, {processes(job.nprocs)}"
    )


def shown_id(job: JobDetails) -> str:
    """The id as the scheduler shows it, where it does."""
    return str(job.account.get("jobid_shown") or job.jobid)


def times(job: JobDetails, when: When) -> str:
    """When it ran, how long, and of how many logs that is known."""
    logs = f"{quantities.counted(len(job.logs), 'log')} of {job.instance}"
    return (
        f"{when(job.start_time)} to {when(job.end_time)}, {_seconds(job)};"
        f" {logs if job.instance else 'no logs'}"
    )


def account(account: Mapping[str, Any], when: When) -> str:
    """What the scheduler has of the job."""
    nodes = account["nodes"]
    starts = f", {account['starts']} starts" if (account["starts"] or 1) > 1 else ""
    return (
        f"scheduler: account {account['account'] or '–'}, partition {account['partition'] or '–'},"
        f" {account['state'] or 'state not known'},"
        f" {'nodes not known' if nodes is None else quantities.counted(nodes, 'node')},"
        f" {when(account['job_start'])} to"
        f" {'not known' if account['job_end'] is None else when(account['job_end'])}{starts}"
    )


def views(job: JobDetails) -> Table:
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
    header = ["whose bytes", "by the logs", "by job_stats", "servers, for all", "difference"]
    return Table(header, rows)


def _signed(amount: int | None) -> str:
    """A difference with its sign."""
    if amount is None:
        return "–"
    return ("−" if amount < 0 else "+") + quantities.quantity(abs(amount), "bytes")


def _seconds(job: JobDetails) -> str:
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


def file_systems(job: JobDetails) -> Table:
    """What it did on each file system."""
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
    return Table(header, rows)


def servers(job: JobDetails) -> Table:
    """What the servers saw, a column a file system; no rows where none are known."""
    seen = [row for row in job.file_systems if row.get("fs_instance")]
    header = ["what the servers saw of", *(row["fsname"] for row in seen)]
    rows = [[label, *(show(row) for row in seen)] for label, show in SEEN] if seen else []
    return Table(header, rows)


def coverage(factor: float | None) -> str:
    """A coverage factor; where the logs have more than the servers it is none, and how many times
    as much they have is shown.
    """
    if job_history.is_beyond(factor):
        return f"logs ×{factor:,.3g}"
    return quantities.fixed(None if factor is None else min(factor, 1.0))


def beyond_servers(job: JobDetails) -> list[str]:
    """A sentence for each file system and direction of which the logs have more than the servers
    moved in that time.
    """
    return [
        f"by its logs it {did} {quantities.quantity(own, 'bytes')} on {row['fsname']},"
        f" {_times(row[f'coverage_{what}'], moved)} then: a client's page cache answered, or the"
        " mount is of other servers"
        for row in job.file_systems
        for what, did in (("read", "read"), ("written", "wrote"))
        for own, moved in [(row.get(f"bytes_{what}"), row.get(f"fs_bytes_{what}"))]
        if own and moved is not None
        if not moved or job_history.is_beyond(row.get(f"coverage_{what}"))
    ]


def _times(factor: float | None, moved: float) -> str:
    if not moved:
        return "where the servers moved nothing"
    return f"{factor:,.3g} times the {quantities.quantity(moved, 'bytes')} that the servers moved"


def unseen(job: JobDetails) -> str:
    """The sentence for file systems without servers; "" where all have some."""
    names = [row["fsname"] for row in job.file_systems if not row.get("fs_instance")]
    if not names:
        return ""
    return f"no servers are known behind {', '.join(names)} (fsname_to_instance in site.json)"


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
    ("coverage, read", lambda row: coverage(row.get("coverage_read"))),
    ("coverage, written", lambda row: coverage(row.get("coverage_written"))),
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


def logs(job: JobDetails, limit: int | None = None) -> Table:
    """Its logs, a row each."""
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
    return Table(header, rows, texts=2)


def others(job: JobDetails, when: When, limit: int | None = None) -> Table:
    """Who else was there, a row a job and file system."""
    header = ["who else was there", "start", "user", "program", "file system"]
    has_accounts = any("account" in row for row in job.others)
    header += ["account", "nodes", "shared"] if has_accounts else []
    named = users.shown_users((row["uid"], row["username"]) for row in job.others)
    rows = [
        [
            row.get("jobid_shown") or row["jobid"] or row.get("server_job") or "–",
            when(row["start_time"]),
            named[row["uid"], row["username"]] or "–",
            row["exenames"] or "–",
            row["fsname"] or "–",
            *(_account_cells(row) if has_accounts else ()),
            *(_moved(row, name) for name in ("bytes_read", "bytes_written")),
            f"{_seconds_together(row, job):,}",
        ]
        for row in job.others[:limit]
    ]
    header += ["read", "written", "seconds together"]
    return Table(header, rows, texts=6 if has_accounts else 5)


def _account_cells(row: Mapping[str, Any]) -> list[str]:
    numbers = (row["nodes"], row["shared_nodes"])
    return [row["account"] or "–", *("–" if one is None else f"{one:,}" for one in numbers)]


def _moved(row: Mapping[str, Any], name: str) -> str:
    """Bytes by the logs, of a job without logs by job_stats."""
    amount = row[name] if row["logs"] else row.get(f"server_{name}")
    return quantities.quantity(amount, "bytes")


def _seconds_together(row: Mapping[str, Any], job: JobDetails) -> int:
    """How long another job was there while the job ran; what has no end is still there."""
    begin = max(row["start_time"], job.start_time or 0)
    ends = [stamp for stamp in (row["end_time"], job.end_time) if stamp is not None]
    return max(0, min(ends) - begin) if ends else 0
