"""Who else was there while a job ran: by logs and job_stats on its file systems, and by the
scheduler.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

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

if TYPE_CHECKING:
    import pyarrow as pa

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


class _Found(NamedTuple):
    rows: list[Row]
    others: int


class OtherJobs:
    """The jobs of a day, of which each is beside others; tables are read once, if at all.

    Parameters
    ----------
    day : DayTables
    belonging : Belonging
    most : int, optional
        How many are listed for a job; default all.
    """

    def __init__(self, day: DayTables, belonging: Belonging, most: int | None = None) -> None:
        self.day, self.belonging, self.most = day, belonging, most
        self._tables: dict[str, pa.Table] = {}

    def beside(self, instance: str, one: Row, mine: Sequence[Row]) -> tuple[list[Row], int]:
        """Other jobs in the time that is looked at, most bytes first; and how many they are.

        Parameters
        ----------
        instance : str
            Of the job's logs.
        one : dict
            A row of the job.
        mine : sequence of dict
            Its rows on file systems.
        """
        used = [row["fsname"] for row in mine]
        if one["start_time"] is None:
            return [], 0
        starts = [int(row["fs_start"]) for row in mine if row.get("fs_start") is not None]
        ends = [int(row["fs_end"]) for row in mine if row.get("fs_end") is not None]
        end = one["end_time"]
        if end is None and one["logs"]:
            return [], 0
        span = (
            min([one["start_time"], *starts]),
            FOREVER if end is None else max([end + 1, *ends]),
        )
        if self.day.has_records:
            found = self._of_union(one, used, span)
        elif not used:
            return [], 0
        else:
            found = self._of_logs(instance, one, used, span)
        mine_is = identity(one)
        rows = [row for row in found.rows if identity(row) != mine_is]
        return sorted(rows, key=_order)[: self.most], found.others

    def _of_logs(
        self, instance: str, one: Row, used: Sequence[str], span: tuple[int, int]
    ) -> _Found:
        import pyarrow.compute as pc

        if instance not in self._tables:
            self._tables[instance] = read_table(self.day.of(LOGS)[instance], columns=OF_LOGS)
        there = pc.field("fsname").isin(used) & running(*span)
        return self._largest(self._tables[instance].filter(there), one)

    def _of_union(self, one: Row, used: Sequence[str], span: tuple[int, int]) -> _Found:
        import pyarrow.compute as pc

        if "" not in self._tables:
            columns = [*OF_LOGS, *OF_ACCOUNTS]
            self._tables[""] = read_day(self.day, self.belonging, JobFilter(), columns)
        there = running(*span, is_union=True)
        if used:
            there &= pc.field("fsname").isin(used) | (pc.field("known_by") == "scheduler")
        found = self._largest(self._tables[""].filter(there), one)
        own = _nodes(one)
        for row in found.rows:
            theirs = _nodes(row) if row["cluster"] == one["cluster"] else frozenset()
            row["shared_nodes"] = len(own & theirs) if own and theirs else None
        return found

    def _largest(self, table: pa.Table, one: Row) -> _Found:
        """The rows that may be listed, of the job itself among them; and how many of others there
        are.
        """
        import pyarrow.compute as pc

        id_ = pc.field("jobid")
        same = id_.is_null() if one["jobid"] is None else id_ == one["jobid"]
        own = sum(identity(row) == identity(one) for row in table.filter(same).to_pylist())
        count = len(table) - own
        if self.most is not None and count > self.most:
            order = [("bytes_moved", "descending")]
            largest = pc.select_k_unstable(table, self.most + own, order)
            least = table["bytes_moved"][largest[-1].as_py()]
            table = table.filter(pc.field("bytes_moved") >= least)
        return _Found(table.to_pylist(), count)


def _order(row: Row) -> tuple[Any, ...]:
    shared = row.get("shared_nodes") or 0
    return -row["bytes_moved"], -shared, row["jobid"] or "", row["fsname"] or ""


def _nodes(row: Mapping[str, Any]) -> frozenset[str]:
    """The nodes of a job; none where its list is not known, or is not one."""
    try:
        return frozenset(node_lists.expand(row.get("nodelist") or ""))
    except ValueError:
        return frozenset()
