"""One job: what it did, its logs, and who else was there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archive_tools.core import quantities
from archive_tools.core.errors import NotFound
from archive_tools.core.sums import sql_sum
from archive_tools.formats.index_file import connected
from archive_tools.jobs.job_tables import (
    KEY,
    JobFilter,
    Row,
    first_table_day,
    read_table,
    running,
    tables_of,
)
from archive_tools.store import layout

OTHERS = (
    *KEY,
    "exenames",
    "logs",
    "nprocs",
    "start_time",
    "end_time",
    "fsname",
    "bytes_read",
    "bytes_written",
)
"""What is read of other jobs: who they were, when, and what they moved."""


@dataclass(frozen=True)
class JobDetails:
    """A job as one day's tables know it.

    Attributes
    ----------
    date : datetime.date
    instance : str
        The Darshan instance.
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
        `OTHERS` of other jobs on the same file systems at that time, most bytes first.
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
    partial_modules: str = ""

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

    Raises
    ------
    NotFound
        No day has it.
    """
    found: list[JobDetails] = []
    looked = 0
    for date, instance, path in reversed(tables_of(root, first_table_day(start, between), stop)):
        if found and (found[-1].date - date).days > 1:
            break
        looked += 1
        rows = read_table(path, JobFilter(job=jobid, between=between).expression()).to_pylist()
        found += [_job(root, date, instance, path, some) for some in _grouped(rows)]
    if not found:
        raise NotFound(
            f"no job {jobid} in {root}",
            expected=f"a job of {quantities.counted(looked, 'day')} with logs" if looked else "",
            hint=(
                "tokio-archive jobs lists them"
                if looked
                else "the archive has no table of jobs of these days; tokio-archive ls lists days"
            ),
        )
    return found


def _grouped(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows of the same job together."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in KEY), []).append(row)
    yield from groups.values()


def _job(root: Path, date: dt.date, instance: str, path: Path, rows: Sequence[Row]) -> JobDetails:
    one = rows[0]
    mine = [row for row in rows if row["fsname"] is not None]
    facts = {name: one[name] for name in (*KEY, "nprocs", "start_time", "end_time")} | {
        "username": one["username"] or "",
        "exenames": one["exenames"] or "",
    }
    return JobDetails(
        date=date,
        instance=instance,
        **facts,
        file_systems=mine,
        logs=_logs(root, date, instance, one),
        others=_others(path, one, mine),
        partial_modules=one.get("partial_modules") or "",
    )


LOGS = f"""
SELECT headers.*, {sql_sum("bytes_read")} AS bytes_read, {sql_sum("bytes_written")} AS bytes_written
FROM headers LEFT JOIN summaries USING (log_id) WHERE jobid IS ? AND uid IS ? AND username IS ?
    GROUP BY log_id ORDER BY start_time, log_id
"""


def _logs(root: Path, date: dt.date, instance: str, one: Row) -> list[Row]:
    path = layout.path(root, layout.INDEX, date, instance)
    return query_rows(path, LOGS, [one[name] for name in KEY]) if path.is_file() else []


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


def _others(path: Path, one: Row, mine: Sequence[Row]) -> list[Row]:
    """Who else was there in the time that is looked at: rows of the day's table."""
    import pyarrow.compute as pc

    used = [row["fsname"] for row in mine]
    if not used or one["start_time"] is None or one["end_time"] is None:
        return []
    starts = [int(row["fs_start"]) for row in mine if row.get("fs_start") is not None]
    ends = [int(row["fs_end"]) for row in mine if row.get("fs_end") is not None]
    then = running(min([one["start_time"], *starts]), max([one["end_time"] + 1, *ends]))
    found = read_table(path, pc.field("fsname").isin(used) & then, OTHERS).to_pylist()
    others = [row for row in found if any(row[name] != one[name] for name in KEY)]
    return sorted(others, key=lambda row: (-row["bytes_moved"], row["jobid"], row["fsname"]))
