"""What a job did before: earlier runs of the same kind, and metrics of them."""

from __future__ import annotations

import datetime as dt
import functools
import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.choices import HISTORY_ALSO_LIKE, HISTORY_LIKE
from archive_tools.core.errors import BadArgument, NotFound
from archive_tools.jobs.belonging import Belonging
from archive_tools.jobs.job_tables import (
    KEY,
    JobFilter,
    Patterns,
    Row,
    days_of,
    read_day,
    read_table,
    tables_of,
)
from archive_tools.jobs.servers import METADATA

if TYPE_CHECKING:
    import pyarrow.compute as pc

MOST_COVERAGE = 1.005
"""Above it, by more than two decimals show, the logs have more than the servers moved."""


def history(
    root: Path,
    one: Row,
    start: dt.date,
    stop: dt.date,
    like: str | Sequence[str] = tuple(HISTORY_LIKE),
    *,
    account: Patterns = "",
    partition: Patterns = "",
) -> list[Row]:
    """Earlier runs of the same kind on the same file system, and the run itself, which is last.

    Parameters
    ----------
    root : pathlib.Path
    one : dict
        A row of a job's `file_systems`.
    start, stop : datetime.date
        Days that are looked at, the last included.
    like : str or sequence of str
        Of `HISTORY_ALSO_LIKE`: what they have in common.
    account, partition : str or sequence of str
        Only runs of these, by the scheduler.

    Returns
    -------
    list of dict
        Oldest first. What the same job did the day before is not an earlier run.

    Raises
    ------
    NotFound
        There are no logs of the job, or it is not known when it ran.
    """
    alike = [like] if isinstance(like, str) else like
    for name in alike:
        if name not in HISTORY_ALSO_LIKE:
            raise BadArgument(
                f"runs are not alike by {name!r}", expected=", ".join(HISTORY_ALSO_LIKE)
            )
    earlier = _earlier(one, alike)
    wanted = JobFilter(account=account, partition=partition)
    if wanted.needs_scheduler or not HISTORY_LIKE.keys() >= set(alike):
        rows = _scheduled_runs(root, start, stop, wanted, earlier)
    else:
        tables = (read_table(path, earlier) for _, _, path in tables_of(root, start, stop))
        rows = (row for table in tables for row in table.to_pylist())
    return _in_order(rows, one)


def histories(root: Path, several: Sequence[Row], start: dt.date, stop: dt.date) -> list[list[Row]]:
    """The `history` of each of several jobs, alike by all of `HISTORY_LIKE`: the table of each day
    is read once.

    Raises
    ------
    NotFound
        As `history`, of any of them.
    """
    if not several:
        return []
    wanted = [_earlier(one, tuple(HISTORY_LIKE)) for one in several]
    expression = functools.reduce(operator.or_, wanted)
    tables = (read_table(path, expression) for _, _, path in tables_of(root, start, stop))
    rows = [row for table in tables for row in table.to_pylist()]
    columns = ["fsname", *(column for name in HISTORY_LIKE for column in HISTORY_LIKE[name])]
    return [
        _in_order(
            (
                row
                for row in rows
                if row["start_time"] < one["start_time"]
                and all(row[name] == one[name] for name in columns)
            ),
            one,
        )
        for one in several
    ]


def _earlier(one: Row, alike: Sequence[str]) -> pc.Expression:
    """The filter of the runs before a run that are like it."""
    import pyarrow.compute as pc

    if "logs" not in (one.get("known_by") or "logs").split(","):
        raise NotFound(f"job {one['jobid']} has no logs: earlier runs are found by them")
    if one["start_time"] is None:
        raise NotFound(f"it is not known when job {one['jobid']} ran")
    same = pc.field("fsname") == one["fsname"]
    for column in (column for name in alike for column in HISTORY_ALSO_LIKE[name]):
        known = one.get(column) is not None
        same &= pc.field(column) == one[column] if known else pc.field(column).is_null()
    return same & (pc.field("start_time") < one["start_time"])


def _in_order(rows: Iterable[Row], one: Row) -> list[Row]:
    """Runs, oldest first, without what the same job did the day before; then the run itself."""
    found = [row for row in rows if any(row[name] != one[name] for name in KEY)]
    return [*sorted(found, key=lambda row: (row["start_time"], row["jobid"])), one]


def _scheduled_runs(
    root: Path, start: dt.date, stop: dt.date, wanted: JobFilter, earlier: pc.Expression
) -> Iterator[Row]:
    """Runs with logs that a scheduler knows."""
    belonging = Belonging.of(root)
    for day in days_of(root, start, stop):
        if day.has_records:
            table = read_day(day, belonging, wanted, logs_alone=True)
            yield from table.filter(earlier).to_pylist()


def rate(row: Row) -> float | None:
    """The job's bytes, read and written, by the time from its first access to its last: bytes/s;
    None if not known.
    """
    first = [row[name] for name in ("first_read", "first_write") if row[name] is not None]
    last = [row[name] for name in ("last_read", "last_write") if row[name] is not None]
    seconds = max(last) - min(first) if first and last else 0.0
    return row["bytes_moved"] / seconds if seconds > 0 else None


def is_beyond(factor: float | None) -> bool:
    """Whether the logs have more than the servers moved: such a factor is no coverage."""
    return factor is not None and factor > MOST_COVERAGE


def covered(row: Row) -> float | None:
    """The coverage factor, 0 to 1; None if not known, or the logs have more than the servers."""
    factor = row.get("coverage")
    return None if factor is None or is_beyond(factor) else min(factor, 1.0)


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


@dataclass(frozen=True)
class MetricHistory:
    """A row of `umami`.

    Attributes
    ----------
    label, unit : str
    timestamps : int64 (n,)
        Epoch seconds, growing; the last is the newest, which is compared with the others.
    values : float64 (n,)
        NaN is missing.
    big_is_good : bool or None
        None if neither is.
    """

    label: str
    unit: str
    timestamps: Int64
    values: Float64
    big_is_good: bool | None


METRICS: tuple[tuple[str, str, Any, bool | None], ...] = (
    ("Job's I/O rate", "bytes/s", rate, True),
    ("Coverage factor", "1", covered, True),
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


def metrics(runs: Sequence[Row]) -> list[MetricHistory]:
    """`METRICS` of runs, in order; those that no run has are left out.

    Returns
    -------
    list of MetricHistory
        The last value is that of the newest run; NaN where a run does not have it.
    """

    stamps = np.array([row["start_time"] for row in runs], dtype=np.int64)
    found = []
    for label, unit, value, big_is_good in METRICS:
        values = np.array(
            [np.nan if (one := value(row)) is None else one for row in runs], dtype=np.float64
        )
        if np.isfinite(values).any():
            found.append(MetricHistory(label, unit, stamps, values, big_is_good))
    return found
