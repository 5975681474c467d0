"""One job: what it did, its logs, and who else was there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archive_tools.core import quantities
from archive_tools.core.errors import NotFound
from archive_tools.core.sums import sql_sum
from archive_tools.formats.index_file import connected
from archive_tools.jobs import other_jobs
from archive_tools.jobs.belonging import Belonging
from archive_tools.jobs.job_tables import (
    KEY,
    LOGS,
    JobFilter,
    Patterns,
    Row,
    days_of,
    first_table_day,
    read_day,
    read_table,
)
from archive_tools.jobs.table_files import DayTables
from archive_tools.jobs.union import OF_SCHEDULER
from archive_tools.store import layout

OF_JOB = (*OF_SCHEDULER, "scheduler_jobid")
"""Columns of the scheduler's account of a job."""


@dataclass(frozen=True)
class JobDetails:
    """A job as one day's tables know it.

    Attributes
    ----------
    date : datetime.date
    instance : str
        The Darshan instance; "" where there are no logs.
    jobid, username : str
    uid : int
    nprocs : int or None
    exenames : str
        Comma-separated.
    start_time, end_time : int or None
        Epoch seconds, of the first log and of the last; None where no log has a possible one.
    partial_modules : str
        Comma-separated: those of which a log has not all, for Darshan ran out of memory.
    file_systems : list of dict
        A row of the table for each file system that it used.
    logs : list of dict
        A header of the index for each log, with its bytes.
    others : list of dict
        Other jobs at that time, most bytes first: on the same file systems by logs or job_stats,
        and those that only the scheduler knows; see `other_jobs.OTHERS`.
    others_count : int
        How many they are, listed or not.
    known_by : str
        Comma-separated: ``logs``, ``servers`` (job_stats), ``scheduler``.
    account : dict
        `OF_JOB` by the scheduler; empty where none knows the job.
    """

    date: dt.date
    instance: str
    jobid: str
    uid: int
    username: str
    exenames: str
    nprocs: int | None
    start_time: int | None
    end_time: int | None
    file_systems: list[Row] = field(default_factory=list)
    logs: list[Row] = field(default_factory=list)
    others: list[Row] = field(default_factory=list)
    others_count: int = 0
    partial_modules: str = ""
    known_by: str = "logs"
    account: Row = field(default_factory=dict)

    def on_file_system(self, fsname: str = "") -> Row:
        """The row of one file system; that on which it moved most, unless one is named.

        Raises
        ------
        NotFound
            It moved nothing there.
        """
        names = [row["fsname"] for row in self.file_systems]
        if not names or (fsname and fsname not in names):
            raise NotFound(
                f"job {self.jobid} moved nothing on {fsname or 'any file system'}",
                expected=", ".join(names) or "a job with I/O",
            )
        rows = (row for row in self.file_systems if fsname in ("", row["fsname"]))
        return max(rows, key=lambda row: int(row["bytes_moved"]))


def find_job(
    root: Path,
    jobid: str,
    start: dt.date = dt.date.min,
    stop: dt.date = dt.date.max,
    *,
    between: tuple[int, int] | None = None,
    account: Patterns = "",
    partition: Patterns = "",
) -> list[JobDetails]:
    """The jobs of an id, newest first: those of the newest day that has it, and of the days right
    before that have it too.

    Parameters
    ----------
    root : pathlib.Path
        The archive.
    jobid : str
    start, stop : datetime.date
        Days that are looked at, the last included.
    between : tuple of int, optional
        Only those that ran at some second of ``[start, end)``, epoch seconds; the day before
        `start` is then looked at, too.
    account, partition : str or sequence of str
        Only those of these, by the scheduler.

    Raises
    ------
    NotFound
        No day has it.
    """
    found: list[JobDetails] = []
    looked, belonging = 0, Belonging.of(root)
    wanted = JobFilter(job=jobid, between=between, account=account, partition=partition)
    for day in reversed(days_of(root, first_table_day(start, between), stop)):
        if found and (found[-1].date - day.date).days > 1:
            break
        looked += 1
        found += _details(root, day, belonging, wanted)
    if not found:
        raise NotFound(
            f"no job {jobid} in {root}",
            expected=f"a job of {quantities.counted(looked, 'day')}" if looked else "",
            hint=(
                "tokio-archive jobs lists them"
                if looked
                else "the archive has no table of jobs of these days; tokio-archive ls lists days"
            ),
        )
    return found


def jobs_of_day(
    root: Path, date: dt.date, jobids: Collection[str], most_others: int | None = None
) -> list[JobDetails]:
    """As `find_job`, the jobs of some ids on one day, whose tables are read once for all.

    Parameters
    ----------
    root : pathlib.Path
        The archive.
    date : datetime.date
    jobids : collection of str
    most_others : int, optional
        How many other jobs are listed for each; default all.
    """
    belonging, wanted = Belonging.of(root), JobFilter(jobs=jobids)
    return [
        one
        for day in days_of(root, date, date)
        for one in _details(root, day, belonging, wanted, most_others)
    ]


def _details(
    root: Path,
    day: DayTables,
    belonging: Belonging,
    wanted: JobFilter,
    most_others: int | None = None,
) -> list[JobDetails]:
    beside = other_jobs.OtherJobs(day, belonging, most_others)
    return [
        _job(root, day, instance, beside, rows)
        for instance, rows in _jobs_of(day, belonging, wanted)
    ]


def _jobs_of(
    day: DayTables, belonging: Belonging, wanted: JobFilter
) -> Iterator[tuple[str, list[Row]]]:
    """Rows of the same job together, with the instance of its logs, "" for none."""
    if day.has_records:
        rows = read_day(day, belonging, wanted).to_pylist()
        for some in _grouped(rows):
            yield next((row["logs_instance"] for row in some if row["logs_instance"]), ""), some
        return
    if wanted.needs_scheduler:
        return
    for instance, path in reversed(day.of(LOGS).items()):
        for some in _grouped(read_table(path, wanted.expression()).to_pylist()):
            yield instance, some


def _grouped(rows: Iterable[Row]) -> Iterator[list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(other_jobs.identity(row), []).append(row)
    yield from groups.values()


def _job(
    root: Path,
    day: DayTables,
    instance: str,
    beside: other_jobs.OtherJobs,
    rows: Sequence[Row],
) -> JobDetails:
    one = next((row for row in rows if row["logs"]), rows[0])
    mine = [row for row in rows if row["fsname"] is not None]
    facts = {name: one[name] for name in (*KEY, "nprocs", "start_time", "end_time")} | {
        "username": one["username"] or "",
        "exenames": one["exenames"] or "",
    }
    known = {word for row in rows for word in (row.get("known_by") or "logs").split(",")}
    is_scheduled = one.get("scheduler_jobid") is not None
    others, count = beside.beside(instance, one, mine)
    return JobDetails(
        date=day.date,
        instance=instance,
        **facts,
        file_systems=mine,
        logs=_logs(root, day.date, instance, one) if instance else [],
        others=others,
        others_count=count,
        partial_modules=one.get("partial_modules") or "",
        known_by=",".join(sorted(known)),
        account={name: one[name] for name in OF_JOB} if is_scheduled else {},
    )


LOGS_OF_JOB = f"""
SELECT headers.*, {sql_sum("bytes_read")} AS bytes_read, {sql_sum("bytes_written")} AS bytes_written
FROM headers LEFT JOIN summaries USING (log_id) WHERE jobid IS ? AND uid IS ? AND username IS ?
    GROUP BY log_id ORDER BY start_time, log_id
"""


def _logs(root: Path, date: dt.date, instance: str, one: Row) -> list[Row]:
    path = layout.path(root, layout.INDEX, date, instance)
    return query_rows(path, LOGS_OF_JOB, [one[name] for name in KEY]) if path.is_file() else []


def query_rows(path: Path, query: str, values: Sequence[Any]) -> list[Row]:
    """What an index answers, a row a dict.

    Raises
    ------
    FormatError
        It is not a Darshan index, or is damaged.
    """
    with connected(path) as connection:
        cursor = connection.execute(query, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]
