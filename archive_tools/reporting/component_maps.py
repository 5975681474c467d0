"""Maps of a day: the mean of each component in bins of time, from rows in pieces. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from archive_tools.core.arrays import Bool, Float64, Int64
from archive_tools.reading.reduction import First, RowSums


class MapPiece(NamedTuple):
    """Some rows by bins.

    Attributes
    ----------
    first : int
        Number of the first bin; below 0 before the day.
    sums, counts : float64 (bins, columns)
        Of the cells that count.
    """

    first: int
    sums: Float64
    counts: Float64

    def without(self, row: First, before: Bool) -> MapPiece:
        """The same where the row before the first one lacks some cells: bool (columns,)."""
        follows = row.follows(before)
        if follows.any():
            self.sums[0, follows] -= row.values[follows]
            self.counts[0, follows] -= 1
        return self


def map_piece(values: Float64, bins: Int64, rows: RowSums, *, is_flow: bool) -> MapPiece:
    """Sums of some rows by bins; of a flow, cells that follow gaps do not count.

    Parameters
    ----------
    values : float64 (rows, columns)
        NaN where missing; cells that do not count become 0.
    bins : int64 (rows,)
        Number of the bin of each row, growing.
    rows : RowSums
        Of the values.
    """
    first, places = int(bins[0]), bins - bins[0]
    sums, counts = np.zeros((2, int(places[-1]) + 1, values.shape[1]))
    counts += np.bincount(places)[:, None]
    left_out = [(rows.lacking, rows.absent), *([(rows.after, rows.follows)] if is_flow else [])]
    for some, cells in left_out:
        if len(some):
            cuts = _cuts(places[some])
            counts[places[some[cuts]]] -= np.add.reduceat(cells, cuts, axis=0, dtype=np.float64)
            values[some] = np.where(cells, 0.0, values[some])
    cuts = _cuts(places)
    sums[places[cuts]] = np.add.reduceat(values, cuts)
    return MapPiece(first, sums, counts)


def _cuts(places: Int64) -> Int64:
    """Where a bin begins."""
    return np.concatenate([[0], np.flatnonzero(np.diff(places)) + 1])


def joined(pieces: Iterable[MapPiece], bins: int, columns: int) -> Float64:
    """Means: float64 (bins, columns), NaN where no cell counts."""
    sums, counts = np.zeros((2, bins, columns))
    for first, some, number in pieces:
        here = slice(max(first, 0), max(first, 0) + len(some))
        sums[here] += some[: len(sums[here])]
        counts[here] += number[: len(sums[here])]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(counts > 0, sums / counts, np.nan)
