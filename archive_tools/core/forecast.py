"""When a file system would be full, by its fullness on some days. Pure."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archive_tools.core.trend import FEWEST, Trend, trend

FARTHEST = 3653
"""Days ahead, after which no date is given."""


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
        """What is said of it, with the slope."""
        if self.trend is None:
            return self.when()
        sure = f"{_signed(self.trend.low)} to {_signed(self.trend.high)}"
        return f"{self.when()}: {_signed(self.trend.slope)} points a day (95 %: {sure})"

    def when(self) -> str:
        """What is said of the date."""
        if self.trend is None:
            return f"too few days with fullness to say when it is full (at least {FEWEST})"
        if self.trend.slope <= 0 and self.earliest is None:
            return "not filling"
        if self.trend.low <= 0:
            first = f", at the earliest {self.earliest}" if self.earliest else ""
            return f"not surely filling{first}"
        if self.full is None:
            return "filling, not full within ten years"
        last = self.latest or "more than ten years ahead"
        return f"full about {self.full} ({self.earliest} to {last})"


def forecast_of(known: Sequence[tuple[dt.date, float]]) -> Forecast:
    """When it would be full; capacity that is added counts, for the trend is that of per cents.

    Parameters
    ----------
    known : sequence of (date, per cent)
        In their order.
    """
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
    if level >= 100:
        return last
    days = (100 - level) / slope if slope > 0 else math.inf
    return last + dt.timedelta(days=math.ceil(days)) if days <= FARTHEST else None


def _signed(value: float) -> str:
    return f"{value:+.3g}"
