"""Rows of a day joined by bins of time. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.day import Day


def bin_seconds(day: Day, bins: int, timestep: int) -> int:
    """Length of a bin: a multiple of the timestep, about `bins` of them a day of 24 hours."""
    return max(timestep, -(-86400 // bins // timestep) * timestep)


def binned(ufunc: np.ufunc, values: Float64, stamps: Int64, starts: Int64, seconds: int) -> Float64:
    """Values joined by bins; NaN for bins without a row."""
    edges = np.searchsorted(stamps, [*starts, starts[-1] + seconds])
    has_rows = edges[1:] > edges[:-1]
    found = np.full(len(starts), np.nan)
    if has_rows.any():
        found[has_rows] = ufunc.reduceat(values[: edges[-1]], edges[:-1][has_rows])
    return found


class Ends(NamedTuple):
    """Missing cells at the ends of some rows, by column.

    Attributes
    ----------
    hour : int
        Number of the hour of the day in which the rows are.
    rows : int
    before, after : int (columns,)
        Missing cells before the first measured one and after the last; all rows if there is none.
    """

    hour: int
    rows: int
    before: npt.NDArray[np.intp]
    after: npt.NDArray[np.intp]


def ends_of_hours(values: Float64, hours: npt.NDArray[np.intp]) -> list[Ends]:
    """The ends of each hour's rows.

    Parameters
    ----------
    values : float64 (rows, columns)
        NaN is missing.
    hours : int (rows,)
        Growing.
    """
    cuts = [0, *(np.flatnonzero(np.diff(hours)) + 1).tolist(), len(hours)]
    found = []
    for first, stop in itertools.pairwise(cuts):
        known = ~np.isnan(values[first:stop])
        none = ~known.any(axis=0)
        before, after = (
            np.where(none, stop - first, one.argmax(axis=0)) for one in (known, known[::-1])
        )
        found.append(Ends(int(hours[first]), stop - first, before, after))
    return found


def carried(ends: Iterable[Ends], hours: int) -> Float64:
    """Cells before each hour whose growth is in it: of a column that was not measured then, and is
    in the hour: float64 (hours,).
    """
    found = np.zeros(hours)
    missing: npt.NDArray[np.intp] | int = 0
    for one in ends:
        is_measured = one.before < one.rows
        found[one.hour] += np.sum(missing * is_measured)
        missing = np.where(is_measured, one.after, missing + one.rows)
    return found


def last_of_columns(values: Float64) -> Float64:
    """The last value of each column that is not NaN."""
    known = ~np.isnan(values)
    rows = len(values) - 1 - known[::-1].argmax(axis=0)
    return np.where(known.any(axis=0), values[rows, np.arange(values.shape[1])], np.nan)
