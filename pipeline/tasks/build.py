"""Building: raw data to TTS files, and from `darshan.hdf5` the day's index and job table."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from archive_tools import schemas
from archive_tools.core.errors import NoData
from archive_tools.core.findings import shortened
from archive_tools.core.vocabulary import FindingKind, Product, ReceiptState
from archive_tools.formats import darshan_tables
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.jobs import servers
from archive_tools.store import layout
from archive_tools.store.receipts import derived, follows
from pipeline import sources
from pipeline.building import engine
from pipeline.model import Samples
from pipeline.schemas.source_maps import Selector, SourceMetric
from pipeline.sources.contract import LogSource, SeriesSource
from pipeline.tasks.base import ArchiveTask
from pipeline.tasks.fetch import Fetch
from pipeline.transform.darshan import DayMerger, Reduction
from pipeline.transform.grid import Gridder, joined, silent

CLOSED = 900
"""Seconds: a day is complete when every dataset that has data has them this close to its end; gaps
are findings.
"""
LONGEST_INPUTS, MOST_FINDINGS = 16_384, 50
"""Characters of inputs, and findings, that a file tells itself: an attribute has at most 64 KiB."""
QUALITY = (
    FindingKind.DUPLICATES,
    FindingKind.SEVERAL_IN_CELL,
    FindingKind.OUTSIDE_DAY,
    FindingKind.RESETS,
    FindingKind.SINGLE_LOW,
    FindingKind.GROWTH_ACROSS_GAPS,
)
"""Findings that are counted for every dataset, also where there are none."""


class Build(ArchiveTask):
    """The TTS file of one day and instance."""

    product = Product.TTS
    priority = 10  # an index that is made after all of these need not be made again

    @functools.cached_property
    def _fetch(self) -> Fetch:
        return Fetch(date=self.date, instance=self.instance, site=self.site)

    def needs(self) -> list[ArchiveTask]:
        return [self._fetch]

    def path(self) -> Path:
        return layout.path(self.config.root, layout.TTS, self.date, self.instance)

    def raw_folder(self) -> Path:
        """Where the raw data of the day are."""
        return self._fetch.path()

    def fingerprint(self) -> str | None:
        raw = self.raw()
        if raw is None:
            return None
        return derived(
            raw.fingerprint,
            self.options.made_of(),
            self.config.timezone,
            self.config.missing,
            schemas.SCHEMA_VERSION,
            *([meaning] if (meaning := sources.meaning(self.source)) else []),
        )

    def up_to_date(self) -> bool:
        """As for all products; a file that cannot be made again, because its raw data are pruned,
        is what there is.
        """
        raw, receipt = self.raw(), self.standing().good(self.instance, self.product)
        if (
            raw
            and receipt
            and follows(receipt.fingerprint, raw.fingerprint)
            and not self.raw_folder().is_dir()
        ):
            return self.path().exists()
        return super().up_to_date()

    def make(self, temporary: Path) -> dict[str, Any]:
        raw = self.raw_folder()
        if not raw.is_dir():
            raise NoData(
                f"raw data of {self.instance} for {self.date} are gone ({raw})",
                hint="tokio-pipeline invalidate the day to fetch it again",
            )
        attributes = {
            "site": self.config.site,
            "instance": self.instance,
            "inputs_fingerprint": raw.name.rpartition(".")[2],
        }
        with TtsWriter(
            temporary, self.day, missing=self.config.missing, attributes=attributes
        ) as writer:
            source = self.source
            told = (
                self._darshan(source, writer, raw)
                if isinstance(source, LogSource)
                else self._samples(source, writer, raw)
            )
            writer.file.attrs["provenance"] = self._provenance()
        return told

    def _provenance(self) -> str:
        """Where the file comes from, as JSON: what does not depend on when and where it was made.
        The receipts have all of it.
        """
        receipt = self.raw()
        fetched = self.standing().content(receipt) if receipt else {}
        inputs = json.dumps(fetched.get("inputs", {}), sort_keys=True)
        if len(inputs) > LONGEST_INPUTS:
            inputs = json.dumps(
                {
                    "sha256": hashlib.sha256(inputs.encode()).hexdigest(),
                    "listed in": "the receipt of the raw data",
                }
            )
        told = self.made_by() | {
            "inputs": json.loads(inputs),
            "source": fetched.get("source", {}),
            "findings": [str(finding) for finding in self.findings][:MOST_FINDINGS],
        }
        return json.dumps(told, sort_keys=True)

    def _samples(self, source: SeriesSource[Any], writer: TtsWriter, raw: Path) -> dict[str, Any]:
        options = self.options
        metrics = {metric.dataset.name: metric for metric in source.metrics()}
        gridder = Gridder(self.day, options.timestep, self.findings)
        rows, samples_seen = self.day.rows(options.timestep), 0
        covered: dict[str, npt.NDArray[np.intp]] = {}
        cells: dict[str, int] = {}
        for name, pieces in itertools.groupby(
            ahead(source.parse(options, self.day, raw, self.findings)),
            key=lambda samples: samples.dataset,
        ):
            seen, measured = self._dataset(writer, gridder, metrics[name], pieces)
            samples_seen += seen
            if name in writer.measured:
                cells[name] = rows * writer.columns[name]
            if len(measured):
                covered[name] = measured
        if not covered:
            raise NoData(f"{self.instance} has no measurement of {self.date}")
        early = [
            name
            for name, measured in covered.items()
            if (measured[-1] + 1) * options.timestep < self.day.end - self.day.start - CLOSED
        ]
        self.findings.add(FindingKind.ENDS_EARLY, len(early), detail=shortened(early))
        fullest = max(len(measured) for measured in covered.values())
        self.findings.add(FindingKind.EMPTY_ROWS, rows - fullest)
        counts = {
            "samples": samples_seen,
            "datasets": len(writer.measured),
            "cells": sum(writer.measured.values()),
        }
        percent = 100 * min(len(measured) for measured in covered.values()) // rows
        partial = early or self.findings.total(FindingKind.UNREADABLE)
        quality = {name: self._quality(name, writer.measured[name], cells[name]) for name in cells}
        return {
            "counts": counts,
            "quality": quality,
            "state": ReceiptState.PARTIAL if partial else ReceiptState.COMPLETE,
            "percent": min(99, percent),
        }

    def _dataset(
        self,
        writer: TtsWriter,
        gridder: Gridder,
        metric: SourceMetric[Selector],
        pieces: Iterable[Samples],
    ) -> tuple[int, npt.NDArray[np.intp]]:
        """Write one dataset; the number of its samples, and the rows in which something was
        measured.
        """
        grids, seen, updated = [], 0, self.day.start
        for samples in pieces:
            grids.append(gridder.grid(samples, metric))
            seen += len(samples)
            updated = max(updated, int(samples.time.max())) if len(samples) else updated
        grid = joined(grids)
        if grid.columns:
            writer.write(grid, metric.dataset, source=self.options.kind, updated=updated)
        zero = silent(grid)
        self.findings.add(FindingKind.IDLE_AMONG_BUSY, len(zero), grid.dataset, shortened(zero))
        return seen, np.flatnonzero(~np.isnan(grid.values).all(axis=1))

    def _quality(self, name: str, measured: int, cells: int) -> dict[str, int]:
        """What a receipt tells of a dataset."""
        return {
            "measured": measured,
            "missing": cells - measured,
            **dict.fromkeys(QUALITY, 0),
            **self.findings.of(name),
        }

    def _darshan(self, source: LogSource[Any], writer: TtsWriter, raw: Path) -> dict[str, Any]:
        options, metrics = self.options, source.metrics()
        mount_to_fsname = source.mount_to_fsname(options)
        reduction = Reduction(self.day, options.timestep, mount_to_fsname, metrics)
        tables = darshan_tables.TableWriter(writer.file)
        merger = DayMerger(self.day, options.timestep, mount_to_fsname, metrics, tables.append)
        with engine.executor(self.config.engine) as executor:
            jobs = source.jobs(options, self.day, raw, reduction, self._rejected(source))
            for parts in engine.in_order(executor, source.run, jobs):
                for part in parts:
                    merger.add(part)
        datasets = {metric.dataset.name: metric.dataset for metric in metrics}
        for grid in merger.finish(self.findings):
            writer.write(grid, datasets[grid.dataset], source=source.kind, updated=merger.last_end)
        tables.close()
        for method, amount in merger.placed.items():
            writer.file.attrs[f"bytes_placed_by_{method}"] = amount
        writer.file.attrs["reader"] = source.reader
        return {
            "counts": merger.counts,
            "bytes_placed": merger.placed,
            "span": self._span(writer.file["darshan/logs"]),
        }

    def _span(self, logs: h5py.Group) -> list[int]:
        """First and last second of the day's logs, but for those with garbage for times; the day's
        first second if there are none.
        """
        first, last = (
            logs["start_time"][...],
            np.maximum(
                logs["end_time"][...],
                logs["start_time"][...] + np.nan_to_num(logs["walltime"][...]),
            ),
        )
        good = servers.within_reach(self.day, first, last)
        return (
            [int(first[good].min()), int(last[good].max())]
            if good.any()
            else [self.day.start, self.day.start]
        )

    def _rejected(self, source: LogSource[Any]) -> dict[tuple[str, int, int], str]:
        """Files that the archived day rejects, by the same reader; none where the day shall be made
        anew.
        """
        if self.standing().good(self.instance, self.product) is None or not self.path().is_file():
            return {}
        with h5py.File(self.path(), "r") as file:
            if file.attrs.get("reader") != source.reader:
                return {}
        table = darshan_tables.read_table(self.path(), "rejects")
        columns = (table[name].tolist() for name in ("filename", "log_bytes", "mtime_ns", "reason"))
        return {
            (name, size, time): reason for name, size, time, reason in zip(*columns, strict=True)
        }


def ahead(items: Iterator[Samples]) -> Iterator[Samples]:
    """The same items; the next one is made in a thread while one is worked on."""
    with ThreadPoolExecutor(1, thread_name_prefix="parse") as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
