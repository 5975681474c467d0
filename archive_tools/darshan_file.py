"""The tables of a `darshan.hdf5`: group ``darshan``, one subgroup a table, one dataset a column.

Every column is one-dimensional and stands on its table's dimension scale, so that xarray opens a table as a
Dataset. Strings are UTF-8. Numbers keep their missing values: -1 is "not available" in a counter, NaN is
"never happened" in a time stamp. Writer and reader stand side by side.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from pipeline.errors import FormatError
from pipeline.model import DarshanDay, Table

TABLES = ("logs", "mounts", "summaries", "rejects")
ROW = "row"


def write_tables(file: h5py.File, day: DarshanDay) -> None:
    """Add the tables of a day to an open TTS file."""
    for name in TABLES:
        table: Table = getattr(day, name)
        group = file.create_group(f"darshan/{name}")
        rows = len(next(iter(table.values())))
        scale = group.create_dataset(ROW, data=np.arange(rows, dtype=np.int64))
        scale.make_scale(ROW)
        for column, values in table.items():
            written = _write_column(group, column, values)
            written.dims[0].attach_scale(scale)


def _write_column(group: h5py.Group, name: str, values: npt.NDArray[Any]) -> h5py.Dataset:
    packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if len(values) else {}
    if values.dtype == object:
        return group.create_dataset(name, data=values, dtype=h5py.string_dtype("utf-8"), **packed)
    return group.create_dataset(name, data=values, **packed)


def read_tables(path: Path) -> dict[str, dict[str, npt.NDArray[Any]]]:
    """The tables of a file: name to columns; strings as str.

    Raises
    ------
    FormatError
        The file has no such tables.
    """
    with h5py.File(path, "r") as file:
        if "darshan" not in file:
            raise FormatError(f"{path} has no Darshan tables", expected="a group darshan, as the pipeline writes it")
        return {name: {column: _read_column(item) for column, item in file[f"darshan/{name}"].items() if column != ROW} for name in TABLES}


def _read_column(item: h5py.Dataset) -> npt.NDArray[Any]:
    if h5py.check_string_dtype(item.dtype):
        return np.array(item.asstr()[...], dtype=object)
    return np.asarray(item[...])
