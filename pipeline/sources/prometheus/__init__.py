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
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import msgspec
from isal import igzip

from archive_tools.core.day import Day
from archive_tools.core.errors import NoData
from archive_tools.core.findings import Findings
from pipeline.model import Samples
from pipeline.site import Site
from pipeline.sources._shared import source_files
from pipeline.sources._shared.http_client import Server
from pipeline.sources.contract import Counts, Fetched, Inputs, Json, SeriesSource
from pipeline.sources.prometheus import options as keys
from pipeline.sources.prometheus.options import Options
from pipeline.sources.prometheus.placing import pieces, placed_series, samples_of
from pipeline.sources.prometheus.query import (
    ExporterRows,
    Line,
    Metric,
    Request,
    equal,
    lines,
    metrics,
)
from pipeline.sources.prometheus.saved_answers import MANIFEST, Answers, Entry, how_many
from pipeline.sources.prometheus.server import Span, figures, in_pieces

__all__ = ["SOURCE", "Options", "Prometheus"]

LOOK = 300
"""Seconds between looks at what there is: as far as a plain selector looks back."""


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

    def __init__(self, server: Server, options: Options, span: Span, folder: Path) -> None:
        self.server, self.options, self.span, self.folder = server, options, span, folder
        self.entries: list[Entry] = []
        self.series = self.samples = 0

    def keep(self, request: Request) -> None:
        """Ask for the samples of the day."""
        query = request.query(self.options.extra, self.options.timestep)
        known: set[frozenset[tuple[str, str]]] = set()
        for piece, content, results in in_pieces(
            self.server, query, self.span, self.options.points
        ):
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
        if options.answers:
            return source_files.copy(options.saved(day), folder)
        with Server(options) as server:
            keeper = _Keeper(
                server, options, _rows(options, day, options.timestep, time.time()), folder
            )
            for request in _requests(options):
                keeper.keep(request)
        if not keeper.entries:
            raise NoData(
                f"{options.url} has no sample of {day} that {' or '.join(options.exporters)} gives",
                hint="check extra and exporters of the source",
            )
        (folder / MANIFEST).write_bytes(msgspec.json.encode(keeper.entries))
        return Fetched({"series": keeper.series, "samples": keeper.samples})

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
            return source_files.inputs(options.saved(day))
        requests = _requests(options)
        queries = sorted(request.query(options.extra, options.timestep) for request in requests)
        names = sorted({request.select.name for request in requests if not request.without})
        reported: dict[str, Json] = {
            "url": options.url,
            "queries": hashlib.sha256("\n".join(queries).encode()).hexdigest()[:16],
            "series": {},
            "newest": 0.0,
        }
        span = _rows(options, day, LOOK, time.time())
        if not span.points:
            return reported
        extra = list(map(str, equal(options.extra)))
        matchers = ",".join([f'__name__=~"{"|".join(names)}"', *extra])
        counted: Counter[str] = Counter()
        with Server(options) as server:
            for name, values in figures(server, f"count by (__name__) ({{{matchers}}})", span):
                counted[name] += int(values.sum())
            newest = [
                float(values.max(initial=0.0))
                for name in sorted(counted)  # of several, timestamp() would give one series twice
                for _, values in figures(server, _newest(name, extra), span.after(span.points - 1))
            ]
        return {**reported, "series": dict(counted), "newest": max(newest, default=0.0)}

    def lost_inputs(
        self, before: Counts, now: Counts, old: Path, new: Path, rejected: Collection[str]
    ) -> str:
        """What there is less of than was fetched before."""
        return ", ".join(
            f"{now.get(what, 0)} {what}, {count} are archived"
            for what, count in before.items()
            if now.get(what, 0) < count
        )

    def parse(
        self, options: keys.Options, day: Day, folder: Path, findings: Findings
    ) -> Iterator[Samples]:
        """Samples of each dataset of the source map, one dataset at a time; a large one in pieces
        by components.

        A dataset is given by the first of the `exporters` that has any sample of it. What cannot be
        read is counted in `findings` when all datasets have been given.
        """
        answers = Answers(
            folder, day, options.timestep, options.extra, options.max_expanded_mb << 20
        )
        series = functools.lru_cache(maxsize=1)(
            answers.series
        )  # the next dataset is often of the same series
        for those in _lines(options).values():
            for line in those:
                placed = placed_series(
                    options,
                    line,
                    series(tuple(term.select for term in line.terms), line.without),
                    findings,
                )
                yield from (samples_of(line, piece) for piece in pieces(placed))
                if placed:
                    break
        answers.report(findings)


SOURCE = Prometheus()
