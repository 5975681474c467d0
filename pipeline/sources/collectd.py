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

import datetime as dt
import functools
import itertools
import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from archive_tools.core.day import Day
from archive_tools.core.errors import NoData, SourceError
from archive_tools.core.findings import UNREADABLE, Findings
from pipeline.model import Samples
from pipeline.schemas import source_maps
from pipeline.site import Site, Templates
from pipeline.sources import _collectd_forms as forms
from pipeline.sources import _files
from pipeline.sources._collectd_samples import Reader, listed, tell_skew
from pipeline.sources._elasticsearch import Incomplete, Search
from pipeline.sources._hosts import HostOptions
from pipeline.sources._http import HTTP_ORIGIN, HttpOptions, Server, located_http
from pipeline.sources._spool import BUCKETS, FIELDS, Spool

GIVES = Samples
ONE = dt.timedelta(days=1)
CLOSING = 300
"""Seconds after a day's end in which values are looked for whose interval began in it."""
WINDOW = 3600
"""Seconds of documents that one search is asked for."""
TRIES = 3
UNREAD = "unreadable.json"


class Options(HttpOptions, HostOptions):
    """Keys of a collectd source.

    Attributes
    ----------
    form : {'elasticsearch', 'write_http', 'csv'}
        Documents with Logstash's field names, JSON of the write_http plugin, or files of the csv
        plugin.
    files : str or list of str
        Files, folders, tarballs or glob patterns; strftime templates, of dates in `timezone`. The
        next day's are read too: they have the day's last samples.
    neighbours : int
        How many more days before and after are read, where files have values of other days than
        their names say.
    url, index : str
        A server in place of a dump, with `form` elasticsearch; the index is a strftime template (of
        UTC dates), or a pattern.
    query : dict
        A further filter clause of the search, such as ``{"prefix": {"hostname": "bb"}}``.
    paging : {'scroll', 'pit'}
        How a server is read.
    page_size : int
        Documents a page.
    store_rates : bool
        Whether collectd stored rates; as collectd's own key. True for Elasticsearch unless given,
        else false.
    interval : int
        Seconds between two values, where the form does not tell; unless given, what the stamps of
        each series say.
    arrival_field : str
        Field of the stamp at which a document arrived: clocks that differ from it are a finding.
    max_expanded_mb : int
        What a compressed file may expand to.
    """

    ORIGIN: ClassVar[frozenset[str]] = HTTP_ORIGIN | {
        "files",
        "index",
        "query",
        "paging",
        "page_size",
        "max_expanded_mb",
    }

    kind: Literal["collectd"]
    form: Literal["elasticsearch", "write_http", "csv"]
    files: Templates = []
    neighbours: int = Field(default=0, ge=0, le=7)
    index: str = "collectd-*"
    query: dict[str, Any] = {}
    paging: Literal["scroll", "pit"] = "scroll"
    page_size: int = Field(default=10_000, ge=1)
    store_rates: bool | None = None
    interval: int = Field(default=0, ge=0)
    arrival_field: str = ""
    max_expanded_mb: int = Field(default=65_536, ge=1)

    @model_validator(mode="after")
    def _one_origin(self) -> Options:
        if bool(self.url) == bool(self.files):
            raise ValueError("needs either files or url")
        if self.url and self.form != "elasticsearch":
            raise ValueError(f"form {self.form} is read from files, not from a url")
        unused = self.model_fields_set & (
            {"index", "query", "paging", "page_size"} if not self.url else {"max_expanded_mb"}
        )
        if self.arrival_field and self.form != "elasticsearch":
            unused.add("arrival_field")
        if unused:
            raise ValueError(
                f"{', '.join(sorted(unused))}: not used with {'url' if self.url else 'files'} and"
                f" form {self.form}"
            )
        return self

    @property
    def rates(self) -> bool:
        """Whether values of counters are rates."""
        return self.form == "elasticsearch" if self.store_rates is None else self.store_rates

    @property
    def every(self) -> int:
        """Seconds between two values, as far as that is known beforehand."""
        return self.interval or self.timestep


def located(options: Options, site: Site) -> Options:
    """Paths counted from site.json; the site's time zone where the source names none."""
    update = {
        "files": _files.located(options.files, site),
        "timezone": options.timezone or site.timezone,
    }
    return options.model_copy(update=update | located_http(options, site))


# Fetch


@functools.cache
def _plugins() -> list[str]:
    return sorted({str(metric.find["plugin"]) for metric in source_maps.source_map("collectd")})


@functools.cache
def _types() -> dict[str, bool]:
    """Types that are wanted, and whether they are counters."""
    return {
        kind: metric.dataset.kind == "delta" or kind == "cpu"
        for metric in source_maps.source_map("collectd")
        for kind in listed(metric.find["type"])
    }


def _window(options: Options, day: Day) -> tuple[int, int]:
    """First and last second that a value of the day may have: an interval, or the closing sample,
    after its end.
    """
    return day.start, day.end + max(options.timestep, options.every, CLOSING) + 1


class _Found(NamedTuple):
    """Files of a day, and those of which only the beginning can be of it."""

    own: list[Path]
    after: list[Path]


def _found(options: Options, day: Day) -> _Found:
    zone = ZoneInfo(options.timezone)
    first, last = (
        dt.datetime.fromtimestamp(second, zone).date() for second in (day.start, day.end - 1)
    )
    around = dt.timedelta(days=options.neighbours)
    own = _files_of(options, first - around, last + around)
    mine = set(own)
    return _Found(
        own,
        [
            path
            for path in _files_of(options, last + around + ONE, last + around + ONE)
            if path not in mine
        ],
    )


def _files_of(options: Options, first: dt.date, last: dt.date) -> list[Path]:
    """The files of some dates; of csv files only those whose names say so."""
    days = [Day(first + n * ONE) for n in range((last - first).days + 1)]
    paths = _files.walked(
        list(dict.fromkeys(path for day in days for path in _files.expanded(options.files, day)))
    )
    endings = tuple(str(day) for day in days)
    return [
        path
        for path in paths
        if options.form != "csv"
        or path.name.split(".")[0].endswith(endings)
        or _files.is_tarball(path.name)
    ]


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
            query = _query(options, *_window(options, day))
            count = _search(options, server, day, _Problems()).count(query)
        kept = {"rates": options.rates, "arrival_field": options.arrival_field}
        return {
            "url": options.url,
            "index": _indices(options, day),
            "query": query,
            "documents": count,
        } | kept
    found = _found(options, day)
    kept = {
        "form": options.form,
        "rates": options.rates,
        "arrival_field": options.arrival_field,
        "window": _window(options, day),
    }
    return (
        _files.inputs(found.own)
        | {
            "next day": [str(path) for path in found.after],
            "max_expanded_mb": options.max_expanded_mb,
        }
        | kept
    )


def _indices(options: Options, day: Day) -> str:
    """The indices of all UTC dates that the day touches: those of Logstash are a UTC day each."""
    first, last = (
        dt.datetime.fromtimestamp(second, dt.UTC).date() for second in _window(options, day)
    )
    dates = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
    return ",".join(dict.fromkeys(Day(date).expand(options.index) for date in dates))


def _search(options: Options, server: Server, day: Day, problems: _Problems) -> Search:
    fields = [
        "@timestamp",
        "hostname",
        "host",
        "plugin",
        "plugin_instance",
        "collectd_type",
        "type_instance",
        *FIELDS,
    ]
    wanted = fields + ([options.arrival_field] if options.arrival_field else [])
    return Search(
        server,
        _indices(options, day),
        forms.document_type(options.arrival_field),
        wanted,
        options.page_size,
        problems,
    )


def _query(options: Options, first: int, last: int) -> dict[str, Any]:
    between = {
        "range": {"@timestamp": {"gte": first * 1000, "lt": last * 1000, "format": "epoch_millis"}}
    }
    wanted = [{"terms": {"plugin": _plugins()}}, {"terms": {"collectd_type": sorted(_types())}}]
    return {"bool": {"filter": [between, *wanted, *([options.query] if options.query else [])]}}


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
    problems = _Problems()
    rows = (_fetch_documents if options.url else _fetch_files)(options, day, folder, problems)
    problems.write(folder / UNREAD)
    if not rows:
        if problems.first:
            raise SourceError(f"nothing of {day} can be read: {problems.first}")
        where = (
            f"{options.url}/{_indices(options, day)}"
            if options.url
            else f"files {', '.join(day.expand(name) for name in options.files)}"
        )
        raise NoData(f"no values of {', '.join(_plugins())} of {day} in {where}")
    return rows | ({"unreadable": problems.count} if problems.count else {})


class _Problems:
    """What could not be read: by file, how much, and the first place."""

    def __init__(self) -> None:
        self._found: dict[str, list[Any]] = {}

    def __call__(self, name: str, what: str) -> None:
        self._found.setdefault(name, [0, what])[0] += 1

    @property
    def count(self) -> int:
        return sum(count for count, _ in self._found.values())

    @property
    def first(self) -> str:
        return next((f"{name}: {what}" for name, (_, what) in self._found.items()), "")

    def write(self, path: Path) -> None:
        path.write_text(json.dumps([[name, *told] for name, told in self._found.items()]), "utf-8")


def _fetch_files(options: Options, day: Day, folder: Path, problems: _Problems) -> dict[str, int]:
    found, (first, last) = _found(options, day), _window(options, day)
    with Spool(folder / "00", counters=not options.rates) as spool:
        for path in [*found.own, *found.after]:
            for member in _files.members(path, str(path), options.max_expanded_mb << 20, problems):
                for plugin, columns in _lists(options, member, problems):
                    stamps = np.array(columns["time_ms"], dtype=np.int64)
                    inside = (stamps >= first * 1000) & (stamps < last * 1000)
                    _add(spool, plugin, _kept(columns, inside), member.name, problems)
    return spool.rows


def _add(spool: Spool, plugin: str, columns: forms.Columns, name: str, problems: _Problems) -> None:
    spool.add(plugin, columns, lambda what: problems(name, what))


def _kept(columns: forms.Columns, which: npt.NDArray[np.bool_]) -> forms.Columns:
    """The value lists inside the day, of types that are wanted."""
    wanted = _types()
    keep = [
        inside and kind in wanted
        for inside, kind in zip(which.tolist(), columns["type"], strict=True)
    ]
    if all(keep):
        return columns
    return {name: list(itertools.compress(column, keep)) for name, column in columns.items()}


def _lists(options: Options, member: _files.Member, problems: _Problems) -> forms.Lists:
    if options.form == "elasticsearch":
        return forms.documents(member, _plugins(), options.arrival_field, problems)
    if options.form == "write_http":
        return forms.write_http(member, _plugins(), problems)
    counters = {
        kind: counter and not options.rates for kind, counter in _types().items() if kind != "cpu"
    }
    return forms.csv(member, _plugins(), counters, problems)


def _fetch_documents(
    options: Options, day: Day, folder: Path, problems: _Problems
) -> dict[str, int]:
    """Window by window; one that is not given whole is asked for again."""
    rows: dict[str, int] = {}
    first, last = _window(options, day)
    with Server(options) as server:
        search = _search(options, server, day, problems)
        for number, begin in enumerate(range(first, last, WINDOW)):
            some = _window_of_documents(
                options,
                search,
                _query(options, begin, min(begin + WINDOW, last)),
                folder / f"{number:02d}",
                problems,
            )
            rows = {plugin: rows.get(plugin, 0) + some.get(plugin, 0) for plugin in {*rows, *some}}
    return rows


def _window_of_documents(
    options: Options, search: Search, query: Mapping[str, Any], folder: Path, problems: _Problems
) -> dict[str, int]:
    for left in reversed(range(TRIES)):
        try:
            with Spool(folder, counters=not options.rates) as spool:
                for page in search.pages(query, options.paging):
                    for plugin, columns in forms.of_documents(
                        page, options.url, _plugins(), problems
                    ):
                        _add(spool, plugin, columns, options.url, problems)
            return spool.rows
        except Incomplete:
            shutil.rmtree(folder, ignore_errors=True)
            if not left:
                raise
    raise AssertionError("unreachable")


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
        findings.add(UNREADABLE, count, name, what)
    for metric in source_maps.source_map("collectd"):
        if metric.dataset.name.startswith("md") and not options.mdservers:
            continue
        reader = Reader(options, day, metric, findings)
        for number in range(BUCKETS):
            paths = sorted(folder.glob(f"*/{metric.find['plugin']}-{number:02d}.parquet"))
            yield from reader.samples(paths)
    tell_skew(options, folder, findings)
