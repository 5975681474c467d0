"""What some rows come to: totals, means, peaks, and what is missing. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from archive_tools.core import gaps
from archive_tools.core.arrays import Bool, Float64, Int64

FLOW = ("delta", "rate")
"""Kinds that are added up over the components."""


class Header(NamedTuple):
    """What a file says of a dataset."""

    dataset: str
    unit: str
    kind: str
    columns: tuple[str, ...]
    timestep: int


class Columns(NamedTuple):
    """What some rows come to, column by column: arrays (columns,); see `Reduced`."""

    measured: npt.NDArray[np.intp]
    totals: Float64
    peaks: Float64
    peaks_at: Int64


class First(NamedTuple):
    """The first of some rows, whose growth may be that of a gap before it.

    Attributes
    ----------
    at : int
        Epoch second.
    total : float
        Sum of the measured cells; NaN if there are none.
    values : float64 (columns,)
    """

    at: int
    total: float
    values: Float64

    @classmethod
    def of(cls, values: Float64, stamps: Int64, sums: RowSums) -> First:
        """Of some rows."""
        return cls(int(stamps[0]), float(sums.totals[0]), values[0].copy())

    def follows(self, before: Bool) -> Bool:
        """Its cells that follow missing ones, if the row before lacks these: bool (columns,)."""
        return before & ~np.isnan(self.values)

    def steady(self, before: Bool) -> float:
        """Sum of the measured cells that do not; NaN if there are none."""
        if not self.follows(before).any():
            return self.total
        cells = self.values[~before & ~np.isnan(self.values)]
        return float(cells.sum()) if len(cells) else np.nan


class Reduced(NamedTuple):
    """What some rows come to.

    Attributes
    ----------
    rows, measured : int
        Rows, and cells that were measured.
    total : float
        Sum of the measured cells.
    peak, peak_at : float and int
        See `DatasetSummary`; -inf and 0 if there is none. Of a flow the first row is not in it
        until it is known what was before: see `after`.
    columns : Columns or None
    first : First or None
        Of a flow.
    absent : bool (columns,)
        The missing cells of the last row.
    """

    rows: int
    measured: int
    total: float
    peak: float
    peak_at: int
    columns: Columns | None
    first: First | None
    absent: Bool

    def after(self, before: Bool) -> Reduced:
        """The same of rows that follow one that lacks these cells: bool (columns,)."""
        if self.first is None:
            return self
        columns, peak = self.columns, self.first.steady(before)
        if columns is not None:
            values = self.first.values
            peaks = np.where(before | np.isnan(values), -np.inf, values)
            is_first = peaks >= columns.peaks
            columns = columns._replace(
                peaks=np.where(is_first, peaks, columns.peaks),
                peaks_at=np.where(is_first, self.first.at, columns.peaks_at),
            )
        if peak >= self.peak:
            return self._replace(peak=peak, peak_at=self.first.at, columns=columns)
        return self._replace(columns=columns)


class RowSums(NamedTuple):
    """Sums over the components of each row.

    Attributes
    ----------
    totals : float64 (rows,)
        Of what was measured; NaN where nothing was.
    steady : float64 (rows,)
        The same without cells that follow gaps, which are in no rate. What is before the first row
        is not known: its cells count.
    lacking : int (n,)
        The rows that lack cells, and maybe others.
    absent : bool (n, columns)
        The missing cells of these.
    after : int (k,)
        The rows that have cells after gaps.
    follows : bool (k, columns)
        Which cells of these do.
    """

    totals: Float64
    steady: Float64
    lacking: gaps.Rows
    absent: Bool
    after: gaps.Rows
    follows: Bool


def row_sums(values: Float64) -> RowSums:
    """Sums over the components of rows that follow each other.

    Parameters
    ----------
    values : float64 (rows, columns)
        NaN where missing.
    """
    with np.errstate(invalid="ignore"):
        totals = values.sum(axis=1)
    lacking = np.flatnonzero(np.isnan(totals)) if values.shape[1] else np.arange(len(values))
    absent = _sum_measured(totals, values, lacking, None)
    after, follows = gaps.rows_after_gaps(lacking, absent, len(values))
    steady = totals
    if len(after):
        steady = totals.copy()
        _sum_measured(steady, values, after, follows)
    return RowSums(totals, steady, lacking, absent, after, follows)


def _sum_measured(totals: Float64, values: Float64, rows: gaps.Rows, without: Bool | None) -> Bool:
    """Put sums over the cells that are there, but for some, into `totals`; gives those that do not
    count.
    """
    some = values[rows]
    absent = np.isnan(some)
    if without is not None:
        absent |= without
    with np.errstate(invalid="ignore"):
        sums = np.where(absent, 0.0, some).sum(axis=1)
    totals[rows] = np.where(absent.all(axis=1), np.nan, sums)
    return absent


def reduce(values: Float64, stamps: Int64, kind: str, *, by_component: bool = False) -> Reduced:
    """What some rows come to that follow each other.

    Parameters
    ----------
    values : float64 (rows, columns)
        NaN where missing; one row or more.
    stamps : int64 (rows,)
        Starts of the rows.
    kind : {'delta', 'rate', 'gauge'}
    by_component : bool
        Also of each column.
    """
    sums, is_flow = row_sums(values), kind in FLOW
    measured = values.size - int(np.count_nonzero(sums.absent))
    columns = _by_column(values, stamps, sums, is_flow) if by_component else None
    peak, at = -np.inf, 0
    if measured:
        profile = sums.steady.copy() if is_flow else _largest(values, sums.lacking)
        profile[: int(is_flow)] = np.nan
        profile[np.isnan(profile)] = -np.inf
        row = int(profile.argmax())
        peak, at = float(profile[row]), int(stamps[row])
    first = First.of(values, stamps, sums) if is_flow else None
    return Reduced(
        len(values),
        measured,
        float(np.nansum(sums.totals)),
        peak,
        at,
        columns,
        first,
        np.isnan(values[-1]),
    )


def _largest(values: Float64, lacking: gaps.Rows) -> Float64:
    """The largest cell of each row; NaN where nothing was measured."""
    found: Float64 = values.max(axis=1)
    found[lacking] = np.fmax.reduce(values[lacking], axis=1)
    return found


def _by_column(values: Float64, stamps: Int64, sums: RowSums, is_flow: bool) -> Columns:
    """What rows come to by column; of a flow the first row is in no peak."""
    lacking, absent, after = sums.lacking, sums.absent, int(is_flow)
    filled, some_absent = values, absent.any()
    if some_absent:
        filled = values.copy()
        filled[lacking] = np.where(absent, 0.0, values[lacking])
    totals = filled.sum(axis=0)
    if some_absent:
        filled[lacking] = np.where(absent, -np.inf, values[lacking])
    if some_absent and is_flow:
        number, column = np.nonzero(sums.follows)
        filled[sums.after[number], column] = -np.inf
    peaks = filled[after:].max(axis=0, initial=-np.inf)
    rows = np.zeros(values.shape[1], np.intp)
    if len(values) > after:
        rows = (filled[after:] == peaks).argmax(axis=0) + after  # faster than argmax of numbers
    return Columns(len(values) - absent.sum(axis=0), totals, peaks, stamps[rows])
