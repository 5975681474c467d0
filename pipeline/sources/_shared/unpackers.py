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


class _Unpacker:
    """Unpacks a file of several parts, one after the other, and gives all that is before it breaks
    off.
    """

    def __init__(self, packed: Any) -> None:
        self._file = packed.open("rb") if isinstance(packed, Path) else packed
        self._begin()

    def _begin(self) -> None:
        self._unpack, self._inside = self._new(), False

    def _new(self) -> Any:
        """What unpacks one part."""
        raise NotImplementedError

    def _kept(self) -> bytes | None:
        """Packed bytes to go on with; None where more must be read."""
        raise NotImplementedError

    def read1(self, size: int) -> bytes:
        """Some bytes; none at the end.

        Raises
        ------
        EOFError
            The file ends within a part.
        lzma.LZMAError
            It is damaged xz, or needs more memory than `xz -9` does.
        """
        while True:
            if self._unpack.eof:
                packed = self._unpack.unused_data.lstrip(b"\0") or None
                self._begin()
            else:
                packed = self._kept()
            if packed is None:
                packed = self._file.read(PIECE)
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


class Gunzip(_Unpacker):
    """Unpacks gzip, also of several members."""

    def _new(self) -> Any:
        return isal_zlib.decompressobj(wbits=31)

    def _kept(self) -> bytes | None:
        return self._unpack.unconsumed_tail or None


class Unxz(_Unpacker):
    """Unpacks xz, also of several streams."""

    def _new(self) -> Any:
        return lzma.LZMADecompressor(memlimit=XZ_MEMORY)

    def _kept(self) -> bytes | None:
        return None if self._unpack.needs_input else b""


OPENERS: dict[str, Callable[[Any], Any]] = {
    ".gz": Gunzip,
    ".tgz": Gunzip,
    ".bz2": bz2.open,
    ".xz": Unxz,
}
"""How to open a file, or a stream, by its name's ending."""
