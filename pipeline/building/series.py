"""A day's TTS file of a source of series: samples to grids, grids to datasets."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from archive_tools.core.components import component_order
from archive_tools.core.errors import NoData, SourceError, TokioError
from archive_tools.core.findings import Findings
from archive_tools.core.grid import Grid
from archive_tools.core.quantities import counted
from archive_tools.core.vocabulary import WITHOUT_COLUMN, FindingKind, ReceiptState
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.schemas import Absent
from pipeline.building import pieces
from pipeline.building.coverage import Coverage
from pipeline.building.instance_day import InstanceDay
from pipeline.building.made import Made
from pipeline.building.outages import Outage
from pipeline.building.possible import AwaitedTotals, remove_impossible
from pipeline.building.roster import Roster
from pipeline.building.so_far import KEY, SoFar
from pipeline.building.trial_matches import matches_of_file_systems
from pipeline.model import Samples
from pipeline.processes.memory import give_back_large_blocks
from pipeline.schemas.source_maps import Selector, SourceMetric
from pipeline.sources._shared.pattern_matches import tell_unmatched
from pipeline.sources.contract import SeriesSource
from pipeline.transform.counters import are_counters
from pipeline.transform.grid import Gridder, idle_among_moved

MOST_SAID = 3
"""Findings that the state of a day says."""
QUALITY = (
    FindingKind.DUPLICATES,
    FindingKind.SEVERAL_IN_CELL,
    FindingKind.OUTSIDE_DAY,
    FindingKind.RESETS,
    FindingKind.SINGLE_LOW,
    FindingKind.GROWTH_ACROSS_GAPS,
)
"""Findings that are counted for every dataset, also where there are none."""


def write_series(
    where: InstanceDay,
    source: SeriesSource[Any],
    raw: Path,
    writer: TtsWriter,
    roster: Roster,
    retired: Collection[str] = (),
    outages: Collection[Outage] = (),
    so_far: SoFar | None = None,
) -> Made:
    """Write the datasets of a day, from its raw data.

    Parameters
    ----------
    where : InstanceDay
    source : SeriesSource
    raw : pathlib.Path
        Folder of the raw data.
    writer : TtsWriter
    roster : Roster
        What the instance had on the days before: what is not measured of it is a column, or a
        dataset, that is missing.
    retired : collection of str
        Components and datasets that nobody expects any more.
    outages : collection of Outage
        Times in which what was not measured is not expected.
    so_far : SoFar, optional
        A day that goes on, of which earlier rows need not be made again.

    Raises
    ------
    CannotGoOn
        They must be.
    NoData
        Nothing was measured.
    SourceError
        The raw data cannot be read.
    """
    give_back_large_blocks()
    metrics = {metric.dataset.name: metric for metric in source.metrics()}
    percent = where.options.complete_percent
    coverage = Coverage(where.day, where.options.timestep, roster, percent, retired, outages)
    series = _Series(where, writer, metrics, coverage, so_far)
    parse_findings = Findings()  # of the thread that parses
    samples = ahead(
        so_far.samples()
        if so_far
        else pieces.samples(source, where.options, where.day, pieces.paths(raw), parse_findings)
    )
    with contextlib.closing(samples):  # here, whatever happens, and not in its own thread
        for name, those in itertools.groupby(samples, key=lambda one: one.dataset):
            series.write(name, those)
    series.findings.merge(parse_findings)
    series.write_absent()
    if so_far:
        known = so_far.known(series.findings)
        made = series.made()
        return replace(made, more={**made.more, KEY: known})
    return series.made()


class _Series:
    """The datasets of a day as they are written."""

    def __init__(
        self,
        where: InstanceDay,
        writer: TtsWriter,
        metrics: dict[str, SourceMetric[Selector]],
        coverage: Coverage,
        so_far: SoFar | None,
    ) -> None:
        self.so_far = so_far
        self.where, self.writer, self.metrics, self.coverage = where, writer, metrics, coverage
        self.findings = Findings()
        self.gridder = Gridder(where.day, where.options.timestep, self.findings)
        self.rows = where.day.rows(where.options.timestep)
        self.samples = 0
        self.awaited = AwaitedTotals(metric.dataset for metric in metrics.values())
        self.updated: dict[str, int] = {}
        self.components: dict[str, dict[str, None]] = {}
        self.without_cells: dict[str, set[str]] = {}
        self.only_listed: dict[str, set[str]] = {}

    def write(self, name: str, those: Iterable[Samples]) -> None:
        """Write one dataset."""
        if name not in self.metrics:
            raise SourceError(
                f"{self.where.instance}: the source gives {name}, which is not in its table",
                expected=", ".join(self.metrics),
            )
        if name in self.updated:
            raise SourceError(
                f"{self.where.instance}: the source gives {name} again after other datasets",
                hint="the pieces of a dataset must follow each other",
            )
        metric = self.metrics[name]
        grids: list[Grid] = []
        updated = self.where.day.start
        listed, sampled = set[str](), set[str]()
        for samples in those:
            listed.update(samples.whole or samples.names)
            sampled.update(samples.sampled)
            if self._are_counters(samples, samples.reports or metric.reports):
                raise SourceError(
                    f"{self.where.instance}: {name}: the values are whole numbers that only grow:"
                    " counters, not rates",
                    hint="set the key that says so, such as store_rates of collectd, to false",
                )
            if self.so_far:
                self.so_far.add(samples, metric)
            else:
                grids.extend(self.gridder.parts(samples, metric))
                self.samples += len(samples)
            updated = max(updated, samples.span[1]) if len(samples) else updated
        absent = metric.dataset.absent
        made = self.so_far.rows() if self.so_far else self.gridder.whole_day(grids)
        grid = with_columns(made, self._expected(name), absent)
        self.updated[name] = updated
        have = ~np.isnan(grid.values)
        measured, moved = have.any(axis=0), (have & (grid.values != 0)).any(axis=0)
        if self.so_far:
            closed = self.so_far.close(grid)
            self.samples += self.so_far.count
            measured |= closed.measured.any(axis=0)
            moved |= closed.moved
            sampled |= {c for c, one in zip(grid.columns, closed.sampled, strict=True) if one}
            listed |= {c for c, one in zip(grid.columns, closed.listed, strict=True) if one}
        without = {grid.columns[i] for i in np.flatnonzero(~measured)}
        self.without_cells[name] = without & sampled
        self.only_listed[name] = listed - sampled
        if grid.columns:
            self._keep(grid)
        idle = idle_among_moved(grid.columns, measured, moved) if absent == "missing" else []
        self.findings.add(
            FindingKind.IDLE_AMONG_BUSY,
            len(idle),
            grid.dataset,
            components=idle,
            span=(self.where.day.start, self.where.day.end),
        )

    def _are_counters(self, samples: Samples, reports: str) -> bool:
        """Whether rates, or amounts that a source made of rates, are counters."""
        options = self.where.options
        interval = getattr(options, "interval", 0) or options.timestep
        if reports == "rate":
            return are_counters(samples)
        return samples.reports == "delta" and are_counters(samples, float(interval))

    def write_absent(self) -> None:
        """Write what waits for a total that did not come, and the datasets of the roster of which
        nothing was measured: all missing.
        """
        for grid in self.awaited.rest():
            self._write(grid)
        day, step = self.where.day, self.where.options.timestep
        for name in self.coverage.roster.days:
            expected = self._expected(name)
            if expected and name in self.metrics and name not in self.writer.measured:
                empty = Grid(name, (), day.start, step, np.empty((self.rows, 0)))
                self._write(with_columns(empty, expected))

    def _expected(self, name: str) -> frozenset[str]:
        """The components that a dataset had on the days before, and that are not retired."""
        coverage = self.coverage
        if name in coverage.retired:
            return frozenset()
        return coverage.roster.components(name) - coverage.retired

    def _keep(self, grid: Grid) -> None:
        """Write a grid without what cannot be, as soon as its total is there."""
        largest = self.where.options.largest.get(grid.dataset)
        remove_impossible(grid, self.metrics[grid.dataset].dataset, self.findings, largest)
        for one in self.awaited.ready(grid, self.findings):
            self._write(one)

    def _write(self, grid: Grid) -> None:
        self.writer.write(
            grid,
            self.metrics[grid.dataset].dataset,
            source=self.where.options.kind,
            updated=self.updated.get(grid.dataset, self.where.day.start),
            largest=self.where.options.largest.get(grid.dataset),
            earlier=self.so_far.earlier_rows(grid) if self.so_far else None,
        )
        name = grid.dataset
        self.coverage.add(
            grid,
            self.without_cells.get(name, ()),
            self.only_listed.get(name, ()),
            self.so_far.closed_of(grid).measured if self.so_far else None,
        )
        group = grid.dataset.partition("/")[0]
        self.components.setdefault(group, {}).update(dict.fromkeys(grid.columns))

    def made(self) -> Made:
        """What became of the day.

        Raises
        ------
        NoData
            Nothing was measured.
        SourceError
            Nothing was measured, and a part of the input could not be read.
        """
        if not self.coverage.measured_rows:
            raise self._nothing()
        self.findings.add(FindingKind.EMPTY_ROWS, self.rows - self.coverage.measured_rows)
        for lack in self.coverage.lacks():
            for name, cells in lack.cells_of.items():
                self.findings.add(
                    FindingKind.NOT_MEASURED,
                    cells,
                    name,
                    lack.sentence if lack.gaps > 1 else "",
                    components=lack.components,
                    span=lack.span,
                )
        acknowledged = "; ".join(
            outage.sentence(self.where.day) for outage in self.coverage.outages
        )
        self.findings.add(FindingKind.ACKNOWLEDGED, self.coverage.excused, detail=acknowledged)
        behind = matches_of_file_systems(self.where, self.components, self.components)
        tell_unmatched(behind, self.findings)
        unreadable = self.findings.total(FindingKind.UNREADABLE)
        without_column = self._without_column()
        is_complete = self.coverage.is_complete and not (unreadable or without_column)
        roster = self._next_roster(complete=is_complete)
        gone = self.coverage.roster.names() - roster.names() - self.coverage.retired
        self.findings.add(FindingKind.LEFT_ROSTER, len(gone), components=gone)
        counts = {
            "samples": self.samples,
            "datasets": len(self.writer.measured),
            "cells": sum(self.writer.measured.values()),
        }
        return Made(
            counts,
            self.findings,
            ReceiptState.COMPLETE if is_complete else ReceiptState.PARTIAL,
            min(99, math.floor(self.coverage.percent)),
            {
                "quality": {name: self._quality(name) for name in self.writer.measured},
                "percent": math.floor(10 * self.coverage.percent) / 10,
                "why": self._why(unreadable, without_column),
                "missing_components": self.coverage.missing_components(),
                "roster": roster.as_json(),
            },
        )

    def _nothing(self) -> TokioError:
        where, what = self.where, self.findings.sentences()
        unreadable = self.findings.total(FindingKind.UNREADABLE)
        return (SourceError if unreadable else NoData)(
            f"{where.instance} has no measurement of {where.day}", got="; ".join(what)
        )

    def _without_column(self) -> list[str]:
        """What was measured and is not archived, where that is more than may be missing."""
        most = 100.0 - self.where.options.complete_percent
        found = [one for one in self.findings if one.kind in WITHOUT_COLUMN and one.amount > most]
        return [str(one) for one in found[:MOST_SAID]]

    def _why(self, unreadable: int, without_column: Sequence[str]) -> str:
        """What is missing, for a person; "" if nothing."""
        parts = (
            [f"{counted(unreadable, 'part')} of the input could not be read"] if unreadable else []
        )
        return "; ".join([*parts, *without_column, *filter(None, [self.coverage.why()])])

    def _next_roster(self, *, complete: bool) -> Roster:
        counts = complete and not self.coverage.outages  # who was away is not gone
        coverage = self.coverage
        return coverage.roster.after(coverage.measured, complete=counts, listed=coverage.listed)

    def _quality(self, name: str) -> dict[str, int]:
        """What a receipt says of a dataset."""
        measured = self.writer.measured[name]
        return {
            "measured": measured,
            "missing": self.rows * self.writer.columns[name] - measured,
            **dict.fromkeys(QUALITY, 0),
            **self.findings.counts_at(name),
        }


def with_columns(grid: Grid, names: Collection[str], absent: Absent = "missing") -> Grid:
    """The grid with a column for each of `names`; those that it did not have are missing, or zero
    in the rows that were measured.
    """
    if all(name in grid.columns for name in names):
        return grid
    columns = tuple(sorted({*grid.columns, *names}, key=component_order))
    values = np.full((len(grid.values), len(columns)), np.nan)
    if absent == "zero":
        values[~np.isnan(grid.values).all(axis=1)] = 0.0
    place = {name: i for i, name in enumerate(columns)}
    values[:, [place[name] for name in grid.columns]] = grid.values
    return Grid(grid.dataset, columns, grid.start, grid.timestep, values)


def ahead(items: Iterator[Samples]) -> Generator[Samples, None, None]:
    """The same items; the next one is made in a thread while one is worked on."""
    with ThreadPoolExecutor(1, thread_name_prefix="parse") as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
