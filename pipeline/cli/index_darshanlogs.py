"""The command `index_darshanlogs`: Darshan logs from anywhere in one SQLite index.

Exit codes: 0 done; 1 a log could not be read, or the index not be written; 2 the command is wrong.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from archive_tools.cli import exit_codes, printing
from archive_tools.cli.main import guarded
from archive_tools.core.errors import ConfigError
from archive_tools.store.site_file import ENVIRONMENT, find_site_file, read_site_file
from pipeline.building.log_index import logs_at, update_index
from pipeline.cli.common_options import positive

PROGRAM = "index_darshanlogs"


def megabytes(text: str) -> float:
    """A size in MiB, 0 or more, out of an argument."""
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not 0 <= size < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size in MiB")
    return size


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Add Darshan logs to an SQLite index. Logs that are in it already, with the"
        " same size and time, are not read again.",
        epilog="exit codes: 0 done; 1 a log could not be read; 2 wrong command",
    )
    parser.add_argument(
        "darshanlogs", nargs="+", metavar="LOG", help="a log, or a folder, whatever its depth"
    )
    parser.add_argument(
        "-t", "--threads", type=positive, default=1, help="logs read at a time (default: 1)"
    )
    parser.add_argument(
        "-o", "--output", default="darshanlogs.db", metavar="FILE", help="default: %(default)s"
    )
    parser.add_argument(
        "-m",
        "--max-mb",
        type=megabytes,
        default=0.0,
        help="read of logs of so many MiB or more only what is summed by file system (default: 0,"
        " all of every log)",
    )
    parser.add_argument("-v", "--verbose", action="count", default=0, help="say how many logs")
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="do not name the logs that cannot be read"
    )
    parser.add_argument(
        "--no-bulk-insert",
        action="store_true",
        help="no effect: logs are inserted some hundred at a time as they are read",
    )
    parser.add_argument(
        "--site",
        default="",
        metavar="FILE",
        help="site file whose mount_to_fsname names the file systems (default:"
        f" ${ENVIRONMENT}, else ./site.json if it is there)",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `index_darshanlogs`; returns the exit code."""
    options = _parser().parse_args(arguments)
    return guarded(PROGRAM, lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    mount_to_fsname = _mount_to_fsname(options.site)
    listing = logs_at(options.darshanlogs)
    outcome = update_index(
        Path(options.output),
        listing.logs,
        mount_to_fsname=mount_to_fsname,
        threads=options.threads,
        lean_from=options.max_mb * 2**20,
    )
    rejected = {**listing.problems, **outcome.rejected}
    if not options.quiet:
        for name, reason in rejected.items():
            printing.note(f"{PROGRAM}: {name}: {reason}")
    if options.verbose:
        printing.say(
            f"{options.output}: {outcome.added} logs added, {outcome.known} in it already,"
            f" {len(rejected)} cannot be read"
        )
    return exit_codes.NOT_THERE if rejected else exit_codes.DONE


def _mount_to_fsname(given: str) -> Mapping[str, str]:
    path = find_site_file(given)
    found = read_site_file(path).content.get("mount_to_fsname", {}) if path else {}
    try:
        for pattern, name in dict(found).items():
            re.compile(pattern)
            if not isinstance(name, str):
                raise TypeError(f"{name!r} is not a text")
    except (re.error, TypeError, ValueError) as error:
        raise ConfigError(
            f"{path}: mount_to_fsname: {error}", hint="tokio-pipeline check-config"
        ) from error
    return dict(found)


if __name__ == "__main__":
    sys.exit(main())
