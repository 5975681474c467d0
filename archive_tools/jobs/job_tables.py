"""Queries of the tables of jobs of many days: which jobs, how one did, and how it did before.

A row is a job and a file system, with what the servers behind it did at that time
(`docs/format.md`). Days are read one after the other, and only rows that are requested are kept.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import numbers
import operator
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive_tools.core.errors import MEND, BadArgument, FormatError, NotFound, TokioError
from archive_tools.formats.records_file import kind_of_records
from archive_tools.jobs.job_order import ordered, ordered_pieces
from archive_tools.store import layout

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc


Row = dict[str, Any]
Patterns = str | Sequence[str]
ORDERS = ("bytes", "read", "written", "start", "walltime", "nprocs", "coverage")
"""What jobs are ordered by: largest first; coverage of the direction that moved more."""
MOVED = ("bytes_read", "bytes_written")
DERIVED = ("bytes_moved", "walltime", "coverage")
MANY = 10_000
"""Rows more than requested that are held before they are sorted."""
MOST_BYTES = 2**63 - 1
"""What `bytes_moved` is at most."""
NEEDED = (*MOVED, "start_time", "end_time")
"""Columns that the derived ones are made of, as far as every table has them."""
KEY = ("jobid", "uid", "username")


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
    """

    user: Patterns = ""
    exe: Patterns = ""
    fs: Patterns = ""
    job: str | int = ""
    least_bytes: int = 0
    between: tuple[int, int] | None = None

    def expression(self) -> pc.Expression | None:
        """As a filter of the rows of a file; None is all."""
        import pyarrow.compute as pc

        wanted = (
            ("username", "^{}$", _any_of("user", self.user)),
            ("exenames", "(^|,){}(,|$)", _any_of("exe", self.exe)),
            ("fsname", "^{}$", _any_of("fs", self.fs)),
        )
        parts = [
            pc.match_substring_regex(pc.field(column), pattern=around.format(f"({one_of})"))
            for column, around, one_of in wanted
            if one_of
        ]
        if self.job != "":
            parts.append(pc.field("jobid") == _job_id(self.job))
        if self.least_bytes:
            read, written = (pc.coalesce(pc.field(name), 0) for name in MOVED)
            parts.append(read + written >= self.least_bytes)
        if self.between:
            parts.append(running(*self.between))
        return functools.reduce(operator.and_, parts) if parts else None


def running(start: int, end: int) -> pc.Expression:
    """The filter of jobs that ran at some second of ``[start, end)``, epoch seconds."""
    import pyarrow.compute as pc

    return (pc.field("start_time") < end) & (pc.field("end_time") >= start)


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


def _job_id(job: str | int) -> str:
    if isinstance(job, bool) or not isinstance(job, str | numbers.Integral):
        raise BadArgument(f"{job!r} is not a job id", expected="a text or a whole number")
    return str(job)


def _most(limit: int | None) -> int | None:
    """Rows at most; None and 0 are all."""
    if limit is None:
        return None
    if isinstance(limit, bool) or not isinstance(limit, numbers.Integral) or limit < 0:
        raise BadArgument(f"limit={limit!r} is not a number of rows", expected="0 (all) or more")
    return int(limit) or None


def tables_of(root: Path, start: dt.date, stop: dt.date) -> list[tuple[dt.date, str, Path]]:
    """The tables of jobs by their logs, of the days from `start` to `stop`, the last included: day,
    instance, path; oldest first.

    Raises
    ------
    TokioError
        A folder may not be read.
    """
    try:
        next(root.iterdir(), None)  # what may not be read is not an archive without days
        folders = [
            (date, folder) for date, folder in layout.day_folders(root) if start <= date <= stop
        ]
        return [
            (date, path.name.removesuffix(TABLE), path)
            for date, folder in folders
            for path in sorted(folder.iterdir())
            if _is_table(path) and not kind_of_records(path)
        ]
    except PermissionError as error:
        raise TokioError(f"{error.filename} cannot be read: {error.strerror}") from error


TABLE = "_jobs.parquet"


def _is_table(path: Path) -> bool:
    return path.name.endswith(TABLE) and not path.name.startswith(".")


def read_table(
    path: Path, expression: pc.Expression | None = None, columns: Sequence[str] | None = None
) -> pa.Table:
    """Rows of one day's table, with `DERIVED` columns added.

    Parameters
    ----------
    path : pathlib.Path
    expression : pyarrow.compute.Expression, optional
        Only rows for which it is true: of others the file gives only what the filter needs.
    columns : sequence of str, optional
        Only these, those of `NEEDED` among them; default all.

    Raises
    ------
    FormatError
        It is not a table of jobs.
    TokioError
        It may not be read.
    """
    import pyarrow.parquet as pq

    with _named(path):
        wanted = columns and [name for name in pq.read_schema(path).names if name in columns]
        return _with_derived(pq.read_table(path, filters=expression, columns=wanted))


def _read_schema(path: Path) -> pa.Schema:
    import pyarrow.parquet as pq

    with _named(path):
        return pq.read_schema(path).remove_metadata()


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Errors say which table cannot be read."""
    import pyarrow as pa

    try:
        yield
    except PermissionError as error:
        raise TokioError(f"{path} cannot be read: {error}") from error
    except (pa.ArrowException, KeyError, OSError, ValueError) as error:
        raise FormatError(
            f"{path} is not a table of jobs: {error}",
            hint=MEND,
        ) from error


def _with_derived(found: pa.Table) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    read, written = (pc.fill_null(found[name], 0) for name in MOVED)
    walltime = pc.subtract(found["end_time"], found["start_time"])
    fits = pc.less_equal(read, pc.subtract(MOST_BYTES, written))
    moved = pc.if_else(fits, pc.add(read, written), MOST_BYTES)
    found = found.append_column("bytes_moved", moved)
    found = found.append_column("walltime", walltime)
    if "coverage_read" not in found.column_names:
        return found
    most = pc.if_else(pc.greater(read, written), found["coverage_read"], found["coverage_written"])
    return found.append_column("coverage", most.cast(pa.float64()))


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
        One of `ORDERS`: largest first, unknown last.
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
) -> tuple[pa.Table, int]:
    """As `find_jobs`, and how many rows there are without `limit`."""

    most, expression = _most(limit), wanted.expression()
    kept: list[pa.Table] = []
    count = 0
    for path in _tables(root, start, stop, wanted, order):
        kept.append(read_table(path, expression))
        count += kept[-1].num_rows
        if most is not None and sum(one.num_rows for one in kept) > 2 * most + MANY:
            kept = [ordered(_together(kept), order, most)]
    return ordered(_together(kept), order, most), count


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
    import pyarrow as pa

    expression, paths = wanted.expression(), _tables(root, start, stop, wanted, order)
    few = columns and {*columns, *NEEDED, *KEY, "fsname", "coverage_read", "coverage_written"}
    read = functools.partial(
        read_table, expression=expression, columns=sorted(few) if few else None
    )
    schemas = {_read_schema(path): path for path in paths}
    empty = [_with_derived(schema.empty_table()).schema for schema in schemas]
    whole = pa.unify_schemas(empty, promote_options="default")
    if few:
        whole = pa.schema([field for field in whole if field.name in few.union(DERIVED)])
    return ordered_pieces(map(read, paths), order, whole)


def users_of(
    root: Path, start: dt.date, stop: dt.date, wanted: JobFilter
) -> set[tuple[int | None, str | None]]:
    """Uid and name of each user of the jobs that are wanted."""
    found: set[tuple[int | None, str | None]] = set()
    for path in _tables(root, start, stop, wanted, "bytes"):
        rows = read_table(path, wanted.expression(), [*NEEDED, *KEY])
        found.update(zip(rows["uid"].to_pylist(), rows["username"].to_pylist(), strict=True))
    return found


def _tables(root: Path, start: dt.date, stop: dt.date, wanted: JobFilter, order: str) -> list[Path]:
    """The tables of jobs that may be meant.

    Raises
    ------
    NotFound
        There are none.
    BadArgument
        Jobs are not ordered so.
    """
    if order not in ORDERS:
        raise BadArgument(f"jobs are not ordered by {order!r}", expected=", ".join(ORDERS))
    there = tables_of(root, first_table_day(start, wanted.between), stop)
    if not there:
        raise NotFound(
            f"no table of jobs{_of_days(start, stop)} is in {root}",
            hint="tokio-archive ls says which days there are",
        )
    return [path for _, _, path in there]


def _together(tables: Sequence[pa.Table]) -> pa.Table:
    import pyarrow as pa

    return pa.concat_tables(tables, promote_options="default")


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
