"""Questions to the tables of jobs of many days: which jobs, how one did, and how it did before.

A row is a job and a file system, with what the servers behind it did at that time
(`docs/format.md`). Days are read one after the other, and only rows that are asked for are kept.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive_tools.core.errors import FormatError, NotFound, TokioError
from archive_tools.formats.index_file import asking
from archive_tools.servers import METADATA
from archive_tools.store import layout

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

    from archive_tools.umami import Metric

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
    there = files(root, _first_day(start, wanted.between), stop)
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


def _first_day(start: dt.date, between: tuple[int, int] | None) -> dt.date:
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


# One job


@dataclass(frozen=True)
class Job:
    """A job as one day's tables know it.

    Attributes
    ----------
    date : datetime.date
    instance : str
        The Darshan instance.
    jobid, username : str
    uid, nprocs : int
    exenames : str
        Comma-separated.
    start_time, end_time : int
        Epoch seconds, of the first log and of the last.
    file_systems : list of dict
        A row of the table for each file system that it used.
    logs : list of dict
        A header of the index for each log, with its bytes.
    others : list of dict
        Rows of other jobs on the same file systems at that time, most bytes first.
    """

    date: dt.date
    instance: str
    jobid: str
    uid: int
    username: str
    exenames: str
    nprocs: int
    start_time: int
    end_time: int
    file_systems: list[Row] = field(default_factory=list)
    logs: list[Row] = field(default_factory=list)
    others: list[Row] = field(default_factory=list)


def find(
    root: Path,
    jobid: str,
    start: dt.date = dt.date.min,
    stop: dt.date = dt.date.max,
    *,
    between: tuple[int, int] | None = None,
) -> list[Job]:
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
    found: list[Job] = []
    looked = 0
    for date, instance, path in reversed(files(root, _first_day(start, between), stop)):
        if found and (found[-1].date - date).days > 1:
            break
        looked += 1
        rows = table(path, Wanted(job=jobid, between=between)).to_pylist()
        found += [_job(root, date, instance, path, some) for some in _grouped(rows)]
    if not found:
        raise NotFound(
            f"no job {jobid} in {root}",
            expected=f"one of {looked} days with logs" if looked != 1 else "the one day with logs",
            hint="tokio-archive jobs lists them",
        )
    return found


def _grouped(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows of the same job together."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in KEY), []).append(row)
    yield from groups.values()


def _job(root: Path, date: dt.date, instance: str, path: Path, rows: Sequence[Row]) -> Job:
    one = rows[0]
    mine = [row for row in rows if row["fsname"] is not None]
    facts = {name: one[name] for name in (*KEY, "nprocs", "start_time", "end_time")} | {
        "exenames": one["exenames"] or ""
    }
    return Job(
        date=date,
        instance=instance,
        **facts,
        file_systems=mine,
        logs=_logs(root, date, instance, one),
        others=_others(path, one, mine),
    )


LOGS = """
SELECT headers.*, SUM(bytes_read) AS bytes_read, SUM(bytes_written) AS bytes_written
FROM headers LEFT JOIN summaries USING (log_id) WHERE jobid IS ? AND uid IS ? AND username IS ?
    GROUP BY log_id ORDER BY start_time, log_id
"""


def _logs(root: Path, date: dt.date, instance: str, one: Row) -> list[Row]:
    path = layout.path(root, layout.INDEX, date, instance)
    return asked(path, LOGS, [one[name] for name in KEY]) if path.is_file() else []


def asked(path: Path, query: str, values: Sequence[Any]) -> list[Row]:
    """What an index answers, a row a dict.

    Raises
    ------
    FormatError
        It is no Darshan index, or is damaged.
    """
    with asking(path) as connection:
        cursor = connection.execute(query, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def _others(path: Path, one: Row, mine: Sequence[Row]) -> list[Row]:
    """Who else was there in the time that is looked at: rows of the day's table."""
    import pyarrow.compute as pc

    used = [row["fsname"] for row in mine]
    first = min(
        [
            one["start_time"],
            *(int(row["fs_start"]) for row in mine if row.get("fs_start") is not None),
        ]
    )
    last = max(
        [
            one["end_time"],
            *(int(row["fs_end"]) - 1 for row in mine if row.get("fs_end") is not None),
        ]
    )
    then = (pc.field("start_time") <= last) & (pc.field("end_time") >= first)
    found = (
        table(path, Wanted()).filter(pc.field("fsname").isin(used) & then).to_pylist()
        if used
        else []
    )
    others = [row for row in found if any(row[name] != one[name] for name in KEY)]
    return sorted(others, key=lambda row: (-row["bytes_moved"], row["jobid"], row["fsname"]))


# What a job did before

LIKE = {"exe": "exenames", "user": "username", "nprocs": "nprocs"}
"""What runs may have in common."""


def history(
    root: Path, one: Row, start: dt.date, stop: dt.date, like: Sequence[str] = tuple(LIKE)
) -> list[Row]:
    """Earlier runs of the same kind on the same file system, and the run itself, which is last.

    Parameters
    ----------
    root : pathlib.Path
    one : dict
        A row of a job's `file_systems`.
    start, stop : datetime.date
        Days that are looked at, the last included.
    like : sequence of str
        Of `LIKE`: what they have in common.

    Returns
    -------
    list of dict
        Oldest first. What the same job did the day before is no earlier run.
    """
    import pyarrow.compute as pc

    same = pc.field("fsname") == one["fsname"]
    for name in like:
        same = same & (pc.field(LIKE[name]) == one[LIKE[name]])
    earlier = same & (pc.field("start_time") < one["start_time"])
    rows = (
        row
        for _, _, path in files(root, start, stop)
        for row in table(path, Wanted()).filter(earlier).to_pylist()
    )
    found = [row for row in rows if any(row[name] != one[name] for name in KEY)]
    return [*sorted(found, key=lambda row: (row["start_time"], row["jobid"])), one]


def rate(row: Row) -> float | None:
    """The job's bytes, read and written, by the time from its first access to its last: bytes/s;
    None if not known.
    """
    first = [row[name] for name in ("first_read", "first_write") if row[name] is not None]
    last = [row[name] for name in ("last_read", "last_write") if row[name] is not None]
    seconds = max(last) - min(first) if first and last else 0.0
    return row["bytes_moved"] / seconds if seconds > 0 else None


def looked_at(row: Row) -> int | None:
    """Seconds of the rows of servers that were taken; None if there are none."""
    first, last = row.get("fs_start"), row.get("fs_end")
    return last - first if first is not None and last is not None and last > first else None


def served(row: Row) -> float | None:
    """Bytes a second that the servers moved meanwhile."""
    moved, seconds = _sum(row, ("fs_bytes_read", "fs_bytes_written")), looked_at(row)
    return moved / seconds if moved is not None and seconds else None


def operations(row: Row) -> float | None:
    """Metadata operations a second that the servers did meanwhile."""
    done, seconds = _sum(row, [f"fs_{name}" for name in METADATA]), looked_at(row)
    return done / seconds if done is not None and seconds else None


def _sum(row: Row, names: Sequence[str]) -> float | None:
    known = [row[name] for name in names if row.get(name) is not None]
    return float(sum(known)) if known else None


def get(name: str) -> Any:
    """What reads one column of a row; None if the table does not have it."""
    return lambda row: row.get(name)


METRICS: tuple[tuple[str, str, Any, bool | None], ...] = (
    ("Job's I/O rate", "bytes/s", rate, True),
    ("Coverage factor", "1", get("coverage"), True),
    ("Servers' I/O rate", "bytes/s", served, None),
    ("OSS CPU load, mean", "%", get("fs_oss_cpu_mean"), False),
    ("MDS CPU load, peak", "%", get("fs_mds_cpu_peak"), False),
    ("Metadata operations", "ops/s", operations, False),
    ("Fullest target", "%", get("fs_bytes_fullest"), False),
    ("Other jobs", "1", get("other_jobs"), False),
)
"""Rows of the diagram of a job: label, unit, what gives the value of a run, whether big is good
(None: neither).
"""


def metrics(runs: Sequence[Row]) -> list[Metric]:
    """`METRICS` of runs, in order; those that no run has are left out.

    Returns
    -------
    list of Metric
        The last value is that of the newest run; NaN where a run does not have it.
    """
    import numpy as np

    from archive_tools.umami import Metric

    stamps = np.array([row["start_time"] for row in runs], dtype=np.int64)
    found = []
    for label, unit, value, big_is_good in METRICS:
        values = np.array(
            [np.nan if (one := value(row)) is None else one for row in runs], dtype=np.float64
        )
        if np.isfinite(values).any():
            found.append(Metric(label, unit, stamps, values, big_is_good))
    return found
