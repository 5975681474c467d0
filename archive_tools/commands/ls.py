"""`tokio-archive ls`: the instances and days of an archive."""

from __future__ import annotations

import argparse

from archive_tools.commands import _common
from archive_tools.core.errors import TokioError
from archive_tools.reading.archive import Archive

HELP = "instances and days"
ABOUT = "The instances of an archive, with the number of their days, the first and the last."
EXAMPLES = ("", "/path/of/archive", "--json")
SHOWN = 5
"""Folders that a message names."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "folder", nargs="?", default="", metavar="ARCHIVE", help="the same as --archive"
    )
    _common.add_archive(parser)
    parser.add_argument("--json", action="store_true", help="as JSON, with every day")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    if options.folder and options.archive:
        raise _common.WrongCommand(
            "the archive is given twice", hint="give it as an argument or as --archive"
        )
    archive = _common.open_archive(options.folder or options.archive)
    closed = _common.unreadable(archive.root)
    if closed:
        raise TokioError(
            f"{_common.counted(len(closed), 'folder')} of {archive.root} cannot be read:"
            f" {', '.join(map(str, closed[:SHOWN]))}"
        )
    days = _days(archive)
    if options.json:
        _common.show_json(
            {instance: [str(date) for date in dates] for instance, dates in days.items()}
        )
    elif days:
        _common.show(
            ["instance", "days", "first", "last"],
            [[i, str(len(d)), str(d[0]), str(d[-1])] for i, d in days.items()],
        )
    else:
        _common.say(f"{archive.root}: no days yet")
    return _common.DONE


def _days(archive: Archive) -> dict[str, list[object]]:
    return {instance: list(archive.days(instance)) for instance in archive.instances()}
