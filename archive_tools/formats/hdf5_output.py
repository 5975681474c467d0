"""The file below a file that HDF5 writes: it keeps failures to write from HDF5, and reports them
afterwards.

HDF5 crashes the process when a file that it cannot flush is closed (seen with 1.14 on a full disk),
and with it the other sources' day. So it is given success; the writer calls `check`, and
gets the system's error.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any


class Output(io.FileIO):
    """A new file, for `h5py.File(output, "w")`.

    Attributes
    ----------
    failure : OSError or None
        The first failure: what was written after it is lost.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self.failure: OSError | None = None

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while left and self.failure is None:
                left = left[super().write(left) or 0 :]
        except OSError as error:
            self.failure = error
        return size

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0

    def check(self) -> None:
        """Raise the failure, if there was one."""
        if self.failure is not None:
            raise self.failure
