"""Batches of Darshan logs to the tables and series of their day.

`reduce_batch` makes a part of each batch, wherever it is read; `DayMerger` adds parts up. Bytes and
operations are placed in time by the best that a log has: traced segments (DXT), else what they do
not explain of its heat map, else evenly between first and last access. Whatever the method, whole
units are placed and the totals are those of the counters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Int64, Table
from archive_tools.core.components import component_order
from archive_tools.core.day import Day
from archive_tools.core.findings import Findings, shortened
from archive_tools.core.grid import Grid
from archive_tools.core.sums import LARGEST
from archive_tools.core.vocabulary import FindingKind, RejectReason
from pipeline.model import LONGEST_JOB_DAYS, METHODS, BatchSummary, LogBatch, Remark
from pipeline.schemas.source_maps import LogSelector, SourceMetric
from pipeline.transform.believed import believed, records_of, without_others
from pipeline.transform.mounts import UNKNOWN, FileSystems, batch_places, shown_paths
from pipeline.transform.placing import BatchPlacing, Share
from pipeline.transform.records import Amounts, amounts, spread, summaries, total
from pipeline.transform.remarks import remarks


@dataclass(frozen=True)
class Reduction:
    """How batches are reduced; picklable, so that it can be done anywhere.

    Attributes
    ----------
    day : Day
    timestep : int
        Seconds a row of the series.
    mount_to_fsname : mapping of str to str
        See `FileSystems`.
    metrics : tuple of SourceMetric
        Which counters become which series, and between which time stamps they lie.
    largest : mapping of str to float
        By dataset: what the site says that a file system can have in a second.
    late_days : int
        Days after which the folder of a log is not looked at again.
    """

    day: Day
    timestep: int
    mount_to_fsname: Mapping[str, str]
    metrics: tuple[SourceMetric[LogSelector], ...]
    largest: Mapping[str, float] = field(default_factory=dict)
    late_days: int = LONGEST_JOB_DAYS

    def __call__(self, batch: LogBatch) -> BatchSummary:
        return reduce_batch(batch, self)

    def check(self, part: BatchSummary, names: Sequence[str]) -> None:
        """Refuse what cannot be of the logs of these names, whoever says it.

        Raises
        ------
        ValueError
            It has other logs, one of them twice, numbers of rows that are not there, or other
            series than the day's.
        """
        found = [*part.logs["filename"].tolist(), *part.rejects["filename"].tolist()]
        if len(set(found)) < len(found) or not set(found) <= set(names):
            raise ValueError("logs that were not read, or one of them twice")
        logs, mounts = len(part.logs["filename"]), len(part.mounts)
        _check_numbers("log_id", [part.summaries["log_id"], part.stripes["log_id"]], logs)
        _check_numbers("fs_id", [part.summaries["fs_id"]], mounts)
        known = {metric.dataset.name for metric in self.metrics}
        rows = (self.day.rows(self.timestep),)
        for (name, mount), values in part.series.items():
            if name not in known or not 0 <= mount < mounts or values.shape != rows:
                raise ValueError(f"series {name} of mount point {mount}, {values.shape}")
        if not (part.outside.keys() <= known and part.placed.keys() <= set(METHODS)):
            raise ValueError("sums of datasets or methods that are not known")
        if part.neighbours < 0 or not part.contradicted.keys() <= set(found):
            raise ValueError("findings of logs that were not read")
        if not part.remarks.keys() <= set(FindingKind):
            raise ValueError("remarks of kinds that are not known")


def _check_numbers(what: str, columns: Sequence[npt.NDArray[Any]], below: int) -> None:
    for column in columns:
        if len(column) and not 0 <= column.min() <= column.max() < below:
            raise ValueError(f"{what} from {column.min()} to {column.max()} of {below}")


def reduce_batch(batch: LogBatch, how: Reduction) -> BatchSummary:
    """What a batch of logs comes to."""
    file_systems = FileSystems(how.mount_to_fsname)
    found_places = batch_places(batch, file_systems)
    mounts, places = _sorted_mounts(found_places.mounts, found_places.of_records)
    own = {name: records_of(records, batch.own) for name, records in batch.records.items()}
    found = summaries(
        list(own.values()), [places[name][batch.own[batch.records[name].log]] for name in own]
    )
    number = np.cumsum(batch.own) - 1
    found["log_id"] = number[found["log_id"]] if len(found["log_id"]) else found["log_id"]
    good = believed(batch, how.metrics, how.largest)
    counted, its_places = without_others(batch, places, good)
    placing = BatchPlacing(counted, its_places)
    series, outside, placed = _series(placing, how, its_places)
    return BatchSummary(
        logs={name: column[batch.own] for name, column in batch.logs.items()},
        rejects=batch.rejects,
        stripes={
            **batch.stripes,
            "log_id": (
                number[batch.stripes["log_id"]]
                if len(batch.stripes["log_id"])
                else batch.stripes["log_id"]
            ),
        },
        mounts=mounts,
        summaries=found,
        series=series,
        outside=outside,
        placed=placed,
        neighbours=int((~batch.own).sum()),
        contradicted=_contradicted(placing),
        unplaced={path: at_most(amount) for path, amount in found_places.unplaced.items()},
        remarks=remarks(batch, good, how.day, how.late_days),
    )


def _sorted_mounts(
    mounts: Mapping[str, int], places: Mapping[str, Int64]
) -> tuple[tuple[str, ...], dict[str, Int64]]:
    """Mount points in the order of their names, and their new numbers of each record."""
    names = sorted(mounts)
    number = np.empty(len(names), np.int64)
    number[[mounts[name] for name in names]] = np.arange(len(names))
    return tuple(names), {module: number[place] for module, place in places.items()}


Series = dict[tuple[str, int], Float64]


def _series(
    placing: BatchPlacing, how: Reduction, places: Mapping[str, Int64]
) -> tuple[Series, dict[str, int], dict[str, int]]:
    """Amounts over time by dataset and mount point, what lies outside the day, and bytes placed by
    each method.
    """
    own = placing.batch.own
    rows = how.day.rows(how.timestep)
    series: Series = {}
    outside: dict[str, int] = {}
    placed = dict.fromkeys(METHODS, 0)
    for metric in how.metrics:
        name = metric.dataset.name
        for module in filter(placing.batch.records.__contains__, metric.find.counters):
            for method, pieces in _placed(placing, module, places[module], metric):
                if not len(pieces.amount):
                    continue
                if metric.dataset.unit == "bytes":
                    placed[method] = at_most(placed[method] + total(pieces.amount))
                used, column = np.unique(pieces.column, return_inverse=True)
                values, before, after = spread(
                    replace(pieces, column=column), how.day.start, how.timestep, rows, len(used)
                )
                for mount, of_mount in zip(used.tolist(), values.T, strict=True):
                    series[name, mount] = series.get((name, mount), 0.0) + of_mount
                if before or after:
                    beyond = _outside_own(pieces, own, how.day)
                    outside[name] = at_most(outside.get(name, 0) + beyond)
    return series, outside, placed


def at_most(amount: int) -> int:
    """An amount that a file can hold: counters may be garbage."""
    return min(amount, LARGEST)


def _outside_own(pieces: Amounts, own: npt.NDArray[np.bool_], day: Day) -> int:
    """What the day's own logs did outside the day; that of neighbours is their own day's affair."""
    mine = own[pieces.log]
    _, before, after = spread(
        Amounts(
            pieces.amount[mine],
            pieces.begin[mine],
            pieces.end[mine],
            pieces.column[mine] * 0,
            pieces.log[mine],
            pieces.file[mine],
        ),
        day.start,
        day.end - day.start,
        1,
        1,
    )
    return before + after


def _placed(
    placing: BatchPlacing, module: str, place: Int64, metric: SourceMetric[LogSelector]
) -> Iterator[tuple[str, Amounts]]:
    """Amounts with the intervals that the best method of each gives them."""
    during = metric.find.during
    records, counter = placing.batch.records[module], metric.find.counters[module]
    what = amounts(records, place, counter, during, placing.start, placing.end)
    if during not in ("READ", "WRITE"):
        return placing.evenly(what)
    return placing.placed(what, module, Share(metric.dataset.unit == "bytes", during == "WRITE"))


def _contradicted(placing: BatchPlacing) -> dict[str, int]:
    """Files whose traces are not used, by the names of their logs, of the day's own logs."""
    logs, count = np.unique(placing.contradicted, return_counts=True)
    names, own = placing.batch.logs["filename"], placing.batch.own
    return {
        str(names[log]): files
        for log, files in zip(logs.tolist(), count.tolist(), strict=True)
        if own[log]
    }


class DayMerger:
    """Adds parts up. Tables go to `write` as they come; only series and mount points are kept.

    What comes of parts does not depend on how the logs were divided among them.

    Parameters
    ----------
    day : Day
    timestep : int
    mount_to_fsname : mapping of str to str
    metrics : sequence of SourceMetric
    write : callable
        Receives the name of a table and more rows of it.
    """

    def __init__(
        self,
        day: Day,
        timestep: int,
        mount_to_fsname: Mapping[str, str],
        metrics: Sequence[SourceMetric[LogSelector]],
        write: Any,
    ) -> None:
        self.day, self.timestep, self.metrics, self.write = day, timestep, metrics, write
        self.file_systems = FileSystems(mount_to_fsname)
        self.mounts: dict[str, int] = {}
        self.series: Series = {}
        self.outside: dict[str, int] = {}
        self.placed = dict.fromkeys(METHODS, 0)
        self.counts = {"logs": 0, "rejects": 0, "summaries": 0, "neighbours": 0}
        self.partial = 0
        self.unreadable: Counter[str] = Counter()
        self.last_end = day.start
        self.reasons: dict[str, int] = {}
        self.passing: Counter[str] = Counter()
        self.contradicted: dict[str, int] = {}
        self.unplaced: dict[str, int] = {}
        self.remarks: dict[str, Remark] = {}

    def add(self, part: BatchSummary) -> None:
        """Add one part, whose logs come after those of the parts before."""
        self.add_sums(part)
        self.add_rows(part)

    def add_sums(self, part: BatchSummary) -> None:
        """Add the series of a part, and its sums, in any order of parts."""
        number = self._numbers(part)
        for (name, mount), values in part.series.items():
            key = name, int(number[mount])
            self.series[key] = self.series.get(key, 0.0) + values
        for name, amount in part.outside.items():
            self.outside[name] = at_most(self.outside.get(name, 0) + amount)
        for method, amount in part.placed.items():
            self.placed[method] = at_most(self.placed[method] + amount)
        self.counts["neighbours"] += part.neighbours
        self.contradicted |= part.contradicted
        for path, amount in part.unplaced.items():
            self.unplaced[path] = at_most(self.unplaced.get(path, 0) + amount)
        for kind, remark in part.remarks.items():
            self.remarks[kind] = self.remarks.get(kind, Remark(0, ())) | remark

    def _numbers(self, part: BatchSummary) -> Int64:
        """The numbers of a part's mount points, as far as the day is known."""
        return np.array(
            [self.mounts.setdefault(mount, len(self.mounts)) for mount in part.mounts],
            dtype=np.int64,
        )

    def add_rows(self, part: BatchSummary) -> None:
        """Add rows of the tables, in the order of the logs."""
        number = self._numbers(part)
        size = len(part.logs["filename"])
        first = self.counts["logs"]
        self.write("logs", {"log_id": np.arange(first, first + size, dtype=np.int64), **part.logs})
        self.write("rejects", part.rejects)
        self.write("stripes", {**part.stripes, "log_id": part.stripes["log_id"] + first})
        sums: dict[str, npt.NDArray[Any]] = dict(part.summaries)
        sums["log_id"] = sums["log_id"] + first
        sums["fs_id"] = number[sums["fs_id"]] if len(sums["fs_id"]) else sums["fs_id"]
        self.write("summaries", sums)
        for reason in part.rejects["reason"].tolist():
            short = reason.partition(":")[0]
            self.reasons[short] = self.reasons.get(short, 0) + 1
            if not RejectReason.lasts(reason):
                self.passing[reason] += 1
        self._count(part, size)

    def _count(self, part: BatchSummary, size: int) -> None:
        self.counts["logs"] += size
        self.counts["rejects"] += len(part.rejects["reason"])
        self.counts["summaries"] += len(part.summaries["log_id"])
        self.partial += int(np.count_nonzero(part.logs["partial_modules"] != ""))
        for modules in part.logs["unreadable_modules"].tolist():
            self.unreadable.update([modules] if modules else ())
        if size:
            last = min(float(part.logs["end_time"].max()), self.day.end + LONGEST_JOB_DAYS * 86_400)
            self.last_end = max(self.last_end, int(last))

    def final_numbers(self) -> Int64:
        """The numbers that mount points have in the end, by those that they had meanwhile: in the
        order of their names.
        """
        place = {mount: n for n, mount in enumerate(sorted(self.mounts))}
        return np.array([place[mount] for mount in self.mounts], dtype=np.int64)

    def finish(self, findings: Findings) -> list[Grid]:
        """Write the table of mount points, note the findings, and give the series."""
        for reason, count in sorted(self.reasons.items()):
            findings.add(FindingKind.LOGS_REJECTED, count, "", reason)
        findings.add(FindingKind.LOGS_PARTIAL, self.partial)
        for modules, count in sorted(self.unreadable.items()):
            findings.add(FindingKind.MODULES_UNREADABLE, count, detail=modules)
        if self.contradicted:
            findings.add(
                FindingKind.TRACES_CONTRADICT,
                sum(self.contradicted.values()),
                detail=f"files of {len(self.contradicted)} logs, such as {min(self.contradicted)}",
            )
        for kind, (logs, some) in self.remarks.items():
            findings.add(kind, logs, detail=shortened(some, more=logs - len(some)))
        findings.add(
            FindingKind.BYTES_UNPLACED,
            at_most(sum(self.unplaced.values())),
            detail=f"paths begin with {shown_paths(self.unplaced)}",
        )
        for name, amount in self.outside.items():
            findings.add(
                FindingKind.AMOUNT_OUTSIDE_DAY,
                amount,
                name,
                "of logs that ran over midnight, or are not of this day; days that are `neighbours`"
                " away, or nearer, or up to 31 days later, have it, others do not",
            )
        self.write("mounts", self.mount_table())
        return list(self._grids())

    def mount_table(self) -> Table:
        """The mount points with their final numbers and file systems."""
        mounts = sorted(self.mounts)
        return {
            "fs_id": np.arange(len(mounts), dtype=np.int64),
            "mountpt": np.array(mounts, dtype=object),
            "fsname": np.array([self.file_systems[mount] for mount in mounts], dtype=object),
        }

    def _grids(self) -> Iterator[Grid]:
        """One grid a dataset, one column a file system; a file system that nobody used is 0."""
        mounts = list(self.mounts)
        names = sorted({self.file_systems[mount] for mount in mounts}, key=component_order) or [
            UNKNOWN
        ]
        place = {name: column for column, name in enumerate(names)}
        column = [place[self.file_systems[mount]] for mount in mounts]
        by_dataset: dict[str, list[tuple[int, Float64]]] = {}
        for (name, mount), series in self.series.items():
            by_dataset.setdefault(name, []).append((column[mount], series))
        for metric in self.metrics:
            values = np.zeros((self.day.rows(self.timestep), len(names)))
            for number, series in by_dataset.get(metric.dataset.name, ()):
                values[:, number] += series
            yield Grid(metric.dataset.name, tuple(names), self.day.start, self.timestep, values)
