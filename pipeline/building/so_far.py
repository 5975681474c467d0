"""A day that goes on: what is made of it goes on from the file that is there.

Rows that are closed, whole chunks of the file to which nothing can be added any more, are copied as
they are; what is to be known of them beside their figures is in the receipt. Where anything is not
as it was, the day is made from all its raw data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from archive_tools.core.arrays import Bool
from archive_tools.core.day import Day
from archive_tools.core.findings import Findings
from archive_tools.core.grid import Grid
from archive_tools.core.vocabulary import FindingKind
from archive_tools.formats import encoding
from archive_tools.formats.tts_write import EarlierRows, chunk_rows
from pipeline.building.closed_rows import (
    Closed,
    digests,
    findings_as_json,
    findings_from_json,
)
from pipeline.building.instance_day import InstanceDay
from pipeline.building.pieces import Piece
from pipeline.model import Samples
from pipeline.schemas.source_maps import Selector, SourceMetric
from pipeline.sources.contract import SeriesSource
from pipeline.transform.cuts import AFTER, Cutter, Stretch, stopped_at
from pipeline.transform.grid import Gridder
from pipeline.transform.union import united

KEY = "closed"
"""What the receipt of a file calls what is known of its closed rows."""
COUNTERS = ("counter", "seconds")


class CannotGoOn(Exception):
    """The day must be made from all its raw data."""


@dataclass(frozen=True)
class Earlier:
    """The file that the archive has of a day that goes on.

    Attributes
    ----------
    path : pathlib.Path
        Its bytes are those of its receipt.
    known : mapping
        What the receipt knows of its closed rows.
    """

    path: Path
    known: Mapping[str, Any]


@dataclass(frozen=True)
class _Tail:
    """What there is of a dataset beyond the closed rows.

    Attributes
    ----------
    samples : Samples
    stopped : bool (names,)
        Which names had stopped at `cut`.
    rows, cut : int
        How many rows were closed, and how many are now.
    """

    samples: Samples
    stopped: Bool
    rows: int
    cut: int


class SoFar:
    """A day of series that goes on.

    Parameters
    ----------
    where : InstanceDay
    source : SeriesSource
    held : sequence of Piece
        The pieces of the raw data, oldest first.
    fetched : mapping
        Content of the receipt of the raw data.
    earlier : Earlier, optional

    Raises
    ------
    CannotGoOn
        The pieces are not those of the earlier file and later ones, or their times are not known.
    """

    def __init__(
        self,
        where: InstanceDay,
        source: SeriesSource[Any],
        held: Sequence[Piece],
        fetched: Mapping[str, Any],
        earlier: Earlier | None = None,
    ) -> None:
        self.where, self.source, self.held = where, source, held
        self.day: Day = where.day
        self.step = where.options.timestep
        self.digests = digests(fetched, held)
        known = earlier.known if earlier else {}
        self.before = {
            name: Closed.from_json(content) for name, content in known.get("datasets", {}).items()
        }
        self.after: dict[str, Closed] = {}
        self.closed, self.findings = findings_from_json(known.get("findings", ())), Findings()
        if type(source).parse_pieces is not SeriesSource.parse_pieces:
            raise CannotGoOn("pieces of this kind are read together")
        spans = [piece.span for piece in held]
        if not all(spans):
            raise CannotGoOn("the times of the pieces are not known")
        self.spans = [span for span in spans if span]
        before = list(known.get("pieces", ()))
        if before != self.digests[: len(before)]:
            raise CannotGoOn("earlier pieces are not those of the file")
        last = max((closed.rows for closed in self.before.values()), default=0)
        if last and any(
            first < self._second(last + AFTER) for first, _ in self.spans[len(before) :]
        ):
            raise CannotGoOn("a piece has times of rows that were closed")
        newest = max(last for _, last in self.spans)
        per_chunk = chunk_rows(self.step, self.day.rows(self.step))
        rows = (newest - self.day.start) // self.step - AFTER
        self._next = max(0, rows // per_chunk * per_chunk)
        self.parsed = {
            digest: findings_from_json(known.get("parsed", {}).get(digest, ())) for digest in before
        }
        self._dataset, self._cutter = "", Cutter()
        self._gridders: dict[tuple[int, int], Gridder] = {}
        self.file = h5py.File(earlier.path, "r") if earlier else None

    def __enter__(self) -> SoFar:
        return self

    def __exit__(self, *_: object) -> None:
        if self.file:
            self.file.close()

    def _second(self, row: int) -> int:
        return int(self.day.start + row * self.step)

    def samples(self) -> Iterator[Samples]:
        """The samples of the pieces that reach beyond the closed rows."""
        first = min((closed.rows for closed in self.before.values()), default=0)
        chosen = [n for n, (_, last) in enumerate(self.spans) if last >= self._second(first)]
        newest_first = [self.held[n].path for n in reversed(chosen)]
        findings = [Findings() for _ in newest_first]
        options, day, source = self.where.options, self.day, self.source
        order = {metric.dataset.name: number for number, metric in enumerate(source.metrics())}
        streams = [
            source.parse(options, day, path, its)
            for path, its in zip(newest_first, findings, strict=True)
        ]
        yield from united(streams, order)
        self.parsed |= {
            self.digests[n]: its for n, its in zip(reversed(chosen), findings, strict=True)
        }

    def add(self, samples: Samples, metric: SourceMetric[Selector]) -> None:
        """Take the samples of the next dataset.

        Raises
        ------
        CannotGoOn
            Its rows cannot be made without those that are closed.
        """
        name, reports = samples.dataset, samples.reports or metric.reports
        if samples.whole or self._dataset == name or (self.before and name not in self.before):
            raise CannotGoOn(f"{name} cannot be cut")
        self._dataset = name
        rows = self.before[name].rows if name in self.before else 0
        start = self._second(rows)
        tail = self._cutter.between(samples, start if rows else None, None)
        if rows and self._stopped(name).intersection(_sampled(tail)):
            raise CannotGoOn(f"components of {name} that had stopped go on")
        if rows and self.before[name].samples and not len(tail):
            raise CannotGoOn(f"{name} has no more samples")
        stopped = np.zeros(len(samples.names), dtype=bool)
        cut = max(rows, self._next)
        if cut > rows and reports in COUNTERS:
            found = stopped_at(tail, self._second(cut), self.step)
            cut, stopped = (rows, stopped) if found is None else (cut, found)
        self._tail = _Tail(tail, stopped, rows, cut)
        self._grid = self._made(samples, metric, self.step if reports in COUNTERS else 0)

    def _made(self, samples: Samples, metric: SourceMetric[Selector], closing: int) -> Grid:
        """The rows that were not closed: those that are now, and the others."""
        rows, cut = self._tail.rows, self._tail.cut
        start, second = self._second(rows), self._second(cut)
        first = start if rows else None
        grids = []
        if cut > rows:
            closed = self._cutter.between(samples, first, second + closing)
            grids.append(self._gridder(start, second, self.closed).grid(closed, metric))
            first = second
        rest = self._cutter.between(samples, first, None)
        grids.append(self._gridder(second, self.day.end, self.findings).grid(rest, metric))
        values = np.concatenate([grid.values for grid in grids]) if cut > rows else grids[0].values
        return Grid(samples.dataset, grids[0].columns, start, self.step, values)

    def _gridder(self, start: int, end: int, findings: Findings) -> Gridder:
        """One that is kept for the datasets that were measured together."""
        return self._gridders.setdefault(
            (start, end), Gridder(Stretch(start, end), self.step, findings)
        )

    def rows(self) -> Grid:
        """The rows of that dataset that were not closed."""
        return self._grid

    @property
    def count(self) -> int:
        """How many samples of the dataset there are."""
        return len(self._tail.samples) + self.closed_of(self._grid).samples

    def earlier_rows(self, grid: Grid) -> EarlierRows | None:
        """The closed rows of a dataset in the earlier file; None if there are none."""
        closed = self.before.get(grid.dataset)
        if closed is None or not closed.rows or self.file is None:
            return None
        return EarlierRows(self.file[grid.dataset], closed.rows, int(closed.measured.sum()))

    def closed_of(self, grid: Grid) -> Closed:
        """What is known of the rows that were closed, for the columns of the other rows."""
        found = self.before.get(grid.dataset)
        return found if found and found.rows else Closed.none(len(grid.columns))

    def close(self, grid: Grid) -> Closed:
        """Note which rows of the dataset are closed now; what was known of those that were.

        Parameters
        ----------
        grid : Grid
            The rows that were not closed, with all columns of the file.

        Raises
        ------
        CannotGoOn
            The file has other components.
        """
        name, before, tail = grid.dataset, self.closed_of(grid), self._tail
        if before.rows and self._columns(name) != grid.columns:
            raise CannotGoOn(f"{name} has other components")
        place = {column: number for number, column in enumerate(grid.columns)}
        of_name = np.array([place[one] for one in tail.samples.names], dtype=np.intp)
        inside = tail.samples.time < self._second(tail.cut)
        more = np.zeros((3, len(grid.columns)), dtype=bool)
        more[0, of_name[tail.samples.column[inside]]] = True
        more[1, of_name] = True
        more[2, of_name[tail.stopped]] = True
        values = grid.values[: tail.cut - tail.rows]
        have = ~np.isnan(values)
        self.after[name] = Closed(
            tail.cut,
            np.concatenate([before.measured, have]),
            before.moved | (have & (values != 0)).any(axis=0),
            before.sampled | more[0],
            before.listed | more[1],
            before.stopped | more[2],
            before.samples + int(np.count_nonzero(inside)),
        )
        return before

    def _columns(self, name: str) -> tuple[str, ...]:
        """The components of a dataset in the earlier file."""
        if self.file is None or name not in self.file:
            raise CannotGoOn(f"the file has no {name}")
        return encoding.decode_names(self.file[name].attrs["columns"])

    def _stopped(self, name: str) -> set[str]:
        """Components that had stopped at the end of the closed rows."""
        stopped = self.before[name].stopped
        if not stopped.any():
            return set()
        return {one for one, is_so in zip(self._columns(name), stopped, strict=True) if is_so}

    def known(self, findings: Findings) -> dict[str, Any]:
        """What the receipt says of the closed rows; all findings of the pieces and rows are added
        to `findings`.

        Raises
        ------
        CannotGoOn
            A dataset of the closed rows was not given, or figures that cannot be were found: how
            large one may be depends on the rows before it.
        """
        if self.before.keys() - self.after.keys():
            raise CannotGoOn("a dataset is not given any more")
        for found in (self.closed, self.findings, *self.parsed.values()):
            findings.merge(found)
        if findings.total(FindingKind.IMPOSSIBLE):
            raise CannotGoOn("there are figures that cannot be")
        return {
            "pieces": self.digests,
            "parsed": {digest: findings_as_json(found) for digest, found in self.parsed.items()},
            "findings": findings_as_json(self.closed),
            "datasets": {name: closed.as_json() for name, closed in self.after.items()},
        }


def _sampled(samples: Samples) -> set[str]:
    return {samples.names[n] for n in np.unique(samples.column).tolist()}
