"""Arguments of `tokio-archive ls`."""

from __future__ import annotations

import argparse

from archive_tools.cli import common_options

HELP = "instances and days"
ABOUT = "The instances of an archive, with the number of their days, the first and the last."
EXAMPLES = ("", "/path/of/archive", "--json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "folder", nargs="?", default="", metavar="ARCHIVE", help="the same as --archive"
    )
    common_options.add_archive(parser)
    parser.add_argument("--json", action="store_true", help="as JSON, with every day")
