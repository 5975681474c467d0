"""What all rows of a dataset of a day come to: made when the day is written, kept in its file, and
taken from there in place of the rows. Equal, bit for bit, to what the rows come to.
"""

from __future__ import annotations

import functools

import numpy as np

from archive_tools.core.arrays import Float64, Int64
from archive_tools.formats import row_blocks
from archive_tools.formats.kept_summary import Kept
from archive_tools.reading.reduction import Columns, Reduced, reduce


def merged(earlier: Reduced, later: Reduced) -> Reduced:
    """What earlier and later rows of one day, of the same columns, come to together."""
    later = later.after(earlier.absent)
    higher = later.peak > earlier.peak
    return Reduced(
        earlier.rows + later.rows,
        earlier.measured + later.measured,
        earlier.total + later.total,
        *((later if higher else earlier)[3:5]),
        _merged_columns(earlier.columns, later.columns)
        if earlier.columns and later.columns
        else None,
        earlier.first,
        later.absent,
    )


def _merged_columns(earlier: Columns, later: Columns) -> Columns:
    higher = later.peaks > earlier.peaks
    return Columns(
        earlier.measured + later.measured,
        earlier.totals + later.totals,
        np.where(higher, later.peaks, earlier.peaks),
        np.where(higher, later.peaks_at, earlier.peaks_at),
    )


def day_summary(values: Float64, rows_of_chunk: int, kind: str) -> Kept | None:
    """What all rows of a dataset come to, to be kept; None where there are no cells.

    Parameters
    ----------
    values : float64 (rows, columns)
        NaN where missing.
    rows_of_chunk : int
        Sums are made in the steps in which a reader makes them.
    kind : {'delta', 'rate', 'gauge'}
    """
    if not values.size:
        return None
    rows = np.arange(len(values), dtype=np.int64)
    step = row_blocks.rows_of_block(rows_of_chunk, values.shape[1])
    parts = (
        reduce(values[first : first + step], rows[first : first + step], kind, by_component=True)
        for first in range(0, len(rows), step)
    )
    nothing = np.zeros(values.shape[1], bool)
    found = functools.reduce(merged, parts).after(nothing)  # growth is not carried over midnight
    each = found.columns
    assert each is not None
    return Kept(
        np.append(each.measured, found.measured).astype(np.int64),
        np.append(each.totals, found.total),
        np.append(each.peaks, found.peak),
        np.append(each.peaks_at, found.peak_at).astype(np.int64),
    )


def reduced(kept: Kept, stamps: Int64, *, by_component: bool) -> Reduced:
    """What is kept, as `archive_tools.reading.reduction.reduce` has it.

    Parameters
    ----------
    kept : Kept
    stamps : int64 (rows,)
        Starts of the rows.
    by_component : bool
    """
    at = stamps[kept.peak_rows]
    return Reduced(
        len(stamps),
        int(kept.measured[-1]),
        float(kept.totals[-1]),
        float(kept.peaks[-1]),
        int(at[-1]),
        Columns(kept.measured[:-1], kept.totals[:-1], kept.peaks[:-1], at[:-1])
        if by_component
        else None,
        None,
        np.zeros(len(kept.peaks) - 1, bool),
    )
