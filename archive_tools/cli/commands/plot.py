"""`tokio-archive plot`: a picture of a dataset over time."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.core.errors import NotFound
from archive_tools.core.time_texts import local_date
from archive_tools.formats.series import Series
from archive_tools.formats.series_file import damage_named
from archive_tools.formats.tts_read import open_tts
from archive_tools.reading import selection, summary
from archive_tools.reading.archive import Archive
from archive_tools.reading.one_file import read_file
from archive_tools.reading.ranges import days_there
from archive_tools.reading.requests import ReadRequest

LONGEST = 3600
"""Seconds of the longest row."""


@dataclass(frozen=True)
class _Read:
    """What is drawn: over which range of time, in which zone."""

    series: list[Series]
    between: tuple[int, int]
    timezone: str


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from archive_tools import plotting

    wanted = _sorted_arguments(options)
    if options.heat_map and not options.dataset and len(wanted) != 1:
        raise exit_codes.WrongCommand("a heat map is of one dataset", got=", ".join(wanted))
    printing.target(options.output, printing.PICTURES)
    is_file = common_options.given_range(options) == (None, None)
    found = _of_file(options, wanted) if is_file else _of_range(options, wanted)
    if options.heat_map and len(found.series) != 1:
        names = ", ".join(one.dataset for one in found.series)
        raise exit_codes.WrongCommand("a heat map is of one dataset", got=names)
    title = f"{options.what} {_span(*found.between, found.timezone)}"
    if options.heat_map:
        (series,) = found.series
        figure = plotting.heat_map(
            series,
            timezone=found.timezone,
            title=f"{title}, {series.dataset}",
            whole=found.between,
        )
    else:
        figure = plotting.lines(
            found.series,
            timezone=found.timezone,
            title=title,
            by_component=options.by_component,
            whole=found.between,
        )
    with printing.writing(options.output):
        plotting.save(figure, options.output)
    return exit_codes.DONE


def _span(start: int, end: int, timezone: str) -> str:
    """A range as a title has it: whole days by their dates, the last included."""
    first, last = (dt.datetime.fromtimestamp(one, ZoneInfo(timezone)) for one in (start, end))
    if {first.time(), last.time()} != {dt.time()}:
        return f"{printing.local(start, timezone)} to {printing.local(end, timezone)}"
    days = (first.date(), last.date() - dt.timedelta(days=1))
    return " to ".join(map(str, dict.fromkeys(days)))


def _sorted_arguments(options: argparse.Namespace) -> list[str]:
    """The datasets that are meant, names or patterns; START and STOP are noted in `options`."""
    dates = [one for one in options.more if "/" not in one]
    if len(dates) > 2:
        raise exit_codes.WrongCommand(
            "more than START and STOP", expected="datasets with a /", got=" ".join(dates)
        )
    try:
        found = [common_options.date_or_time(one) for one in dates]
    except argparse.ArgumentTypeError as error:
        raise exit_codes.WrongCommand(
            f"{error}, or a dataset such as datatargets/readbytes"
        ) from None
    options.first, options.last = [*found, None, None][:2]
    wanted = [one for one in options.more if "/" in one] + options.dataset
    if not wanted:
        raise exit_codes.WrongCommand(
            "the dataset is missing", expected="such as datatargets/readbytes; info lists them"
        )
    return list(dict.fromkeys(wanted))


def _of_file(options: argparse.Namespace, wanted: Sequence[str]) -> _Read:
    if not Path(options.what).exists() and "." not in options.what and "/" not in options.what:
        raise exit_codes.WrongCommand(
            f"no file {options.what}", hint="of an instance, say also which day"
        )
    with open_tts(options.what) as file, damage_named(file.path):
        timezone = str(file.attributes.get("timezone", "UTC"))
        common_options.check_step(options.resample, timezone)
        names = _named(file.datasets(), wanted)
        components = _components([{name: file.columns(name) for name in names}], names, options)
        between = file.start, file.end
        series = [
            read_file(
                file,
                ReadRequest("", name, *between, timezone, components[name], options.resample),
            )
            for name in names
        ]
    return _Read(series, between, timezone)


def _of_range(options: argparse.Namespace, wanted: Sequence[str]) -> _Read:
    archive = common_options.open_archive(options.archive)
    common_options.check_step(options.resample, archive.timezone)
    between = common_options.between(*common_options.given_range(options), archive.timezone)
    days = _days(archive, options.what, between, wanted)
    there = sorted({name for day in days for name in day})
    names = _named(there, wanted) if there else list(wanted)
    components = _components(days, names, options)
    begin = between[0]
    if options.resample is None:  # what is before says whether the first row has a gap's growth
        midnight = archive.day(local_date(begin, archive.timezone)).start
        begin = max(begin - LONGEST, midnight)
    series = [
        archive.read(
            options.what,
            name,
            begin,
            between[1],
            components=components[name],
            resample=options.resample,
        )
        for name in names
    ]
    absent = common_options.days_of(*between, archive.timezone)
    common_options.note_absent_days(len(days), absent)
    return _Read(series, between, archive.timezone)


def _named(there: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The datasets that are meant, in the order in which they are; one by its whole name is left
    to whoever reads it.
    """
    found: list[str] = []
    for one in wanted:
        matching = summary.chosen(there, [one])
        if not matching and any(c in one for c in "*?["):
            raise NotFound(f"no dataset {one}", expected=", ".join(there))
        found += matching or [one]
    return list(dict.fromkeys(found))


Columns = dict[str, tuple[str, ...]]
"""By dataset: names of components."""


def _days(
    archive: Archive, instance: str, between: tuple[int, int], wanted: Sequence[str]
) -> list[Columns]:
    """The datasets, also rates that are wanted, and their components on each day that is there."""
    found = []
    for date in days_there(archive, instance, *between):
        path = archive.path(instance, date)
        with damage_named(path), archive.open(instance, date) as file:
            there = {*file.datasets(), *summary.chosen(file.datasets(), wanted)}
            found.append({name: file.columns(name) for name in there})
    return found


def _components(
    days: Sequence[Columns], datasets: Sequence[str], options: argparse.Namespace
) -> dict[str, list[str] | None]:
    """What is requested of each dataset: one that only another dataset has is left out."""
    if not options.components or len(datasets) == 1:
        return dict.fromkeys(datasets, options.components)
    names: dict[str, set[str]] = {name: set() for name in datasets}
    for day in days:
        for name in datasets:
            with contextlib.suppress(KeyError):
                names[name].update(day[name])
    nowhere = selection.unmatched(set().union(*names.values()), options.components)
    return {
        name: [one for one in options.components if one in nowhere or selection.chosen(there, one)]
        or options.components
        for name, there in names.items()
    }
