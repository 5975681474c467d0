"""The tables of a `darshan.hdf5`: group ``darshan``, one subgroup a table, one dataset a column.

Every column is one-dimensional and is on its table's dimension scale, so that xarray opens a
table as a Dataset. Strings are UTF-8. Numbers keep their missing values: -1 is "not available" in a
counter, NaN is "never happened" in a time stamp. Writer and reader are side by side; both work
piece by piece, so that a day of a million logs takes no more memory than one of a thousand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Int64, Table
from archive_tools.core.errors import FormatError, NotFound
from archive_tools.formats.series_file import damage_named

TABLES = ("logs", "mounts", "summaries", "rejects", "stripes")
ROW = "row"
CHUNK_ROWS = 4096
PIECE_ROWS = 20_000
"""Rows that are read at a time."""


class TableWriter:
    """Adds rows to the tables of an open TTS file, some thousand at a time."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._rows: dict[str, int] = {}
        self._waiting: dict[str, list[Table]] = {}

    def append(self, name: str, table: Table) -> None:
        """Add rows to the table `name`; the first call says which columns it has."""
        waiting = self._waiting.setdefault(name, [])
        waiting.append(table)
        if sum(_rows_of(one) for one in waiting) >= CHUNK_ROWS:
            self._write(name)

    def _write(self, name: str) -> None:
        """Write the rows of a table that wait for it."""
        if not (waiting := self._waiting.pop(name, [])):
            return
        group = self._file.require_group(f"darshan/{name}")
        at = self._rows.get(name, 0)
        size = sum(map(_rows_of, waiting))
        for column, values in waiting[0].items():
            target = group[column] if column in group else _new_column(group, column, values.dtype)
            if size:
                target.resize((at + size,))
                target[at:] = np.concatenate([one[column] for one in waiting])
        self._rows[name] = at + size

    def renumber(self, name: str, column: str, numbers: Int64) -> None:
        """Replace the values of a column: `numbers` by the old value."""
        self._write(name)
        target = self._file[f"darshan/{name}/{column}"]
        if len(target):
            target[...] = numbers[target[...]]

    def close(self) -> None:
        """Write what waits, and put every table on its dimension scale."""
        for name in list(self._waiting):
            self._write(name)
        for name, rows in self._rows.items():
            group = self._file[f"darshan/{name}"]
            columns = list(group.values())
            scale = group.create_dataset(ROW, data=np.arange(rows, dtype=np.int64))
            scale.make_scale(ROW)
            for column in columns:
                column.dims[0].attach_scale(scale)


def _rows_of(table: Table) -> int:
    return len(next(iter(table.values())))


def _new_column(group: h5py.Group, name: str, dtype: np.dtype[Any]) -> h5py.Dataset:
    stored = h5py.string_dtype("utf-8") if dtype.kind == "O" else dtype
    return group.create_dataset(
        name,
        shape=(0,),
        maxshape=(None,),
        dtype=stored,
        chunks=(CHUNK_ROWS,),
        compression="gzip",
        compression_opts=1,
        shuffle=True,
    )


def read_pieces(
    path: Path, name: str, columns: Collection[str] = ()
) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """The rows of a table, some at a time; strings as str. At least one piece, which may have no
    rows.

    Parameters
    ----------
    path : pathlib.Path
    name : str
    columns : collection of str
        Those that are read, as far as the table has them; default: all.

    Raises
    ------
    NotFound
        There is no such file.
    FormatError
        It is not HDF5 file, or has no such table.
    """
    if not path.is_file():
        raise NotFound(f"no file {path}")
    try:
        opened = h5py.File(path, "r")
    except OSError as error:
        raise FormatError(f"{path} cannot be read as HDF5: {error}") from error
    with opened as file, damage_named(path):
        if f"darshan/{name}" not in file:
            raise FormatError(
                f"{path} has no table {name}", expected="a group darshan, as the pipeline writes it"
            )
        group = file[f"darshan/{name}"]
        wanted = [one for one in group if one != ROW and (not columns or one in columns)]
        for first in range(0, max(1, len(group[ROW])), PIECE_ROWS):
            rows = slice(first, first + PIECE_ROWS)
            yield {column: _values(group[column], rows) for column in wanted}


def read_table(path: Path, name: str, columns: Collection[str] = ()) -> dict[str, npt.NDArray[Any]]:
    """All rows of a table; see `read_pieces`."""
    pieces = list(read_pieces(path, name, columns))
    return {column: np.concatenate([piece[column] for piece in pieces]) for column in pieces[0]}


def _values(item: h5py.Dataset, rows: slice) -> npt.NDArray[Any]:
    if h5py.check_string_dtype(item.dtype):
        return np.array(item.asstr()[rows], dtype=object)
    return np.asarray(item[rows])
