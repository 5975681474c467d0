"""Cells of a grid as events: whose they are, and from when to when. Whole-array work: what it costs
goes with the number of cells that were found, which is small, and with the rows of a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from archive_tools.core.components import component_order
from archive_tools.core.findings import Findings, Span

Index = npt.NDArray[Any]
MOST_EVENTS = 5
"""Times of one kind in one dataset that are events of their own; if there are more, they are one,
from the first to the last.
"""


class CellEvent(NamedTuple):
    """Cells that are together in time.

    Attributes
    ----------
    components : tuple of str
        In `component_order`.
    span : (int, int)
        Epoch seconds.
    members : intp (n,)
        Which of the given cells.
    """

    components: tuple[str, ...]
    span: Span
    members: npt.NDArray[np.intp]


@dataclass(frozen=True)
class Axes:
    """What rows and columns of a grid are.

    Attributes
    ----------
    dataset : str
    names : sequence of str
        The component of each column; several columns may be parts of one.
    start, timestep : int
        Row t begins at ``start + t * timestep``, epoch seconds.
    """

    dataset: str
    names: Sequence[str]
    start: int
    timestep: int

    def events(self, row: Index, column: Index, end: Index | None = None) -> list[CellEvent]:
        """Cells as events: rows that touch or overlap are one.

        Parameters
        ----------
        row, column : int (n,)
            Row and column of each cell.
        end : int (n,), optional
            The row after the last one that it is about, where that is not the one after `row`.
        """
        if not len(row):
            return []
        last = row + 1 if end is None else end
        runs = _runs(row, last)
        if len(runs) > MOST_EVENTS:
            runs = [(runs[0][0], runs[-1][1])]
        number = np.searchsorted([first for first, _ in runs], row, side="right") - 1
        return [
            CellEvent(self.components(column[members]), self.span(first, after), members)
            for run, (first, after) in enumerate(runs)
            for members in [np.flatnonzero(number == run)]
        ]

    def components(self, column: Index) -> tuple[str, ...]:
        """Whose the columns are."""
        there = np.flatnonzero(np.bincount(column, minlength=len(self.names))).tolist()
        return tuple(sorted({self.names[i] for i in there}, key=component_order))

    def span(self, first: int, after: int) -> Span:
        """The seconds of the rows ``first:after``."""
        return self.start + first * self.timestep, self.start + after * self.timestep

    def report(
        self, findings: Findings, kind: str, mask: npt.NDArray[np.bool_], detail: str = ""
    ) -> None:
        """Add the cells of a mask (rows, columns) to `findings`, event by event."""
        row, column = np.nonzero(mask)
        for event in self.events(row, column):
            findings.add(
                kind,
                len(event.members),
                self.dataset,
                detail,
                components=event.components,
                span=event.span,
            )


def _runs(first: Index, after: Index) -> list[tuple[int, int]]:
    """The rows that the intervals ``first:after`` cover, as runs."""
    size = int(after.max()) + 2
    depth = np.cumsum(np.bincount(first, minlength=size) - np.bincount(after, minlength=size))
    touched = depth > 0
    edges = np.flatnonzero(np.diff(touched, prepend=False, append=False))
    return [(int(low), int(high)) for low, high in edges.reshape(-1, 2)]


def samples_event(
    names: Sequence[str], number: Index, time: Index
) -> tuple[tuple[str, ...], Span | None]:
    """Whose some samples are, and from the first to the last of them.

    Parameters
    ----------
    names : sequence of str
        Names, or names of parts, which begin with the component's and NUL.
    number : int (n,)
        The name of each sample.
    time : int (n,)
        Epoch seconds.
    """
    if not len(number):
        return (), None
    there = np.flatnonzero(np.bincount(number, minlength=len(names))).tolist()
    components = tuple({names[i].partition("\0")[0]: None for i in there})
    return components, (int(time.min()), int(time.max()))
