"""Reading a TTS file: ours, and version 1 as pytokio wrote it.

Values come out in base units with NaN for missing, whatever the file used. Rates and amounts are two views
of one dataset: the one that is not stored is derived with the timestep.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import numpy.typing as npt

from archive_tools import encoding
from pipeline import schemas
from pipeline.errors import FormatError, NotFound
from pipeline.model import Float64, Int64

if TYPE_CHECKING:
    import pandas as pd

FACTORS = {"KiB": ("bytes", 1024.0), "MiB": ("bytes", 1024.0**2), "kB": ("bytes", 1000.0), "MB": ("bytes", 1000.0**2)}
"""Units of older files, and what brings them to the base unit."""
KEPT_UNITS = {"%"}
"""Units that a file may have in place of the catalogue's."""


class Tts:
    """One open TTS file; `open_tts` makes it. A context manager."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._file = h5py.File(self.path, "r")
        except FileNotFoundError:
            raise NotFound(f"no file {self.path}") from None
        except OSError as error:
            raise FormatError(f"{self.path} cannot be read as HDF5: {error}", hint="rebuild the day, or restore the file") from error
        version = self._file.attrs.get("version")
        self.version = version.decode() if isinstance(version, bytes) else version
        if self.version != schemas.SCHEMA_VERSION:
            self._file.close()
            raise FormatError(f"{self.path} is not a TTS file", expected=f"root attribute version = {schemas.SCHEMA_VERSION!r}", got=repr(version))

    def __enter__(self) -> Tts:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was read stays."""
        self._file.close()

    @property
    def attributes(self) -> dict[str, Any]:
        """The root attributes."""
        return {key: value.item() if isinstance(value, np.generic) else value for key, value in self._file.attrs.items()}

    @property
    def start(self) -> int:
        """First second that the file covers (epoch seconds)."""
        return int(self._file.attrs["start"])

    @property
    def end(self) -> int:
        """First second after those that the file covers (epoch seconds)."""
        return int(self._file.attrs["end"])

    def datasets(self) -> list[str]:
        """Names of the stored datasets, such as ``datatargets/readbytes``."""
        found: list[str] = []
        for group, content in self._file.items():
            if isinstance(content, h5py.Group):
                found += [f"{group}/{name}" for name, item in content.items() if isinstance(item, h5py.Dataset) and "columns" in item.attrs]
        return sorted(found)

    def _stored(self, name: str) -> tuple[h5py.Dataset, float, int]:
        """The stored dataset behind `name`, and what its values are multiplied with and divided by."""
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
        near = difflib.get_close_matches(name, [*self.datasets(), *schemas.catalogue()], 3)
        raise NotFound(
            f"{self.path} has no dataset {name}", expected=", ".join(self.datasets()) or "the file has none", hint=f"near: {', '.join(near)}" if near else ""
        )

    @staticmethod
    def _unit(item: h5py.Dataset) -> str:
        unit = item.attrs.get("units", "")
        return unit.decode() if isinstance(unit, bytes) else str(unit)

    def units(self, name: str) -> str:
        """Unit of the values that `to_numpy` and `to_dataframe` give."""
        item = self._stored(name)[0]
        stored = self._unit(item)
        if stored in KEPT_UNITS:
            return stored
        if name in schemas.rates():
            return f"{schemas.rates()[name].unit}/s"
        known = schemas.catalogue().get(name)
        return known.unit if known else FACTORS.get(stored, (stored, 1.0))[0]

    def columns(self, name: str) -> tuple[str, ...]:
        """Component names, one a column."""
        return encoding.decode_names(self._stored(name)[0].attrs["columns"])

    def _axis(self, item: h5py.Dataset) -> h5py.Dataset:
        named = item.attrs.get("timestamps", f"{item.parent.name}/timestamps")
        named = named.decode() if isinstance(named, bytes) else str(named)
        if named not in self._file:
            raise FormatError(f"{self.path}: {item.name} has no time stamps at {named}")
        return self._file[named]

    def timestamps(self, name: str) -> Int64:
        """Starts of the rows, int64 epoch seconds, shape (rows,)."""
        axis = self._axis(self._stored(name)[0])
        return np.asarray(axis[...], dtype=np.int64)

    def timestep(self, name: str) -> int:
        """Seconds a row."""
        item = self._file[name] if name in self._file else self._stored(name)[0]
        axis = self._axis(item)
        if len(axis) < 2:
            return int(axis.attrs.get("timestep", self.end - self.start))
        first, second = axis[:2]
        return int(second - first)

    def to_numpy(self, name: str, first: int = 0, last: int | None = None) -> Float64:
        """Values of the rows ``first:last``: float64 (rows, columns), base unit, NaN where missing."""
        item, factor, divisor = self._stored(name)
        values = encoding.decode_missing(np.asarray(item[first:last], dtype=np.float64))
        if factor != 1.0:
            values *= factor
        if divisor != 1:
            values /= divisor
        return values

    def missing(self, name: str) -> npt.NDArray[np.bool_]:
        """Where nobody measured: bool (rows, columns)."""
        return encoding.is_missing(np.asarray(self._stored(name)[0][...], dtype=np.float64))

    def to_dataframe(self, name: str) -> pd.DataFrame:
        """All rows of a dataset.

        Returns
        -------
        pandas.DataFrame
            float64 in the base unit, NaN where missing; index: UTC time stamps of the rows' starts, named
            ``timestamp``; columns: component names.
        """
        return frame(self.to_numpy(name), self.timestamps(name), self.columns(name))


def frame(values: Float64, timestamps: Int64, columns: tuple[str, ...]) -> pd.DataFrame:
    """A DataFrame of values with a UTC index named ``timestamp``."""
    import pandas as pd

    index = pd.DatetimeIndex(timestamps.astype("datetime64[s]").astype("datetime64[ns]"), name="timestamp").tz_localize("UTC")
    return pd.DataFrame(values, index=index, columns=pd.Index(columns, dtype=object), copy=False)


def open_tts(path: str | Path) -> Tts:
    """Open a TTS file for reading; use as a context manager.

    Raises
    ------
    NotFound
        There is no such file.
    FormatError
        It is not HDF5, or not TTS version 1.
    """
    return Tts(path)
