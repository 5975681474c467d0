"""`tokio-archive top`: who did most."""

from __future__ import annotations

import argparse
from typing import Any

from archive_tools.cli import common_options, csv_rows, exit_codes, printing
from archive_tools.core import printable, quantities
from archive_tools.jobs import top

HEADER = ["read", "written", "operations", "files", "jobs", "node-hours"]


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    archive = common_options.open_archive(options.archive)
    given = common_options.given_range(options)
    dates = common_options.whole_days(*given, archive.timezone)
    found = top.top(archive.root, *dates, options.by, order=options.order)
    for error in found.damaged:
        printing.note(f"tokio-archive: {error}")
    shown = found.totals[: options.limit or None]
    rows = [_row(total) for total in shown]
    if options.json:
        printing.show_json(
            {
                "by": options.by,
                "order": options.order,
                "days": [str(date) for date in found.days],
                "days_of_records": [str(date) for date in found.days_of_records],
                "of": len(found.totals),
                "top": rows,
            }
        )
    elif options.csv:
        csv_rows.write(rows)
    else:
        printing.show([options.by, *HEADER], [_line(total) for total in shown])
    if len(shown) < len(found.totals):
        printing.note(f"{len(shown)} of {len(found.totals):,}; --limit 0 shows all")
    if given != (None, None):
        asked = (dates[1] - dates[0]).days + 1 if dates[0].year > 1 else len(found.days)
        if len(found.days) < asked:
            printing.note(
                f"logs of {len(found.days)} of {quantities.counted(asked, 'day')} are in the"
                " archive: bytes, operations and files of the others are not known"
            )
    if options.by in ("account", "partition") or options.order == "node-hours":
        _note_records(found)
    return exit_codes.NOT_THERE if found.damaged else exit_codes.DONE


def _note_records(found: top.Top) -> None:
    there = len(found.days_of_records)
    of_all = len({*found.days, *found.days_of_records})
    if there < of_all:
        printing.note(
            f"Slurm's records of {there} of {quantities.counted(of_all, 'day')} are in the archive:"
            " accounts and node-hours of the others are not known"
        )


def _row(total: top.Total) -> dict[str, Any]:
    return {
        "name": total.name or None,
        "uid": total.uid,
        "bytes": total.moved,
        "read": total.read,
        "written": total.written,
        "operations": total.operations,
        "files": total.files,
        "jobs": total.jobs,
        "node_hours": total.node_hours,
    }


def _line(total: top.Total) -> list[str]:
    return [
        printable.shortened(total.name) or "not known",
        quantities.quantity(total.read, "bytes"),
        quantities.quantity(total.written, "bytes"),
        quantities.quantity(total.operations, ""),
        quantities.quantity(total.files, ""),
        f"{total.jobs:,}",
        quantities.node_hours(total.node_seconds),
    ]
