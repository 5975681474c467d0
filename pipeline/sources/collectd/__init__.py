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
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from archive_tools.core.day import Day
from archive_tools.core.errors import NoData, SourceError
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from pipeline.model import Samples
from pipeline.schemas import source_maps
from pipeline.sources._shared import source_files
from pipeline.sources._shared.http_client import Server
from pipeline.sources.collectd.fetching import (
    Problems,
    day_files,
    fetch_documents,
    fetch_files,
    indices,
    plugins,
    search_of,
    search_query,
    window,
)
from pipeline.sources.collectd.options import Options, located
from pipeline.sources.collectd.spool import BUCKETS
from pipeline.sources.collectd.value_samples import Reader, tell_skew

__all__ = ["Options", "located"]


GIVES = Samples
UNREAD = "unreadable.json"


def inputs(options: Options, day: Day) -> dict[str, Any]:
    """What there is: names, sizes and times of the day's files, names of the next day's; or how
    many documents a server has.

    Raises
    ------
    SourceError
        The server cannot be asked.
    """
    if options.url:
        with Server(options) as server:
            query = search_query(options, *window(options, day))
            count = search_of(options, server, day, Problems()).count(query)
        kept = {"rates": options.rates, "arrival_field": options.arrival_field}
        return {
            "url": options.url,
            "index": indices(options, day),
            "query": query,
            "documents": count,
        } | kept
    found = day_files(options, day)
    kept = {
        "form": options.form,
        "rates": options.rates,
        "arrival_field": options.arrival_field,
        "window": window(options, day),
    }
    return (
        source_files.inputs(found.own)
        | {
            "next day": [str(path) for path in found.after],
            "max_expanded_mb": options.max_expanded_mb,
        }
        | kept
    )


def about(options: Options, day: Day) -> dict[str, str]:
    """Version of the server, if one is asked."""
    if not options.url:
        return {"timezone": options.timezone}
    with Server(options) as server:
        told = server.json("GET", "/")
    found = told.get("version", {}) if isinstance(told, dict) else {}
    known = found if isinstance(found, dict) else {}
    return {
        "server": (
            f"{options.url}: {known.get('distribution', 'Elasticsearch')}"
            f" {known.get('number', 'of unknown version')}"
        )
    }


def fetch(options: Options, day: Day, folder: Path) -> dict[str, int]:
    """Write the day's value lists below `folder`.

    Returns
    -------
    dict of str to int
        Value lists of each plugin, and, where there are any, places that could not be read.

    Raises
    ------
    NoData
        The source has nothing of the day.
    SourceError
        Nothing of it can be read.
    """
    problems = Problems()
    rows = (fetch_documents if options.url else fetch_files)(options, day, folder, problems)
    problems.write(folder / UNREAD)
    if not rows:
        if problems.first:
            raise SourceError(f"nothing of {day} can be read: {problems.first}")
        where = (
            f"{options.url}/{indices(options, day)}"
            if options.url
            else f"files {', '.join(day.expand(name) for name in options.files)}"
        )
        raise NoData(f"no values of {', '.join(plugins())} of {day} in {where}")
    return rows | ({"unreadable": problems.count} if problems.count else {})


def gone(
    before: Mapping[str, int],
    now: Mapping[str, int],
    old: Path,
    new: Path,
    rejected: Collection[str],
) -> str:
    """Plugins of which the source has fewer values of the day than were fetched before, in
    words.
    """
    fewer = [name for name in before if name != "unreadable" and now.get(name, 0) < before[name]]
    return ", ".join(
        f"{name} has {now.get(name, 0)} value lists, {before[name]} are archived" for name in fewer
    )


# Parse


def parse(options: Options, day: Day, folder: Path, findings: Findings) -> Iterator[Samples]:
    """Samples of each dataset of the source map, in pieces: a piece has some of the hosts.

    Values that collectd did not know are not given. A rate below zero, which a reset leaves, is
    none either.
    """
    try:
        unread = json.loads((folder / UNREAD).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(
            f"raw data in {folder} cannot be read: {error}",
            hint="tokio-pipeline invalidate the day, and run it again",
        ) from error
    for name, count, what in unread:
        findings.add(FindingKind.UNREADABLE, count, name, what)
    for metric in source_maps.source_map("collectd"):
        if metric.dataset.name.startswith("md") and not options.mdservers:
            continue
        reader = Reader(options, day, metric, findings)
        for number in range(BUCKETS):
            paths = sorted(folder.glob(f"*/{metric.find['plugin']}-{number:02d}.parquet"))
            yield from reader.samples(paths)
    tell_skew(options, folder, findings)
