"""Jobs out of rows of accounting: one a job and start, of several records of it the newest.

A job is known by cluster, job id and submit time, for ids are used again. One that was requeued has
a row for each start. What its steps used is added up in the row of the start that they belong to.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from archive_tools.core import node_lists
from archive_tools.core.printable import clean
from pipeline.sources.slurm import columns
from pipeline.sources.slurm.lines import Problem, Row

RUNNING = ("RUNNING", "SUSPENDED", "COMPLETING", "RESIZING")
"""States of a job that is not over and has nodes."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the steps of a job used, as far as it is known.

    Attributes
    ----------
    steps : int
    max_rss : int or None
        Bytes of the largest task.
    disk_read, disk_written : int or None
        Bytes of all steps.
    """

    steps: int = 0
    max_rss: int | None = None
    disk_read: int | None = None
    disk_written: int | None = None

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.steps + other.steps,
            _of_known(max, self.max_rss, other.max_rss),
            _of_known(_sum, self.disk_read, other.disk_read),
            _of_known(_sum, self.disk_written, other.disk_written),
        )


def _sum(one: int, other: int) -> int:
    return min(one + other, columns.LARGEST)


def _of_known(how, one: int | None, other: int | None) -> int | None:  # type: ignore[no-untyped-def]
    if one is None or other is None:
        return one if other is None else other
    return int(how(one, other))


@dataclass(frozen=True, slots=True)
class Job:
    """A job, or one of its starts where it was requeued; None is what is not known. The fields are
    the columns of the table, `docs/format.md` says what each is.
    """

    cluster: str | None
    jobid: str
    submit: int | None
    start: int | None
    end: int | None
    eligible: int | None
    seen: int
    """When the record was made, epoch seconds."""
    shown: str
    account: str | None
    user: str | None
    uid: int | None
    partition: str | None
    qos: str | None
    state: str | None
    cancelled_by: int | None
    exit_code: int | None
    exit_signal: int | None
    elapsed: int | None
    suspended: int | None
    timelimit: int | None
    nodes: int | None
    nodelist: str | None
    cpus: int | None
    name: str | None
    usage: Usage = field(default=Usage())

    @property
    def last(self) -> int:
        """When it ended; of one that did not, when it was last seen."""
        return self.seen if self.end is None else self.end

    @property
    def had_nodes(self) -> bool:
        return self.start is not None and bool(self.nodes) and self.state != "PENDING"

    def concerns(self, start: int, end: int) -> bool:
        """Whether it waited, ran or ended at some second of ``[start, end)``."""
        known = [time for time in (self.submit, self.eligible, self.start) if time is not None]
        return min(known, default=self.last) < end and self.last >= start

    def seconds(self, start: int, end: int) -> int | None:
        """For how long it ran in ``[start, end)``; None where it never did."""
        if self.start is None:
            return None
        return max(0, min(self.last, end) - max(self.start, start))

    def node_seconds(self, start: int, end: int) -> int | None:
        """Nodes times seconds in ``[start, end)``."""
        seconds = self.seconds(start, end)
        return None if seconds is None or self.nodes is None else self.nodes * seconds


Owner = tuple[str | None, str]
StepId = tuple[str, int | None]


@dataclass
class Answer:
    """What one file says.

    Attributes
    ----------
    seen : int
        When it was made: as the time for which running jobs had run says, else when the file was
        last changed; no later than that.
    jobs : list of Job
    steps : dict
        Cluster and job id to the steps, by their ids and starts.
    others : set of str
        Clusters of the rows that do not count.
    """

    seen: int
    jobs: list[Job] = field(default_factory=list)
    steps: dict[Owner, dict[StepId, Usage]] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)


def answer_of(
    rows: Iterable[Row], changed: int, zone: str, cluster: str, problem: Problem
) -> Answer:
    """The jobs and steps of a file's rows; `problem` is told of a row that says something
    impossible, which costs it.
    """
    found = Answer(changed)
    running = ended = 0
    for row in rows:
        try:
            of_cluster = columns.text(row.get("cluster", "")) or cluster or None
            if of_cluster and cluster not in ("", of_cluster):
                found.others.add(of_cluster)
                continue
            number = row.get("jobidraw") or row.get("jobid", "")
            jobid, dot, step = number.partition(".")
            if not jobid[:1].isdigit() or not number.isprintable() or len(number) > 60:
                raise ValueError(f"{number[:60]!r} is not a job id")
            if dot:
                its = found.steps.setdefault((of_cluster, jobid), {})
                at = step, next(iter(columns.instants(row.get("start", ""), zone)), None)
                its[at] = max(its.get(at, Usage()), _usage(row), key=repr)
                continue
            job = _job(row, of_cluster, jobid, zone)
            found.jobs.append(job)
            ended = max(ended, job.end or 0)
            if job.start is not None and job.state in RUNNING and job.elapsed is not None:
                running = max(running, job.start + job.elapsed + (job.suspended or 0))
        except ValueError as error:
            problem(f"line {row['line']}: {clean(str(error))}")
    found.seen = min(max(running, ended), changed) if running else changed
    found.jobs = [dataclasses.replace(job, seen=found.seen) for job in found.jobs]
    return found


def _job(row: Row, cluster: str | None, jobid: str, zone: str) -> Job:
    def cell(name: str) -> str:
        return row.get(name, "")

    elapsed = columns.span(cell("elapsedraw") or cell("elapsed"))
    suspended = columns.span(cell("suspended"))
    apart = None if elapsed is None else elapsed + (suspended or 0)
    start, end = columns.agreed(
        columns.instants(cell("start"), zone), columns.instants(cell("end"), zone), apart
    )
    if start is not None and end is not None and end < start:
        raise ValueError(f"job {jobid} ends before it starts")
    word, by = columns.state(cell("state"))
    code, signal = columns.pair(cell("exitcode"))
    nodelist = columns.text(cell("nodelist"))
    listed = None if nodelist is None else node_lists.count(nodelist)
    nodes = columns.whole(cell("nnodes") or cell("allocnodes"))
    if (nodes or 0) > node_lists.MOST_NODES:
        raise ValueError(f"job {jobid} has {nodes} nodes")
    if start is not None and nodelist is None and "nodelist" in row:
        start, end = (start, end) if elapsed else (None, end)  # cancelled before it had nodes
    stamps = {
        name: next(iter(columns.instants(cell(name), zone)), None)
        for name in ("submit", "eligible")
    }
    return Job(
        cluster=cluster,
        jobid=jobid,
        submit=stamps["submit"],
        start=start,
        end=end,
        eligible=stamps["eligible"],
        seen=0,
        shown=cell("jobid") or jobid,
        account=columns.text(cell("account")),
        user=columns.text(cell("user")),
        uid=columns.whole(cell("uid")),
        partition=columns.text(cell("partition")),
        qos=columns.text(cell("qos")),
        state=word,
        cancelled_by=by,
        exit_code=code,
        exit_signal=signal,
        elapsed=elapsed,
        suspended=suspended,
        timelimit=_minutes(cell("timelimitraw")),
        nodes=listed if nodes is None else nodes,
        nodelist=nodelist,
        cpus=columns.whole(cell("alloccpus") or cell("ncpus")),
        name=cell("jobname") if "jobname" in row else None,
    )


def _minutes(cell: str) -> int | None:
    """Seconds of a limit, which sacct has in minutes."""
    minutes = columns.whole(cell) if cell[:1].isdigit() else None
    return None if minutes is None else minutes * 60


def _usage(row: Row) -> Usage:
    return Usage(
        1,
        columns.size(row.get("maxrss", "")),
        columns.disk(row.get("tresusageintot", "")),
        columns.disk(row.get("tresusageouttot", "")),
    )


def united(answers: Iterable[Answer], start: int, end: int) -> list[Job]:
    """The jobs of all answers that concern ``[start, end)``, sorted; of each start the newest
    record, with what the steps used that any answer has.
    """
    newest: dict[tuple[object, ...], Job] = {}
    steps: dict[Owner, dict[StepId, tuple[int, Usage]]] = {}
    for answer in answers:
        for job in answer.jobs:
            if job.concerns(start, end):
                key = job.cluster, job.jobid, job.submit, job.start
                if key not in newest or _age(job) > _age(newest[key]):
                    newest[key] = job
        for owner, its in answer.steps.items():
            known = steps.setdefault(owner, {})
            for at, usage in its.items():
                known[at] = max(known.get(at, (-1, usage)), (answer.seen, usage), key=repr)
    alone = _without_forerunners(newest.values())
    return sorted(_with_usage(alone, steps), key=order)


def order(job: Job) -> tuple[object, ...]:
    """By which jobs are sorted: identity, then start."""
    absent = -1
    return (
        job.cluster or "",
        len(job.jobid),
        job.jobid,
        absent if job.submit is None else job.submit,
        absent if job.start is None else job.start,
    )


def _age(job: Job) -> tuple[object, ...]:
    """What is newer of two records of one start: one with an end, for what ended does not run
    again; else the one seen later; else any, the same whatever their order.
    """
    return job.end is not None, job.seen, job.end or 0, repr(job)


def _without_forerunners(jobs: Iterable[Job]) -> list[Job]:
    """Without records of a job that had not started, where it has since."""
    found = list(jobs)
    started = {
        (job.cluster, job.jobid, job.submit): job.seen for job in found if job.start is not None
    }
    return [
        job
        for job in found
        if job.start is not None or job.seen > started.get((job.cluster, job.jobid, job.submit), -1)
    ]


def _with_usage(
    jobs: list[Job], steps: Mapping[Owner, Mapping[StepId, tuple[int, Usage]]]
) -> Iterator[Job]:
    """The jobs with what their steps used: a step is of the last start that is not after its own,
    else of the first.
    """
    starts: dict[Owner, list[int]] = {}
    for job in jobs:
        if job.start is not None:
            starts.setdefault((job.cluster, job.jobid), []).append(job.start)
    for job in jobs:
        owner = job.cluster, job.jobid
        of_all = starts.get(owner, ())
        usage = Usage()
        for (_, began), (_, its) in steps.get(owner, {}).items():
            before = [one for one in of_all if one <= (job.last if began is None else began)]
            if job.start == max(before, default=min(of_all, default=None)):
                usage += its
        yield dataclasses.replace(job, usage=usage) if usage.steps else job
