"""Samples to a grid: each measurement into its cell, counters to deltas, nothing negative, nothing twice.

The result does not depend on the order of the samples. A cell that nobody measured stays NaN. What was odd
is counted in the findings: duplicates, samples outside the day, resets, growth across gaps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.model import Day, Findings, Float64, Grid, Int64, Samples, component_order
from pipeline.schemas import Reducer, SourceMetric

Bool = npt.NDArray[np.bool_]


class Gridder:
    """Makes the grids of one day; datasets that were measured together share the work of placing samples.

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

    def grid(self, samples: Samples, metric: SourceMetric) -> Grid:
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
            Columns in `component_order`; names that occur twice in `samples.names` are one column.
        """
        places = self._places(samples)
        name = metric.dataset.name
        self.findings.add("samples outside the day", places.outside, name)
        if metric.reports == "counter":
            values = deltas(*places.first(samples, self.findings), name, self.findings)
        else:
            values = places.merged(samples, "sum" if metric.reports == "delta" else metric.merge, self.findings)[:-1]
            if metric.reports == "rate":
                values *= self.timestep
        if metric.scale != 1.0:
            values *= metric.scale
        if metric.offset:
            values += metric.offset
        return Grid(name, places.columns, self.day.start, self.timestep, values)

    def _places(self, samples: Samples) -> _Places:
        if self._last:
            before, places = self._last
            if before.time is samples.time and before.column is samples.column and before.names == samples.names:
                return places
        places = _Places.of(samples, self.day.start, self.timestep, self.day.rows(self.timestep))
        self._last = samples, places
        return places


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
    """

    columns: tuple[str, ...]
    shape: tuple[int, int]
    inside: Bool | None
    key: Int64
    owner: npt.NDArray[np.int32]
    crowded: bool
    outside: int

    @classmethod
    def of(cls, samples: Samples, start: int, timestep: int, rows: int) -> _Places:
        columns, code = _columns(samples.names)
        row = samples.time - start
        row //= timestep
        within = (row >= 0) & (row <= rows)
        column = code[samples.column] if len(code) else samples.column
        outside = len(row) - int(np.count_nonzero(within))
        if outside:
            row, column = row[within], column[within]
        row *= len(columns)
        row += column
        owner = np.full((rows + 1) * len(columns), -1, dtype=np.int32)
        number = np.arange(len(row), dtype=np.int32)
        owner[row] = number
        return cls(columns, (rows + 1, len(columns)), within if outside else None, row, owner, not np.array_equal(owner[row], number), outside)

    def _values(self, samples: Samples) -> npt.NDArray[Any]:
        return samples.value if self.inside is None else samples.value[self.inside]

    def _contested(self) -> npt.NDArray[np.intp]:
        """Samples in cells that have several."""
        count = np.bincount(self.key, minlength=len(self.owner))
        return np.flatnonzero(count[self.key] > 1)

    def first(self, samples: Samples, findings: Findings) -> tuple[npt.NDArray[Any], Bool]:
        """Earliest sample of each cell (of one stamp the largest), and which cells have one."""
        value, owner = self._values(samples), self.owner
        if self.crowded:
            among, time = self._contested(), samples.time if self.inside is None else samples.time[self.inside]
            order = among[np.lexsort((-value[among], time[among], self.key[among]))]
            head = np.ones(len(order), dtype=bool)
            head[1:] = self.key[order[1:]] != self.key[order[:-1]]
            findings.add("duplicates", int((~head).sum()), samples.dataset)
            owner = owner.copy()
            owner[self.key[order[head]]] = order[head]
        have = owner >= 0
        values = np.zeros(len(owner), dtype=value.dtype)
        if self.crowded:
            values[have] = value[owner[have]]
        else:
            values[self.key] = value
        return values.reshape(self.shape), have.reshape(self.shape)

    def merged(self, samples: Samples, reducer: Reducer, findings: Findings) -> Float64:
        """All samples of each cell by `reducer`; NaN where there is none. Order-free: sums are of sorted values."""
        value = self._values(samples)
        out = np.full(len(self.owner), np.nan)
        out[self.key] = value
        if self.crowded:
            among = self._contested()
            order = among[np.lexsort((value[among], self.key[among]))]
            key, some = self.key[order], value[order].astype(np.float64)
            at = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
            findings.add("several samples in a cell", len(key) - len(at), samples.dataset)
            out[key[at]] = _reduced(some, at, reducer)
        return out.reshape(self.shape)


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


def deltas(counter: npt.NDArray[Any], have: Bool, name: str, findings: Findings) -> Float64:
    """Growth of counters from row to row.

    Parameters
    ----------
    counter : int64 or float64 (rows + 1, columns)
        The counter at the start of each row, and at the end of the last one. Integers are subtracted as
        integers, so that counters above 2**53 lose nothing.
    have : bool (rows + 1, columns)
        Where it was measured.
    name : str
        Dataset, for the findings.
    findings : Findings
        Receives resets and growth across gaps.

    Returns
    -------
    float64 (rows, columns)
        Row t is the growth from row t's start to row t + 1's. Growth across a gap stands in the last cell
        of the gap, so that the day's total is right; the cells before it are NaN. Where a counter fell it
        was reset: that cell is NaN. A sample that is low while the next one is not below the one before it
        is no reset: it is left out.
    """
    growth = np.diff(counter, axis=0)
    out = np.where(have[1:] & have[:-1], growth, np.nan)
    r, c = np.nonzero(have[1:] & ~have[:-1])
    last = np.maximum.accumulate(np.where(have, np.arange(len(have), dtype=np.int32)[:, None], np.int32(-1)), axis=0)[r, c]
    r, c, last = r[last >= 0], c[last >= 0], last[last >= 0]
    across = (counter[r + 1, c] - counter[last, c]).astype(np.float64)
    out[r, c] = across
    findings.add("growth across gaps", int((across >= 0).sum()), name, f"{across[across >= 0].sum():g} counted in the last cell of each gap")
    fell = out < 0
    if fell.any():
        low = np.zeros_like(fell)
        low[:-1] = fell[:-1] & (out[1:] >= -out[:-1])
        findings.add("single low samples", int(low.sum()), name)
        findings.add("resets", int((fell & ~low).sum()), name)
        r, c = np.nonzero(low)
        out[r + 1, c] += out[r, c]
        out[fell] = np.nan
    return out
