"""Local time stamps to UTC: what a wall clock showed, in the order in which it showed it."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Int64

JUMP = 60
"""Seconds: a clock that falls back by less was corrected, not moved to winter time."""


def utc_seconds(local: Int64, timezone: str) -> tuple[Int64, npt.NDArray[np.bool_]]:
    """Local time stamps, in the order in which they were taken, to UTC.

    Parameters
    ----------
    local : int64 (n,)
        Local wall clock as seconds since 1970-01-01T00:00:00 local.
    timezone : str

    Returns
    -------
    utc : int64 (n,)
        Epoch seconds. In the hour that autumn repeats, stamps belong to the first pass until the
        clock is seen to jump back by at least `JUMP` seconds, and to the second from then on.
    real : bool (n,)
        False for stamps inside the gap of spring, which no clock showed.
    """
    if not len(local):
        return local, np.ones(0, dtype=bool)
    zone = ZoneInfo(timezone)
    first, second = (_offsets(local, zone, fold) for fold in (0, 1))
    repeated = first > second
    jumped = np.zeros(len(local), dtype=bool)
    jumped[1:] = local[1:] <= local[:-1] - JUMP
    again = repeated & (np.cumsum(jumped & repeated) > 0)
    return local - np.where(again, second, first), first >= second


def _offsets(local: Int64, zone: ZoneInfo, fold: int) -> Int64:
    """UTC offset of each local stamp, seconds, looked up once a quarter of an hour."""
    quarters, place = np.unique(local // 900, return_inverse=True)
    base = dt.datetime(1970, 1, 1)
    offsets = [
        (base + dt.timedelta(seconds=int(q) * 900)).replace(tzinfo=zone, fold=fold).utcoffset()
        for q in quarters
    ]
    return np.array([int(o.total_seconds()) for o in offsets if o is not None], dtype=np.int64)[
        place
    ]
