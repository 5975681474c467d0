"""What series say in a few numbers: totals, means, peaks and what is missing, for each dataset and
component.

Parts of the files are loaded and reduced side by side, and dropped: no dataset is held as a whole.
A row without a missing cell is summed as it is; only rows with one are looked at cell by cell.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from archive_tools import schemas
from archive_tools.core import threads
from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.components import component_order
from archive_tools.core.errors import NotFound
from archive_tools.formats.row_blocks import Part
from archive_tools.formats.series_file import SeriesFile, damage_named

if TYPE_CHECKING:
    from archive_tools.archive import Archive

FLOW = ("delta", "rate")
"""Kinds that are added up over the components."""


@dataclass(frozen=True)
class ComponentSummary:
    """One component of a dataset.

    Attributes
    ----------
    name : str
    total : float or None
        Of a delta: sum of the measured cells; None if there are none, and for a gauge or rate.
    mean : float or None
        Of the measured cells; None if there are none.
    peak : float or None
        The largest cell.
    peak_at : int or None
        Epoch second of the start of its row, the first if there are several.
    missing : float
        Per cent of the cells, of the days that have the component, that nobody measured.
    """

    name: str
    total: float | None
    mean: float | None
    peak: float | None
    peak_at: int | None
    missing: float


@dataclass(frozen=True)
class DatasetSummary:
    """One dataset of a file, or of a range of time.

    Attributes
    ----------
    dataset, unit, kind : str
    rows, columns : int
    total : float or None
        Of a delta: sum of the measured cells; None if there are none, and for a gauge or rate.
    mean : float or None
        Of the measured cells; None if there are none.
    peak : float or None
        Of a delta or rate: the largest row, summed over what was measured of the components. Of a
        gauge: the largest cell.
    peak_at : int or None
        Epoch second of the start of the peak's row, the first if there are several.
    missing : float
        Per cent of the cells that nobody measured; 100 if there are no cells.
    timestep : int
        Seconds a row; of a range, that of its last day.
    components : tuple of ComponentSummary
        Empty unless asked for.
    """

    dataset: str
    unit: str
    kind: str
    rows: int
    columns: int
    total: float | None
    mean: float | None
    peak: float | None
    peak_at: int | None
    missing: float
    timestep: int = 0
    components: tuple[ComponentSummary, ...] = ()


class Header(NamedTuple):
    """What a file says of a dataset."""

    dataset: str
    unit: str
    kind: str
    columns: tuple[str, ...]
    timestep: int


class Columns(NamedTuple):
    """What some rows come to, column by column: arrays (columns,); see `Reduced`."""

    measured: npt.NDArray[np.intp]
    totals: Float64
    peaks: Float64
    peaks_at: Int64


class Reduced(NamedTuple):
    """What some rows come to.

    Attributes
    ----------
    rows, measured : int
        Rows, and cells that were measured.
    total : float
        Sum of the measured cells.
    peak, peak_at : float and int
        See `DatasetSummary`; -inf and 0 if nothing was measured.
    columns : Columns or None
    """

    rows: int
    measured: int
    total: float
    peak: float
    peak_at: int
    columns: Columns | None


def row_totals(values: Float64) -> Float64:
    """Sum over the components of each row, of what was measured; NaN where nothing was.

    Parameters
    ----------
    values : float64 (rows, columns)
        NaN where missing.
    """
    return _row_totals(values)[0]


def _row_totals(values: Float64) -> tuple[Float64, npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Sums of the rows; numbers of the rows that may lack cells, and which of their cells are
    missing.
    """
    with np.errstate(invalid="ignore"):
        totals = values.sum(axis=1)
    rows = np.flatnonzero(np.isnan(totals)) if values.shape[1] else np.arange(len(values))
    lacking = values[rows]
    absent = np.isnan(lacking)
    with np.errstate(invalid="ignore"):
        totals[rows] = np.where(
            absent.all(axis=1), np.nan, np.where(absent, 0.0, lacking).sum(axis=1)
        )
    return totals, rows, absent


def reduce(values: Float64, stamps: Int64, kind: str, *, by_component: bool = False) -> Reduced:
    """What some rows come to.

    Parameters
    ----------
    values : float64 (rows, columns)
        NaN where missing.
    stamps : int64 (rows,)
        Starts of the rows.
    kind : {'delta', 'rate', 'gauge'}
    by_component : bool
        Also of each column.
    """
    totals, rows, absent = _row_totals(values)
    measured = values.size - int(np.count_nonzero(absent))
    columns = _by_column(values, stamps) if by_component and len(values) else None
    if not measured:
        return Reduced(len(values), 0, 0.0, -np.inf, 0, columns)
    profile = totals if kind in FLOW else _largest(values, rows)
    row = int(np.nanargmax(profile))
    return Reduced(
        len(values),
        measured,
        float(np.nansum(totals)),
        float(profile[row]),
        int(stamps[row]),
        columns,
    )


def _largest(values: Float64, lacking: npt.NDArray[np.intp]) -> Float64:
    """The largest cell of each row; NaN where nothing was measured."""
    found: Float64 = values.max(axis=1)
    found[lacking] = np.fmax.reduce(values[lacking], axis=1)
    return found


def _by_column(values: Float64, stamps: Int64) -> Columns:
    absent = np.isnan(values)
    high = np.where(absent, -np.inf, values)
    rows = high.argmax(axis=0)
    return Columns(
        len(values) - absent.sum(axis=0),
        np.where(absent, 0.0, values).sum(axis=0),
        high[rows, np.arange(values.shape[1])],
        stamps[rows],
    )


@dataclass
class _Tally:
    """What the parts of a dataset, or of one component, come to so far."""

    cells: int = 0
    measured: int = 0
    total: float = 0.0
    peak: float = -np.inf
    peak_at: int = 0

    def add(self, cells: int, measured: int, total: float, peak: float, peak_at: int) -> None:
        """Add later rows."""
        if measured and (peak > self.peak or not self.measured):
            self.peak, self.peak_at = peak, peak_at
        self.cells, self.measured, self.total = (
            self.cells + cells,
            self.measured + measured,
            self.total + total,
        )

    def told(self, kind: str) -> dict[str, Any]:
        """The fields that summaries share."""
        known = self.measured > 0
        return {
            "total": self.total if kind == "delta" and known else None,
            "mean": self.total / self.measured if known else None,
            "peak": self.peak if known else None,
            "peak_at": self.peak_at if known else None,
            "missing": 100.0 * (1 - self.measured / self.cells) if self.cells else 100.0,
        }


@dataclass
class _Growing:
    """A dataset whose parts come one after the other."""

    header: Header
    names: set[str] = field(default_factory=set)
    rows: int = 0
    whole: _Tally = field(default_factory=_Tally)
    components: dict[str, _Tally] = field(default_factory=dict)

    def add(self, header: Header, reduced: Reduced) -> None:
        self.rows += reduced.rows
        self.whole.add(reduced.rows * len(header.columns), *reduced[1:5])
        if reduced.columns is not None:
            for name, *numbers in zip(
                header.columns, *(array.tolist() for array in reduced.columns), strict=True
            ):
                self.components.setdefault(name, _Tally()).add(reduced.rows, *numbers)

    def finished(self) -> DatasetSummary:
        name, unit, kind, _, timestep = self.header
        each = tuple(
            ComponentSummary(one, **self.components[one].told(kind))
            for one in sorted(self.components, key=component_order)
        )
        return DatasetSummary(
            name,
            unit,
            kind,
            self.rows,
            len(self.names),
            **self.whole.told(kind),
            timestep=timestep,
            components=each,
        )


def summarize(
    tts: SeriesFile, *, wanted: Sequence[str] = (), by_component: bool = False
) -> list[DatasetSummary]:
    """Summaries of the datasets of a file, in the order of their names.

    Parameters
    ----------
    tts : SeriesFile
    wanted : sequence of str
        Shell patterns of datasets; none is all. A rate is meant by its whole name.
    by_component : bool

    Raises
    ------
    NotFound
        No dataset is meant by `wanted`.
    FormatError
        The file is damaged.
    """
    return _summaries([tts], None, wanted, by_component=by_component)


def summarize_range(
    archive: Archive,
    instance: str,
    first: int,
    last: int,
    *,
    wanted: Sequence[str] = (),
    by_component: bool = False,
) -> tuple[list[DatasetSummary], int]:
    """Summaries of an instance's datasets over a range of time; see `summarize`.

    Parameters
    ----------
    first, last : int
        Rows whose start is in ``[first, last)``, epoch seconds.

    Returns
    -------
    list of DatasetSummary, and int
        And of how many days there are files.

    Raises
    ------
    NotFound
        No day of the range is in the archive.
    """
    low, high = (
        dt.datetime.fromtimestamp(second, ZoneInfo(archive.timezone)).date()
        for second in (first, last - 1)
    )
    dates = [date for date in archive.days(instance) if low <= date <= high]
    if not dates:
        archive.open(instance, low)
    return _summaries(
        _opened(archive, instance, dates), (first, last), wanted, by_component=by_component
    ), len(dates)


def _opened(archive: Archive, instance: str, dates: Iterable[dt.date]) -> Iterator[SeriesFile]:
    """The files of some days, each closed when the next is asked for."""
    for date in dates:
        with damage_named(archive.path(instance, date)), archive.open(instance, date) as tts:
            yield tts


Between = tuple[int, int] | None
Task = tuple[Header, Part, Int64]


def _summaries(
    opened: Iterable[SeriesFile], between: Between, wanted: Sequence[str], *, by_component: bool
) -> list[DatasetSummary]:
    def reduced(task: Task) -> tuple[Header, Reduced]:
        header, part, stamps = task
        return header, reduce(part.load(), stamps, header.kind, by_component=by_component)

    found: dict[str, _Growing] = {}
    for header, piece in threads.in_order(reduced, _tasks(opened, between, wanted, found)):
        found[header.dataset].add(header, piece)
    return [found[name].finished() for name in sorted(found)]


def _tasks(
    opened: Iterable[SeriesFile],
    between: Between,
    wanted: Sequence[str],
    found: dict[str, _Growing],
) -> Iterator[Task]:
    """What is to be loaded; every dataset that is met is noted in `found`."""
    there: set[str] = set()
    for tts in opened:
        with damage_named(tts.path):
            names = tts.datasets()
            there.update(names)
            for name in chosen(names, wanted):
                stamps = tts.timestamps(name)
                timestep = int(stamps[1] - stamps[0]) if len(stamps) > 1 else tts.timestep(name)
                header = Header(name, tts.units(name), tts.kind(name), tts.columns(name), timestep)
                growing = found.setdefault(name, _Growing(header))
                growing.header = header
                growing.names.update(header.columns)
                low, high = (
                    np.searchsorted(stamps, between).tolist() if between else (0, len(stamps))
                )
                yield from (
                    (header, part, stamps[part.first : part.last])
                    for part in tts.parts(name, low, high)
                )
    if not found and wanted:
        raise NotFound(f"no dataset {', '.join(wanted)}", expected=", ".join(sorted(there)))


def chosen(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The datasets that are meant by shell patterns, or by the name of a rate; all if there are
    none.
    """
    rates = [
        one
        for one in wanted
        if schemas.rates().get(one) is not None
        and one not in names
        and schemas.rates()[one].name in names
    ]
    return [
        name
        for name in names
        if not wanted or any(fnmatch.fnmatchcase(name, one) for one in wanted)
    ] + rates


def quantity(value: float | None, unit: str) -> str:
    """A number as people read it: bytes with IEC prefixes, others with thousands separators; – for
    none.
    """
    if value is None:
        return "–"
    if unit in ("bytes", "bytes/s"):
        suffix = "/s" if unit.endswith("/s") else ""
        for prefix in ("", "Ki", "Mi", "Gi", "Ti", "Pi"):
            if abs(value) < 1024 or prefix == "Pi":
                return f"{value:,.{1 if prefix else 0}f} {prefix}B{suffix}"
            value /= 1024
    text = f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:,.4g}"
    return text if unit in ("", "1") else f"{text} {unit}"
