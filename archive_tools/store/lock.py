"""Who may write which days of an archive: a lock a day, in one file, that no dead process holds.

The file `.lock` in the archive has a byte for each day, and a run locks those of its days: a
nightly run and a backfill of other years do not wait for each other. The locks belong to the open
file: the kernel lets go of them when the last process that has it ends, however it ends. Between
hosts they hold where the file system carries them (NFS and GPFS do, Lustre when mounted with
`flock`).

They save double work. No file depends on them: every product is written whole under a name of its
own.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import fcntl
import logging
import os
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from archive_tools.core.accounts import account
from archive_tools.core.errors import ArchiveError, Busy
from archive_tools.store import files, layout

log = logging.getLogger("tokio")

PATIENCE = 5.0
"""Seconds to wait by default: children of a run that was killed take some time to end."""
_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_FLOCK = "hhqqi4x"
"""struct flock of 64-bit Linux: type, whence, start, length, process."""


def _set(handle: int, kind: int, start: int, length: int) -> bool:
    """Set or remove locks of this open file; False where another one has them."""
    try:
        fcntl.fcntl(
            handle, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, kind, os.SEEK_SET, start, length, 0)
        )
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        log.warning(
            "this file system has no locks (%s): two runs of the same day may do the same work"
            " twice",
            error.strerror,
        )
    return True


def _opened(path: Path) -> int:
    """The open file of locks; a folder in its place goes, for no run can hold it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o666)
    except IsADirectoryError:
        files.remove(path)
        return os.open(path, flags, 0o666)


@contextlib.contextmanager
def free(
    root: Path, dates: Sequence[dt.date], *, patience: float = PATIENCE
) -> Iterator[list[dt.date]]:
    """Lock those of the days that no other run holds.

    Parameters
    ----------
    root : pathlib.Path
        The archive; made if it is not there.
    dates : sequence of datetime.date
    patience : float
        Seconds to wait for days that are held.

    Yields
    ------
    list of datetime.date
        The days that are locked until the block is left, in the order of `dates`.

    Raises
    ------
    ArchiveError
        The archive may not be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        handle = _opened(root / layout.LOCK)
    except OSError as error:
        raise ArchiveError(
            f"{root} cannot be written: {error.strerror}",
            hint=(
                "look at the file system, its mount options and the rights of the account"
                f" {account()}"
            ),
        ) from error
    try:
        until = time.monotonic() + patience
        held: set[dt.date] = set()
        while len(held) < len(set(dates)):
            held |= {
                date
                for date in set(dates) - held
                if _set(handle, fcntl.F_WRLCK, date.toordinal(), 1)
            }
            if time.monotonic() >= until:
                break
            if len(held) < len(set(dates)):
                time.sleep(0.1)
        yield [date for date in dates if date in held]
    finally:
        _set(handle, fcntl.F_UNLCK, 0, 0)  # a child that is still ending has the file open too
        os.close(handle)


@contextlib.contextmanager
def holding(root: Path, dates: Sequence[dt.date], *, patience: float = PATIENCE) -> Iterator[None]:
    """Lock all of the days.

    Raises
    ------
    Busy
        Another run holds one of them.
    ArchiveError
        The archive may not be written.
    """
    with free(root, dates, patience=patience) as held:
        busy = sorted(set(dates) - set(held))
        if busy:
            more = f" and {len(busy) - 1} more days" if len(busy) > 1 else ""
            raise Busy(
                f"another run holds {busy[0]}{more} of {root}",
                hint=(
                    "wait for it (--wait SECONDS), or look for tokio-pipeline on the hosts that use"
                    " this archive"
                ),
            )
        yield
