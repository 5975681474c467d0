"""`tokio-archive ls`: the instances and days of an archive."""

from __future__ import annotations

import argparse

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.core import quantities
from archive_tools.core.errors import TokioError
from archive_tools.reading.archive_folder import ArchiveFolder

SHOWN = 5
"""Folders that a message names."""


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    if options.folder and options.archive:
        raise exit_codes.WrongCommand(
            "the archive is given twice", hint="give it as an argument or as --archive"
        )
    archive = common_options.open_folder(options.folder or options.archive)
    closed = common_options.unreadable(archive.root)
    if closed:
        raise TokioError(
            f"{quantities.counted(len(closed), 'folder')} of {archive.root} cannot be read:"
            f" {', '.join(map(str, closed[:SHOWN]))}"
        )
    days = _days(archive)
    if options.json:
        printing.show_json(
            {instance: [str(date) for date in dates] for instance, dates in days.items()}
        )
    elif days:
        printing.show(
            ["instance", "days", "first", "last"],
            [[i, str(len(d)), str(d[0]), str(d[-1])] for i, d in days.items()],
        )
    else:
        printing.say(f"{archive.root}: no days yet")
    return exit_codes.DONE


def _days(archive: ArchiveFolder) -> dict[str, list[object]]:
    return {instance: list(archive.days(instance)) for instance in archive.instances()}
