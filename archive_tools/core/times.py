"""What a time comes to in epoch seconds: given as text, date, datetime, number or NumPy's."""

from __future__ import annotations

import datetime as dt
import math
from zoneinfo import ZoneInfo

import numpy as np

from archive_tools.core.errors import BadArgument
from archive_tools.core.time_texts import FORMS, Written, local_date, parse_time

When = str | dt.date | dt.datetime | int | float | np.datetime64
"""A time: an aware datetime (any zone), epoch seconds, or a date or naive time at the site."""


def epoch_second(when: When, timezone: str) -> int:
    """A time as epoch seconds, fractions rounded up: the first whole second that is not before it.

    Parameters
    ----------
    when : str, datetime.date, datetime.datetime, number or numpy.datetime64
        Dates and naive times are of `timezone`, aware ones are what they say; a `numpy.datetime64`
        is UTC, like the time stamps of arrays.
    timezone : str
        IANA name.

    Raises
    ------
    BadArgument
        It is not a time, or not between the years 1 and 9999.
    """
    try:
        return _epoch_second(when, timezone)
    except BadArgument:
        raise
    except (ValueError, OverflowError, OSError) as error:
        raise BadArgument(
            f"{when!r} is not a time: {error}", expected="a time between the years 1 and 9999"
        ) from None


def seconds_between(start: When, end: When, timezone: str) -> tuple[int, int]:
    """The range ``[start, end)`` in epoch seconds.

    Raises
    ------
    BadArgument
        It is empty, or a time is none.
    """
    first, last = epoch_second(start, timezone), epoch_second(end, timezone)
    if last <= first:
        raise BadArgument(
            "the range is empty", expected="start before end", got=f"{start} to {end}"
        )
    return first, last


def date_of(when: When, timezone: str) -> dt.date:
    """The day of a zone that a time is in; a date is itself.

    Raises
    ------
    BadArgument
        It is not a time.
    """
    if isinstance(when, dt.date) and not isinstance(when, dt.datetime):
        return when
    return local_date(epoch_second(when, timezone), timezone)


def _epoch_second(when: When, timezone: str) -> int:
    if isinstance(when, bool):
        raise BadArgument("a truth value is not a time", got=repr(when))
    if isinstance(when, np.datetime64):
        if np.isnat(when):
            raise ValueError("not a time")
        when = int(when.astype("datetime64[ns]").astype(np.int64)) / 10**9
    if isinstance(when, int | float | np.integer | np.floating):
        dt.datetime.fromtimestamp(float(when), dt.UTC)
        return math.ceil(when)
    if isinstance(when, str):
        try:
            when = parse_time(when)
        except ValueError:
            raise BadArgument(f"{when!r} is not a time", expected=FORMS) from None
    if not isinstance(when, dt.date):
        raise BadArgument(
            f"{when!r} is not a time", expected="a datetime, a date, a text or epoch seconds"
        )
    return math.ceil(_aware(when, timezone).timestamp())


def _aware(when: Written, timezone: str) -> dt.datetime:
    stamp = when if isinstance(when, dt.datetime) else dt.datetime(when.year, when.month, when.day)
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=ZoneInfo(timezone))
