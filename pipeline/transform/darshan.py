"""Batches of Darshan logs to the tables and series of their day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.model import DarshanDay, Day, Findings, Float64, Grid, Int64, LogBatch, Records, component_order
from pipeline.schemas import SourceMetric
from pipeline.transform.mounts import UNKNOWN, FileSystems, mount_of
from pipeline.transform.records import amounts, spread, summaries


def darshan_day(
    batches: Iterable[LogBatch], day: Day, timestep: int, mount_to_fsname: Mapping[str, str], metrics: Iterable[SourceMetric], findings: Findings
) -> DarshanDay:
    """Reduce the logs of a day.

    Parameters
    ----------
    batches : iterable of LogBatch
        Reduced as they come; none is kept.
    day : Day
    timestep : int
        Seconds a row of the series.
    mount_to_fsname : mapping of str to str
        See `FileSystems`.
    metrics : iterable of SourceMetric
        Which counters become which series, and between which time stamps they are spread evenly.
    findings : Findings

    Returns
    -------
    DarshanDay
        The series hold what happened within the day; what logs did before or after it is a finding.
    """
    reduction = _Reduction(day, timestep, FileSystems(mount_to_fsname), tuple(metrics))
    for batch in batches:
        reduction.add(batch)
    return reduction.finish(findings)


class _Reduction:
    def __init__(self, day: Day, timestep: int, file_systems: FileSystems, metrics: tuple[SourceMetric, ...]) -> None:
        self.day, self.timestep, self.file_systems, self.metrics = day, timestep, file_systems, metrics
        self.mounts: dict[str, int] = {}
        self.count = 0
        self.logs: list[Mapping[str, npt.NDArray[Any]]] = []
        self.rejects: list[Mapping[str, npt.NDArray[Any]]] = []
        self.summaries: list[dict[str, npt.NDArray[Any]]] = []
        self.series: dict[tuple[str, int], Float64] = {}
        self.outside: dict[str, int] = {}

    def add(self, batch: LogBatch) -> None:
        """Reduce one batch."""
        places = self._places(batch)
        size = len(batch.mounts)
        found = summaries(list(batch.records.values()), list(places.values()))
        found["log_id"] = found["log_id"] + self.count
        self.summaries.append(found)
        self.logs.append({"log_id": np.arange(self.count, self.count + size, dtype=np.int64), **batch.logs})
        self.rejects.append(batch.rejects)
        self.count += size
        for metric in self.metrics:
            for module, counter in metric.find["counters"].items():
                self._spread(metric, batch, batch.records[module], places[module], counter)

    def _places(self, batch: LogBatch) -> dict[str, Int64]:
        """The mount point of each record, by module; new mount points get the next numbers."""
        known = [frozenset(mounts) for mounts in batch.mounts]
        for mount in sorted(frozenset().union(*known)):
            if self.file_systems.configured(mount):
                self.mounts.setdefault(mount, len(self.mounts))
        codes: dict[tuple[int, int], int] = {}
        places = {}
        for module, records in batch.records.items():
            place = np.empty(len(records), dtype=np.int64)
            for i, key in enumerate(zip(records.log.tolist(), records.file.tolist(), strict=True)):
                code = codes.get(key)
                if code is None:
                    log, file = key
                    mount = mount_of(batch.names[log].get(file, ""), known[log])
                    code = codes[key] = self.mounts.setdefault(mount, len(self.mounts))
                place[i] = code
            places[module] = place
        return places

    def _spread(self, metric: SourceMetric, batch: LogBatch, records: Records, place: Int64, counter: str) -> None:
        start = batch.logs["start_time"]
        end = np.maximum(batch.logs["end_time"], start + batch.logs["walltime"])
        what = amounts(records, place, counter, metric.find["during"], start, end)
        values, before, after = spread(what, self.day.start, self.timestep, self.day.rows(self.timestep), len(self.mounts))
        name = metric.dataset.name
        self.outside[name] = self.outside.get(name, 0) + before + after
        for mount in np.unique(place).tolist():
            self.series[name, mount] = self.series.get((name, mount), 0.0) + values[:, mount]

    def finish(self, findings: Findings) -> DarshanDay:
        """Everything that was added."""
        logs, rejects, sums = _joined(self.logs), _joined(self.rejects), _joined(self.summaries)
        findings.add("logs rejected", len(rejects["reason"]))
        findings.add("logs with partial data", int(np.count_nonzero(logs["partial_modules"] != "")))
        for name, amount in self.outside.items():
            findings.add("amount outside the day", amount, name, "of logs that ran over midnight")
        mounts = list(self.mounts)
        table = {
            "fs_id": np.arange(len(mounts), dtype=np.int64),
            "mountpt": np.array(mounts, dtype=object),
            "fsname": np.array([self.file_systems[mount] for mount in mounts], dtype=object),
        }
        return DarshanDay(logs, table, sums, rejects, tuple(self._grids(mounts)))

    def _grids(self, mounts: list[str]) -> Iterator[Grid]:
        """One grid a dataset, one column a file system; a file system that nobody used is 0."""
        names = sorted({self.file_systems[mount] for mount in mounts}, key=component_order) or [UNKNOWN]
        for metric in self.metrics:
            values = np.zeros((self.day.rows(self.timestep), len(names)))
            for (name, mount), series in self.series.items():
                if name == metric.dataset.name:
                    values[:, names.index(self.file_systems[mounts[mount]])] += series
            yield Grid(metric.dataset.name, tuple(names), self.day.start, self.timestep, values)


def _joined(tables: list[Any]) -> dict[str, npt.NDArray[Any]]:
    """Tables below each other."""
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
