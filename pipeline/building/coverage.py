"""What of a day was measured, against what should have been: per cent, and sentences that name the
components and the hours that are missing.

Expected are the rows of the day times the roster. A source that measures less often than the
timestep, evenly and at least every quarter of an hour, is expected that often.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Bool
from archive_tools.core.components import component_order
from archive_tools.core.day import Day
from archive_tools.core.findings import shortened
from archive_tools.core.grid import Grid
from pipeline.building.outages import Outage
from pipeline.building.roster import Roster

Span = tuple[int, int]
"""Rows of a gap: the first, and the one after its last."""

LONGEST_STRIDE = 900
"""Seconds: who measures less often than this has gaps."""
FEW = 2
"""Components of a dataset that are named although all of them are missing."""
MOST_SPANS = 3
"""Gaps that a sentence names."""


@dataclass(frozen=True)
class Lack:
    """What was not measured.

    Attributes
    ----------
    cells : int
        How many expected cells are missing.
    datasets : tuple of str
        In which datasets.
    sentence : str
        ``fs-OST0001 not measured since 08:00``.
    cells_of : mapping of str to int
        The cells by dataset.
    components : tuple of str
        Whose they are; none where it is everything.
    span : (int, int)
        Epoch seconds of the first and after the last of them.
    gaps : int
        How many gaps that is.
    """

    cells: int
    datasets: tuple[str, ...]
    sentence: str
    cells_of: Mapping[str, int] = field(default_factory=dict)
    components: tuple[str, ...] = ()
    span: Span = (0, 0)
    gaps: int = 1


@dataclass
class _Gaps:
    """The same gaps, wherever they are found."""

    spans: tuple[Span, ...]
    cells: dict[str, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)


class Coverage:
    """Expected and measured cells of a day, dataset by dataset.

    Parameters
    ----------
    day : Day
    timestep : int
        Seconds a row.
    roster : Roster
        What the instance had on the days before.
    complete_percent : float
        Per cent of the expected cells from which on a dataset is complete.
    retired : collection of str
        Components and datasets that nobody expects any more.
    outages : collection of Outage
        Times that an operator acknowledged: what was not measured then is not expected.
    """

    def __init__(
        self,
        day: Day,
        timestep: int,
        roster: Roster,
        complete_percent: float,
        retired: Collection[str] = (),
        outages: Collection[Outage] = (),
    ) -> None:
        self.day, self.timestep, self.roster = day, timestep, roster
        self.complete_percent, self.retired = complete_percent, frozenset(retired)
        self.outages = tuple(outages)
        self.excused = 0
        self.rows = day.rows(timestep)
        self.measured_rows = 0
        self.measured: dict[str, tuple[str, ...]] = {}
        self.listed: dict[str, tuple[str, ...]] = {}
        self._percent: dict[str, float] = {}
        self._empty: dict[str, _Gaps] = {}
        self._silent: dict[tuple[str, str], _Gaps] = {}

    def add(
        self,
        grid: Grid,
        without_cells: Collection[str] = (),
        listed: Collection[str] = (),
        earlier: Bool | None = None,
    ) -> None:
        """Take one dataset, with a column for every component of the roster.

        Parameters
        ----------
        grid : Grid
        without_cells : collection of str
            Components of which the source has samples, but no cell on the day, possible or not,
            such as those that begin at the midnight after it: where they are not in the roster they
            are not expected.
        listed : collection of str
            Components that the source lists, and has no sample of: they are expected, unless they
            have left the roster.
        earlier : bool (rows, columns), optional
            Which cells were measured in the rows before those of `grid`.
        """
        have = ~np.isnan(grid.values)
        if earlier is not None:
            have = np.concatenate([earlier, have])
        self.measured_rows = max(self.measured_rows, int(have.any(axis=1).sum()))
        measured = np.flatnonzero(have.any(axis=0)).tolist()
        self.measured[grid.dataset] = tuple(grid.columns[i] for i in measured)
        if grid.dataset in self.retired:
            return
        new = frozenset(without_cells) - self.roster.components(grid.dataset)
        left = self.roster.left(grid.dataset) - frozenset(self.measured[grid.dataset])
        unexpected = self.retired | new | left
        keep = [i for i, name in enumerate(grid.columns) if name not in unexpected]
        names = [grid.columns[i] for i in keep]
        if not names:
            return
        if len(keep) < len(grid.columns):
            have = have[:, keep]
        rows = np.flatnonzero(have.any(axis=1))
        if not len(rows) and not self.roster.components(grid.dataset):
            return  # a dataset that this instance never had
        self.listed[grid.dataset] = tuple(name for name in grid.columns if name in listed)
        stride = stride_of(rows, max(1, LONGEST_STRIDE // self.timestep))
        here = have[rows] if len(rows) < self.rows else have
        first = self._first_wanted(grid.dataset, names, here)
        count = len(rows) - first
        empty = gaps_of(rows, self.rows, stride)
        free: Bool | None = None
        if self.outages:
            free = self._free(grid.dataset, names)
            self.excused += int(np.count_nonzero(free & ~have)) // stride
            empty = _outside(empty, np.logical_and.reduce(free, axis=1))
            lost = sum(int((~free[low:high]).sum()) for low, high in empty) // stride
            free = free[rows]
            count = (~free & (np.arange(len(rows))[:, None] >= first)).sum(axis=0)
            here = here & ~free
        else:
            lost = sum(high - low for low, high in empty) // stride * len(names)
        missing = count - np.count_nonzero(here, axis=0)
        expected = int(count.sum()) + lost
        found = expected - lost - int(missing.sum())
        self._percent[grid.dataset] = 100.0 * found / expected if expected else 100.0
        if empty:
            self._note(self._empty, self._times(empty), empty, {grid.dataset: lost})
        limit = len(rows) * (1 - self.complete_percent / 100)
        for i in np.flatnonzero(missing > limit).tolist():
            lacking = ~here[:, i] if free is None else ~(here[:, i] | free[:, i])
            lacking[: first[i]] = False
            spans = _spans(lacking, rows, self.rows)
            key = names[i], self._times(spans)
            self._note(self._silent, key, spans, {grid.dataset: int(missing[i])})

    def _first_wanted(self, dataset: str, names: list[str], here: Bool) -> npt.NDArray[np.intp]:
        """Of the rows in which anything was measured: from which on each component should have
        been. One that is new in the middle of the day is expected from its first sample.
        """
        known = self.roster.components(dataset)
        first = np.zeros(len(names), np.intp)
        if len(here):
            for i in (i for i, name in enumerate(names) if name not in known):
                first[i] = here[:, i].argmax()  # 0 also where there is none
        return first

    def _free(self, dataset: str, names: list[str]) -> Bool:
        """The cells of a dataset that nobody expects, for an outage was acknowledged; shape (rows,
        names). A row of which a part is in the outage is one of them.
        """
        free = np.zeros((self.rows, len(names)), dtype=bool)
        for outage in self.outages:
            first = max(0, (outage.start - self.day.start) // self.timestep)
            last = max(0, -(-(outage.end - self.day.start) // self.timestep))
            is_whole = not outage.names or dataset in outage.names
            free[first:last, [is_whole or name in outage.names for name in names]] = True
        return free

    @staticmethod
    def _note(
        found: dict[Any, _Gaps], key: object, spans: tuple[Span, ...], cells: Mapping[str, int]
    ) -> _Gaps:
        gaps = found.setdefault(key, _Gaps(spans))
        for dataset, count in cells.items():
            gaps.cells[dataset] = gaps.cells.get(dataset, 0) + count
        return gaps

    @property
    def percent(self) -> float:
        """Of the dataset with the least: measured cells in a hundred expected ones."""
        return min(self._percent.values(), default=0.0)

    @property
    def is_complete(self) -> bool:
        """Whether every dataset has `complete_percent` of its expected cells."""
        return self.percent >= self.complete_percent

    def missing_components(self) -> list[str]:
        """Components that were expected and not measured at all."""
        listed = {
            name
            for dataset, names in self.listed.items()
            for name in set(names) - self.roster.left(dataset)
        }
        measured = {name for names in self.measured.values() for name in names}
        missing = (self.roster.names() | listed) - measured - self.retired
        return sorted(missing, key=component_order)

    def lacks(self) -> list[Lack]:
        """What is missing, the most first; gaps that are the same in many datasets or components
        are one.
        """
        found = [
            self._lack(gaps, _sentence(self._subject([*gaps.cells], times), times))
            for times, gaps in self._empty.items()
        ]
        together: dict[tuple[str, tuple[str, ...]], _Gaps] = {}
        for (name, times), gaps in self._silent.items():
            key = times, tuple(gaps.cells)
            self._note(together, key, gaps.spans, gaps.cells).names.append(name)
        found += [
            self._lack(gaps, _sentence(self._of(gaps.names, datasets), times))
            for (times, datasets), gaps in together.items()
        ]
        return sorted(found, key=lambda lack: (-lack.cells, lack.sentence))

    def _lack(self, gaps: _Gaps, sentence: str) -> Lack:
        first, last = (
            self.day.start + row * self.timestep for row in (gaps.spans[0][0], gaps.spans[-1][1])
        )
        return Lack(
            sum(gaps.cells.values()),
            tuple(gaps.cells),
            sentence,
            gaps.cells,
            tuple(gaps.names),
            (first, min(last, self.day.end)),
            len(gaps.spans),
        )

    def why(self) -> str:
        """One line for an operator."""
        sentences = [lack.sentence for lack in self.lacks()]
        return "; ".join(sentences[:MOST_SPANS]) + (
            f"; and {len(sentences) - MOST_SPANS} more" if len(sentences) > MOST_SPANS else ""
        )

    def _subject(self, datasets: list[str], times: str) -> str:
        """The datasets, where not all of them share a gap; of a gap that is not the whole day with
        their components, where these are few.
        """
        if len(datasets) == len(self._percent):
            return ""
        names = {
            name
            for dataset in datasets
            for name in (*self.roster.components(dataset), *self.measured.get(dataset, ()))
        }
        few = f" of {shortened(sorted(names))}" if times and 0 < len(names) <= FEW else ""
        return shortened(datasets, 3) + few

    def _of(self, names: list[str], datasets: tuple[str, ...]) -> str:
        """Components, with the datasets where they have others that were measured."""
        whole = all(
            dataset in datasets
            for name in names
            for dataset in self._percent
            if name in self.roster.components(dataset) or name in self.measured.get(dataset, ())
        )
        components = shortened(names)
        return components if whole else f"{shortened(datasets, 3)} of {components}"

    def _times(self, spans: tuple[Span, ...]) -> str:
        """Gaps as text, by the site's clock: the longest, and how many more; "" is all day."""
        if spans == ((0, self.rows),):
            return ""
        if len(spans) == 1 and spans[0][1] == self.rows:
            return f"since {self._clock(spans[0][0])}"
        longest = sorted(sorted(spans, key=lambda span: span[0] - span[1])[:MOST_SPANS])
        named = ", ".join(f"{self._clock(first)}-{self._clock(last)}" for first, last in longest)
        rest = len(spans) - len(longest)
        return named + (f" and {rest} shorter gaps" if rest else "")

    def _clock(self, row: int) -> str:
        """The site's time at which a row starts; 24:00 is the day's end."""
        if row >= self.rows:
            return "24:00"
        second = self.day.start + row * self.timestep
        return f"{dt.datetime.fromtimestamp(second, ZoneInfo(self.day.timezone)):%H:%M}"


def _sentence(subject: str, times: str) -> str:
    """``fs-OST0001 not measured since 08:00``; without a subject it is everything."""
    if not times or times.startswith("since"):
        return (f"{subject} not measured" if subject else "nothing measured") + (
            f" {times}" if times else ""
        )
    return f"{subject}: {times} not measured" if subject else f"{times} not measured"


def stride_of(rows: npt.NDArray[np.intp], most: int) -> int:
    """How many rows lie from one measurement to the next where a source measures evenly.

    Parameters
    ----------
    rows : intp (n,)
        Rows in which something was measured, ascending.
    most : int
        A longer distance is a gap.

    Returns
    -------
    int
        The distance that nine of ten neighbours have; else 1.
    """
    if len(rows) < 3:
        return 1
    count = np.bincount(np.minimum(np.diff(rows), most + 1))
    often = int(count.argmax())
    return often if often <= most and 10 * count[often] >= 9 * (len(rows) - 1) else 1


def gaps_of(rows: npt.NDArray[np.intp], size: int, stride: int) -> tuple[Span, ...]:
    """The gaps between measurements that are `stride` rows apart, in a day of `size` rows."""
    if not len(rows):
        return ((0, size),)
    ends = [
        int(rows[0]) % stride - stride,
        *rows.tolist(),
        -(-size // stride) * stride + int(rows[-1]) % stride,
    ]
    inside = np.flatnonzero(np.diff(ends) >= 2 * stride)
    return tuple(
        (max(0, ends[i] + stride), min(size, ends[i + 1]))
        for i in inside.tolist()
        if min(size, ends[i + 1]) > max(0, ends[i] + stride)
    )


def _outside(spans: tuple[Span, ...], free: Bool) -> tuple[Span, ...]:
    """What of some gaps is not in rows that nobody expects."""
    found: list[Span] = []
    for first, last in spans:
        edges = np.flatnonzero(np.diff(~free[first:last], prepend=False, append=False)) + first
        found += [(start, end) for start, end in edges.reshape(-1, 2).tolist()]
    return tuple(found)


def _spans(lacking: Bool, rows: npt.NDArray[np.intp], size: int) -> tuple[Span, ...]:
    """Runs of rows in which something else was measured, each up to the next measurement."""
    edges = np.flatnonzero(np.diff(lacking, prepend=False, append=False))
    starts = np.append(rows, size)
    return tuple(
        (0 if first == 0 else int(starts[first]), size if last == len(rows) else int(starts[last]))
        for first, last in edges.reshape(-1, 2).tolist()
    )
