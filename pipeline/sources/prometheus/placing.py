"""Series to samples: names of components and parts out of labels."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from archive_tools.core.components import component_order
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from pipeline.model import Samples
from pipeline.sources._shared import stacked
from pipeline.sources._shared.hosts import usable
from pipeline.sources._shared.pattern_matches import NamesByKey, of_rows, share
from pipeline.sources.prometheus.options import Options
from pipeline.sources.prometheus.query import (
    Line,
    Selector,
    Term,
    host_name,
)
from pipeline.sources.prometheus.saved_answers import AnswerSeries

PART = 4_000_000
"""Samples in one `Samples`: bounds the memory that a dataset needs beside its series."""


class _Placed(NamedTuple):
    """A series that has samples, what it is a part of, and whether it is added (1) or taken away
    (-1).
    """

    component: str
    part: str
    sign: int
    series: AnswerSeries


class _Naming:
    """Names of components, and of their parts, out of labels that anyone wrote."""

    def __init__(self, options: Options, line: Line, names: NamesByKey) -> None:
        self.options, self.line, self.names = options, line, names
        self.of_name: dict[str, set[frozenset[tuple[str, str]]]] = {}
        self.devices: dict[tuple[str, str], None] = {}
        self.unnamed: dict[frozenset[tuple[str, str]], int] = {}
        self.rows = 0

    def name(self, term: Term, labels: Mapping[str, str], rows: int) -> tuple[str, str]:
        """Names of the component and of the part of a series with so many rows; empty for one that
        is not wanted.
        """
        host = host_name(labels.get(self.options.host_label, ""))
        self._note(labels, host)
        if not self.line.wanted(self.options, labels, host):
            return "", ""
        self.rows += rows
        known = {**labels, "host": host, self.line.without: labels.get(self.line.without, "mean")}
        try:
            component, part = (
                self.line.component.format_map(known),
                self.line.part.format_map(known),
            )
        except KeyError:
            component = part = ""
        key = frozenset(labels.items())
        if not usable(component) or ("{host}" in self.line.component and not host):
            self.unnamed[key] = rows
            return "", ""
        part = _part(self.line, component, part, term)
        if self.line.filter:
            self.devices[host, labels.get("device", "")] = None
        self.of_name.setdefault(part, set()).add(key)
        return component, part

    def _note(self, labels: Mapping[str, str], host: str) -> None:
        """Note the names of a series by which it may be selected."""
        if self.line.filter:
            self.names.add(labels.get("device", ""), self.line.filter)
        if "{host}" in self.line.component:
            self.names.add(host, "mdservers", "dataservers")

    def report(self, findings: Findings) -> None:
        """Series that cannot be named, and those that share a name: of these the larger value
        counts.
        """
        if self.line.filter:
            stacked.tell(self.line.dataset, self.line.filter, self.devices, findings)
        findings.add(
            FindingKind.LABELS_UNNAMED,
            len(self.unnamed),
            self.line.dataset,
            of_rows(_shown(labels) for labels in self.unnamed),
            share(sum(self.unnamed.values()), self.rows),
        )
        shared = [name for name, those in self.of_name.items() if len(those) > 1]
        findings.add(
            FindingKind.NAMES_SHARED,
            len(shared),
            self.line.dataset,
            components=(name.partition("\0")[0] for name in shared),
        )


def _shown(labels: frozenset[tuple[str, str]]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(labels))


def _part(line: Line, component: str, part: str, term: Term) -> str:
    """A name that no part of another component has: no component's name holds the separator."""
    return f"{component}\0{part or term.select}" if line.has_parts() else component


def placed_series(
    options: Options,
    line: Line,
    found: Mapping[Selector, list[AnswerSeries]],
    findings: Findings,
    names: NamesByKey,
) -> list[_Placed]:
    """The series of a dataset, component by component; `names` receives those that there are."""
    naming = _Naming(options, line, names)
    placed = [
        _Placed(*naming.name(term, series.labels, len(series.time)), term.sign, series)
        for term in line.terms
        for series in found[term.select]
    ]
    naming.report(findings)
    return sorted(
        (each for each in placed if each.component),
        key=lambda each: component_order(each.component),
    )


def in_parts(placed: Iterable[_Placed]) -> Iterator[list[_Placed]]:
    """Whole components, together of not many more than `PART` samples."""
    part: list[_Placed] = []
    size = 0
    for _, those in itertools.groupby(placed, key=lambda each: each.component):
        before = len(part)
        part += those
        size += sum(len(each.series.time) for each in part[before:])
        if size > PART:
            yield part
            part, size = [], 0
    if part:
        yield part


def samples_of(line: Line, placed: list[_Placed]) -> Samples:
    """The samples of some components; terms that are taken away are parts with negative values."""
    whole = {each.part: each.component for each in placed}
    if not line.part:  # a component has all terms, also those that it lacks
        whole.update(
            {
                _part(line, each.component, "", term): each.component
                for each in placed
                for term in line.terms
            }
        )
    names = tuple(sorted(whole, key=component_order))
    place = {name: number for number, name in enumerate(names)}
    return Samples(
        line.dataset,
        np.concatenate([each.series.time for each in placed]),
        np.repeat(
            np.array([place[each.part] for each in placed], dtype=np.int32),
            [len(each.series.time) for each in placed],
        ),
        np.concatenate([each.sign * each.series.value for each in placed]),
        names,
        tuple(whole[name] for name in names) if line.has_parts() else (),
    )
