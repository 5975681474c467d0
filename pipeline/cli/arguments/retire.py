"""Arguments of `tokio-pipeline retire`."""

from __future__ import annotations

import argparse

from pipeline.cli import common_options

HELP = "say that components are gone for good"
ABOUT = """Say that components of an instance (OSTs, servers, ...) or datasets are gone for good. A
day is complete without them from the given date on; what was measured of them stays in the
archive. Days that were archived without them are made again by the next run or by backfill.
--recall takes it back; --list shows what is retired."""
EXAMPLES = (
    "fs-OST0001 fs-OST0002 --instance fs --since 2026-11-22 --why 'drained and removed'",
    "--list",
    "fs-OST0001 --instance fs --recall",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_site(parser)
    parser.add_argument("names", nargs="*", metavar="NAME", help="component, or GROUP/DATASET")
    parser.add_argument("--instance", default="", help="the instance that had them")
    parser.add_argument(
        "--since",
        type=common_options.days,
        metavar="DATE",
        help="the first day without them (default: yesterday at the site)",
    )
    common_options.add_statement(parser, "show what is retired", "expect the names again")
