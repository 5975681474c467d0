"""How full a file system becomes, and what it moves, by day, week or month; and when it would be
full.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archive_tools.core.errors import BadArgument
from archive_tools.core.trend import FEWEST, Trend, trend
from archive_tools.reading.daily import DayFigures

PERIODS = ("day", "week", "month")
FARTHEST = 3653
"""Days ahead, after which no date is given."""


@dataclass(frozen=True)
class Period:
    """A day, a week from Monday, or a month, as far as it was requested.

    Attributes
    ----------
    name : str
        ``2026-11-22``, ``2026-W47`` or ``2026-11``.
    days, there : int
        Days that were requested, and those of which something was measured.
    measured : float
        Share of all cells of read and written bytes that were measured, 0 to 1; days that are not
        there count as not measured.
    read, written : float or None
        Bytes of what was measured.
    used, capacity, fullness : float or None
        Bytes, bytes and per cent on the last day on which it is known.
    fullest : tuple of str and float, or None
        The fullest target on that day, and its per cents in use.
    """

    name: str
    days: int
    there: int
    measured: float
    read: float | None
    written: float | None
    used: float | None
    capacity: float | None
    fullness: float | None
    fullest: tuple[str, float] | None


@dataclass(frozen=True)
class Forecast:
    """When a file system would be full, if it went on as in the days that were looked at.

    Attributes
    ----------
    trend : Trend or None
        Per cent a day; None where too few days are known.
    since, upto : datetime.date or None
        The first and the last day of which fullness is known.
    fullness : float or None
        Per cent in use on the last of them.
    full, earliest, latest : datetime.date or None
        The date by the slope, and by the ends of its interval; None is never, or more than ten
        years ahead.
    """

    trend: Trend | None
    since: dt.date | None = None
    upto: dt.date | None = None
    fullness: float | None = None
    full: dt.date | None = None
    earliest: dt.date | None = None
    latest: dt.date | None = None

    def sentence(self) -> str:
        """What is said of it."""
        if self.trend is None or self.upto is None:
            return f"too few days with fullness to say when it is full (at least {FEWEST})"
        sure = f"{_signed(self.trend.low)} to {_signed(self.trend.high)}"
        rate = f"{_signed(self.trend.slope)} points a day (95 %: {sure})"
        if self.trend.slope <= 0 and self.earliest is None:
            return f"not filling: {rate}"
        if self.trend.low <= 0:
            first = f", at the earliest {self.earliest}" if self.earliest else ""
            return f"not surely filling: {rate}{first}"
        if self.full is None:
            return f"filling, not full within ten years: {rate}"
        last = self.latest or "more than ten years ahead"
        return f"full about {self.full} ({self.earliest} to {last}): {rate}"


def periods(days: Sequence[DayFigures], by: str) -> list[Period]:
    """The figures of days, joined.

    Parameters
    ----------
    days : sequence of DayFigures
        In their order; all that were requested.
    by : {'day', 'week', 'month'}
    """
    if by not in PERIODS:
        raise BadArgument(f"growth by {by!r} is not known", expected=", ".join(PERIODS))
    return [
        _period(name, list(group))
        for name, group in itertools.groupby(days, key=lambda one: period_of(one.date, by))
    ]


def period_of(date: dt.date, by: str) -> str:
    """What the day, week or month of a date is called."""
    if by == "week":
        year, week, _ = date.isocalendar()
        return f"{year}-W{week:02}"
    return f"{date:%Y-%m}" if by == "month" else str(date)


def _period(name: str, days: Sequence[DayFigures]) -> Period:
    seconds = sum(day.seconds for day in days)
    last = next((day for day in reversed(days) if day.full), days[-1])
    return Period(
        name,
        len(days),
        sum(day.measured > 0 or day.full is not None for day in days),
        sum(day.measured * day.seconds for day in days) / seconds,
        _total([day.read for day in days]),
        _total([day.written for day in days]),
        last.used,
        last.capacity,
        last.fullness,
        last.fullest,
    )


def forecast(days: Sequence[DayFigures]) -> Forecast:
    """When it would be full, by the fullness of days; capacity that is added counts, for the trend
    is that of per cents.
    """
    known = [(day.date, day.fullness) for day in days if day.fullness is not None]
    if not known:
        return Forecast(None)
    dates = [date for date, _ in known]
    values = np.array([value for _, value in known], dtype=np.float64)
    found = trend(np.array([date.toordinal() for date in dates], dtype=np.float64), values)
    level = float(values[-1])
    if found is None:
        return Forecast(None, dates[0], dates[-1], level)
    full, earliest, latest = (
        _date(dates[-1], level, slope) for slope in (found.slope, found.high, found.low)
    )
    return Forecast(found, dates[0], dates[-1], level, full, earliest, latest)


def _date(last: dt.date, level: float, slope: float) -> dt.date | None:
    """The date at which 100 per cent are reached."""
    if level >= 100 or slope == math.inf:
        return last
    days = (100 - level) / slope if slope > 0 else math.inf
    return last + dt.timedelta(days=math.ceil(days)) if days <= FARTHEST else None


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _signed(value: float) -> str:
    return f"{value:+.3g}".replace("inf", "∞")
