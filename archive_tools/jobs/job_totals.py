"""Jobs of a range by account, partition or user: how many, their node-hours, and what they
moved.

Node-hours are those of the days of the range; each job counts once a day, on however many file
systems it was. Days are read one after the other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive_tools.core.day import Day
from archive_tools.core.errors import BadArgument, NotFound
from archive_tools.jobs.belonging import Belonging
from archive_tools.jobs.job_tables import JobFilter, days_of, first_table_day, read_day

if TYPE_CHECKING:
    import pyarrow as pa

BY = {"account": "account", "partition": "partition", "user": "username"}
"""What jobs are counted by: columns of their rows."""
AMOUNTS = ("bytes_read", "bytes_written", "server_bytes_read", "server_bytes_written")
OF_SCHEDULER = ("cluster", "scheduler_jobid", "submit")
OF_LOGS = ("jobid", "uid", "username")
COLUMNS = (*AMOUNTS, *OF_SCHEDULER, *OF_LOGS, "job_start", "node_seconds", "server_job")


@dataclass
class Total:
    """What the jobs of an account, partition or user did.

    Attributes
    ----------
    name : str or None
        None: not known; jobs that no scheduler knows have no account.
    jobs : int
        A job of several days counts once.
    node_seconds : int or None
        On the days of the range, of jobs that a scheduler knows.
    bytes_read, bytes_written : int or None
        By the logs.
    server_bytes_read, server_bytes_written : int or None
        By Lustre's job_stats.
    """

    name: str | None
    jobs: int = 0
    node_seconds: int | None = None
    bytes_read: int | None = None
    bytes_written: int | None = None
    server_bytes_read: int | None = None
    server_bytes_written: int | None = None


def job_totals(
    root: Path, start: dt.date, stop: dt.date, wanted: JobFilter, by: str
) -> list[Total]:
    """Jobs of the days from `start` to `stop`, the last included, most node-hours first, then most
    bytes.

    Raises
    ------
    NotFound
        The archive has no table of jobs of these days.
    BadArgument
        Jobs are not counted by that.
    """
    if by not in BY:
        raise BadArgument(f"jobs are not counted by {by!r}", expected=", ".join(BY))
    belonging, days = (
        Belonging.of(root),
        days_of(root, first_table_day(start, wanted.between), stop),
    )
    if not days:
        raise NotFound(
            f"no table of jobs of these days is in {root}",
            hint="tokio-archive ls says which days there are",
        )
    found: dict[str | None, Total] = {}
    for number, day in enumerate(days):
        rows = read_day(day, belonging, wanted, logs_alone=day.date < start)
        begin = Day(day.date, belonging.timezone).start if number else None
        for name, is_new, node_seconds, *amounts in _of_day(rows, BY[by], begin):
            total = found.setdefault(name, Total(name))
            total.jobs += is_new
            total.node_seconds = _plus(total.node_seconds, node_seconds)
            for column, amount in zip(AMOUNTS, amounts, strict=True):
                setattr(total, column, _plus(getattr(total, column), amount))
    return sorted(found.values(), key=_order)


def _order(total: Total) -> tuple[int, int, str]:
    moved = (total.bytes_read or 0) + (total.bytes_written or 0)
    return -(total.node_seconds or 0), -moved, total.name or ""


def _plus(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other


def _of_day(rows: pa.Table, column: str, begin: int | None) -> Iterator[tuple[Any, ...]]:
    """Of each job: the name, whether it is counted on this day, its node-seconds and amounts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    absent = [name for name in (*COLUMNS, column) if name not in rows.column_names]
    for name in absent:
        rows = rows.append_column(name, pa.nulls(rows.num_rows, pa.int64()))
    is_scheduled = rows["scheduler_jobid"].is_valid()
    keys = {name: rows[name] for name in OF_SCHEDULER}
    keys |= {
        f"own_{name}": pc.if_else(is_scheduled, pa.scalar(None, rows[name].type), rows[name])
        for name in (*OF_LOGS, "server_job")
    }
    table = pa.table(
        keys
        | {"by": rows[column]}
        | {name: rows[name] for name in (*AMOUNTS, "node_seconds", "job_start")}
    )
    known = pc.ScalarAggregateOptions(min_count=1)
    jobs = table.group_by([*keys, "by"]).aggregate(
        [(name, "sum", known) for name in AMOUNTS] + [("node_seconds", "max"), ("job_start", "min")]
    )
    starts = jobs["job_start_min"].to_pylist()
    is_new = [begin is None or one is None or one >= begin for one in starts]
    yield from zip(
        jobs["by"].to_pylist(),
        is_new,
        jobs["node_seconds_max"].to_pylist(),
        *(jobs[f"{name}_sum"].to_pylist() for name in AMOUNTS),
        strict=True,
    )
