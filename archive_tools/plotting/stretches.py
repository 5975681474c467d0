"""Rows resampled into the stretches of time that a picture has space for.

A stretch knows how many seconds its rows are, so that an amount becomes an amount a second of the
time in which it happened. Times that are in no row (days that are not in the archive) are in no
stretch.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from archive_tools.core import gaps
from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.day import Day
from archive_tools.formats.series import Series

DAY = 86400
Interval = tuple[int, int]
"""``[start, end)`` in epoch seconds."""
WIDTHS = (
    1,
    2,
    5,
    10,
    15,
    20,
    30,
    60,
    120,
    180,
    300,
    600,
    900,
    1200,
    1800,
    3600,
    7200,
    10800,
    14400,
    21600,
    28800,
    43200,
    86400,
)
"""Seconds that people read easily."""


@dataclass(frozen=True)
class Stretches:
    """Rows of a series, resampled.

    Attributes
    ----------
    width : int
        Seconds of a stretch that lacks no rows.
    slots : int64 (n,)
        Where each stretch would start if it lacked no rows.
    starts, ends : int64 (n,)
        Of the first and the last row in each, growing.
    totals, means, largest : float64 (n, columns)
        Of the measured cells; NaN where none is. Totals of rates are amounts.
    seconds : float64 (n, columns)
        The time in which the totals came about: that of the measured cells, and of the gaps between
        them and before them, back to when the column was last measured on that day. Growth across a
        gap is in the gap's last cell.
    """

    width: int
    slots: Int64
    starts: Int64
    ends: Int64
    totals: Float64
    means: Float64
    largest: Float64
    seconds: Float64

    def rates(self) -> Float64:
        """Amounts a second: float64 (n, columns), NaN where nothing was measured."""
        return self.totals / np.where(self.seconds > 0, self.seconds, np.nan)


def stretches(series: Series, most: int, timezone: str) -> Stretches:
    """Join rows into some `most` stretches, or fewer.

    Parameters
    ----------
    series : Series
        With one row or more.
    most : int
        Stretches begin at multiples of their width, so that there may be one more.
    timezone : str
        IANA name: no growth is carried over the site's midnights.
    """
    size = width(series, most)
    slots = (
        series.timestamps if _alone(series, most) else series.timestamps - series.timestamps % size
    )
    first, days = _turns(slots), _days(series, timezone)
    cuts = np.union1d(first, days)
    parts = _parts(series, cuts, np.isin(cuts, days))
    joins = np.searchsorted(cuts, first)
    count, total, value, seconds = (np.add.reduceat(part, joins, axis=0) for part in parts[:4])
    last = np.append(first[1:], len(slots)) - 1
    return Stretches(
        size,
        slots[first],
        series.timestamps[first],
        series.timestamps[last] + series.seconds[last],
        totals=np.where(count > 0, total, np.nan),
        means=np.where(count > 0, value / np.maximum(count, 1), np.nan),
        largest=np.fmax.reduceat(parts[4], joins, axis=0),
        seconds=seconds,
    )


def width(series: Series, most: int) -> int:
    """Seconds of a stretch that lacks no rows, if there are to be some `most` of them."""
    if _alone(series, most):
        return int(series.seconds.min())
    low, high = span(series)
    wanted, longest = -(-(high - low) // most), int(series.seconds.max())
    unit = DAY if DAY % longest == 0 and wanted > DAY else longest
    return next(
        (size for size in WIDTHS if size >= wanted and size % longest == 0),
        -(-wanted // unit) * unit,
    )


def _alone(series: Series, most: int) -> bool:
    """Whether there is space for each row."""
    low, high = span(series)
    return high - low <= most * int(series.seconds.min())


def _turns(values: Int64) -> npt.NDArray[np.intp]:
    """Where a value differs from the one before it; the first does."""
    return np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))


def _days(series: Series, timezone: str) -> npt.NDArray[np.intp]:
    """The rows before which no growth is known: the first of a day of the site, and those that no
    row touches.
    """
    zone, (low, high) = ZoneInfo(timezone), span(series)
    first, last = (dt.datetime.fromtimestamp(stamp, zone).date() for stamp in (low, high - 1))
    midnights = [
        Day(first + dt.timedelta(days=n), timezone).start for n in range(1, (last - first).days + 1)
    ]
    apart = 1 + np.flatnonzero(
        series.timestamps[1:] != series.timestamps[:-1] + series.seconds[:-1]
    )
    rows = np.concatenate(
        ([0], apart, np.searchsorted(series.timestamps, np.array(midnights, dtype=np.int64)))
    )
    return np.unique(rows[rows < len(series.timestamps)])


def _parts(
    series: Series, cuts: npt.NDArray[np.intp], fresh: npt.NDArray[np.bool_]
) -> tuple[Float64, ...]:
    """Count, total, sum, seconds and largest cell of ranges of rows; a range at a time, for the
    values may be large.
    """
    found = tuple(np.zeros((len(cuts), len(series.columns))) for _ in range(5))
    until = np.full(len(series.columns), -np.inf)  # end of the last measured cell of the day
    for i, (low, high) in enumerate(
        zip(cuts.tolist(), [*cuts[1:].tolist(), len(series.values)], strict=True)
    ):
        if fresh[i]:
            until[:] = -np.inf
        some, lengths = series.values[low:high], series.seconds[low:high, None]
        have = np.isfinite(some)
        measured = np.where(have, some, 0.0)
        count = have.sum(axis=0)
        sums = measured.sum(axis=0)
        found[0][i], found[2][i], found[4][i] = count, sums, np.fmax.reduce(some, axis=0)
        found[1][i] = (measured * lengths).sum(axis=0) if series.kind == "rate" else sums
        begin = np.where(np.isfinite(until), until, series.timestamps[low + have.argmax(axis=0)])
        last = high - 1 - have[::-1].argmax(axis=0)
        end = series.timestamps[last] + series.seconds[last]
        found[3][i] = np.where(count, end - begin, 0.0)
        until = np.where(count, end, until)
    return found


def span(series: Series) -> Interval:
    """From the first row's start to the last row's end."""
    return int(series.timestamps[0]), int(series.timestamps[-1] + series.seconds[-1])


def measured_span(series: Series) -> Interval | None:
    """From the start of the first row in which anything was measured to the end of the last; None
    if nothing was.
    """
    rows = np.flatnonzero(np.isfinite(series.values).any(axis=1))
    return span(_rows(series, int(rows[0]), int(rows[-1]) + 1)) if len(rows) else None


def within(series: Series, interval: Interval) -> Series:
    """The rows that reach into an interval. Growth of a gap before them is not in them: the first
    row has no amount where the one before it has none.
    """
    low = int(np.searchsorted(series.timestamps + series.seconds, interval[0], side="right"))
    found = _rows(series, low, max(low, int(np.searchsorted(series.timestamps, interval[1]))))
    if series.kind == "gauge" or not low or not len(found.timestamps):
        return found
    follows = gaps.follow_gaps(np.isnan(series.values[low - 1 : low + 1]))[1:]
    if not follows.any():
        return found
    first = np.where(follows, np.nan, found.values[:1])
    return replace(found, values=np.concatenate([first, found.values[1:]]))


def _rows(series: Series, low: int, high: int) -> Series:
    return replace(
        series,
        timestamps=series.timestamps[low:high],
        seconds=series.seconds[low:high],
        values=series.values[low:high],
    )


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Intervals that neither touch nor overlap, in order, which cover what the given ones do."""
    found: list[Interval] = []
    for start, end in sorted(intervals):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        elif end > start:
            found.append((start, end))
    return found


def complement(intervals: Iterable[Interval], whole: Interval) -> list[Interval]:
    """What of a range is in none of the intervals."""
    covered = merged(
        (max(start, whole[0]), min(end, whole[1]))
        for start, end in intervals
        if start < whole[1] and end > whole[0]
    )
    edges = [whole[0], *(edge for interval in covered for edge in interval), whole[1]]
    return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]
