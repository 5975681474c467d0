"""Queries of the tables of jobs of many days: which jobs, how one did, and how it did before.

A row is a job and file system, with what the servers behind it did at that time
(`docs/format.md`); where a scheduler or job_stats are archived, also jobs without logs, see
`union`. Days are read one after the other, and only rows that are requested are kept.
"""

from __future__ import annotations

import datetime as dt
import functools
import numbers
import operator
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archive_tools.core.choices import JOB_ORDERS
from archive_tools.core.errors import BadArgument, FormatError, NotFound
from archive_tools.formats import jobs_file
from archive_tools.jobs import union
from archive_tools.jobs.belonging import Belonging
from archive_tools.jobs.job_order import ordered, ordered_pieces
from archive_tools.jobs.table_files import (
    DERIVED,
    KEY,
    LOGS,
    MOVED,
    NEEDED,
    DayTables,
    Row,
    days_of,
    read_schema,
    read_table,
    tables_of,
    together,
    with_derived,
)

__all__ = [
    "DERIVED",
    "KEY",
    "LOGS",
    "JobFilter",
    "Patterns",
    "Row",
    "all_jobs",
    "days_of",
    "find_and_count",
    "find_jobs",
    "read_day",
    "read_table",
    "running",
    "schema_of",
    "tables_of",
    "users_of",
    "wanted_days",
]

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc


Patterns = str | Sequence[str]
MANY = 10_000
"""Rows more than requested that are held before they are sorted."""


@dataclass(frozen=True)
class JobFilter:
    """Which jobs; "" is any.

    Attributes
    ----------
    user, exe, fs : str or sequence of str
        Names, or patterns with ``*`` and ``?``, of which one must match; `exe` of one of the job's
        programs.
    job : str or int
        Job id.
    least_bytes : int
        Read and written together, at least.
    between : tuple of int, optional
        That ran at some second of ``[start, end)``, epoch seconds.
    account, partition : str or sequence of str
        As `user`, by the scheduler: what it does not know has none.
    jobs : collection of str
        Job ids, of which one must be the job's; none is any.
    """

    user: Patterns = ""
    exe: Patterns = ""
    fs: Patterns = ""
    job: str | int = ""
    least_bytes: int = 0
    between: tuple[int, int] | None = None
    account: Patterns = ""
    partition: Patterns = ""
    jobs: Collection[str] = ()

    @property
    def needs_scheduler(self) -> bool:
        """Whether only a scheduler knows which jobs are meant."""
        return self.account != "" or self.partition != ""

    def expression(self, *, is_union: bool = False) -> pc.Expression | None:
        """As a filter of the rows of a file, or of the union of a day's tables; None is all."""
        import pyarrow.compute as pc

        wanted = (
            ("username", "^{}$", _any_of("user", self.user)),
            ("exenames", "(^|,){}(,|$)", _any_of("exe", self.exe)),
            ("fsname", "^{}$", _any_of("fs", self.fs)),
            ("account", "^{}$", _any_of("account", self.account)),
            ("partition", "^{}$", _any_of("partition", self.partition)),
        )
        parts = [
            pc.match_substring_regex(pc.field(column), pattern=around.format(f"({one_of})"))
            for column, around, one_of in wanted
            if one_of
        ]
        if self.ids:
            names = ("jobid", "jobid_shown") if is_union else ("jobid",)
            same = (pc.field(name).isin(sorted(self.ids)) for name in names)
            parts.append(functools.reduce(operator.or_, same))
        if self.least_bytes and is_union:
            parts.append(pc.field("bytes_moved") >= self.least_bytes)
        elif self.least_bytes:
            read, written = (pc.coalesce(pc.field(name), 0) for name in MOVED)
            parts.append(read + written >= self.least_bytes)
        if self.between:
            parts.append(running(*self.between, is_union=is_union))
        return functools.reduce(operator.and_, parts) if parts else None

    @property
    def ids(self) -> Collection[str]:
        """Ids of the jobs that are meant, whatever else they are; none is any."""
        return self.jobs if self.job == "" else (self.job_id,)

    @property
    def job_id(self) -> str:
        """`job` as text.

        Raises
        ------
        BadArgument
            It is not an id.
        """
        job = self.job
        if isinstance(job, bool) or not isinstance(job, str | numbers.Integral):
            raise BadArgument(f"{job!r} is not a job id", expected="a text or a whole number")
        return str(job)


def running(start: int, end: int, *, is_union: bool = False) -> pc.Expression:
    """The filter of jobs that ran at some second of ``[start, end)``, epoch seconds; of a union
    also those of which only the scheduler knows, and no end.
    """
    import pyarrow.compute as pc

    ends = pc.field("end_time") >= start
    if is_union:
        ends |= pc.field("end_time").is_null() & (pc.field("logs") == 0)
    return (pc.field("start_time") < end) & ends


def _regex(pattern: str) -> str:
    return "".join("[^,]*" if c == "*" else "[^,]" if c == "?" else re.escape(c) for c in pattern)


def _any_of(name: str, patterns: Patterns) -> str:
    """One expression for patterns of which one must match; "" for any."""
    if patterns == "":
        return ""
    found = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(found, Sequence) or not found or not all(_is_text(one) for one in found):
        raise BadArgument(
            f"{name}={patterns!r} names nothing",
            expected="a name or pattern, or a list of these",
            hint="leave it out for all",
        )
    return "|".join(_regex(one) for one in found)


def _is_text(one: object) -> bool:
    return isinstance(one, str) and one != ""


def _most(limit: int | None) -> int | None:
    """Rows at most; None and 0 are all."""
    if limit is None:
        return None
    if isinstance(limit, bool) or not isinstance(limit, numbers.Integral) or limit < 0:
        raise BadArgument(f"limit={limit!r} is not a number of rows", expected="0 (all) or more")
    return int(limit) or None


def find_jobs(
    root: Path,
    start: dt.date,
    stop: dt.date,
    wanted: JobFilter,
    *,
    order: str = "bytes",
    limit: int | None = None,
) -> pa.Table:
    """Jobs of the days from `start` to `stop`, the last included.

    Parameters
    ----------
    root : pathlib.Path
        The archive.
    start, stop : datetime.date
    wanted : JobFilter
    order : str
        One of `archive_tools.core.choices.JOB_ORDERS`: largest first, unknown last.
    limit : int, optional
        Rows at most, 0 is all; no more are held in memory.

    Returns
    -------
    pyarrow.Table
        A row a job and file system; a job without I/O has no `fsname`.

    Raises
    ------
    NotFound
        The archive has no table of jobs of these days.
    BadArgument
        An order, a pattern or a limit is none.
    """
    return find_and_count(root, start, stop, wanted, order=order, limit=limit)[0]


def find_and_count(
    root: Path,
    start: dt.date,
    stop: dt.date,
    wanted: JobFilter,
    *,
    order: str = "bytes",
    limit: int | None = None,
    left_out: Callable[[dt.date, FormatError], None] | None = None,
) -> tuple[pa.Table, int]:
    """As `find_jobs`, and how many rows there are without `limit`. Where `left_out` is given, it is
    called with each day of which a table cannot be read, and the others are read; if none can be,
    the last error is raised.
    """
    most, belonging = _most(limit), Belonging.of(root)
    kept: list[pa.Table] = []
    count = 0
    damaged: FormatError | None = None
    for day in wanted_days(root, start, stop, wanted, order):
        try:
            kept.append(read_day(day, belonging, wanted, logs_alone=day.date < start))
        except FormatError as error:
            if left_out is None:
                raise
            left_out(day.date, error)
            damaged = error
            continue
        count += kept[-1].num_rows
        if most is not None and sum(one.num_rows for one in kept) > 2 * most + MANY:
            kept = [ordered(together(kept), order, most)]
    if damaged and not kept:
        raise damaged
    return ordered(together(kept), order, most), count


def read_day(
    day: DayTables,
    belonging: Belonging,
    wanted: JobFilter,
    columns: Sequence[str] | None = None,
    *,
    logs_alone: bool = False,
) -> pa.Table:
    """The jobs of one day that are wanted.

    Parameters
    ----------
    day : DayTables
    belonging : Belonging
    wanted : JobFilter
    columns : sequence of str, optional
        Only these, those of `NEEDED` among them; default all.
    logs_alone : bool
        Only jobs that have logs, see `union.read_union`: of the day before the range.
    """
    if day.has_records:
        found = union.read_union(day, belonging, wanted.ids, logs_alone=logs_alone)
        expression = wanted.expression(is_union=True)
        found = found if expression is None else found.filter(expression)
        return found.select([name for name in found.column_names if _is_in(name, columns)])
    if wanted.needs_scheduler:
        return _day_schema(day, columns).empty_table()
    expression = wanted.expression()
    tables = [read_table(path, expression, columns) for path in day.of(LOGS).values()]
    return together(tables) if tables else _day_schema(day, columns).empty_table()


def _is_in(name: str, columns: Sequence[str] | None) -> bool:
    return columns is None or name in columns or name in DERIVED


def _day_schema(day: DayTables, columns: Sequence[str] | None = None) -> pa.Schema:
    """The columns of a day's rows."""
    import pyarrow as pa

    schemas = [read_schema(path) for path in day.of(LOGS).values()]
    if day.has_records or not schemas:
        schemas = [jobs_file.schema(), *schemas, pa.schema(union.added_fields())]
    whole = pa.unify_schemas(schemas, promote_options="default")
    derived = with_derived(whole.empty_table()).schema
    return pa.schema([field for field in derived if _is_in(field.name, columns)])


def schema_of(days: Sequence[DayTables], columns: Sequence[str] | None) -> pa.Schema:
    """The columns of the rows of some days."""
    import pyarrow as pa

    return pa.unify_schemas([_day_schema(day, columns) for day in days], promote_options="default")


def all_jobs(
    root: Path,
    start: dt.date,
    stop: dt.date,
    wanted: JobFilter,
    *,
    order: str = "bytes",
    columns: Sequence[str] | None = None,
) -> Iterator[pa.Table]:
    """As `find_jobs` without a limit, in pieces of some thousand rows: the memory does not grow
    with the number of days.

    Parameters
    ----------
    columns : sequence of str, optional
        Only these, and what the derived ones are made of; default all.
    """
    days, belonging = wanted_days(root, start, stop, wanted, order), Belonging.of(root)
    few = columns and sorted(
        {*columns, *NEEDED, *KEY, "fsname", "coverage_read", "coverage_written"}
    )
    whole = schema_of(days, few)
    tables = (read_day(day, belonging, wanted, few, logs_alone=day.date < start) for day in days)
    return ordered_pieces(tables, order, whole)


def users_of(
    root: Path, start: dt.date, stop: dt.date, wanted: JobFilter
) -> set[tuple[int | None, str | None]]:
    """Uid and name of each user of the jobs that are wanted."""
    found: set[tuple[int | None, str | None]] = set()
    belonging = Belonging.of(root)
    for day in wanted_days(root, start, stop, wanted, "bytes"):
        rows = read_day(day, belonging, wanted, [*NEEDED, *KEY], logs_alone=day.date < start)
        found.update(zip(rows["uid"].to_pylist(), rows["username"].to_pylist(), strict=True))
    return found


def wanted_days(
    root: Path, start: dt.date, stop: dt.date, wanted: JobFilter, order: str
) -> list[DayTables]:
    """The days whose tables may have the jobs that are meant.

    Raises
    ------
    NotFound
        There are none.
    BadArgument
        Jobs are not ordered so.
    """
    if order not in JOB_ORDERS:
        raise BadArgument(f"jobs are not ordered by {order!r}", expected=", ".join(JOB_ORDERS))
    there = days_of(root, first_table_day(start, wanted.between), stop)
    if not there:
        raise NotFound(
            f"no table of jobs{_of_days(start, stop)} is in {root}",
            hint="tokio-archive ls says which days there are",
        )
    return there


def first_table_day(start: dt.date, between: tuple[int, int] | None) -> dt.date:
    """A table holds what began on its day: what ran at a time may be in that of the day
    before.
    """
    return start - dt.timedelta(days=1) if between and start > dt.date.min else start


def _of_days(start: dt.date, stop: dt.date) -> str:
    if start == stop:
        return f" of {start}"
    first = f" from {start}" if start > dt.date.min else ""
    return f"{first} to {stop}" if stop < dt.date.max else first
