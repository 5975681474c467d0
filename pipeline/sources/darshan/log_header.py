"""A log's header, read without libdarshan-util: where the regions are, and why a file is refused.

The layouts are those of darshan-log-format.h: format 3.41 has room for 64 modules, earlier ones
for 16, and gave other numbers to some. Nothing here depends on what a damaged header says: numbers
are compared before they are followed.
"""

from __future__ import annotations

import bz2
import lzma
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from archive_tools.core.log_files import LOG_MAGIC
from archive_tools.core.vocabulary import RejectReason
from pipeline.sources.darshan.library import COPY_AGAIN

NEWEST_FORMAT = "3.41"
WIDE_SINCE = "3.41"
ADDED = (("3.20", 4), ("3.41", 6))
"""Numbers that a format gave to a new module (H5D; PNETCDF_VAR): those from it on are one more."""
ZLIB, BZIP2, PLAIN = 0, 1, 2
"""How a header says that the regions are compressed."""
COMPRESSIONS = {ZLIB: "ZLIB", BZIP2: "BZIP2", PLAIN: "NONE"}
"""Their names, as `darshan-parser` prints them."""
NAMES, JOB = -1, -2
"""Numbers of the regions that are not modules: the file names; the job, its command line and mount
points.
"""
LOOKED_AT = 2**20
"""Bytes of a packed file that are unpacked at most to see what is in it."""
HEAD = 64
JOB_BYTES = 4096
"""The job with its command line and mount points, unpacked."""
TEXT_AT = {True: 1080, False: 1064}
"""Where the command line begins in it, by whether times have nanoseconds (since `WIDE_SINCE`)."""
MOST = 2**31
"""Bytes that a region may unpack to, half of the default of `log_memory_mb`."""
CHECKED_AT_ONCE = 2**14
"""Bytes of a region: what follows a stream of zlib is copied at its end, and a region may have as
many streams as the job had ranks.
"""


@dataclass(frozen=True)
class LogHeader:
    """What the header of a log says.

    Attributes
    ----------
    version : str
        Of the log format.
    order : str
        Byte order: "<" or ">".
    compression : int
        0 zlib, 1 bzip2, 2 none.
    regions : mapping of int to (int, int)
        By module number, `NAMES` and `JOB`: where its region begins and how many bytes it has.
        Only regions that are not empty. Modules have the numbers of format 3.41.
    versions : mapping of int to int
        By module number: the version of its records.
    size : int
        Bytes of the file.
    end : int
        Bytes of the header.
    """

    version: str
    order: str
    compression: int
    regions: Mapping[int, tuple[int, int]]
    versions: Mapping[int, int]
    size: int
    end: int = 0

    @property
    def cut(self) -> frozenset[int]:
        """The regions that end beyond the file."""
        return frozenset(
            number for number, (at, length) in self.regions.items() if at + length > self.size
        )

    @property
    def needed(self) -> int:
        """Bytes that the file must have."""
        return max(at + length for at, length in self.regions.values())

    def is_whole(self, file: BinaryIO, number: int) -> bool:
        """Whether a region of the file has the checksums that it should have.

        The library does not look at them where it has all records before the region's end.
        """
        if self.compression != ZLIB or number not in self.regions:
            return True
        try:
            for _ in self.pieces(file, number):
                pass
        except ValueError:
            return False
        return True

    def pieces(self, file: BinaryIO, number: int) -> Iterator[bytes]:
        """The content of a region, unpacked; a piece has at most `LOOKED_AT` bytes.

        Raises
        ------
        ValueError
            The region is not whole, or is compressed by something else than zlib.
        """
        at, left = self.regions[number]
        if self.compression not in (ZLIB, PLAIN):
            raise ValueError(f"compression {self.compression} is not unpacked here")
        stream = None
        file.seek(at)
        while left > 0 and (data := file.read(min(left, CHECKED_AT_ONCE))):
            left -= len(data)
            if self.compression == PLAIN:
                yield data
                continue
            while data:  # each rank that wrote to the region wrote a stream
                stream = stream or zlib.decompressobj()
                yield _inflated_by(stream, data)
                data = stream.unused_data if stream.eof else stream.unconsumed_tail
                stream = None if stream.eof else stream
        while stream and not stream.eof and (piece := _inflated_by(stream, b"")):
            yield piece
        if left > 0 or (stream and not stream.eof):
            raise ValueError("the region ends before its content does")


def content_of(
    file: BinaryIO, header: LogHeader, number: int, expansion: int, most: int = MOST
) -> bytearray:
    """A region of a file, unpacked.

    Raises
    ------
    ValueError
        The region is not whole, or unpacks to more than `expansion` times its bytes, or `most`.
    """
    if number in header.cut:
        raise ValueError("it ends beyond the file")
    content = bytearray()
    for piece in header.pieces(file, number):
        if len(content) + len(piece) > expansion * header.regions[number][1]:
            raise ValueError(f"it unpacks to more than {expansion} times its bytes")
        if len(content) + len(piece) > most:
            raise ValueError(f"it unpacks to more than {most:,} bytes")
        content += piece
    return content


def _inflated_by(stream: zlib._Decompress, data: bytes) -> bytes:
    try:
        return stream.decompress(data, LOOKED_AT)
    except zlib.error as error:
        raise ValueError(str(error)) from None


def header_of(path: Path) -> LogHeader | None:
    """The header of a log of Darshan 3; None where the file does not have a whole one."""
    with path.open("rb", buffering=0) as file:
        return header_in(file)


def header_in(file: BinaryIO) -> LogHeader | None:
    """As `header_of`, of a file that is open at its beginning."""
    data, size = file.read(2048), os.fstat(file.fileno()).st_size
    if data[8:16] not in LOG_MAGIC:
        return None
    version = _version(data)
    names, modules = (32, 64) if version >= WIDE_SINCE else (24, 16)
    order = "<" if data[8:16] == LOG_MAGIC[0] else ">"
    layout = struct.Struct(f"{order}{2 + 2 * modules}Q{modules}I")
    job = names + layout.size
    if len(data) < job:
        return None
    numbers = layout.unpack_from(data, names)
    begins, lengths = numbers[2 : 2 + 2 * modules : 2], numbers[3 : 3 + 2 * modules : 2]
    places = zip(begins, lengths, strict=True)
    found = {
        JOB: (job, max(0, _end_of_job(numbers, modules, size) - job)),
        NAMES: numbers[:2],
        **{_number(n, version): place for n, place in enumerate(places) if place[1]},
    }
    regions = {number: place for number, place in found.items() if place[1]}
    versions = {
        _number(n, version): one for n, one in enumerate(numbers[2 + 2 * modules :]) if lengths[n]
    }
    return LogHeader(version, order, data[16], regions, versions, size, job)


def _end_of_job(numbers: Sequence[int], modules: int, size: int) -> int:
    """Where the job's region ends: at the names; in a log without, at the first module."""
    return next((at for at in numbers[: 2 + 2 * modules : 2] if at), size)


def _number(number: int, version: str) -> int:
    """The number that a module of an older format has in format 3.41."""
    for since, added in ADDED:
        if version < since and number >= added:
            number += 1
    return number


def command_line(path: Path, header: LogHeader) -> str:
    """The command line of a log; bytes that are not UTF-8 as ``\\xNN``.

    The library has none where it was so long that it fills its region, and no mount point follows.
    """
    if header.compression == BZIP2 or JOB not in header.regions:
        return ""
    at, length = header.regions[JOB]
    with path.open("rb") as file:
        file.seek(at)
        data = file.read(min(length, LOOKED_AT))
    try:
        job = (
            zlib.decompressobj().decompress(data, JOB_BYTES) if header.compression == ZLIB else data
        )
    except zlib.error:
        return ""
    text = job[TEXT_AT[header.version >= WIDE_SINCE] : JOB_BYTES].partition(b"\0")[0]
    return text.partition(b"\n")[0].decode("utf-8", "backslashreplace")


def truncated(size: int, needed: int) -> str:
    """The sentence for a file that ends before the log does."""
    return RejectReason.TRUNCATED.sentence(f"it has {size:,} bytes of {needed:,}; {COPY_AGAIN}")


def why_refused(path: Path, name: str) -> str:
    """Why libdarshan-util does not open a file of a name, as the table of rejects has it."""
    with path.open("rb") as file:
        head, size = file.read(HEAD), os.fstat(file.fileno()).st_size
    if head[8:16] not in LOG_MAGIC:
        return _why_not_a_log(path, name, head)
    version = _version(head)
    if version.startswith(("1.", "2.")):
        return _old(version)
    if version > NEWEST_FORMAT:
        return newer(f"log format {version}")
    header = header_of(path)
    if header is None:
        return RejectReason.TRUNCATED.sentence(
            f"it has {size:,} bytes, less than a header; {COPY_AGAIN}"
        )
    if header.compression == BZIP2:
        return RejectReason.BZIP2.sentence(
            "this libdarshan-util reads zlib only;"
            " rewrite the log with darshan-convert of a Darshan that has bzip2"
        )
    if header.cut:
        return truncated(size, header.needed)
    return RejectReason.CORRUPT.sentence(f"the header cannot be read; {COPY_AGAIN}")


def newer(what: str) -> str:
    """The sentence for a log that a later Darshan wrote."""
    return RejectReason.NEWER.sentence(f"{what}; install a newer version of the package darshan")


def _version(head: bytes) -> str:
    text = head[:8].partition(b"\0")[0].decode("ascii", "replace")
    return text if re.fullmatch(r"\d\.\d\d", text) else ""


def _old(version: str) -> str:
    return RejectReason.OLD_FORMAT.sentence(
        f"version {version}; darshan-util 2.3 reads it, no Darshan 3 does"
    )


def _inflated(data: bytes) -> bytes:
    return zlib.decompressobj(31).decompress(data, HEAD)


def _expanded(data: bytes) -> bytes:
    return lzma.LZMADecompressor(memlimit=2**27).decompress(data, HEAD)


def _unknown(data: bytes) -> bytes:
    return b""


PACKED: dict[bytes, tuple[str, str, Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": ("gzip", "gunzip", _inflated),
    b"BZh": ("bzip2", "bunzip2", lambda data: bz2.BZ2Decompressor().decompress(data, HEAD)),
    b"\xfd7zXZ\0": ("xz", "unxz", _expanded),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd", _unknown),
}
"""How a packed file begins: what it is, the command that unpacks it, its first bytes unpacked."""


def _why_not_a_log(path: Path, name: str, head: bytes) -> str:
    """Of a file that does not begin as a log does."""
    for beginning, (form, command, unpacked) in PACKED.items():
        if head.startswith(beginning):
            with path.open("rb") as file:
                data = file.read(LOOKED_AT)
            try:
                inside = unpacked(data)
            except (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError):
                inside = b""
            version = _version(inside)
            if inside[8:16] in LOG_MAGIC and version.startswith(("1.", "2.")):
                return _old(version)
            return RejectReason.PACKED.sentence(f"unpack it with {command}", fact=form)
    if len(head) < 16 and _version(head):
        return RejectReason.TRUNCATED.sentence(
            f"it has {len(head)} bytes, less than a header; {COPY_AGAIN}"
        )
    if ".darshan" not in os.path.basename(name):
        return RejectReason.NOT_A_LOG.sentence()
    return RejectReason.MISNAMED.sentence("move it elsewhere, or give it another name")
