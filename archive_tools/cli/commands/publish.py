"""`tokio-archive publish`: a copy of an archive for others, without names."""

from __future__ import annotations

import argparse

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.core import quantities
from archive_tools.core.errors import NotFound


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
