"""Samples to a grid: each measurement into its cell, counters to deltas, nothing negative, nothing
twice.

The result does not depend on the order of the samples. A cell that nobody measured stays NaN. What
was odd is in the findings, with components and times: duplicates, samples outside the day, resets,
growth across gaps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Bool, Float64, Int64
from archive_tools.core.cells import Axes, samples_event
from archive_tools.core.day import Day
from archive_tools.core.findings import Findings, Span
from archive_tools.core.grid import Grid
from archive_tools.core.vocabulary import FindingKind
from archive_tools.schemas import Reducer
from pipeline.model import Samples
from pipeline.schemas.source_maps import LEGAL, Reports, Selector, SourceMetric
from pipeline.transform.cuts import Stretch
from pipeline.transform.deltas import deltas
from pipeline.transform.parts import by_components, columns_of, joined_parts

Metric: TypeAlias = SourceMetric[Selector]

JITTER = 5.0
"""Per cent by which a share of a row may be above 100 because samples are not taken exactly on
time.
"""
MOST_CELLS = 1 << 23
"""Cells that are worked on at a time: some 64 MiB of figures."""
TOO_LARGE_SHARES = "the timestep is not a multiple of the source's interval, or stamps jitter"


class Gridder:
    """Makes the grids of one day; datasets that were measured together share the work of placing
    samples.

    Parameters
    ----------
    day : Day or Stretch
    timestep : int
        Seconds a row.
    findings : Findings
        Receives what was odd.
    """

    def __init__(self, day: Day | Stretch, timestep: int, findings: Findings) -> None:
        self.day, self.timestep, self.findings = day, timestep, findings
        self._last: tuple[npt.NDArray[Any], npt.NDArray[Any], tuple[str, ...], _Places] | None = (
            None
        )

    def grid(self, samples: Samples, metric: Metric) -> Grid:
        """The day's grid of one dataset; see `parts`."""
        return self.whole_day(list(self.parts(samples, metric)))

    def parts(self, samples: Samples, metric: Metric) -> Iterator[Grid]:
        """Grids of one dataset, for `whole_day`: of the rows from the first to the last sample
        alone, and of so many components at a time that their cells, of each core or interface one,
        are about `MOST_CELLS`. Memory goes with what was measured.

        Parameters
        ----------
        samples : Samples
            Counters need the first sample of the next day too, to close the last row.
        metric : SourceMetric
            What the source reports, its scale and how several samples of one cell are merged.

        Yields
        ------
        Grid
            Columns in `component_order`; names that occur twice in `samples.names` are one column,
            and parts are joined to the components that they are of.

        Raises
        ------
        ValueError
            The samples say that they report what cannot become the dataset.
        """
        metric = _as_reported(samples, metric)
        seconds = samples.span[1] - samples.span[0] if len(samples) else 0
        rows = min(seconds // self.timestep, self.day.rows(self.timestep)) + 2
        for some in by_components(samples, max(1, MOST_CELLS // rows)):
            yield self._part(some, metric)

    def whole_day(self, grids: list[Grid]) -> Grid:
        """One grid of the day, of those of several groups of components; the list is used up, so
        that memory is not needed twice.

        Raises
        ------
        ValueError
            A component is in two of them.
        """
        first, rows = grids[0], self.day.rows(self.timestep)
        if len(grids) == 1 and len(first.values) == rows:
            return first
        columns, _ = columns_of(tuple(name for grid in grids for name in grid.columns))
        if len(columns) != sum(len(grid.columns) for grid in grids):
            raise ValueError(f"{first.dataset}: a component is in two pieces")
        place = {name: i for i, name in enumerate(columns)}
        values = np.full((rows, len(columns)), np.nan)
        while grids:
            grid = grids.pop()
            at = (grid.start - self.day.start) // self.timestep
            its = [place[name] for name in grid.columns]
            values[at : at + len(grid.values), its] = grid.values
        return Grid(first.dataset, columns, self.day.start, self.timestep, values)

    def _part(self, samples: Samples, metric: Metric) -> Grid:
        places = self._places(samples)
        name, start = metric.dataset.name, self.day.start + places.row * self.timestep
        columns = whole = places.columns
        if samples.whole:
            of_part = dict(zip(samples.names, samples.whole, strict=True))
            whole = tuple(of_part[part] for part in columns)
        axes = Axes(name, whole, start, self.timestep)
        components, span = places.outside_event or ((), None)
        self.findings.add(
            FindingKind.OUTSIDE_DAY, places.outside, name, components=components, span=span
        )
        values = self._measured(places, samples, metric, axes)
        if samples.whole:
            values, columns = joined_parts(values, whole, metric.parts)
        if metric.scale != 1.0:
            values *= metric.scale
        if metric.offset:
            values += metric.offset
        return Grid(name, columns, start, self.timestep, values)

    def _measured(self, places: _Places, samples: Samples, metric: Metric, axes: Axes) -> Float64:
        """What was measured in each cell, in the source's unit."""
        if metric.reports == "counter":
            return deltas(*places.first(samples, axes, self.findings), axes, self.findings).values
        if metric.reports == "seconds":
            first = places.first(samples, axes, self.findings)
            growth = deltas(*first, axes, self.findings)
            share = 100.0 * growth.values / (growth.rows() * self.timestep)
            over = share > 100.0 + JITTER
            if over.any():
                axes.report(self.findings, FindingKind.SHARES_ABOVE_ALL, over, TOO_LARGE_SHARES)
            return np.minimum(share, 100.0)
        how = "sum" if metric.reports == "delta" else metric.merge
        values = places.merged(samples, how, axes, self.findings)[:-1]
        return values * self.timestep if metric.reports == "rate" else values

    def _places(self, samples: Samples) -> _Places:
        if self._last:
            time, column, names, places = self._last
            if time is samples.time and column is samples.column and names == samples.names:
                return places
        places = _Places.of(samples, self.day.start, self.timestep, self.day.rows(self.timestep))
        self._last = samples.time, samples.column, samples.names, places
        return places


def _as_reported(samples: Samples, metric: Metric) -> Metric:
    """The metric with what these samples say that they report."""
    if not samples.reports:
        return metric
    if LEGAL.get(samples.reports) != metric.dataset.kind:
        raise ValueError(
            f"{samples.dataset}: a {samples.reports} cannot become a {metric.dataset.kind}"
        )
    return dataclasses.replace(metric, reports=cast(Reports, samples.reports))


def idle_among_busy_peers(grid: Grid) -> list[str]:
    """Components that are zero all day while most of their peers are not."""
    absent = np.isnan(grid.values)
    moved = ((grid.values != 0) & ~absent).any(axis=0)
    return idle_among_moved(grid.columns, (~absent).any(axis=0), moved)


def idle_among_moved(columns: tuple[str, ...], measured: Any, moved: Any) -> list[str]:
    """As `idle_among_busy_peers`, by which columns were measured, and which were not always 0."""
    zero = measured & ~moved
    few = 0 < 2 * zero.sum() < measured.sum()
    return [columns[i] for i in np.flatnonzero(zero)] if few else []


@dataclass(frozen=True)
class _Places:
    """Where samples fall: the rows from the first to the last of them, and one more, in which the
    counters' closing samples are.

    Attributes
    ----------
    row : int
        The first of them, of the day's.
    columns : tuple of str
    shape : (rows + 1, columns)
    inside : bool (n,) or None
        Which samples are in the day; None for all of them.
    key : int64 (samples inside,)
        Flat index of the cell of each.
    owner : int32 (cells,)
        For each cell the number of a sample in it, or -1.
    have : bool (cells,)
        Which cells have a sample.
    crowded : bool
        Whether a cell has several samples.
    outside : int
        Samples before the day or after the closing ones.
    outside_event : (tuple of str, (int, int) or None) or None
        Whose those are, and from when to when.
    """

    row: int
    columns: tuple[str, ...]
    shape: tuple[int, int]
    inside: Bool | None
    key: Int64
    owner: npt.NDArray[np.int32]
    have: Bool
    crowded: bool
    outside: int
    outside_event: tuple[tuple[str, ...], Span | None] | None

    @classmethod
    def of(cls, samples: Samples, start: int, timestep: int, rows: int) -> _Places:
        columns, code = columns_of(samples.names)
        row = samples.time - start
        row //= timestep
        within = (row >= 0) & (row <= rows)
        column = code[samples.column] if len(code) else samples.column
        outside = len(row) - int(np.count_nonzero(within))
        event = None
        if outside:
            event = samples_event(columns, column[~within], samples.time[~within])
            row, column = row[within], column[within]
        first, last = (int(row.min()), int(row.max())) if len(row) else (0, -1)
        count = min(last + 1, rows) - first + 1
        row -= first
        row *= len(columns)
        row += column
        owner = np.full(count * len(columns), -1, dtype=np.int32)
        owner[row] = np.arange(len(row), dtype=np.int32)
        have = owner >= 0
        return cls(
            first,
            columns,
            (count, len(columns)),
            within if outside else None,
            row,
            owner,
            have,
            int(np.count_nonzero(have)) < len(row),
            outside,
            event,
        )

    def _values(self, samples: Samples) -> npt.NDArray[Any]:
        return samples.value if self.inside is None else samples.value[self.inside]

    def _contested(self) -> npt.NDArray[np.intp]:
        """Samples in cells that have several."""
        count = np.bincount(self.key, minlength=len(self.owner))
        return np.flatnonzero(count[self.key] > 1)

    def _report(self, kind: str, key: npt.NDArray[Any], axes: Axes, findings: Findings) -> None:
        """Add samples, by the cells that they are in, to the findings."""
        row, column = np.divmod(key, self.shape[1])
        for event in axes.events(row, column):
            findings.add(
                kind,
                len(event.members),
                axes.dataset,
                components=event.components,
                span=event.span,
            )

    def first(
        self, samples: Samples, axes: Axes, findings: Findings
    ) -> tuple[npt.NDArray[Any], Bool]:
        """Earliest sample of each cell (of one stamp the largest), and which cells have one."""
        value, owner, have = self._values(samples), self.owner, self.have
        if self.crowded:
            among, time = (
                self._contested(),
                (samples.time if self.inside is None else samples.time[self.inside]),
            )
            order = among[np.lexsort((-value[among], time[among], self.key[among]))]
            head = np.ones(len(order), dtype=bool)
            head[1:] = self.key[order[1:]] != self.key[order[:-1]]
            again, key = _same(time[order]), self.key[order]
            self._report(FindingKind.DUPLICATES, key[~head & again], axes, findings)
            other = ~head & again & ~_same(value[order])
            self._report(FindingKind.DIFFERING, key[other], axes, findings)
            self._report(FindingKind.SEVERAL_IN_CELL, key[~head & ~again], axes, findings)
            owner = owner.copy()
            owner[self.key[order[head]]] = order[head]
        values = np.zeros(len(owner), dtype=value.dtype)
        if self.crowded:
            values[have] = value[owner[have]]
        else:
            values[self.key] = value
        return values.reshape(self.shape), have.reshape(self.shape)

    def merged(self, samples: Samples, reducer: Reducer, axes: Axes, findings: Findings) -> Float64:
        """All samples of each cell by `reducer`, of the same stamp and number the largest; NaN
        where there is none.

        Order-free: sums are of sorted values.
        """
        value = self._values(samples)
        out = np.full(len(self.owner), np.nan)
        out[self.key] = value
        if self.crowded:
            among, time = (
                self._contested(),
                (samples.time if self.inside is None else samples.time[self.inside]),
            )
            number = samples.column if self.inside is None else samples.column[self.inside]
            order = among[np.lexsort((-value[among], number[among], time[among], self.key[among]))]
            again = _same(self.key[order]) & _same(time[order]) & _same(number[order])
            self._report(FindingKind.DUPLICATES, self.key[order[again]], axes, findings)
            other = again & ~_same(value[order])
            self._report(FindingKind.DIFFERING, self.key[order[other]], axes, findings)
            order = order[~again]
            order = order[np.lexsort((value[order], self.key[order]))]
            key, some = self.key[order], value[order].astype(np.float64)
            more = _same(key)
            at = np.flatnonzero(~more)
            self._report(FindingKind.SEVERAL_IN_CELL, key[more], axes, findings)
            out[key[at]] = _reduced(some, at, reducer)
        return out.reshape(self.shape)


def _same(values: npt.NDArray[Any]) -> Bool:
    """Which values equal the one before."""
    return np.concatenate(([False], values[1:] == values[:-1]))


def _reduced(value: Float64, at: npt.NDArray[np.intp], reducer: Reducer) -> Float64:
    """Reduce the runs of sorted values that begin at `at`."""
    ends = np.append(at[1:], len(value))
    if reducer == "min":
        return np.asarray(value[at])
    if reducer == "max":
        return np.asarray(value[ends - 1])
    total: Float64 = np.add.reduceat(value, at)
    if reducer == "mean":
        total /= ends - at
    return total
