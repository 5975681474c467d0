"""Arguments of `tokio-archive compare`."""

from __future__ import annotations

import argparse

from archive_tools.cli import common_options, csv_rows

HELP = "a day, week or month against another"
ABOUT = """What changed between some days and others: totals, peaks and fullness of file systems,
and what users and programs moved, the largest change first. Amounts are held against each other by
the second, so that a day may be compared with a week. What is not whole on a side (less than 99 %
of the cells measured, days without complete logs) is said, marked, and comes last. Exit code 1 if
nothing of a side is there, or a file cannot be read."""
EXAMPLES = ("yesterday 2026-11-18", "last-week 2026-W46", "2026-11 2026-10 --limit 0 --csv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    for name, text in (("one", "a day or days"), ("other", "those that it is held against")):
        parser.add_argument(
            name,
            type=common_options.date_or_time,
            metavar=name.upper(),
            help=f"{text}: 2026-11-22, yesterday, last-week, 2026-11, 2026-W47, -7d",
        )
    common_options.add_archive(parser)
    parser.add_argument(
        "--instance",
        action="append",
        default=[],
        metavar="NAME",
        help="only this file system's servers (may be given again; default: all with targets)",
    )
    parser.add_argument(
        "--limit",
        type=common_options.count,
        default=20,
        metavar="N",
        help="changes at most; 0 is all (default: 20)",
    )
    csv_rows.add_formats(parser)
