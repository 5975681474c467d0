"""Arguments of `tokio-archive plot`."""

from __future__ import annotations

import argparse
from pathlib import Path

from archive_tools.cli import common_options

HELP = "a picture of a dataset over time"
ABOUT = """Draws datasets of a file, or of an instance over a day or a range: lines, or one dataset
as a heat map of its components by time. Amounts are drawn a second; what nobody measured is
hatched, over the whole range. The format follows from the file's name: .png or .svg. What has a /
among the arguments after the first is a dataset, the others are START and STOP."""
EXAMPLES = (
    "scratch datatargets/readbytes datatargets/writebytes --start 2026-11-22 --output bytes.png",
    "scratch 2026-11-22 --dataset 'datatargets/*bytes' --output bytes.png",
    "archive/2026/2026-11-22/scratch.hdf5 datatargets/writebytes --heat-map --output targets.svg",
    (
        "scratch dataservers/cpuload 2026-11-22T07:00 2026-11-22T09:00 --by-component --output"
        " load.png"
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "what",
        metavar="FILE|INSTANCE",
        help="a file, or an instance of the archive with a day or range",
    )
    parser.add_argument(
        "more",
        nargs="*",
        metavar="DATASET|START|STOP",
        help="datasets, such as datatargets/readbytes (tokio-archive info lists them); a date, a"
        " word for days or a time",
    )
    common_options.add_range(parser, positional=False)
    common_options.add_archive(parser)
    parser.add_argument(
        "--dataset",
        action="append",
        default=[],
        metavar="PATTERN",
        help="datasets, also as 'datatargets/*' (may be given again)",
    )
    parser.add_argument(
        "--components",
        action="append",
        metavar="PATTERN",
        help="a name, or a pattern such as '*OST00*' (may be given again; default: all)",
    )
    parser.add_argument(
        "--resample", metavar="STEP", help="resample rows first: 1min, 15min, 1h, ... or 1d"
    )
    parser.add_argument(
        "--heat-map", action="store_true", help="components by time, of one dataset"
    )
    parser.add_argument("--by-component", action="store_true", help="a line for each component")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help=".png or .svg")
