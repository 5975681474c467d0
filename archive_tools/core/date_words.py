"""Days as people write them: one grammar for the arguments of all commands.

Beside dates and times (`archive_tools.core.time_texts`): ``yesterday``, ``today``, ``last-week``
(from Monday), ``last-month``, a month ``2026-11``, a week ``2026-W47`` (ISO 8601), and ``-7d``.
Which dates a word comes to depends on the day on which it is used, in the site's time zone, which
is not known yet when arguments are parsed: a word is resolved later.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from archive_tools.core import time_texts

FORMS = (
    "2026-11-22, 2026-11-22T07:50:00, 2026-11-22T07:50:00Z, 2026-11, 2026-W47, yesterday, today,"
    " last-week, last-month or -7d"
)
DAY_FORMS = "2026-11-22, 2026-11, 2026-W47, yesterday, today, last-week, last-month or -7d"
LONGEST_SHOWN = 40
"""Characters of a refused text that a message shows."""
ONE_DAY = dt.timedelta(days=1)
_MONTH = re.compile(r"(\d{4})-(\d\d)", re.ASCII)
_WEEK = re.compile(r"(\d{4})-W(\d\d)", re.ASCII)
_BACK = re.compile(r"-(\d{1,5})d", re.ASCII)
Span = tuple[dt.date, dt.date]


@dataclass(frozen=True)
class DateWord:
    """Days that are called by a word.

    Attributes
    ----------
    text : str
        As it was written.
    days : callable
        The first and the last of them, the last included, out of the date of today.
    counts_back : bool
        Whether it is as ``-7d``: alone all days from that one to yesterday, as an end that one.
    """

    text: str
    days: Callable[[dt.date], Span]
    counts_back: bool = False

    def __str__(self) -> str:
        return self.text


When = time_texts.Written | DateWord
"""A text that was read: a date is a whole day, a word some days."""


def parse_when(text: str) -> When:
    """A date, a time or a word for days out of a text.

    Raises
    ------
    ValueError
        It is none, or of the years 1 or 9999, in which not every day has days around it.
    """
    clean = text.strip()
    try:
        word = _word(clean)
    except OverflowError as error:
        raise ValueError(f"{shown(text)} is not a day: {error}") from None
    if word:
        years = [date.year for date in word.days(dt.date(2026, 11, 22))]
        found: When = word
    else:
        found = time_texts.parse_time(clean)
        years = [found.year]
    if not dt.MINYEAR < min(years) <= max(years) < dt.MAXYEAR:
        raise ValueError(f"{shown(text)} is not between the years 2 and 9998")
    return found


def resolved(
    start: When | None, stop: When | None, timezone: str, today: dt.date | None = None
) -> tuple[time_texts.Written | None, time_texts.Written | None]:
    """The first and the last day or time of a range, without words.

    Parameters
    ----------
    start : date, datetime, DateWord or None
        A word begins with its first day. Without a stop it is all of the word's days.
    stop : date, datetime, DateWord or None
        A word ends with its last day.
    timezone : str
        In which it is today.
    today : datetime.date, optional
    """
    today = today or today_at(timezone)
    first, last = start, stop
    if isinstance(start, DateWord):
        first, end = start.days(today)
        last = end if stop is None else stop
    if isinstance(stop, DateWord):
        begin, end = stop.days(today)
        last = begin if stop.counts_back else end
    assert not isinstance(first, DateWord)
    assert not isinstance(last, DateWord)
    return first, last


def today_at(timezone: str) -> dt.date:
    """The date of now in a zone."""
    return dt.datetime.now(ZoneInfo(timezone)).date()


def kept(arguments: Sequence[str]) -> list[str]:
    """Arguments of a command line, of which those such as ``-7d`` are not taken for options: a
    space before them, which `parse_when` strips, says so to `argparse`.
    """
    return [f" {one}" if _BACK.fullmatch(one) else one for one in arguments]


def shown(text: str) -> str:
    """A refused text for a message: its beginning, quoted, control characters escaped."""
    text = text.strip()
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}...")


def _word(text: str) -> DateWord | None:
    if text in _NAMED:
        return DateWord(text, _NAMED[text])
    if match := _MONTH.fullmatch(text):
        return DateWord(text, _always(_month(dt.date(int(match[1]), int(match[2]), 1))))
    if match := _WEEK.fullmatch(text):
        return DateWord(
            text, _always(_week(dt.date.fromisocalendar(int(match[1]), int(match[2]), 1)))
        )
    if match := _BACK.fullmatch(text):
        if not int(match[1]):
            raise ValueError(f"{text} is no day")
        back = dt.timedelta(days=int(match[1]))
        return DateWord(text, lambda today: (today - back, today - ONE_DAY), counts_back=True)
    return None


def _always(span: Span) -> Callable[[dt.date], Span]:
    return lambda today: span


def _month(date: dt.date) -> Span:
    """The month that a date is in."""
    first = date.replace(day=1)
    return first, (first + 31 * ONE_DAY).replace(day=1) - ONE_DAY


def _week(date: dt.date) -> Span:
    """The week, from Monday, that a date is in."""
    monday = date - date.weekday() * ONE_DAY
    return monday, monday + 6 * ONE_DAY


_NAMED: dict[str, Callable[[dt.date], Span]] = {
    "today": lambda today: (today, today),
    "yesterday": lambda today: (today - ONE_DAY, today - ONE_DAY),
    "last-week": lambda today: _week(today - 7 * ONE_DAY),
    "last-month": lambda today: _month(today.replace(day=1) - ONE_DAY),
}
