"""The days that a day's page leads to, and those that it is compared with, by names of files."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Collection
from pathlib import Path

from archive_tools.store import layout

WEEKS = 4
DAYS = 7 * WEEKS


def days_before(date: dt.date) -> list[dt.date]:
    """The days that a day is compared with."""
    return [date - dt.timedelta(days=number) for number in range(1, DAYS + 1)]


def neighbours(
    root: Path, date: dt.date, coming: Collection[dt.date] = ()
) -> tuple[dt.date | None, dt.date | None]:
    """The days before and after that have a page, or are among those that get one now, within a
    year.
    """
    return _nearest(root, date, -1, coming), _nearest(root, date, 1, coming)


def _nearest(root: Path, date: dt.date, step: int, coming: Collection[dt.date]) -> dt.date | None:
    """The next day of a direction. Where it is not the very next, years are listed: where an
    archive begins or ends, a look at each day would be hundreds.
    """
    next_one = date + dt.timedelta(days=step)
    if next_one in coming or _has_page(root, next_one):
        return next_one
    near = [date + dt.timedelta(days=step * number) for number in range(2, 367)]
    there = {name for year in {one.year for one in near} for name in _names(root / f"{year:04}")}
    return next(
        (one for one in near if one in coming or (str(one) in there and _has_page(root, one))), None
    )


def _has_page(root: Path, date: dt.date) -> bool:
    return layout.path(root, layout.REPORT, date).is_file()


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def days_with_figures(root: Path, date: dt.date, days: int) -> int:
    """How many of the days before a day have figures, damaged ones among them."""
    before = (date - dt.timedelta(days=number) for number in range(1, days + 1))
    return sum(layout.path(root, layout.FIGURES, one).is_file() for one in before)
