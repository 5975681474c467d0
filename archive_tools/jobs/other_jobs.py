"""Who else was there while a job ran: by logs and job_stats on its file systems, and by the
scheduler.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archive_tools.core import node_lists
from archive_tools.jobs.belonging import Belonging
from archive_tools.jobs.job_tables import (
    KEY,
    LOGS,
    JobFilter,
    Row,
    read_day,
    read_table,
    running,
)
from archive_tools.jobs.table_files import DayTables

OF_LOGS = (
    *(*KEY, "exenames", "logs", "nprocs", "start_time", "end_time", "fsname"),
    *("bytes_read", "bytes_written"),
)
OF_ACCOUNTS = (
    *(
        "known_by",
        "scheduler",
        "cluster",
        "scheduler_jobid",
        "submit",
        "jobid_shown",
        "account",
        "partition",
    ),
    *("nodes", "nodelist", "job_start", "job_end", "server_job"),
    *("server_bytes_read", "server_bytes_written"),
)
OTHERS = (*OF_LOGS, *OF_ACCOUNTS, "shared_nodes")
"""What is read of other jobs: who they were, when, and what they moved. Those of a day without a
scheduler and job_stats have `OF_LOGS` alone.
"""
FOREVER = 2**62


def identity(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells the job of a row from all others: of the scheduler where it knows the job, else
    by whose it would be.
    """
    if row.get("scheduler_jobid") is not None:
        return "", row["cluster"], row["scheduler_jobid"], row["submit"]
    entry = None if row["jobid"] else row.get("server_job")
    return (*(row[name] for name in KEY), entry, row.get("scheduler"))


def others(
    day: DayTables, belonging: Belonging, instance: str, one: Row, mine: Sequence[Row]
) -> list[Row]:
    """Other jobs in the time that is looked at, most bytes first.

    Parameters
    ----------
    day : DayTables
    belonging : Belonging
    instance : str
        Of the job's logs.
    one : dict
        A row of the job.
    mine : sequence of dict
        Its rows on file systems.
    """
    used = [row["fsname"] for row in mine]
    if one["start_time"] is None:
        return []
    starts = [int(row["fs_start"]) for row in mine if row.get("fs_start") is not None]
    ends = [int(row["fs_end"]) for row in mine if row.get("fs_end") is not None]
    end = one["end_time"]
    if end is None and one["logs"]:
        return []
    span = (
        min([one["start_time"], *starts]),
        FOREVER if end is None else max([end + 1, *ends]),
    )
    if day.has_records:
        found = _of_union(day, belonging, one, used, span)
    elif not used:
        return []
    else:
        found = _of_logs(day, instance, used, span)
    mine_is = identity(one)
    rows = [row for row in found if identity(row) != mine_is]
    return sorted(rows, key=_order)


def _order(row: Row) -> tuple[Any, ...]:
    shared = row.get("shared_nodes") or 0
    return -row["bytes_moved"], -shared, row["jobid"] or "", row["fsname"] or ""


def _of_logs(
    day: DayTables, instance: str, used: Sequence[str], span: tuple[int, int]
) -> list[Row]:
    import pyarrow.compute as pc

    wanted = pc.field("fsname").isin(used) & running(*span)
    rows: list[Row] = read_table(day.of(LOGS)[instance], wanted, OF_LOGS).to_pylist()
    return rows


def _of_union(
    day: DayTables,
    belonging: Belonging,
    one: Row,
    used: Sequence[str],
    span: tuple[int, int],
) -> list[Row]:
    import pyarrow.compute as pc

    table = read_day(day, belonging, JobFilter(between=span), [*OF_LOGS, *OF_ACCOUNTS])
    if used:
        there = pc.field("fsname").isin(used) | (pc.field("known_by") == "scheduler")
        table = table.filter(there)
    rows: list[Row] = table.to_pylist()
    own = _nodes(one)
    for row in rows:
        theirs = _nodes(row) if row["cluster"] == one["cluster"] else frozenset()
        row["shared_nodes"] = len(own & theirs) if own and theirs else None
    return rows


def _nodes(row: Mapping[str, Any]) -> frozenset[str]:
    """The nodes of a job; none where its list is not known, or is not one."""
    try:
        return frozenset(node_lists.expand(row.get("nodelist") or ""))
    except ValueError:
        return frozenset()
