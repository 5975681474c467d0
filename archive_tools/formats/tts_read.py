"""Reading a TTS file: ours, and version 1 as pytokio wrote it. `open_tts` opens any file of time
series.

Rates and amounts are two views of one dataset: the one that is not stored is derived with the
timestep.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from archive_tools import schemas
from archive_tools.core import quantities
from archive_tools.core.arrays import Int64
from archive_tools.core.errors import FormatError, NotFound
from archive_tools.formats import encoding, kept_summary, row_blocks
from archive_tools.formats.h5lmt_read import STEPS, H5lmt
from archive_tools.formats.identity import DAMAGE
from archive_tools.formats.series_file import SeriesFile, damage_named, names_damage

FACTORS = {unit: ("bytes", factor) for unit, factor in quantities.BYTES.items() if factor > 1} | {
    "kB": ("bytes", 1000.0),
    "MB": ("bytes", 1000.0**2),
}
"""Units of older files, and what brings them to the base unit."""
KEPT_UNITS = {"%"}
"""Units that a file may have in place of the catalogue's."""
LOOSE_UNITS = {"", "UNKNOWN", "bytes", "ops", "inodes", "1"}
"""What older files write, with or without a time, and which does not always fit the dataset: the
catalogue knows better.
"""


class Tts(SeriesFile):
    """One open TTS file; `open_tts` makes it."""

    def __init__(self, path: Path, file: h5py.File, *, direct: bool = True) -> None:
        super().__init__(path, file, direct=direct)
        self._places: dict[str, tuple[h5py.Dataset, float, int]] = {}
        self._axes: dict[str, Int64] = {}
        version = file.attrs.get("version")
        version = version.decode() if isinstance(version, bytes) else version
        if version != schemas.SCHEMA_VERSION:
            raise FormatError(
                f"{path} is not a TTS file",
                expected=f"root attribute version = {schemas.SCHEMA_VERSION!r}",
                got=repr(version),
            )

    @property
    @names_damage
    def start(self) -> int:
        return int(self._file.attrs["start"])

    @property
    @names_damage
    def end(self) -> int:
        return int(self._file.attrs["end"])

    @names_damage
    def datasets(self) -> list[str]:
        with damage_named(self.path):
            return sorted(
                f"{group}/{name}"
                for group, content in _items(self._file)
                if isinstance(content, h5py.Group)
                for name, item in _items(content)
                if isinstance(item, h5py.Dataset) and "columns" in item.attrs
            )

    def _stored(self, name: str) -> tuple[h5py.Dataset, float, int]:
        """The stored dataset behind `name`, and what its values are multiplied with and divided by;
        looked up once.
        """
        if name not in self._places:
            self._places[name] = self._looked_up(name)
            self._check(self._places[name][0])
        return self._places[name]

    def _check(self, item: h5py.Dataset) -> None:
        """Refuse a dataset whose shape is not that of its time stamps and names."""
        names, (_, stamps) = encoding.decode_names(item.attrs["columns"]), self._axis(item)
        if item.shape != (len(stamps), len(names)):
            expected = f"{len(stamps)} time stamps by {len(names)} columns"
            raise FormatError(
                f"{self.path}: {item.name} has another shape than its axes",
                expected=expected,
                got=str(item.shape),
            )
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise FormatError(f"{self.path}: {item.name} has two columns of one name", got=twice)

    def _looked_up(self, name: str) -> tuple[h5py.Dataset, float, int]:
        if name in self._file and "columns" in self._file[name].attrs:
            item = self._file[name]
            return item, FACTORS.get(self._unit(item), ("", 1.0))[1], 1
        amount = schemas.rates().get(name)
        if amount and amount.name in self._file:
            item, factor, _ = self._stored(amount.name)
            return item, factor, self.timestep(amount.name)
        known = schemas.catalogue().get(name)
        if known and known.rate and known.rate in self._file:
            return self._file[known.rate], float(self.timestep(known.rate)), 1
        raise self._absent(name)

    @staticmethod
    def _unit(item: h5py.Dataset) -> str:
        unit = item.attrs.get("units", "")
        return unit.decode() if isinstance(unit, bytes) else str(unit)

    @names_damage
    def units(self, name: str) -> str:
        item = self._stored(name)[0]
        stored = self._unit(item)
        if stored in KEPT_UNITS:
            return stored
        if name in schemas.rates():
            return f"{schemas.rates()[name].unit}/s"
        known = schemas.catalogue().get(name)
        if stored in FACTORS or not known:
            return FACTORS.get(stored, (stored, 1.0))[0]
        return known.unit if stored.partition("/")[0] in LOOSE_UNITS else stored

    @names_damage
    def columns(self, name: str) -> tuple[str, ...]:
        return encoding.decode_names(self._stored(name)[0].attrs["columns"])

    def _axis(self, item: h5py.Dataset) -> tuple[str, Int64]:
        """Name and time stamps of the axis of a dataset; read once, not to be written to."""
        named = item.attrs.get("timestamps", f"{item.name.rpartition('/')[0]}/timestamps")
        named = named.decode() if isinstance(named, bytes) else str(named)
        if named not in self._axes:
            if named not in self._file:
                raise FormatError(f"{self.path}: {item.name} has no time stamps at {named}")
            stamps = np.asarray(self._file[named][...], dtype=np.int64)
            if (np.diff(stamps) <= 0).any():
                raise FormatError(f"{self.path}: the time stamps at {named} do not grow")
            stamps.flags.writeable = False
            self._axes[named] = stamps
        return named, self._axes[named]

    @names_damage
    def timestamps(self, name: str) -> Int64:
        return self._axis(self._stored(name)[0])[1]

    @names_damage
    def timestep(self, name: str) -> int:
        named, stamps = self._axis(self._stored(name)[0])
        if len(stamps) < 2:
            return int(self._file[named].attrs.get("timestep", self.end - self.start))
        return int(np.diff(stamps).min())

    @names_damage
    def row_blocks(
        self,
        name: str,
        first: int = 0,
        last: int | None = None,
        chosen: row_blocks.Chosen = None,
        *,
        whole_chunks: int = 0,
    ) -> list[row_blocks.RowBlock]:
        item, factor, divisor = self._stored(name)
        decoding = row_blocks.Decoding(factor, divisor, self._file.attrs.get("missing") != "nan")
        low, high, _ = slice(first, last).indices(len(item))
        return row_blocks.cut(
            self._identity,
            item,
            low,
            high,
            chosen,
            decoding,
            direct=self.direct,
            whole_chunks=whole_chunks,
        )

    @names_damage
    def kept(self, name: str) -> kept_summary.KeptSummary | None:
        item, factor, divisor = self._stored(name)
        if not self.direct or (factor, divisor, item.name) != (1.0, 1, f"/{name}"):
            return None
        return kept_summary.read(self._identity, item, self.kind(name))


def _items(group: h5py.Group) -> Iterator[tuple[str, Any]]:
    """What is in a group; what cannot be opened is an error, not None as `items` has it."""
    return ((name, group[name]) for name in group)


def open_tts(path: str | Path, *, direct: bool = True) -> SeriesFile:
    """Open a file of time series for reading: TTS version 1, or H5LMT; use as a context manager.

    Parameters
    ----------
    path : str or pathlib.Path
    direct : bool
        Read chunks directly where the layout allows it; otherwise through h5py alone.

    Raises
    ------
    NotFound
        There is no such file.
    FormatError
        It is not HDF5, or neither TTS version 1 nor H5LMT.
    """
    path = Path(path)
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise NotFound(f"no file {path}") from None
    except PermissionError as error:
        raise FormatError(
            f"{path} may not be read: {error}", hint="ask its owner for the right to read"
        ) from error
    except DAMAGE as error:
        raise FormatError(
            f"{path} cannot be read as HDF5: {error}",
            hint="if it should be a day of the archive: rebuild it, or restore the file",
        ) from error
    try:
        with damage_named(path):
            form = H5lmt if STEPS in file else Tts
            return form(path, file, direct=direct)
    except BaseException:
        with contextlib.suppress(*DAMAGE):
            file.close()
        raise
