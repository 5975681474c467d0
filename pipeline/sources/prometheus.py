"""Prometheus and VictoriaMetrics: a server that is asked over HTTP, or answers of one that were
saved.

`fetch` asks for one sample of each series in every row of the day, and keeps the answers as they
are; or copies the saved ones. `parse` brings them to datasets by the source map: the figures of
node_exporter and lustre_exporter.

A row's sample is one that was measured in that row, and a row in which nothing was measured has
none. Of a counter it is the first of the row, or rather the least, as PromQL has no other name for
it: where a counter was reset within a row, the row before is missing in place of that row. Of other
figures it is the last. A plain selector looks back five minutes, and fills gaps with what was there
before; saved answers are of plain selectors as often as not, and then a gap of up to five minutes
reads as an idle counter. A `timestep` shorter than the exporters' scrape interval gives rows
without a measurement.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import msgspec
import numpy as np
from isal import igzip
from pydantic import Field, field_validator, model_validator

from archive_tools.core.components import component_order
from archive_tools.core.day import Day
from archive_tools.core.errors import NoData
from archive_tools.core.findings import Findings
from pipeline.model import Samples
from pipeline.site import Site, Templates
from pipeline.sources import _files
from pipeline.sources._hosts import HostOptions, usable
from pipeline.sources._http import HTTP_ORIGIN, HttpOptions, Server, located_http
from pipeline.sources._prometheus_answers import MANIFEST, Answers, Entry, Series, how_many
from pipeline.sources._prometheus_query import (
    LABEL,
    Exporter,
    Line,
    Question,
    Selector,
    Term,
    equal,
    host_name,
    lines,
)
from pipeline.sources._prometheus_server import Span, figures, in_pieces

GIVES = Samples

LOOK = 300
"""Seconds between looks at what there is: as far as a plain selector looks back."""
PIECE = 4_000_000
"""Samples in one `Samples`: bounds the memory that a dataset needs beside its series."""


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
        Most points of a series in one answer; servers refuse more than some number, Prometheus than
        11,000.
    """

    ORIGIN: ClassVar[frozenset[str]] = HTTP_ORIGIN | {"answers", "points"}

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
                raise ValueError(
                    f"{name!r} is no label name: letters, digits and _, no digit first"
                )
        return given

    @model_validator(mode="after")
    def _one_place(self) -> Options:
        if bool(self.url) == bool(self.answers):
            raise ValueError(
                "give either url (a server) or answers (saved files)"
                + (", not both" if self.url else "")
            )
        return self

    def saved(self, day: Day) -> list[Path]:
        """The saved files of a day."""
        return _files.walked(_files.expanded(self.answers, day))


def located(options: Options, site: Site) -> Options:
    """Paths counted from site.json; the site's time zone where the source names none."""
    update: dict[str, Any] = {
        "timezone": options.timezone or site.timezone,
        **located_http(options, site),
    }
    if options.answers:
        update["answers"] = _files.located(options.answers, site)
    return options.model_copy(update=update)


def _lines(options: Options) -> dict[str, list[Line]]:
    """By dataset, the lines that can give something: those of metadata servers only where there are
    some.
    """
    found = {
        name: [line for line in those if options.mdservers or not line.of_metadata_servers()]
        for name, those in lines(options.exporters).items()
    }
    return {name: those for name, those in found.items() if those}


# Fetch


def _rows(options: Options, day: Day, step: int, now: float) -> Span:
    """The last millisecond of each span of `step` seconds, up to the row after the day, which
    closes counters.
    """
    first = (day.start + options.timestep) * 1000 - 1
    last = min((day.end + options.timestep) * 1000 - 1, int(now * 1000))
    return Span(first, step, max(0, (last - first) // (step * 1000) + 1))


def _questions(options: Options) -> list[Question]:
    """All that a server is asked for, each once."""
    return list(
        dict.fromkeys(
            question
            for those in _lines(options).values()
            for line in those
            for question in line.questions()
        )
    )


class _Keeper:
    """Keeps the answers that have series, and counts them."""

    def __init__(self, server: Server, options: Options, span: Span, folder: Path) -> None:
        self.server, self.options, self.span, self.folder = server, options, span, folder
        self.entries: list[Entry] = []
        self.series = self.samples = 0

    def keep(self, question: Question) -> None:
        """Ask for the samples of the day."""
        query = question.query(self.options.extra, self.options.timestep)
        known: set[frozenset[tuple[str, str]]] = set()
        for piece, content, results in in_pieces(
            self.server, query, self.span, self.options.points
        ):
            if not results:
                continue
            file, form = f"{len(self.entries):05d}.json.gz", piece.form(query)
            (self.folder / file).write_bytes(igzip.compress(content, 1))
            self.entries.append(
                Entry(
                    file, str(question.select), question.without, query, form["start"], form["end"]
                )
            )
            known.update(frozenset(result.metric.items()) for result in results)
            self.samples += how_many(results)
        self.series += len(known)


def about(options: Options, day: Day) -> dict[str, str]:
    """Version of the server."""
    if options.answers:
        return {}
    with Server(options) as server:
        told = server.json("GET", "/api/v1/status/buildinfo")
    found = told.get("data", {}) if isinstance(told, dict) else {}
    return {
        "server": (
            f"{options.url}: {found.get('application', 'Prometheus')}"
            f" {found.get('version', 'of unknown version')}"
        )
    }


def fetch(options: Options, day: Day, folder: Path) -> dict[str, int]:
    """Keep the answers of the day, each as a gzipped file, beside a list of what was asked; or copy
    saved ones.

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
        keeper = _Keeper(
            server, options, _rows(options, day, options.timestep, time.time()), folder
        )
        for question in _questions(options):
            keeper.keep(question)
    if not keeper.entries:
        raise NoData(
            f"{options.url} has no sample of {day} that {' or '.join(options.exporters)} gives",
            hint="check extra and exporters of the source",
        )
    (folder / MANIFEST).write_bytes(msgspec.json.encode(keeper.entries))
    return {"series": keeper.series, "samples": keeper.samples}


def inputs(options: Options, day: Day) -> dict[str, Any]:
    """What there is of the day: files, or how many series of each metric the server has every five
    minutes, and the newest stamp.

    Metrics that the server is asked to average are not looked at, and values never: data that are
    put in later are seen where they fill five minutes without a sample of a series.

    Raises
    ------
    SourceError
        The server cannot be reached, or refuses.
    """
    if options.answers:
        return _files.inputs(options.saved(day))
    questions = _questions(options)
    queries = sorted(question.query(options.extra, options.timestep) for question in questions)
    names = sorted({question.select.name for question in questions if not question.without})
    told: dict[str, Any] = {
        "url": options.url,
        "queries": hashlib.sha256("\n".join(queries).encode()).hexdigest()[:16],
        "series": {},
        "newest": 0.0,
    }
    span = _rows(options, day, LOOK, time.time())
    if not span.points:
        return told
    matchers = ",".join([f'__name__=~"{"|".join(names)}"', *map(str, equal(options.extra))])
    counted: Counter[str] = Counter()
    with Server(options) as server:
        for name, values in figures(server, f"count by (__name__) ({{{matchers}}})", span):
            counted[name] += int(values.sum())
        newest = [
            float(values.max(initial=0.0))
            for _, values in figures(
                server, f"max(timestamp({{{matchers}}}))", span.after(span.points - 1)
            )
        ]
    return told | {"series": dict(counted), "newest": max(newest, default=0.0)}


def gone(
    before: Mapping[str, int],
    now: Mapping[str, int],
    old: Path,
    new: Path,
    rejected: Collection[str],
) -> str:
    """What there is less of than was fetched before, in words."""
    return ", ".join(
        f"{now.get(what, 0)} {what}, {count} are archived"
        for what, count in before.items()
        if now.get(what, 0) < count
    )


# Parse


def parse(options: Options, day: Day, folder: Path, findings: Findings) -> Iterator[Samples]:
    """Samples of each dataset of the source map, one dataset at a time; a large one in pieces by
    components.

    A dataset is told by the first of the `exporters` that has any sample of it. What cannot be read
    is counted in `findings` when all datasets have been given.
    """
    answers = Answers(folder, day, options.timestep, options.extra, options.max_expanded_mb << 20)
    series = functools.lru_cache(maxsize=1)(
        answers.series
    )  # the next dataset is often of the same series
    for those in _lines(options).values():
        for line in those:
            placed = _placed(
                options,
                line,
                series(tuple(term.select for term in line.terms), line.without),
                findings,
            )
            yield from (_samples(line, piece) for piece in _pieces(placed))
            if placed:
                break
    answers.report(findings)


class _Placed(NamedTuple):
    """A series that has samples, what it is a part of, and whether it is added (1) or taken away
    (-1).
    """

    component: str
    part: str
    sign: int
    series: Series


class _Naming:
    """Names of components, and of their parts, out of labels that anyone wrote."""

    def __init__(self, options: Options, line: Line) -> None:
        self.options, self.line = options, line
        self.of_name: dict[str, set[frozenset[tuple[str, str]]]] = {}
        self.unnamed: set[frozenset[tuple[str, str]]] = set()

    def name(self, term: Term, labels: Mapping[str, str]) -> tuple[str, str]:
        """Names of the component and of the part; empty for a series that is not wanted."""
        host = host_name(labels.get(self.options.host_label, ""))
        if not self.line.wanted(self.options, labels, host):
            return "", ""
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
            self.unnamed.add(key)
            return "", ""
        part = _part(self.line, component, part, term)
        self.of_name.setdefault(part, set()).add(key)
        return component, part

    def report(self, findings: Findings) -> None:
        """Series that cannot be named, and those that share a name: of these the larger value
        counts.
        """
        findings.add("series whose labels name no component", len(self.unnamed), self.line.dataset)
        findings.add(
            "components of several series",
            sum(len(those) > 1 for those in self.of_name.values()),
            self.line.dataset,
        )


def _part(line: Line, component: str, part: str, term: Term) -> str:
    """A name that no part of another component has: no component's name holds the separator."""
    return f"{component}\0{part or term.select}" if line.has_parts() else component


def _placed(
    options: Options, line: Line, found: Mapping[Selector, list[Series]], findings: Findings
) -> list[_Placed]:
    """The series of a dataset, component by component."""
    naming = _Naming(options, line)
    placed = [
        _Placed(*naming.name(term, series.labels), term.sign, series)
        for term in line.terms
        for series in found[term.select]
    ]
    naming.report(findings)
    return sorted(
        (each for each in placed if each.component),
        key=lambda each: component_order(each.component),
    )


def _pieces(placed: Iterable[_Placed]) -> Iterator[list[_Placed]]:
    """Whole components, together of not many more than `PIECE` samples."""
    piece: list[_Placed] = []
    size = 0
    for _, those in itertools.groupby(placed, key=lambda each: each.component):
        before = len(piece)
        piece += those
        size += sum(len(each.series.time) for each in piece[before:])
        if size > PIECE:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _samples(line: Line, placed: list[_Placed]) -> Samples:
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
