"""Arguments of `tokio-archive publish`."""

from __future__ import annotations

import argparse
from pathlib import Path

from archive_tools.cli import common_options

HELP = "a copy for others, with names replaced by keyed hashes"
ABOUT = """Writes a copy of the archive in which users, jobs, programs, files, folders, mount points
and servers are keyed hashes, the same on every day. Counters, times and units are as they are.
Command lines, findings' details and provenance are left out, and so are raw data and reports. Names
of instances, file systems and Lustre's targets are kept, unless --hash-all is given. A file with
anything that is not known is refused by name, and the exit code is 1. A copy that was interrupted
goes on; what is there and current stays. The range is of whole days; without it all days are
published."""
EXAMPLES = (
    "--out published --key publish.key",
    "--out published --key publish.key --start 2026-11-20 --stop 2026-11-22",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_archive(parser)
    common_options.add_range(parser, positional=False, whole_days=True, is_open=True)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="the copy; not within the archive"
    )
    parser.add_argument(
        "--key",
        type=Path,
        required=True,
        metavar="FILE",
        help="file of the secret key, mode 0600; made if it is not there",
    )
    parser.add_argument(
        "--hash-all",
        action="store_true",
        help="also instances, file systems and Lustre's targets",
    )
    parser.add_argument(
        "--site-name", default="", metavar="NAME", help="the site's name in the copy (else hashed)"
    )
