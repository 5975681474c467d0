"""The rows of single days, and how they become one series: below each other, or resampled to longer
rows.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from archive_tools import schemas
from archive_tools.core import threads
from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.components import component_order
from archive_tools.core.day import Day
from archive_tools.core.errors import FormatError, InputChanged, TokioError
from archive_tools.formats import row_blocks
from archive_tools.formats.kept_summary import KeptSummary
from archive_tools.formats.series import Series
from archive_tools.formats.series_file import SeriesFile
from archive_tools.reading import resample, selection
from archive_tools.reading.selection import Components

Blocks = list[row_blocks.RowBlock]


@dataclass(frozen=True)
class DayRows:
    """The rows of one day that are requested, and how to load them; `kept` is what the file says
    that they come to, where they are all of the day's and that was requested.
    """

    date: dt.date
    timestamps: Int64
    timestep: int
    columns: tuple[str, ...]
    blocks: list[row_blocks.RowBlock]
    unit: str
    kind: str
    reducer: schemas.Reducer = "mean"
    kept: KeptSummary | None = None

    def between(self, start: int, end: int) -> DayRows:
        """Those rows whose start is in ``[start, end)``, epoch seconds."""
        low, high = (int(place) for place in np.searchsorted(self.timestamps, (start, end)))
        if (low, high) == (0, len(self.timestamps)):
            return self
        base = self.blocks[0].first if self.blocks else 0
        blocks = [
            block.between(base + low, base + high)
            for block in self.blocks
            if block.first < base + high and block.last > base + low
        ]
        stamps = self.timestamps[low:high]
        return dataclasses.replace(self, timestamps=stamps, blocks=blocks, kept=None)

    def unheld(self) -> DayRows:
        """The same rows, to be loaded later: files do not stay open until then."""
        blocks = [block.unheld() for block in self.blocks]
        return dataclasses.replace(self, blocks=blocks, kept=None)


class DayError(Exception):
    """A day that could not be loaded."""

    def __init__(self, date: dt.date, reason: TokioError) -> None:
        super().__init__(str(reason))
        self.date = date
        self.reason = reason


def rows_of(
    file: SeriesFile,
    dataset: str,
    day: Day,
    between: tuple[int, int],
    wanted: list[str],
    *,
    whole_chunks: int = 0,
    is_summed: bool = False,
) -> DayRows:
    """The rows of a day's open file that start in a range of the day; with what is kept of them
    where they are summed up.

    Raises
    ------
    FormatError
        The file is of another day: an older file, whose days are of another zone.
    """
    stamps, date = file.timestamps(dataset), day.date
    step = file.timestep(dataset) if len(stamps) else 0
    if len(stamps) and (stamps[0] < day.start - step or stamps[-1] > day.end):
        raise FormatError(
            f"{file.path} has rows of another time than {date} in {day.timezone}",
            expected=f"{day.start} to {day.end}",
            got=f"{stamps[0]} to {stamps[-1] + step}",
            hint="timezone in site.json (or archive.json) is the zone of the days",
        )
    low, high = np.searchsorted(stamps, between)
    chosen = row_blocks.matching(file.columns(dataset), wanted)
    loads = (
        file.row_blocks(dataset, int(low), int(high), chosen, whole_chunks=whole_chunks)
        if wanted
        else []
    )
    is_whole = (low, high) == (0, len(stamps)) and chosen is None and bool(loads)
    return DayRows(
        date,
        stamps[low:high],
        file.timestep(dataset),
        tuple(wanted),
        loads,
        file.units(dataset),
        file.kind(dataset),
        file.time_reducer(dataset),
        file.kept(dataset) if is_summed and is_whole else None,
    )


def union(days: Sequence[DayRows], wanted: Components | None) -> list[str]:
    """Columns of all days together: in the order requested, else in that of components."""
    if len({rows.columns for rows in days}) == 1:
        return list(days[0].columns)
    every = {name for rows in days for name in rows.columns}
    return (
        selection.chosen(every, wanted)
        if wanted is not None
        else sorted(every, key=component_order)
    )


def _load(rows: DayRows, block: row_blocks.RowBlock, out: Float64 | None = None) -> Float64:
    try:
        return block.load(out)
    except (FormatError, InputChanged) as error:
        raise DayError(rows.date, error) from error


def unit_of(dataset: str, days: Sequence[DayRows]) -> str:
    """The unit of all days.

    Raises
    ------
    TokioError
        It changed: values of different units are not put below each other.
    """
    first: dict[str, dt.date] = {}
    for rows in days:
        first.setdefault(rows.unit, rows.date)
    if len(first) > 1:
        reported = ", ".join(f"{unit} from {date}" for unit, date in first.items())
        raise TokioError(
            f"{dataset} changed its unit",
            expected="one unit in a range",
            got=reported,
            hint="read the days before and after apart",
        )
    return days[0].unit


def _series(
    dataset: str,
    days: Sequence[DayRows],
    columns: Sequence[str],
    stamps: Int64,
    seconds: Int64,
    values: Float64,
) -> Series:
    rates = dataset in schemas.rates()
    kind, unit = (days[0].kind, unit_of(dataset, days)) if days else ("gauge", "")
    if rates and kind != "rate":
        kind, unit = "rate", f"{unit}/s"
    return Series(dataset, unit, kind, tuple(columns), stamps, seconds, values)


def loaded(dataset: str, days: Sequence[DayRows], columns: Sequence[str]) -> Series:
    """All rows as they are."""
    edges = np.cumsum([0, *(len(rows.timestamps) for rows in days)])
    values = np.empty((int(edges[-1]), len(columns)))
    number = {name: i for i, name in enumerate(columns)}
    for rows, at in zip(days, edges, strict=False):
        if not rows.columns:
            values[at : at + len(rows.timestamps)] = np.nan

    def put(task: tuple[DayRows, int, row_blocks.RowBlock]) -> None:
        rows, at, block = task
        low = at + block.first - rows.blocks[0].first
        target = values[low : low + block.last - block.first]
        if list(rows.columns) == list(columns):
            _load(rows, block, target)
        else:
            target[...] = np.nan
            target[:, [number[name] for name in rows.columns]] = _load(rows, block)

    starts = zip(days, edges[:-1].tolist(), strict=True)
    tasks = [(rows, at, block) for rows, at in starts for block in rows.blocks]
    for _ in threads.in_order(put, tasks):
        pass
    stamps = _joined([rows.timestamps for rows in days])
    seconds = _joined([np.full(len(rows.timestamps), rows.timestep) for rows in days])
    return _series(dataset, days, columns, stamps, seconds, values)


def _joined(arrays: Sequence[Int64]) -> Int64:
    return np.concatenate([np.empty(0, np.int64), *arrays]).astype(np.int64, copy=False)


def by_day(
    days: Sequence[DayRows], step: resample.Step, how: schemas.Reducer
) -> Iterator[resample.Resampled]:
    """The resampled rows of each day, of its own columns."""

    def resampled(task: tuple[DayRows, Blocks]) -> resample.Resampled:
        rows, blocks = task
        starts, base = step.starts(rows.timestamps), rows.blocks[0].first
        return _kept(rows, starts, how) or resample.in_one(
            [
                resample.aggregate(
                    starts[block.first - base : block.last - base], _load(rows, block), how
                )
                for block in blocks
            ],
            how,
        )

    def cut(rows: DayRows) -> list[Blocks]:
        return [rows.blocks] if rows.kept else [[block] for block in rows.blocks]

    results = threads.in_order(resampled, ((rows, blocks) for rows in days for blocks in cut(rows)))
    for rows in days:
        pieces = list(itertools.islice(results, len(cut(rows))))
        yield (
            resample.in_one(pieces, how)
            if pieces
            else _nothing(np.unique(step.starts(rows.timestamps)), len(rows.columns))
        )


def _kept(rows: DayRows, starts: Int64, how: schemas.Reducer) -> resample.Resampled | None:
    """What a file has kept of all rows of a day, where they become one; else None."""
    if rows.kept is None or how not in ("sum", "mean") or starts[0] != starts[-1]:
        return None
    kept = rows.kept.load()
    if kept is None:
        return None
    return resample.Resampled(starts[:1], kept.measured[None, :-1], kept.totals[None, :-1])


def _nothing(starts: Int64, width: int) -> resample.Resampled:
    """Resampled rows in which nothing was measured, of a day that has none of the components or no
    rows.
    """
    return resample.Resampled(
        starts, np.zeros((len(starts), width), np.int64), np.zeros((len(starts), width))
    )


def joined_rows(
    dataset: str, days: Sequence[DayRows], columns: Sequence[str], step: resample.Step
) -> Series:
    """Rows resampled by the dataset's reducer."""
    amount = schemas.rates().get(dataset)
    how: schemas.Reducer = days[0].reducer if days else "mean"
    number = {name: i for i, name in enumerate(columns)}
    for rows in days:
        step.check(rows.timestep, f"{dataset} of {rows.date}")
    weights = [
        rows.timestep if how == "mean" and len({rows.timestep for rows in days}) > 1 else 1
        for rows in days
    ]
    resampled = (
        piece.weighted(weight)
        for piece, weight in zip(by_day(days, step, how), weights, strict=True)
    )
    pieces = [
        _widened(piece, [number[name] for name in rows.columns], len(columns), how)
        for rows, piece in zip(days, resampled, strict=True)
    ]
    whole = resample.merged(pieces, how)
    seconds = _seconds(days, step, whole.starts)
    values = resample.finished(whole, how)
    if amount:
        values /= seconds[:, None]
    return _series(dataset, days, columns, whole.starts, seconds, values)


def _seconds(days: Sequence[DayRows], step: resample.Step, starts: Int64) -> Int64:
    """How much time the rows in each resampled row hold."""
    seconds = np.zeros(len(starts), np.int64)
    for rows in days:
        places, count = np.unique(
            np.searchsorted(starts, step.starts(rows.timestamps)), return_counts=True
        )
        seconds[places] += count * rows.timestep
    return seconds


def _widened(
    piece: resample.Resampled, place: Sequence[int], width: int, how: schemas.Reducer
) -> resample.Resampled:
    """Resampled rows with the columns of all days."""
    if list(place) == list(range(width)):
        return piece
    count = np.zeros((len(piece.starts), width), dtype=np.int64)
    value = np.full((len(piece.starts), width), resample.NEUTRAL[how])
    count[:, place], value[:, place] = piece.count, piece.value
    return resample.Resampled(piece.starts, count, value)
