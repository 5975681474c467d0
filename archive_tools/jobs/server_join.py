"""What servers did while logs and jobs ran, as rows of the index's tables of servers."""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.day import Day
from archive_tools.core.findings import Findings
from archive_tools.core.sums import sql_sum
from archive_tools.formats.index_file import insert_rows
from archive_tools.formats.jobs_file import JOB_KEYS, LOG_KEYS
from archive_tools.jobs import intervals, server_series, servers
from archive_tools.reading.archive import Archive


class ServersBehind(Protocol):
    """The servers behind a file system: an instance that watches them, and which of its components
    count.
    """

    @property
    def instance(self) -> str:
        """Name of the instance in the archive."""

    def components(self, group: str) -> re.Pattern[str]:
        """The regular expression of the whole names of a group's components."""


@dataclass(frozen=True)
class Around:
    """Where the logs of a day are looked up in the rest of the archive.

    Attributes
    ----------
    archive : Archive
    day : Day
    instance : str
        The Darshan instance that the logs are of.
    servers : mapping of str to ServersBehind
        File system name to the servers behind it.
    findings : Findings
        Receives what could not be read.
    """

    archive: Archive
    day: Day
    instance: str
    servers: Mapping[str, ServersBehind]
    findings: Findings


USED = """
WITH timed AS (
    SELECT log_id, jobid, uid, username, start_time AS first_second,
        MAX(end_time, CAST(start_time + COALESCE(walltime, 0) AS INTEGER)) AS last_second,
        DENSE_RANK() OVER (ORDER BY jobid, uid, username) - 1 AS job
    FROM headers
), whole AS (
    SELECT job, MIN(first_second) AS job_first, MAX(last_second) AS job_last FROM timed GROUP BY job
)
SELECT fsname, log_id, job, COALESCE(first_second, -1), COALESCE(last_second, -1),
    COALESCE(job_first, -1), COALESCE(job_last, -1), {read}, {written}, jobid, uid, username
FROM summaries JOIN timed USING (log_id) JOIN whole USING (job) JOIN mounts USING (fs_id)
GROUP BY fsname, log_id ORDER BY fsname, log_id
""".format(read=sql_sum("bytes_read"), written=sql_sum("bytes_written"))
"""A row a file system and log that has files there; -1 for times that are not known, which no
figure is looked up for.
"""


def join_servers(connection: sqlite3.Connection, around: Around) -> dict[str, int]:
    """Fill the tables of servers; returns the number of rows of each."""
    counts = {"servers": 0, "job_servers": 0}
    for fsname, found in itertools.groupby(connection.execute(USED), key=lambda row: row[0]):
        rows = list(found)
        used = Used.of(rows)
        joined = _figures(around, fsname, used)
        instance = around.servers[fsname].instance if fsname in around.servers else None
        logs = [(row[1], fsname, instance) for row in rows]
        jobs = [(*rows[at][9:], fsname, instance) for at in used.of_job.tolist()]
        insert_rows(
            connection,
            "servers",
            LOG_KEYS,
            logs,
            {name: values[: len(logs)] for name, values in joined.items()},
        )
        insert_rows(
            connection,
            "job_servers",
            JOB_KEYS,
            jobs,
            {name: values[len(logs) :] for name, values in joined.items()},
        )
        counts["servers"] += len(logs)
        counts["job_servers"] += len(jobs)
    return counts


@dataclass(frozen=True)
class Used:
    """The logs that have files on one file system, and below them their jobs.

    Attributes
    ----------
    logs : int
        How many of the entries are logs.
    of_job : int64 (jobs,)
        For each job one of its logs.
    job, first, last : int64 (logs + jobs,)
        Number of the job; first and last second.
    read, written : float64 (logs + jobs,)
        Own bytes; NaN is not known.
    """

    logs: int
    of_job: npt.NDArray[np.intp]
    job: Int64
    first: Int64
    last: Int64
    read: Float64
    written: Float64

    @classmethod
    def of(cls, rows: list[tuple[Any, ...]]) -> Used:
        """From rows of `USED`."""
        job, first, last, job_first, job_last = (
            np.array([row[n] for row in rows], dtype=np.int64) for n in range(2, 7)
        )
        read, written = (np.array([row[n] for row in rows], dtype=np.float64) for n in (7, 8))
        jobs, of_job, place = np.unique(job, return_index=True, return_inverse=True)
        return cls(
            len(rows),
            of_job,
            np.append(job, jobs),
            np.append(first, job_first[of_job]),
            np.append(last, job_last[of_job]),
            np.append(read, _sums(read, place, len(jobs))),
            np.append(written, _sums(written, place, len(jobs))),
        )

    def take(self, which: npt.NDArray[np.bool_]) -> Used:
        """Some of the entries."""
        logs = int(which[: self.logs].sum())
        return Used(
            logs,
            self.of_job,
            self.job[which],
            self.first[which],
            self.last[which],
            self.read[which],
            self.written[which],
        )


def _sums(values: Float64, place: npt.NDArray[np.intp], size: int) -> Float64:
    """Sums by place; NaN where nothing is known."""
    known = ~np.isnan(values)
    total = np.bincount(place[known], weights=values[known], minlength=size)
    return np.where(np.bincount(place[known], minlength=size) > 0, total, np.nan)


def _figures(around: Around, fsname: str, used: Used) -> servers.Figures:
    """The figures of every entry; NaN throughout where its times are garbage."""
    good = servers.within_reach(around.day, used.first, used.last)
    found = _good_figures(around, fsname, used.take(good))
    return {name: _spread(values, good) for name, values in found.items()}


def _spread(values: Float64, good: npt.NDArray[np.bool_]) -> Float64:
    out = np.full(len(good), np.nan)
    out[good] = values
    return out


def _good_figures(around: Around, fsname: str, used: Used) -> servers.Figures:
    dates = list(servers.dates_touched(around.day, used.first, used.last))
    series = server_series.ServerSeries(
        around.archive,
        around.instance,
        lambda _: re.compile(re.escape(fsname)),
        dates,
        around.findings,
        idle=True,
    )
    found = servers.shares(
        series, {"read": used.read, "written": used.written}, used.first, used.last
    )
    start, end = used.first, used.last + 1
    if behind := around.servers.get(fsname):
        source = server_series.ServerSeries(
            around.archive, behind.instance, behind.components, dates, around.findings
        )
        done, start, end = servers.figures(source, used.first, used.last)
        found |= done
        for what in servers.MOVED:
            moved = done.get(f"fs_bytes_{what}", np.full(len(start), np.nan))
            found[f"coverage_{what}"] = servers.coverage(getattr(used, what), moved)
    return found | _others(used, start, end)


def _others(used: Used, start: Int64, end: Int64) -> servers.Figures:
    """How many other logs, and logs of how many other jobs, ran in the time of the rows."""
    job, first, last = used.job[: used.logs], used.first[: used.logs], used.last[: used.logs]
    own = np.concatenate(
        [
            np.ones(used.logs, np.int64),
            np.bincount(job, minlength=int(used.job.max(initial=0)) + 1)[used.job[used.logs :]],
        ]
    )
    logs = intervals.overlapping(first, last, start, end) - own
    jobs = intervals.owners_overlapping(job, first, last, start, end) - 1
    return {"other_logs": logs.astype(np.float64), "other_jobs": jobs.astype(np.float64)}
