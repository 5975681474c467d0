"""Jobs over days: of one that ran on several days of a range, the rows of these put together, one
for each file system.

A job is known again on another day by the scheduler's identity, with the submit time of its last
start; without one, by its entry of job_stats, which was there at midnight. What only logs know is
of the day of its folder. Amounts are sums: no byte is in two rows, and none is lost. Only jobs that
go on at midnight are held from one day to the next.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archive_tools.core.day import Day
from archive_tools.jobs import job_tables, scheduler_jobs
from archive_tools.jobs.belonging import Belonging
from archive_tools.jobs.job_order import ordered, ordered_pieces
from archive_tools.jobs.job_tables import JobFilter
from archive_tools.jobs.table_files import (
    DERIVED,
    KEY,
    NEEDED,
    DayTables,
    Row,
    together,
    with_derived,
)
from archive_tools.jobs.union import DIFFERENCES

if TYPE_CHECKING:
    import pyarrow as pa

IDENTITY = ("scheduler", "cluster", "scheduler_jobid", "submit")
ENTRY = ("scheduler", "server_job", "fsname")
LAST_SUBMIT = "last_submit"
LOOKED_AT = (
    *(*IDENTITY, LAST_SUBMIT, *ENTRY[1:]),
    *("job_end", "state", "server_first_seen", "server_last_seen"),
)
"""Columns that say whether rows of two days are of one job."""
NEEDED_TOO = (
    *("date", "logs", "known_by", "node_seconds", "job_start", "exenames", "fs_start", "fs_end"),
    *("coverage_read", "coverage_written", "fs_bytes_read", "fs_bytes_written"),
    *("account", "partition", "jobid_shown"),
)
"""Columns that rows are put together, and chosen, by."""
WEIGHTS = {
    "coverage_read": "fs_bytes_read",
    "coverage_written": "fs_bytes_written",
    "share_read": "fs_bytes_read",
    "share_written": "fs_bytes_written",
}
"""What a share is a share of: of several, the mean is weighted by it."""
MEANS = ("fs_oss_cpu_mean", "fs_mds_cpu_mean", "fs_bytes_full", "fs_inodes_full", "fs_missing")
"""Means over the time from `fs_start` to `fs_end`."""
LEAST = ("start_time", "job_start", "server_first_seen", "first_read", "first_write", "fs_start")
MOST = (
    *("end_time", "server_last_seen", "last_read", "last_write", "fs_end", "nprocs", "starts"),
    *("fs_peak_read_rate", "fs_peak_write_rate", "fs_oss_cpu_peak", "fs_mds_cpu_peak"),
    *("fs_bytes_fullest", "fs_inodes_fullest", "other_logs", "other_jobs"),
)
NAMES = ("exenames", "partial_modules", "known_by", "logs_instance")
"""Lists of names with commas."""
USER = ("uid", "username")
"""Both are of one row."""
NEWEST = (LAST_SUBMIT, "nodes", "job_end")
"""Whole numbers that are not amounts."""
FIRST = ("date", "submit")
Key = tuple[Any, ...]
MOST_AMOUNT = 2**63 - 1


def find_and_count(
    root: Path, start: dt.date, stop: dt.date, wanted: JobFilter, *, order: str, limit: int
) -> tuple[pa.Table, int]:
    """As `job_tables.find_and_count`, a row a job and file system over all its days."""
    kept: list[pa.Table] = []
    count = 0
    days = job_tables.wanted_days(root, start, stop, wanted, order)
    for table in _tables(days, Belonging.of(root), start, wanted):
        kept.append(table)
        count += table.num_rows
        if limit and sum(one.num_rows for one in kept) > 2 * limit + job_tables.MANY:
            kept = [ordered(together(kept), order, limit)]
    return ordered(together(kept), order, limit or None), count


def all_jobs(
    root: Path,
    start: dt.date,
    stop: dt.date,
    wanted: JobFilter,
    *,
    order: str,
    columns: Sequence[str] | None = None,
) -> Iterator[pa.Table]:
    """As `job_tables.all_jobs`, a row a job and file system over all its days."""
    few = columns and sorted({*columns, *NEEDED, *KEY, *LOOKED_AT, *NEEDED_TOO})
    days = job_tables.wanted_days(root, start, stop, wanted, order)
    tables = _tables(days, Belonging.of(root), start, wanted, few)
    return ordered_pieces(tables, order, job_tables.schema_of(days, few))


def _tables(
    days: Iterable[DayTables],
    belonging: Belonging,
    start: dt.date,
    wanted: JobFilter,
    columns: Sequence[str] | None = None,
) -> Iterator[pa.Table]:
    """The rows that are wanted, as soon as no later day can add to them. Of a job all rows are put
    together before they are looked at, but of the day before the range those that are wanted.
    """
    joined, expression = _Joined(), wanted.expression(is_union=True)
    for day in days:
        is_before = day.date < start
        if not day.has_records:
            yield job_tables.read_day(day, belonging, wanted, columns)
            continue
        own = JobFilter(job=wanted.job, between=wanted.between if is_before else None)
        rows = job_tables.read_day(day, belonging, own, columns, logs_alone=is_before)
        for table in joined.day(rows, Day(day.date, belonging.timezone).end):
            yield table if expression is None else table.filter(expression)
    for table in joined.rest():
        yield table if expression is None else table.filter(expression)


class _Joined:
    """Puts rows of days together; days come in their order."""

    def __init__(self) -> None:
        self._held: dict[Key, list[Row]] = {}
        self._schema: pa.Schema | None = None

    def day(self, rows: pa.Table, end: int) -> Iterator[pa.Table]:
        """The rows that are over, of earlier days and of one that ends at `end`, epoch seconds."""
        import pyarrow as pa

        schemas = [rows.schema] if self._schema is None else [self._schema, rows.schema]
        self._schema = pa.unify_schemas(schemas, promote_options="default")
        today = _places(rows.select(list(LOOKED_AT)).to_pylist())
        going_on = {key for key, its in today.items() if any(_is_at(row, end) for _, row in its)}
        earlier = {key for key, its in today.items() if self._continues(key, its[0][1])}
        over = [
            key for key in self._held if not (key in earlier or _is_later(self._held[key], end))
        ]
        yield from self._released(over)
        taken = [(place, key) for key in going_on | earlier for place, _ in today[key]]
        taken.sort()
        places = pa.array([place for place, _ in taken], pa.int64())
        keys = dict.fromkeys(key for _, key in taken)
        jobs: dict[Key, list[Row]] = {key: self._held.pop(key, []) for key in keys}
        for (_, key), row in zip(taken, rows.take(places).to_pylist(), strict=True):
            jobs[key].append(row)
        self._held |= {_at_midnight(key, its): its for key, its in jobs.items()}
        ended = [key for key in jobs if key not in going_on]
        yield from self._released([_at_midnight(key, jobs[key]) for key in ended])
        is_taken = np.zeros(rows.num_rows, np.bool_)
        is_taken[places.to_numpy()] = True
        yield rows.filter(pa.array(~is_taken))

    def _continues(self, key: Key, row: Row) -> bool:
        """Whether what is held under a key is of the same job: an entry was there at midnight."""
        held = self._held.get(key)
        if held is None or len(key) > len(ENTRY):
            return held is not None
        return bool(row["server_first_seen"] <= held[-1]["server_last_seen"])

    def rest(self) -> Iterator[pa.Table]:
        """What is still held."""
        yield from self._released(list(self._held))

    def _released(self, keys: Iterable[Key]) -> Iterator[pa.Table]:
        import pyarrow as pa

        found = [row for key in keys for row in _whole(self._held.pop(key))]
        if found and self._schema is not None:
            table = pa.Table.from_pylist(found, schema=self._schema)
            yield with_derived(table.drop_columns([n for n in DERIVED if n in table.column_names]))


def _places(rows: Sequence[Row]) -> dict[Key, list[tuple[int, Row]]]:
    """Rows, and their places, by what tells jobs apart; without those that cannot be told apart."""
    found = defaultdict[Key, list[tuple[int, Row]]](list)
    for place, row in enumerate(rows):
        if row["scheduler_jobid"] is not None:
            found[tuple(row[name] for name in IDENTITY)].append((place, row))
        elif row["server_job"] is not None:
            found[tuple(row[name] for name in ENTRY)].append((place, row))
    return {key: its for key, its in found.items() if len(key) > len(ENTRY) or len(its) == 1}


def _at_midnight(key: Key, rows: Sequence[Row]) -> Key:
    """What tells a job apart on the next day, which may not have its earlier starts any more."""
    return key if len(key) <= len(ENTRY) else (*key[:-1], rows[-1][LAST_SUBMIT])


def _is_at(row: Row, end: int) -> bool:
    """Whether a job may go on at the end of a day."""
    if row["scheduler_jobid"] is None:
        return bool(row["server_last_seen"] >= end)
    return scheduler_jobs.goes_on(row["job_end"], row["state"], end)


def _is_later(held: Sequence[Row], end: int) -> bool:
    """Whether a job goes on after a day on which nobody knew it."""
    last = held[-1]
    return last["scheduler_jobid"] is not None and (last["job_end"] or 0) >= end


def _whole(rows: Sequence[Row]) -> list[Row]:
    """The rows of one job as one for each file system. The scheduler's row of a day on which nobody
    knew of I/O is in the others.
    """
    by_day = defaultdict[str, list[int]](list)
    for row in rows:
        if row["node_seconds"] is not None:
            by_day[row["date"]].append(row["node_seconds"])
    seconds = sum(map(max, by_day.values())) if by_day else None
    by_fs = defaultdict[Key | None, list[Row]](list)
    for row in rows:
        by_fs[None if row["known_by"] == "scheduler" else (row["fsname"],)].append(row)
    accounts = by_fs.pop(None, [])
    groups = [sorted([*its, *accounts], key=lambda row: row["date"]) for its in by_fs.values()]
    return [_one(its) | {"node_seconds": seconds} for its in groups or [accounts]]


def _one(rows: Sequence[Row]) -> Row:
    """Rows of one job and file system as one, oldest first."""
    if len(rows) == 1:
        return dict(rows[0])
    found = {name: _value(name, rows) for name in dict.fromkeys(itertools.chain(*rows))}
    logged = [row for row in rows if row["logs"]]
    of_time = logged or [row for row in rows if row["known_by"] != "scheduler"] or rows
    found |= {name: _value(name, of_time) for name in ("start_time", "end_time")}
    if rows[-1]["end_time"] is None and not logged:
        found["end_time"] = None
    user = max(rows, key=lambda row: (row["username"] is not None) + (row["uid"] is not None))
    return found | dict.fromkeys(DIFFERENCES) | {name: user[name] for name in USER}


def _value(name: str, rows: Sequence[Row]) -> Any:
    if name in WEIGHTS:
        return _mean((row.get(name), row.get(WEIGHTS[name])) for row in rows)
    if name in MEANS:
        return _mean((row.get(name), _seconds(row)) for row in rows)
    known = [row[name] for row in rows if row.get(name) is not None]
    if not known:
        return None
    if name in NAMES:
        return ",".join(dict.fromkeys(one for names in known for one in names.split(",")))
    if name in LEAST:
        return min(known)
    if name in MOST:
        return max(known)
    if name in FIRST:
        return known[0]
    if name in NEWEST or not all(isinstance(one, int) for one in known):
        return known[-1]
    return min(sum(known), MOST_AMOUNT)


def _seconds(row: Row) -> int | None:
    first, last = row.get("fs_start"), row.get("fs_end")
    return None if first is None or last is None else last - first


def _mean(pairs: Iterable[tuple[float | None, float | None]]) -> float | None:
    """The mean of what is known, weighted; of one alone itself."""
    known = [(one, weight) for one, weight in pairs if one is not None]
    whole = sum(weight or 0 for _, weight in known)
    if len(known) == 1 or not whole:
        return known[-1][0] if known else None
    return sum(one * (weight or 0) for one, weight in known) / whole
