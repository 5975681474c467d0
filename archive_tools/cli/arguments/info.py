"""Arguments of `tokio-archive info`."""

from __future__ import annotations

import argparse
import datetime as dt

from archive_tools.cli import common_options
from archive_tools.core import date_words

HELP = "what is in a file, and where it came from"
ABOUT = """Attributes and datasets of a file: unit, kind, rows, components, per cent missing and the
source it came from. Of an instance and day of the archive, also what its receipt records: state,
inputs, when it was made, and by what."""
EXAMPLES = (
    "archive/2026/2026-11-22/scratch.hdf5",
    "scratch 2026-11-22",
    "scratch 2026-11-22 --json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "what", metavar="FILE|INSTANCE", help="a file, or an instance of the archive with its day"
    )
    parser.add_argument(
        "date", nargs="?", type=_date, metavar="DATE", help="a day, such as 2026-11-22 or yesterday"
    )
    common_options.add_archive(parser)
    parser.add_argument("--json", action="store_true", help="as JSON, with every component")


def _date(text: str) -> date_words.When:
    when = common_options.date_or_time(text)
    if isinstance(when, dt.datetime):
        raise argparse.ArgumentTypeError(
            f"{date_words.shown(text)} is not a date; expected: 2026-11-22 or yesterday"
        )
    return when
