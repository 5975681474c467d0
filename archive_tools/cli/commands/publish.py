"""`tokio-archive publish`: a copy of an archive for others, without names."""

from __future__ import annotations

import argparse
from pathlib import Path

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.core import quantities
from archive_tools.core.errors import NotFound

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


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from archive_tools.publishing import copying, names

    archive = common_options.open_archive(options.archive)
    start, stop = common_options.whole_days(options.start, options.stop, archive.timezone)
    copying.check_places(archive.root, options.out, options.key)
    key, made = names.read_key(options.key)
    if made:
        printing.note(f"{options.key} made: keep it secret, and for the next days' copies")
    copied = copying.publish(
        archive.root,
        archive.about,
        options.out,
        names.Names(key, hash_all=options.hash_all),
        start,
        stop,
        site=options.site_name,
    )
    for why in copied.refused:
        printing.note(why)
    if not copied.written + copied.current + len(copied.refused):
        raise NotFound(
            f"no day of the range is in {archive.root}",
            hint="tokio-archive ls says which days there are",
        )
    printing.say(
        f"{options.out}: {quantities.counted(copied.written, 'file')} written,"
        f" {copied.current} there already, {len(copied.refused)} refused"
    )
    return exit_codes.NOT_THERE if copied.refused else exit_codes.DONE
