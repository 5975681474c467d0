"""A day cut in two between rows, so that the halves, each made alone, are the day."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from archive_tools.core.arrays import Bool
from pipeline.model import Samples

BEFORE, AFTER = 2, 2
"""Rows before and after a cut that must be as even as can be: of a counter that falls, the growth
of the rows beside it says whether it was reset.
"""


@dataclass(frozen=True)
class Stretch:
    """Some rows of a day, which are made as if they were one.

    Attributes
    ----------
    start, end : int
        Epoch seconds.
    """

    start: int
    end: int

    def rows(self, timestep: int) -> int:
        """How many rows of so many seconds it has."""
        return -(-(self.end - self.start) // timestep)


class Cutter:
    """Takes the samples of some time; datasets that were measured together share the work."""

    def __init__(self) -> None:
        self._of: Samples | None = None
        self._done: dict[tuple[int | None, int | None], tuple[Bool, Samples]] = {}

    def between(self, samples: Samples, first: int | None, last: int | None) -> Samples:
        """The samples from one second to before another one; None is without limit."""
        if first is None and last is None:
            return samples
        of = self._of
        if of is None or of.time is not samples.time or of.column is not samples.column:
            self._of, self._done = samples, {}
        if (first, last) not in self._done:
            wanted = np.ones(len(samples), dtype=bool)
            if first is not None:
                wanted &= samples.time >= first
            if last is not None:
                wanted &= samples.time < last
            self._done[first, last] = wanted, _taken(samples, wanted)
        wanted, its = self._done[first, last]
        return dataclasses.replace(
            samples, time=its.time, column=its.column, value=samples.value[wanted]
        )


def _taken(samples: Samples, wanted: Bool) -> Samples:
    return dataclasses.replace(
        samples,
        time=samples.time[wanted],
        column=samples.column[wanted],
        value=samples.value[wanted],
    )


def stopped_at(samples: Samples, second: int, timestep: int) -> Bool | None:
    """At a row that begins at a second: which names were measured before it, and are not measured
    without a break beyond it.

    Parameters
    ----------
    samples : Samples
        Of counters.
    second, timestep : int

    Returns
    -------
    bool (names,) or None
        None where the counters cannot be cut there: one of them has a gap, several samples in a
        row, or falls just there, and goes on afterwards.
    """
    names = len(samples.names)
    there = np.zeros((2, names), dtype=bool)
    there[(samples.time >= second).astype(np.intp), samples.column] = True
    first = second - BEFORE * timestep
    near = (samples.time >= first) & (samples.time < second + AFTER * timestep)
    row, column = (samples.time[near] - first) // timestep, samples.column[near]
    count = np.zeros((BEFORE + AFTER, names), dtype=np.int64)
    np.add.at(count, (row, column), 1)
    value = np.zeros((BEFORE + AFTER, names), dtype=samples.value.dtype)
    value[row, column] = samples.value[near]
    even = (count == 1).all(axis=0) & (value >= 0).all(axis=0)
    even &= (value[1:] >= value[:-1]).all(axis=0)
    if (there[0] & there[1] & ~even).any() or (count[BEFORE] > 1).any():
        return None
    return np.asarray(there[0] & ~even)
