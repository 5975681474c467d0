"""Reading H5LMT, the format of pyLMT: one file a day of a Lustre file system, before there was TTS.

Every dataset is (component, time) and holds rates or loads; ``/FSStepsGroup/FSStepsDataSet`` has
the time stamps, ``/FSMissingGroup/FSMissingDataSet`` flags what LMT had not got. The names of
datasets are those of TTS here. The format does not name metadata servers and targets: their one
column is `NAMELESS`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import h5py
import numpy as np
import numpy.typing as npt

from archive_tools import schemas
from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.errors import FormatError
from archive_tools.formats import encoding, row_blocks
from archive_tools.formats.identity import Identity
from archive_tools.formats.series_file import SeriesFile, names_damage

STEPS = "FSStepsGroup/FSStepsDataSet"
MISSING = "FSMissingGroup/FSMissingDataSet"
OPERATIONS = "MDSOpsGroup/MDSOpsDataSet"
NAMELESS = "_unknown"
RATES = {
    "datatargets/readrates": ("OSTReadGroup/OSTBulkReadDataSet", "OSTNames"),
    "datatargets/writerates": ("OSTWriteGroup/OSTBulkWriteDataSet", "OSTNames"),
}
LOADS = {
    "dataservers/cpuload": ("OSSCPUGroup/OSSCPUDataSet", "OSSNames"),
    "mdservers/cpuload": ("MDSCPUGroup/MDSCPUDataSet", ""),
}


@dataclass(frozen=True)
class H5lmtBlock:
    """Rows of one dataset: all components, or the one row of an operation."""

    identity: Identity
    dataset: str
    operation: int | None
    first: int
    last: int
    width: int
    chosen: row_blocks.Chosen
    decoding: row_blocks.Decoding

    def between(self, first: int, last: int) -> H5lmtBlock:
        """See `archive_tools.formats.row_blocks.RowBlock`."""
        return dataclasses.replace(self, first=max(self.first, first), last=min(self.last, last))

    def unheld(self) -> H5lmtBlock:
        """See `archive_tools.formats.row_blocks.RowBlock`."""
        return dataclasses.replace(self, identity=self.identity.unheld())

    def load(self, out: Float64 | None = None) -> Float64:
        """See `archive_tools.formats.row_blocks.RowBlock`."""
        with self.identity.opened(self.dataset) as file:
            values = self._values(file)
        target = np.empty((self.last - self.first, self.width)) if out is None else out
        target[...] = values if self.chosen is None else values[:, self.chosen]
        self.decoding.apply(target)
        return target

    def _values(self, file: h5py.File) -> Float64:
        """float64 (rows, components), NaN where LMT had nothing."""
        item, rows = file[self.dataset], slice(self.first, self.last)
        if self.operation is not None:
            return np.asarray(item[self.operation, rows], dtype=np.float64)[:, None]
        if item.ndim == 1:
            return np.asarray(item[rows], dtype=np.float64)[:, None]
        values = np.array(item[:, rows].T, dtype=np.float64)
        if MISSING in file:
            absent = _flags(file[MISSING], rows, values.shape)
            values[absent] = np.nan
        return values


def _flags(item: h5py.Dataset, rows: slice, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """What is flagged as missing; flags of other components count where all of them are set."""
    flags = np.zeros(shape, dtype=bool)
    found = np.asarray(item[:, rows]).T != 0
    flags[: len(found)] = found if found.shape[1] == shape[1] else found.all(axis=1, keepdims=True)
    return flags


class H5lmt(SeriesFile):
    """One open H5LMT file; `open_tts` makes it."""

    @property
    @names_damage
    def start(self) -> int:
        return int(self._file[STEPS][0])

    @property
    @names_damage
    def end(self) -> int:
        return int(np.max(self._file[STEPS][...])) + self._timestep()

    def _timestep(self) -> int:
        if len(self._file[STEPS]) < 2:
            raise FormatError(
                f"{self.path}: {STEPS} has {len(self._file[STEPS])} time stamps",
                expected="at least two",
            )
        first, second = self._file[STEPS][:2]
        return int(second) - int(first)

    @names_damage
    def datasets(self) -> list[str]:
        stored = [name for name, (place, _) in (RATES | LOADS).items() if place in self._file]
        amounts = [schemas.rates()[name].name for name in stored if name in RATES]
        operations = [name for name in schemas.catalogue() if self._operation(name) is not None]
        return sorted([*(name for name in stored if name in LOADS), *amounts, *operations])

    def _operation(self, name: str) -> int | None:
        """The row of a metadata operation's rates; None if the file has no such operation."""
        known = schemas.rates().get(name) or schemas.catalogue().get(name)
        if (
            OPERATIONS not in self._file
            or known is None
            or known.group != "mdtargets"
            or not known.rate
        ):
            return None
        names = encoding.decode_names(self._file[OPERATIONS].attrs["OpNames"])
        short = known.rate.partition("/")[2].removesuffix("rates")
        return names.index(short) if short in names else None

    def _place(self, name: str) -> tuple[str, str, int | None]:
        """Where a dataset is: the stored dataset, its attribute of names, the row of an
        operation.
        """
        known = schemas.catalogue().get(name)
        place = (RATES | LOADS).get(name) or (RATES.get(known.rate) if known else None)
        if place and place[0] in self._file:
            return (*place, None)
        operation = self._operation(name)
        if operation is None:
            raise self._absent(name)
        return OPERATIONS, "", operation

    @names_damage
    def units(self, name: str) -> str:
        self._place(name)
        return (
            f"{schemas.rates()[name].unit}/s"
            if name in schemas.rates()
            else schemas.catalogue()[name].unit
        )

    @names_damage
    def columns(self, name: str) -> tuple[str, ...]:
        place, attribute, _ = self._place(name)
        if not attribute:
            return (NAMELESS,)
        names = encoding.decode_names(self._file[place].attrs[attribute])
        if len(names) != len(self._file[place]) or len(set(names)) != len(names):
            raise FormatError(
                f"{self.path}: {place} has {len(self._file[place])} rows",
                expected="as many unique names",
                got=f"{len(set(names))} in {attribute}",
            )
        return names

    @names_damage
    def timestamps(self, name: str) -> Int64:
        stamps = np.asarray(self._file[STEPS][: self._rows(name)], dtype=np.int64)
        if (np.diff(stamps) <= 0).any():
            raise FormatError(f"{self.path}: the time stamps at {STEPS} do not grow")
        return stamps

    def _rows(self, name: str) -> int:
        """Rows that have both a time stamp and a place for values: there may be one more of either.
        Steps of a day that was not filled to its end are 0.
        """
        steps = self._file[STEPS][...]
        filled = int(np.flatnonzero(steps)[-1]) + 1 if steps.any() else 0
        return min(filled, int(self._file[self._place(name)[0]].shape[-1]))

    @names_damage
    def timestep(self, name: str) -> int:
        return self._timestep()

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
        place, _, operation = self._place(name)
        low, high, _ = slice(first, last).indices(self._rows(name))
        width = len(self.columns(name)) if chosen is None else len(chosen)
        factor = (
            1.0
            if name in RATES or name in LOADS or name in schemas.rates()
            else float(self._timestep())
        )
        decoding = row_blocks.Decoding(factor=factor, negative_zero=False)
        return (
            [H5lmtBlock(self._identity, place, operation, low, high, width, chosen, decoding)]
            if high > low
            else []
        )
