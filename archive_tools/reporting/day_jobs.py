"""The jobs of a day as its page shows them, from the index."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from archive_tools.core import quantities
from archive_tools.core.day import Day
from archive_tools.core.sums import sql_sum
from archive_tools.jobs import users

MOST_LISTED, MOST_SLOW = 15, 10
"""Jobs that the page lists: those that moved most, and the slowest."""
COMPARABLE = 1000
"""Slow are only jobs that moved at least one so-many-th of what the largest moved."""
MOST_JOBS = 100_000
"""Jobs that are looked at, the largest first."""
_KEY = "headers.jobid, headers.uid, headers.username"


@dataclass(frozen=True)
class DayJob:
    """A job.

    Attributes
    ----------
    jobid, user, program : str
        As they are shown; "" where they are not known.
    key : (jobid, uid, username)
        As the index has them.
    start, end : float or None
        Epoch seconds.
    nprocs, logs : int or None
    read, written : int
    slowest : (str, float) or None
        Of the interfaces that moved most of the bytes: its name and MiB/s, as libdarshan-util
        accumulates them.
    servers : tuple of mapping
        Rows of `job_servers`.
    """

    jobid: str
    user: str
    program: str
    key: tuple[Any, Any, Any]
    start: float | None
    end: float | None
    nprocs: int | None
    logs: int | None
    read: int
    written: int
    slowest: tuple[str, float] | None
    servers: tuple[Mapping[str, Any], ...] = ()

    @property
    def bytes(self) -> int:
        """Both ways."""
        return self.read + self.written

    def facts(self) -> list[str]:
        """What is known of it beside the servers, a short sentence each."""
        said = []
        for row in self.servers:
            name = row["fsname"]
            for share, what in ((row["share_read"], "read"), (row["share_written"], "wrote")):
                if share is not None and share >= 0.5:
                    said.append(f"{100 * share:.0f} % of what all logs {what} on {name} then")
            if (peak := row["fs_oss_cpu_peak"]) is not None and peak >= 90:
                said.append(f"a data server of {name} at {peak:.0f} %")
            if (peak := row["fs_mds_cpu_peak"]) is not None and peak >= 90:
                said.append(f"a metadata server of {name} at {peak:.0f} %")
            if row["other_jobs"]:
                said.append(f"{quantities.counted(row['other_jobs'], 'other job')} on {name}")
            if (missing := row["fs_missing"]) is not None and missing >= 1:
                said.append(f"{missing:.0f} % of {name}'s servers not measured")
        return said


def jobs_of(connection: sqlite3.Connection) -> list[DayJob]:
    """The jobs of an index, those that moved most first."""
    read, written = sql_sum("bytes_read"), sql_sum("bytes_written")
    rows = connection.execute(
        f"""SELECT {_KEY}, GROUP_CONCAT(DISTINCT exename), MIN(start_time), MAX(end_time),
                MAX(nprocs), COUNT(DISTINCT log_id), {read}, {written},
                MIN(NULLIF(posix_agg_perf, 0)), MIN(NULLIF(mpiio_agg_perf, 0)),
                MIN(NULLIF(stdio_agg_perf, 0))
            FROM headers LEFT JOIN summaries USING (log_id)
            GROUP BY 1, 2, 3 ORDER BY COALESCE({read}, 0) + COALESCE({written}, 0) DESC, 1, 2, 3
            LIMIT ?""",
        (MOST_JOBS,),
    ).fetchall()
    named = users.shown_users((row[1], row[2]) for row in rows)
    servers = _servers(connection)
    return [
        DayJob(
            str(row[0] or ""),
            named[row[1], row[2]],
            row[3] or "",
            (row[0], row[1], row[2]),
            start=row[4],
            end=row[5],
            nprocs=row[6],
            logs=row[7],
            read=int(row[8] or 0),
            written=int(row[9] or 0),
            slowest=_slowest(row[10:13]),
            servers=tuple(servers.get((row[0], row[1], row[2]), ())),
        )
        for row in rows
    ]


def largest(jobs: Sequence[DayJob], count: int) -> list[DayJob]:
    """The jobs that moved most, of `jobs_of`."""
    return [job for job in jobs[:count] if job.bytes]


def slowest(jobs: Sequence[DayJob], count: int) -> list[DayJob]:
    """The jobs of the slowest interface, slowest first, among those that moved enough."""
    least = jobs[0].bytes / COMPARABLE if jobs else 0
    rates = [
        (job.slowest[1], place)
        for place, job in enumerate(jobs)
        if job.slowest and job.bytes and job.bytes >= least
    ]
    return [jobs[place] for _, place in sorted(rates)[:count]]


def with_page(jobs: Sequence[DayJob], count: int) -> list[DayJob]:
    """The jobs that have a page of their own: the largest, then the slowest that are not among
    them. One without an id has none.
    """
    found = {job.key: job for job in [*largest(jobs, count), *slowest(jobs, count)]}
    return [job for job in found.values() if job.jobid]


def _slowest(rates: Sequence[float | None]) -> tuple[str, float] | None:
    known = [
        (rate, name)
        for rate, name in zip(rates, ("POSIX", "MPI-IO", "STDIO"), strict=True)
        if rate is not None and rate > 0
    ]
    return (min(known)[1], min(known)[0]) if known else None


def _servers(connection: sqlite3.Connection) -> dict[tuple[Any, Any, Any], list[Mapping[str, Any]]]:
    """Rows of `job_servers` by job; none in indexes of earlier versions."""
    there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'job_servers'").fetchone()
    found: dict[tuple[Any, Any, Any], list[Mapping[str, Any]]] = {}
    if there:
        cursor = connection.execute("SELECT * FROM job_servers ORDER BY fsname")
        names = [column[0] for column in cursor.description]
        for row in cursor:
            one = dict(zip(names, row, strict=True))
            found.setdefault((one["jobid"], one["uid"], one["username"]), []).append(one)
    return found


def bars(jobs: Sequence[DayJob], day: Day) -> list[dict[str, Any]]:
    """Jobs on the day's time axis: names, times, and place in per cent, without a width where a
    time is not known.
    """
    span = day.end - day.start
    found = []
    for job in jobs:
        left = right = 0.0
        if job.start is not None and job.end is not None:
            left = min(max(100 * (job.start - day.start) / span, 0.0), 100.0)
            right = min(max(100 * (job.end - day.start) / span, left), 100.0)
        names = [one for one in (job.jobid, job.user, job.program) if one]
        found.append(
            {"names": names, "times": times(job, day), "left": left, "width": right - left}
        )
    return found


def rows(jobs: Sequence[DayJob], day: Day) -> list[tuple[str, ...]]:
    """Jobs as a table."""
    return [
        (
            job.jobid or quantities.NONE,
            job.user or quantities.NONE,
            job.program or quantities.NONE,
            times(job, day),
            quantities.quantity(job.read, "bytes"),
            quantities.quantity(job.written, "bytes"),
            slowest_text(job),
            "; ".join(job.facts()) or quantities.NONE,
        )
        for job in jobs
    ]


def slowest_text(job: DayJob) -> str:
    """The slowest interface and its rate."""
    if job.slowest is None:
        return quantities.NONE
    name, rate = job.slowest
    return f"{name} {quantities.quantity(rate * 2**20, 'bytes/s')}"


def times(job: DayJob, day: Day) -> str:
    """From when to when by the site's clock; with the date where it is another day's."""
    return " to ".join(
        quantities.NONE if second is None else _clock(second, day)
        for second in (job.start, job.end)
    )


def _clock(second: float, day: Day) -> str:
    try:
        local = dt.datetime.fromtimestamp(int(second), ZoneInfo(day.timezone))
    except (ValueError, OverflowError, OSError):  # times that no calendar has
        return quantities.NONE
    return local.strftime("%H:%M" if local.date() == day.date else "%Y-%m-%d %H:%M")
