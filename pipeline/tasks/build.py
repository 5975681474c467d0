"""Building: raw data to TTS files, and from `darshan.hdf5` the day's index and job table."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from archive_tools import darshan_file, index, layout
from archive_tools.receipts import COMPLETE, PARTIAL
from archive_tools.receipts import fingerprint as fingerprint_of
from archive_tools.tts_write import TtsWriter
from pipeline import schemas
from pipeline.errors import NoData
from pipeline.model import LogBatch, Samples
from pipeline.tasks import engine
from pipeline.tasks.base import ArchiveTask
from pipeline.tasks.fetch import Fetch
from pipeline.transform.darshan import DayMerger, Reduction
from pipeline.transform.grid import Gridder

CLOSED = 900
"""Seconds: a day whose data reach this close to its end is complete; gaps within it are findings."""
WHERE_FROM = {"database", "password_env", "password_file", "logs", "log_seconds", "log_memory_mb"}
"""Keys that say where data come from and what reading may cost, not what is made of them."""


class Build(ArchiveTask):
    """The TTS file of one day and instance."""

    product = "tts"

    def _fetch(self) -> Fetch:
        return Fetch(date=self.date, instance=self.instance, site=self.site)

    def needs(self) -> list[ArchiveTask]:
        return [self._fetch()]

    def path(self) -> Path:
        return layout.path(self.config.root, layout.TTS, self.date, self.instance)

    def raw_folder(self) -> Path:
        """Where the raw data of the day are."""
        return self._fetch().path()

    def fingerprint(self) -> str | None:
        raw = self.raw()
        if raw is None:
            return None
        receipt = self.standing().good(self.instance, self.product)
        if receipt and not self.raw_folder().is_dir():
            return receipt.fingerprint  # cannot be made again: what stands is what there is
        options = self.options.model_dump(exclude=WHERE_FROM)
        return fingerprint_of(raw.fingerprint, options, self.config.timezone, self.config.missing, schemas.SCHEMA_VERSION)

    def make(self, temporary: Path) -> dict[str, Any]:
        raw = self.raw_folder()
        if not raw.is_dir():
            raise NoData(f"raw data of {self.instance} for {self.date} are gone ({raw})", hint="tokio-pipeline invalidate the day to fetch it again")
        attributes = {"site": self.config.site, "instance": self.instance, "inputs_fingerprint": raw.name.rpartition(".")[2]}
        with TtsWriter(temporary, self.day, missing=self.config.missing, attributes=attributes) as writer:
            if self.source.GIVES is LogBatch:
                return self._darshan(writer, raw)
            return self._samples(writer, raw)

    def _samples(self, writer: TtsWriter, raw: Path) -> dict[str, Any]:
        options = self.options
        metrics = {metric.dataset.name: metric for metric in schemas.source_map(options.kind)}
        gridder = Gridder(self.day, options.timestep, self.findings)
        last, rows, most, samples_seen = -1, self.day.rows(options.timestep), 0, 0
        for samples in ahead(self.source.parse(options, self.day, raw, self.findings)):
            metric = metrics[samples.dataset]
            grid = gridder.grid(samples, metric)
            updated = int(samples.time.max()) if len(samples) else self.day.start
            samples_seen += len(samples)
            if grid.columns:
                writer.write(grid, metric.dataset, source=options.kind, updated=updated)
            measured = (grid.values == grid.values).any(axis=1).nonzero()[0]
            if len(measured):
                last, most = max(last, int(measured[-1])), max(most, len(measured))
        if last < 0:
            raise NoData(f"{self.instance} has no measurement of {self.date}")
        closed = self.day.start + (last + 1) * options.timestep >= self.day.end - CLOSED
        counts = {"samples": samples_seen, "datasets": len(writer.measured), "cells": sum(writer.measured.values())}
        return {"counts": counts, "measured": writer.measured, "state": COMPLETE if closed else PARTIAL, "percent": min(99, 100 * most // rows)}

    def _darshan(self, writer: TtsWriter, raw: Path) -> dict[str, Any]:
        options, metrics = self.options, schemas.source_map("darshan")
        reduction = Reduction(self.day, options.timestep, options.mount_to_fsname, metrics)
        tables = darshan_file.TableWriter(writer.file)
        merger = DayMerger(self.day, options.timestep, options.mount_to_fsname, metrics, tables.append)
        with engine.executor(self.config.engine) as executor:
            for parts in engine.in_order(executor, self.source.run, self.source.jobs(options, self.day, raw, reduction)):
                for part in parts:
                    merger.add(part)
        datasets = {metric.dataset.name: metric.dataset for metric in metrics}
        for grid in merger.finish(self.findings):
            writer.write(grid, datasets[grid.dataset], source="darshan", updated=merger.last_end)
        tables.close()
        for method, amount in merger.placed.items():
            writer.file.attrs[f"bytes_placed_by_{method}"] = amount
        return {"counts": merger.counts, "bytes_placed": merger.placed}


def ahead(items: Iterator[Samples]) -> Iterator[Samples]:
    """The same items; the next one is made in a thread while one is worked on."""
    with ThreadPoolExecutor(1, thread_name_prefix="parse") as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


class Index(ArchiveTask):
    """The day's SQLite index of logs, made from `darshan.hdf5`."""

    product = "index"

    def _build(self) -> Build:
        return Build(date=self.date, instance=self.instance, site=self.site)

    def needs(self) -> list[ArchiveTask]:
        return [self._build()]

    def path(self) -> Path:
        return layout.path(self.config.root, layout.INDEX, self.date, self.instance)

    def fingerprint(self) -> str | None:
        receipt = self.standing().good(self.instance, "tts")
        return fingerprint_of(receipt.fingerprint, schemas.index_ddl()) if receipt else None

    def make(self, temporary: Path) -> dict[str, Any]:
        return {"counts": index.write_index(self._build().path(), temporary)}


class Jobs(ArchiveTask):
    """The day's table of jobs and file systems, made from the index."""

    product = "jobs"

    def _index(self) -> Index:
        return Index(date=self.date, instance=self.instance, site=self.site)

    def needs(self) -> list[ArchiveTask]:
        return [self._index()]

    def path(self) -> Path:
        return layout.path(self.config.root, layout.JOBS, self.date, self.instance)

    def fingerprint(self) -> str | None:
        receipt = self.standing().good(self.instance, "index")
        return fingerprint_of(receipt.fingerprint, index.JOBS) if receipt else None

    def make(self, temporary: Path) -> dict[str, Any]:
        return {"counts": index.write_jobs(self._index().path(), temporary, str(self.date))}
