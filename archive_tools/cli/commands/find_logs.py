"""`tokio-archive find-logs`: paths of Darshan logs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from archive_tools.cli import common_options, exit_codes, printing, tables
from archive_tools.jobs import logs


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
