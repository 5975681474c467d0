"""What the rows of a dataset come to, kept beside them in their file, as attributes.

Kept figures are used only while they are those of the data: a checksum covers them, the packed
chunks as they are on disk, and what says how these are read. Where it does not fit, or where there
are none, as in files of earlier versions, the data are read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import h5py
import numpy as np
from isal import isal_zlib

from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.errors import TokioError
from archive_tools.formats.encoding import ATTRIBUTE_LIMIT, text_of
from archive_tools.formats.identity import DAMAGE, Identity
from archive_tools.formats.row_blocks import Chunks

RULE = 1
"""How figures are made of cells, as a number: those of another rule are not used."""
CHECK = "summary_check"
TYPES = {
    "summary_measured": "<i8",
    "summary_totals": "<f8",
    "summary_peaks": "<f8",
    "summary_peak_rows": "<i8",
}
NAMES = frozenset({*TYPES, CHECK})
"""The attributes of a dataset."""


class Kept(NamedTuple):
    """What all rows of a dataset come to: arrays (columns + 1,), the last of all columns together.

    Attributes
    ----------
    measured : int64
        Cells that were measured.
    totals : float64
        Their sums.
    peaks : float64
        See `archive_tools.reading.summary`.
    peak_rows : int64
        The first row that has the peak.
    """

    measured: Int64
    totals: Float64
    peaks: Float64
    peak_rows: Int64


@dataclass(frozen=True)
class KeptSummary:
    """What a file says that its rows come to, and how to find out whether it is so.

    Attributes
    ----------
    identity : Identity
        Of the file.
    chunks : Chunks
    meaning : bytes
        See `meaning_of`.
    check : int
    figures : Kept
    """

    identity: Identity
    chunks: Chunks
    meaning: bytes
    check: int
    figures: Kept

    def load(self) -> Kept | None:
        """The figures; None where they are not those of the data."""
        try:
            handle = self.identity.open()
        except TokioError:
            return None
        try:
            packed = (
                (band * self.chunks.shape[0], os.pread(handle, size, offset))
                for (band, _), (offset, size) in sorted(self.chunks.places.items())
            )
            found = checksum(self.meaning, packed, self.figures)
        except DAMAGE:
            return None
        finally:
            os.close(handle)
        return self.figures if found == self.check else None


def meaning_of(kind: str, item: h5py.Dataset) -> bytes:
    """What makes figures of stored bytes: kind, unit, shape, chunks and filters of a dataset, and
    how missing cells are stored.
    """
    parts = (
        kind,
        text_of(item.attrs.get("units", "")),
        text_of(item.file.attrs.get("missing", "")),
        item.shape,
        item.chunks,
        item.compression,
        item.shuffle,
    )
    return repr(parts).encode()


def checksum(meaning: bytes, chunks: Iterable[tuple[int, bytes]], figures: Kept) -> int:
    """CRC-32 of what figures are of, and of the figures.

    Parameters
    ----------
    meaning : bytes
    chunks : iterable of (int, bytes)
        First rows and packed bytes of the chunks that are stored, in the order of the rows.
    figures : Kept
    """
    found = isal_zlib.crc32(meaning)
    for first, packed in chunks:
        found = isal_zlib.crc32(packed, isal_zlib.crc32(b"%d:%d" % (first, len(packed)), found))
    for array, form in zip(figures, TYPES.values(), strict=True):
        found = isal_zlib.crc32(np.ascontiguousarray(array, form).tobytes(), found)
    return int(found)


def write(item: h5py.Dataset, figures: Kept, check: int) -> None:
    """Keep figures with their dataset; not where they are too many for an attribute."""
    if figures.totals.nbytes > ATTRIBUTE_LIMIT:
        return
    for (name, form), array in zip(TYPES.items(), figures, strict=True):
        item.attrs[name] = array.astype(form)
    item.attrs[CHECK] = np.array([RULE, check], "<i8")


def read(identity: Identity, item: h5py.Dataset, kind: str) -> KeptSummary | None:
    """What is kept of a dataset; None where there is nothing, or of another rule."""
    try:
        said = item.attrs.get(CHECK)
        if said is None or len(said) != 2 or said[0] != RULE:
            return None
        figures = Kept(*(np.asarray(item.attrs[name]) for name in TYPES))
        forms = [(one.shape, one.dtype) for one in figures]
        if forms != [((item.shape[1] + 1,), np.dtype(form)) for form in TYPES.values()]:
            return None
        chunks = Chunks.of(item)
        if chunks is None or chunks.shape[1] != item.shape[1]:
            return None
        return KeptSummary(identity, chunks, meaning_of(kind, item), int(said[1]), figures)
    except DAMAGE:
        return None
