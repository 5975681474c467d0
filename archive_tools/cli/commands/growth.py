"""`tokio-archive growth`: how full file systems become, what they move, and when they would be
full.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
from typing import Any

from archive_tools.cli import common_options, csv_rows, exit_codes, printing
from archive_tools.core import quantities
from archive_tools.core.errors import FormatError, NotFound
from archive_tools.core.forecast import Forecast
from archive_tools.public import Archive
from archive_tools.reading import daily, growth

HEADER = ["", "measured", "read", "written", "in use", "full", "fullest target"]


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    archive = common_options.open_archive(options.archive)
    given = common_options.whole_days(options.start, options.stop, archive.timezone)
    found = {name: _days(archive, name, given) for name in _instances(archive, options.instances)}
    damaged = [error for _, errors in found.values() for error in errors]
    for error in damaged:
        printing.note(f"tokio-archive: {error}")
    reported = {
        name: (growth.periods(days, options.by), growth.forecast(days))
        for name, (days, _) in found.items()
    }
    if options.json:
        printing.show_json({name: _as_json(*one) for name, one in reported.items()})
    elif options.csv:
        csv_rows.write(
            {"instance": name} | _flat(period)
            for name, (periods, _) in reported.items()
            for period in periods
        )
    else:
        for name, (periods, forecast) in reported.items():
            printing.say(f"{name}: {forecast.sentence()}")
            printing.show(HEADER, [_row(one) for one in periods], left=(0, 6))
    return exit_codes.NOT_THERE if damaged else exit_codes.DONE


def _instances(archive: Archive, named: list[str]) -> list[str]:
    found = common_options.instances_named(archive, named) or [
        name for name in archive.instances() if daily.has_figures(archive, name)
    ]
    if not found:
        raise NotFound(
            f"no instance of {archive.root} has data targets or fullness",
            hint="tokio-archive ls says what there is",
        )
    return found


def _days(
    archive: Archive, instance: str, given: tuple[dt.date, dt.date]
) -> tuple[list[daily.DayFigures], list[FormatError]]:
    """The days that are meant: of an open range those from the first that is there to the last."""
    there = [date for date in archive.days(instance) if given[0] <= date <= given[1]]
    if not there:
        raise archive.absent(instance, f"no day of {instance} of that range is in {archive.root}")
    first = there[0] if given[0] == dt.date.min else given[0]
    last = there[-1] if given[1] == dt.date.max else given[1]
    dates = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
    damaged: list[FormatError] = []
    return list(daily.daily(archive, instance, dates, damaged=damaged)), damaged


def _row(period: growth.Period) -> list[str]:
    fullest = period.fullest
    return [
        period.name,
        f"{100 * period.measured:.1f} %",
        quantities.quantity(period.read, "bytes"),
        quantities.quantity(period.written, "bytes"),
        quantities.quantity(period.used, "bytes"),
        quantities.fixed(period.fullness, "%"),
        f"{fullest[0]} {fullest[1]:.1f} %" if fullest else quantities.NONE,
    ]


def _flat(period: growth.Period) -> dict[str, Any]:
    row = dataclasses.asdict(period)
    target, percent = row.pop("fullest") or (None, None)
    return row | {"fullest_target": target, "fullest_percent": percent}


def _as_json(periods: list[growth.Period], forecast: Forecast) -> dict[str, Any]:
    return {
        "periods": [_flat(one) for one in periods],
        "forecast": dataclasses.asdict(forecast) | {"sentence": forecast.sentence()},
    }
