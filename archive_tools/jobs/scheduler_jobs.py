"""The scheduler's account of a day: a row a job, and which job a log or an entry of job_stats is
of.

A job is its cluster, id and submit time; one that was requeued is one, with the state of its last
start. Slurm submits such a job anew, under its id, when a start of it ends: a record of the same
user that was submitted between the start and the end of the one before, or up to `CLOCKS` later, is
of the same job. An id that is used again is another job: what has the id belongs to the job in
whose time it was, and to none where two could be meant or the user is another.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archive_tools.jobs.table_files import SLURM, DayTables, named

if TYPE_CHECKING:
    import pyarrow as pa

IDENTITY = ("cluster", "jobid", "submit")
LAST = ("jobid_shown", "account", "user", "uid", "partition", "qos", "state", "nodes", "nodelist")
COLUMNS = (*IDENTITY, "start", "end", *LAST, "node_seconds_day")
TIMES = ("job_start", "job_end", "last_submit")
CLOCKS = 300
"""Seconds by which the clock of a log may differ from the scheduler's, and by which a job that is
requeued may be submitted again after its end.
"""
SNAPSHOTS = 3600
"""Seconds after a job's end up to which its entry of job_stats may be seen first."""
Span = tuple[int | None, int | None]


def read_scheduled(day: DayTables, ids: Collection[str] = ()) -> pa.Table:
    """The jobs of a day that have started, of all schedulers.

    Parameters
    ----------
    day : DayTables
    ids : collection of str
        Only jobs of these ids, as Slurm has them or as it shows them; default all.

    Returns
    -------
    pyarrow.Table
        `scheduler` (the instance), `IDENTITY`, `LAST`, job_start, job_end (null: not known),
        last_submit (of the last start; `submit` is that of the first), node_seconds (of this day),
        starts.
    """
    import pyarrow as pa

    found = [_read(name, path, ids) for name, path in day.of(SLURM).items()]
    return pa.concat_tables(found, promote_options="default") if found else _empty()


def _read(instance: str, path: Path, ids: Collection[str]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    of_ids = pc.field("jobid").isin(list(ids)) | pc.field("jobid_shown").isin(list(ids))
    in_order = pc.ScalarAggregateOptions(skip_nulls=False)
    with named(path):
        rows = pq.read_table(path, columns=list(COLUMNS), filters=of_ids if ids else None)
        rows = _of_whole_jobs(rows.sort_by([(name, "ascending") for name in (*IDENTITY, "start")]))
        jobs = rows.group_by(list(IDENTITY), use_threads=False).aggregate(
            [
                ("start", "min"),
                ("start", "count"),
                ("end", "last", in_order),
                ("node_seconds_day", "sum"),
                ("last_submit", "last", in_order),
                *((name, "last", in_order) for name in LAST),
            ]
        )
        columns = {
            "scheduler": pa.array([instance] * jobs.num_rows, pa.string()),
            **{name: jobs[name] for name in IDENTITY},
            **{name: jobs[f"{name}_last"] for name in LAST},
            "job_start": jobs["start_min"],
            "job_end": jobs["end_last"],
            "node_seconds": jobs["node_seconds_day_sum"],
            "last_submit": jobs["last_submit_last"],
            "starts": jobs["start_count"],
        }
        found = pa.table(columns).select(schema().names).cast(schema())
        return found.filter(pc.field("job_start").is_valid())


def _of_whole_jobs(rows: pa.Table) -> pa.Table:
    """Sorted rows with `submit` of the first start of their job, and their own as `last_submit`; of
    a job that waits to start again, `end` is that of its last start.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    before, after = rows.slice(0, max(rows.num_rows - 1, 0)), rows.slice(1)

    def is_same(name: str) -> pa.ChunkedArray:
        both_unknown = pc.and_(pc.is_null(before[name]), pc.is_null(after[name]))
        return pc.or_(pc.fill_null(pc.equal(before[name], after[name]), False), both_unknown)

    since, until = before["start"], pc.add(before["end"], CLOCKS)
    is_again = pc.and_(
        pc.greater_equal(after["submit"], since), pc.less_equal(after["submit"], until)
    )
    is_again = pc.and_(pc.fill_null(is_again, False), is_same("uid"))
    is_same_id = pc.and_(is_same("cluster"), is_same("jobid"))
    is_next = pc.and_(is_same_id, pc.or_(is_again, is_same("submit")))
    first, ends = np.arange(rows.num_rows), np.arange(rows.num_rows)
    first[1:][np.asarray(is_next, np.bool_)] = 0
    ends[1:] -= np.asarray(pc.and_(is_next, pc.is_null(after["start"])), np.bool_)
    places = {"submit": np.maximum.accumulate(first), "end": ends}
    own = rows["submit"]
    for name, of in places.items():
        taken = rows[name].take(pa.array(of, pa.int64()))
        rows = rows.set_column(rows.schema.get_field_index(name), name, taken)
    return rows.append_column("last_submit", own)


def goes_on(job_end: int | None, state: str | None, end: int) -> bool:
    """Whether a job runs, or waits to start again, at a time."""
    return job_end is None or job_end >= end or state == "PENDING"


def schema() -> pa.Schema:
    """The columns of `read_scheduled`."""
    import pyarrow as pa

    texts = {"scheduler", "cluster", "jobid", "jobid_shown", "account", "user", "partition"}
    texts |= {"qos", "state", "nodelist"}
    names = ("scheduler", *IDENTITY, *LAST, *TIMES, "node_seconds", "starts")
    return pa.schema([(name, pa.string() if name in texts else pa.int64()) for name in names])


def _empty() -> pa.Table:
    return schema().empty_table()


class Schedule:
    """Finds the job of an id and a time.

    Parameters
    ----------
    jobs : pyarrow.Table
        Of `read_scheduled`.
    """

    def __init__(self, jobs: pa.Table) -> None:
        names = ("scheduler", "jobid", "jobid_shown", "uid", "job_start", "job_end")
        columns = {name: jobs[name].to_pylist() for name in names}
        self._uids: list[int | None] = columns["uid"]
        self._starts: list[int] = columns["job_start"]
        self._ends: list[int | None] = columns["job_end"]
        self._by_id: dict[tuple[str, str], list[int]] = {}
        for row, (scheduler, jobid, shown) in enumerate(
            zip(columns["scheduler"], columns["jobid"], columns["jobid_shown"], strict=True)
        ):
            for name in dict.fromkeys((jobid, shown)):
                if name is not None:
                    self._by_id.setdefault((scheduler, name), []).append(row)

    def job_of(
        self, scheduler: str, jobid: str | None, uid: int | None, span: Span, slack: int
    ) -> int | None:
        """The row of the job that something is of; None where it is of none, or of which is not
        known.

        Parameters
        ----------
        scheduler : str
        jobid : str, optional
            As Slurm has it or shows it, with or without a step or host after a dot.
        uid : int, optional
            Of the user, where it is known: that of the job must be the same.
        span : tuple of int, optional
            When it began and ended; it is of the job whose time is nearest.
        slack : int
            Seconds that may be between them.
        """
        first, last = span
        if jobid is None or first is None or last is None:
            return None
        rows = self._by_id.get((scheduler, jobid))
        if rows is None:
            rows = self._by_id.get((scheduler, jobid.partition(".")[0]), [])
        if len(rows) == 1:
            (row,) = rows
            is_near = self._is_of(row, uid) and self._apart(row, first, last) <= slack
            return row if is_near else None
        apart = [(self._apart(row, first, last), row) for row in rows if self._is_of(row, uid)]
        near = sorted(one for one in apart if one[0] <= slack)
        if not near or (len(near) > 1 and near[0][0] == near[1][0]):
            return None
        return near[0][1]

    def _is_of(self, row: int, uid: int | None) -> bool:
        own = self._uids[row]
        return own is None or uid is None or uid < 0 or own == uid

    def _apart(self, row: int, first: int, last: int) -> int:
        """Seconds between a time and that of a job; 0 where they overlap."""
        end = self._ends[row]
        return max(0, self._starts[row] - last, 0 if end is None else first - end)
