"""Arguments of `tokio-pipeline nightly`."""

from __future__ import annotations

import argparse

from pipeline.cli import common_options

HELP = "bring one day into the archive"
ABOUT = """Bring one day into the archive, and say what the archive then says of it. Without --date
that is yesterday (of the site's time zone), the nights that were skipped, and those earlier days
that late data may have come to, as far back as late_days. What is complete is not done again."""
EXAMPLES = ("", "--quiet", "--date 2026-11-22", "--workers 2 --site /etc/tokio/site.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_site(parser)
    parser.add_argument(
        "--date",
        type=common_options.days,
        help=(
            "day of the site (default: yesterday, nights that were skipped, and earlier days that"
            " late data may have come to)"
        ),
    )
    common_options.add_run(parser)
    common_options.add_quiet(parser, "what is not complete, warnings, errors")
