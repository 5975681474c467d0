"""Arguments of `tokio-archive umami`."""

from __future__ import annotations

import argparse
from pathlib import Path

from archive_tools.cli import common_options
from archive_tools.core import choices

HELP = "a job beside its history: the diagram of metrics, quartiles and today"
ABOUT = """Draws the UMAMI diagram (Lockwood and others, PDSW-DISCS 2017) of a job and file system:
a row a metric, its history over earlier runs of the same kind on the left, their box plot on the
right, this run's value across it. Runs of the same kind have the same program, user and number of
processes; --like says otherwise. --account and --partition are of the job and its earlier runs,
by the scheduler. Without --output a table. The job is the newest of that number, or
the newest of the range, if one is given; START alone is that day."""
EXAMPLES = (
    "9100092 --fs scratch --like exe --output umami.png",
    "9100092 --like exe --days 365 --json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("job", metavar="JOBID")
    common_options.add_range(parser, positional=False, is_open=True)
    common_options.add_archive(parser)
    common_options.add_accounts(parser)
    parser.add_argument(
        "--fs", default="", metavar="NAME", help="file system (default: where the job moved most)"
    )
    parser.add_argument(
        "--like",
        choices=sorted(choices.HISTORY_ALSO_LIKE),
        action="append",
        help="what runs have in common (may be given again; default: exe, user and nprocs)",
    )
    parser.add_argument(
        "--days",
        type=common_options.count,
        default=choices.HISTORY_DAYS,
        metavar="N",
        help=f"days before the job that are looked at (default: {choices.HISTORY_DAYS})",
    )
    parser.add_argument(
        "--json", action="store_true", help="as JSON: every metric's history, base units"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help=".png or .svg")
