"""Prometheus and VictoriaMetrics: a server that is asked over HTTP, or answers of one that were saved.

`fetch` asks for each series' last sample of every row of the day, and keeps the answers as they are; or copies
the saved ones. `parse` brings them to datasets by the source map: the figures of node_exporter and
lustre_exporter.

A row's sample is asked for at the last millisecond of the row, with a look back of one row: it is one that was
measured in that row, and a row in which nothing was measured has none. A plain selector looks back five
minutes, and fills gaps with what was there before; saved answers are of plain selectors as often as not, and
then a gap of up to five minutes reads as an idle counter. A `timestep` shorter than the exporters' scrape
interval gives rows without a measurement.
"""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec
import numpy as np
from isal import igzip
from pydantic import Field, field_validator, model_validator

from pipeline.errors import NoData
from pipeline.model import Day, Findings, Samples, component_order
from pipeline.site import Site, Templates
from pipeline.sources import _files
from pipeline.sources._hosts import HostOptions
from pipeline.sources._http import HTTP_ORIGIN, HttpOptions, Server, located_http
from pipeline.sources._prometheus_answers import MANIFEST, Answers, Entry, Series, how_many, numbers
from pipeline.sources._prometheus_query import LABEL, Exporter, Line, Selector, Term, equal, host_name, lines, usable
from pipeline.sources._prometheus_server import Span, ask, in_pieces

GIVES = Samples

LOOK = 300
"""Seconds between looks at what there is: as far as a plain selector looks back."""


class Options(HttpOptions, HostOptions):
    """Keys of a Prometheus source; exactly one of `url` and `answers` is given.

    Attributes
    ----------
    url : str
        ``http://host:9090``; of a VictoriaMetrics cluster ``http://host:8481/select/0/prometheus``.
    answers : str or list of str
        Files, folders or glob patterns of saved answers, strftime templates.
    exporters : list of str
        Whose figures are used; for each dataset the first that has it.
    host_label : str
        The label that says which server a series is of; a port is cut off.
    extra : dict of str to str
        Labels, with their values, that all series must have.
    max_expanded_mb : int
        What a saved file may expand to.
    points : int
        Most points of a series in one answer; servers refuse more than some number, Prometheus than 11,000.
    """

    ORIGIN: ClassVar[frozenset[str]] = HTTP_ORIGIN | {"answers", "points", "max_expanded_mb"}

    kind: Literal["prometheus"]
    answers: Templates = ""
    exporters: list[Exporter] = Field(default=["node_exporter"], min_length=1)
    host_label: str = "instance"
    extra: dict[str, str] = {}
    max_expanded_mb: int = Field(default=4096, ge=1)
    points: int = Field(default=11_000, ge=2)

    @field_validator("host_label", "extra")
    @classmethod
    def _label_names(cls, given: str | dict[str, str]) -> str | dict[str, str]:
        for name in [given] if isinstance(given, str) else given:
            if not LABEL.fullmatch(name):
                raise ValueError(f"{name!r} is no label name: letters, digits and _, no digit first")
        return given

    @model_validator(mode="after")
    def _one_place(self) -> Options:
        if bool(self.url) == bool(self.answers):
            raise ValueError("give either url (a server) or answers (saved files)" + (", not both" if self.url else ""))
        return self

    def saved(self, day: Day) -> list[Path]:
        """The saved files of a day."""
        return _files.walked(_files.expanded(self.answers, day))


def located(options: Options, site: Site) -> Options:
    """Paths counted from site.json; the site's time zone where the source names none."""
    update: dict[str, Any] = {"timezone": options.timezone or site.timezone, **located_http(options, site)}
    if options.answers:
        templates = [options.answers] if isinstance(options.answers, str) else options.answers
        update["answers"] = [str(site.path(template)) for template in templates]
    return options.model_copy(update=update)


def _lines(options: Options) -> dict[str, list[Line]]:
    """By dataset, the lines that can give something: those of metadata servers only where there are some."""
    found = {name: [line for line in those if options.mdservers or not line.of_metadata_servers()] for name, those in lines(options.exporters).items()}
    return {name: those for name, those in found.items() if those}


# Fetch


def _rows(options: Options, day: Day, step: int, now: float) -> Span:
    """The last millisecond of each span of `step` seconds, up to the row after the day, which closes counters."""
    first = (day.start + options.timestep) * 1000 - 1
    last = min((day.end + options.timestep) * 1000 - 1, int(now * 1000))
    return Span(first, step, max(0, (last - first) // (step * 1000) + 1))


@dataclass
class _Keeper:
    """Asks for each selector once, and keeps the answers that have series."""

    server: Server
    options: Options
    span: Span
    folder: Path

    def __post_init__(self) -> None:
        self.entries: list[Entry] = []
        self.series = 0
        self.samples: dict[tuple[Selector, str], int] = {}

    def keep(self, line: Line, term: Term) -> int:
        """Number of samples."""
        key = term.select, line.without
        if key not in self.samples:
            self.samples[key] = self._keep(line, term)
        return self.samples[key]

    def _keep(self, line: Line, term: Term) -> int:
        query, samples = line.query(term, self.options.timestep, self.options.extra), 0
        known: set[frozenset[tuple[str, str]]] = set()
        for piece, content, results in in_pieces(self.server, query, self.span, self.options.points):
            if not results:
                continue
            file, form = f"{len(self.entries):05d}.json.gz", piece.form(query)
            (self.folder / file).write_bytes(igzip.compress(content, 1))
            self.entries.append(Entry(file, str(term.select), line.without, query, form["start"], form["end"]))
            known.update(frozenset(result.metric.items()) for result in results)
            samples += how_many(results)
        self.series += len(known)
        return samples


def fetch(options: Options, day: Day, folder: Path) -> dict[str, int]:
    """Keep the answers of the day, each as a gzipped file, beside a list of what was asked; or copy saved ones.

    Returns
    -------
    dict of str to int
        Series and samples; of saved answers files and bytes.

    Raises
    ------
    NoData
        The server has no sample of the day, or there is no file.
    SourceError
        A query is refused or answered in part.
    """
    if options.answers:
        return _files.copy(options.saved(day), folder)
    with Server(options) as server:
        keeper = _Keeper(server, options, _rows(options, day, options.timestep, time.time()), folder)
        for those in _lines(options).values():
            for line in those:
                if sum([keeper.keep(line, term) for term in line.terms]):
                    break
    if not keeper.entries:
        raise NoData(f"{options.url} has no sample of {day} that {' or '.join(options.exporters)} gives", hint="check extra and exporters of the source")
    (folder / MANIFEST).write_bytes(msgspec.json.encode(keeper.entries))
    return {"series": keeper.series, "samples": sum(keeper.samples.values())}


def inputs(options: Options, day: Day) -> dict[str, Any]:
    """What there is of the day: files, or how many series of each metric the server has every five minutes, and the newest stamp.

    Metrics that the server is asked to average are not looked at, and values never: data that are put in later
    are seen where they fill five minutes without a sample of a series.

    Raises
    ------
    SourceError
        The server cannot be reached, or refuses.
    """
    if options.answers:
        return _files.inputs(options.saved(day))
    every = [(line, term) for those in _lines(options).values() for line in those for term in line.terms]
    queries = sorted({line.query(term, options.timestep, options.extra) for line, term in every})
    names = sorted({term.select.name for line, term in every if not line.without})
    told: dict[str, Any] = {"url": options.url, "queries": hashlib.sha256("\n".join(queries).encode()).hexdigest()[:16], "series": {}, "newest": 0.0}
    span = _rows(options, day, LOOK, time.time())
    if not span.points:
        return told
    matchers = ",".join([f'__name__=~"{"|".join(names)}"', *map(str, equal(options.extra))])
    with Server(options) as server:
        _, counted = ask(server, f"count by (__name__) ({{{matchers}}})", span)
        _, newest = ask(server, f"max(timestamp({{{matchers}}}))", span.after(span.points - 1))
    told["series"] = {result.metric.get("__name__", ""): int(numbers(result.values)[0][:, 1].sum()) for result in counted}
    told["newest"] = max((float(numbers(result.values)[0][:, 1].max()) for result in newest), default=0.0)
    return told


def gone(before: Mapping[str, int], now: Mapping[str, int], old: Path, new: Path, rejected: Collection[str]) -> str:
    """What there is less of than was fetched before, in words."""
    return ", ".join(f"{now.get(what, 0)} {what}, {count} are archived" for what, count in before.items() if now.get(what, 0) < count)


# Parse


def parse(options: Options, day: Day, folder: Path, findings: Findings) -> Iterator[Samples]:
    """Samples of each dataset of the source map, one dataset at a time.

    A dataset is told by the first of the `exporters` that has any sample of it. What cannot be read is counted
    in `findings` when all datasets have been given.
    """
    answers = Answers(folder, day, options.timestep, options.extra, options.max_expanded_mb << 20)
    series = functools.lru_cache(maxsize=1)(answers.series)  # the next dataset is often of the same series
    for those in _lines(options).values():
        for line in those:
            samples = _samples(options, line, series(tuple(term.select for term in line.terms), line.without), findings)
            if len(samples):
                yield samples
                break
    answers.report(findings)


class _Naming:
    """Names of components, and of their parts, out of labels that anyone wrote."""

    def __init__(self, options: Options, line: Line) -> None:
        self.options, self.line = options, line
        self.of_name: dict[str, set[frozenset[tuple[str, str]]]] = {}
        self.unnamed: set[frozenset[tuple[str, str]]] = set()

    def name(self, term: Term, labels: Mapping[str, str]) -> tuple[str, str]:
        """Names of the part and of the component; empty for a series that is not wanted."""
        host = host_name(labels.get(self.options.host_label, ""))
        if not self.line.wanted(self.options, labels, host):
            return "", ""
        known = {**labels, "host": host, self.line.without: labels.get(self.line.without, "mean")}
        try:
            component, part = self.line.component.format_map(known), self.line.part.format_map(known)
        except KeyError:
            component = part = ""
        key = frozenset(labels.items())
        if not usable(component) or ("{host}" in self.line.component and not host):
            self.unnamed.add(key)
            return "", ""
        part = self._part(component, part, term)
        self.of_name.setdefault(part, set()).add(key)
        return part, component

    def _part(self, component: str, part: str, term: Term) -> str:
        return f"{component}/{part or term.select}" if self.line.has_parts() else component

    def all_parts(self, component: str) -> list[str]:
        """All that a component must have, also what it lacks."""
        return [self._part(component, "", term) for term in self.line.terms] if not self.line.part else []

    def report(self, findings: Findings) -> None:
        """Series that cannot be named, and those that share a name: of these the larger value counts."""
        findings.add("series whose labels name no component", len(self.unnamed), self.line.dataset)
        findings.add("components of several series", sum(len(those) > 1 for those in self.of_name.values()), self.line.dataset)


def _samples(options: Options, line: Line, found: Mapping[Selector, list[Series]], findings: Findings) -> Samples:
    """The samples of a dataset; terms that are taken away are parts with negative values."""
    naming = _Naming(options, line)
    whole: dict[str, str] = {}
    placed: list[tuple[str, int, Series]] = []
    for term in line.terms:
        for series in found[term.select]:
            part, component = naming.name(term, series.labels)
            if component:
                whole.update(dict.fromkeys([part, *naming.all_parts(component)], component))
                placed.append((part, term.sign, series))
    naming.report(findings)
    names = tuple(sorted(whole, key=component_order))
    place = {name: number for number, name in enumerate(names)}
    return Samples(
        line.dataset,
        np.concatenate([np.empty(0, np.int64), *(series.time for _, _, series in placed)]),
        np.repeat(np.array([place[name] for name, _, _ in placed], dtype=np.int32), [len(series.time) for _, _, series in placed]),
        np.concatenate([np.empty(0), *(sign * series.value for _, sign, series in placed)]),
        names,
        tuple(whole[name] for name in names) if line.has_parts() else (),
    )
