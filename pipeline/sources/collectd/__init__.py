"""collectd's disk, cpu, memory and interface values: from Elasticsearch or OpenSearch, write_http
JSON, or csv files.

`fetch` turns each form into the same raw data: value lists in Parquet, by plugin and bucket of
hosts. Values are as collectd gave them; what could not be read is listed beside them. `parse` knows
no forms.

Rates become amounts by the interval that they are of, so that a day's total is right whatever the
row's length. Which hosts, devices and interfaces count is configuration; all that the source has of
the plugins is kept raw.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from archive_tools.core.day import Day
from archive_tools.core.errors import NoData, SourceError
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from pipeline.model import Samples
from pipeline.site import Site
from pipeline.sources._shared import file_copies
from pipeline.sources._shared.http_client import Server
from pipeline.sources._shared.pattern_matches import NamesByKey, tell_hosts_left_out, tell_unmatched
from pipeline.sources.collectd import options as keys
from pipeline.sources.collectd import table
from pipeline.sources.collectd.day_files import DayFiles, day_files, undated_inputs
from pipeline.sources.collectd.fetching import (
    BEFORE,
    Problems,
    fetch_documents,
    fetch_files,
    indices,
    search_of,
    search_query,
    window,
)
from pipeline.sources.collectd.held import Held
from pipeline.sources.collectd.options import Options
from pipeline.sources.collectd.skew import tell_skew
from pipeline.sources.collectd.spool import BUCKETS
from pipeline.sources.collectd.value_samples import Reader
from pipeline.sources.contract import Fetched, Inputs, SeriesSource

__all__ = ["SOURCE", "Collectd", "Options"]

UNREAD = "unreadable.json"


class Collectd(SeriesSource[keys.Options]):
    """Values of collectd, from files or an Elasticsearch server."""

    kind = "collectd"
    version = 1
    Options = keys.Options
    Selector = table.Selector

    def metrics(self) -> tuple[table.Metric, ...]:
        """The rows of `sources/collectd.toml`."""
        return table.metrics()

    def with_absolute_paths(self, options: keys.Options, site: Site) -> keys.Options:
        """Paths counted from site.json; the site's time zone where the source names none."""
        return keys.with_absolute_paths(options, site)

    def inputs(self, options: keys.Options, day: Day) -> Inputs:
        """What there is: names, sizes and times of the day's files, names of the next day's; or how
        many documents a server has.

        Raises
        ------
        SourceError
            The server does not answer.
        """
        if not options.url:
            return _file_inputs(options, day, _day_files(options, day))
        with Server(options) as server:
            query = search_query(options, *window(options, day))
            count = search_of(options, server, day, Problems()).count(query)
        return {
            "url": options.url,
            "index": indices(options, day),
            "query": query,
            "documents": count,
            "rates": options.rates,
            "arrival_field": options.arrival_field,
        }

    def server_info(self, options: keys.Options, day: Day) -> Mapping[str, str]:
        """Version of the server; of files the zone of their stamps."""
        if not options.url:
            return {"timezone": options.timezone}
        with Server(options) as server:
            reported = server.json("GET", "/")
        found = reported.get("version", {}) if isinstance(reported, dict) else {}
        known = found if isinstance(found, dict) else {}
        return {
            "server": (
                f"{options.url}: {known.get('distribution', 'Elasticsearch')}"
                f" {known.get('number', 'of unknown version')}"
            )
        }

    def clock(self, options: keys.Options, day: Day) -> float | None:
        """The server's; files have none."""
        if not options.url:
            return None
        with Server(options) as server:
            return server.clock()

    def fetch(self, options: keys.Options, day: Day, folder: Path) -> Fetched:
        """Write the day's value lists below `folder`; counts those of each plugin, and, where there
        are any, places that could not be read.

        Raises
        ------
        NoData
            The source has nothing of the day.
        SourceError
            Nothing of it can be read.
        """
        return self.fetch_new(options, day, folder, ())

    def fetch_new(
        self, options: keys.Options, day: Day, folder: Path, held: Sequence[Path]
    ) -> Fetched:
        """As `fetch`, of files that are new or have changed, and of hours of which a server has
        other documents than are held.
        """
        problems, inputs = Problems(), None
        known = [one for one in map(Held.of, held) if one]
        if options.url:
            rows, made_of = fetch_documents(options, day, folder, problems, known)
        else:
            files = _day_files(options, day)
            rows, made_of = fetch_files(options, day, files, folder, problems, known)
            inputs = _file_inputs(options, day, files)
        problems.write(folder / UNREAD)
        made_of.write(folder)
        if not any(rows.values()) and not (held and problems.count):
            raise _nothing(options, day, problems)
        unreadable = {"unreadable": problems.count} if problems.count else {}
        return Fetched(rows | unreadable, inputs, made_of.span)

    def contains(self, newer: Path, older: Path) -> bool:
        """Whether a piece was made of all files, or has all documents, of an older one. A file that
        could not be read as a whole does not contain one under its name that could.
        """
        before, now = Held.of(older), Held.of(newer)
        if before is None or now is None or not before.is_in(now):
            return False
        whole = {file.name for file in before.files} - _damaged(older, before)
        return not whole & _damaged(newer, now)

    def parse(
        self, options: keys.Options, day: Day, folder: Path, findings: Findings
    ) -> Iterator[Samples]:
        """Samples of each dataset of the source map, in pieces: a piece has some of the hosts.

        Values that collectd did not know are not given. A rate below zero, which a reset leaves, is
        not given either.
        """
        return self.parse_pieces(options, day, [folder], findings)

    def parse_pieces(
        self, options: keys.Options, day: Day, pieces: Sequence[Path], findings: Findings
    ) -> Iterator[Samples]:
        """As `parse`; a value that several pieces have counts once. What could not be read of a
        file is that of the newest piece that read it.
        """
        read_again: set[str] = set()
        for folder in pieces:
            held = Held.of(folder) or Held()
            for name, count, what in _unread(folder):
                if held.file_at(name) not in read_again:
                    findings.add(FindingKind.UNREADABLE, count, name, what)
            read_again.update(file.name for file in held.files)
        names = NamesByKey(options)
        for metric in table.metrics():
            if metric.dataset.name.startswith("md") and not options.mdservers:
                continue
            reader = Reader(options, day, metric, findings, names)
            for number in range(BUCKETS):
                files = f"*/{metric.find.plugin}-{number:02d}.parquet"
                paths = [path for folder in pieces for path in sorted(folder.glob(files))]
                yield from reader.samples(paths)
            reader.report()
        tell_skew(options, pieces, findings)
        tell_unmatched(names.matches(), findings)
        tell_hosts_left_out(names, findings)


def _unread(folder: Path) -> list[tuple[str, int, str]]:
    """What of a piece could not be read: where, in how many places, the first of them."""
    try:
        return [tuple(one) for one in json.loads((folder / UNREAD).read_text("utf-8"))]
    except (OSError, ValueError) as error:
        raise SourceError(
            f"raw data in {folder} cannot be read: {error}",
            hint="tokio-pipeline invalidate the day, and run it again",
        ) from error


def _damaged(folder: Path, held: Held) -> set[str]:
    """The files of a piece that could not be read as a whole."""
    return {held.file_at(name) for name, _, _ in _unread(folder)} - {""}


def _day_files(options: keys.Options, day: Day) -> DayFiles:
    first, last = window(options, day)
    return day_files(options, day, (first - BEFORE, last))


def _file_inputs(options: keys.Options, day: Day, files: DayFiles) -> Inputs:
    """Of the day's files; those of the next day grow, and only their names count."""
    undated = undated_inputs(files.undated, window(options, day)[1])
    return {
        **file_copies.inputs(files.own),
        "next day": [str(path) for path in files.after],
        "max_expanded_mb": options.max_expanded_mb,
        "form": options.form,
        "rates": options.rates,
        "arrival_field": options.arrival_field,
        "window": window(options, day),
        **({"undated": undated} if undated else {}),
    }


def _nothing(options: keys.Options, day: Day, problems: Problems) -> NoData | SourceError:
    """Why there is nothing of the day."""
    if problems.first:
        return SourceError(f"nothing of {day} can be read: {problems.first}")
    where = (
        f"{options.url}/{indices(options, day)}"
        if options.url
        else f"files {', '.join(day.expand(name) for name in options.files)}"
    )
    return NoData(f"no values of {', '.join(table.plugins())} of {day} in {where}")


SOURCE = Collectd()
