"""Arguments of `tokio-pipeline invalidate`."""

from __future__ import annotations

import argparse

from pipeline.cli import common_options

HELP = "have days fetched and built again"
ABOUT = """Forget that days are complete, or that they were marked empty: the next run fetches and
builds them again, also where the source has less than the archive. Receipts and raw data are put
aside until the day is built anew, and --undo takes it back until then. Where the source has nothing
of a day any more, the next run takes it back by itself. The products stay until they are replaced.
On a terminal the command asks before it does anything; --dry-run only lists what would go."""
EXAMPLES = (
    "--start 2026-11-20 --stop 2026-11-20 --instance cscratch --dry-run",
    "--start 2026-11-20 --stop 2026-11-20 --instance cscratch",
    "--start 2026-11-20 --stop 2026-11-20 --instance cscratch --undo",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_site(parser)
    common_options.add_range(parser)
    common_options.add_instances(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="only list what would go")
    how.add_argument(
        "--undo", action="store_true", help="take it back, where no run built the day since"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask on a terminal")
    common_options.add_wait(parser)
