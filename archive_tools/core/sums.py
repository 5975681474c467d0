"""Sums of whole numbers that cannot overflow: counters may be garbage."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Int64

LARGEST = 2**62 - 1
"""Larger sums are not made: no device moves so many bytes or does so many operations in a day."""


def capped_sums(values: Int64, place: npt.NDArray[np.integer], size: int) -> Int64:
    """Sums by place, exact up to `LARGEST`, which stands for all above.

    Parameters
    ----------
    values : int64 (n,)
        Not below 0.
    place : int (n,)
        Of each value, 0 to `size` - 1.
    size : int

    Returns
    -------
    int64 (size,)
    """
    high, low = np.zeros(size, np.int64), np.zeros(size, np.int64)
    np.add.at(high, place, values >> 32)
    np.add.at(low, place, values & 0xFFFFFFFF)
    high += low >> 32
    return np.where(high > LARGEST >> 32, LARGEST, high << 32 | low & 0xFFFFFFFF)


def sql_halves(column: str) -> tuple[str, str]:
    """Two sums in SQL that make up the sum of a column of whole numbers; neither overflows, where
    SQLite's SUM fails. `sum_of_halves` puts them together.

    Parameters
    ----------
    column : str
        The caller's own text, for it becomes part of the query.
    """
    return f"SUM({column} >> 32)", f"SUM({column} & 4294967295)"


def sql_sum(column: str) -> str:
    """The sum of a column of whole numbers in SQL; it is a REAL where 64 bits cannot hold it,
    where SQLite's SUM fails.

    Parameters
    ----------
    column : str
        The caller's own text, for it becomes part of the query.
    """
    high, low = sql_halves(column)
    return f"({high} * 4294967296 + {low})"


def sum_of_halves(high: int | None, low: int | None) -> int:
    """The exact sum of `sql_halves`; 0 where nothing was available."""
    return ((high or 0) << 32) + (low or 0)
