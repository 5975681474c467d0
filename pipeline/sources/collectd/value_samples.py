"""Value lists of a spool to samples: what each value is of, and when it was."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from archive_tools.core.cells import samples_event
from archive_tools.core.day import Day
from archive_tools.core.findings import Findings, shortened
from archive_tools.core.vocabulary import FindingKind
from pipeline.model import Samples
from pipeline.sources._shared import stacked
from pipeline.sources._shared.hosts import matches, usable
from pipeline.sources._shared.pattern_matches import NamesByKey, of_rows, share
from pipeline.sources.collectd.options import Options
from pipeline.sources.collectd.table import Metric
from pipeline.sources.collectd.value_rows import ValueRows

ACTIVE = "active"
"""The type instance of all that is not idle: per cent of a cpu plugin without ReportByState."""


class Reader:
    """Reads what one metric needs; notes in `names` what names there are."""

    def __init__(
        self, options: Options, day: Day, metric: Metric, findings: Findings, names: NamesByKey
    ) -> None:
        self.options, self.day, self.metric, self.findings = options, day, metric, findings
        self.names = names
        self.rows, self.unusable_rows = 0, 0
        self.unusable: set[tuple[str, str]] = set()
        find = metric.find
        self.name, self.field, self.component = (
            metric.dataset.name,
            find.field,
            find.component,
        )
        self.types, self.type_instance = find.type, find.type_instance
        self.is_delta = metric.dataset.kind == "delta"
        # not a key of the table, which is part of the fingerprints of all days
        self.is_load = find.type_instance == "idle" and (metric.scale, metric.offset) == (-1, 100)

    def samples(self, paths: list[Path]) -> Iterator[Samples]:
        """The samples of a bucket of hosts, by type: of several the first that a host has."""
        reported: set[str] = set()
        for kind in self.types:
            names = _Names(self, reported)
            found = [pair for path in paths for pair in self._pieces(path, kind, names)]
            if names.parts:
                names.tell_twice()
                piece = _joined(found, names).sorted()
                self._report_shared(piece.only(piece.differing()), names)
                yield self._made(piece.once(), names, kind)
            reported |= names.hosts

    def report(self) -> None:
        """Note the rows whose names cannot be archived."""
        self.findings.add(
            FindingKind.NAMES_UNUSABLE,
            len(self.unusable),
            self.name,
            of_rows(f"{host} {instance}".rstrip(" ") for host, instance in self.unusable),
            share(self.unusable_rows, self.rows),
        )

    def _pieces(self, path: Path, kind: str, names: _Names) -> Iterator[tuple[bool, ValueRows]]:
        """Pieces of the value lists, and whether they are of the type instance `ACTIVE`."""
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
                for instance in self._type_instances(kind):
                    rows = (
                        wanted
                        if instance is None
                        else pc.and_(wanted, _equal(table, "type_instance", instance))
                    )
                    some = table.filter(rows)
                    if some.num_rows:
                        yield instance == ACTIVE, _piece_of(some, self.field, names)

    def _type_instances(self, kind: str) -> tuple[str | None, ...]:
        return (self.type_instance, *([ACTIVE] if self.is_load and kind == "percent" else []))

    def _made(self, piece: ValueRows, names: _Names, kind: str) -> Samples:
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

    def _over_intervals(self, piece: ValueRows, names: _Names) -> ValueRows:
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

    def _report_shared(self, piece: ValueRows, names: _Names) -> None:
        """Note components of which values of one stamp differ: two servers have one name."""
        components, span = samples_event(names.parts, piece.column, piece.time // 1000)
        self.findings.add(
            FindingKind.NAMES_SHARED,
            len(components),
            self.name,
            "values of one stamp differ, the largest counts; where several clusters use a host's"
            " name, give each a source of its own",
            components=components,
            span=span,
        )

    def _report_resets(self, piece: ValueRows, names: _Names) -> None:
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
        is_unusable = np.zeros(len(there), dtype=bool)
        for place in np.flatnonzero(there).tolist():
            key = hosts[place // len(instances)], instances[place % len(instances)]
            table[place] = self._of(*key)
            is_unusable[place] = key in self._reader.unusable
        found, unusable = np.asarray(table[pair]), int(np.count_nonzero(is_unusable[pair]))
        self._reader.unusable_rows += unusable
        self._reader.rows += unusable + int(np.count_nonzero(found >= 0))
        return found

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
            self._reader.unusable.add((host, instance))
            return False
        self._reader.names.add(host, "mdservers", "dataservers")
        if component in ("device", "interface"):
            self._reader.names.add(instance, f"{component}s")
        return (
            host not in self._reported
            and options.group(self._reader.name, host)
            and matches(pattern, instance)
        )


def _joined(found: list[tuple[bool, ValueRows]], names: _Names) -> ValueRows:
    """All rows; those of `ACTIVE` as what is idle, where the host reports no states then."""
    idle, active = ([piece for flag, piece in found if flag is which] for which in (False, True))
    if not active:
        return ValueRows.joined(idle)
    more = ValueRows.joined(active)
    more = more._replace(value=100.0 - more.value)
    if not idle:
        return more
    piece = ValueRows.joined(idle)
    return ValueRows.joined([piece, more.beside(piece, names.host_numbers())])


def _piece_of(table: pa.Table, field: str, names: _Names) -> ValueRows:
    flat = table.combine_chunks()
    host, instance = (flat.column(name).chunk(0) for name in ("host", "instance"))
    if names.are_by_type_instance:
        instance = _with_type_instance(instance, flat.column("type_instance").chunk(0))
    interval = flat.column("interval_ms").fill_null(0).to_numpy().astype(np.int64)
    piece = ValueRows(
        flat.column("time_ms").to_numpy(),
        interval,
        names.numbers(host, instance),
        flat.column(field).to_numpy(),
    )
    return piece.only(
        (piece.column >= 0) & (np.isfinite(piece.value) if piece.value.dtype.kind == "f" else True)
    )


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
