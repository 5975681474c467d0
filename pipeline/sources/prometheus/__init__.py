"""Prometheus and VictoriaMetrics: a server that is queried over HTTP, or answers of one that were
saved.

`fetch` requests one sample of each series in every row of the day, and keeps the answers as they
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
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from isal import igzip

from archive_tools.core.day import Day
from archive_tools.core.errors import NoData, SourceError
from archive_tools.core.findings import Findings
from pipeline.model import Samples
from pipeline.site import Site
from pipeline.sources._shared import file_copies
from pipeline.sources._shared.http_client import Server
from pipeline.sources._shared.pattern_matches import NamesByKey, tell_hosts_left_out, tell_unmatched
from pipeline.sources._shared.prometheus_api import (
    Span,
    figures,
    how_many,
    in_pieces,
    is_too_much,
)
from pipeline.sources._shared.source_files import Allowed
from pipeline.sources.contract import Fetched, Inputs, Json, SeriesSource
from pipeline.sources.prometheus import options as keys
from pipeline.sources.prometheus.look import LOOK, Look
from pipeline.sources.prometheus.options import Options
from pipeline.sources.prometheus.placing import in_parts, placed_series, samples_of
from pipeline.sources.prometheus.query import (
    ExporterRows,
    Line,
    Metric,
    Request,
    equal,
    lines,
    metrics,
)
from pipeline.sources.prometheus.saved_answers import MANIFEST, Answers, Entry

__all__ = ["SOURCE", "Options", "Prometheus"]


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


def _requests(options: Options) -> list[Request]:
    """All that a server is requested, each once."""
    return list(
        dict.fromkeys(
            request
            for those in _lines(options).values()
            for line in those
            for request in line.requests()
        )
    )


def _newest(name: str, extra: list[str]) -> str:
    """The query of a metric's newest stamp."""
    matchers = ",".join([f'__name__="{name}"', *extra])
    return f"max(timestamp({{{matchers}}}))"


class _Keeper:
    """Keeps the answers that have series, and counts them."""

    def __init__(self, server: Server, options: Options, folder: Path) -> None:
        self.server, self.options, self.folder = server, options, folder
        self.entries: list[Entry] = []
        self.series = self.samples = 0

    def keep(self, request: Request, span: Span) -> None:
        """Ask for the samples of a span."""
        query = request.query(self.options.extra, self.options.timestep)
        known: set[frozenset[tuple[str, str]]] = set()
        for piece, content, results in in_pieces(self.server, query, span, self.options.points):
            if not results:
                continue
            file, form = f"{len(self.entries):05d}.json.gz", piece.form(query)
            (self.folder / file).write_bytes(igzip.compress(content, 1))
            self.entries.append(
                Entry(file, str(request.select), request.without, query, form["start"], form["end"])
            )
            known.update(frozenset(result.metric.items()) for result in results)
            self.samples += how_many(results)
        self.series += len(known)


def _look(server: Server, options: Options, span: Span) -> Look:
    """How many series of each metric a server has at each point of a span."""
    names = sorted({request.select.name for request in _requests(options) if not request.without})
    if not span.points or not names:
        return Look()
    extra = list(map(str, equal(options.extra)))
    matchers = ",".join([f'__name__=~"{"|".join(names)}"', *extra])
    query = f"count by (__name__) ({{{matchers}}})"
    return Look.of(figures(server, query, span))


def _look_if_possible(server: Server, options: Options, span: Span) -> Look:
    """As `_look`; nothing where that is too much for the server: all is then asked for again when
    more has come.
    """
    try:
        return _look(server, options, span)
    except SourceError as error:
        if not is_too_much(error):
            raise
        return Look()


def _queries(options: Options) -> str:
    """Digest of all queries of a day."""
    queries = sorted(
        request.query(options.extra, options.timestep) for request in _requests(options)
    )
    return hashlib.sha256("\n".join(queries).encode()).hexdigest()[:16]


class Prometheus(SeriesSource[keys.Options]):
    """Servers of Prometheus or VictoriaMetrics, and their saved answers."""

    kind = "prometheus"
    version = 1
    Options = keys.Options
    Selector = ExporterRows

    def metrics(self) -> tuple[Metric, ...]:
        """The rows of `sources/prometheus.toml`."""
        return metrics()

    def with_absolute_paths(self, options: keys.Options, site: Site) -> keys.Options:
        """Paths counted from site.json; the site's time zone where the source names none."""
        return keys.with_absolute_paths(options, site)

    def server_info(self, options: keys.Options, day: Day) -> Mapping[str, str]:
        """Version of the server."""
        if options.answers:
            return {}
        with Server(options) as server:
            reported = server.json("GET", "/api/v1/status/buildinfo")
        found = reported.get("data", {}) if isinstance(reported, dict) else {}
        return {
            "server": (
                f"{options.url}: {found.get('application', 'Prometheus')}"
                f" {found.get('version', 'of unknown version')}"
            )
        }

    def clock(self, options: keys.Options, day: Day) -> float | None:
        """The server's; files have none."""
        if not options.url:
            return None
        with Server(options) as server:
            return server.clock()

    def fetch(self, options: keys.Options, day: Day, folder: Path) -> Fetched:
        """Keep the answers of the day, each as a gzipped file, beside a list of the queries; or
        copy saved ones. Counts series and samples; of saved answers files and bytes.

        Raises
        ------
        NoData
            The server has no sample of the day, or there is no file.
        SourceError
            A query is refused or answered in part.
        """
        return self.fetch_new(options, day, folder, ())

    def fetch_new(
        self, options: keys.Options, day: Day, folder: Path, held: Sequence[Path]
    ) -> Fetched:
        """As `fetch`, from the first to the last five minutes of which the server has more series
        than any piece; or the saved files that are new or have changed.
        """
        if options.answers:
            return file_copies.copy(options.saved(day), folder, held)
        now = time.time()
        rows = whole = _rows(options, day, options.timestep, now)
        with Server(options) as server:
            look = _look_if_possible(server, options, _rows(options, day, LOOK, now))
            if held:
                rows = look.span_of_more(whole, _queries(options), [Look.read(at) for at in held])
            keeper = _Keeper(server, options, folder)
            for request in _requests(options):
                keeper.keep(request, rows)
        if not keeper.entries:
            raise NoData(
                f"{options.url} has no sample of {day} that {' or '.join(options.exporters)} gives"
                + (" and that is not archived" if held else ""),
                hint="check extra and exporters of the source",
            )
        (folder / MANIFEST).write_bytes(msgspec.json.encode(keeper.entries))
        look.within(rows, whole, _queries(options)).write(folder)
        last = rows.first + (rows.points - 1) * rows.step * 1000
        span = rows.first // 1000 - rows.step + 1, last // 1000
        return Fetched({"series": keeper.series, "samples": keeper.samples}, span=span)

    def contains(self, newer: Path, older: Path) -> bool:
        """Whether a piece has as many series at all times as an older one, or all of its files."""
        if (older / MANIFEST).is_file() or (newer / MANIFEST).is_file():
            return Look.read(newer).contains(Look.read(older))
        return file_copies.contains(newer, older)

    def inputs(self, options: keys.Options, day: Day) -> Inputs:
        """What there is of the day: files, or how many series of each metric the server has every
        five minutes, and the newest stamp.

        Metrics that the server averages are not looked at, and values never: data that
        are put in later are seen where they fill five minutes without a sample of a series.

        Raises
        ------
        SourceError
            The server cannot be reached, or refuses.
        """
        if options.answers:
            return file_copies.inputs(options.saved(day))
        reported: dict[str, Json] = {
            "url": options.url,
            "queries": _queries(options),
            "series": {},
            "newest": 0.0,
        }
        span = _rows(options, day, LOOK, time.time())
        if not span.points:
            return reported
        extra = list(map(str, equal(options.extra)))
        with Server(options) as server:
            counted = _look(server, options, span).totals()
            newest = [
                float(values[:, 1].max(initial=0.0))
                for name in sorted(counted)  # of several, timestamp() would give one series twice
                for _, values in figures(server, _newest(name, extra), span.after(span.points - 1))
            ]
        return {**reported, "series": counted, "newest": max(newest, default=0.0)}

    def parse(
        self, options: keys.Options, day: Day, folder: Path, findings: Findings
    ) -> Iterator[Samples]:
        """Samples of each dataset of the source map, one dataset at a time; a large one in pieces
        by components.

        A dataset is given by the first of the `exporters` that has any sample of it. What cannot be
        read is counted in `findings` when all datasets have been given.
        """
        return self.parse_pieces(options, day, [folder], findings)

    def parse_pieces(
        self, options: keys.Options, day: Day, pieces: Sequence[Path], findings: Findings
    ) -> Iterator[Samples]:
        """As `parse`; of what several pieces have of a series and a time, the newest counts."""
        allowed = Allowed(options.max_expanded_mb, options.max_ratio)
        answers = Answers(pieces, day, options.timestep, options.extra, allowed)
        series = functools.lru_cache(maxsize=1)(
            answers.series
        )  # the next dataset is often of the same series
        names = NamesByKey(options)
        for those in _lines(options).values():
            for line in those:
                placed = placed_series(
                    options,
                    line,
                    series(tuple(term.select for term in line.terms), line.without),
                    findings,
                    names,
                )
                yield from (samples_of(line, part) for part in in_parts(placed))
                if placed:
                    break
        answers.report(findings)
        tell_unmatched(names.matches(), findings)
        tell_hosts_left_out(names, findings)


SOURCE = Prometheus()
