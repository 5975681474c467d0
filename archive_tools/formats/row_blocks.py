"""Rows of a stored dataset, cut into blocks that can be loaded anywhere: in a thread, later, in
another process.

A block knows its file and where in it its chunks are. `ChunkBlock` reads chunks as they are on
disk, inflates them (igzip) and puts the bytes in order: none of it holds the interpreter or HDF5's
lock. `PlainBlock` has h5py do it; it serves every layout and is the reference that the other is
tested against.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import deflate
import h5py
import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64
from archive_tools.core.errors import MEND, FormatError, NotFound, TokioError
from archive_tools.formats import encoding
from archive_tools.formats.identity import DAMAGE, Identity

Chosen = npt.NDArray[np.intp] | None
"""Numbers of the columns that are wanted; None is all of them."""
SHUFFLE, DEFLATE = h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE
LAYOUTS = ((), (DEFLATE,), (SHUFFLE, DEFLATE))
"""Filters of the chunks that are read directly."""
SMALL = 1024
"""Bytes that a packed chunk may have more than twice its content: no deflate makes so many."""
BLOCK_BYTES = 8 << 20
"""A block of about this size, uncompressed: few enough calls, many enough blocks for all cores."""


@dataclass(frozen=True)
class Decoding:
    """What turns stored values into those of the base unit: times `factor`, divided by `divisor`,
    NaN for missing.

    Attributes
    ----------
    negative_zero : bool
        -0.0 means missing, too.
    """

    factor: float = 1.0
    divisor: float = 1.0
    negative_zero: bool = True

    def apply(self, values: Float64) -> None:
        """Decode in place."""
        if self.negative_zero:
            encoding.decode_missing(values)
        with np.errstate(over="ignore"):  # a damaged value becomes infinite
            if self.factor != 1.0:
                values *= self.factor
            if self.divisor != 1.0:
                values /= self.divisor


class RowBlock(Protocol):
    """Rows ``first`` up to ``last`` of a dataset."""

    @property
    def first(self) -> int: ...

    @property
    def last(self) -> int: ...

    @property
    def width(self) -> int:
        """How many columns `load` gives."""

    def between(self, first: int, last: int) -> RowBlock:
        """Those of its rows that are in ``first`` up to ``last``."""

    def unheld(self) -> RowBlock:
        """The same rows, for later: the file does not stay open, and must not be replaced."""

    def load(self, out: Float64 | None = None) -> Float64:
        """The values: float64 (last - first, width), base unit, NaN where missing; written to `out`
        if given (C-contiguous).
        """


@dataclass(frozen=True)
class PlainBlock:
    """Rows that h5py reads."""

    identity: Identity
    dataset: str
    first: int
    last: int
    width: int
    chosen: Chosen
    decoding: Decoding

    def between(self, first: int, last: int) -> PlainBlock:
        """See `RowBlock`."""
        return dataclasses.replace(self, first=max(self.first, first), last=min(self.last, last))

    def unheld(self) -> PlainBlock:
        """See `RowBlock`."""
        return dataclasses.replace(self, identity=self.identity.unheld())

    def load(self, out: Float64 | None = None) -> Float64:
        with self.identity.opened(self.dataset) as file:
            stored = np.asarray(file[self.dataset][self.first : self.last], dtype=np.float64)
        values = stored if self.chosen is None else stored[:, self.chosen]
        target = np.ascontiguousarray(values) if out is None else out
        if out is not None:
            out[...] = values
        self.decoding.apply(target)
        return target


@dataclass(frozen=True)
class Chunks:
    """How a dataset's chunks are in its file.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns of a chunk.
    columns : int
        Of the dataset.
    filters : tuple of int
    places : mapping of (int, int) to (int, int)
        Chunk number by row and column to its place in the file: offset, bytes. A chunk that is not
        there has the fill value.
    fill : float
    """

    shape: tuple[int, int]
    columns: int
    filters: tuple[int, ...]
    places: Mapping[tuple[int, int], tuple[int, int]]
    fill: float

    @classmethod
    def of(cls, item: h5py.Dataset) -> Chunks | None:
        """Of a dataset; None if its layout is not one that is read directly."""
        if (
            item.chunks is None
            or item.ndim != 2
            or item.dtype != np.dtype("<f8")
            or item.file.userblock_size
            or not hasattr(item.id, "chunk_iter")
        ):
            return None
        created = item.id.get_create_plist()
        filters = tuple(created.get_filter(n)[0] for n in range(created.get_nfilters()))
        if filters not in LAYOUTS:
            return None
        rows, columns = item.chunks
        found: list[h5py.h5d.StoreInfo] = []
        item.id.chunk_iter(found.append)
        if any(chunk.filter_mask for chunk in found):
            return None
        places = {
            (c.chunk_offset[0] // rows, c.chunk_offset[1] // columns): (c.byte_offset, c.size)
            for c in found
        }
        return cls((rows, columns), item.shape[1], filters, places, float(item.fillvalue))

    def block(self, handle: int, place: tuple[int, int]) -> npt.NDArray[np.uint8]:
        """The bytes of a chunk: uint8 (8, rows, columns), byte by byte of the values, lowest
        first.
        """
        offset, size = place
        whole = 8 * self.shape[0] * self.shape[1]
        if size > 2 * whole + SMALL:
            raise ValueError(f"a chunk of {size} bytes that unpacks to {whole}")
        data: bytes | bytearray = os.pread(handle, size, offset)
        if DEFLATE in self.filters:
            data = deflate.zlib_decompress(data, whole)
        if len(data) != whole:
            raise ValueError(f"a chunk of {len(data)} bytes instead of {whole}")
        numbers = np.frombuffer(data, np.uint8)
        if SHUFFLE in self.filters:
            return numbers.reshape(8, *self.shape)
        return np.moveaxis(numbers.reshape(*self.shape, 8), 2, 0)


@dataclass(frozen=True)
class ChunkBlock:
    """Rows whose chunks are read as they are on disk."""

    identity: Identity
    dataset: str
    first: int
    last: int
    width: int
    chosen: Chosen
    decoding: Decoding
    chunks: Chunks

    def between(self, first: int, last: int) -> ChunkBlock:
        """See `RowBlock`."""
        return dataclasses.replace(self, first=max(self.first, first), last=min(self.last, last))

    def unheld(self) -> ChunkBlock:
        """See `RowBlock`."""
        return dataclasses.replace(self, identity=self.identity.unheld())

    def load(self, out: Float64 | None = None) -> Float64:
        target = np.empty((self.last - self.first, self.width)) if out is None else out
        handle = self.identity.open()
        try:
            for band in range(
                self.first // self.chunks.shape[0], -(-self.last // self.chunks.shape[0])
            ):
                self._band(handle, band, target)
        except TokioError:
            raise
        except (*DAMAGE, deflate.DeflateError) as error:
            raise FormatError(
                f"{self.identity.path}: {self.dataset} is damaged: {error}",
                hint=MEND,
            ) from error
        finally:
            os.close(handle)
        self.decoding.apply(target)
        return target

    def _band(self, handle: int, band: int, target: Float64) -> None:
        """Put the chunks of one band of rows where they belong."""
        height, across = self.chunks.shape
        low, high = max(self.first, band * height), min(self.last, (band + 1) * height)
        rows = target[low - self.first : high - self.first]
        as_bytes = rows.view(np.uint8).reshape(*rows.shape, 8)
        for tile, (inside, outside) in enumerate(_tiles(self.chosen, self.chunks.columns, across)):
            place = self.chunks.places.get((band, tile))
            if inside is None:
                continue
            if place is None:
                rows[:, outside] = self.chunks.fill
                continue
            planes = self.chunks.block(handle, place)[:, low - band * height : high - band * height]
            for byte in range(8):
                as_bytes[:, outside, byte] = planes[byte][:, inside]


Place = slice | npt.NDArray[np.intp]


def _tiles(chosen: Chosen, columns: int, across: int) -> Iterator[tuple[Place | None, Place]]:
    """For each chunk of a band: which of its columns are wanted (None: none), and where they go."""
    for first in range(0, columns, across):
        last = min(first + across, columns)
        if chosen is None:
            yield slice(0, last - first), slice(first, last)
        else:
            outside = np.flatnonzero((chosen >= first) & (chosen < last))
            yield (chosen[outside] - first if len(outside) else None), outside


def cut(
    identity: Identity,
    item: h5py.Dataset,
    first: int,
    last: int,
    chosen: Chosen,
    decoding: Decoding,
    *,
    direct: bool,
    whole_chunks: int = 0,
) -> list[RowBlock]:
    """Cut the rows ``first`` up to ``last`` of a dataset into blocks.

    Parameters
    ----------
    identity : Identity
        Of the dataset's file.
    item : h5py.Dataset
    first, last : int
    chosen : integer (n,) or None
        The columns that are wanted, in that order.
    decoding : Decoding
    direct : bool
        Read chunks directly where the layout allows it.
    whole_chunks : int
        How many chunks of rows a block has; 0: as many as make it `BLOCK_BYTES`.
    """
    chunks = Chunks.of(item) if direct else None
    height = item.chunks[0] if item.chunks else max(1, min(len(item), 720))
    width = item.shape[1] if chosen is None else len(chosen)
    step = height * whole_chunks or rows_of_block(height, item.shape[1])
    edges = [first, *range(first - first % step + step, last, step), last] if last > first else []
    common = (width, chosen, decoding)
    if chunks is None:
        return [
            PlainBlock(identity, item.name, low, high, *common)
            for low, high in itertools.pairwise(edges)
        ]
    return [
        ChunkBlock(identity, item.name, low, high, *common, chunks)
        for low, high in itertools.pairwise(edges)
    ]


def rows_of_block(height: int, columns: int) -> int:
    """Rows of a block of whole chunks, of `height` rows by all columns."""
    return height * max(1, BLOCK_BYTES // (8 * height * max(1, columns)))


def matching(names: Sequence[str], wanted: Sequence[str]) -> Chosen:
    """Numbers of the columns `wanted`, in their order; None if they are all there is, in order."""
    if list(names) == list(wanted):
        return None
    place = {name: number for number, name in enumerate(names)}
    unknown = [name for name in wanted if name not in place]
    if unknown:
        raise NotFound(f"no component {', '.join(unknown)}", expected=", ".join(names))
    return np.array([place[name] for name in wanted], dtype=np.intp)
