"""Questions to the tables of jobs of many days: which jobs, how one did, and how it did before.

A row is a job and a file system, with what the servers behind it did at that time
(`docs/format.md`). Days are read one after the other, and only rows that are asked for are kept.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive_tools.core.errors import FormatError, NotFound, TokioError
from archive_tools.store import layout

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc


Row = dict[str, Any]
ORDERS = ("bytes", "read", "written", "start", "walltime", "nprocs", "coverage")
"""What jobs are ordered by: largest first; coverage of the direction that moved more."""
DERIVED = ("bytes_moved", "walltime", "coverage")
KEY = ("jobid", "uid", "username")


@dataclass(frozen=True)
class Wanted:
    """Which jobs; "" is any.

    Attributes
    ----------
    user, exe, fs : str
        Names, or patterns with ``*`` and ``?``; `exe` of one of the job's programs.
    job : str
        Job id.
    least_bytes : int
        Read and written together, at least.
    between : tuple of int, optional
        That ran at some second of ``[start, end)``, epoch seconds.
    """

    user: str = ""
    exe: str = ""
    fs: str = ""
    job: str = ""
    least_bytes: int = 0
    between: tuple[int, int] | None = None

    def expression(self) -> pc.Expression | None:
        """As a filter of rows."""
        import pyarrow.compute as pc

        parts = []
        if self.user:
            parts.append(
                pc.match_substring_regex(pc.field("username"), pattern=_anchored(self.user))
            )
        if self.exe:
            parts.append(
                pc.match_substring_regex(
                    pc.field("exenames"), pattern=f"(^|,){_regex(self.exe)}(,|$)"
                )
            )
        if self.fs:
            parts.append(pc.match_substring_regex(pc.field("fsname"), pattern=_anchored(self.fs)))
        if self.job:
            parts.append(pc.equal(pc.field("jobid"), self.job))
        if self.least_bytes:
            parts.append(pc.greater_equal(pc.field("bytes_moved"), self.least_bytes))
        if self.between:
            parts.append(
                (pc.field("start_time") < self.between[1])
                & (pc.field("end_time") >= self.between[0])
            )
        whole = None
        for part in parts:
            whole = part if whole is None else whole & part
        return whole


def _regex(pattern: str) -> str:
    return "".join("[^,]*" if c == "*" else "[^,]" if c == "?" else re.escape(c) for c in pattern)


def _anchored(pattern: str) -> str:
    return f"^{_regex(pattern)}$"


def files(root: Path, start: dt.date, stop: dt.date) -> list[tuple[dt.date, str, Path]]:
    """The tables of the days from `start` to `stop`, the last included: day, instance, path; oldest
    first.

    Raises
    ------
    TokioError
        A folder may not be read.
    """
    try:
        next(root.iterdir(), None)  # what may not be read is no archive without days
        folders = [
            (date, folder) for date, folder in layout.day_folders(root) if start <= date <= stop
        ]
        return [
            (date, path.name.removesuffix(TABLE), path)
            for date, folder in folders
            for path in sorted(folder.iterdir())
            if _is_table(path)
        ]
    except PermissionError as error:
        raise TokioError(f"{error.filename} cannot be read: {error.strerror}") from error


TABLE = "_jobs.parquet"


def _is_table(path: Path) -> bool:
    return path.name.endswith(TABLE) and not path.name.startswith(".")


def table(path: Path, wanted: Wanted) -> pa.Table:
    """Rows of one day's table, with `DERIVED` columns added.

    Raises
    ------
    FormatError
        It is no table of jobs.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        found = pq.read_table(path)
        read, written = (pc.fill_null(found[name], 0) for name in ("bytes_read", "bytes_written"))
        found = found.append_column("bytes_moved", pc.add(read, written))
        found = found.append_column("walltime", pc.subtract(found["end_time"], found["start_time"]))
        if "coverage_read" in found.column_names:
            most = pc.if_else(
                pc.greater(read, written), found["coverage_read"], found["coverage_written"]
            )
            found = found.append_column("coverage", most.cast(pa.float64()))
        expression = wanted.expression()
        return found if expression is None else found.filter(expression)
    except PermissionError as error:
        raise TokioError(f"{path} cannot be read: {error}") from error
    except (pa.ArrowException, KeyError, OSError) as error:
        raise FormatError(
            f"{path} is no table of jobs: {error}",
            hint="tokio-archive check; the next run makes it again",
        ) from error


def jobs(
    root: Path,
    start: dt.date,
    stop: dt.date,
    wanted: Wanted,
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
    wanted : Wanted
    order : str
        One of `ORDERS`: largest first, unknown last.
    limit : int, optional
        Rows at most; no more are held in memory.

    Returns
    -------
    pyarrow.Table
        A row a job and file system; a job without I/O has no `fsname`.

    Raises
    ------
    NotFound
        The archive has no table of jobs of these days.
    """
    return listed(root, start, stop, wanted, order=order, limit=limit)[0]


def listed(
    root: Path,
    start: dt.date,
    stop: dt.date,
    wanted: Wanted,
    *,
    order: str = "bytes",
    limit: int | None = None,
) -> tuple[pa.Table, int]:
    """As `jobs`, and how many rows there are without `limit`."""
    import pyarrow as pa

    if order not in ORDERS:
        raise TokioError(f"jobs are not ordered by {order!r}", expected=", ".join(ORDERS))
    there = files(root, first_table_day(start, wanted.between), stop)
    if not there:
        raise NotFound(
            f"no table of jobs{_of_days(start, stop)} is in {root}",
            hint="tokio-archive ls says which days there are",
        )
    kept: pa.Table | None = None
    count = 0
    for _, _, path in there:
        found = table(path, wanted)
        count += found.num_rows
        kept = _ordered(
            found if kept is None else pa.concat_tables([kept, found], promote_options="default"),
            order,
            limit,
        )
    assert kept is not None
    return kept, count


def first_table_day(start: dt.date, between: tuple[int, int] | None) -> dt.date:
    """A table holds what began on its day: what ran at a time may stand in that of the day
    before.
    """
    return start - dt.timedelta(days=1) if between and start > dt.date.min else start


def _of_days(start: dt.date, stop: dt.date) -> str:
    if start == stop:
        return f" of {start}"
    first = f" from {start}" if start > dt.date.min else ""
    return f"{first} to {stop}" if stop < dt.date.max else first


def _ordered(rows: pa.Table, order: str, limit: int | None) -> pa.Table:
    import pyarrow.compute as pc

    column = {
        "bytes": "bytes_moved",
        "read": "bytes_read",
        "written": "bytes_written",
        "start": "start_time",
    }.get(order, order)
    if column not in rows.column_names:
        return rows.slice(0, limit)
    places = pc.sort_indices(
        rows, sort_keys=[(column, "descending"), ("jobid", "ascending"), ("fsname", "ascending")]
    )
    return rows.take(places.slice(0, limit))
