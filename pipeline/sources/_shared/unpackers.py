"""Compressed streams, piece by piece: what is before the place where one breaks off is given."""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

from isal import isal_zlib

PIECE = 1 << 18
"""Bytes that are read at a time."""
XZ_MEMORY = 1 << 27
"""Bytes that unpacking xz may take: as many as its header says, and `xz -9` takes half of these."""


class Gunzip:
    """Unpacks gzip, also of several members, and gives all that is before the file breaks
    off.
    """

    def __init__(self, packed: Any) -> None:
        self._file = packed.open("rb") if isinstance(packed, Path) else packed
        self._begin()

    def _begin(self) -> None:
        self._unpack, self._inside = isal_zlib.decompressobj(wbits=31), False

    def read1(self, size: int) -> bytes:
        """Some bytes; none at the end.

        Raises
        ------
        EOFError
            The file ends within a member.
        """
        while True:
            if self._unpack.eof:
                rest = self._unpack.unused_data.lstrip(b"\0")
                self._begin()
                packed = rest or self._file.read(PIECE)
            else:
                packed = self._unpack.unconsumed_tail or self._file.read(PIECE)
            if not packed:
                if self._inside:
                    raise EOFError("the end is missing")
                return b""
            self._inside = True
            piece: bytes = self._unpack.decompress(packed, size)
            if piece:
                return piece

    def close(self) -> None:
        self._file.close()


class Unxz:
    """Unpacks xz, also of several streams; as `Gunzip`."""

    def __init__(self, packed: Any) -> None:
        self._file = packed.open("rb") if isinstance(packed, Path) else packed
        self._begin()

    def _begin(self) -> None:
        self._unpack, self._inside = lzma.LZMADecompressor(memlimit=XZ_MEMORY), False

    def read1(self, size: int) -> bytes:
        """Some bytes; none at the end.

        Raises
        ------
        EOFError
            The file ends within a stream.
        lzma.LZMAError
            It is damaged, or needs more memory than `xz -9` does.
        """
        while True:
            if self._unpack.eof:
                rest = self._unpack.unused_data.lstrip(b"\0")
                self._begin()
                packed = rest or self._file.read(PIECE)
            else:
                packed = self._file.read(PIECE) if self._unpack.needs_input else b""
            if not packed and self._unpack.needs_input:
                if self._inside:
                    raise EOFError("the end is missing")
                return b""
            self._inside = True
            piece: bytes = self._unpack.decompress(packed, size)
            if piece:
                return piece

    def close(self) -> None:
        self._file.close()


OPENERS: dict[str, Callable[[Any], Any]] = {
    ".gz": Gunzip,
    ".tgz": Gunzip,
    ".bz2": bz2.open,
    ".xz": Unxz,
}
"""How to open a file, or a stream, by its name's ending."""
