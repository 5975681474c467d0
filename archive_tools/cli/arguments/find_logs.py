"""Arguments of `tokio-archive find-logs`."""

from __future__ import annotations

import argparse

from archive_tools.cli import common_options

HELP = "Darshan logs by day, user, job"
ABOUT = """Paths of the Darshan logs of some days, a line each, as they are in the folders that
site.json names. User and job are those of the archive's index, else those of the log's name. The
range is of whole days. Exit code 1 if there are none."""
EXAMPLES = (
    "2026-11-22",
    "2026-11-22 --user user01",
    "--start 2026-11-21 --stop 2026-11-22 --job 9100001",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_range(parser, whole_days=True)
    parser.add_argument(
        "--site",
        default="",
        metavar="FILE",
        help=f"site file (default: ${common_options.SITE}, else ./site.json)",
    )
    parser.add_argument("--user", default="", help="name of the user")
    parser.add_argument("--job", default="", help="job id")
