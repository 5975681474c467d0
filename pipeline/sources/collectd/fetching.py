"""Value lists of the day, out of files or a server, into a spool."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from archive_tools.core.arrays import Int64
from archive_tools.core.day import Day
from archive_tools.core.errors import SourceError
from pipeline.model import shown
from pipeline.sources._shared import source_files
from pipeline.sources._shared.http_client import Server
from pipeline.sources.collectd import csv_files, forms
from pipeline.sources.collectd.day_files import ONE, DayFiles, files_before
from pipeline.sources.collectd.elasticsearch import Incomplete, Search
from pipeline.sources.collectd.held import Held, HeldFile, HeldWindow
from pipeline.sources.collectd.jitter import any_below
from pipeline.sources.collectd.options import Options
from pipeline.sources.collectd.spool import FIELDS, Spool
from pipeline.sources.collectd.table import plugins, types

BEFORE = 1
"""Seconds before a day's start of which values are fetched too: those a little early belong to its
first row, see `jitter`.
"""
CLOSING = 300
"""Seconds after a day's end in which values are looked for whose interval began in it."""
WINDOW = 3600
"""Seconds of documents that one search requests."""
TRIES = 3


# Fetch


def window(options: Options, day: Day) -> tuple[int, int]:
    """First and last second that a value of the day may have: an interval, or the closing sample,
    after its end.
    """
    return day.start, day.end + max(options.timestep, options.every, CLOSING) + 1


def indices(options: Options, day: Day) -> str:
    """The indices of all UTC dates that the day touches: those of Logstash are a UTC day each."""
    return _indices_of(options, *window(options, day))


def _indices_of(options: Options, *span: int) -> str:
    first, last = (dt.datetime.fromtimestamp(second, dt.UTC).date() for second in span)
    dates = [first + n * ONE for n in range((last - first).days + 1)]
    return ",".join(dict.fromkeys(Day(date).expand(options.index) for date in dates))


def search_of(options: Options, server: Server, day: Day, problems: Problems) -> Search:
    """The search of a day's documents."""
    return _search_in(options, server, indices(options, day), problems)


def _search_in(options: Options, server: Server, index: str, problems: Problems) -> Search:
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
        index,
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
    and what was read. Problems of files of the next day and of the day before are not
    reported: those days report them.
    """
    known = {one.identity for piece in held for one in piece.files}
    read: list[HeldFile] = []
    after = set(found.after)
    with Spool(folder / "00", counters=not options.rates) as spool:
        into = _DayOfFiles(options, day, spool)
        for path in [*found.own, *found.undated, *found.after]:
            file = HeldFile.of(path)
            if file.identity not in known:
                read.append(file)
                into.add(path, problems if path not in after else Problems())
        if into.is_jittery:
            with contextlib.suppress(SourceError):  # another day's files fail nothing of this one
                for path in files_before(options, day, found):
                    into.add(path, Problems())
    return spool.rows if into.has_values else {}, Held(files=read)


class _DayOfFiles:
    """Takes a day's value lists out of files.

    Attributes
    ----------
    has_values : bool
        Whether there are any since the day's start.
    is_jittery : bool
        Whether any of those are a little before a row's edge.
    """

    def __init__(self, options: Options, day: Day, spool: Spool) -> None:
        self._options, self._spool = options, spool
        first, last = window(options, day)
        self._start, self._end = first * 1000, last * 1000
        self.has_values = self.is_jittery = False

    def add(self, path: Path, problems: Problems) -> None:
        """Read a file."""
        begin, keys = self._start - BEFORE * 1000, self._options
        limit = source_files.Allowed(keys.max_expanded_mb, keys.max_ratio)
        for member in source_files.members(path, shown(bytes(path)), limit, problems):
            for plugin, columns in _lists(self._options, member, problems, (begin, self._end)):
                stamps = np.array(columns["time_ms"], dtype=np.int64)
                kept = _kept(columns, (stamps >= begin) & (stamps < self._end))
                self._look_at(np.array(kept["time_ms"], dtype=np.int64))
                _add(self._spool, plugin, kept, member.name, problems)

    def _look_at(self, stamps: Int64) -> None:
        stamps = stamps[stamps >= self._start]
        self.has_values = self.has_values or bool(len(stamps))
        row = self._options.timestep * 1000, self._start
        self.is_jittery = self.is_jittery or any_below(stamps, row)


def _add(spool: Spool, plugin: str, columns: forms.Columns, name: str, problems: Problems) -> None:
    spool.add(plugin, columns, lambda what: problems(name, what))


def _kept(columns: forms.Columns, which: npt.NDArray[np.bool_]) -> forms.Columns:
    """The value lists inside the day, of types that are wanted."""
    kinds = columns["type"]
    if isinstance(kinds, pa.Array):
        is_wanted = pc.is_in(kinds, pa.array(list(types()))).to_numpy(zero_copy_only=False)
    else:  # any text, also such as is no UTF-8
        wanted = set(types())
        is_wanted = np.fromiter((kind in wanted for kind in kinds), bool, len(kinds))
    keep = which & is_wanted
    if keep.all():
        return columns
    return {
        name: column.filter(pa.array(keep))
        if isinstance(column, pa.Array)
        else list(itertools.compress(column, keep.tolist()))
        for name, column in columns.items()
    }


def _lists(
    options: Options, member: source_files.Member, problems: Problems, between: tuple[int, int]
) -> forms.Lists:
    if options.form == "elasticsearch":
        return forms.documents(
            member, plugins(), options.arrival_field, problems, rates=options.rates
        )
    if options.form == "write_http":
        return forms.write_http(member, plugins(), problems)
    counters = {
        kind: counter and not options.rates for kind, counter in types().items() if kind != "cpu"
    }
    return csv_files.csv(member, plugins(), counters, problems, between)


def fetch_documents(
    options: Options, day: Day, folder: Path, problems: Problems, held: Sequence[Held] = ()
) -> tuple[dict[str, int], Held]:
    """Window by window, but for those that are held as the server has them; one that is not given
    whole is requested again. The seconds before the day are a window too, unless the day is empty.
    """
    rows: dict[str, int] = {}
    windows: list[HeldWindow] = []
    first, last = window(options, day)
    stretches = [(begin, min(begin + WINDOW, last)) for begin in range(first, last, WINDOW)]
    before = first - BEFORE, first
    with Server(options) as server:
        search = search_of(options, server, day, problems)
        for number, (begin, until) in enumerate([*stretches, before]):
            if begin < first:
                if not any(rows.values()):
                    break
                search = _search_in(options, server, _indices_of(options, begin, begin), Problems())
            old = [one for piece in held for one in piece.windows if one.begin == begin]
            if held and _has_nothing_new(options, search, old, begin, until):
                continue
            some, found = _window_of_documents(
                options,
                search,
                begin,
                until,
                folder / f"{number:02d}",
                problems if begin >= first else Problems(),
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
