"""Arguments of `tokio-archive growth`."""

from __future__ import annotations

import argparse

from archive_tools.cli import common_options, csv_rows
from archive_tools.core import choices

HELP = "fullness and traffic by day, week, month, and when it is full"
ABOUT = """What file systems moved and how full they became, by day, week or month, and the date at
which each would be full if it went on as in the range: by the median slope of its fullness (Theil
and Sen) and the interval that has the true slope with 95 %. "measured" is how much of the range
was: what was not is missing in the amounts. The range is of whole days; default: all that are
there."""
EXAMPLES = ("", "scratch --start -90d --by week", "scratch --start 2026-11 --json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "instances", nargs="*", metavar="INSTANCE", help="default: all with targets"
    )
    common_options.add_range(parser, positional=False, whole_days=True, is_open=True)
    common_options.add_archive(parser)
    parser.add_argument("--by", choices=choices.GROWTH_PERIODS, default="day", help="default: day")
    csv_rows.add_formats(parser)
