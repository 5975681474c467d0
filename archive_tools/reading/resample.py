"""Rows resampled into longer ones, aligned to absolute time: minutes and hours to the epoch, days
to the site's calendar.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.errors import BadArgument
from archive_tools.schemas import Reducer

SECONDS = {"s": 1, "sec": 1, "min": 60, "h": 3600, "d": 86400}
_STEP = re.compile(r"(\d*)\s*(s|sec|min|h|d)", re.IGNORECASE)


@dataclass(frozen=True)
class Step:
    """The length of resampled rows.

    Attributes
    ----------
    seconds : int
        Of a row; 0 where a row is a calendar day of the site (23, 24 or 25 hours).
    timezone : str
        The site's IANA zone.
    """

    seconds: int
    timezone: str = "UTC"

    @classmethod
    def parse(cls, text: str, timezone: str) -> Step:
        """A step out of ``10s``, ``1min``, ``15min``, ``1h`` or ``1d``.

        Raises
        ------
        BadArgument
            It is none of these.
        """
        match = _STEP.fullmatch(text.strip()) if isinstance(text, str) else None
        count = int(match[1] or 1) if match and len(match[1]) < 9 else 0
        if not match or not count or (match[2].lower() == "d" and count != 1):
            raise BadArgument(
                f"{text!r} is not a step of time",
                expected="such as 30s, 1min, 15min, 1h, or 1d (the site's day)",
            )
        return cls(0 if match[2].lower() == "d" else count * SECONDS[match[2].lower()], timezone)

    def check(self, timestep: int, dataset: str) -> None:
        """Refuse what would cut rows in two."""
        if self.seconds % timestep if self.seconds else 3600 % timestep:
            got = f"{self.seconds} s" if self.seconds else "1d, for rows that divide an hour"
            raise BadArgument(
                f"{dataset} has a row every {timestep} s",
                expected=f"a step that is a multiple of {timestep} s",
                got=got,
            )

    def starts(self, timestamps: Int64) -> Int64:
        """Start of the resampled row that each row falls into, int64 epoch seconds."""
        if self.seconds:
            return timestamps - timestamps % self.seconds
        if not len(timestamps):
            return timestamps.copy()
        zone = ZoneInfo(self.timezone)
        low, high = (
            dt.datetime.fromtimestamp(int(stamp), zone).date()
            for stamp in (timestamps[0], timestamps[-1])
        )
        dates = [low + dt.timedelta(days=n) for n in range((high - low).days + 1)]
        midnights = np.array(
            [int(dt.datetime(d.year, d.month, d.day, tzinfo=zone).timestamp()) for d in dates],
            dtype=np.int64,
        )
        return midnights[np.searchsorted(midnights, timestamps, side="right") - 1]


@dataclass(frozen=True)
class Resampled:
    """Rows resampled so far; two of them can be merged.

    Attributes
    ----------
    starts : int64 (rows,)
        Growing.
    count : int64 (rows, columns)
        Measured cells.
    value : float64 (rows, columns)
        Their sum, least or greatest; 0, inf or -inf where there is none.
    """

    starts: Int64
    count: Int64
    value: Float64

    def weighted(self, weight: int) -> Resampled:
        """With cells that count for more: sums of long rows beside those of short ones."""
        return (
            self
            if weight == 1
            else Resampled(self.starts, self.count * weight, self.value * weight)
        )


NEUTRAL = {"sum": 0.0, "mean": 0.0, "min": np.inf, "max": -np.inf}
_REDUCE: dict[str, np.ufunc] = {"sum": np.add, "mean": np.add, "min": np.minimum, "max": np.maximum}


def aggregate(starts: Int64, values: Float64, how: Reducer) -> Resampled:
    """Join rows that have the same start.

    Parameters
    ----------
    starts : int64 (rows,)
        Not falling.
    values : float64 (rows, columns)
        NaN where missing; the array is changed.
    how : {'sum', 'mean', 'min', 'max'}
    """
    first = np.flatnonzero(np.concatenate(([True], starts[1:] != starts[:-1])))
    length = np.diff(np.append(first, len(starts)))
    absent = np.isnan(values)
    count = np.repeat(length[:, None], values.shape[1], axis=1)
    if absent.any():
        np.copyto(values, NEUTRAL[how], where=absent)
        count = count - _by_row(np.add, absent, first, length, np.int64)
    return Resampled(starts[first], count, _by_row(_REDUCE[how], values, first, length, np.float64))


def _by_row(
    reduce: np.ufunc,
    values: npt.NDArray[Any],
    first: npt.NDArray[np.intp],
    length: npt.NDArray[np.intp],
    dtype: type,
) -> npt.NDArray[Any]:
    """``reduce.reduceat`` over rows; a few long stretches are faster one by one."""
    if len(first) > len(values) // 8:
        return np.asarray(reduce.reduceat(values, first, axis=0, dtype=dtype))
    stretches = [
        reduce.reduce(values[low : low + many], axis=0, dtype=dtype)
        for low, many in zip(first.tolist(), length.tolist(), strict=True)
    ]
    return np.asarray(stretches)


def merged(pieces: list[Resampled], how: Reducer) -> Resampled:
    """Resampled rows of consecutive pieces; a row that two pieces share is one row."""
    starts = np.concatenate([piece.starts for piece in pieces])
    if not len(starts):
        return pieces[0]
    first = np.flatnonzero(np.concatenate(([True], starts[1:] != starts[:-1])))
    count = np.add.reduceat(np.concatenate([piece.count for piece in pieces]), first, axis=0)
    value = _REDUCE[how].reduceat(np.concatenate([piece.value for piece in pieces]), first, axis=0)
    return Resampled(starts[first], count, value)


def in_one(pieces: Sequence[Resampled], how: Reducer) -> Resampled:
    """Resampled rows of consecutive pieces of a day, each added to what those before it come to."""
    return functools.reduce(lambda one, other: merged([one, other], how), pieces)


def finished(resampled: Resampled, how: Reducer) -> Float64:
    """Values of the resampled rows: float64 (rows, columns), NaN where nothing was measured."""
    values = resampled.value / np.maximum(resampled.count, 1) if how == "mean" else resampled.value
    return np.where(resampled.count > 0, values, np.nan)
