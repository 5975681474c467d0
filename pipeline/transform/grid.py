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


def grid_of(samples: Samples, metric: SourceMetric, day: Day, timestep: int, findings: Findings) -> Grid:
    """The day's grid of one dataset.

    Parameters
    ----------
    samples : Samples
        Counters need the first sample of the next day too, to close the last row.
    metric : SourceMetric
        What the source reports, its scale and how several samples of one cell are merged.
    day : Day
    timestep : int
        Seconds a row.
    findings : Findings
        Receives what was odd.

    Returns
    -------
    Grid
        Columns in `component_order`; names that occur twice in `samples.names` are one column.
    """
    columns, code = _columns(samples.names)
    rows = day.rows(timestep)
    cells = _Cells.of(samples, code, len(columns), day.start, timestep, rows + (metric.reports == "counter"), findings)
    name = metric.dataset.name
    if metric.reports == "counter":
        values = deltas(*cells.first(findings), name, findings)
    elif metric.reports == "delta":
        values = cells.merged("sum", findings)
    else:
        values = cells.merged(metric.merge, findings)
        if metric.reports == "rate":
            values *= timestep
    if metric.scale != 1.0:
        values *= metric.scale
    if metric.offset:
        values += metric.offset
    return Grid(name, columns, day.start, timestep, values)


def _columns(names: tuple[str, ...]) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    """Sorted unique names, and for each given name the column that it has there."""
    columns = tuple(sorted(set(names), key=component_order))
    place = {name: i for i, name in enumerate(columns)}
    return columns, np.array([place[name] for name in names], dtype=np.int32)


@dataclass(frozen=True)
class _Cells:
    """Samples with the flat index of the cell that each falls into; those outside are gone."""

    dataset: str
    shape: tuple[int, int]
    key: Int64
    time: Int64
    value: npt.NDArray[Any]

    @classmethod
    def of(cls, samples: Samples, code: npt.NDArray[np.int32], columns: int, start: int, timestep: int, rows: int, findings: Findings) -> _Cells:
        row = (samples.time - start) // timestep
        inside = (row >= 0) & (row < rows)
        time, value, column = samples.time, samples.value, code[samples.column] if len(code) else samples.column
        if not inside.all():
            findings.add("samples outside the day", int((~inside).sum()), samples.dataset)
            row, time, value, column = row[inside], time[inside], value[inside], column[inside]
        return cls(samples.dataset, (rows, columns), row * columns + column, time, value)

    def _owner(self) -> npt.NDArray[np.int32]:
        """For each cell the index of a sample in it, or -1."""
        owner = np.full(self.shape[0] * self.shape[1], -1, dtype=np.int32)
        owner[self.key] = np.arange(len(self.key), dtype=np.int32)
        return owner

    def first(self, findings: Findings) -> tuple[npt.NDArray[Any], Bool]:
        """Earliest sample of each cell (of one stamp the largest), and which cells have one."""
        owner = self._owner()
        crowded = owner[self.key] != np.arange(len(self.key), dtype=np.int32)
        if crowded.any():
            findings.add("duplicates", int(crowded.sum()), self.dataset)
            among = np.flatnonzero(np.isin(self.key, np.unique(self.key[crowded])))
            order = among[np.lexsort((-self.value[among], self.time[among], self.key[among]))]
            head = np.ones(len(order), dtype=bool)
            head[1:] = self.key[order[1:]] != self.key[order[:-1]]
            owner[self.key[order[head]]] = order[head]
        have = owner >= 0
        values = np.zeros(len(owner), dtype=self.value.dtype)
        values[have] = self.value[owner[have]]
        return values.reshape(self.shape), have.reshape(self.shape)

    def merged(self, reducer: Reducer, findings: Findings) -> Float64:
        """All samples of each cell by `reducer`; NaN where there is none. Order-free: sums are of sorted values."""
        size = self.shape[0] * self.shape[1]
        owner = self._owner()
        crowded = owner[self.key] != np.arange(len(self.key), dtype=np.int32)
        out = np.full(size, np.nan)
        if not crowded.any():
            out[self.key] = self.value
            return out.reshape(self.shape)
        findings.add("several samples in a cell", int(crowded.sum()), self.dataset)
        order = np.lexsort((self.value, self.key))
        key, value = self.key[order], self.value[order].astype(np.float64)
        at = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
        if reducer in ("min", "max"):
            found = value[at] if reducer == "min" else value[np.append(at[1:], len(value)) - 1]
        else:
            found = np.add.reduceat(value, at)
            if reducer == "mean":
                found = found / np.diff(np.append(at, len(value)))
        out[key[at]] = found
        return out.reshape(self.shape)


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
        was reset: that cell is NaN.
    """
    if have.all():
        growth = np.diff(counter, axis=0)
        fell = growth < 0
        out = growth.astype(np.float64)
        if fell.any():
            findings.add("resets", int(fell.sum()), name)
            out[fell] = np.nan
        return out
    rows = np.arange(len(have), dtype=np.int32)[:, None]
    last = np.maximum.accumulate(np.where(have, rows, np.int32(-1)), axis=0)[:-1]
    known = have[1:] & (last >= 0)
    r, c = np.nonzero(known)
    before = last[r, c]
    growth = counter[r + 1, c] - counter[before, c]
    fell = growth < 0
    findings.add("resets", int(fell.sum()), name)
    across = (before < r) & ~fell
    findings.add("growth across gaps", int(across.sum()), name, f"{growth[across].sum():g} counted in the last cell of each gap" if across.any() else "")
    out = np.full((len(have) - 1, have.shape[1]), np.nan)
    out[r, c] = np.where(fell, np.nan, growth.astype(np.float64))
    return out
