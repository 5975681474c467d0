"""Arguments of `tokio-pipeline acknowledge`."""

from __future__ import annotations

import argparse

from pipeline.cli import common_options

HELP = "say that an outage is known and will not be filled"
ABOUT = """Say that nothing was measured of an instance, or of some of its components, from one time
to another, and that nobody will ever have it. Days that it touches are complete without it, and
status says why. They are made again by the next run or by backfill, from the raw data that are
kept. Times without a zone are the site's. --recall takes it back; --list shows what is
acknowledged. For whole days without any data there is mark-empty."""
EXAMPLES = (
    "scratch --from 2026-11-22T03:00 --until 2026-11-22T05:00 --why maintenance",
    "scratch --from 2026-11-22 --until 2026-11-24T12:00 --components fs-OST0001 --why 'new disks'",
    "scratch --from 2026-11-22T03:00 --until 2026-11-22T05:00 --recall",
    "--list",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_site(parser)
    parser.add_argument("instance", nargs="?", default="", metavar="INSTANCE")
    parser.add_argument("--from", dest="start", metavar="TIME", help="first time of the outage")
    parser.add_argument(
        "--until", dest="end", metavar="TIME", help="first time at which it is over"
    )
    parser.add_argument(
        "--components",
        nargs="+",
        default=[],
        metavar="NAME",
        help="only these components, or GROUP/DATASET (default: all)",
    )
    common_options.add_statement(
        parser, "show what is acknowledged", "expect what was not measured again"
    )
