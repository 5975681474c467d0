"""Writing a TTS file: version 1 as existing readers expect it, with dimension scales and CF
attributes.

`docs/format.md` is the description. Chunks are one hour by all columns, shuffled and deflated:
filters that every HDF5 reader has. The deflating is done here, chunk by chunk on all cores (igzip,
zlib's format), and the chunks are handed to HDF5 as they are, at the latest with the next dataset,
which may be made meanwhile; a chunk in which everything is missing is not stored at all. The bytes
of a file depend on its content alone: no clock, no host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import h5py
import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from archive_tools.core.arrays import Float64
from archive_tools.core.day import Day
from archive_tools.core.errors import FormatError
from archive_tools.core.grid import Grid
from archive_tools.core.threads import cores
from archive_tools.formats import encoding, kept_summary
from archive_tools.formats.hdf5_output import Output
from archive_tools.schemas import SCHEMA_VERSION, Dataset

CHUNK_SECONDS = 3600
DEFLATE_LEVEL = 1
Summarise = Callable[[Float64, int, str], kept_summary.Kept | None]
TIME_UNITS = "seconds since 1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class EarlierRows:
    """The first rows of a dataset, as another file of the same day has them: whole chunks.

    Attributes
    ----------
    dataset : h5py.Dataset
    rows : int
    measured : int
        How many of their cells are measured.
    """

    dataset: h5py.Dataset
    rows: int
    measured: int


def chunk_rows(timestep: int, rows: int) -> int:
    """Rows of a chunk, in a day of so many rows."""
    return min(max(1, CHUNK_SECONDS // timestep), rows)


class TtsWriter:
    """Writes one day of one instance; use as a context manager.

    Parameters
    ----------
    path : pathlib.Path
        New file; an existing one is overwritten (see `archive_tools.store.files.replacing`).
    day : Day
        Gives the root attributes ``start``, ``end`` and ``timezone``.
    missing : {'nan', 'negative_zero'}
        How missing cells are stored.
    attributes : mapping of str to str or int, optional
        Further root attributes.
    summarise : callable, optional
        Is given values, the rows of a chunk and a kind; what it gives is kept with the dataset
        (`archive_tools.reading.day_summary.day_summary`). Default: nothing is kept.

    Attributes
    ----------
    columns : dict of str to int
        Components of each dataset written so far.
    """

    def __init__(
        self,
        path: Path,
        day: Day,
        *,
        missing: encoding.Missing = "nan",
        attributes: Mapping[str, str | int] | None = None,
        summarise: Summarise | None = None,
    ) -> None:
        self._path = path
        self._summarise = summarise
        self._missing = missing
        self._pool = ThreadPoolExecutor(cores(), thread_name_prefix="deflate")
        self._output = Output(path)
        self._file = h5py.File(self._output, "w")
        self._components: dict[tuple[str, tuple[str, ...]], str] = {}
        self._dense = False
        self._measured: dict[str, int] = {}
        self._coming: _Coming | None = None
        self.columns: dict[str, int] = {}
        root = self._file.attrs
        root["version"] = SCHEMA_VERSION
        root["start"] = np.int64(day.start)
        root["end"] = np.int64(day.end)
        root["timezone"] = day.timezone
        root["date"] = str(day)
        root["missing"] = missing
        root["Conventions"] = "CF-1.8"
        for key, value in (attributes or {}).items():
            root[key] = value

    def __enter__(self) -> TtsWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._pool.shutdown(cancel_futures=True)
            self._file.close()
            self._output.close()
        if kind is None:
            self._output.check()

    @property
    def file(self) -> h5py.File:
        """The open file, for tables beside the series."""
        self._finish()
        return self._file

    @property
    def measured(self) -> Mapping[str, int]:
        """Of each dataset written so far: measured cells."""
        self._finish()
        return self._measured

    def write(
        self,
        grid: Grid,
        dataset: Dataset,
        *,
        source: str,
        updated: int,
        largest: float | None = None,
        earlier: EarlierRows | None = None,
    ) -> None:
        """Add one dataset.

        Parameters
        ----------
        grid : Grid
            Its values must stay as they are.
        dataset : Dataset
            Unit, kind and reducers, kept as attributes.
        source : str
            Kind of source, the group's attribute ``source``.
        updated : int
            Epoch second of the newest input: the attribute ``updated``.
        largest : float, optional
            The site's own limit of what a component can have, of amounts in a second: the attribute
            ``largest``, which is there only then.
        earlier : EarlierRows, optional
            The rows before those of `grid`, of the same columns: their chunks are copied.

        Raises
        ------
        FormatError
            The dataset is there already.
        OSError
            The file cannot be written, such as for want of space.
        """
        self._finish()
        if grid.dataset in self._file:
            raise FormatError(
                f"{self._path}: dataset {grid.dataset} is there already",
                hint="give each dataset once",
            )
        names = encoding.encode_names(grid.columns)
        if names.nbytes > encoding.ATTRIBUTE_LIMIT and not self._dense:
            self._allow_dense_attributes()
        group = self._file.require_group(dataset.group)
        group.attrs["source"] = source
        first = earlier.rows if earlier else 0
        rows = first + len(grid.values)
        per_chunk = chunk_rows(grid.timestep, rows)
        target = self._file.create_dataset(
            grid.dataset,
            shape=(rows, len(grid.columns)),
            dtype="<f8",
            chunks=(per_chunk, max(1, len(grid.columns))),
            maxshape=None,
            compression="gzip",
            compression_opts=DEFLATE_LEVEL,
            shuffle=True,
            fillvalue=encoding.FILL[self._missing],
        )
        attributes = {
            "columns": names,
            "units": dataset.unit,
            "version": SCHEMA_VERSION,
            "updated": np.int64(updated),
            "kind": dataset.kind,
            "time_reducer": dataset.time,
            "column_reducer": dataset.columns,
            "long_name": dataset.doc,
        }
        for key, value in attributes.items():
            target.attrs[key] = value
        if largest is not None:
            target.attrs["largest"] = float(largest)
        timestamps = self._timestamps(grid, dataset.group, first)
        if timestamps.name != f"/{dataset.group}/timestamps":
            target.attrs["timestamps"] = timestamps.name
        target.dims[0].attach_scale(timestamps)
        target.dims[1].attach_scale(self._component(grid, dataset))
        self.columns[grid.dataset] = len(grid.columns)
        self._coming = self._started(target, grid.values, per_chunk, dataset.kind, earlier)

    def _allow_dense_attributes(self) -> None:
        self._file.close()
        self._file = h5py.File(self._output, "r+", libver=("v108", "v110"))
        self._dense = True

    def _timestamps(self, grid: Grid, group: str, earlier: int) -> h5py.Dataset:
        """The group's time axis; a second timestep in one group has an axis of its own."""
        rows = earlier + len(grid.values)
        for name in ("timestamps", f"timestamps_{grid.timestep}s"):
            full = f"/{group}/{name}"
            if full not in self._file:
                axis = self._file.create_dataset(
                    full,
                    data=grid.start + np.arange(-earlier, rows - earlier) * grid.timestep,
                    compression="gzip",
                    compression_opts=DEFLATE_LEVEL,
                    shuffle=True,
                )
                axis.attrs["units"] = TIME_UNITS
                axis.attrs["standard_name"] = "time"
                axis.attrs["timestep"] = np.int64(grid.timestep)
                axis.make_scale(name)
                return axis
            axis = self._file[full]
            if axis.attrs["timestep"] == grid.timestep and len(axis) == rows:
                return axis
        raise FormatError(
            f"{self._path}: {grid.dataset}: no time axis of {grid.timestep} s and"
            f" {rows} rows in {group}"
        )

    def _component(self, grid: Grid, dataset: Dataset) -> h5py.Dataset:
        """The scale that names the columns; datasets with the same columns share it."""
        name = self._components.get((dataset.group, grid.columns))
        if name is None:
            short = (
                "component"
                if f"{dataset.group}/component" not in self._file
                else f"component_{grid.dataset.rpartition('/')[2]}"
            )
            name = self._components[dataset.group, grid.columns] = f"/{dataset.group}/{short}"
            scale = self._file.create_dataset(
                name, shape=(len(grid.columns),), dtype=h5py.string_dtype("utf-8")
            )
            scale[...] = list(grid.columns)
            scale.make_scale(short)
        return self._file[name]

    def _started(
        self,
        target: h5py.Dataset,
        values: Float64,
        per_chunk: int,
        kind: str,
        earlier: EarlierRows | None,
    ) -> _Coming:
        """The chunks, as they come from all cores, and what the rows come to."""

        def deflated(first: int) -> _Chunk:
            block = values[first : first + per_chunk]
            count = block.size - int(np.count_nonzero(np.isnan(block)))
            if not count:
                return _Chunk(first, 0, b"")
            stored = encoding.encode_missing(block, self._missing)
            if len(stored) < per_chunk:
                padding = np.full(
                    (per_chunk - len(stored), stored.shape[1]), encoding.FILL[self._missing]
                )
                stored = np.concatenate([stored, padding])
            return _Chunk(first, count, isal_zlib.compress(shuffled(stored), DEFLATE_LEVEL))

        if earlier:
            _copy_chunks(earlier, target)
        chunks = [self._pool.submit(deflated, first) for first in range(0, len(values), per_chunk)]
        summary = None
        if self._summarise and not earlier:
            summary = self._pool.submit(self._summarise, values, per_chunk, kind)
        return _Coming(target, kind, earlier, chunks, summary)

    def _finish(self) -> None:
        """Hand the chunks of the last dataset to HDF5, in order, and what its rows come to."""
        if self._coming is None:
            return
        (target, kind, earlier, coming, summary), self._coming = self._coming, None
        name = target.name.removeprefix("/")
        self._measured[name] = earlier.measured if earlier else 0
        stored: list[tuple[int, bytes]] = []
        before = earlier.rows if earlier else 0
        while coming:
            chunk = coming.pop(0).result()
            if chunk.measured:
                target.id.write_direct_chunk((before + chunk.first, 0), chunk.data)
                self._measured[name] += chunk.measured
                stored.append((chunk.first, chunk.data))
        if summary and (kept := summary.result()):
            meaning = kept_summary.meaning_of(kind, target)
            kept_summary.write(target, kept, kept_summary.checksum(meaning, stored, kept))
        self._output.check()


class _Chunk(NamedTuple):
    """A chunk as it is stored: its first row, and how many of its cells are measured; one without
    any is not stored.
    """

    first: int
    measured: int
    data: bytes


class _Coming(NamedTuple):
    """A dataset whose chunks and summary are being made."""

    target: h5py.Dataset
    kind: str
    earlier: EarlierRows | None
    chunks: list[Future[_Chunk]]
    summary: Future[kept_summary.Kept | None] | None


def _copy_chunks(earlier: EarlierRows, target: h5py.Dataset) -> None:
    """Copy chunks as they are, deflated.

    Raises
    ------
    FormatError
        The datasets have other chunks.
    """
    source = earlier.dataset
    if source.chunks != target.chunks or earlier.rows % target.chunks[0]:
        raise FormatError(f"{source.file.filename}: {source.name} has other chunks")
    for first in range(0, earlier.rows, target.chunks[0]):
        if source.id.get_chunk_info_by_coord((first, 0)).size:
            mask, data = source.id.read_direct_chunk((first, 0))
            target.id.write_direct_chunk((first, 0), data, mask)


def shuffled(block: Float64) -> npt.NDArray[np.uint8]:
    """HDF5's shuffle filter on 8-byte values: all first bytes, then all second bytes, ..."""
    values = np.ascontiguousarray(block, dtype="<f8").view(np.uint8).reshape(-1, 8)
    planes = np.empty((8, len(values)), np.uint8)
    for byte, plane in enumerate(planes):  # three times as fast as a transposed copy
        plane[:] = values[:, byte]
    return planes
