"""What some rows come to: totals, means, peaks, and what is missing. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Int64

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


class Reduced(NamedTuple):
    """What some rows come to.

    Attributes
    ----------
    rows, measured : int
        Rows, and cells that were measured.
    total : float
        Sum of the measured cells.
    peak, peak_at : float and int
        See `DatasetSummary`; -inf and 0 if nothing was measured.
    columns : Columns or None
    """

    rows: int
    measured: int
    total: float
    peak: float
    peak_at: int
    columns: Columns | None


def row_totals(values: Float64) -> Float64:
    """Sum over the components of each row, of what was measured; NaN where nothing was.

    Parameters
    ----------
    values : float64 (rows, columns)
        NaN where missing.
    """
    return _row_totals(values)[0]


def _row_totals(values: Float64) -> tuple[Float64, npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Sums of the rows; numbers of the rows that may lack cells, and which of their cells are
    missing.
    """
    with np.errstate(invalid="ignore"):
        totals = values.sum(axis=1)
    rows = np.flatnonzero(np.isnan(totals)) if values.shape[1] else np.arange(len(values))
    lacking = values[rows]
    absent = np.isnan(lacking)
    with np.errstate(invalid="ignore"):
        totals[rows] = np.where(
            absent.all(axis=1), np.nan, np.where(absent, 0.0, lacking).sum(axis=1)
        )
    return totals, rows, absent


def reduce(values: Float64, stamps: Int64, kind: str, *, by_component: bool = False) -> Reduced:
    """What some rows come to.

    Parameters
    ----------
    values : float64 (rows, columns)
        NaN where missing.
    stamps : int64 (rows,)
        Starts of the rows.
    kind : {'delta', 'rate', 'gauge'}
    by_component : bool
        Also of each column.
    """
    totals, rows, absent = _row_totals(values)
    measured = values.size - int(np.count_nonzero(absent))
    columns = _by_column(values, stamps) if by_component and len(values) else None
    if not measured:
        return Reduced(len(values), 0, 0.0, -np.inf, 0, columns)
    profile = totals if kind in FLOW else _largest(values, rows)
    row = int(np.nanargmax(profile))
    return Reduced(
        len(values),
        measured,
        float(np.nansum(totals)),
        float(profile[row]),
        int(stamps[row]),
        columns,
    )


def _largest(values: Float64, lacking: npt.NDArray[np.intp]) -> Float64:
    """The largest cell of each row; NaN where nothing was measured."""
    found: Float64 = values.max(axis=1)
    found[lacking] = np.fmax.reduce(values[lacking], axis=1)
    return found


def _by_column(values: Float64, stamps: Int64) -> Columns:
    absent = np.isnan(values)
    high = np.where(absent, -np.inf, values)
    rows = high.argmax(axis=0)
    return Columns(
        len(values) - absent.sum(axis=0),
        np.where(absent, 0.0, values).sum(axis=0),
        high[rows, np.arange(values.shape[1])],
        stamps[rows],
    )
