"""What a file of series says for the day's figures and page, in one pass over what is shown.

Each block of rows is loaded and reduced once, side by side. Wide datasets that no panel shows are
not read: their headers give names alone, and `tokio-archive summarize` the rest.
"""

from __future__ import annotations

import functools
import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from archive_tools import schemas
from archive_tools.core import threads
from archive_tools.core.arrays import Bool, Float64, Int64
from archive_tools.core.day import Day
from archive_tools.formats.row_blocks import RowBlock
from archive_tools.formats.series_file import SeriesFile, damage_named
from archive_tools.formats.tts_read import open_tts
from archive_tools.reading.reduction import FLOW, First, row_sums
from archive_tools.reporting.binning import (
    Ends,
    bin_seconds,
    binned,
    carried,
    ends_of_hours,
)
from archive_tools.reporting.component_maps import MapPiece, joined, map_piece
from archive_tools.reporting.levels import LEVELS, Level, levels_of
from archive_tools.schemas.panels import panels

HOUR = 3600
BINS, MAP_BINS = 288, 96
"""Columns of pixels of a day's curve, and of a map."""
MOST_CELLS = 1 << 20
"""Datasets that no panel shows are read up to this many cells."""


@dataclass(frozen=True)
class Curve:
    """A dataset over the day; every array has a value a bin, NaN where nobody measured.

    Attributes
    ----------
    starts : int64
        Epoch seconds at which bins begin.
    seconds : int
        Length of a bin.
    mean, low, high : float64
        Of a flow: a second, all components together, of the bin and of its least and largest row,
        without cells that follow gaps (`archive_tools.core.gaps`). Of a gauge: its mean, and the
        least and largest cell; where components are added, of rows.
    """

    starts: Int64
    seconds: int
    mean: Float64
    low: Float64
    high: Float64


@dataclass(frozen=True)
class Hours:
    """A dataset by the hour of the day, counted from midnight: arrays (hours,).

    Attributes
    ----------
    amount : float64
        Of a flow the sum, of a gauge the mean; NaN where nobody measured.
    peak : float64
        The largest row of a flow, a second, without cells that follow gaps; of a gauge the largest
        value.
    measured : float64
        Share of the cells that were measured, 0 to 1; less that of cells before the hour whose
        growth is in it, so that an hour whose sum is not its own does not pass for measured.
    """

    amount: Float64
    peak: Float64
    measured: Float64


@dataclass(frozen=True)
class Dataset:
    """What a dataset comes to; figures are None where it was not read, or nothing was measured.

    Attributes
    ----------
    name, unit, kind : str
    columns : tuple of str
    timestep : int
    total, mean, peak, missing : float or None
    peak_at : int or None
        As `archive_tools.reading.summary.DatasetSummary` has them.
    curve : Curve or None
    hours : Hours or None
    by_component : float64 (bins, columns) or None
        A second where it is a flow, without cells that follow gaps; `MAP_BINS` of the day.
    """

    name: str
    unit: str
    kind: str
    columns: tuple[str, ...]
    timestep: int
    total: float | None = None
    mean: float | None = None
    peak: float | None = None
    peak_at: int | None = None
    missing: float | None = None
    curve: Curve | None = None
    hours: Hours | None = None
    by_component: Float64 | None = None


@dataclass(frozen=True)
class Measured:
    """What a file says.

    Attributes
    ----------
    day : Day
    datasets : dict of str to Dataset
    levels : dict of str to Level
        By ``group/bytes`` and ``group/inodes``.
    """

    day: Day
    datasets: dict[str, Dataset] = field(default_factory=dict)
    levels: dict[str, Level] = field(default_factory=dict)


def measured(path: Path, day: Day) -> Measured:
    """What a file says of a day; the last few files are remembered, as long as they are not
    replaced.

    Raises
    ------
    FormatError
        The file is damaged.
    """
    status = os.stat(path)
    return _measured(path, day, status.st_ino, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=8)
def _measured(path: Path, day: Day, *_identity: int) -> Measured:
    with damage_named(path), open_tts(path) as tts:
        names = [name for name in tts.datasets() if name.partition("/")[0] not in LEVELS]
        shown = {name for panel in panels().report for name in panel.all_datasets}
        mapped = {
            name for panel in panels().report if panel.by_component for name in panel.datasets
        }
        readings = [_Reading(tts, name, day, name in shown, name in mapped) for name in names]
        tasks = (
            (reading, block)
            for reading in readings
            if reading.is_read
            for block in tts.row_blocks(reading.name)
        )
        for reading, rows in threads.in_order(_load, tasks):
            reading.rows.append(rows)
        return Measured(day, {one.name: one.finished() for one in readings}, levels_of(tts, day))


class _Rows(NamedTuple):
    """Some rows, reduced over their components: arrays (rows,), and sums for the map.

    Attributes
    ----------
    amount : float64 (rows,)
        Of a flow the sum, of a gauge what the curve shows.
    level, low, high : float64 (rows,)
        What the curve shows, and the band about it. Of a flow: without cells that follow gaps, as
        far as these begin in these rows.
    first : float64 (columns,)
    absent : bool (columns,)
        The missing cells of the last row.
    """

    amount: Float64
    level: Float64
    low: Float64
    high: Float64
    cells: npt.NDArray[np.intp]
    total: float
    largest: float
    ends: list[Ends]
    piece: MapPiece | None
    first: First
    absent: Bool

    def after(self, before: Bool) -> _Rows:
        """The same of a flow whose row before lacks some cells: bool (columns,)."""
        if not self.first.follows(before).any():
            return self
        level = self.level.copy()
        level[0] = self.first.steady(before)
        piece = self.piece.without(self.first, before) if self.piece else None
        return self._replace(level=level, low=level, high=level, piece=piece)


class _Reading:
    """A dataset whose blocks come one after the other."""

    def __init__(
        self, tts: SeriesFile, name: str, day: Day, is_shown: bool, is_mapped: bool
    ) -> None:
        self.name, self.day, self.is_shown = name, day, is_shown
        self.unit, self.kind, self.columns = tts.units(name), tts.kind(name), tts.columns(name)
        self.stamps, self.timestep = tts.timestamps(name), tts.timestep(name)
        known = schemas.catalogue().get(name)
        self.is_flow = self.kind in FLOW
        self.is_added = self.is_flow or (known is not None and known.columns == "sum")
        cells = len(self.stamps) * len(self.columns)
        self.is_read = bool(cells) and (is_shown or cells <= MOST_CELLS)
        self.map_seconds = bin_seconds(day, MAP_BINS, self.timestep) if is_mapped else 0
        self.rows: list[_Rows] = []

    def reduce(self, values: Float64, first: int) -> _Rows:
        """What some rows come to; of `values`, cells that are missing may become 0."""
        sums = row_sums(values)
        lacking, first_row = sums.lacking, First.of(values, self.stamps[first:], sums)
        cells = np.full(len(values), values.shape[1])
        cells[lacking] -= sums.absent.sum(axis=1)
        amount = level = low = high = sums.totals
        largest = -np.inf if self.is_flow else _largest(values)
        if self.is_flow:
            level = low = high = sums.steady
        elif not self.is_added:
            with np.errstate(invalid="ignore", divide="ignore"):
                amount = level = sums.totals / cells
            low, high = values.min(axis=1), values.max(axis=1)
            low[lacking] = np.fmin.reduce(values[lacking], axis=1)
            high[lacking] = np.fmax.reduce(values[lacking], axis=1)
        total, absent = float(np.nansum(sums.totals)), np.isnan(values[-1])
        ends = self._ends(values, first, len(lacking) > 0) if self.is_shown else []
        piece = None
        if self.map_seconds:
            bins = (self.stamps[first : first + len(values)] - self.day.start) // self.map_seconds
            piece = map_piece(values, bins, sums, is_flow=self.is_flow)
        return _Rows(
            amount, level, low, high, cells, total, largest, ends, piece, first_row, absent
        )

    def _ends(self, values: Float64, first: int, has_gaps: bool) -> list[Ends]:
        """The missing ends of each hour's rows, of an amount: growth across them is in one cell."""
        if self.kind != "delta" or not len(values):
            return []
        last = (self.day.end - self.day.start - 1) // HOUR
        stamps = self.stamps[first : first + len(values)]
        hours = np.clip((stamps - self.day.start) // HOUR, 0, last)
        if has_gaps:
            return ends_of_hours(values, hours)
        none = np.zeros(values.shape[1], np.intp)
        return [Ends(int(hours[0]), len(values), none, none)]

    def finished(self) -> Dataset:
        """The dataset."""
        facts: dict[str, Any] = {
            "name": self.name,
            "unit": self.unit,
            "kind": self.kind,
            "columns": self.columns,
            "timestep": self.timestep,
        }
        if not self.is_read:
            return Dataset(**facts)
        if self.is_flow:
            self.rows[1:] = [
                rows.after(before.absent) for before, rows in itertools.pairwise(self.rows)
            ]
        amount, level, low, high, cells = (
            np.concatenate([rows[place] for rows in self.rows]) for place in range(5)
        )
        measured = int(cells.sum())
        total = sum(rows.total for rows in self.rows)
        facts["missing"] = 100.0 * (1 - measured / (len(cells) * len(self.columns)))
        if measured:
            facts |= {
                "total": total if self.kind == "delta" else None,
                "mean": total / measured,
            }
        if not np.isnan(high).all():
            peak = (
                float(np.nanmax(high))
                if self.is_flow
                else max(rows.largest for rows in self.rows if not np.isnan(rows.largest))
            )
            facts |= {"peak": peak, "peak_at": int(self.stamps[np.nanargmax(high)])}
        if self.is_shown:
            divisor = self.timestep if self.kind == "delta" else 1
            facts["curve"] = _curve(self, level / divisor, low / divisor, high / divisor)
            facts["hours"] = self._hours(amount, high / divisor, cells)
            if self.map_seconds:
                bins = -(-(self.day.end - self.day.start) // self.map_seconds)
                pieces = [rows.piece for rows in self.rows if rows.piece]
                facts["by_component"] = joined(pieces, bins, len(self.columns)) / divisor
        return Dataset(**facts)

    def _hours(self, amounts: Float64, high: Float64, cells: npt.NDArray[np.intp]) -> Hours:
        starts = np.arange(self.day.start, self.day.end, HOUR)
        known = ~np.isnan(amounts)
        sums = binned(np.add, np.where(known, amounts, 0.0), self.stamps, starts, HOUR)
        counts = binned(np.add, known.astype(float), self.stamps, starts, HOUR)
        rows = np.minimum(HOUR, self.day.end - starts) / self.timestep
        with np.errstate(invalid="ignore", divide="ignore"):
            amount = np.where(counts > 0, sums if self.is_flow else sums / counts, np.nan)
            share = binned(np.add, cells.astype(float), self.stamps, starts, HOUR) / (
                rows * len(self.columns)
            )
            ends = itertools.chain.from_iterable(one.ends for one in self.rows)
            share -= carried(ends, len(starts)) / (rows * len(self.columns))
        peak = binned(np.fmax, high, self.stamps, starts, HOUR)
        return Hours(amount, peak, np.clip(np.nan_to_num(share), 0.0, 1.0))


def _load(task: tuple[_Reading, RowBlock]) -> tuple[_Reading, _Rows]:
    reading, block = task
    return reading, reading.reduce(block.load(), block.first)


def _largest(values: Float64) -> float:
    return float(np.fmax.reduce(values, axis=None)) if values.size else np.nan


def _curve(reading: _Reading, level: Float64, low: Float64, high: Float64) -> Curve:
    day, stamps = reading.day, reading.stamps
    seconds = bin_seconds(day, BINS, reading.timestep)
    starts = np.arange(day.start, day.end, seconds)
    known = ~np.isnan(level)
    sums = binned(np.add, np.where(known, level, 0.0), stamps, starts, seconds)
    counts = binned(np.add, known.astype(float), stamps, starts, seconds)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(counts > 0, sums / counts, np.nan)
    least = binned(np.fmin, low, stamps, starts, seconds)
    return Curve(starts, seconds, mean, least, binned(np.fmax, high, stamps, starts, seconds))
