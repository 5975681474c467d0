"""How full a file's components are, as it was measured last."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from archive_tools import schemas
from archive_tools.core.arrays import Float64
from archive_tools.core.day import Day
from archive_tools.formats.series_file import SeriesFile
from archive_tools.reporting.binning import last_of_columns

HOUR = 3600
LEVEL_EVERY = 4 * HOUR
"""Levels such as fullness are read at the end of the day; of components that nobody measured then,
also this often before it.
"""
LEVELS = ("fullness", "mdfullness")
"""Groups of levels: sizes that change slowly."""


@dataclass(frozen=True)
class Level:
    """How full components are.

    Attributes
    ----------
    columns : tuple of str
    used, total : float64 (columns,)
        As they were measured last; NaN where nobody did.
    """

    columns: tuple[str, ...]
    used: Float64
    total: Float64

    @functools.cached_property
    def last(self) -> dict[str, tuple[float, float]]:
        """Use and size of each component that was measured."""
        both = zip(self.used.tolist(), self.total.tolist(), strict=True)
        return {
            name: (used, total)
            for name, (used, total) in zip(self.columns, both, strict=True)
            if not np.isnan(used + total)
        }


def levels_of(tts: SeriesFile, day: Day) -> dict[str, Level]:
    """The levels of a file, by ``group/bytes`` and ``group/inodes``."""
    return {
        name: _level(tts, name, total, day)
        for name, total in _totals(tts.datasets())
        if tts.columns(name) == tts.columns(total)
    }


def _totals(names: Iterable[str]) -> list[tuple[str, str]]:
    """Levels that are of a size, with it."""
    there = set(names)
    pairs = [(name, known.within) for name, known in schemas.catalogue().items()]
    return [
        (name, total)
        for name, total in pairs
        if name.partition("/")[0] in LEVELS and {name, total} <= there
    ]


def _level(tts: SeriesFile, name: str, total: str, day: Day) -> Level:
    """A level as it was measured last: from the day's last hour backwards, as far as is needed."""
    columns, stamps = tts.columns(name), tts.timestamps(name)
    found = np.full((2, len(columns)), np.nan)
    for hour in sorted({*range(day.start, day.end, LEVEL_EVERY), day.end - HOUR}, reverse=True):
        lacking = np.isnan(found).any(axis=0)
        first, last = np.searchsorted(stamps, [hour, hour + HOUR]).tolist()
        if last > first and lacking.any():
            both = np.array(
                [last_of_columns(tts.to_numpy(one, first, last)) for one in (name, total)]
            )
            lacking &= ~np.isnan(both).any(axis=0)
            found[:, lacking] = both[:, lacking]
    return Level(columns, *found)
