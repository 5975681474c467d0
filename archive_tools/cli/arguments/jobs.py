"""Arguments of `tokio-archive jobs`."""

from __future__ import annotations

import argparse

from archive_tools.cli import common_options
from archive_tools.core import choices

HELP = "which jobs ran, and what they moved"
ABOUT = """Jobs of a range of days, a line for each job and file system: what it moved, the coverage
factor (its bytes by those that the servers moved at that time, in the direction in which it moved
more; "logs ×3.2" where its logs have more than the servers, for a client's cache answered or the
mount is of other servers: --json has the figure), the servers' CPU load, and how many other jobs
were there. A job is of the day in whose folder its logs are.
Where a scheduler or Lustre's job_stats are archived, also jobs without logs, with their account,
and what the servers moved for each; a job over midnight has one line, with the sums over the days
of the range, or with --by-day one for each day.
--by counts jobs, node-hours and bytes by account, partition or user. With a time, jobs that ran in
the range, of those days and the day before. Exit code 1 if there are none."""
EXAMPLES = (
    "2026-11-22",
    "2026-11-01 2026-11-22 --user user01 --fs scratch --order written --limit 20",
    "2026-11-22 --exe 'ior*' --min-bytes 1000000000 --json",
    "2026-11-01 2026-11-22 --by account",
    "2026-11-22 --account 'phys*' --partition gpu",
    "2026-11-01 2026-11-22 --job 9100003 --by-day",
)
BY = ("account", "partition", "user")
"""What jobs are counted by."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_range(parser, is_open=True)
    common_options.add_archive(parser)
    parser.add_argument(
        "--user",
        default="",
        metavar="PATTERN",
        help="of these users; '*' and '?' stand for any characters",
    )
    parser.add_argument("--exe", default="", metavar="PATTERN", help="with such a program")
    parser.add_argument("--fs", default="", metavar="PATTERN", help="on these file systems")
    parser.add_argument("--job", default="", metavar="ID", help="job id")
    common_options.add_accounts(parser)
    parser.add_argument(
        "--by",
        choices=BY,
        help="in place of jobs: how many, their node-hours and bytes by this",
    )
    parser.add_argument(
        "--by-day",
        action="store_true",
        help="of a job of several days a line for each, with what is of that day",
    )
    parser.add_argument(
        "--min-bytes",
        type=common_options.count,
        default=0,
        metavar="N",
        help="that moved at least so much",
    )
    parser.add_argument(
        "--order",
        choices=choices.JOB_ORDERS,
        default="bytes",
        help="largest first (default: bytes, read and written)",
    )
    parser.add_argument(
        "--limit",
        type=common_options.count,
        default=20,
        metavar="N",
        help="lines at most; 0 is all (default: 20)",
    )
    parser.add_argument(
        "--json", action="store_true", help="as JSON, with every column, base units"
    )
