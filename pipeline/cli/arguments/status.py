"""Arguments of `tokio-pipeline status`."""

from __future__ import annotations

import argparse

from pipeline.cli import common_options

HELP = "what is in the archive, a day by instance"
ABOUT = """What is in the archive: a table of some days, or of more than a month a calendar, and
what needs somebody. No product is opened. Sources are queried whether they have other data for the
last days (late_days), and wait for an answer only for some seconds; --no-ask does without."""
EXAMPLES = (
    "",
    "--start 2016-01-01 --stop 2026-11-22",
    "--start 2026-11-01 --json",
    "--no-ask --textfile /var/lib/node_exporter/tokio.prom",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_site(parser)
    parser.add_argument(
        "--start",
        type=common_options.days,
        metavar="DATE",
        help="first day, or a word for days: yesterday, last-week, 2026-11, -7d (default: of two"
        " weeks, the first that the archive knows)",
    )
    parser.add_argument(
        "--stop",
        type=common_options.days,
        metavar="DATE",
        help="last day (default: that of a word, else yesterday)",
    )
    common_options.add_instances(parser)
    parser.add_argument(
        "--json",
        action="store_true",
        help="as JSON: state, detail and figures of every day and instance",
    )
    parser.add_argument(
        "--no-ask", action="store_true", help="do not ask the sources what they have now"
    )
    parser.add_argument(
        "--textfile",
        metavar="FILE",
        help="also write metrics for node_exporter's textfile collector",
    )
