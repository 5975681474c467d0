"""Times of a collectd that is not exactly on time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Int64

SHARE, MOST = 0.02, 500
"""How far from a row's edge a time may be and belong on it: in intervals, and in milliseconds."""


def on_edges(
    time: Int64, interval: Int64, column: npt.NDArray[np.integer[Any]], row: tuple[int, int]
) -> Int64:
    """Times a little below a row's edge put on it, in columns whose times lie around edges:
    on both sides of them, so near.

    Parameters
    ----------
    time, interval : int64 (n,)
        Milliseconds; an interval of 0 is not known.
    column : integer (n,)
    row : tuple of int
        Length of a row, and where the first one begins, in ms.
    """
    size, start = row
    near = np.minimum(np.where(interval > 0, interval, size) * SHARE, MOST)
    after = (time - start) % size
    below = (after > 0) & (size - after <= near)
    if not below.any():
        return time
    has_above = np.zeros(int(column.max(initial=0)) + 1, dtype=bool)
    has_above[column[after <= near]] = True
    return np.where(below & has_above[column], time + size - after, time)


def any_below(time: Int64, row: tuple[int, int]) -> bool:
    """Whether any time is so little below a row's edge that it may belong on it; see `on_edges`."""
    size, start = row
    after = (time - start) % size
    return bool(((after > 0) & (size - after <= MOST)).any())
