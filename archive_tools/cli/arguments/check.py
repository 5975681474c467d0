"""Arguments of `tokio-archive check`."""

from __future__ import annotations

import argparse
from pathlib import Path

from archive_tools.cli import common_options

HELP = "whether the archive, or some files, are whole"
ABOUT = """Checks every file of an archive, or only those given: that it opens; that version, day,
time stamps, columns, units and kinds are right; that every value can be read, none is infinite and
no amount is below zero; that receipts and files belong together; that indexes and job tables are
undamaged and agree with what they are made from. With --deep, all files are hashed and held
against their receipts, values are read in two independent ways and compared, and the numbers of
measured cells with the receipts. Nothing is changed. What the next run mends by itself, such as
what a killed run left, is a note, and not counted. The range is of whole days; START alone is that
day, and without both all days are checked. Exit code 1 if there is none."""
EXAMPLES = (
    "",
    "--start 2026-11-20 --stop 2026-11-22 --instance scratch --deep",
    "archive/2026/2026-11-22/scratch.hdf5 --json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="only these files, of an archive or not"
    )
    common_options.add_archive(parser)
    common_options.add_range(parser, positional=False, whole_days=True, is_open=True)
    parser.add_argument(
        "--instance", action="append", default=[], help="only this one (may be given again)"
    )
    parser.add_argument(
        "--deep",
        action="store_true",
        help="hash all files, compare two ways of reading, and receipts with values",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
