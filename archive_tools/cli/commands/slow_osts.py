"""`tokio-archive slow-osts`: targets that are slower than their peers."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archive_tools.cli import common_options, csv_rows, exit_codes, printing
from archive_tools.core import quantities
from archive_tools.core.errors import FormatError, NotFound
from archive_tools.formats.darshan_tables import read_pieces
from archive_tools.jobs import slow_osts, slow_targets, table_files
from archive_tools.public import Archive
from archive_tools.reading import daily
from archive_tools.store import layout

DAYS = 7
HEADER = ["target", "by", "slowdown", "of", "corrected p"]
FORMS = {"read": "bytes read", "written": "bytes written"}


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    archive = common_options.open_archive(options.archive)
    instances = common_options.instances_named(archive, options.instances) or [
        name for name in archive.instances() if daily.has_figures(archive, name)
    ]
    dates = _dates(archive, instances, options)
    damaged: list[FormatError] = []
    logs = _with_stripes(archive, dates, damaged)
    alpha = options.alpha / max(1, len(instances) + bool(logs))
    limits = slow_targets.Limits(alpha, max(2, options.min_hours), options.min_slowdown)
    rates = [
        one
        for name in instances
        for one in slow_targets.target_speeds(archive, name, dates, limits, damaged=damaged)
    ]
    files = _by_files(logs)
    for error in damaged:
        printing.note(f"tokio-archive: {error}")
    rows = [_rate_row(one, limits) for one in rates] + [
        _file_row(one, alpha, options) for one in files
    ]
    if options.json:
        printing.show_json({"days": [str(date) for date in dates], "alpha": alpha, "targets": rows})
    elif options.csv:
        csv_rows.write(rows)
    else:
        _show(rows, instances, rates, files, dates)
    return exit_codes.DONE if rows and not damaged else exit_codes.NOT_THERE


def _dates(
    archive: Archive, instances: Sequence[str], options: argparse.Namespace
) -> list[dt.date]:
    first, last = common_options.whole_days(options.start, options.stop, archive.timezone)
    names = {*instances, *(name for name in archive.instances() if not options.instances)}
    there = sorted({date for name in names for date in archive.days(name)})
    found = [date for date in there if first <= date <= last]
    if not found:
        raise NotFound(
            f"no day of the range is in {archive.root}",
            hint="tokio-archive ls says which days there are",
        )
    return found[-DAYS:] if options.start is None else found


def _with_stripes(
    archive: Archive, dates: Sequence[dt.date], damaged: list[FormatError]
) -> list[Path]:
    """The files of the days' logs that have a table of files' stripes."""
    found = []
    for date, name, _ in table_files.tables_of(archive.root, dates[0], dates[-1]):
        path = layout.path(archive.root, layout.TTS, date, name)
        if date in dates and path.is_file():
            try:
                next(read_pieces(path, "stripes"))
            except FormatError as error:
                damaged.append(error)
            else:
                found.append(path)
    return found


def _by_files(logs: Sequence[Path]) -> list[slow_osts.OstCorrelation]:
    try:
        return slow_osts.bad_osts(logs) if logs else []
    except NotFound:  # too few files with stripes
        return []


def _rate_row(one: slow_targets.TargetSpeed, limits: slow_targets.Limits) -> dict[str, Any]:
    return {
        "slow": one.is_slow(limits),
        "instance": one.instance,
        "file_system": None,
        "target": one.target,
        "by": FORMS[one.direction],
        "slowdown": one.slowdown,
        "amount": one.hours,
        "unit": "hours",
        "p_value": one.p_value,
        "adjusted": one.adjusted,
    }


def _file_row(
    one: slow_osts.OstCorrelation, alpha: float, options: argparse.Namespace
) -> dict[str, Any]:
    return {
        "slow": one.is_slow(
            alpha=alpha, min_files=options.min_files, min_slowdown=options.min_slowdown
        ),
        "instance": None,
        "file_system": one.file_system,
        "target": f"OST{one.ost:04x}",
        "by": "files",
        "slowdown": one.slowdown,
        "amount": one.files,
        "unit": "files",
        "p_value": one.p_value,
        "adjusted": one.adjusted,
    }


def _show(
    rows: Sequence[dict[str, Any]],
    instances: Sequence[str],
    rates: Sequence[slow_targets.TargetSpeed],
    files: Sequence[slow_osts.OstCorrelation],
    dates: Sequence[dt.date],
) -> None:
    slow = [row for row in rows if row["slow"]]
    if slow:
        printing.show(
            HEADER,
            [
                [
                    row["target"],
                    f"{row['by']} on {row['file_system']}" if row["file_system"] else row["by"],
                    quantities.fixed(row["slowdown"]),
                    quantities.counted(row["amount"], row["unit"][:-1]),
                    f"{row['adjusted']:.2g}",
                ]
                for row in slow
            ],
            left=(0, 1),
        )
    named = {(row["file_system"], row["target"]) for row in slow}
    tested = len({(one.instance, one.target) for one in rates})
    span = f"{dates[0]} to {dates[-1]} ({quantities.counted(len(dates), 'day')})"
    many = quantities.counted(len(named), "slow target") if named else "no slow target"
    printing.say(f"{span}: {many}")
    for name in instances:
        of_it = len({one.target for one in rates if one.instance == name})
        printing.say(
            f"{name}: {quantities.counted(of_it, 'target')} tested by rates"
            + ("" if of_it else ", for too few hours were under load")
        )
    if not tested and not files:
        printing.note("nothing could be tested")
    printing.say(
        f"{quantities.counted(len(files), 'OST')} tested by files"
        + ("" if files else ", for there are too few logs with Lustre records")
    )
