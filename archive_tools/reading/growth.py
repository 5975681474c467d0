"""How full a file system becomes, and what it moves, by day, week or month; and when it would be
full.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from archive_tools.core.choices import GROWTH_PERIODS
from archive_tools.core.errors import BadArgument
from archive_tools.core.forecast import Forecast, forecast_of
from archive_tools.reading.daily import DayFigures


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


def periods(days: Sequence[DayFigures], by: str) -> list[Period]:
    """The figures of days, joined.

    Parameters
    ----------
    days : sequence of DayFigures
        In their order; all that were requested.
    by : {'day', 'week', 'month'}
    """
    if by not in GROWTH_PERIODS:
        raise BadArgument(f"growth by {by!r} is not known", expected=", ".join(GROWTH_PERIODS))
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
    """When it would be full, by the fullness of days."""
    return forecast_of([(day.date, day.fullness) for day in days if day.fullness is not None])


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
