"""Times as people write them and as they are shown: the one grammar of texts.

A text is a date or a time of ISO 8601: ``2026-11-22``, ``2026-11-22T07:50:00`` (or with a space),
``2026-11-22T07:50:00Z``, ``2026-11-22T07:50+01:00``. Dates and times without a zone are the site's.
"""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

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
