"""The days that a day's page leads to, and those that it is compared with, by names of files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from archive_tools.store import layout

WEEKS = 4
DAYS = 7 * WEEKS


def days_before(date: dt.date) -> list[dt.date]:
    """The days that a day is compared with."""
    return [date - dt.timedelta(days=number) for number in range(1, DAYS + 1)]


def neighbours(root: Path, date: dt.date) -> tuple[dt.date | None, dt.date | None]:
    """The days before and after that have a page, within a year."""
    found = []
    for step in (-1, 1):
        near = (date + dt.timedelta(days=step * number) for number in range(1, 367))
        found.append(
            next((one for one in near if layout.path(root, layout.REPORT, one).is_file()), None)
        )
    return found[0], found[1]


def days_with_figures(root: Path, date: dt.date, days: int) -> int:
    """How many of the days before a day have figures, damaged ones among them."""
    before = (date - dt.timedelta(days=number) for number in range(1, days + 1))
    return sum(layout.path(root, layout.FIGURES, one).is_file() for one in before)
