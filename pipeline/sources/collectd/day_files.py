"""Which files a day's values are in."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from archive_tools.core.day import Day
from pipeline.sources._shared import file_copies, source_files
from pipeline.sources.collectd import csv_files
from pipeline.sources.collectd.options import Options
from pipeline.sources.collectd.table import plugins, types

ONE = dt.timedelta(days=1)
DATE = re.compile(r"\d{4}-\d\d-\d\d(?=(?:-\d{8})?(?:\.[a-z0-9]+)*$)")
"""The date in the name of a file of the csv plugin."""


class DayFiles(NamedTuple):
    """Files of a day, those that only begin in it, and csv files without a date."""

    own: list[Path]
    after: list[Path]
    undated: list[Path]


def day_files(options: Options, day: Day, span: tuple[int, int]) -> DayFiles:
    """The day's files, those of the next day, and those without a date that may have values of the
    epoch seconds `span`.
    """
    first, last = _dates(options, day)
    around = dt.timedelta(days=options.neighbours)
    own, undated = _files_of(options, first - around, last + around)
    after, undated_after = _files_of(options, last + around + ONE, last + around + ONE)
    mine = set(own)
    return DayFiles(
        own,
        [path for path in after if path not in mine],
        [path for path in dict.fromkeys([*undated, *undated_after]) if _may_have(path, span)],
    )


def files_before(options: Options, day: Day, found: DayFiles) -> list[Path]:
    """The files of the date before, as far as they are not the day's."""
    date = _date(options, day.start - 1)
    mine = set(found.own)
    return [path for path in _files_of(options, date, date)[0] if path not in mine]


def undated_inputs(paths: list[Path], last: int) -> list[list[str | int]]:
    """What shows whether files without a date changed: of those that go on after the epoch second
    `last` the name, of others sizes and times too. So no file makes every day another one, each
    time it grows.
    """
    found: list[list[str | int]] = []
    for path in paths:
        span = csv_files.span_of(path)
        found.append([str(path)] if span and span[1] >= last else [*file_copies.identity(path)])
    return found


def _date(options: Options, second: int) -> dt.date:
    return dt.datetime.fromtimestamp(second, ZoneInfo(options.timezone)).date()


def _dates(options: Options, day: Day) -> tuple[dt.date, dt.date]:
    return _date(options, day.start), _date(options, day.end - 1)


def _files_of(options: Options, first: dt.date, last: dt.date) -> tuple[list[Path], list[Path]]:
    """The files of some dates; of csv files those whose names say so, and those whose names say
    nothing of dates.
    """
    days = [Day(first + n * ONE) for n in range((last - first).days + 1)]
    paths = source_files.walked(
        list(
            dict.fromkeys(
                path for day in days for path in source_files.expanded(options.files, day)
            )
        )
    )
    if options.form != "csv":
        return paths, []
    dates = tuple(str(day) for day in days)
    dated, undated = [], []
    for path in paths:
        if path.name.split(".")[0].endswith(dates) or source_files.is_tarball(path.name):
            dated.append(path)
        elif _is_value(path):
            found = DATE.search(path.name)
            if not found:
                undated.append(path)
            elif found[0] in dates:
                dated.append(path)
    return dated, undated


def _is_value(path: Path) -> bool:
    """Whether a csv file is one of the values that are archived, by its name."""
    named = csv_files.named(str(path))
    return named is not None and named.plugin in plugins() and named.type in types()


def _may_have(path: Path, span: tuple[int, int]) -> bool:
    found = csv_files.span_of(path)
    return found is None or (found[0] < span[1] and found[1] >= span[0])
