"""A file as it was when it was looked at, to be read later: as it was then, or not at all.

A run replaces a file whole, and may do so at any time. A file that stays open is read to its end
all the same.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass

import h5py

from archive_tools.core.errors import MEND, FormatError, InputChanged, TokioError

DAMAGE = (OSError, LookupError, RuntimeError, ValueError, TypeError, AttributeError, OverflowError)
"""What h5py raises of a damaged file, and what becomes of attributes that are something else."""
MOST_HELD = 128
"""So many files stay open until their values are read."""


class _Held:
    """A file that stays open, so that it can be read to its end when another one replaces it."""

    count = 0

    def __init__(self, handle: int) -> None:
        # opened anew: a duplicate would share HDF5's lock of the file
        self.handle = os.open(f"/dev/fd/{handle}", os.O_RDONLY)
        _Held.count += 1

    def __del__(self) -> None:
        if hasattr(self, "handle"):
            _Held.count -= 1
            os.close(self.handle)

    @classmethod
    def of(cls, handle: int) -> _Held | None:
        """None where many are held already, or no more files may be open."""
        with contextlib.suppress(OSError):
            return cls(handle) if cls.count < MOST_HELD else None
        return None

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return type(None), ()  # another process opens the file by its path


@dataclass(frozen=True)
class Identity:
    """A file as it was when it was looked at; a replaced file is another one."""

    path: str
    inode: int
    size: int
    mtime_ns: int
    held: _Held | None = dataclasses.field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, path: str, handle: int, *, hold: bool = False) -> Identity:
        state = os.fstat(handle)
        held = _Held.of(handle) if hold else None
        return cls(path, state.st_ino, state.st_size, state.st_mtime_ns, held)

    def open(self) -> int:
        """A file descriptor: of the file as it was, where that is held open.

        Raises
        ------
        InputChanged
            The file was replaced, removed or changed.
        """
        if self.held:
            return self._unchanged(os.dup(self.held.handle))
        try:
            handle = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            raise InputChanged(
                f"{self.path} was removed while it was read", hint="read again"
            ) from None
        return self._unchanged(handle)

    def _unchanged(self, handle: int) -> int:
        if Identity.of(self.path, handle) != self:
            os.close(handle)
            raise self.replaced()
        return handle

    def unheld(self) -> Identity:
        """The file, which does not stay open."""
        return dataclasses.replace(self, held=None)

    def replaced(self) -> InputChanged:
        """The error for a file that is another one now."""
        return InputChanged(f"{self.path} was replaced while it was read", hint="read again")

    @contextlib.contextmanager
    def opened(self, dataset: str) -> Iterator[h5py.File]:
        """The file, opened by h5py; what goes wrong with it is an error that names file and
        dataset.

        Raises
        ------
        InputChanged
            The file was replaced, removed or changed.
        FormatError
            It cannot be read.
        """
        handle = self.open()
        try:
            with self._hdf5(handle) as file:
                yield file
        except TokioError:
            raise
        except DAMAGE as error:
            raise FormatError(f"{self.path}: {dataset} is damaged: {error}", hint=MEND) from error
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def _hdf5(self, handle: int) -> Iterator[h5py.File]:
        """The file by its path, or where another one has that now, by what is held open."""
        now = None
        with contextlib.suppress(FileNotFoundError):
            now = h5py.File(self.path, "r")
        if now is not None:
            with now:
                if Identity.of(self.path, now.id.get_vfd_handle()) == self:
                    yield now
                    return
        if not self.held:
            raise self.replaced()
        with os.fdopen(handle, "rb", closefd=False) as held, h5py.File(held, "r") as file:
            yield file
