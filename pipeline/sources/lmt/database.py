"""The day's rows of LMT's tables, out of the database."""

from __future__ import annotations

import datetime as dt
import itertools
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from archive_tools.core.arrays import Int64
from archive_tools.core.day import Day
from archive_tools.core.errors import NoData, SourceError
from archive_tools.core.findings import Findings
from pipeline.sources._shared.sql_database import Database
from pipeline.sources.lmt.appended import Rowids
from pipeline.sources.lmt.options import Options
from pipeline.sources.lmt.samples import Clock
from pipeline.sources.lmt.tables import NAMED_BY, ROW_KEYS, STAMP, TABLES

PIECE = 500_000
"""Rows read at a time: bounds memory to some 50 MB a reader."""
READERS = 2
AROUND = dt.timedelta(hours=2)


# Fetch


def _window(options: Options, day: Day) -> tuple[int, int]:
    """Seconds that the day needs: from its start to the sample that closes its last row,
    inclusive.
    """
    return day.start, day.end + options.timestep - 1


def _stamp_condition(options: Options, day: Day) -> str:
    """The window in the database's local time, two hours wider at both ends: a change of clocks
    there must be seen.
    """
    zone = ZoneInfo(options.timezone)
    local = [
        dt.datetime.fromtimestamp(second, zone).replace(tzinfo=None)
        for second in _window(options, day)
    ]
    first, last = local[0] - AROUND, local[1] + AROUND
    return f"TIMESTAMP >= '{first.strftime(STAMP)}' AND TIMESTAMP <= '{last.strftime(STAMP)}'"


def ids_of_day(database: Database, options: Options, day: Day) -> tuple[pa.Table, Clock, Int64]:
    """The time stamps around the day, what they say, and the ids of those in it, sorted."""
    missing = {"TIMESTAMP_INFO", "OST_INFO", "OST_DATA"} - set(database.tables())
    if missing:
        raise SourceError(
            f"{database.shown} is not an LMT database: no table {', '.join(sorted(missing))}",
            got=", ".join(sorted(database.tables())) or "no table",
        )
    stamps = database.select(
        "TIMESTAMP_INFO", TABLES["TIMESTAMP_INFO"], _stamp_condition(options, day)
    )
    clock = Clock.of(stamps, options.timezone, Findings())
    first, last = _window(options, day)
    ids = clock.keys[(clock.values >= first) & (clock.values <= last)]
    if not len(ids):
        raise NoData(f"{database.shown} has no time stamps of {day} ({options.timezone})")
    return stamps, clock, ids


def rows_by_id(database: Database, table: str, low: int, high: int) -> tuple[Int64, Int64, Int64]:
    """The ids of ``low..high`` that a table has rows of, sorted; how many of each, and the sum of
    their keys.
    """
    key = " + ".join(f"{factor} * {name}" for name, factor in ROW_KEYS[table].items())
    total = f"SUM({key})" if database.is_sqlite else f"CAST(SUM({key}) AS SIGNED)"
    found = database.read(
        f"SELECT TS_ID, COUNT(*) AS ROWS_OF_ID, {total} AS KEYS_OF_ID FROM {table}"
        f" WHERE TS_ID BETWEEN {low} AND {high} GROUP BY TS_ID"
    )
    ids, rows, keys = (found.column(n).to_numpy().astype(np.int64) for n in range(3))
    order = np.argsort(ids)
    return ids[order], rows[order], keys[order]


@dataclass(frozen=True)
class Cut:
    """How the rows of a table are read, some at a time.

    Attributes
    ----------
    source : str
        The table, and which index is to be used.
    conditions : list of str
        Each gives some of the rows, all together each once.
    """

    source: str
    conditions: list[str]


def cut(database: Database, table: str, low: int, high: int, numbers: Rowids | None = None) -> Cut:
    """The rows of the ids ``low..high`` in pieces of about `PIECE` rows; of an SQLite file where
    `numbers` are given, those of rows with these numbers alone.
    """
    ids = f"TS_ID BETWEEN {low} AND {high}"
    if not database.is_sqlite:
        if known := _kept_together(database, table):
            return _by_component(table, known, low, high)
        count = database.scalar(f"SELECT COUNT(*) FROM {table} WHERE {ids}")
        edges = np.linspace(low, high + 1, max(1, -(-count // PIECE)) + 1).astype(int).tolist()
        pieces = [f"TS_ID BETWEEN {a} AND {b - 1}" for a, b in itertools.pairwise(edges) if b > a]
        return Cut(table, pieces)
    try:
        first, last = numbers or (
            database.scalar(f"SELECT COALESCE({f}(rowid), 0) FROM {table}") for f in ("MIN", "MAX")
        )
    except SourceError:  # a table without rowid
        return Cut(table, [ids])
    edges = [*range(first, last + 1, PIECE), last + 1]
    return Cut(
        table, [f"{ids} AND rowid BETWEEN {a} AND {b - 1}" for a, b in itertools.pairwise(edges)]
    )


def _kept_together(database: Database, table: str) -> list[int]:
    """The ids of a table's components, of a server that keeps the rows of each together, in the
    order of their time stamps: so does InnoDB with LMT's primary keys, and would look up each row
    of a time stamp alone. Nothing where it does not, or nobody explains the ids.
    """
    key, info, _ = NAMED_BY[table]
    columns = database.scalar(
        "SELECT COUNT(*) FROM information_schema.tables JOIN information_schema.statistics"
        " USING (table_schema, table_name) WHERE table_schema = DATABASE()"
        f" AND table_name = '{table}' AND engine = 'InnoDB' AND index_name = 'PRIMARY'"
        f" AND (seq_in_index, column_name) IN ((1, '{key}'), (2, 'TS_ID'))"
    )
    if columns != 2 or info not in database.tables():
        return []
    found = database.read(f"SELECT DISTINCT {key} FROM {info}").column(0).drop_null()
    return sorted(int(one) for one in found.to_pylist())


def _by_component(table: str, known: list[int], low: int, high: int) -> Cut:
    """The rows of some components at a time, then those of ids that nobody explains."""
    key = NAMED_BY[table][0]
    many = max(1, PIECE // (high - low + 1))
    some = [known[first : first + many] for first in range(0, len(known), many)]
    conditions = [f"{key} IN ({', '.join(map(str, ids))})" for ids in some]
    others = [f"{key} < {known[0]}", f"{key} > {known[-1]}"]
    others += [
        f"{key} BETWEEN {a + 1} AND {b - 1}" for a, b in itertools.pairwise(known) if b > a + 1
    ]
    conditions.append(f"({' OR '.join(others)})")
    ids = f"TS_ID BETWEEN {low} AND {high}"
    return Cut(f"{table} FORCE INDEX (PRIMARY)", [f"{one} AND {ids}" for one in conditions])


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Ids that repeat as a dictionary; other numbers byte by byte, of which LZ4 is done in less
    time. Nobody asks for statistics.
    """
    first, *others = schema
    numbers = [one.name for one in others if _is_number(one.type)]
    return pq.ParquetWriter(
        path,
        schema,
        compression="lz4",
        use_dictionary=[first.name],
        column_encoding=dict.fromkeys(numbers, "BYTE_STREAM_SPLIT") or None,
        write_statistics=False,
    )


def _is_number(kind: pa.DataType) -> bool:
    is_known = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return bool(is_known and kind.bit_width >= 32)


def copy_series(database: Database, table: str, cut: Cut, folder: Path, readers: Executor) -> int:
    """Read pieces side by side, and write them in order; the number of rows."""
    columns, pieces = TABLES[table], cut.conditions
    coming = [
        readers.submit(database.select, cut.source, columns, piece)
        for piece in pieces[: READERS + 1]
    ]
    waiting = pieces[READERS + 1 :]
    writer: pq.ParquetWriter | None = None
    count = 0
    try:
        while coming:
            rows = coming.pop(0).result()
            if waiting:
                coming.append(readers.submit(database.select, cut.source, columns, waiting.pop(0)))
            if writer is None:
                writer = _writer(folder / f"{table}.parquet", rows.schema)
            writer.write_table(rows.cast(writer.schema))
            count += rows.num_rows
    finally:
        for job in coming:
            job.cancel()
        if writer:
            writer.close()
    return count
