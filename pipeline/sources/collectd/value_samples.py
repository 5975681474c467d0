"""Value lists of a spool to samples: what each value is of, and when it was."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from archive_tools.core.arrays import Int64
from archive_tools.core.cells import samples_event
from archive_tools.core.day import Day
from archive_tools.core.findings import Findings, shortened
from archive_tools.core.vocabulary import FindingKind
from pipeline.model import Samples
from pipeline.sources._shared import stacked
from pipeline.sources._shared.hosts import matches, usable
from pipeline.sources._shared.pattern_matches import NamesByKey
from pipeline.sources.collectd.jitter import on_edges
from pipeline.sources.collectd.options import Options
from pipeline.sources.collectd.table import Metric

JIFFIES = 100.0
"""A second, in the unit of the kernel's cpu counters (USER_HZ)."""
LONGEST = 1 << 20
"""Seconds: more than a day."""
ENOUGH = 10
"""Distances between rows that say what a host's interval is."""


class Reader:
    """Reads what one metric needs; notes in `names` what names there are."""

    def __init__(
        self, options: Options, day: Day, metric: Metric, findings: Findings, names: NamesByKey
    ) -> None:
        self.options, self.day, self.metric, self.findings = options, day, metric, findings
        self.names = names
        find = metric.find
        self.name, self.field, self.component = (
            metric.dataset.name,
            find.field,
            find.component,
        )
        self.types, self.type_instance = find.type, find.type_instance
        self.is_delta = metric.dataset.kind == "delta"

    def samples(self, paths: list[Path]) -> Iterator[Samples]:
        """The samples of a bucket of hosts, by type: of several the first that a host has."""
        reported: set[str] = set()
        for kind in self.types:
            names = _Names(self, reported)
            pieces = [piece for path in paths for piece in self._pieces(path, kind, names)]
            if names.parts:
                names.tell_twice()
                yield self._made(_Piece.joined(pieces).in_order(), names, kind)
            reported |= names.hosts

    def _pieces(self, path: Path, kind: str, names: _Names) -> Iterator[_Piece]:
        columns = [
            "time_ms",
            "interval_ms",
            "host",
            "instance",
            "type",
            "type_instance",
            self.field,
        ]
        with pq.ParquetFile(
            path, read_dictionary=["host", "instance", "type", "type_instance"]
        ) as file:
            for number in range(file.num_row_groups):
                table = file.read_row_group(number, columns=columns, use_threads=False)
                wanted = pc.and_(_equal(table, "type", kind), pc.is_valid(table.column(self.field)))
                if self.type_instance is not None:
                    wanted = pc.and_(wanted, _equal(table, "type_instance", self.type_instance))
                table = table.filter(wanted)
                if table.num_rows:
                    yield _Piece.of(table, self.field, names)

    def _made(self, piece: _Piece, names: _Names, kind: str) -> Samples:
        """Amounts, counters and gauges with the times that they are of."""
        options, reports = self.options, ""
        row = options.timestep * 1000, self.day.start * 1000
        if options.rates and self.is_delta:
            low = piece.value < 0
            self._report_resets(piece.only(low), names)
            piece, reports = self._over_intervals(piece.only(~low), names).on_rows(row), "delta"
            piece = piece._replace(value=piece.value * (piece.interval / 1000.0)).by_second("sum")
        elif kind == "cpu" and not options.rates:
            piece, resets = piece.shares(row)
            self._report_resets(resets, names)
        elif self.metric.find.over_interval:
            piece = self._over_intervals(piece, names).on_rows(row).by_second("mean")
        else:
            piece = piece.on_rows(row)
        time = piece.time // 1000
        inside = (time >= self.day.start) & (time < self.day.end + options.timestep)
        return Samples(
            self.name,
            time[inside],
            piece.column[inside],
            piece.value[inside],
            tuple(names.parts),
            names.whole,
            reports,
        )

    def _over_intervals(self, piece: _Piece, names: _Names) -> _Piece:
        """With the intervals that the rows are of; those that nobody knows are taken to be what the
        site says, or its timestep, with a finding.
        """
        host, every = names.host_numbers(), self.options.every
        piece = piece.over_intervals(self.options.interval, host)
        unknown = piece.interval <= 0
        if unknown.any():
            hosts = sorted({names.hosts_in_order[n] for n in np.unique(piece.column[unknown])})
            self.findings.add(
                FindingKind.INTERVAL_UNKNOWN,
                int(unknown.sum()),
                self.name,
                f"of {shortened(hosts)}, too few to measure; taken to be {every} s; set interval",
            )
            interval = np.where(unknown, every * 1000, piece.interval)
            start = np.where(unknown, piece.time - interval, piece.time)
            piece = piece._replace(time=start, interval=interval).in_order()
        return piece

    def _report_resets(self, piece: _Piece, names: _Names) -> None:
        components, span = samples_event(names.parts, piece.column, piece.time // 1000)
        count = len(piece.time)
        self.findings.add(FindingKind.RESETS, count, self.name, components=components, span=span)


class _Names:
    """Hosts and instances, numbered as they come: -1 for those that do not count, or that another
    type reported.
    """

    def __init__(self, reader: Reader, reported: Collection[str]) -> None:
        self._reader, self._reported = reader, reported
        self._number: dict[tuple[str, str], int] = {}
        self.parts: list[str] = []
        self._whole: list[str] = []

    @property
    def hosts(self) -> set[str]:
        return set(self._whole)

    @property
    def hosts_in_order(self) -> list[str]:
        """The host of each column."""
        return self._whole

    def tell_twice(self) -> None:
        """Note interfaces and devices that lie on others."""
        component = self._reader.component
        key = {"device": "devices", "interface": "interfaces"}.get(component)
        if key:
            counting = [pair for pair, number in self._number.items() if number >= 0]
            stacked.tell(self._reader.name, key, counting, self._reader.findings)

    def host_numbers(self) -> npt.NDArray[np.int32]:
        """By column: the number of its host."""
        number = {host: n for n, host in enumerate(dict.fromkeys(self._whole))}
        return np.array([number[host] for host in self._whole], dtype=np.int32)

    @property
    def are_by_type_instance(self) -> bool:
        """Whether value lists that differ by their type instance alone are parts of their own."""
        return self._reader.type_instance is None

    @property
    def whole(self) -> tuple[str, ...]:
        return tuple(self._whole) if self._reader.component in ("core", "interface") else ()

    def numbers(
        self, host: pa.DictionaryArray, instance: pa.DictionaryArray
    ) -> npt.NDArray[np.int32]:
        """The column of each row."""
        hosts, instances = host.dictionary.to_pylist(), instance.dictionary.to_pylist()
        pair = (
            host.indices.to_numpy().astype(np.int64) * len(instances) + instance.indices.to_numpy()
        )
        there = np.zeros(len(hosts) * len(instances), dtype=bool)
        there[pair] = True
        table = np.full(len(there), -1, dtype=np.int32)
        for place in np.flatnonzero(there).tolist():
            table[place] = self._of(
                hosts[place // len(instances)], instances[place % len(instances)]
            )
        return np.asarray(table[pair])

    def _of(self, host: str, instance: str) -> int:
        key = host, instance
        if key not in self._number:
            self._number[key] = len(self.parts) if self._counts(host, instance) else -1
            if self._number[key] >= 0:
                self.parts.append(
                    {"device": f"{host}:{instance}", "host": host}.get(
                        self._reader.component, f"{host}\0{instance}"
                    )
                )
                self._whole.append(host)
        return self._number[key]

    def _counts(self, host: str, instance: str) -> bool:
        options, component = self._reader.options, self._reader.component
        pattern = {"device": options.devices, "interface": options.interfaces}.get(
            component, "(?s).*"
        )
        if not (usable(host) and (usable(instance) or not instance)):
            self._reader.findings.add(
                FindingKind.NAMES_UNUSABLE,
                1,
                self._reader.name,
                f"{host[:40]!r} {instance[:40]!r}",
            )
            return False
        self._reader.names.add(host, "mdservers", "dataservers")
        if component in ("device", "interface"):
            self._reader.names.add(instance, f"{component}s")
        return (
            host not in self._reported
            and options.group(self._reader.name, host)
            and matches(pattern, instance)
        )


class _Piece(NamedTuple):
    """Rows of one metric: times and intervals in ms (0: not reported), columns, values."""

    time: Int64
    interval: Int64
    column: npt.NDArray[np.int32]
    value: npt.NDArray[Any]

    @classmethod
    def of(cls, table: pa.Table, field: str, names: _Names) -> _Piece:
        flat = table.combine_chunks()
        host, instance = (flat.column(name).chunk(0) for name in ("host", "instance"))
        if names.are_by_type_instance:
            instance = _with_type_instance(instance, flat.column("type_instance").chunk(0))
        interval = flat.column("interval_ms").fill_null(0).to_numpy().astype(np.int64)
        piece = cls(
            flat.column("time_ms").to_numpy(),
            interval,
            names.numbers(host, instance),
            flat.column(field).to_numpy(),
        )
        return piece.only(
            (piece.column >= 0)
            & (np.isfinite(piece.value) if piece.value.dtype.kind == "f" else True)
        )

    @classmethod
    def joined(cls, pieces: list[_Piece]) -> _Piece:
        return cls(*(np.concatenate(column) for column in zip(*pieces, strict=True)))

    def at(self, rows: npt.NDArray[Any]) -> _Piece:
        return _Piece(self.time[rows], self.interval[rows], self.column[rows], self.value[rows])

    def only(self, which: npt.NDArray[np.bool_]) -> _Piece:
        return self if which.all() else self.at(which)

    def in_order(self) -> _Piece:
        """By column and time; of rows that are there twice the one with the largest value."""
        numbered_in_16_bits = self.column.max(initial=0) < 1 << 15
        if (
            numbered_in_16_bits and (np.diff(self.time) >= 0).all()
        ):  # the quick way, for values as they came: in order of time, none twice
            piece = self.at(np.argsort(self.column.astype(np.int16), kind="stable"))
            if not piece.again().any():
                return piece
        piece = self.at(np.lexsort((-self.value, self.time, self.column)))
        return piece.only(~piece.again())

    def again(self) -> npt.NDArray[np.bool_]:
        """Which rows have the column and time of the row before."""
        found = np.zeros(len(self.time), dtype=bool)
        found[1:] = (np.diff(self.column) == 0) & (np.diff(self.time) == 0)
        return found

    def over_intervals(self, given: int, host: npt.NDArray[np.int32]) -> _Piece:
        """With the intervals that each row is of, and their starts as times.

        An interval is what the row itself reports; else `given` seconds; else what the distances of
        the rows of the columns of the same `host` say, see `_distances`; 0 where they are too few.
        """
        interval = (
            self.interval
            if given == 0
            else np.where(self.interval > 0, self.interval, given * 1000)
        )
        if not (interval > 0).all():
            interval = np.where(interval > 0, interval, self._distances(host)[host[self.column]])
        return self._replace(time=self.time - interval, interval=interval)

    def _distances(self, host: npt.NDArray[np.int32]) -> Int64:
        """The most frequent distance of the rows of each host's columns, in whole seconds, as ms,
        where it is of enough rows and of more than half of them. Another host has the most frequent
        one of those; 0 if there are none.
        """
        found = np.zeros(int(host.max(initial=-1)) + 1, dtype=np.int64)
        same = np.diff(self.column) == 0
        seconds = np.clip(np.rint(np.diff(self.time)[same] / 1000), 1, LONGEST - 1).astype(np.int64)
        of_host = host[self.column[1:][same]]
        pairs, count = np.unique(of_host * np.int64(LONGEST) + seconds, return_counts=True)
        enough = (count >= ENOUGH) & (2 * count > np.bincount(of_host)[pairs // LONGEST])
        found[pairs[enough] // LONGEST] = pairs[enough] % LONGEST * 1000
        known, often = np.unique(found[found > 0], return_counts=True)
        found[found == 0] = known[often.argmax()] if len(known) else 0
        return found

    def on_rows(self, row: tuple[int, int]) -> _Piece:
        """With times that are on the rows' edges around which they lie; see `jitter`."""
        return self._replace(time=on_edges(self.time, self.interval, self.column, row))

    def by_second(self, how: Literal["sum", "mean"]) -> _Piece:
        """One row a column and second; several happen only where collectd measures every second."""
        head = np.ones(len(self.time), dtype=bool)
        head[1:] = (np.diff(self.column) != 0) | (np.diff(self.time // 1000) != 0)
        if head.all():
            return self
        at = np.flatnonzero(head)
        value = np.add.reduceat(self.value, at)
        if how == "mean":
            value = value / np.diff(np.append(at, len(head)))
        return self.only(head)._replace(value=value)

    def shares(self, row: tuple[int, int]) -> tuple[_Piece, _Piece]:
        """Counters of jiffies as shares of the time between two rows, %, at the earlier row; and
        those that fell. For `row` see `on_rows`.
        """
        same = np.diff(self.column) == 0
        seconds, jiffies = np.diff(self.time)[same] / 1000.0, np.diff(self.value)[same]
        share = np.minimum(100.0 / JIFFIES * jiffies / seconds, 100.0)
        piece = _Piece(
            self.time[:-1][same], self.interval[:-1][same], self.column[:-1][same], share
        )
        return piece.only(share >= 0).on_rows(row).by_second("mean"), piece.only(share < 0)


def _with_type_instance(
    instance: pa.DictionaryArray, type_instance: pa.DictionaryArray
) -> pa.DictionaryArray:
    """Instances with the type instances of the same rows: ``sda``, ``eth0``, ``sda-part``."""
    if not any(type_instance.dictionary.to_pylist()):
        return instance
    first, second = (pc.fill_null(one.cast(pa.string()), "") for one in (instance, type_instance))
    both = pc.binary_join_element_wise(first, second, "-")
    found = pc.if_else(pc.equal(second, ""), first, pc.if_else(pc.equal(first, ""), second, both))
    return found.dictionary_encode()


def _equal(table: pa.Table, name: str, value: str) -> Any:
    return pc.fill_null(pc.equal(table.column(name).cast(pa.string()), value), False)


def tell_skew(options: Options, pieces: Sequence[Path], findings: Findings) -> None:
    """Hosts whose stamps differ from the stamps of arrival by more than a row."""
    if not options.arrival_field:
        return
    by_bucket: dict[str, list[Path]] = {}
    for path in (path for folder in pieces for path in sorted(folder.glob("*/*.parquet"))):
        by_bucket.setdefault(path.name, []).append(path)
    there = 0
    for paths in by_bucket.values():
        columns = ["host", "time_ms", "arrival_ms"]
        table = pa.concat_tables(
            [
                pq.read_table(path, columns=columns, filters=pc.is_valid(pc.field("arrival_ms")))
                for path in paths
            ]
        )
        there += table.num_rows
        late = table.append_column(
            "late", pc.subtract(table.column("arrival_ms"), table.column("time_ms"))
        )
        for row in late.group_by("host").aggregate([("late", "approximate_median")]).to_pylist():
            seconds = row["late_approximate_median"] / 1000
            if abs(seconds) > options.timestep:
                plugin = paths[0].stem.partition("-")[0]
                findings.add(
                    FindingKind.CLOCK_SKEW,
                    1,
                    row["host"],
                    f"{plugin} values arrive {seconds:+.0f} s after their stamps, by the median",
                )
    findings.add(FindingKind.NO_ARRIVAL_STAMP, not there, options.arrival_field)
