"""Numbers inside a log, compared with what is there before libdarshan-util follows them.

The library trusts counts and lengths: it reserves room by them, and ends the process where a region
does not end with a record. A region that fails here is not given to it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from archive_tools.core.errors import SourceError
from archive_tools.core.vocabulary import RejectReason
from pipeline.sources.darshan.library import damaged
from pipeline.sources.darshan.log_header import (
    JOB,
    JOB_BYTES,
    MOST,
    NAMES,
    PLAIN,
    TEXT_AT,
    WIDE_SINCE,
    ZLIB,
    LogHeader,
)

GENERAL = {
    JOB: "the job, its command line and mount points",
    NAMES: "the file names",
}
"""Regions that every log needs."""
MODULES = {
    "POSIX": 1,
    "MPI-IO": 2,
    "H5F": 3,
    "H5D": 4,
    "PNETCDF_FILE": 5,
    "PNETCDF_VAR": 6,
    "LUSTRE": 8,
    "STDIO": 9,
    "HEATMAP": 15,
    "DFS": 16,
    "DAOS": 17,
}
"""Modules that the library reads, and their numbers in a log's header."""
RECORD_BYTES = {
    "POSIX": {1: 680, 2: 648, 3: 664, 4: 704},
    "MPI-IO": {1: 544, 2: 544, 3: 560},
    "H5F": {1: 40, 2: 56, 3: 80},
    "H5D": {1: 904, 2: 912},
    "PNETCDF_FILE": {1: 48, 2: 64, 3: 152},
    "PNETCDF_VAR": {1: 1120},
    "STDIO": {1: 240, 2: 248},
    "DFS": {1: 584},
    "DAOS": {1: 696},
}
"""Bytes of a record by module and version. The library refuses other versions by their number."""
HEAT_VERSION = 1
HEAT = "Qqdq16x"
"""Before the bins of a heat map: id, rank, width of a bin, bins, room for two pointers."""
HEAT_BIN = 16
"""Bytes of a bin: written and read."""
LUSTRE_HEADS = {1: "48xq", 2: "16xqq"}
"""What is before the OSTs of a file's stripes, by version: their number; or first that of the
components, which follow.
"""
LUSTRE_COMPONENT, OST = 72, 8
"""Bytes."""
NAME_BYTES = 2**20
"""Of a file's name; where one does not fit into its buffer the library reads forever."""


def check_module(path: Path, header: LogHeader, module: str, most: int = MOST) -> None:
    """Refuse the region of one of `MODULES` that libdarshan-util must not see.

    Parameters
    ----------
    path : pathlib.Path
    header : LogHeader
        Of this file.
    module : str
    most : int
        Bytes that the region may unpack to.

    Raises
    ------
    SourceError
        The region is not inside the file, its checksum is wrong, it does not end with a record, or
        a count in it is larger than what follows.
    """
    number = MODULES[module]
    if number not in header.regions:
        return
    version, what = header.versions[number], f"module {module}"
    pieces = _pieces(path, header, number, what, most)
    if module == "HEATMAP" and version == HEAT_VERSION:
        _check_heat_maps(b"".join(pieces), header.order)
    elif module == "LUSTRE" and version in LUSTRE_HEADS:
        _check_stripes(b"".join(pieces), header.order, version)
    else:
        size, record = sum(map(len, pieces)), RECORD_BYTES.get(module, {}).get(version)
        if record and size % record:
            raise damaged(f"{what} has {size:,} bytes, which are not whole records of {record:,}")


def _check_heat_maps(content: bytes, order: str) -> None:
    """Refuse a heat map with more bins than follow it."""
    head, at = struct.Struct(order + HEAT), 0
    while at < len(content):
        if len(content) - at < head.size:
            raise damaged("module HEATMAP ends in the middle of a record")
        bins = head.unpack_from(content, at)[3]
        at += head.size
        if not 0 <= bins <= (len(content) - at) // HEAT_BIN:
            raise damaged(f"module HEATMAP has fewer than the {bins:,} bins of a record")
        at += HEAT_BIN * bins


def _check_stripes(content: bytes, order: str, version: int) -> None:
    """Refuse a file with more OSTs or components than follow it."""
    head, at = struct.Struct(order + LUSTRE_HEADS[version]), 0
    while at < len(content):
        if len(content) - at < head.size:
            raise damaged("module LUSTRE ends in the middle of a record")
        *components, stripes = head.unpack_from(content, at)
        at += head.size
        size = LUSTRE_COMPONENT * sum(components) + OST * stripes
        if components == [0]:
            size = 0  # a file without a component has no OST either, whatever it says
        if min(*components, stripes, 0) < 0 or size > len(content) - at:
            raise damaged("module LUSTRE has fewer OSTs than a record says")
        at += size


def job_text(path: Path, header: LogHeader) -> bytes:
    """The command line of a log, and a line for each mount point.

    Raises
    ------
    SourceError
        The region is damaged, or is not as large as that of a job.
    """
    what = GENERAL[JOB]
    if JOB not in header.regions:
        raise damaged(f"the header leaves no room for {what}")
    content, begin = bytearray(), TEXT_AT[header.version >= WIDE_SINCE]
    for piece in _pieces(path, header, JOB, what, MOST):
        content += piece
        if len(content) > JOB_BYTES:
            raise damaged(f"{what} have more than {JOB_BYTES:,} bytes")
    if len(content) <= begin:
        raise damaged(f"{what} have {len(content):,} bytes, expected more than {begin:,}")
    return bytes(content[begin:]).partition(b"\0")[0]


def has_mounts(text: bytes) -> bool:
    """Whether the library finds a table of mount points: each line has a type and a path."""
    _, line_end, last = text.rpartition(b"\n")
    return bool(line_end) and len(last.split(maxsplit=2)) >= 2


def file_names(path: Path, header: LogHeader, most: int = MOST) -> dict[int, str]:
    """Record id to file name; bytes that are not UTF-8 as ``\\xNN``. Of two names of an id the
    first counts, as the library has it.

    Raises
    ------
    SourceError
        The region is damaged, does not end with a name, or has one above `NAME_BYTES`.
    """
    if NAMES not in header.regions:
        return {}
    content = b"".join(_pieces(path, header, NAMES, GENERAL[NAMES], most))
    order: Literal["little", "big"] = "little" if header.order == "<" else "big"
    found: dict[int, str] = {}
    at, end = 0, len(content)
    while at < end:
        if header.version == "3.00":  # a length of 4 bytes before each
            begin = at + 12
            stop = after = begin + int.from_bytes(content[at + 8 : begin], order)
        else:
            begin = at + 8
            stop = content.find(b"\0", begin)
            after = stop + 1
        if not begin <= stop <= end:
            raise damaged(f"{GENERAL[NAMES]} end in the middle of one")
        if stop - begin > NAME_BYTES:
            raise damaged(f"one of {GENERAL[NAMES]} has {stop - begin:,} bytes")
        number = int.from_bytes(content[at : at + 8], order)
        if number not in found:
            name = content[begin:stop].partition(b"\0")[0]
            found[number] = name.decode("utf-8", "backslashreplace")
        at = after
    return found


def _pieces(path: Path, header: LogHeader, number: int, what: str, most: int) -> Iterator[bytes]:
    """The content of a region that is inside the file and has its checksum.

    Raises
    ------
    SourceError
        It is not, or unpacks to more than `most` bytes.
    """
    if header.compression not in (ZLIB, PLAIN):
        return  # the library does not open it
    if header.regions[number][0] < header.end:
        raise damaged(f"the region of {what} begins inside the header")
    if number in header.cut:
        raise damaged(f"the region of {what} ends beyond the file")
    size = 0
    try:
        for piece in header.pieces(path, number):
            size += len(piece)
            if size > most:
                raise SourceError(
                    RejectReason.MEMORY_LIMIT.sentence(
                        f"{what}: above {most:,} bytes unpacked, half of log_memory_mb"
                    )
                )
            yield piece
    except ValueError:
        raise damaged(f"the checksum of {what} is wrong") from None
