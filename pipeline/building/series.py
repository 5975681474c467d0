"""A day's TTS file of a source of series: samples to grids, grids to datasets."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from archive_tools.core.errors import NoData, SourceError
from archive_tools.core.findings import Findings, shortened
from archive_tools.core.vocabulary import FindingKind, ReceiptState
from archive_tools.formats.tts_write import TtsWriter
from pipeline.building.instance_day import InstanceDay
from pipeline.building.made import Made
from pipeline.model import Samples
from pipeline.schemas.source_maps import Selector, SourceMetric
from pipeline.sources.contract import SeriesSource
from pipeline.transform.grid import Gridder, concatenated, idle_among_busy_peers

CLOSED = 900
"""Seconds: a day is complete when every dataset that has data has them this close to its end; gaps
are findings.
"""
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
    where: InstanceDay, source: SeriesSource[Any], raw: Path, writer: TtsWriter
) -> Made:
    """Write the datasets of a day, from its raw data.

    Raises
    ------
    NoData
        Nothing was measured.
    SourceError
        The raw data cannot be read.
    """
    series = _Series(where, writer, {metric.dataset.name: metric for metric in source.metrics()})
    parse_findings = Findings()  # of the thread that parses
    samples = ahead(source.parse(where.options, where.day, raw, parse_findings))
    for name, pieces in itertools.groupby(samples, key=lambda piece: piece.dataset):
        series.write(name, pieces)
    series.findings.merge(parse_findings)
    return series.made()


class _Series:
    """The datasets of a day as they are written."""

    def __init__(
        self,
        where: InstanceDay,
        writer: TtsWriter,
        metrics: dict[str, SourceMetric[Selector]],
    ) -> None:
        self.where, self.writer, self.metrics = where, writer, metrics
        self.findings = Findings()
        self.gridder = Gridder(where.day, where.options.timestep, self.findings)
        self.rows = where.day.rows(where.options.timestep)
        self.samples = 0
        self.covered: dict[str, npt.NDArray[np.intp]] = {}

    def write(self, name: str, pieces: Iterable[Samples]) -> None:
        """Write one dataset."""
        if name not in self.metrics:
            raise SourceError(
                f"{self.where.instance}: the source gives {name}, which is not in its table",
                expected=", ".join(self.metrics),
            )
        if name in self.writer.measured:
            raise SourceError(
                f"{self.where.instance}: the source gives {name} again after other datasets",
                hint="the pieces of a dataset must follow each other",
            )
        metric = self.metrics[name]
        grids, updated = [], self.where.day.start
        for samples in pieces:
            grids.append(self.gridder.grid(samples, metric))
            self.samples += len(samples)
            updated = max(updated, int(samples.time.max())) if len(samples) else updated
        grid = concatenated(grids)
        if grid.columns:
            kind = self.where.options.kind
            self.writer.write(grid, metric.dataset, source=kind, updated=updated)
        idle = idle_among_busy_peers(grid)
        self.findings.add(FindingKind.IDLE_AMONG_BUSY, len(idle), grid.dataset, shortened(idle))
        measured = np.flatnonzero(~np.isnan(grid.values).all(axis=1))
        if len(measured):
            self.covered[name] = measured

    def made(self) -> Made:
        """What became of the day.

        Raises
        ------
        NoData
            Nothing was measured.
        """
        where, covered = self.where, self.covered
        if not covered:
            raise NoData(f"{where.instance} has no measurement of {where.day}")
        early = self._end_early()
        self.findings.add(FindingKind.ENDS_EARLY, len(early), detail=shortened(early))
        rows_of = [len(measured) for measured in covered.values()]
        self.findings.add(FindingKind.EMPTY_ROWS, self.rows - max(rows_of))
        is_partial = early or self.findings.total(FindingKind.UNREADABLE)
        counts = {
            "samples": self.samples,
            "datasets": len(self.writer.measured),
            "cells": sum(self.writer.measured.values()),
        }
        return Made(
            counts,
            self.findings,
            ReceiptState.PARTIAL if is_partial else ReceiptState.COMPLETE,
            min(99, 100 * min(rows_of) // self.rows),
            {"quality": {name: self._quality(name) for name in self.writer.measured}},
        )

    def _end_early(self) -> list[str]:
        """Datasets whose data end before the day does."""
        day, timestep = self.where.day, self.where.options.timestep
        limit = day.end - day.start - CLOSED
        return [
            name for name, measured in self.covered.items() if (measured[-1] + 1) * timestep < limit
        ]

    def _quality(self, name: str) -> dict[str, int]:
        """What a receipt says of a dataset."""
        measured = self.writer.measured[name]
        return {
            "measured": measured,
            "missing": self.rows * self.writer.columns[name] - measured,
            **dict.fromkeys(QUALITY, 0),
            **self.findings.counts_at(name),
        }


def ahead(items: Iterator[Samples]) -> Iterator[Samples]:
    """The same items; the next one is made in a thread while one is worked on."""
    with ThreadPoolExecutor(1, thread_name_prefix="parse") as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
