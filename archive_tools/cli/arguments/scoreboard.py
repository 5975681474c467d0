"""Arguments of `tokio-archive scoreboard`."""

from __future__ import annotations

import argparse

from archive_tools.cli import common_options
from archive_tools.core import choices

HELP = "who moved most bytes"
ABOUT = """Top users, programs and file systems by the bytes that Darshan logs report, over the
days of an archive or over index files, ours or pytokio's. Patterns (may be given again) limit what
is counted: '*' and '?' stand for any characters. Accounts and partitions are those of a scheduler
that is in the archive; `jobs --by account` has also jobs without logs. The range is of whole days;
START alone is that day. Exit code 1 if no log matches."""
EXAMPLES = (
    "",
    "--start 2026-11-21 --stop 2026-11-22 --by user --limit 3",
    "archive/2026/2026-11-22/darshan_index.sqlite --limit-fs scratch --exclude-user 'root*'",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "where", nargs="*", help="archive folders or index files (default: the archive)"
    )
    common_options.add_archive(parser)
    common_options.add_range(parser, positional=False, whole_days=True, is_open=True)
    parser.add_argument(
        "--by",
        choices=choices.SCOREBOARD_BY,
        action="append",
        help="of what (may be given again; default: user, exe, fs)",
    )
    parser.add_argument(
        "--limit",
        type=common_options.count,
        default=10,
        metavar="N",
        help="rows of each; 0 is all (default: 10)",
    )
    common_options.add_accounts(parser)
    for key in choices.SCOREBOARD_FILTERS:
        parser.add_argument(
            f"--limit-{key}",
            action="append",
            default=[],
            metavar="PATTERN",
            help=f"only {choices.SCOREBOARD_FILTERS[key]}",
        )
        parser.add_argument(
            f"--exclude-{key}",
            action="append",
            default=[],
            metavar="PATTERN",
            help=f"all but {choices.SCOREBOARD_FILTERS[key]}",
        )
    parser.add_argument("--json", action="store_true", help="as JSON, all rows")
