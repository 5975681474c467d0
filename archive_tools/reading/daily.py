"""What a file system did on each day, in some figures: amounts, peaks, how full it was, and how
much of the day was measured.

One day's file is open at a time. A day without a file, or whose file cannot be read, has no
figures: it never counts as zero.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from archive_tools.core.errors import FormatError, NotFound, TokioError
from archive_tools.formats.series_file import SeriesFile, damage_named
from archive_tools.reading.archive import Archive
from archive_tools.reading.summary import DatasetSummary, summarize
from archive_tools.store import layout

READ, WRITTEN = "datatargets/readbytes", "datatargets/writebytes"
OPERATIONS = ("datatargets/readops", "datatargets/writeops")
USED, CAPACITY = "fullness/bytes", "fullness/bytestotal"
METADATA = "mdtargets/"
NOT_METADATA = ("readbytes", "writebytes", "readops", "writeops")
"""Amounts of metadata targets that are not operations on names and attributes."""


@dataclass(frozen=True)
class DayFigures:
    """One day of an instance.

    Attributes
    ----------
    date : datetime.date
    seconds : int
        How long the day is.
    read, written : float or None
        Bytes of all data targets; None where nobody measured.
    operations, metadata : float or None
        Operations on data targets, and on metadata targets.
    peak_read, peak_written : float or None
        The largest row, all targets together, bytes/s.
    measured : float
        Share of the cells of read and written bytes that were measured, 0 to 1.
    full : mapping of str to tuple of float
        By target: bytes in use and capacity, means of the day, where both were measured.
    """

    date: dt.date
    seconds: int
    read: float | None = None
    written: float | None = None
    operations: float | None = None
    metadata: float | None = None
    peak_read: float | None = None
    peak_written: float | None = None
    measured: float = 0.0
    full: Mapping[str, tuple[float, float]] | None = None

    @property
    def used(self) -> float | None:
        """Bytes in use on the targets of which it is known."""
        return sum(used for used, _ in self.full.values()) if self.full else None

    @property
    def capacity(self) -> float | None:
        """Capacity of the same targets."""
        return sum(capacity for _, capacity in self.full.values()) if self.full else None

    @property
    def fullness(self) -> float | None:
        """Per cent in use."""
        return 100 * self.used / self.capacity if self.used is not None and self.capacity else None

    @property
    def fullest(self) -> tuple[str, float] | None:
        """The fullest target, and its per cents in use."""
        shares = {name: 100 * used / whole for name, (used, whole) in (self.full or {}).items()}
        return max(shares.items(), key=lambda one: one[1]) if shares else None


def has_figures(archive: Archive, instance: str) -> bool:
    """Whether the newest day of an instance that can be read has data targets or fullness; of logs
    it is what applications say, and does not count.
    """
    for date in reversed(archive.days(instance)):
        if layout.path(archive.root, layout.INDEX, date, instance).is_file():
            return False
        try:
            there = archive.datasets(instance, date)
        except TokioError:
            continue
        return any(name in there for name in (READ, WRITTEN, USED))
    return False


def daily(
    archive: Archive,
    instance: str,
    dates: Iterable[dt.date],
    *,
    damaged: list[FormatError] | None = None,
) -> Iterator[DayFigures]:
    """The figures of each day, also of those that are not there.

    Parameters
    ----------
    archive : Archive
    instance : str
    dates : iterable of datetime.date
    damaged : list, optional
        Receives the errors of days whose file cannot be read; default: the first is raised.
    """
    for date in dates:
        seconds = archive.day(date).end - archive.day(date).start
        path = archive.path(instance, date)
        try:
            with damage_named(path), archive.open(instance, date) as file:
                yield _figures(file, date, seconds)
        except NotFound:
            yield DayFigures(date, seconds)
        except FormatError as error:
            if damaged is None:
                raise
            damaged.append(error)
            yield DayFigures(date, seconds)


def _figures(file: SeriesFile, date: dt.date, seconds: int) -> DayFigures:
    there = file.datasets()
    metadata = [
        name
        for name in there
        if name.startswith(METADATA)
        and name.removeprefix(METADATA) not in NOT_METADATA
        and file.kind(name) == "delta"
    ]
    amounts = [name for name in (READ, WRITTEN, *OPERATIONS, *metadata) if name in there]
    found = {one.dataset: one for one in summarize(file, wanted=amounts)} if amounts else {}
    return DayFigures(
        date,
        seconds,
        read=_sum(found, [READ]),
        written=_sum(found, [WRITTEN]),
        operations=_sum(found, OPERATIONS),
        metadata=_sum(found, metadata),
        peak_read=_peak(found.get(READ)),
        peak_written=_peak(found.get(WRITTEN)),
        measured=_measured([found[name] for name in (READ, WRITTEN) if name in found], seconds),
        full=_full(file) if USED in there and CAPACITY in there else None,
    )


def _sum(found: Mapping[str, DatasetSummary], names: Sequence[str]) -> float | None:
    """Sum of what was measured; None where nothing was."""
    known = [found[name].total for name in names if name in found]
    totals = [total for total in known if total is not None]
    return sum(totals) if totals else None


def _peak(found: DatasetSummary | None) -> float | None:
    if found is None or found.peak is None or not found.timestep:
        return None
    return found.peak / found.timestep


def _measured(found: Sequence[DatasetSummary], seconds: int) -> float:
    """Share of the day's cells; rows that the file does not have were not measured."""
    shares = [
        (1 - one.missing / 100) * min(1.0, one.rows * one.timestep / seconds) for one in found
    ]
    return sum(shares) / len(shares) if shares else 0.0


def _full(file: SeriesFile) -> dict[str, tuple[float, float]] | None:
    used, capacity = (
        {one.name: one.mean for one in summary.components}
        for summary in summarize(file, wanted=[USED, CAPACITY], by_component=True)
    )
    known = {
        name: (bytes_used, whole)
        for name, bytes_used in used.items()
        if bytes_used is not None and (whole := capacity.get(name))
    }
    return known or None
