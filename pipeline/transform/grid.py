"""Samples to a grid: each measurement into its cell, counters to deltas, nothing negative, nothing
twice.

The result does not depend on the order of the samples. A cell that nobody measured stays NaN. What
was odd is in the findings, with components and times: duplicates, samples outside the day, resets,
growth across gaps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.cells import Axes, samples_event
from archive_tools.core.components import component_order
from archive_tools.core.day import Day
from archive_tools.core.findings import Findings, Span
from archive_tools.core.grid import Grid
from archive_tools.core.vocabulary import FindingKind
from archive_tools.schemas import Reducer
from pipeline.model import Samples
from pipeline.schemas.source_maps import LEGAL, Parts, Reports, Selector, SourceMetric
from pipeline.transform.deltas import deltas

Bool = npt.NDArray[np.bool_]
Metric: TypeAlias = SourceMetric[Selector]

JITTER = 5.0
"""Per cent by which a share of a row may be above 100 because samples are not taken exactly on
time.
"""
TOO_LARGE_SHARES = "the timestep is not a multiple of the source's interval, or stamps jitter"


class Gridder:
    """Makes the grids of one day; datasets that were measured together share the work of placing
    samples.

    Parameters
    ----------
    day : Day
    timestep : int
        Seconds a row.
    findings : Findings
        Receives what was odd.
    """

    def __init__(self, day: Day, timestep: int, findings: Findings) -> None:
        self.day, self.timestep, self.findings = day, timestep, findings
        self._last: tuple[Samples, _Places] | None = None

    def grid(self, samples: Samples, metric: Metric) -> Grid:
        """The day's grid of one dataset.

        Parameters
        ----------
        samples : Samples
            Counters need the first sample of the next day too, to close the last row.
        metric : SourceMetric
            What the source reports, its scale and how several samples of one cell are merged.

        Returns
        -------
        Grid
            Columns in `component_order`; names that occur twice in `samples.names` are one column,
            and parts are joined to the components that they are of.

        Raises
        ------
        ValueError
            The samples say that they report what cannot become the dataset.
        """
        metric = _as_reported(samples, metric)
        places = self._places(samples)
        name = metric.dataset.name
        columns = whole = places.columns
        if samples.whole:
            of_part = dict(zip(samples.names, samples.whole, strict=True))
            whole = tuple(of_part[part] for part in columns)
        axes = Axes(name, whole, self.day.start, self.timestep)
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
        return Grid(name, columns, self.day.start, self.timestep, values)

    def _measured(self, places: _Places, samples: Samples, metric: Metric, axes: Axes) -> Float64:
        """What was measured in each cell, in the source's unit."""
        if metric.reports == "counter":
            return deltas(*places.first(samples, axes, self.findings), axes, self.findings)[0]
        if metric.reports == "seconds":
            first = places.first(samples, axes, self.findings)
            growth, rows = deltas(*first, axes, self.findings)
            share = 100.0 * growth / (rows * self.timestep)
            over = share > 100.0 + JITTER
            if over.any():
                axes.report(self.findings, FindingKind.SHARES_ABOVE_ALL, over, TOO_LARGE_SHARES)
            return np.minimum(share, 100.0)
        how = "sum" if metric.reports == "delta" else metric.merge
        values = places.merged(samples, how, axes, self.findings)[:-1]
        return values * self.timestep if metric.reports == "rate" else values

    def _places(self, samples: Samples) -> _Places:
        if self._last:
            before, places = self._last
            if (
                before.time is samples.time
                and before.column is samples.column
                and before.names == samples.names
            ):
                return places
        places = _Places.of(samples, self.day.start, self.timestep, self.day.rows(self.timestep))
        self._last = samples, places
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


def joined_parts(
    values: Float64, whole: Sequence[str], how: Parts
) -> tuple[Float64, tuple[str, ...]]:
    """Parts joined to components.

    Parameters
    ----------
    values : float64 (rows, parts)
    whole : sequence of str
        The component of each part.
    how : {'sum', 'mean', 'total'}
        Sum or mean of the parts that were measured; or their total, missing unless all were.

    Returns
    -------
    values : float64 (rows, components)
    columns : tuple of str
        In `component_order`.
    """
    columns, place = _columns(tuple(whole))
    order = np.argsort(place, kind="stable")
    at = np.flatnonzero(np.diff(place[order], prepend=-1))
    values = values[:, order]
    absent = np.isnan(values)
    count = np.add.reduceat(~absent, at, axis=1, dtype=np.int32)
    total: Float64 = np.add.reduceat(np.where(absent, 0.0, values), at, axis=1)
    if how == "mean":
        total /= np.maximum(count, 1)
    needed = np.diff(np.append(at, len(order))) if how == "total" else 1
    total[count < needed] = np.nan
    return total, columns


def concatenated(grids: list[Grid]) -> Grid:
    """One grid of the grids of several groups of components; the list is used up, so that memory is
    not needed twice.

    Raises
    ------
    ValueError
        A component is in two of them.
    """
    first = grids[0]
    if len(grids) == 1:
        return first
    columns, _ = _columns(tuple(name for grid in grids for name in grid.columns))
    if len(columns) != sum(len(grid.columns) for grid in grids):
        raise ValueError(f"{first.dataset}: a component is in two pieces")
    place = {name: i for i, name in enumerate(columns)}
    values = np.empty((len(first.values), len(columns)))
    while grids:
        grid = grids.pop()
        values[:, [place[name] for name in grid.columns]] = grid.values
    return Grid(first.dataset, columns, first.start, first.timestep, values)


def idle_among_busy_peers(grid: Grid) -> list[str]:
    """Components that are zero all day while most of their peers are not."""
    absent = np.isnan(grid.values)
    measured = ~absent.all(axis=0)
    zero = measured & ((grid.values == 0) | absent).all(axis=0)
    return (
        [grid.columns[i] for i in np.flatnonzero(zero)]
        if 0 < 2 * zero.sum() < measured.sum()
        else []
    )


def _columns(names: tuple[str, ...]) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    """Sorted unique names, and for each given name the column that it has there."""
    columns = tuple(sorted(set(names), key=component_order))
    place = {name: i for i, name in enumerate(columns)}
    return columns, np.array([place[name] for name in names], dtype=np.int32)


@dataclass(frozen=True)
class _Places:
    """Where samples fall: rows of the day and one more, in which the counters' closing samples are.

    Attributes
    ----------
    columns : tuple of str
    shape : (rows + 1, columns)
    inside : bool (n,) or None
        Which samples are in the day; None for all of them.
    key : int64 (samples inside,)
        Flat index of the cell of each.
    owner : int32 (cells,)
        For each cell the number of a sample in it, or -1.
    crowded : bool
        Whether a cell has several samples.
    outside : int
        Samples before the day or after the closing ones.
    outside_event : (tuple of str, (int, int) or None) or None
        Whose those are, and from when to when.
    """

    columns: tuple[str, ...]
    shape: tuple[int, int]
    inside: Bool | None
    key: Int64
    owner: npt.NDArray[np.int32]
    crowded: bool
    outside: int
    outside_event: tuple[tuple[str, ...], Span | None] | None

    @classmethod
    def of(cls, samples: Samples, start: int, timestep: int, rows: int) -> _Places:
        columns, code = _columns(samples.names)
        row = samples.time - start
        row //= timestep
        within = (row >= 0) & (row <= rows)
        column = code[samples.column] if len(code) else samples.column
        outside = len(row) - int(np.count_nonzero(within))
        event = None
        if outside:
            event = samples_event(columns, column[~within], samples.time[~within])
            row, column = row[within], column[within]
        row *= len(columns)
        row += column
        owner = np.full((rows + 1) * len(columns), -1, dtype=np.int32)
        number = np.arange(len(row), dtype=np.int32)
        owner[row] = number
        return cls(
            columns,
            (rows + 1, len(columns)),
            within if outside else None,
            row,
            owner,
            not np.array_equal(owner[row], number),
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
        value, owner = self._values(samples), self.owner
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
            self._report(FindingKind.SEVERAL_IN_CELL, key[~head & ~again], axes, findings)
            owner = owner.copy()
            owner[self.key[order[head]]] = order[head]
        have = owner >= 0
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
