"""`tokio-archive summarize`: totals, means, peaks and what is missing."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.core import quantities
from archive_tools.formats.tts_read import open_tts
from archive_tools.reading import summary

HEADER = ["dataset", "components", "total", "mean", "row", "peak", "peak at", "missing"]


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    found, timezone, days = (
        _of_file(options)
        if common_options.given_range(options) == (None, None)
        else _of_range(options)
    )
    if options.json:
        printing.show_json([_as_json(item, options.by_component) | days for item in found])
    else:
        printing.show(HEADER, [row for item in found for row in _rows(item, timezone)])
    return exit_codes.DONE


Found = tuple[list[summary.DatasetSummary], str, dict[str, object]]
"""Summaries, the zone of their times, and, of a range, its days."""


def _of_file(options: argparse.Namespace) -> Found:
    if not Path(options.what).exists() and "." not in options.what and "/" not in options.what:
        raise exit_codes.WrongCommand(
            f"no file {options.what}", hint="of an instance, say also which day"
        )
    with open_tts(options.what) as tts:
        timezone = str(tts.attributes.get("timezone", "UTC"))
        return (
            summary.summarize(tts, wanted=options.dataset, by_component=options.by_component),
            timezone,
            {},
        )


def _of_range(options: argparse.Namespace) -> Found:
    archive = common_options.open_archive(options.archive)
    first, last = common_options.between(*common_options.given_range(options), archive.timezone)
    found, there = summary.summarize_range(
        archive,
        options.what,
        first,
        last,
        wanted=options.dataset,
        by_component=options.by_component,
    )
    requested = common_options.days_of(first, last, archive.timezone)
    common_options.note_absent_days(there, requested)
    return found, archive.timezone, {"days": {"requested": requested, "there": there}}


def _as_json(item: summary.DatasetSummary, by_component: bool) -> dict[str, object]:
    reported = dataclasses.asdict(item)
    return (
        reported
        if by_component
        else {key: value for key, value in reported.items() if key != "components"}
    )


def _rows(item: summary.DatasetSummary, timezone: str) -> list[list[str]]:
    whole = [item.dataset, str(item.columns), *_numbers(item, item.unit, item.timestep, timezone)]
    return [
        whole,
        *(
            [f"  {one.name}", "", *_numbers(one, item.unit, item.timestep, timezone)]
            for one in item.components
        ),
    ]


def _numbers(
    item: summary.DatasetSummary | summary.ComponentSummary, unit: str, timestep: int, timezone: str
) -> list[str]:
    total, mean, peak = (
        quantities.quantity(value, unit) for value in (item.total, item.mean, item.peak)
    )
    return [
        total,
        mean,
        f"{timestep} s",
        peak,
        printing.local(item.peak_at, timezone),
        quantities.fixed(item.missing, "%"),
    ]
