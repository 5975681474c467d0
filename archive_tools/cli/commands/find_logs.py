"""`tokio-archive find-logs`: paths of Darshan logs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from archive_tools.cli import common_options, exit_codes, printing, tables
from archive_tools.jobs import logs

HELP = "Darshan logs by day, user, job"
ABOUT = """Paths of the Darshan logs of some days, a line each, as they are in the folders that
site.json names. User and job are those of the archive's index, else those of the log's name. The
range is of whole days. Exit code 1 if there are none."""
EXAMPLES = (
    "2026-11-22",
    "2026-11-22 --user user01",
    "--start 2026-11-21 --stop 2026-11-22 --job 9100001",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_range(parser, whole_days=True)
    parser.add_argument(
        "--site",
        default="",
        metavar="FILE",
        help=f"site file (default: ${common_options.SITE}, else ./site.json)",
    )
    parser.add_argument("--user", default="", help="name of the user")
    parser.add_argument("--job", default="", help="job id")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    site = common_options.site_file(options.site)
    given = common_options.given_range(options)
    if given[0] is None:
        raise exit_codes.WrongCommand(
            "the days are missing", expected="a day or a range, such as 2026-11-22"
        )
    start, stop = common_options.whole_days(*given, site.timezone)
    return print_paths(logs.find_logs(site, start, stop, user=options.user, job=options.job))


def print_paths(found: Iterable[Path]) -> int:
    """Write paths, a line each: their bytes in a pipe; on a terminal, what cannot be printed is
    escaped.
    """
    code = exit_codes.NOT_THERE
    sys.stdout.flush()
    for path in found:
        if tables.is_terminal(sys.stdout):
            printing.say(str(path))
        else:
            sys.stdout.buffer.write(os.fsencode(path) + b"\n")
        code = exit_codes.DONE
    sys.stdout.buffer.flush()
    if code == exit_codes.NOT_THERE:
        printing.note("no log matches")
    return code
