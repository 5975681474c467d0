"""The Lustre Monitoring Tool's database, schema 1.1: MySQL/MariaDB live, or an SQLite copy.

`fetch` keeps the day's rows of each table as Parquet, unchanged. `parse` joins them: TS_ID to a UTC
second, ids to component names. OSTs are known by OST_NAME, servers by HOSTNAME, metadata targets by
their server's HOSTNAME, as in existing archives, or by MDS_NAME where several share a server. Ids
may be unknown, rows null, twice or out of order: they are counted, and the rest of the day is kept.

Time stamps in LMT are local times. In the hour that autumn repeats, TS_ID distinguishes the first
pass from the second: it grows with time.

What reads tables (pyarrow) is imported where that happens: a run that finds nothing to do needs
none of it.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from archive_tools.core.day import Day
from archive_tools.core.errors import NoData
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from pipeline.model import Samples
from pipeline.site import Site
from pipeline.sources._shared.sql_database import Database
from pipeline.sources.contract import Fetched, Inputs, SeriesSource
from pipeline.sources.lmt import options as keys
from pipeline.sources.lmt import table
from pipeline.sources.lmt.options import Options
from pipeline.sources.lmt.tables import NAMED_BY, SERIES, TABLES

if TYPE_CHECKING:
    from pipeline.sources.lmt.appended import Rowids
    from pipeline.sources.lmt.samples import Clock

__all__ = ["SOURCE", "Lmt", "Options"]


class Lmt(SeriesSource[keys.Options]):
    """Databases of the Lustre Monitoring Tool."""

    kind = "lmt"
    version = 1
    Options = keys.Options
    Selector = table.Selector

    def metrics(self) -> tuple[table.Metric, ...]:
        """The rows of `sources/lmt.toml`."""
        return table.metrics()

    def with_absolute_paths(self, options: keys.Options, site: Site) -> keys.Options:
        """Paths counted from site.json; the site's time zone where the source names none."""
        return keys.with_absolute_paths(options, site)

    def inputs(self, options: keys.Options, day: Day) -> Inputs:
        """What the database has: of a file its size and time, of a server the day's rows in each
        table.

        Raises
        ------
        SourceError
            The database cannot be reached or is none of LMT's.
        """
        database = options.open(day)
        if database.is_sqlite:
            return _file_inputs(database)
        from pipeline.sources.lmt.database import ids_of_day

        try:
            _, _, ids = ids_of_day(database, options, day)
        except NoData:
            return {"database": database.shown, "stamps": 0}
        low, high = int(ids[0]), int(ids[-1])
        there = set(database.tables())
        rows = {
            name: database.scalar(
                f"SELECT COUNT(*) FROM {name} WHERE TS_ID BETWEEN {low} AND {high}"
            )
            for name in SERIES
            if name in there
        }
        return _server_inputs(database, len(ids), low, high, rows)

    def server_info(self, options: keys.Options, day: Day) -> Mapping[str, str]:
        """Version and time zone of the server."""
        database = options.open(day)
        if database.is_sqlite:
            return {
                "server": f"SQLite {database.text('sqlite_version()')}",
                "timezone": options.timezone,
            }
        requested = {
            "server": "VERSION()",
            "server_timezone": "CONCAT(@@global.time_zone, ' ', @@system_time_zone)",
        }
        return {name: database.text(expression) for name, expression in requested.items()} | {
            "timezone": options.timezone
        }

    def clock(self, options: keys.Options, day: Day) -> float | None:
        """The server's local time, read in `timezone` as its stamps are; a file has none."""
        database = options.open(day)
        if database.is_sqlite:
            return None
        shown = dt.datetime.strptime(
            database.text("DATE_FORMAT(NOW(), '%Y-%m-%d %H:%i:%s')"), "%Y-%m-%d %H:%M:%S"
        )
        here, zone = time.time(), ZoneInfo(options.timezone)
        passes = [shown.replace(tzinfo=zone, fold=fold).timestamp() + 0.5 for fold in (0, 1)]
        return min(passes, key=lambda second: abs(second - here))

    def fetch(self, options: keys.Options, day: Day, folder: Path) -> Fetched:
        """Write the day's rows of each table to ``<folder>/<TABLE>.parquet``; counts the rows of
        each.

        Raises
        ------
        NoData
            The database has no time stamp of the day.
        SourceError
            It cannot be reached or read.
        """
        return self.fetch_new(options, day, folder, ())

    def fetch_new(
        self, options: keys.Options, day: Day, folder: Path, held: Sequence[Path]
    ) -> Fetched:
        """As `fetch`, from the first to the last time stamp of which no piece has the same rows as
        the database. Of a file that only grew, the rows that are new; when the day is over all,
        which costs no server anything.
        """
        import pyarrow.parquet as pq

        from pipeline.sources.lmt.appended import appended
        from pipeline.sources.lmt.database import READERS, copy_series, cut, ids_of_day

        database = options.open(day)
        stamps, clock, ids = ids_of_day(database, options, day)
        low, high = int(ids[0]), int(ids[-1])
        there = set(database.tables())
        rows: dict[str, int] = {}
        wanted = low, high
        numbers: Mapping[str, Rowids] = {}
        goes_on = database.is_sqlite and time.time() < day.end
        more = appended(database, held, wanted, clock.keys) if goes_on else None
        if more and more.ids:
            wanted, numbers = more.ids, more.numbers
            if wanted[0] > wanted[1]:
                raise _nothing_new(database)
        elif held and (goes_on or not database.is_sqlite):
            wanted, rows = self._not_held(options, database, clock, wanted, held)
        pq.write_table(stamps, folder / "TIMESTAMP_INFO.parquet")
        counts = {"TIMESTAMP_INFO": int(((ids >= wanted[0]) & (ids <= wanted[1])).sum())}
        with ThreadPoolExecutor(READERS) as readers:
            for name in sorted(there & set(SERIES)):
                pieces = cut(database, name, *wanted, numbers.get(name))
                counts[name] = copy_series(database, name, pieces, folder, readers)
        # names after the rows: a target that comes meanwhile has its name
        for name in sorted((set(TABLES) - set(SERIES) - {"TIMESTAMP_INFO"}) & there):
            table = database.select(name, TABLES[name])
            pq.write_table(table, folder / f"{name}.parquet")
            counts[name] = table.num_rows
        if more:
            more.place.write(folder)
        seconds = clock(ids[(ids >= wanted[0]) & (ids <= wanted[1])])
        span = int(seconds.min()), int(seconds.max())
        if database.is_sqlite:
            return Fetched(counts, _file_inputs(database), span)
        series = {name: rows.get(name, counts[name]) for name in SERIES if name in there}
        return Fetched(counts, _server_inputs(database, len(ids), low, high, series), span)

    def _not_held(
        self,
        options: keys.Options,
        database: Database,
        clock: Clock,
        ids: tuple[int, int],
        held: Sequence[Path],
    ) -> tuple[tuple[int, int], dict[str, int]]:
        """The first and last id of a time stamp of which no piece has the same rows; and the number
        of rows of each table.

        Raises
        ------
        NoData
            There is none.
        """
        from pipeline.sources.lmt.database import rows_by_id
        from pipeline.sources.lmt.held import is_held, named_ids

        first, last, rows = ids[1] + 1, ids[0] - 1, {}
        tables = set(database.tables())
        for name in sorted(set(SERIES) & tables):
            there, count, keys_of = rows_by_id(database, name, *ids)
            rows[name] = int(count.sum())
            seconds = clock(there)
            info = NAMED_BY[name][1]
            explained = database.select(info, TABLES[info]) if info in tables else None
            named = named_ids(explained, name)
            same = is_held(held, name, options.timezone, (seconds, count, keys_of), named)
            more = there[~same & (seconds >= 0)]
            if len(more):
                first, last = min(first, int(more[0])), max(last, int(more[-1]))
        if first > last:
            raise _nothing_new(database)
        return (first, last), rows

    def contains(self, newer: Path, older: Path) -> bool:
        """Whether a piece has all rows that an older one has."""
        from pipeline.sources.lmt.held import has_all_rows

        return all(has_all_rows(newer, older, name) for name in SERIES)

    def parse(
        self, options: keys.Options, day: Day, folder: Path, findings: Findings
    ) -> Iterator[Samples]:
        """Samples of each dataset of the source map, one dataset at a time.

        Nulls and unknown ids are dropped and counted in `findings`. A dataset whose table was not
        there is not given.
        """
        from pipeline.sources.lmt.samples import Clock, raw_table, table_samples

        clock = Clock.of(raw_table(folder, "TIMESTAMP_INFO"), options.timezone, findings)
        by_table: dict[str, list[table.Metric]] = {}
        for metric in table.metrics():
            by_table.setdefault(metric.find.table, []).append(metric)
        for name, metrics in by_table.items():
            if (folder / f"{name}.parquet").is_file():
                yield from table_samples(folder, name, metrics, clock, findings)
            else:
                findings.add(FindingKind.TABLES_ABSENT, 1, name)


def _nothing_new(database: Database) -> NoData:
    return NoData(f"{database.shown} has no rows that are not archived")


def _file_inputs(database: Database) -> Inputs:
    """Size and time of the file, and of what SQLite has not written into it yet."""
    log = Path(f"{database.shown}-wal")
    found: dict[str, str | int] = {"database": database.shown}
    parts = {"": Path(database.shown).stat()} | ({"wal_": log.stat()} if log.is_file() else {})
    for name, status in parts.items():
        found |= {f"{name}size": status.st_size, f"{name}mtime_ns": status.st_mtime_ns}
    return found


def _server_inputs(
    database: Database, stamps: int, low: int, high: int, rows: Mapping[str, int]
) -> Inputs:
    return {
        "database": database.shown,
        "stamps": stamps,
        "first": low,
        "last": high,
        "rows": rows,
    }


SOURCE = Lmt()
