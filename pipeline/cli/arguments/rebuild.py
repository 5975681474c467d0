"""Arguments of `tokio-pipeline rebuild`."""

from __future__ import annotations

import argparse

from pipeline.cli import common_options

HELP = "make products anew from the raw data that are kept"
ABOUT = """Make products anew from the raw data that are kept, without querying any source: those
that are stale, after a new version of this software or with other keys of site.json, and those
whose bytes are not those of their receipts; with --all every one. Days whose raw data are pruned
keep what they have, but for indexes and tables of jobs, which are made from the files of series;
days that were invalidated, and not built since, are taken back."""
EXAMPLES = (
    "--start 2026-10-01 --stop 2026-11-20 --dry-run",
    "--start 2026-10-01 --stop 2026-11-20 --instance cscratch --all",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_site(parser)
    common_options.add_range(parser)
    common_options.add_instances(parser)
    parser.add_argument("--all", action="store_true", help="also what is up to date")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    common_options.add_run(parser)
