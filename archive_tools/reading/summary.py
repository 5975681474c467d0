"""What series say in a few numbers: totals, means, peaks and what is missing, for each dataset and
component.

Parts of the files are loaded and reduced side by side, and dropped: no dataset is held as a whole.
A row without a missing cell is summed as it is; only rows with one are looked at cell by cell. What
a file has kept of a whole day is taken from there.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from archive_tools import schemas
from archive_tools.core import threads
from archive_tools.core.arrays import Bool, Int64
from archive_tools.core.components import component_order
from archive_tools.core.errors import BadArgument, NotFound
from archive_tools.formats.kept_summary import KeptSummary
from archive_tools.formats.row_blocks import RowBlock
from archive_tools.formats.series_file import SeriesFile, damage_named

if TYPE_CHECKING:
    from archive_tools.reading.archive import Archive
from archive_tools.reading import day_summary
from archive_tools.reading.reduction import FLOW, Header, Reduced, reduce


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
        The largest cell; of a delta or rate, of those that do not follow missing ones.
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
        Of a delta or rate: the largest row, summed over what was measured of the components; a cell
        that follows missing ones holds the growth of them all, and is not in it. Of a gauge: the
        largest cell.
    peak_at : int or None
        Epoch second of the start of the peak's row, the first if there are several.
    missing : float
        Per cent of the cells that nobody measured; 100 if there are no cells.
    timestep : int
        Seconds a row; of a range, that of its last day.
    components : tuple of ComponentSummary
        Empty unless requested.
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


@dataclass
class _Tally:
    """What the blocks of a dataset, or of one component, come to so far."""

    cells: int = 0
    measured: int = 0
    total: float = 0.0
    peak: float = -np.inf
    peak_at: int = 0

    def add(self, cells: int, measured: int, total: float, peak: float, peak_at: int) -> None:
        """Add later rows."""
        if peak > self.peak:
            self.peak, self.peak_at = peak, peak_at
        self.cells, self.measured, self.total = (
            self.cells + cells,
            self.measured + measured,
            self.total + total,
        )

    def reported(self, kind: str) -> dict[str, Any]:
        """The fields that summaries share."""
        known, has_peak = self.measured > 0, self.peak > -np.inf
        return {
            "total": self.total if kind == "delta" and known else None,
            "mean": self.total / self.measured if known else None,
            "peak": self.peak if has_peak else None,
            "peak_at": self.peak_at if has_peak else None,
            "missing": 100.0 * (1 - self.measured / self.cells) if self.cells else 100.0,
        }


@dataclass
class _Growing:
    """A dataset whose blocks come one after the other."""

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
            ComponentSummary(one, **self.components[one].reported(kind))
            for one in sorted(self.components, key=component_order)
        )
        return DatasetSummary(
            name,
            unit,
            kind,
            self.rows,
            len(self.names),
            **self.whole.reported(kind),
            timestep=timestep,
            components=each,
        )


def summarize(
    tts: SeriesFile, *, wanted: str | Sequence[str] = (), by_component: bool = False
) -> list[DatasetSummary]:
    """Summaries of the datasets of a file, in the order of their names.

    Parameters
    ----------
    tts : SeriesFile
    wanted : str or sequence of str
        Shell patterns of datasets, of which each must match; none is all. A rate is
        meant by its whole name.
    by_component : bool

    Raises
    ------
    NotFound
        A pattern of `wanted` matches no dataset.
    FormatError
        The file is damaged.
    """
    return _summaries([tts], None, listed(wanted), by_component=by_component)


def summarize_range(
    archive: Archive,
    instance: str,
    first: int,
    last: int,
    *,
    wanted: str | Sequence[str] = (),
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
        No day of the range is in the archive, or a pattern matches no dataset of it.
    """
    low, high = (
        dt.datetime.fromtimestamp(second, ZoneInfo(archive.timezone)).date()
        for second in (first, last - 1)
    )
    dates = [date for date in archive.days(instance) if low <= date <= high]
    if not dates:
        archive.open(instance, low)
    return _summaries(
        _opened(archive, instance, dates), (first, last), listed(wanted), by_component=by_component
    ), len(dates)


def _opened(archive: Archive, instance: str, dates: Iterable[dt.date]) -> Iterator[SeriesFile]:
    """The files of some days, each closed when the next is requested."""
    for date in dates:
        with damage_named(archive.path(instance, date)), archive.open(instance, date) as tts:
            yield tts


Between = tuple[int, int] | None


class _Task(NamedTuple):
    """Rows of a dataset of one file, in blocks, and whether they are the last of them; `before` is
    what the row before the first of them lacks, `kept` what the file says that they come to.
    """

    header: Header
    stamps: Int64
    blocks: list[RowBlock]
    before: Bool
    is_last: bool = True
    kept: KeptSummary | None = None

    def reduced(self, *, by_component: bool) -> Reduced:
        """What the rows come to."""
        figures = self.kept and self.kept.load()
        if figures:
            return day_summary.reduced(figures, self.stamps, by_component=by_component)
        kind = self.header.kind
        parts = (
            reduce(
                block.load(), self.stamps[block.first : block.last], kind, by_component=by_component
            )
            for block in self.blocks
        )
        return functools.reduce(day_summary.merged, parts)


def _summaries(
    opened: Iterable[SeriesFile], between: Between, wanted: Sequence[str], *, by_component: bool
) -> list[DatasetSummary]:
    def reduced(task: _Task) -> tuple[_Task, Reduced]:
        return task, task.reduced(by_component=by_component)

    found: dict[str, _Growing] = {}
    so_far: Reduced | None = None
    for task, piece in threads.in_order(reduced, _tasks(opened, between, wanted, found)):
        so_far = day_summary.merged(so_far, piece) if so_far else piece
        if task.is_last:
            found[task.header.dataset].add(task.header, so_far.after(task.before))
            so_far = None
    return [found[name].finished() for name in sorted(found)]


def _tasks(
    opened: Iterable[SeriesFile],
    between: Between,
    wanted: Sequence[str],
    found: dict[str, _Growing],
) -> Iterator[_Task]:
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
                yield from _of_file(tts, header, stamps, low, high)
    if absent := [one for one in wanted if not chosen(sorted(there), [one])]:
        raise NotFound(f"no dataset {', '.join(absent)}", expected=", ".join(sorted(there)))


def _of_file(
    tts: SeriesFile, header: Header, stamps: Int64, low: int, high: int
) -> Iterator[_Task]:
    blocks, before = tts.row_blocks(header.dataset, low, high), _lacks(tts, header, low - 1)
    if blocks and (low, high) == (0, len(stamps)) and (kept := tts.kept(header.dataset)):
        yield _Task(header, stamps, blocks, before, kept=kept)
        return
    for block in blocks:
        yield _Task(header, stamps, [block], before, block is blocks[-1])


def _lacks(tts: SeriesFile, header: Header, row: int) -> Bool:
    """The missing cells of a row: bool (columns,); none where there is no row, or they do not
    matter.
    """
    if row < 0 or header.kind not in FLOW:
        return np.zeros(len(header.columns), bool)
    lacks: Bool = np.isnan(tts.to_numpy(header.dataset, row, row + 1)[0])
    return lacks


def listed(wanted: str | Sequence[str]) -> list[str]:
    """Patterns of datasets, one after the other; a text is a list of one.

    Raises
    ------
    BadArgument
        One is not a text.
    """
    if not isinstance(wanted, Iterable):
        raise BadArgument(f"{wanted!r} is not a list of datasets", expected="names or patterns")
    found = [wanted] if isinstance(wanted, str) else list(wanted)
    for one in found:
        if not isinstance(one, str) or not one:
            raise BadArgument(
                f"{one!r} is not a dataset", expected="a name, or a pattern such as 'datatargets/*'"
            )
    return found


def chosen(names: Sequence[str], wanted: str | Sequence[str]) -> list[str]:
    """The datasets that are meant by shell patterns, or by the name of a rate; all if there are
    none.
    """
    wanted = listed(wanted)
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
