"""What each job did on a target in a day: growth of its entry from snapshot to snapshot.

What grew between two snapshots is of the day of the first. An entry that a snapshot lacks is over:
when it comes back, it has begun at 0, unless it says that it began at the same time as before. So
has one of which a figure fell, or that says that it began at another time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from archive_tools.core.day import Day
from pipeline.sources.job_stats.entries import COUNTERS, MOST, SINCE, UNKNOWN, Figures
from pipeline.sources.job_stats.snapshots import Snapshot

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class Usage:
    """What the jobs did on one target.

    Attributes
    ----------
    jobs : list of str
        Their ids; the arrays have a row of each.
    counters : numpy.ndarray
        In the order of `table.COLUMNS`; `UNKNOWN` is what the target does not count.
    first, last : numpy.ndarray
        Times of the first and the last snapshot that have the job, the one that closes the day
        among them.
    restarts : numpy.ndarray
        How often its entry began anew.
    """

    jobs: list[str]
    counters: Figures
    first: Figures
    last: Figures
    restarts: Figures


class Target:
    """The jobs of one target in a day; takes its snapshots in the order of time.

    Parameters
    ----------
    day : Day
    """

    def __init__(self, day: Day) -> None:
        self.day = day
        self._time: int | None = None
        self._rows: dict[str, int] = {}
        self._known: Figures = np.empty((0, COUNTERS.stop), np.int64)
        """Figures of each job when it was last seen."""
        self._there: npt.NDArray[np.bool_] = np.empty(0, np.bool_)
        """Whether its entry is not over."""
        self._counters: Figures = self._known[:, COUNTERS]
        self._first: Figures = np.empty(0, np.int64)
        self._last: Figures = self._first
        self._restarts: Figures = self._first

    def add(self, snapshot: Snapshot) -> None:
        """Take the next snapshot: those before the day, and after the one that closes it, are
        passed over.
        """
        is_first = self._time is None
        if snapshot.time < self.day.start or (self._time or 0) >= self.day.end:
            return
        self._time = snapshot.time
        figures = snapshot.figures()
        rows = self._rows_of(snapshot)
        nothing = np.minimum(figures[:, COUNTERS], 0)
        grown, known = (nothing, figures) if is_first else self._growth(rows, figures)
        self._counters[rows] = _added(self._counters[rows], grown)
        self._first[rows] = np.minimum(self._first[rows], snapshot.time)
        self._last[rows] = snapshot.time
        if snapshot.is_whole:
            self._there[:] = False
        self._there[rows] = True
        self._known[rows] = known

    def usage(self) -> Usage:
        """What the jobs did, in the order of their ids."""
        jobs = sorted(self._rows)
        rows = np.fromiter((self._rows[job] for job in jobs), np.int64, len(jobs))
        return Usage(
            jobs, self._counters[rows], self._first[rows], self._last[rows], self._restarts[rows]
        )

    def _rows_of(self, snapshot: Snapshot) -> Figures:
        """The row of each job of a snapshot; one that is new has a new one."""
        known, jobs = self._rows, snapshot.jobs()
        found = [known.setdefault(job, len(known)) for job in jobs]
        if len(known) > len(self._there):
            more = max(len(known) - len(self._there), len(self._there))
            self._known = _longer(self._known, more, 0)
            self._there = _longer(self._there, more, False)
            self._counters = _longer(self._counters, more, UNKNOWN)
            self._first = _longer(self._first, more, MOST)
            self._last = _longer(self._last, more, 0)
            self._restarts = _longer(self._restarts, more, 0)
        return np.array(found, np.int64)

    def _growth(self, rows: Figures, figures: Figures) -> tuple[Figures, Figures]:
        """By how much entries grew since they were last seen, and their figures: those of before
        where an entry that is the same lacks some, as one that breaks off does.
        """
        before, since = self._known[rows], figures[:, SINCE]
        is_same = (since == before[:, SINCE]) & (since != 0)
        is_known = self._there[rows] | is_same
        then, now = before[:, COUNTERS], figures[:, COUNTERS]
        both_say = (since != 0) & (before[:, SINCE] != 0)
        is_anew = ~is_known | (both_say & ~is_same) | ((now < then) & (now >= 0)).any(axis=1)
        self._restarts[rows] += is_anew & (is_known | (self._counters[rows] > 0).any(axis=1))
        grown = np.where(now < 0, UNKNOWN, now - np.maximum(then, 0))
        known = figures.copy()
        known[:, COUNTERS] = np.where(is_anew[:, None] | (now >= 0), now, then)
        return np.where(is_anew[:, None], now, grown), known


def _added(counters: Figures, more: Figures) -> Figures:
    """Sums, `MOST` at most; what one of both does not know is that of the other."""
    sums = counters + np.minimum(more, MOST - np.maximum(counters, 0))
    return np.where(np.minimum(counters, more) < 0, np.maximum(counters, more), sums)


def _longer(array: npt.NDArray[Scalar], more: int, filled: int) -> npt.NDArray[Scalar]:
    added = np.full((more, *array.shape[1:]), filled, array.dtype)
    return np.concatenate([array, added])
