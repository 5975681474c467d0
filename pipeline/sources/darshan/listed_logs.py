"""A log is read as it was listed, or not at all: folders of logs are written by everybody.

Whatever happens to its name, the file that is read is the one that was checked: the library opens
the descriptor.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from archive_tools.core import links
from archive_tools.core.errors import SourceError
from archive_tools.core.log_files import FileRole, role_of
from archive_tools.core.vocabulary import RejectReason
from pipeline.sources.darshan import libdarshan
from pipeline.sources.darshan.log_header import MOST


@dataclass(frozen=True)
class Listed:
    """A file of the manifest: `size` and `mtime_ns` as they were when it was listed.

    `known` is why the same file was rejected before; it is not tried again.
    """

    root: bytes
    name: bytes
    size: int
    mtime_ns: int
    own: bool
    known: str = ""

    @property
    def path(self) -> Path:
        return Path(os.fsdecode(os.path.join(self.root, self.name)))

    @property
    def folder(self) -> str:
        return os.path.dirname(self.name).decode("utf-8", "backslashreplace")


class LogRead(NamedTuple):
    """A log, and the uid of its file's owner."""

    log: libdarshan.Log
    file_uid: int


def read_listed(
    file: Listed,
    start: int,
    end: int,
    *,
    follow_links: bool,
    only_essential: bool,
    most: int = MOST,
) -> LogRead | None:
    """Read a log that must be as the manifest says, before and after.

    Parameters
    ----------
    file : Listed
    start, end : int
        The day (epoch seconds).
    follow_links : bool
        See `links.opened`.
    only_essential, most
        See `libdarshan.read`.

    Returns
    -------
    LogRead or None
        None if it does not concern the day, or is not a log and does not look like one.

    Raises
    ------
    SourceError
        It is rejected.
    """
    if file.size == 0:
        raise SourceError(
            RejectReason.EMPTY.sentence("nothing was written; look for a full file system")
        )
    try:
        return _read(file, start, end, follow_links, only_essential, most)
    except links.IsLink:
        raise SourceError(
            RejectReason.LINK.sentence(
                "it does not lead to a file that everybody may read; put the log itself there, or"
                " set follow_links of the source where all links are the operator's"
            )
        ) from None
    except FileNotFoundError:
        if not os.path.lexists(file.path):
            raise SourceError(
                RejectReason.GONE.sentence("what is archived stays as it is")
            ) from None
        raise _unreadable(file.path, os.strerror(errno.ENOENT)) from None
    except OSError as error:
        raise _unreadable(file.path, error.strerror or str(error)) from None


def _read(
    file: Listed, start: int, end: int, follow_links: bool, only_essential: bool, most: int
) -> LogRead | None:
    root, name = os.fsdecode(file.root), os.fsdecode(file.name)
    with links.opened(root, name, follow=follow_links) as (descriptor, opened_at):
        before = os.fstat(descriptor)
        if file.size >= 0 and role_of(name, opened_at) is not FileRole.LOG:
            return None
        if (before.st_size, before.st_mtime_ns) != (file.size, file.mtime_ns):
            raise _changed()
        path = Path(opened_at)
        if not file.own and not _touches(libdarshan.times(path), start, end):
            return None
        log = libdarshan.read(path, name=name, only_essential=only_essential, most=most)
        after = os.fstat(descriptor)
    if (after.st_size, after.st_mtime_ns) != (file.size, file.mtime_ns):
        raise _changed()
    return LogRead(log, after.st_uid)


def _changed() -> SourceError:
    return SourceError(RejectReason.CHANGED.sentence("the next run reads it again"))


def _unreadable(path: Path, why: str) -> SourceError:
    return SourceError(RejectReason.UNREADABLE.sentence(why, fact=_what_it_is(path)))


def _what_it_is(path: Path) -> str:
    """What stands in place of a log that cannot be read; "" for a file."""
    return "link" if path.is_symlink() else "folder" if path.is_dir() else ""


def _touches(times: tuple[float, float], start: int, end: int) -> bool:
    return times[0] < end and times[1] >= start
