"""Times as people write them: the one grammar of texts, and what each comes to in epoch seconds.

A text is a date or a time of ISO 8601: ``2026-11-22``, ``2026-11-22T07:50:00`` (or with a space),
``2026-11-22T07:50:00Z``, ``2026-11-22T07:50+01:00``. Dates and times without a zone are the site's.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from zoneinfo import ZoneInfo

import numpy as np

from archive_tools.core.errors import BadArgument

When = str | dt.date | dt.datetime | int | float | np.datetime64
"""A time: an aware datetime (any zone), epoch seconds, or a date or naive time at the site."""
Written = dt.date | dt.datetime
"""A text that was read: a date is a whole day."""
FORMS = "2026-11-22, 2026-11-22T07:50:00 or 2026-11-22T07:50:00Z"
LONGEST_TEXT = 64


def parse_time(text: str) -> Written:
    """A date or a time out of a text.

    Raises
    ------
    ValueError
        It is none.
    """
    import dateutil.parser

    clean = text.strip().replace(" ", "T", 1)
    if not 8 <= len(clean.partition("T")[0]) <= len(clean) <= LONGEST_TEXT:
        raise ValueError(f"{text!r} is not a whole date")
    if re.fullmatch(r"\d{4}-?W\d\d", clean.partition("T")[0]):
        raise ValueError(f"{text!r} is a week, not a date")
    found: dt.datetime = dateutil.parser.isoparse(clean)
    return found if "T" in clean else found.date()


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


def local_date(second: int, timezone: str) -> dt.date:
    """The day of a zone that an epoch second is in."""
    return dt.datetime.fromtimestamp(second, ZoneInfo(timezone)).date()


def utc_text(second: int) -> str:
    """An epoch second as UTC: ``2026-11-22T07:50:00Z``."""
    return dt.datetime.fromtimestamp(second, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def local_text(second: int, timezone: str) -> str:
    """An epoch second by a zone's clock: ``2026-11-22T08:50:00+01:00``, that of UTC with a Z."""
    if timezone == "UTC":
        return utc_text(second)
    return dt.datetime.fromtimestamp(second, ZoneInfo(timezone)).isoformat(timespec="seconds")
