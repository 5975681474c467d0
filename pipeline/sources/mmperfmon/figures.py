"""Columns of mmperfmon's tables to samples of datasets."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.cells import samples_event
from archive_tools.core.day import Day
from archive_tools.core.findings import Findings, Span, shortened
from archive_tools.core.vocabulary import FindingKind
from pipeline.model import Samples
from pipeline.sources._shared.hosts import matches
from pipeline.sources._shared.local_time import utc_seconds
from pipeline.sources._shared.pattern_matches import NamesByKey, of_rows, share, tell_unmatched
from pipeline.sources.mmperfmon.options import Options
from pipeline.sources.mmperfmon.table import Metric, metrics
from pipeline.sources.mmperfmon.text_tables import Column, Table

PIECE = 4_000_000
"""Figures in one `Samples`: bounds memory to some 100 MB a piece."""


class _Use(NamedTuple):
    """One use of a counter: the dataset, which term of its figure this is, and how it enters."""

    metric: Metric
    term: int
    sign: float


@functools.cache
def _uses() -> Mapping[str, tuple[_Use, ...]]:
    """The uses of each counter."""
    found: dict[str, tuple[_Use, ...]] = {}
    for metric in metrics():
        for term, (sign, counters) in enumerate(metric.find.terms):
            for counter in counters:
                found[counter] = (*found.get(counter, ()), _Use(metric, term, sign))
    return found


class _Figure(NamedTuple):
    """Where the figures of a column belong."""

    dataset: str
    part: str
    factor: float
    plain: float
    of_device: bool


class _Block(NamedTuple):
    """Figures of one dataset and host, all of intervals of one length.

    Attributes
    ----------
    time : int64 (rows,)
        Starts of the intervals, epoch seconds.
    interval : int
        Seconds.
    parts : tuple of str
        Targets, interfaces or terms; "" is the host's own figure.
    values : float64 (rows, parts)
        NaN where nothing was measured.
    """

    time: Int64
    interval: int
    parts: tuple[str, ...]
    values: Float64


class Measured:
    """What the tables of a day hold, by dataset and host; and what of it is not archived."""

    def __init__(self, options: Options, day: Day) -> None:
        self.options, self.day = options, day
        self.blocks: dict[str, dict[str, list[_Block]]] = {}
        self.omitted: dict[str, Counter[str]] = {
            FindingKind.COUNTERS_UNUSED: Counter(),
            FindingKind.DEVICES_UNMAPPED: Counter(),
            FindingKind.INTERFACES_LEFT_OUT: Counter(),
        }
        self.names = NamesByKey(options)
        self.unreal = 0
        self.negative: list[tuple[int, tuple[str, ...], Span | None]] = []
        self.of_devices = 0
        self._figures: dict[Column, list[_Figure] | tuple[str, str]] = {}

    def add(self, table: Table) -> None:
        """Take what a table holds of the day."""
        time, interval, real = _intervals(table, self.options.timezone, self.options.timestep)
        self.unreal += int((~real).sum())
        rows = np.flatnonzero(real & (time >= self.day.start) & (time < self.day.end))
        if not len(rows):
            return
        values, plain = table.values[rows] + 0.0, table.plain[rows]  # no -0.0
        self._leave_out_negative(table, time[rows], values)
        together: dict[tuple[str, str], list[tuple[int, _Figure]]] = {}
        for number, column in enumerate(table.columns):
            figures = self._of(column)
            count = int(np.count_nonzero(~np.isnan(values[:, number])))
            if isinstance(figures, tuple):
                self.omitted[figures[0]][figures[1]] += count
                continue
            self.of_devices += count * any(figure.of_device for figure in figures)
            for figure in figures:
                together.setdefault((figure.dataset, column.host), []).append((number, figure))
        for (dataset, host), those in together.items():
            numbers, parts = (
                [number for number, _ in those],
                tuple(figure.part for _, figure in those),
            )
            factor = np.where(plain[:, numbers], [figure.plain for _, figure in those], 1.0) * [
                figure.factor for _, figure in those
            ]
            self.blocks.setdefault(dataset, {}).setdefault(host, []).append(
                _Block(time[rows], interval, parts, values[:, numbers] * factor)
            )

    def _leave_out_negative(self, table: Table, time: Int64, values: Float64) -> None:
        """Make negative figures missing, and keep whose they were and when."""
        row, number = np.nonzero(values < 0)
        if len(row):
            values[row, number] = np.nan
            hosts = [column.host for column in table.columns]
            self.negative.append((len(row), *samples_event(hosts, number, time[row])))

    def _of(self, column: Column) -> list[_Figure] | tuple[str, str]:
        """Where a column belongs; where it does not, the finding and the name for it."""
        if column not in self._figures:
            self._figures[column] = self._found(column)
        return self._figures[column]

    def _found(self, column: Column) -> list[_Figure] | tuple[str, str]:
        uses = [
            use
            for use in _uses().get(column.counter, ())
            if bool(use.metric.find.of) == bool(column.device)
        ]
        if not uses:
            return FindingKind.COUNTERS_UNUSED, column.counter
        of = uses[0].metric.find.of
        if of == "device":
            self.names.add(column.device, "mmperfmon_lun_map")
        else:
            self.names.add(column.host, "mmperfmon_server_map")
        if of == "interface":
            self.names.add(column.device, "interfaces")
        if of == "interface" and not matches(self.options.interfaces, column.device):
            return FindingKind.INTERFACES_LEFT_OUT, column.device
        if of == "device":
            group = _first(self.options.mmperfmon_lun_map, column.device)
        else:
            group = _first(self.options.mmperfmon_server_map, column.host) or "dataserver"
        if group == "ignored":
            return []
        if not group:
            return FindingKind.DEVICES_UNMAPPED, column.device
        figures = [_figure(use, column) for use in uses if use.metric.dataset.group == f"{group}s"]
        return figures or (FindingKind.COUNTERS_UNUSED, column.counter)

    def report(self, findings: Findings) -> None:
        """Say what is not archived."""
        for kind, names in self.omitted.items():
            if kind == FindingKind.DEVICES_UNMAPPED and self.options.mmperfmon_lun_map:
                part = share(names.total(), names.total() + self.of_devices)
                findings.add(kind, len(names), detail=of_rows(names), amount=part)
                continue
            findings.add(
                kind,
                names.total() if kind == FindingKind.COUNTERS_UNUSED else len(names),
                detail=shortened(sorted(names)),
            )
        for count, components, span in self.negative:
            findings.add(FindingKind.NEGATIVE_FIGURES, count, components=components, span=span)
        findings.add(
            FindingKind.STAMPS_IMPOSSIBLE,
            self.unreal,
            detail=f"spring gap of {self.options.timezone}",
        )
        tell_unmatched(self.names.matches(), findings)

    def samples(self, findings: Findings) -> Iterator[Samples]:
        """All datasets, one after another; the figures of a dataset are let go when they are
        given.
        """
        for metric in metrics():
            hosts = self.blocks.pop(metric.dataset.name, {})
            terms = len(metric.find.terms)
            some: dict[str, list[_Block]] = {}
            size = 0
            for host in sorted(hosts):
                if len({part for block in hosts[host] for part in block.parts}) < terms:
                    continue  # a sum of which a term was never requested
                some[host] = hosts[host]
                size += sum(block.values.size for block in hosts[host])
                if size > PIECE:
                    yield _samples(metric, some, self.day.end, findings)
                    some, size = {}, 0
            if some:
                yield _samples(metric, some, self.day.end, findings)


def _first(patterns: Mapping[str, str], name: str) -> str:
    """What the first pattern that matches the beginning of a name stands for, or ""."""
    return next((kind for pattern, kind in patterns.items() if re.match(pattern, name)), "")


def _figure(use: _Use, column: Column) -> _Figure:
    """Where a column belongs by one use of its counter."""
    find = use.metric.find
    part = column.device or (str(use.term) if len(find.terms) > 1 else "")
    return _Figure(use.metric.dataset.name, part, use.sign, find.plain, find.of == "device")


def _intervals(table: Table, timezone: str, timestep: int) -> tuple[Int64, int, Any]:
    """Starts of the rows' intervals (epoch seconds), the intervals' length, and which stamps a
    clock showed.

    An interval is what the clock goes on by from row to row; that of a single row is `timestep`.
    """
    order = np.argsort(table.row, kind="stable")
    row, stamp = table.row[order], table.stamp[order]
    utc, shown = utc_seconds(stamp, timezone)
    interval = int(np.median(np.diff(utc) / np.diff(row))) if len(row) > 1 else timestep
    interval = interval if interval > 0 else timestep
    utc = _second_pass(utc, stamp, row, interval)
    time, real = np.empty_like(utc), np.empty_like(shown)
    time[order], real[order] = utc - interval, shown
    return time, interval, real


def _second_pass(utc: Int64, stamp: Int64, row: Int64, interval: int) -> Int64:
    """Rows that begin within the repeated hour of autumn and run out of it with no hour between: of
    its second pass.
    """
    on = np.diff(stamp)
    hour = np.diff(utc) - on
    ends = np.flatnonzero((hour > 0) & (on > 0) & (on <= np.diff(row) * interval))
    if not len(ends) or utc[ends[0]] - utc[0] >= hour[ends[0]]:
        return utc
    moved = utc.copy()
    moved[: ends[0] + 1] += hour[ends[0]]
    return moved


def _samples(
    metric: Metric,
    hosts: Mapping[str, Iterable[_Block]],
    end: int,
    findings: Findings,
) -> Samples:
    """One `Samples` of the blocks of some hosts, of a day up to `end`."""
    names: dict[tuple[str, str], int] = {}
    pieces: list[tuple[Int64, Any, Float64, Int64]] = []
    for host, blocks in hosts.items():
        for block in blocks:
            column = np.array(
                [names.setdefault((host, part), len(names)) for part in block.parts], dtype=np.int32
            )
            row, part = np.nonzero(~np.isnan(block.values))
            pieces.append(
                (
                    block.time[row],
                    column[part],
                    block.values[row, part],
                    np.full(len(row), block.interval),
                )
            )
    time, number, value, interval = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
    longer, shorter = measured_twice(time, number, interval, end, metric.reports == "delta")
    owners = [host for host, _ in names]
    for kind, found in (
        (FindingKind.LONGER_COVERED, longer),
        (FindingKind.SHORTER_UNFILLED, shorter),
    ):
        components, span = samples_event(owners, number[found], time[found])
        findings.add(kind, int(found.sum()), metric.dataset.name, components=components, span=span)
    once = ~(longer | shorter)
    if not once.all():
        time, number, value = time[once], number[once], value[once]
    joined = metric.find.of == "interface" or len(metric.find.terms) > 1
    between = "\0" if joined else ":"
    called = tuple(f"{host}{between}{part}" if part else host for host, part in names)
    return Samples(
        metric.dataset.name,
        time,
        number,
        value,
        called,
        tuple(host for host, _ in names) if joined else (),
    )


def measured_twice(
    time: Int64, column: Any, interval: Int64, end: int, adds_up: bool
) -> tuple[Any, Any]:
    """Which figures are reported in shorter intervals too, and which in longer ones that the
    shorter do not fill.

    Parameters
    ----------
    time, column, interval : integer (n,)
    end : int
        Of the day: what of an interval is after it need not be filled.
    adds_up : bool
        Whether figures are sums over their intervals; of others, shorter intervals are always the
        better ones.

    Returns
    -------
    longer, shorter : bool (n,)
    """
    longer, shorter = np.zeros(len(time), dtype=bool), np.zeros(len(time), dtype=bool)
    lengths = np.unique(interval)
    if len(lengths) < 2:
        return longer, shorter
    place = column.astype(np.int64) * (1 << 20) + (time - time.min())  # a day has fewer seconds
    for length in lengths[1:]:
        mine = np.flatnonzero(interval == length)
        short = np.flatnonzero((interval < length) & ~longer & ~shorter)
        begins, some, at = np.unique(place[short], return_index=True, return_inverse=True)
        filled = np.concatenate(([0], np.cumsum(interval[short[some]])))
        reach = np.minimum(length, end - time[mine])
        first, last = (
            np.searchsorted(begins, place[mine]),
            np.searchsorted(begins, place[mine] + reach),
        )
        whole = filled[last] - filled[first] >= (reach if adds_up else 1)
        longer[mine[whole]] = True
        inside = np.zeros(len(begins) + 1, dtype=np.int64)
        np.add.at(inside, first[~whole], 1)
        np.add.at(inside, last[~whole], -1)
        shorter[short[np.cumsum(inside)[at] > 0]] = True
    return longer, shorter
