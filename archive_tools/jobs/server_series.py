"""Series of servers, reduced to profiles over time that intervals can be looked up in."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from archive_tools.core import gaps
from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.day import Day
from archive_tools.core.errors import NotFound, TokioError
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from archive_tools.formats.series_file import SeriesFile, damage_named
from archive_tools.jobs import intervals
from archive_tools.jobs.intervals import Pieces, Taken
from archive_tools.reading.archive import Archive


@dataclass(frozen=True)
class Profile:
    """One dataset over time, without its components.

    Attributes
    ----------
    stamps, seconds : int64 (rows,)
        Starts and lengths of the rows of all days that have the dataset.
    values : float64 (rows, columns)
        By what the cells of a row were reduced to.
    """

    stamps: Int64
    seconds: Int64
    values: Float64


class Times:
    """Intervals of time, and the rows that they take.

    Parameters
    ----------
    first, last : int64 (intervals,)
        First and last second, both included.
    before : bool
        Whether the row before the first that is touched counts.
    """

    def __init__(self, first: Int64, last: Int64, *, before: bool) -> None:
        self.first, self.last, self._before = first, last, before
        self._known: tuple[Profile, Taken, Pieces] | None = None

    def rows(self, profile: Profile) -> tuple[Taken, Pieces]:
        """The rows of a profile; profiles that follow each other often have the same."""
        if self._known:
            other, taken, pieces = self._known
            if np.array_equal(other.stamps, profile.stamps) and np.array_equal(
                other.seconds, profile.seconds
            ):
                return taken, pieces
        taken = intervals.rows_taken(
            profile.stamps, profile.seconds, self.first, self.last, before=self._before
        )
        pieces = Pieces.of(taken, len(profile.stamps))
        self._known = profile, taken, pieces
        return taken, pieces


@dataclass(frozen=True)
class ServerSeries:
    """Some days of one instance's files, and its components that count.

    Attributes
    ----------
    archive : Archive
    instance : str
    components : callable
        Gives the regular expression of the whole names of a group's components.
    dates : list of datetime.date
        Days that are read, in order.
    findings : Findings
        Receives the days that cannot be read.
    idle : bool
        Components that a file does not have moved nothing, in place of: nobody measured them.
    """

    archive: Archive
    instance: str
    components: Callable[[str], re.Pattern[str]]
    dates: list[dt.date]
    findings: Findings
    idle: bool = False

    def profile(self, datasets: tuple[str, ...], reduce: Callable[..., Float64]) -> Profile | None:
        """Datasets of the same group over all days; None where no day has them.

        Parameters
        ----------
        datasets : tuple of str
        reduce : callable
            Receives float64 (rows, components) of each dataset, of the same components, and the
            seconds of a row; gives float64 (rows, columns).
        """
        found = [piece for date in self.dates if (piece := self._of_day(date, datasets, reduce))]
        if not found:
            return None
        return Profile(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def _of_day(
        self, date: dt.date, datasets: tuple[str, ...], reduce: Callable[..., Float64]
    ) -> tuple[Int64, Int64, Float64] | None:
        try:
            with (
                damage_named(self.archive.path(self.instance, date)),
                self.archive.open(self.instance, date) as file,
            ):
                return self._rows(file, self.archive.day(date), datasets, reduce)
        except NotFound:
            return None
        except TokioError as error:
            self.findings.add(FindingKind.SERVER_DAYS_UNREADABLE, 1, self.instance, str(error))
            return None

    def _rows(
        self, file: SeriesFile, day: Day, datasets: tuple[str, ...], reduce: Callable[..., Float64]
    ) -> tuple[Int64, Int64, Float64] | None:
        wanted = self.components(datasets[0].partition("/")[0])
        others = [set(file.columns(name)) for name in datasets[1:]]
        names = [
            name
            for name in file.columns(datasets[0])
            if wanted.fullmatch(name) and all(name in other for other in others)
        ]
        if not names and not self.idle:
            return None
        stamps, step = file.timestamps(datasets[0]), file.timestep(datasets[0])
        low, high = np.searchsorted(
            stamps, (day.start, day.end)
        ).tolist()  # older files may have a row of the next day
        values = [
            file.to_numpy(name, low, high, components=names) if names else np.zeros((high - low, 1))
            for name in datasets
        ]
        return stamps[low:high], np.full(high - low, step, np.int64), reduce(*values, step)


# Rows of cells to profiles


def amounts(values: Float64, step: int) -> Float64:
    """Amounts, joined over components.

    Returns
    -------
    float64 (rows, 4)
        Sum; the share of the cells that was measured, 0 to 1; the rate, a second, without cells
        that follow gaps; and 1 where it is known.
    """
    absent = np.isnan(values)
    total = np.where(absent, 0.0, values)
    steady = ~absent & ~gaps.follow_gaps(absent)
    rate = np.where(steady, total, 0.0).sum(axis=1) / step
    return np.column_stack([total.sum(axis=1), (~absent).mean(axis=1), rate, steady.any(axis=1)])


def loads(values: Float64, step: int) -> Float64:
    """States, joined over components: sum, measured cells, and the highest (-inf for none): float64
    (rows, 3).
    """
    absent = np.isnan(values)
    return np.column_stack(
        [
            np.where(absent, 0.0, values).sum(axis=1),
            (~absent).sum(axis=1),
            np.where(absent, -np.inf, values).max(axis=1),
        ]
    )


def fill(used: Float64, total: Float64, step: int) -> Float64:
    """Per cent in use: mean of the components and the fullest, NaN where none was measured: float64
    (rows, 2).
    """
    known = (total > 0) & ~np.isnan(used)
    percent = np.divide(used, total, out=np.full_like(used, -np.inf), where=known)
    count = known.sum(axis=1)
    none = count == 0
    mean = percent.sum(axis=1, where=known) / np.maximum(count, 1)
    return 100.0 * np.column_stack(
        [np.where(none, np.nan, mean), np.where(none, np.nan, percent.max(axis=1))]
    )
