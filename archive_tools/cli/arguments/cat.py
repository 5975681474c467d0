"""Arguments of `tokio-archive cat`."""

from __future__ import annotations

import argparse
from pathlib import Path

from archive_tools.cli import common_options
from archive_tools.core import choices

HELP = "the values of a dataset as CSV, JSON or Parquet"
ABOUT = """The values of one dataset over a day or a range, in base units. CSV: the first column is
the start of the row, local time with its offset from UTC; a missing cell is empty. JSON: one
object, whose rows begin with that time; a missing cell is null. Parquet (to a file only): times in
UTC, a missing cell is null. A file appears whole or not at all."""
EXAMPLES = (
    "scratch datatargets/readbytes 2026-11-22",
    (
        "scratch datatargets/readbytes 2026-11-22T07:50 2026-11-22T08:00 --rate --components"
        " '*OST000?'"
    ),
    "scratch mdtargets/opens 2026-11-21 2026-11-22 --resample 1h --format json",
    "scratch dataservers/cpuload 2026-11-22 --resample 15min --output cpuload.parquet",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("instance", metavar="INSTANCE")
    parser.add_argument(
        "dataset",
        metavar="DATASET",
        help="such as datatargets/readbytes; tokio-archive info lists them",
    )
    common_options.add_range(parser)
    common_options.add_archive(parser)
    parser.add_argument(
        "--components",
        action="append",
        metavar="PATTERN",
        help="a name, or a pattern such as '*OST00*' (may be given again; default: all)",
    )
    parser.add_argument("--rate", action="store_true", help="amounts a second in place of amounts")
    parser.add_argument(
        "--resample",
        metavar="STEP",
        help="resample rows to 1min, 15min, 1h, ... or 1d (the site's day)",
    )
    parser.add_argument(
        "--format",
        choices=choices.EXPORT_FORMATS,
        help="default: by the end of FILE's name, else csv",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
