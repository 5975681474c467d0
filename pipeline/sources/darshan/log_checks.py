"""Numbers inside a log, compared with what is there before libdarshan-util follows them."""

from __future__ import annotations

import struct
from pathlib import Path

from pipeline.sources.darshan.log_header import LogHeader

HEATMAP = 15
"""The number of the module in a log's header."""
HEAT_VERSION = 1
HEAT = "Qqdq16x"
"""Before the bins of a heat map: id, rank, width of a bin, bins, room for two pointers."""
CELL = 16
"""Bytes of a bin: written and read."""
MOST = 2**28
"""Bytes of heat maps in a log; 200 bins of 80,000 ranks have as many."""


def heat_maps_fit(path: Path, header: LogHeader) -> bool:
    """Whether each heat map of a log has as many bins as are there.

    The library reserves room for what a record says, and damages its memory where that is wrong.
    """
    if header.versions.get(HEATMAP) != HEAT_VERSION:
        return True  # it refuses other versions by their number
    content = bytearray()
    try:
        for piece in header.pieces(path, HEATMAP):
            content += piece
            if len(content) > MOST:
                return False
    except ValueError:
        return False
    head, at = struct.Struct(header.order + HEAT), 0
    while at < len(content):
        if len(content) - at < head.size:
            return False
        bins = head.unpack_from(content, at)[3]
        at += head.size
        if not 0 <= bins <= (len(content) - at) // CELL:
            return False
        at += CELL * bins
    return True
