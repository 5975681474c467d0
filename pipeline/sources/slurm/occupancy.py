"""Jobs to figures over time: how many ran, and on how many nodes, in each partition and row.

A figure is the mean of its row's time. A node counts once, however many jobs share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archive_tools.core import node_lists
from archive_tools.core.arrays import Float64, Int64
from pipeline.sources.slurm.jobs import Job

MOST_ENTRIES = 20_000_000
"""Nodes of all jobs of a partition that are told apart."""
SECOND_BITS = 34
SECOND_MASK = (1 << SECOND_BITS) - 1
"""Bits that hold every time; those above are the number of a node."""
NO_PARTITION = "unknown"
"""The column of jobs that do not say theirs."""


@dataclass(frozen=True)
class Rows:
    """Rows of time: `count` of `step` seconds from `start` on."""

    start: int
    step: int
    count: int

    @property
    def end(self) -> int:
        return self.start + self.count * self.step


def by_partition(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    """Jobs that had nodes, by partition."""
    found: dict[str, list[Job]] = {}
    for job in jobs:
        if job.start is not None and job.last > job.start:
            found.setdefault(job.partition or NO_PARTITION, []).append(job)
    return dict(sorted(found.items()))


def running(jobs: Sequence[Job], rows: Rows) -> Float64:
    """How many jobs ran: float64 (rows,), the mean of each row."""
    first = np.array([job.start or 0 for job in jobs], dtype=np.int64)
    return _mean(first, np.array([job.last for job in jobs], dtype=np.int64), None, rows)


def busy(jobs: Sequence[Job], rows: Rows) -> Float64:
    """How many nodes had a job: float64 (rows,), the mean of each row. Of a job that does not name
    its nodes their number counts, as if it shared none; so of the largest ones, where all jobs
    together name more than `MOST_ENTRIES`.
    """
    named: list[Job] = []
    others: list[Job] = []
    room = MOST_ENTRIES
    for job in sorted(jobs, key=lambda job: job.nodes or 0):
        size = 0 if job.nodelist is None else node_lists.count(job.nodelist)
        room -= size
        (named if size and room >= 0 else others).append(job)
    first = np.array([job.start or 0 for job in others], dtype=np.int64)
    last = np.array([job.last for job in others], dtype=np.int64)
    weight = np.array([job.nodes or 0 for job in others], dtype=np.float64)
    return _mean(first, last, weight, rows) + _mean(*_merged(named), None, rows)


def _mean(first: Int64, last: Int64, weight: Float64 | None, rows: Rows) -> Float64:
    """The mean in each row of how many of the intervals ``[first, last)`` are there."""
    weight = np.ones(len(first)) if weight is None else weight
    moment = np.concatenate([first, last]).clip(rows.start, rows.end) - rows.start
    change = np.concatenate([weight, -weight])
    row, within = moment // rows.step, moment % rows.step
    part = np.bincount(row, change * (rows.step - within), rows.count + 1)
    whole = np.cumsum(np.bincount(row + 1, change, rows.count + 2))
    found: Float64 = part[: rows.count] / rows.step + whole[: rows.count]
    return np.maximum(found, 0.0)


def _merged(jobs: Sequence[Job]) -> tuple[Int64, Int64]:
    """The times in which a node had a job, of each node: their starts and ends."""
    number: dict[str, int] = {}
    lists: dict[str, npt.NDArray[np.int32]] = {}
    for text in {job.nodelist or "" for job in jobs}:
        names = node_lists.expand(text)
        lists[text] = np.array([number.setdefault(one, len(number)) for one in names], np.int32)
    sizes = [len(lists[job.nodelist or ""]) for job in jobs]
    node = np.concatenate([np.empty(0, np.int32), *(lists[job.nodelist or ""] for job in jobs)])
    first = np.repeat(np.array([job.start or 0 for job in jobs], dtype=np.int64), sizes)
    last = np.repeat(np.array([job.last for job in jobs], dtype=np.int64), sizes)
    order = np.lexsort((first, node))
    key = node[order].astype(np.int64) << SECOND_BITS  # later nodes are after all times of others
    first, last = key + first[order], key + last[order]
    reached = np.maximum.accumulate(last)
    begins = np.ones(len(first), dtype=bool)
    begins[1:] = first[1:] > reached[:-1]
    ends = np.append(begins[1:], True)[: len(first)]
    return first[begins] & SECOND_MASK, reached[ends] & SECOND_MASK
