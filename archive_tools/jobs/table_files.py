"""The tables of jobs of a day, and the rows of one that is made of logs.

A day has a table of each source of logs, of each scheduler, and of each source of job_stats; what
the file says of itself tells which of them it is.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive_tools.core.errors import MEND, FormatError, TokioError
from archive_tools.formats.records_file import kind_of_records
from archive_tools.store import layout

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

Row = dict[str, Any]
TABLE = "_jobs.parquet"
MOVED = ("bytes_read", "bytes_written")
SERVED = ("server_bytes_read", "server_bytes_written")
"""What Lustre's job_stats say that the servers moved for the job."""
DERIVED = ("bytes_moved", "walltime", "coverage")
MOST_BYTES = 2**63 - 1
"""What `bytes_moved` is at most."""
NEEDED = (*MOVED, "start_time", "end_time")
"""Columns that the derived ones are made of, as far as every table has them."""
KEY = ("jobid", "uid", "username")
LOGS, SLURM, JOB_STATS = "", "slurm", "job_stats"
"""Kinds of tables: made of logs; kinds of sources of records."""


@dataclass(frozen=True)
class DayTables:
    """The tables of jobs of a day.

    Attributes
    ----------
    date : datetime.date
    paths : dict of str to dict of str to pathlib.Path
        By kind and instance.
    """

    date: dt.date
    paths: dict[str, dict[str, Path]]

    def of(self, kind: str) -> dict[str, Path]:
        """The tables of a kind, by instance."""
        return self.paths.get(kind, {})

    @property
    def has_records(self) -> bool:
        """Whether a scheduler or the servers have an account of the day's jobs."""
        return bool(self.of(SLURM) or self.of(JOB_STATS))


def days_of(root: Path, start: dt.date, stop: dt.date) -> list[DayTables]:
    """The days from `start` to `stop`, the last included, that have a table of jobs; oldest first.

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
        found = [DayTables(date, _by_kind(folder)) for date, folder in folders]
    except PermissionError as error:
        raise TokioError(f"{error.filename} cannot be read: {error.strerror}") from error
    return [day for day in found if day.of(LOGS) or day.has_records]


def _by_kind(folder: Path) -> dict[str, dict[str, Path]]:
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.name.endswith(TABLE) and not path.name.startswith("."):
            instance = path.name.removesuffix(TABLE)
            found.setdefault(kind_of_records(path), {})[instance] = path
    return found


def tables_of(root: Path, start: dt.date, stop: dt.date) -> list[tuple[dt.date, str, Path]]:
    """The tables of jobs by their logs, of the days from `start` to `stop`, the last included: day,
    instance, path; oldest first.

    Raises
    ------
    TokioError
        A folder may not be read.
    """
    return [
        (day.date, instance, path)
        for day in days_of(root, start, stop)
        for instance, path in day.of(LOGS).items()
    ]


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

    with named(path):
        wanted = columns and [name for name in pq.read_schema(path).names if name in columns]
        return with_derived(pq.read_table(path, filters=expression, columns=wanted))


def read_schema(path: Path) -> pa.Schema:
    """The columns of a table, without those that are derived."""
    import pyarrow.parquet as pq

    with named(path):
        return pq.read_schema(path).remove_metadata()


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
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


def with_derived(found: pa.Table) -> pa.Table:
    """Rows with `DERIVED` columns. A job of which there are no logs has moved what the servers
    say.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    read, written = (pc.fill_null(column, 0) for column in _moved(found))
    walltime = pc.subtract(found["end_time"], found["start_time"])
    fits = pc.less_equal(read, pc.subtract(MOST_BYTES, written))
    moved = pc.if_else(fits, pc.add(read, written), MOST_BYTES)
    found = found.append_column("bytes_moved", moved)
    found = found.append_column("walltime", walltime)
    if "coverage_read" not in found.column_names:
        return found
    most = pc.if_else(pc.greater(read, written), found["coverage_read"], found["coverage_written"])
    return found.append_column("coverage", most.cast(pa.float64()))


def _moved(found: pa.Table) -> list[pa.ChunkedArray]:
    import pyarrow.compute as pc

    own = [found[name] for name in MOVED]
    if SERVED[0] not in found.column_names:
        return own
    unknown = pc.and_(*(column.is_null() for column in own))
    return [
        pc.if_else(unknown, found[name], column) for name, column in zip(SERVED, own, strict=True)
    ]


def together(tables: Sequence[pa.Table]) -> pa.Table:
    """The rows of tables."""
    import pyarrow as pa

    return pa.concat_tables(tables, promote_options="default")
