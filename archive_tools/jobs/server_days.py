"""Which days' files say what servers did at the times of a day's logs."""

from __future__ import annotations

import datetime as dt
import zoneinfo

from archive_tools.core.day import Day

VERSION = 1
"""Raised whenever the same archive would give other figures."""
REACH = 31 * 86400
"""Seconds before and after the day in which its logs are looked for; what is farther away is
garbage.
"""
BEFORE = 3600
"""Seconds before a log in which rows count: one row of a timestep, and the fullness measured last.
"""


def dates(day: Day, first: float, last: float) -> list[dt.date]:
    """The days whose files may say something of a day's logs that ran from `first` to `last`.

    Parameters
    ----------
    day : Day
        Of the logs.
    first, last : float
        Epoch seconds; what is more than `REACH` away from the day is cut off.
    """
    low, high = (
        min(max(stamp, day.start - REACH), day.end + REACH) for stamp in (first - BEFORE, last)
    )
    zone = zoneinfo.ZoneInfo(day.timezone)
    begin, end = (dt.datetime.fromtimestamp(float(stamp), zone).date() for stamp in (low, high))
    return [begin + dt.timedelta(days=n) for n in range((end - begin).days + 1)]
