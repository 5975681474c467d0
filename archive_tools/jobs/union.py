"""The jobs of a day as the application, the servers and the scheduler know them: one row a job and
file system, made when it is read.

Rows of three tables are found for each other (`Schedule.job_of`), and set side by side: logs, what
job_stats have of the same job and file system, and the scheduler's account of the job, which every
row of the job repeats. What one of them does not know is null. Rows are of the day: a job of
several days has some on each.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archive_tools.core.day import Day
from archive_tools.formats import jobs_file
from archive_tools.jobs import scheduler_jobs, server_jobs
from archive_tools.jobs.belonging import Belonging
from archive_tools.jobs.scheduler_jobs import CLOCKS, SNAPSHOTS, Schedule
from archive_tools.jobs.table_files import LOGS, SLURM, DayTables, named, with_derived

if TYPE_CHECKING:
    import pyarrow as pa

OF_SCHEDULER = (
    *("cluster", "submit", "jobid_shown", "account", "partition", "qos", "state", "nodes"),
    *("nodelist", "node_seconds", "starts", "job_start", "job_end", "last_submit"),
)
"""Columns of the scheduler's account."""
OF_SERVERS = {
    "server_bytes_read": "bytes_read",
    "server_bytes_written": "bytes_written",
    "server_reads": "reads",
    "server_writes": "writes",
    "server_opens": "opens",
    "server_first_seen": "first_seen",
    "server_last_seen": "last_seen",
    "server_job": "job",
}
"""Columns of the servers' account: theirs, and those of `server_jobs.read_served`."""
DIFFERENCES = ("difference_read", "difference_written")
KNOWN_BY = "known_by"
ADDED = (
    *(*OF_SCHEDULER, "scheduler_jobid", *OF_SERVERS, *DIFFERENCES),
    *(KNOWN_BY, "logs_instance", "scheduler"),
)
"""Columns that a table of logs does not have."""


def added_fields() -> list[pa.Field]:
    """`ADDED` with their types."""
    import pyarrow as pa

    texts = {"cluster", "jobid_shown", "account", "partition", "qos", "state", "nodelist"}
    texts |= {"scheduler_jobid", "server_job", KNOWN_BY, "logs_instance", "scheduler"}
    return [pa.field(name, pa.string() if name in texts else pa.int64()) for name in ADDED]


@dataclass
class _Rows:
    """Rows of the union: which row of each table they are made of; None is none."""

    logs: list[int | None]
    served: list[int | None]
    scheduled: list[int | None]

    def add(self, log: int | None, served: int | None, job: int | None) -> None:
        self.logs.append(log)
        self.served.append(served)
        self.scheduled.append(job)


def read_union(
    day: DayTables, belonging: Belonging, ids: Collection[str] = (), *, logs_alone: bool = False
) -> pa.Table:
    """All jobs of a day that has an account of a scheduler or of servers.

    Parameters
    ----------
    day : DayTables
    belonging : Belonging
    ids : collection of str
        Only jobs of these ids; default all.
    logs_alone : bool
        Only jobs that have logs, without what the servers say, and without node-seconds: of a
        day that another one is looked at with.

    Returns
    -------
    pyarrow.Table
        The columns of a table of logs, `ADDED` and `DERIVED`.
    """
    import pyarrow as pa

    scheduled = scheduler_jobs.read_scheduled(day, ids)
    if ids:
        ids = {*ids, *scheduled["jobid"].to_pylist(), *scheduled["jobid_shown"].to_pylist()}
    logs, instances = _logs(day, ids)
    served = (
        server_jobs.schema().empty_table()
        if logs_alone
        else server_jobs.read_served(day, belonging.lustre_to_fsname, ids)
    )
    finder = _Finder(Schedule(scheduled), belonging, tuple(day.of(SLURM)))
    log_jobs = finder.of_logs(logs, instances)
    of_served = finder.schedulers(served["instance"].to_pylist())
    served, served_jobs = _each_job_once(served, finder.of_served(served), of_served)
    of_logs = finder.schedulers(instances)
    of_served = finder.schedulers(served["instance"].to_pylist())
    rows = _put_together(logs, log_jobs, of_logs, served, served_jobs, of_served)
    if not logs_alone:
        shown = {job for job in rows.scheduled if job is not None}
        for job in range(scheduled.num_rows):
            if job not in shown:
                rows.add(None, None, job)
    found = _table(rows, logs, served, scheduled, Day(day.date, belonging.timezone))
    known = pa.array(instances, pa.string()).take(pa.array(rows.logs, pa.int64()))
    found = found.append_column("logs_instance", known)
    found = found.append_column("scheduler", _schedulers(rows, of_logs, of_served, scheduled))
    if not logs_alone:
        return found
    place = found.schema.get_field_index("node_seconds")
    return found.set_column(place, "node_seconds", pa.nulls(found.num_rows, pa.int64()))


def _logs(day: DayTables, ids: Collection[str]) -> tuple[pa.Table, list[str]]:
    """All rows of the day's logs, and the instance of each."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    wanted = pc.field("jobid").isin([one for one in ids if one is not None]) if ids else None
    tables, instances = [jobs_file.schema().empty_table()], list[str]()
    for name, path in day.of(LOGS).items():
        with named(path):
            found = pq.read_table(path, filters=wanted).replace_schema_metadata()
            found = pa.concat_tables([tables[0], found], promote_options="default")
            tables.append(found)
            instances += [name] * found.num_rows
    return pa.concat_tables(tables, promote_options="default"), instances


class _Finder:
    """The scheduler's job of each row of another table."""

    def __init__(self, schedule: Schedule, belonging: Belonging, there: Sequence[str]) -> None:
        self._schedule, self._belonging, self._there = schedule, belonging, there

    def schedulers(self, instances: Sequence[str]) -> list[str]:
        """Of instances of logs or job_stats: whose jobs they have; "" is not known."""
        theirs = {name: self._belonging.scheduler_of(name, self._there) for name in set(instances)}
        return [theirs[name] for name in instances]

    def of_logs(self, logs: pa.Table, instances: Sequence[str]) -> list[int | None]:
        names = ("jobid", "uid", "start_time", "end_time")
        return self._found(instances, *(logs[name].to_pylist() for name in names), slack=CLOCKS)

    def of_served(self, served: pa.Table) -> list[int | None]:
        names = ("instance", "jobid", "uid", *server_jobs.SEEN)
        return self._found(*(served[name].to_pylist() for name in names), slack=SNAPSHOTS)

    def _found(
        self,
        instances: Sequence[str],
        jobids: list[str | None],
        uids: list[int | None],
        firsts: list[int | None],
        lasts: list[int | None],
        *,
        slack: int,
    ) -> list[int | None]:
        rows = zip(self.schedulers(instances), jobids, uids, firsts, lasts, strict=True)
        return [
            self._schedule.job_of(name, jobid, uid, (first, last), slack)
            for name, jobid, uid, first, last in rows
        ]


def _each_job_once(
    served: pa.Table, jobs: list[int | None], schedulers: list[str]
) -> tuple[pa.Table, list[int | None]]:
    """One row for each job and file system: ids such as ``12.0`` and ``12.1`` may be of one, and
    its targets in several instances. What no scheduler knows is of one job where the ids are the
    same, and the site says that the instances are of the same scheduler.
    """
    import pyarrow as pa

    names = {name: served[name].to_pylist() for name in ("instance", "job", "fsname")}
    groups: dict[Hashable, int] = {}
    first, whose = list[int](), list[int]()
    for row, (job, scheduler, instance, name, fsname) in enumerate(
        zip(jobs, schedulers, *names.values(), strict=True)
    ):
        unknown = (scheduler, "" if scheduler else instance, name)
        whose.append(groups.setdefault((unknown if job is None else job, fsname), len(groups)))
        if len(groups) > len(first):
            first.append(row)
    if len(first) == len(jobs):
        return served, jobs
    own = served.select(["instance", *server_jobs.KEYS]).take(pa.array(first, pa.int64()))
    rows = served.append_column("group", pa.array(whose, pa.int64()))
    summed = server_jobs.totals(rows, ["group"]).sort_by("group")
    for name in own.column_names:
        summed = summed.append_column(name, own[name])
    return summed.select(served.column_names), [jobs[row] for row in first]


def _put_together(
    logs: pa.Table,
    log_jobs: list[int | None],
    of_logs: list[str],
    served: pa.Table,
    served_jobs: list[int | None],
    of_served: list[str],
) -> _Rows:
    """Rows of logs, each with what the servers have of the same job and file system; then what they
    have of others. An id that no scheduler knows is the same job where the site says that both are
    of the same scheduler, or of none.
    """
    waiting: dict[Hashable, list[int]] = defaultdict(list)
    ids, names = served["jobid"].to_pylist(), served["fsname"].to_pylist()
    for row, one in enumerate(zip(served_jobs, of_served, ids, names, strict=True)):
        waiting[_key(*one)].append(row)
    users = defaultdict[tuple[str, str], set[tuple[int, str]]](set)
    jobids = logs["jobid"].to_pylist()
    whose = zip(logs["uid"].to_pylist(), logs["username"].to_pylist(), strict=True)
    for of, jobid, user in zip(of_logs, jobids, whose, strict=True):
        users[of, jobid].add(user)
    rows = _Rows([], [], [])
    for row, (job, of, jobid, fsname) in enumerate(
        zip(log_jobs, of_logs, jobids, logs["fsname"].to_pylist(), strict=True)
    ):
        is_known = job is not None or (jobid is not None and len(users[of, jobid]) == 1)
        there = waiting.get(_key(job, of, jobid, fsname)) if is_known else None
        rows.add(row, there.pop(0) if there else None, job)
    for row in sorted(row for some in waiting.values() for row in some):
        rows.add(None, row, served_jobs[row])
    return rows


def _key(job: int | None, scheduler: str, jobid: str | None, fsname: str | None) -> Hashable:
    return ((scheduler, jobid) if job is None else job), fsname


def _schedulers(
    rows: _Rows, of_logs: list[str], of_served: list[str], scheduled: pa.Table
) -> pa.Array:
    """Whose job each row is of; null is not known."""
    import pyarrow as pa

    of_jobs = scheduled["scheduler"].to_pylist()
    found = [
        (log is not None and of_logs[log])
        or (served is not None and of_served[served])
        or (job is not None and of_jobs[job])
        or None
        for log, served, job in zip(rows.logs, rows.served, rows.scheduled, strict=True)
    ]
    return pa.array(found, pa.string())


def _table(
    rows: _Rows, logs: pa.Table, served: pa.Table, scheduled: pa.Table, day: Day
) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    own, theirs, account = (
        table.take(pa.array(places, pa.int64()))
        for table, places in (
            (logs, rows.logs),
            (served, rows.served),
            (scheduled, rows.scheduled),
        )
    )
    columns = {name: own[name] for name in own.column_names}
    columns["date"] = pa.chunked_array([pa.array([str(day)] * len(rows.logs), pa.string())])
    columns["logs"] = pc.fill_null(columns["logs"], 0)
    for name, others in {
        "jobid": (account["jobid"], theirs["jobid"]),
        "uid": (account["uid"], theirs["uid"]),
        "username": (account["user"],),
        "exenames": (theirs["exe"],),
        "fsname": (theirs["fsname"],),
        "start_time": (account["job_start"], theirs["first_seen"]),
        "end_time": (account["job_end"], theirs["last_seen"]),
    }.items():
        columns[name] = _where(rows.logs, columns[name], pc.coalesce(*others))
    columns |= {name: account[name] for name in OF_SCHEDULER}
    columns["scheduler_jobid"] = account["jobid"]
    columns |= {name: theirs[of] for name, of in OF_SERVERS.items()}
    comparable = _comparable(columns, day)
    for name, server, mine in zip(
        DIFFERENCES, ("server_bytes_read", "server_bytes_written"), server_jobs.SUMS, strict=False
    ):
        apart = pc.subtract(columns[server], columns[mine])
        columns[name] = pc.if_else(comparable, apart, pa.scalar(None, pa.int64()))
    columns[KNOWN_BY] = pa.chunked_array([pa.array(_known_by(rows), pa.string())])
    return with_derived(pa.table(columns))


def _where(logs: list[int | None], own: Any, other: Any) -> Any:
    """What the logs say of rows that have some; of the others what else is known."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pa.array([row is not None for row in logs], pa.bool_()), own, other)


def _comparable(columns: dict[str, Any], day: Day) -> Any:
    """Whether the servers' bytes and those of the logs are of the same: the job was of this day
    alone, its logs are whole, and the servers were looked at after its end.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    start = pc.coalesce(columns["job_start"], columns["start_time"])
    is_scheduled = columns["job_start"].is_valid()
    end = pc.if_else(is_scheduled, columns["job_end"], columns["end_time"])
    within = pc.and_(
        pc.greater_equal(start, pa.scalar(day.start)), pc.less(end, pa.scalar(day.end))
    )
    seen = pc.greater_equal(columns["server_last_seen"], columns["end_time"])
    partial = columns.get("partial_modules")
    whole = pc.and_(within, seen)
    return whole if partial is None else pc.and_(whole, partial.is_null())


def _known_by(rows: _Rows) -> list[str]:
    words = ("logs", "servers", "scheduler")
    texts = {
        there: ",".join(itertools.compress(words, there))
        for there in itertools.product((False, True), repeat=len(words))
    }
    return [
        texts[log is not None, served is not None, job is not None]
        for log, served, job in zip(rows.logs, rows.served, rows.scheduled, strict=True)
    ]
