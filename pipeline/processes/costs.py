"""What logs that reached a limit have cost in a run, and how long the next ones may take.

The readers of a run share a file in memory: each adds what it saw, and looks at what all saw. So a
file that reached a limit is not tried again under another name, and the time limit of an owner, and
of the run, shrinks with what was lost already.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from typing import NamedTuple

ENTRY = struct.Struct("=QQqqqd")
LEAST_SECONDS = 2.0
"""A good log takes some milliseconds."""
RUNS = 64
"""Runs whose costs this process keeps."""


class Identity(NamedTuple):
    """A file, whatever it is called."""

    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


class Costs:
    """The costs of a run.

    Parameters
    ----------
    handle : int
        Descriptor of what the readers share.
    """

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self._seen = 0
        self._files: set[Identity] = set()
        self._of_owner: dict[int, float] = {}

    def add(self, owner: int, seconds: float, file: Identity | None = None) -> None:
        """Note what a log of an owner has cost; `file` is not to be tried again."""
        identity = file or Identity(0, 0, 0, 0)
        os.write(self.handle, ENTRY.pack(*identity, owner, seconds))

    def _look(self) -> None:
        data = os.pread(self.handle, os.fstat(self.handle).st_size - self._seen, self._seen)
        self._seen += len(data)
        for *identity, owner, seconds in ENTRY.iter_unpack(data):
            self._files.add(Identity(*identity))
            self._of_owner[owner] = self._of_owner.get(owner, 0.0) + seconds

    def __bool__(self) -> bool:
        """Whether any log has cost anything."""
        return bool(os.fstat(self.handle).st_size)

    def is_known(self, file: Identity) -> bool:
        """Whether a file reached a limit under another name."""
        self._look()
        return file in self._files

    def seconds(self, most: float, owner: int, of_owner: float, of_run: float) -> float:
        """How long a log may take: half of what is left to its owner, and to the run, at most.

        Parameters
        ----------
        most : float
            What it may take as long as nothing was lost.
        owner : int
        of_owner, of_run : float
            Seconds that may be lost on logs of one owner, and in all.
        """
        self._look()
        for lost, budget in (
            (self._of_owner.get(owner, 0.0), of_owner),
            (sum(self._of_owner.values()), of_run),
        ):
            if lost:
                most = min(most, max(LEAST_SECONDS, (budget - lost) / 2))
        return most


_lock = threading.Lock()
_handles: dict[str, int] = {}


def handle_of(run: str) -> int:
    """A new descriptor of what the readers of a run of this process share; close it."""
    with _lock:
        if not run:
            return _shared()
        if run not in _handles:
            while len(_handles) >= RUNS:
                os.close(_handles.pop(next(iter(_handles))))
            _handles[run] = _shared()
        return os.dup(_handles[run])


def _shared() -> int:
    handle = os.memfd_create("costs")
    fcntl.fcntl(handle, fcntl.F_SETFL, os.O_RDWR | os.O_APPEND)
    return handle
