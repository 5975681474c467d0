"""Arguments of `tokio-archive summarize`."""

from __future__ import annotations

import argparse

from archive_tools.cli import common_options

HELP = "totals, means, peaks and what is missing"
ABOUT = """Totals, means, peaks (when, in local time) and per cent missing of each dataset: of a
file, or of an instance over a day or a range. The peak of an amount is the largest row, all
components together; that of a state (CPU load, fullness) the largest cell. With --by-component, of
each component; then the peak is its largest cell."""
EXAMPLES = (
    "archive/2026/2026-11-22/scratch.hdf5",
    "scratch 2026-11-22",
    "scratch 2026-11-22T08:00 2026-11-22T10:00 --dataset 'datatargets/*'",
    "scratch 2026-11-22 --dataset datatargets/readbytes --by-component --json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "what",
        metavar="FILE|INSTANCE",
        help="a file, or an instance of the archive with a day or range",
    )
    common_options.add_range(parser)
    common_options.add_archive(parser)
    parser.add_argument(
        "--dataset",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only these, such as 'datatargets/*' (may be given again)",
    )
    parser.add_argument("--by-component", action="store_true", help="also of each component")
    parser.add_argument(
        "--json", action="store_true", help="as JSON, numbers in base units, times in epoch seconds"
    )
