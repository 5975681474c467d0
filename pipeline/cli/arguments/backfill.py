"""Arguments of `tokio-pipeline backfill`."""

from __future__ import annotations

import argparse

from pipeline.cli import common_options

HELP = "bring the days of a range into the archive"
ABOUT = """Bring all days of a range into the archive: those that are complete are left alone, so
that a backfill that was stopped goes on where it was. It goes in chunks of days; each is locked, so
that the nightly run and backfills of other ranges, also of other hosts, can work at the same time.
Days that fail are tried again at the end, and never stop the others."""
EXAMPLES = (
    "--start 2018-01-01 --stop 2018-12-31 --dry-run",
    "--start 2018-01-01 --stop 2018-12-31 --workers 2",
    "--start 2026-10-01 --stop 2026-11-20 --newest-first --instance cscratch,darshan",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_site(parser)
    common_options.add_range(parser)
    common_options.add_instances(parser)
    parser.add_argument(
        "--newest-first",
        action="store_true",
        help="begin with the last days, which a source forgets last or which are requested most",
    )
    parser.add_argument(
        "--tries",
        type=common_options.positive,
        default=2,
        metavar="N",
        help="how often a day that fails is tried (default: 2)",
    )
    parser.add_argument(
        "--expired",
        action="store_true",
        help="also ask for days that the source should keep no longer (retention_days)",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    common_options.add_run(parser)
