"""Arguments of `tokio-archive slow-osts`."""

from __future__ import annotations

import argparse

from archive_tools.cli import common_options, csv_rows
from archive_tools.core import choices

HELP = "targets slower than their peers, by rates under load and by jobs' files"
ABOUT = """Targets that are slower than their peers: by what they moved while the file system was
busy, and, as OSTs of Lustre, by the speed of the files on them that Darshan's logs report. One is
named where it is slower by enough, in enough hours or with enough files, and where chance is ruled
out: --alpha is shared among all file systems and both ways, and p-values are corrected for the
number of targets. Whole days; default: the newest seven that are there. Exit code 1 if nothing
could be tested."""
EXAMPLES = (
    "",
    "scratch --start last-week",
    "--start 2026-11-16 --stop 2026-11-22 --min-slowdown 1.5 --json",
)
MIN_FILES = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "instances", nargs="*", metavar="INSTANCE", help="default: all with targets"
    )
    common_options.add_range(parser, positional=False, whole_days=True, is_open=True)
    common_options.add_archive(parser)
    parser.add_argument(
        "--alpha",
        type=_share,
        default=choices.SLOW_ALPHA,
        help=(
            "how often a run without a slow target may name one, above 0 and below 1 (default:"
            f" {choices.SLOW_ALPHA})"
        ),
    )
    parser.add_argument(
        "--min-slowdown",
        type=_ratio,
        default=choices.SLOW_DOWN,
        metavar="RATIO",
        help=f"times slower than its peers, at least (default: {choices.SLOW_DOWN})",
    )
    parser.add_argument(
        "--min-hours",
        type=common_options.count,
        default=choices.SLOW_HOURS,
        metavar="N",
        help=f"hours under load, at least (default: {choices.SLOW_HOURS})",
    )
    parser.add_argument(
        "--min-files",
        type=common_options.count,
        default=MIN_FILES,
        metavar="N",
        help=f"files on it, at least (default: {MIN_FILES})",
    )
    csv_rows.add_formats(parser)


def _share(text: str) -> float:
    return _number(text, 0, 1)


def _ratio(text: str) -> float:
    return _number(text, 1, 1000)


def _number(text: str, low: float, high: float) -> float:
    try:
        found = float(text)
    except ValueError:
        found = low
    if not low < found < high:
        raise argparse.ArgumentTypeError(
            f"{text[:40]!r} cannot be used; expected: a number above {low:g} and below {high:g}"
        )
    return found
