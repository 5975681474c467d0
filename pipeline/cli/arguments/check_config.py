"""Arguments of `tokio-pipeline check-config`."""

from __future__ import annotations

import argparse

from archive_tools.core import date_words
from pipeline.cli import common_options

HELP = "check site.json, and with --ask what its sources have"
ABOUT = """Check every key of site.json, and that the packages that its sources need are installed;
nothing is contacted. With --ask each source is fetched for one day into a temporary folder and
read: what is there, which components and datasets, whether its clock is right. Nothing gets into
the archive. A source that cannot be read, or has nothing of the day, stops no other; the exit code
is then 1."""
EXAMPLES = (
    "",
    "--site /etc/tokio/site.json",
    "--ask",
    "--ask 2026-11-22 --instance scratch --json",
    "--schema > site.schema.json",
)
YESTERDAY = "yesterday"
"""What ``--ask`` without a day means: the last whole day at the site."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_site(parser)
    parser.add_argument(
        "--ask",
        nargs="?",
        type=common_options.days,
        const=date_words.parse_when(YESTERDAY),
        metavar="DATE",
        help="try each source with this day (default: yesterday)",
    )
    common_options.add_instances(parser)
    parser.add_argument(
        "--json", action="store_true", help="what --ask found, with all names, as JSON"
    )
    parser.add_argument(
        "--accept",
        action="store_true",
        help="note in the archive that its time zone, timesteps or kinds are meant to be these, or"
        " that it is whole without its archive.json",
    )
    parser.add_argument(
        "--schema",
        action="store_true",
        help="print the JSON Schema of site.json, of all kinds that are installed, and end",
    )
