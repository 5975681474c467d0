"""Value lists of the day, out of files or a server, into a spool."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from archive_tools.core.day import Day
from pipeline.sources._shared import source_files
from pipeline.sources._shared.http_client import Server
from pipeline.sources.collectd import csv_files, forms
from pipeline.sources.collectd.elasticsearch import Incomplete, Search
from pipeline.sources.collectd.held import Held, HeldFile, HeldWindow
from pipeline.sources.collectd.options import Options
from pipeline.sources.collectd.spool import FIELDS, Spool
from pipeline.sources.collectd.table import metrics

ONE = dt.timedelta(days=1)
CLOSING = 300
"""Seconds after a day's end in which values are looked for whose interval began in it."""
WINDOW = 3600
"""Seconds of documents that one search requests."""
TRIES = 3


# Fetch


@functools.cache
def plugins() -> list[str]:
    """The plugins that the source map needs."""
    return sorted({metric.find.plugin for metric in metrics()})


@functools.cache
def types() -> dict[str, bool]:
    """Types that are wanted, and whether they are counters."""
    return {
        kind: metric.dataset.kind == "delta" or kind == "cpu"
        for metric in metrics()
        for kind in metric.find.type
    }


def window(options: Options, day: Day) -> tuple[int, int]:
    """First and last second that a value of the day may have: an interval, or the closing sample,
    after its end.
    """
    return day.start, day.end + max(options.timestep, options.every, CLOSING) + 1


class DayFiles(NamedTuple):
    """Files of a day, and those that only begin in it."""

    own: list[Path]
    after: list[Path]


def day_files(options: Options, day: Day) -> DayFiles:
    """The day's files, and those of the next day."""
    zone = ZoneInfo(options.timezone)
    first, last = (
        dt.datetime.fromtimestamp(second, zone).date() for second in (day.start, day.end - 1)
    )
    around = dt.timedelta(days=options.neighbours)
    own = _files_of(options, first - around, last + around)
    mine = set(own)
    return DayFiles(
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
    paths = source_files.walked(
        list(
            dict.fromkeys(
                path for day in days for path in source_files.expanded(options.files, day)
            )
        )
    )
    endings = tuple(str(day) for day in days)
    return [
        path
        for path in paths
        if options.form != "csv"
        or path.name.split(".")[0].endswith(endings)
        or source_files.is_tarball(path.name)
    ]


def indices(options: Options, day: Day) -> str:
    """The indices of all UTC dates that the day touches: those of Logstash are a UTC day each."""
    first, last = (
        dt.datetime.fromtimestamp(second, dt.UTC).date() for second in window(options, day)
    )
    dates = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
    return ",".join(dict.fromkeys(Day(date).expand(options.index) for date in dates))


def search_of(options: Options, server: Server, day: Day, problems: Problems) -> Search:
    """The search of a day's documents."""
    fields = [
        "@timestamp",
        "hostname",
        "host",
        "plugin",
        "plugin_instance",
        "collectd_type",
        "type_instance",
        "tags",
        *FIELDS,
        "host.name",
    ]
    wanted = fields + ([options.arrival_field] if options.arrival_field else [])
    return Search(
        server,
        indices(options, day),
        forms.document_type(options.arrival_field),
        wanted,
        options.page_size,
        problems,
    )


def search_query(options: Options, first: int, last: int) -> dict[str, Any]:
    """The query for documents between two epoch seconds."""
    return search_query_ms(options, first * 1000, last * 1000)


def search_query_ms(options: Options, first: int, last: int) -> dict[str, Any]:
    """The query for documents between two epoch milliseconds, the second not included."""
    between = {"range": {"@timestamp": {"gte": first, "lt": last, "format": "epoch_millis"}}}
    wanted = [{"terms": {"plugin": plugins()}}, {"terms": {"collectd_type": sorted(types())}}]
    return {"bool": {"filter": [between, *wanted, *([options.query] if options.query else [])]}}


class Problems:
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
        path.write_text(
            json.dumps([[name, *reported] for name, reported in self._found.items()]), "utf-8"
        )


def fetch_files(
    options: Options,
    day: Day,
    found: DayFiles,
    folder: Path,
    problems: Problems,
    held: Sequence[Held] = (),
) -> tuple[dict[str, int], Held]:
    """Value lists of the day out of files that no piece was made of; the number of each plugin,
    and what was read.
    """
    first, last = window(options, day)
    known = {one.identity for piece in held for one in piece.files}
    read: list[HeldFile] = []
    with Spool(folder / "00", counters=not options.rates) as spool:
        for path in [*found.own, *found.after]:
            file = HeldFile.of(path)
            if file.identity in known:
                continue
            read.append(file)
            for member in source_files.members(
                path, str(path), options.max_expanded_mb << 20, problems
            ):
                for plugin, columns in _lists(options, member, problems):
                    stamps = np.array(columns["time_ms"], dtype=np.int64)
                    inside = (stamps >= first * 1000) & (stamps < last * 1000)
                    _add(spool, plugin, _kept(columns, inside), member.name, problems)
    return spool.rows, Held(files=read)


def _add(spool: Spool, plugin: str, columns: forms.Columns, name: str, problems: Problems) -> None:
    spool.add(plugin, columns, lambda what: problems(name, what))


def _kept(columns: forms.Columns, which: npt.NDArray[np.bool_]) -> forms.Columns:
    """The value lists inside the day, of types that are wanted."""
    wanted = types()
    keep = [
        inside and kind in wanted
        for inside, kind in zip(which.tolist(), columns["type"], strict=True)
    ]
    if all(keep):
        return columns
    return {name: list(itertools.compress(column, keep)) for name, column in columns.items()}


def _lists(options: Options, member: source_files.Member, problems: Problems) -> forms.Lists:
    if options.form == "elasticsearch":
        return forms.documents(member, plugins(), options.arrival_field, problems)
    if options.form == "write_http":
        return forms.write_http(member, plugins(), problems)
    counters = {
        kind: counter and not options.rates for kind, counter in types().items() if kind != "cpu"
    }
    return csv_files.csv(member, plugins(), counters, problems)


def fetch_documents(
    options: Options, day: Day, folder: Path, problems: Problems, held: Sequence[Held] = ()
) -> tuple[dict[str, int], Held]:
    """Window by window, but for those that are held as the server has them; one that is not given
    whole is requested again.
    """
    rows: dict[str, int] = {}
    windows: list[HeldWindow] = []
    first, last = window(options, day)
    with Server(options) as server:
        search = search_of(options, server, day, problems)
        for number, begin in enumerate(range(first, last, WINDOW)):
            until = min(begin + WINDOW, last)
            old = [one for piece in held for one in piece.windows if one.begin == begin]
            if held and _has_nothing_new(options, search, old, begin, until):
                continue
            some, found = _window_of_documents(
                options, search, begin, until, folder / f"{number:02d}", problems
            )
            rows = {plugin: rows.get(plugin, 0) + some.get(plugin, 0) for plugin in {*rows, *some}}
            windows.append(found)
    return rows, Held(windows=windows)


def _has_nothing_new(
    options: Options, search: Search, held: Sequence[HeldWindow], begin: int, until: int
) -> bool:
    """Whether a server has no documents of a window; or as many as were held once, none of them
    before the first that is held, or after the last.
    """
    there = search.count(search_query(options, begin, until))
    return not there or any(
        one.documents == there
        and search.count(search_query_ms(options, one.first_ms, one.last_ms + 1)) == there
        for one in held
    )


def _window_of_documents(
    options: Options, search: Search, begin: int, until: int, folder: Path, problems: Problems
) -> tuple[dict[str, int], HeldWindow]:
    query = search_query(options, begin, until)
    for left in reversed(range(TRIES)):
        try:
            found = HeldWindow(begin)
            with Spool(folder, counters=not options.rates) as spool:
                for page in search.pages(query, options.paging):
                    found.documents += len(page)
                    for plugin, columns in forms.of_documents(
                        page, options.url, plugins(), problems
                    ):
                        found.reach(columns["time_ms"])
                        _add(spool, plugin, columns, options.url, problems)
            return spool.rows, found
        except Incomplete:
            shutil.rmtree(folder, ignore_errors=True)
            if not left:
                raise
    raise AssertionError("unreachable")
