"""A command that writes: rights of files, and a note of the run for monitoring."""

from __future__ import annotations

import contextlib
import json
import logging
import platform
import time
from collections.abc import Iterator

from archive_tools.core.errors import ArchiveError, Busy
from archive_tools.store import files, layout
from pipeline.building.archive_folder import prepare
from pipeline.building.provenance import now
from pipeline.runs import progress
from pipeline.site import Site

log = logging.getLogger("tokio")
NOT_NOTED = 1
"""Exit code of a run that monitoring does not hear of, as of one that failed."""


@contextlib.contextmanager
def writing(site: Site, command: str) -> Iterator[list[int]]:
    """Files get the rights that site.json says; at the end the run is noted for monitoring, unless
    another run had the days.

    Yields
    ------
    list of int
        To be given the exit code. Its last one counts: a run that could not be noted failed.
    """
    began, since = now(), time.monotonic()
    codes: list[int] = []
    with files.permissions(site.file_mode):
        prepare(site)
        files.sweep([(site.root / layout.LAST_RUN).parent])
        try:
            yield codes
        except Busy:
            raise
        except BaseException:
            _note(site, command, began, since, None)
            raise
        if not _note(site, command, began, since, codes[-1]):
            codes.append(NOT_NOTED)


def _note(site: Site, command: str, began: str, since: float, code: int | None) -> bool:
    """Write down when a command ran, how long, and how it ended (null: it was stopped, or broke
    off); whether that could be written.
    """
    reported = {
        "command": command,
        "began": began,
        "ended": now(),
        "seconds": round(time.monotonic() - since, 3),
        "host": platform.node(),
        "exit_code": code,
    }
    try:
        files.write_text(
            site.root / layout.LAST_RUN.format(command=command),
            json.dumps(reported, indent=1) + "\n",
        )
    except (ArchiveError, OSError) as error:
        with progress.only_warnings():
            log.error("the run could not be noted for monitoring: %s", error)
        return False
    return True
