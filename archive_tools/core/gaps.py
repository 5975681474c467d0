"""Growth across gaps: which amounts are in no rate.

A counter says what it grew by while it was not read, but not when: the cell that follows missing
cells of a component holds the growth of them all. It counts in totals, and is in no rate, and so in
no peak. Before the first row of a day there is no gap: growth is not carried over midnight.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Bool, Float64

Rows = npt.NDArray[np.intp]


def follow_gaps(absent: Bool) -> Bool:
    """Measured cells that follow missing ones: bool (rows, columns).

    Parameters
    ----------
    absent : bool (rows, columns)
        Where nothing was measured; the rows follow each other.
    """
    found = np.zeros_like(absent)
    found[1:] = absent[:-1] & ~absent[1:]
    return found


def without_gaps(values: Float64) -> Float64:
    """Amounts that came about in their own row: NaN where missing, and after that.

    Parameters
    ----------
    values : float64 (rows, columns)
        NaN where missing; the rows follow each other.
    """
    return np.where(follow_gaps(np.isnan(values)), np.nan, values)


def rows_after_gaps(rows: Rows, absent: Bool, count: int) -> tuple[Rows, Bool]:
    """`follow_gaps` where only few rows lack cells.

    Parameters
    ----------
    rows : int (n,)
        The rows that lack cells, growing.
    absent : bool (n, columns)
        Which cells they lack.
    count : int
        How many rows there are.

    Returns
    -------
    rows : int (k,)
        Those that have cells after gaps.
    follows : bool (k, columns)
        Which cells these are.
    """
    follows = absent.copy()
    near = np.flatnonzero(np.diff(rows) == 1)
    follows[near] &= ~absent[near + 1]
    has_some = follows.any(axis=1) & (rows < count - 1)
    return rows[has_some] + 1, follows[has_some]
