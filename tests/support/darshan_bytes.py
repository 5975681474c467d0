"""Takes a Darshan log apart and puts it together again, with regions and versions changed.

Of the layout of format 3.41, in little-endian byte order (darshan-log-format.h): a header of 1,328
bytes; the job with its command line and mount points; the names; a region a module.
"""

from __future__ import annotations

import bz2
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

MODULES = (
    "NULL", "POSIX", "MPI-IO", "H5F", "H5D", "PNETCDF_FILE", "PNETCDF_VAR", "BG/Q", "LUSTRE",
    "STDIO", "DXT_POSIX", "DXT_MPIIO", "MDHIM", "APXC", "APMPI", "HEATMAP", "DFS", "DAOS",
)  # fmt: skip
"""Modules by their numbers."""
NUMBERS = 64
HEADER = struct.Struct(f"<8sqB7xQ2Q{2 * NUMBERS}Q{NUMBERS}I")
JOB = 1080
"""Bytes of the job without its command line and mount points."""
ZLIB, BZIP2, PLAIN = 0, 1, 2
"""How regions are compressed."""
PACK: dict[int, Callable[[bytes], bytes]] = {ZLIB: zlib.compress, BZIP2: bz2.compress, PLAIN: bytes}


def opened(path: Path) -> io.BytesIO:
    """A file's bytes, as a file that needs no closing."""
    return io.BytesIO(path.read_bytes())


def _inflated(packed: bytes) -> bytes:
    """Of a region: a stream of zlib for each rank that wrote to it."""
    found = b""
    while packed:
        stream = zlib.decompressobj()
        found += stream.decompress(packed)
        if not stream.eof:
            raise ValueError(f"a stream of zlib ends after {len(found):,} bytes without its end")
        packed = stream.unused_data
    return found


UNPACK: dict[int, Callable[[bytes], bytes]] = {
    ZLIB: _inflated,
    BZIP2: bz2.decompress,
    PLAIN: bytes,
}


@dataclass(frozen=True)
class LogBytes:
    """The content of a log.

    Attributes
    ----------
    version : bytes
        Of the format.
    compression : int
    partial : int
        A bit a module.
    job : bytes
        The job as in its record, 1,080 bytes.
    text : bytes
        Command line, and a line for each mount point: its type, a tab, its path.
    names : bytes
        An id of 8 bytes and a text that ends with a zero byte, for each record.
    modules : dict of str to bytes
        Records.
    versions : dict of str to int
        Of the modules.
    raw : dict of str to bytes
        Regions of modules that are written as they are, in place of their compressed records.
    """

    version: bytes
    compression: int
    partial: int
    job: bytes
    text: bytes
    names: bytes
    modules: dict[str, bytes]
    versions: dict[str, int]
    raw: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path) -> LogBytes:
        """Take a log apart."""
        data = path.read_bytes()
        version, _, compression, partial, *numbers = HEADER.unpack_from(data)
        places = [(numbers[n], numbers[n + 1]) for n in range(0, 2 * NUMBERS + 2, 2)]
        unpack = UNPACK[compression]
        job = unpack(data[HEADER.size : places[0][0]])
        there = {MODULES[n]: place for n, place in enumerate(places[1:]) if place[1]}
        return cls(
            version.rstrip(b"\0"),
            compression,
            partial,
            job[:JOB],
            job[JOB:],
            unpack(data[places[0][0] : sum(places[0])]),
            {name: unpack(data[at : at + size]) for name, (at, size) in there.items()},
            {name: numbers[2 * NUMBERS + 2 + MODULES.index(name)] for name in there},
        )

    def region(self, module: str) -> bytes:
        """A module as it is in the file."""
        return self.raw.get(module, PACK[self.compression](self.modules[module]))

    def with_version(self, module: str, version: int) -> LogBytes:
        """The same log with another version of a module."""
        return replace(self, versions={**self.versions, module: version})

    def with_flipped_bit(self, module: str) -> LogBytes:
        """The same log with a damaged bit in the middle of a module's region."""
        region = bytearray(self.region(module))
        region[len(region) // 2] ^= 1
        return replace(self, raw={**self.raw, module: bytes(region)})

    def content(self) -> bytes:
        """The log put together."""
        pack = PACK[self.compression]
        job = pack(self.job + self.text)
        regions = [pack(self.names) if self.names else b""]
        places = [(HEADER.size + len(job), len(regions[0]))] + [(0, 0)] * NUMBERS
        for name in sorted(self.modules, key=MODULES.index):
            at = HEADER.size + len(job) + sum(map(len, regions))
            regions.append(self.region(name))
            places[1 + MODULES.index(name)] = at, len(regions[-1])
        versions = [0] * NUMBERS
        for name, number in self.versions.items():
            versions[MODULES.index(name)] = number
        numbers = [number for place in places for number in place]
        head = HEADER.pack(self.version, MAGIC, self.compression, self.partial, *numbers, *versions)
        return head + job + b"".join(regions)


MAGIC = 6567223
