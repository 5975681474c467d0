"""The Lustre Monitoring Tool's database, schema 1.1: MySQL/MariaDB live, or an SQLite copy.

`fetch` keeps the day's rows of each table as Parquet, unchanged. `parse` joins them: TS_ID to a UTC
second, ids to component names. OSTs are known by OST_NAME, servers by HOSTNAME, metadata targets by
their server's HOSTNAME, as in existing archives, or by MDS_NAME where several share a server. Ids
may be unknown, rows null, twice or out of order: they are counted, and the rest of the day is kept.

Time stamps in LMT are local times. In the hour that autumn repeats, TS_ID distinguishes the first
pass from the second: it grows with time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq

from archive_tools.core.day import Day
from archive_tools.core.errors import NoData
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from pipeline.model import Samples
from pipeline.site import Site
from pipeline.sources._shared.sql_database import Database
from pipeline.sources.contract import Counts, Fetched, Inputs, SeriesSource
from pipeline.sources.lmt import options as keys
from pipeline.sources.lmt import table
from pipeline.sources.lmt.database import READERS, copy_series, id_ranges, ids_of_day
from pipeline.sources.lmt.options import Options
from pipeline.sources.lmt.samples import Clock, raw_table, table_samples
from pipeline.sources.lmt.tables import MEASURED, SERIES, TABLES

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
        try:
            _, ids = ids_of_day(database, options, day)
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
        database = options.open(day)
        stamps, ids = ids_of_day(database, options, day)
        pq.write_table(stamps, folder / "TIMESTAMP_INFO.parquet")
        there = set(database.tables())
        counts = {"TIMESTAMP_INFO": len(ids)}
        for name in sorted((set(TABLES) - set(SERIES) - {"TIMESTAMP_INFO"}) & there):
            rows = database.select(name, TABLES[name])
            pq.write_table(rows, folder / f"{name}.parquet")
            counts[name] = rows.num_rows
        low, high = int(ids[0]), int(ids[-1])
        with ThreadPoolExecutor(READERS) as readers:
            for name in sorted(there & set(SERIES)):
                counts[name] = copy_series(
                    database, name, id_ranges(database, name, low, high), folder, readers
                )
        if database.is_sqlite:
            return Fetched(counts, _file_inputs(database))
        series = {name: counts[name] for name in SERIES if name in there}
        return Fetched(counts, _server_inputs(database, len(ids), low, high, series))

    def lost_inputs(
        self, before: Counts, now: Counts, old: Path, new: Path, rejected: Collection[str]
    ) -> str:
        """Tables of which the database has fewer rows of the day than were fetched before."""
        fewer = [name for name in MEASURED if now.get(name, 0) < before.get(name, 0)]
        return ", ".join(
            f"{name} has {now.get(name, 0)} rows, {before[name]} are archived" for name in fewer
        )

    def parse(
        self, options: keys.Options, day: Day, folder: Path, findings: Findings
    ) -> Iterator[Samples]:
        """Samples of each dataset of the source map, one dataset at a time.

        Nulls and unknown ids are dropped and counted in `findings`. A dataset whose table was not
        there is not given.
        """
        clock = Clock.of(raw_table(folder, "TIMESTAMP_INFO"), options.timezone, findings)
        by_table: dict[str, list[table.Metric]] = {}
        for metric in table.metrics():
            by_table.setdefault(metric.find.table, []).append(metric)
        for name, metrics in by_table.items():
            if (folder / f"{name}.parquet").is_file():
                yield from table_samples(folder, name, metrics, clock, findings)
            else:
                findings.add(FindingKind.TABLES_ABSENT, 1, name)


def _file_inputs(database: Database) -> Inputs:
    status = Path(database.shown).stat()
    return {"database": database.shown, "size": status.st_size, "mtime_ns": status.st_mtime_ns}


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
