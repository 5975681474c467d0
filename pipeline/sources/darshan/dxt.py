"""Traces of DXT, read without libdarshan-util: a layout for each version of the modules.

The installed library may not know the version: from 2 (POSIX) and 3 (MPI-IO) on, a segment also has
the number of its thread. Versions that are not known are refused. Counts are compared with what
the region holds before anything is done by them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from archive_tools.core.errors import SourceError
from pipeline.sources.darshan.library import damaged
from pipeline.sources.darshan.log_header import MOST, LogHeader, content_of, newer

NUMBERS = {"DXT_POSIX": 10, "DXT_MPIIO": 11}
"""The modules, and their numbers in a log's header."""
SEGMENT_BYTES = {"DXT_POSIX": {1: 32, 2: 40}, "DXT_MPIIO": {1: 32, 2: 32, 3: 40}}
"""Bytes of a segment by module and version."""
WITHOUT_OFFSETS = ("DXT_MPIIO", 1)
"""The version that does not report offsets: they are -1, as libdarshan-util has them."""
RECORD = "Qqq64sqq"
"""What is before the segments of a record: file id, rank, whether it is shared, host, how many
segments are writes, how many are reads.
"""
TRACE = (("offset", "i8"), ("length", "i8"), ("begin", "f8"), ("end", "f8"))
SEGMENT = np.dtype(
    [("id", "<u8"), ("write", "?"), *((name, f"<{kind}") for name, kind in TRACE)],
)
EXPANSION = 256
"""Bytes that a byte of a compressed region may hold; real traces hold up to 5."""


def traced_segments(
    file: BinaryIO, header: LogHeader, module: str, most: int = MOST
) -> npt.NDArray[Any]:
    """Segments of a module of a log, writes before reads in each record.

    Parameters
    ----------
    file : binary file
    header : LogHeader
        Of this file.
    module : str
        One of `NUMBERS`, which the log has.
    most : int
        Bytes that the module may unpack to.

    Returns
    -------
    structured array (segments,)
        Of `SEGMENT`: file id, write, offset and length (bytes), begin and end (s since the job's
        start).

    Raises
    ------
    SourceError
        The module is damaged, or of a version that is not known.
    """
    version = header.versions[NUMBERS[module]]
    size = SEGMENT_BYTES[module].get(version)
    if size is None:
        raise SourceError(newer(f"module {module} version {version}"))
    try:
        content = content_of(file, header, NUMBERS[module], EXPANSION, most)
    except ValueError as error:
        raise damaged(f"module {module}: {error}") from None
    records = list(_records(content, header.order, size, module))
    found = np.empty(sum(writes + reads for _, writes, reads, _ in records), SEGMENT)
    names, kinds = zip(*TRACE, strict=True)
    layout = np.dtype(
        {
            "names": names,
            "formats": [header.order + kind for kind in kinds],
            "offsets": [0, 8, 16, 24],
            "itemsize": size,
        }
    )
    first = 0
    for number, writes, reads, at in records:
        trace = np.frombuffer(content, layout, writes + reads, at)
        part = found[first : first + len(trace)]
        part["id"] = number
        part["write"][:writes] = True
        part["write"][writes:] = False
        for name in names:
            part[name] = trace[name]
        first += len(trace)
    if (module, version) == WITHOUT_OFFSETS:
        found["offset"] = -1
    return found


def _records(
    content: bytearray, order: str, size: int, module: str
) -> Iterator[tuple[int, int, int, int]]:
    """Each record's file id, writes, reads, and where its segments begin."""
    head = struct.Struct(order + RECORD)
    at = 0
    while at < len(content):
        if len(content) - at < head.size:
            raise damaged(f"module {module} ends in the middle of a record")
        file, _, _, _, writes, reads = head.unpack_from(content, at)
        at += head.size
        if writes < 0 or reads < 0:
            raise damaged(f"module {module} has a negative number of segments")
        if (writes + reads) * size > len(content) - at:
            raise damaged(f"module {module} has fewer segments than a record says")
        yield file, writes, reads, at
        at += (writes + reads) * size
