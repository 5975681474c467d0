"""`tokio-archive compare`: a day, week or month against another."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import math
from typing import Any

from archive_tools.cli import common_options, csv_rows, exit_codes, printing
from archive_tools.core import date_words, printable, quantities
from archive_tools.jobs import comparison
from archive_tools.public import Archive
from archive_tools.reading import daily

HEADER = ["what", "figure", "one", "other", "change", "whole"]
FIGURES = {
    "read": "read",
    "written": "written",
    "operations": "operations",
    "metadata": "metadata ops",
    "peak_read": "peak read",
    "peak_written": "peak written",
    "fullness": "full",
    "moved": "moved",
}
LINES = 5
"""Days that are not whole which are named one by one."""


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    archive = common_options.open_archive(options.archive)
    one, other = (_dates(archive, when) for when in (options.one, options.other))
    instances = common_options.instances_named(archive, options.instance or []) or [
        name for name in archive.instances() if daily.has_figures(archive, name)
    ]
    found = comparison.compare(archive, one, other, instances)
    for error in found.damaged:
        printing.note(f"tokio-archive: {error}")
    changes = found.changes[: options.limit or None]
    if options.json:
        printing.show_json(
            {
                "one": _side(found.one),
                "other": _side(found.other),
                "changes": [_row(one) for one in changes],
            }
        )
    elif options.csv:
        csv_rows.write(_row(one) for one in changes)
    else:
        _show(found, changes)
    if len(changes) < len(found.changes):
        printing.note(f"{len(changes)} of {len(found.changes):,} changes; --limit 0 shows all")
    if options.json or options.csv:
        for side in (found.one, found.other):
            for line in _lacking(side):
                printing.note(line)
    return exit_codes.NOT_THERE if found.damaged else exit_codes.DONE


def _dates(archive: Archive, when: date_words.When) -> list[dt.date]:
    first, last = common_options.whole_days(when, None, archive.timezone)
    return [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]


def _side(side: comparison.Side) -> dict[str, Any]:
    return {
        "days": [str(date) for date in side.dates],
        "seconds": side.seconds,
        "complete_days": side.complete,
        "not_whole": side.lacking,
    }


def _row(one: comparison.Change) -> dict[str, Any]:
    return dataclasses.asdict(one) | {"whole": one.is_whole}


def _show(found: comparison.Comparison, changes: tuple[comparison.Change, ...]) -> None:
    for name, side in (("one", found.one), ("other", found.other)):
        days = quantities.counted(len(side.dates), "day")
        span = str(side.dates[0]) + (f" to {side.dates[-1]}" if len(side.dates) > 1 else "")
        complete = ", ".join(f"{key} {number}" for key, number in side.complete.items())
        printing.say(f"{name}: {span} ({days}; complete: {complete or 'none'})")
        for line in _lacking(side):
            printing.say(f"  {line}")
    if found.one.seconds != found.other.seconds:
        printing.say("The sides are not of one length: changes of amounts are those by the second.")
    printing.show(
        HEADER,
        [
            [
                _name(one),
                FIGURES[one.figure],
                quantities.quantity(one.one, one.unit),
                quantities.quantity(one.other, one.unit),
                _change(one),
                "yes" if one.is_whole else " and ".join(map(_percent, _shares(one))),
            ]
            for one in changes
        ],
        left=(0, 1, 5),
    )


def _name(one: comparison.Change) -> str:
    name = printable.shortened(one.name)
    return name if one.of == "file system" else f"{one.of} {name}"


def _shares(one: comparison.Change) -> tuple[float, float]:
    return one.share_one, one.share_other


def _percent(share: float) -> str:
    return f"{math.floor(100 * share)} %"


def _lacking(side: comparison.Side) -> list[str]:
    lines = []
    for name, texts in side.lacking.items():
        more = f", and {len(texts) - LINES} more days" if len(texts) > LINES else ""
        lines.append(f"{name} is not whole: {', '.join(texts[:LINES])}{more}")
    return lines


def _change(one: comparison.Change) -> str:
    if one.times is None:
        return "new" if one.one and one.other == 0 else quantities.NONE
    if one.times >= 2:
        return f"×{one.times:,.1f}"
    return f"{100 * (one.times - 1):+.1f} %"
