"""Arguments of `tokio-archive bad-osts`."""

from __future__ import annotations

import argparse

from archive_tools.cli import common_options

HELP = "OSTs that go with slow files"
ABOUT = (
    "OSTs that correlate with slow files, by the Darshan logs of some days, with p-values corrected"
    " for many tests. One is listed where enough files are on it and these are slower by enough:"
    " slowdown is the median speed of all other files by that of the files on it."
)
MIN_FILES, MIN_SLOWDOWN = 5, 1.2
EXAMPLES = ("archive/2026/2026-11-2?/darshan.hdf5", "archive/2026/2026-11-22/darshan.hdf5 --json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("files", nargs="+", help="darshan.hdf5 of some days")
    parser.add_argument(
        "--alpha",
        type=float,
        default=0.05,
        help="list OSTs whose corrected p-value is below (default: 0.05)",
    )
    parser.add_argument(
        "--min-files",
        type=common_options.count,
        default=MIN_FILES,
        metavar="N",
        help=f"list OSTs with at least so many files (default: {MIN_FILES})",
    )
    parser.add_argument(
        "--min-slowdown",
        type=float,
        default=MIN_SLOWDOWN,
        metavar="RATIO",
        help=f"list OSTs whose files are slower by at least this (default: {MIN_SLOWDOWN})",
    )
    parser.add_argument("--json", action="store_true", help="as JSON, all OSTs")
