"""Records of the module LUSTRE, read without libdarshan-util: a layout for each version.

The library gives records of version 1 (Darshan 3.1 to 3.4.5) the form of version 2, which has no
place for how many OSTs and MDTs the file system has, nor for the offset. Versions that are not
known are refused. Counts are compared with what the region holds before anything is done by them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from archive_tools.core.errors import SourceError
from pipeline.sources.darshan.library import damaged
from pipeline.sources.darshan.log_header import LogHeader, content_of, newer

MODULE, NUMBER = "LUSTRE", 8
"""The module, and its number in a log's header."""
EXPANSION = 1032
"""Bytes that a byte of a compressed region may hold: zlib packs no closer, and records of the same
file by many ranks come near.
"""
UNUSED = -1
"""The stripe size of a component that has no place in the file yet."""
COMPONENT_WORDS = 9
"""Of 8 bytes: seven counters, the first of which are stripe size and count, and the pool's name."""


@dataclass(frozen=True)
class LustreRecord:
    """How a file is striped, as one rank saw it.

    Attributes
    ----------
    file : int
        Record id.
    rank : int
        -1 for all ranks.
    stripe_size : int
        Bytes; of several components the largest.
    osts : tuple of int
        On which OSTs, in their order in the file.
    of_file_system : tuple of int
        OSTs and MDTs of the file system, and the offset with which the file was made; empty where
        the log does not have them (version 2).
    """

    file: int
    rank: int
    stripe_size: int
    osts: tuple[int, ...]
    of_file_system: tuple[int, ...] = ()


def lustre_records(file: BinaryIO, header: LogHeader) -> list[LustreRecord]:
    """Records of a log that has the module, in their order; those without a component are left out.

    Raises
    ------
    SourceError
        The module is damaged, or of a version that is not known.
    """
    version = header.versions[NUMBER]
    layout = LAYOUTS.get(version)
    if layout is None:
        raise SourceError(newer(f"module {MODULE} version {version}"))
    try:
        content = content_of(file, header, NUMBER, EXPANSION)
        if len(content) % 8:
            raise ValueError("it ends in the middle of a number")
        words = struct.unpack(f"{header.order}{len(content) // 8}q", content)
        return list(layout(words))
    except ValueError as error:
        raise damaged(f"module {MODULE}: {error}") from None


def _of_version_1(words: tuple[int, ...]) -> Iterator[LustreRecord]:
    """Id, rank, OSTs, MDTs, offset, stripe size and count; then the OSTs."""
    at = 0
    while at < len(words):
        file, rank, *of_file_system, size, count = _taken(words, at, 7)
        osts = _taken(words, at + 7, count)
        yield LustreRecord(file % 2**64, rank, size, osts, tuple(of_file_system))
        at += 7 + count


def _of_version_2(words: tuple[int, ...]) -> Iterator[LustreRecord]:
    """Id, rank, how many components and stripes; then the components, and the OSTs of all."""
    at = 0
    while at < len(words):
        file, rank, count, stripes = _taken(words, at, 4)
        at += 4
        if count < 1:
            continue
        components = _taken(words, at, COMPONENT_WORDS * count)
        osts = _taken(words, at + len(components), stripes)
        at += len(components) + len(osts)
        sizes, counts = components[::COMPONENT_WORDS], components[1::COMPONENT_WORDS]
        used = sizes.index(UNUSED) if UNUSED in sizes else count
        if used:
            of_file = _taken(osts, 0, sum(counts[:used]))
            known = tuple(ost for ost in of_file if ost >= 0)
            yield LustreRecord(file % 2**64, rank, max(sizes[:used]), known)


def _taken(words: tuple[int, ...], at: int, count: int) -> tuple[int, ...]:
    if not 0 <= count <= len(words) - at:
        raise ValueError(f"a record has {count:,} numbers where {len(words) - at:,} are left")
    return words[at : at + count]


LAYOUTS: dict[int, Callable[[tuple[int, ...]], Iterator[LustreRecord]]] = {
    1: _of_version_1,
    2: _of_version_2,
}
"""By version of the module."""
