"""Arguments of `tokio-archive top`."""

from __future__ import annotations

import argparse

from archive_tools.cli import common_options, csv_rows
from archive_tools.core import choices

HELP = "users, accounts, programs, file systems that did most"
ABOUT = """Who did most over any range of whole days: users, accounts, partitions, programs or file
systems, by bytes, operations or files of Darshan's logs, by jobs, or by node-hours of Slurm's
records. Accounts, partitions and node-hours are not known where the archive has no records. The
days are all, unless a range is given. Exit code 1 if there is no table of jobs, or one cannot be
read."""
EXAMPLES = (
    "yesterday",
    "last-month --by account --order node-hours --limit 5",
    "2026-01 2026-06 --by program --order files --csv",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_range(parser, whole_days=True, is_open=True)
    common_options.add_archive(parser)
    parser.add_argument("--by", choices=choices.TOP_BY, default="user", help="default: user")
    parser.add_argument(
        "--order", choices=choices.TOP_ORDERS, default="bytes", help="most first (default: bytes)"
    )
    parser.add_argument(
        "--limit",
        type=common_options.count,
        default=10,
        metavar="N",
        help="rows at most; 0 is all (default: 10)",
    )
    csv_rows.add_formats(parser)
