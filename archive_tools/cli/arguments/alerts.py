"""Arguments of `tokio-archive alerts`."""

from __future__ import annotations

import argparse

from archive_tools.cli import common_options

HELP = "what the site's alerts said of each day"
ABOUT = """The alerts of a range of days, newest first: those beyond their thresholds, and those
that could not be evaluated, with the reason. The rules are those that site.json had when the day
was last evaluated: by a nightly run of the day, or, within four weeks, by a backfill or rebuild
that made it again. Exit code 1 if no day of the range was evaluated, or a day's alerts cannot be
read."""
EXAMPLES = ("2026-11-22", "2026-11-01 2026-11-22 --name scratch-full", "2026-11-22 --all --json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_range(parser, whole_days=True, is_open=True)
    common_options.add_archive(parser)
    parser.add_argument("--name", default="", metavar="NAME", help="only of this rule")
    parser.add_argument("--all", action="store_true", help="also alerts that are quiet")
    parser.add_argument("--json", action="store_true", help="as JSON")
