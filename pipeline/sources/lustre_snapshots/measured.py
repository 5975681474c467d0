"""Readings of snapshots to samples of datasets; and which server usually serves a target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from archive_tools.core.components import component_order
from archive_tools.core.day import Day
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from pipeline.model import Samples
from pipeline.sources._shared.hosts import matches
from pipeline.sources._shared.pattern_matches import Matches, NamesByKey, tell_unmatched
from pipeline.sources.lustre_snapshots.options import Options
from pipeline.sources.lustre_snapshots.table import Metric, metrics
from pipeline.sources.lustre_snapshots.text import Reading

Seen = dict[str, dict[int, str]]
"""Target to time to the address at which it was then."""
DIFFERENT = ""
"""In place of an address: clients had different ones at that time."""


class Measured:
    """What the snapshots of a day, and of its neighbours, have.

    Parameters
    ----------
    options : Options
    day : Day
    """

    def __init__(self, options: Options, day: Day) -> None:
        self.options, self.start, self.end = options, day.start, day.end
        self.rows: dict[tuple[str, str], list[Reading]] = {}
        self.seen: dict[str, Seen] = {"OST": {}, "MDT": {}}
        self.silent: dict[str, set[int]] = {}
        self.far: set[int] = set()
        self.names = NamesByKey(options)

    def add(self, found: Iterable[Reading]) -> None:
        """Take readings."""
        for reading in found:
            self.names.add(reading.fsname, "filesystems")
            if not matches(self.options.filesystems, reading.fsname):
                continue
            if not -self._reach <= reading.second - self.start < self._reach:
                self.far.add(reading.second)
            inside = self.start <= reading.second < self.end
            if reading.silent:
                if inside:
                    self.silent.setdefault(reading.target, set()).add(reading.second)
            elif reading.table == "devices":
                times = self.seen[reading.kind].setdefault(reading.target, {})
                same = times.get(reading.second, reading.address) == reading.address
                times[reading.second] = reading.address if same else DIFFERENT
            elif inside:
                self.rows.setdefault((reading.kind, reading.table), []).append(reading)

    def samples(self, findings: Findings) -> Iterator[Samples]:
        """All datasets, in the order of the table; says what is odd."""
        tell_unmatched([*self.names.matches(), *self._unseen()], findings)
        findings.add(FindingKind.OUTSIDE_DAY, len(self.far), detail="snapshots: a wrong clock?")
        for target, times in sorted(self.silent.items()):
            findings.add(
                FindingKind.TARGETS_SILENT,
                len(times),
                components=[target],
                span=(min(times), max(times) + self.options.timestep),
            )
        usual = {kind: self._usual(seen) for kind, seen in self.seen.items()}
        for found_usual in usual.values():
            for fsname in sorted({_file_system(target) for target in found_usual}):
                mine = {t: at for t, at in found_usual.items() if _file_system(t) == fsname}
                self._tell_crowded(mine, findings)
        for metric in metrics():
            found = (
                self._elsewhere(self.seen[metric.find.of], usual[metric.find.of])
                if metric.find.table == "devices"
                else self._figures(metric)
            )
            if found:
                yield _samples(metric, found)

    @property
    def _reach(self) -> int:
        """Seconds around the day's start within which snapshots of its files may be: a day more
        than the files are of.
        """
        return (self.options.neighbours + 2) * 86400

    def _unseen(self) -> list[Matches]:
        """The targets of `usual_servers` that no snapshot names, where one names any."""
        seen = {target for targets in self.seen.values() for target in targets}
        unseen = [name for name in self.options.usual_servers if name not in seen]
        return [Matches("usual_servers", name, ()) for name in unseen] if seen else []

    def _figures(self, metric: Metric) -> list[tuple[str, int, int]]:
        find = metric.find
        return [
            (row.target, row.second, getattr(row, find.field))
            for row in self.rows.get((find.of, find.table), [])
        ]

    def _elsewhere(self, seen: Seen, usual: Mapping[str, str]) -> list[tuple[str, int, int]]:
        """Whether each target was at another address than usual, at each time of the day."""
        return [
            (target, second, int(address == DIFFERENT or address != usual[target]))
            for target, times in seen.items()
            for second, address in times.items()
            if self.start <= second < self.end
        ]

    def _usual(self, seen: Seen) -> dict[str, str]:
        """The usual address of each target: as site.json has it, else that of most snapshots; of
        equally many the one that was seen first.
        """
        return {
            target: self.options.usual_servers.get(target) or _most_often(times)
            for target, times in seen.items()
        }

    def _tell_crowded(self, usual: Mapping[str, str], findings: Findings) -> None:
        """Note targets of a file system that share their usual server with more others than most
        do: they may have been moved before the first snapshot. Those of `usual_servers` are known.
        """
        targets: dict[str, list[str]] = {}
        for target, address in usual.items():
            if address != DIFFERENT:
                targets.setdefault(address, []).append(target)
        if not targets:
            return
        (most, servers), *_ = Counter(map(len, targets.values())).most_common(1)
        if 2 * servers <= len(targets):
            return
        for address, together in sorted(targets.items()):
            unsure = [name for name in together if name not in self.options.usual_servers]
            if len(together) > most and unsure:
                findings.add(
                    FindingKind.SERVERS_CROWDED,
                    len(together),
                    components=sorted(together, key=component_order),
                    detail=f"at {address}; most servers have {most}; if they were moved there,"
                    " say by usual_servers where they belong",
                )


def _file_system(target: str) -> str:
    return target.rpartition("-")[0]


def _most_often(times: Mapping[int, str]) -> str:
    counts = Counter(address for address in times.values() if address != DIFFERENT)
    first: dict[str, int] = {}
    for second in sorted(times):
        first.setdefault(times[second], second)
    best = min(counts, key=lambda name: (-counts[name], first[name], name), default=DIFFERENT)
    return str(best)


def _samples(metric: Metric, found: list[tuple[str, int, int]]) -> Samples:
    names: dict[str, int] = {}
    column = [names.setdefault(target, len(names)) for target, _, _ in found]
    return Samples(
        metric.dataset.name,
        np.array([second for _, second, _ in found], dtype=np.int64),
        np.array(column, dtype=np.int32),
        np.array([value for _, _, value in found], dtype=np.int64),
        tuple(names),
    )
