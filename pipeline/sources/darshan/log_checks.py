"""Numbers inside a log, compared with what is there before libdarshan-util follows them.

The library trusts counts and lengths: it reserves room by them, and ends the process where a region
does not end with a record. A region that fails here is not given to it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

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
LUSTRE_HEADS = {1: "48xq", 2: "16xqq"}
"""What is before the OSTs of a file's stripes, by version: their number; or first that of the
components, which follow.
"""
LUSTRE_COMPONENT, OST = 72, 8
"""Bytes."""
NAME = re.compile(rb"(.{8})([^\0]*)\0", re.DOTALL)
"""Id and name of a file, since format 3.10."""
Names = tuple[tuple[bytes, ...], tuple[bytes, ...]]
"""Ids and names of some files."""
NAMES_AT_ONCE = 2**16
"""Bytes."""
NAME_BYTES = 2**20
"""Of a file's name; where one does not fit into its buffer the library reads forever."""


def checked_module(file: BinaryIO, header: LogHeader, module: str, most: int = MOST) -> bytearray:
    """The content of one of `MODULES`, if libdarshan-util may see it.

    Parameters
    ----------
    file : binary file
    header : LogHeader
        Of this file.
    module : str
    most : int
        Bytes that the region may unpack to.

    Returns
    -------
    bytearray
        Empty where the log does not have the module, or the library does not unpack it.

    Raises
    ------
    SourceError
        The region is not inside the file, its checksum is wrong, it does not end with a record, or
        a count in it is larger than what follows.
    """
    number = MODULES[module]
    content = bytearray()
    if number not in header.regions:
        return content
    version, what = header.versions[number], f"module {module}"
    for piece in _pieces(file, header, number, what, most):
        content += piece
    if module == "LUSTRE" and version in LUSTRE_HEADS:
        _check_stripes(content, header.order, version)
    record = RECORD_BYTES.get(module, {}).get(version)
    if record and len(content) % record:
        raise damaged(
            f"{what} has {len(content):,} bytes, which are not whole records of {record:,}"
        )
    return content


def _check_stripes(content: bytearray, order: str, version: int) -> None:
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


def job_text(file: BinaryIO, header: LogHeader) -> bytes:
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
    for piece in _pieces(file, header, JOB, what, MOST):
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


def file_names(file: BinaryIO, header: LogHeader, most: int = MOST) -> dict[int, str]:
    """Record id to file name; bytes that are not UTF-8 as ``\\xNN``. Of two names of an id the
    first counts, as the library has it.

    Raises
    ------
    SourceError
        The region is damaged, does not end with a name, or has one above `NAME_BYTES`.
    """
    if NAMES not in header.regions:
        return {}
    content = b"".join(_pieces(file, header, NAMES, GENERAL[NAMES], most))
    found: dict[int, str] = {}
    read = _names_with_lengths if header.version == "3.00" else _names_that_end
    for ids, names in read(content, header.order):
        texts = b"\0".join(names).decode("utf-8", "backslashreplace").split("\0")
        numbers = struct.unpack(f"{header.order}{len(ids)}Q", b"".join(ids))
        for number, text in zip(numbers, texts, strict=True):
            if number not in found:
                found[number] = text
    return found


def _names_that_end(content: bytes, order: str) -> Iterator[Names]:
    """Ids and names since format 3.10, some at a time: the same id may be there very often."""
    at = 0
    while at < len(content):
        end = content.rfind(b"\0", at + 8, at + NAMES_AT_ONCE) + 1
        end = end or content.find(b"\0", at + 8) + 1
        if not end:
            raise damaged(f"{GENERAL[NAMES]} end in the middle of one")
        ids, names = zip(*NAME.findall(content, at, end), strict=True)
        _check_length(max(map(len, names)))
        yield ids, names
        at += sum(map(len, names)) + 9 * len(ids)


def _check_length(size: int) -> None:
    if size > NAME_BYTES:
        raise damaged(f"one of {GENERAL[NAMES]} has {size:,} bytes")


def _names_with_lengths(content: bytes, order: str) -> Iterator[Names]:
    """Id and name of each, in format 3.00, which has a length of 4 bytes before a name."""
    at = 0
    while at < len(content):
        begin = at + 12
        head = content[at:begin]
        stop = begin + struct.unpack(f"{order}I", head[8:])[0] if len(head) == 12 else -1
        if not begin <= stop <= len(content):
            raise damaged(f"{GENERAL[NAMES]} end in the middle of one")
        _check_length(stop - begin)
        yield (head[:8],), (content[begin:stop].partition(b"\0")[0],)
        at = stop


def _pieces(
    file: BinaryIO, header: LogHeader, number: int, what: str, most: int
) -> Iterator[bytes]:
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
        for piece in header.pieces(file, number):
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
