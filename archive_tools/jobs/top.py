"""Who did most: users, accounts, partitions, programs and file systems, by the tables of jobs of
any number of days.

Jobs are those of `union`: with logs or without. Bytes, operations and files are what Darshan's logs
report; accounts, partitions and node-hours are Slurm's, where the archive has its records; the
servers' bytes are those of job_stats. Days are read one after the other; what is held grows with
the number of users, accounts or programs and of the jobs of one day, not with that of days.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive_tools.core.choices import TOP_ORDERS
from archive_tools.core.day import Day
from archive_tools.core.errors import BadArgument, FormatError, NotFound
from archive_tools.jobs.belonging import Belonging
from archive_tools.jobs.job_tables import JobFilter, days_of, first_table_day, read_day
from archive_tools.jobs.scheduler_jobs import goes_on
from archive_tools.jobs.table_files import KEY, LOGS, NEEDED, SERVED, SLURM
from archive_tools.jobs.users import shown_users

if TYPE_CHECKING:
    import pyarrow as pa

BY = {
    "user": ("uid", "username"),
    "account": ("account",),
    "partition": ("partition",),
    "program": ("exenames",),
    "fs": ("fsname",),
}
"""Of what, and the columns that tell one from another."""
SUMS: Mapping[str, Sequence[str]] = {
    "read": ("bytes_read",),
    "written": ("bytes_written",),
    "operations": (
        *("reads", "writes", "opens", "seeks", "stats"),
        *("mmaps", "fsyncs", "fdsyncs", "flushes"),
    ),
    "files": ("posix_files", "stdio_files"),
}
"""What is summed, and the columns that it is the sum of, as far as a table has them."""
PARTS = {column: name for name, columns in SUMS.items() for column in columns} | {
    name: name for name in SERVED
}
"""What each column is a part of."""
OF_SCHEDULER = ("cluster", "scheduler_jobid", "submit")
"""Columns that tell one job of a scheduler from another."""
OF_JOB = (
    *(*OF_SCHEDULER, "scheduler", *KEY, "server_job", "logs", "node_seconds", "job_end"),
    *("last_submit", "state"),
)
"""Columns of a job that are looked at."""


@dataclass
class Total:
    """What one user, account, program or file system did.

    Attributes
    ----------
    name : str
        "" is what is not known: a program without a name, a job without an account, jobs without a
        file system.
    uid : int or None
        Of a user, where it is known.
    read, written, operations, files : int or None
        Of its logs; None where no log says.
    jobs : int
        With logs or without. One that Slurm knows counts once, another once for each day on which
        it has logs or the servers saw it.
    node_seconds : int or None
        On the days of the range; None where Slurm says nothing.
    server_bytes_read, server_bytes_written : int or None
        By Lustre's job_stats; None where they say nothing.
    """

    name: str = ""
    uid: int | None = None
    read: int | None = None
    written: int | None = None
    operations: int | None = None
    files: int | None = None
    jobs: int = 0
    node_seconds: int | None = None
    server_bytes_read: int | None = None
    server_bytes_written: int | None = None

    @property
    def moved(self) -> int | None:
        """Bytes read and written."""
        return plus(self.read, self.written)

    @property
    def node_hours(self) -> float | None:
        """Node-hours; None where Slurm says nothing."""
        return None if self.node_seconds is None else self.node_seconds / 3600

    def by(self, order: str) -> float:
        """What it is ordered by; what is not known is below all."""
        named = {"bytes": self.moved, "node-hours": self.node_hours}
        found = named[order] if order in named else getattr(self, order)
        return -1 if found is None else found


@dataclass
class Top:
    """Totals, and what they are made of.

    Attributes
    ----------
    totals : list of Total
        Most first.
    days : list of datetime.date
        With tables of jobs.
    days_of_records : list of datetime.date
        With Slurm's records.
    damaged : list of FormatError
        Tables that cannot be read; their days do not count.
    """

    totals: list[Total] = field(default_factory=list)
    days: list[dt.date] = field(default_factory=list)
    days_of_records: list[dt.date] = field(default_factory=list)
    damaged: list[FormatError] = field(default_factory=list)


def plus(one: int | None, other: int | None) -> int | None:
    """A sum of what is known."""
    return other if one is None else one if other is None else one + other


def top(
    root: Path,
    start: dt.date,
    stop: dt.date,
    by: str,
    *,
    order: str = "bytes",
    wanted: JobFilter | None = None,
) -> Top:
    """Who did most on the days from `start` to `stop`, the last included.

    Parameters
    ----------
    root : pathlib.Path
        The archive.
    by : {'user', 'account', 'partition', 'program', 'fs'}
    order : str
        One of `TOP_ORDERS`: most first.
    wanted : JobFilter, optional
        Default: all jobs count.

    Raises
    ------
    NotFound
        The archive has no table of jobs of these days.
    BadArgument
        `by` or `order` is none.
    """
    if by not in BY:
        raise BadArgument(f"totals by {by!r} are not known", expected=", ".join(BY))
    if order not in TOP_ORDERS:
        raise BadArgument(f"totals are not ordered by {order!r}", expected=", ".join(TOP_ORDERS))
    wanted = wanted or JobFilter()
    belonging, found, adding = Belonging.of(root), Top(), _Adding(by)
    days = days_of(root, first_table_day(start, wanted.between), stop)
    if not days:
        raise NotFound(
            f"no table of jobs of these days is in {root}",
            hint="tokio-archive ls says which days there are",
        )
    columns = [*OF_JOB, *BY[by], *PARTS, *NEEDED]
    for day in days:
        try:
            rows = read_day(day, belonging, wanted, columns, logs_alone=day.date < start)
        except FormatError as error:
            found.damaged.append(error)
            continue
        adding.day(rows, Day(day.date, belonging.timezone).end)
        if day.date < start:
            continue
        if day.of(LOGS):
            found.days.append(day.date)
        if day.of(SLURM):
            found.days_of_records.append(day.date)
    adding.name_all()
    found.totals = sorted(
        adding.totals.values(),
        key=lambda one: (-one.by(order), -one.by("bytes"), one.name, one.uid or 0),
    )
    return found


Name = tuple[Any, ...]
"""Of what a row is: values of the columns of `BY`."""
JobKey = tuple[Any, ...]
"""What tells a job from others; three values are a scheduler's."""
Cells = Mapping[str, Sequence[Any]]
"""By column: its values, a row each."""


def _whole(rows: pa.Table, by: str) -> pa.Table:
    """Rows with all columns that are looked at."""
    import pyarrow as pa

    for name in {*OF_JOB, *BY[by], *PARTS}.difference(rows.column_names):
        rows = rows.append_column(name, pa.nulls(rows.num_rows, pa.int64()))
    return rows


def _sums(rows: pa.Table, whose: Sequence[int]) -> Iterator[tuple[int, str, int | None]]:
    """Sums of the parts of rows, by whose each is: whose, column, sum. They are made of decimals,
    which do not run over.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    known = pc.ScalarAggregateOptions(min_count=1)
    wide = {name: rows[name].cast(pa.decimal128(38, 0)) for name in PARTS}
    table = pa.table({"whose": pa.array(whose, pa.int64())} | wide)
    found = table.group_by("whose").aggregate([(name, "sum", known) for name in PARTS])
    for row in found.to_pylist():
        for name in PARTS:
            amount = row[f"{name}_sum"]
            yield row["whose"], name, None if amount is None else int(amount)


def _by_job(cells: Cells) -> Mapping[JobKey, list[int]]:
    """Rows of each job. What the servers have of an id that no scheduler knows is of the job that
    has logs under it, if there is one alone.
    """
    names = ("scheduler", "jobid", "uid", "username", "scheduler_jobid", "logs", "server_job")
    rows = list(zip(*(cells[name] for name in names), strict=True))
    logged = defaultdict[JobKey, set[JobKey]](set)
    for scheduler, jobid, uid, username, known, logs, _ in rows:
        if known is None and logs:
            logged[scheduler, jobid].add((jobid, _user(uid, username), scheduler, "logs"))
    found = defaultdict[JobKey, list[int]](list)
    of_schedulers = zip(*(cells[name] for name in OF_SCHEDULER), strict=True)
    for number, (row, known_as) in enumerate(zip(rows, of_schedulers, strict=True)):
        scheduler, jobid, uid, username, known, logs, server_job = row
        if known is not None:
            key: JobKey = known_as
        else:
            key = (jobid, _user(uid, username), scheduler, "logs")
            if not logs:
                users = logged.get((scheduler, jobid), set())
                key = next(iter(users)) if len(users) == 1 else (*key, server_job, "servers")
        found[key].append(number)
    return found


def _user(uid: int | None, name: str | None) -> int | str:
    """What tells a user from others."""
    return uid if uid is not None and uid >= 0 else name or ""


class _Adding:
    """Totals that grow, day by day."""

    def __init__(self, by: str) -> None:
        self.by = by
        self.totals: dict[int | str, Total] = {}
        self._going_on: set[tuple[int | str, JobKey]] = set()
        self._named: dict[int | str, Name] = {}

    def day(self, rows: pa.Table, end: int) -> None:
        """Add the jobs of a day that ends at `end`, epoch seconds."""
        rows = _whole(rows, self.by)
        cells = {name: rows[name].to_pylist() for name in {*OF_JOB, *BY[self.by]}}
        names: list[Name] = list(zip(*(cells[name] for name in BY[self.by]), strict=True))
        keys = [self._key(name) for name in names]
        whose, places = [0] * len(keys), dict[int | str, int]()
        for job, parts in _by_job(cells).items():
            for key, its in self._by_name(parts, names, keys).items():
                self._count(key, job, its, cells, end)
                place = places.setdefault(key, len(places))
                for row in its:
                    whose[row] = place
        of_places = list(places)
        for place, column, amount in _sums(rows, whose):
            total, name = self.totals[of_places[place]], PARTS[column]
            setattr(total, name, plus(getattr(total, name), amount))

    def _count(
        self, key: int | str, job: JobKey, rows: Sequence[int], cells: Cells, end: int
    ) -> None:
        """Add a job of a user, account, ... to its total, and its node-seconds."""
        total, first = self.totals[key], rows[0]
        if (key, job) in self._going_on:
            self._going_on.discard((key, job))
        else:
            total.jobs += 1
        node_seconds = cells["node_seconds"]
        seconds = [node_seconds[row] for row in rows if node_seconds[row] is not None]
        if seconds:
            total.node_seconds = plus(total.node_seconds, max(seconds))
        is_scheduled = len(job) == len(OF_SCHEDULER)
        if is_scheduled and goes_on(cells["job_end"][first], cells["state"][first], end):
            self._going_on.add((key, (*job[:-1], cells["last_submit"][first])))

    def _by_name(
        self, parts: Sequence[int], names: Sequence[Name], keys: Sequence[int | str]
    ) -> Mapping[int | str, Sequence[int]]:
        """Rows of one job by what they are of; but for file systems, those of which it is not
        known are of what the others are of.
        """
        if len(parts) == 1:
            self._keep(keys[parts[0]], names[parts[0]])
            return {keys[parts[0]]: parts}
        known = [row for row in parts if keys[row] != ""] if self.by != "fs" else []
        found = defaultdict[int | str, list[int]](list)
        for row in parts:
            like = known[0] if known and keys[row] == "" else row
            self._keep(keys[like], names[like])
            found[keys[like]].append(row)
        return found

    def _key(self, name: Name) -> int | str:
        return _user(*name) if self.by == "user" else name[0] or ""

    def _keep(self, key: int | str, name: Name) -> None:
        """A total for a key, under its newest name, of a uid that had several."""
        if self._named.get(key) == name:
            return
        self._named[key] = name
        total = self.totals.setdefault(key, Total(uid=key if isinstance(key, int) else None))
        total.name = name[-1] or total.name

    def name_all(self) -> None:
        """Call users as all commands do."""
        if self.by == "user":
            users = [(one.uid, one.name) for one in self.totals.values()]
            shown = shown_users(users)
            for one in self.totals.values():
                one.name = shown[one.uid, one.name]
