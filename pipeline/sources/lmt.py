"""The Lustre Monitoring Tool's database, schema 1.1: MySQL/MariaDB live, or an SQLite copy.

`fetch` keeps the day's rows of each table as Parquet, unchanged. `parse` joins them: TS_ID to a UTC
second, ids to component names. OSTs are known by OST_NAME, servers by HOSTNAME, metadata targets by
their server's HOSTNAME, as in existing archives, or by MDS_NAME where several share a server. Ids
may be unknown, rows null, twice or out of order: they are counted, and the rest of the day stands.

Time stamps in LMT are local times. In the hour that autumn repeats, TS_ID tells the first pass from
the second: it grows with time.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import field_validator

from archive_tools.core.arrays import Int64
from archive_tools.core.day import Day
from archive_tools.core.errors import NoData, SourceError
from archive_tools.core.findings import Findings
from pipeline.model import Samples
from pipeline.schemas import source_maps
from pipeline.site import Site, SourceOptions
from pipeline.sources._localtime import utc_seconds
from pipeline.sources._secrets import secret
from pipeline.sources._sql import Database

GIVES = Samples

TABLES: Mapping[str, Mapping[str, str]] = {
    "TIMESTAMP_INFO": {"TS_ID": "int64", "TIMESTAMP": "string"},
    "FILESYSTEM_INFO": {
        "FILESYSTEM_ID": "int64",
        "FILESYSTEM_NAME": "string",
        "SCHEMA_VERSION": "float64",
    },
    "OST_INFO": {"OST_ID": "int64", "OST_NAME": "string", "HOSTNAME": "string"},
    "OSS_INFO": {"OSS_ID": "int64", "HOSTNAME": "string"},
    "MDS_INFO": {"MDS_ID": "int64", "MDS_NAME": "string", "HOSTNAME": "string"},
    "OPERATION_INFO": {"OPERATION_ID": "int64", "OPERATION_NAME": "string"},
    "OST_DATA": {
        "OST_ID": "int64",
        "TS_ID": "int64",
        "READ_BYTES": "int64",
        "WRITE_BYTES": "int64",
        "PCT_CPU": "float64",
        "KBYTES_FREE": "int64",
        "KBYTES_USED": "int64",
        "INODES_FREE": "int64",
        "INODES_USED": "int64",
    },
    "OSS_DATA": {
        "OSS_ID": "int64",
        "TS_ID": "int64",
        "PCT_CPU": "float64",
        "PCT_MEMORY": "float64",
    },
    "MDS_DATA": {
        "MDS_ID": "int64",
        "TS_ID": "int64",
        "PCT_CPU": "float64",
        "KBYTES_FREE": "int64",
        "KBYTES_USED": "int64",
        "INODES_FREE": "int64",
        "INODES_USED": "int64",
    },
    "MDS_OPS_DATA": {
        "MDS_ID": "int64",
        "TS_ID": "int64",
        "OPERATION_ID": "int64",
        "SAMPLES": "int64",
    },
}
"""Tables and columns that are kept."""

MEASURED = ("TIMESTAMP_INFO", "OST_DATA", "OSS_DATA", "MDS_DATA", "MDS_OPS_DATA")
SERIES = ("OST_DATA", "OSS_DATA", "MDS_DATA", "MDS_OPS_DATA")
IDS = {
    "OST_DATA": ("OST_ID", "OST_INFO", "OST_NAME"),
    "OSS_DATA": ("OSS_ID", "OSS_INFO", "HOSTNAME"),
    "MDS_DATA": ("MDS_ID", "MDS_INFO", "HOSTNAME"),
}
"""For each table: its id, where the id is explained, and the column that names the component."""

PIECE = 500_000
"""Rows read at a time: bounds memory to some 50 MB a reader."""
READERS = 2
AROUND = dt.timedelta(hours=2)
STAMP = "%Y-%m-%d %H:%M:%S"


class Options(SourceOptions):
    """Keys of an LMT source.

    Attributes
    ----------
    database : str
        ``sqlite:////path/lmt_%Y-%m-%d.sqlite3`` (three slashes: counted from site.json) or
        ``mysql://user@host:3306/filesystem_scratch``; a strftime template.
    password_env, password_file : str
        Where the password is.
    """

    ORIGIN: ClassVar[frozenset[str]] = frozenset({"database", "password_env", "password_file"})

    kind: Literal["lmt"]
    database: str
    password_env: str = ""
    password_file: str = ""

    @field_validator("database")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        scheme, _, rest = url.partition("://")
        if scheme not in ("sqlite", "mysql") or not rest:
            raise ValueError("must begin with sqlite:/// or mysql://")
        if scheme == "mysql" and ":" in rest.rpartition("@")[0]:
            raise ValueError(
                "holds a password; name an environment variable by password_env, or a file by"
                " password_file"
            )
        return url

    @property
    def apart(self) -> bool:
        """connectorx does not work in processes that are forked after it was used."""
        return True

    def open(self, day: Day) -> Database:
        """The database of a day."""
        if self.database.startswith("sqlite://"):
            return Database.sqlite(
                Path(day.expand(self.database.removeprefix("sqlite://"))), self.ask_seconds
            )
        password = secret(self.password_env, self.password_file, "the password of the LMT database")
        return Database.mysql(day.expand(self.database), password, self.ask_seconds)


def located(options: Options, site: Site) -> Options:
    """Paths counted from site.json; the site's time zone where the source names none."""
    update: dict[str, str] = {"timezone": options.timezone or site.timezone}
    if options.database.startswith("sqlite://"):
        path = options.database.removeprefix("sqlite:///")
        update["database"] = f"sqlite://{site.path(path)}"
    if options.password_file:
        update["password_file"] = str(site.path(options.password_file))
    return options.model_copy(update=update)


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


def _ids_of_day(database: Database, options: Options, day: Day) -> tuple[pa.Table, Int64]:
    """The time stamps around the day, and the ids of those in it, sorted."""
    missing = {"TIMESTAMP_INFO", "OST_INFO", "OST_DATA"} - set(database.tables())
    if missing:
        raise SourceError(
            f"{database.shown} is no LMT database: no table {', '.join(sorted(missing))}",
            got=", ".join(sorted(database.tables())) or "no table",
        )
    stamps = database.select(
        "TIMESTAMP_INFO", TABLES["TIMESTAMP_INFO"], _stamp_condition(options, day)
    )
    clock = _Clock.of(stamps, options.timezone, Findings())
    first, last = _window(options, day)
    ids = clock.keys[(clock.values >= first) & (clock.values <= last)]
    if not len(ids):
        raise NoData(f"{database.shown} has no time stamps of {day} ({options.timezone})")
    return stamps, ids


def inputs(options: Options, day: Day) -> dict[str, Any]:
    """What the database has: of a file its size and time, of a server the day's rows in each table.

    Raises
    ------
    SourceError
        The database cannot be reached or is none of LMT's.
    """
    database = options.open(day)
    if database.is_sqlite:
        status = Path(database.shown).stat()
        return {"database": database.shown, "size": status.st_size, "mtime_ns": status.st_mtime_ns}
    try:
        _, ids = _ids_of_day(database, options, day)
    except NoData:
        return {"database": database.shown, "stamps": 0}
    low, high = int(ids[0]), int(ids[-1])
    there = set(database.tables())
    rows = {
        name: database.scalar(f"SELECT COUNT(*) FROM {name} WHERE TS_ID BETWEEN {low} AND {high}")
        for name in SERIES
        if name in there
    }
    return {
        "database": database.shown,
        "stamps": len(ids),
        "first": low,
        "last": high,
        "rows": rows,
    }


def about(options: Options, day: Day) -> dict[str, str]:
    """Version and time zone of the server."""
    database = options.open(day)
    if database.is_sqlite:
        return {
            "server": f"SQLite {database.text('sqlite_version()')}",
            "timezone": options.timezone,
        }
    asked = {
        "server": "VERSION()",
        "server_timezone": "CONCAT(@@global.time_zone, ' ', @@system_time_zone)",
    }
    return {name: database.text(expression) for name, expression in asked.items()} | {
        "timezone": options.timezone
    }


def fetch(options: Options, day: Day, folder: Path) -> dict[str, int]:
    """Write the day's rows of each table to ``<folder>/<TABLE>.parquet``.

    Returns
    -------
    dict of str to int
        Rows of each table.

    Raises
    ------
    NoData
        The database has no time stamp of the day.
    SourceError
        It cannot be reached or read.
    """
    database = options.open(day)
    stamps, ids = _ids_of_day(database, options, day)
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
            counts[name] = _copy_series(
                database, name, _pieces(database, name, low, high), folder, readers
            )
    return counts


def _pieces(database: Database, table: str, low: int, high: int) -> list[str]:
    """Conditions that cut the rows of the ids ``low..high`` into pieces of about `PIECE` rows."""
    ids = f"TS_ID BETWEEN {low} AND {high}"
    if not database.is_sqlite:  # has an index on TS_ID
        count = database.scalar(f"SELECT COUNT(*) FROM {table} WHERE {ids}")
        edges = np.linspace(low, high + 1, max(1, -(-count // PIECE)) + 1).astype(int).tolist()
        return [f"TS_ID BETWEEN {a} AND {b - 1}" for a, b in itertools.pairwise(edges) if b > a]
    try:
        first, last = (
            database.scalar(f"SELECT COALESCE({f}(rowid), 0) FROM {table}") for f in ("MIN", "MAX")
        )
    except SourceError:  # a table without rowid
        return [ids]
    edges = [*range(first, last + 1, PIECE), last + 1]
    return [f"{ids} AND rowid BETWEEN {a} AND {b - 1}" for a, b in itertools.pairwise(edges)]


def _copy_series(
    database: Database, table: str, pieces: list[str], folder: Path, readers: Executor
) -> int:
    """Read pieces side by side, and write them in order; the number of rows."""
    coming = [
        readers.submit(database.select, table, TABLES[table], piece)
        for piece in pieces[: READERS + 1]
    ]
    waiting = pieces[READERS + 1 :]
    writer: pq.ParquetWriter | None = None
    count = 0
    try:
        while coming:
            rows = coming.pop(0).result()
            if waiting:
                coming.append(readers.submit(database.select, table, TABLES[table], waiting.pop(0)))
            if writer is None:
                writer = pq.ParquetWriter(
                    folder / f"{table}.parquet",
                    rows.schema,
                    compression="lz4",
                    use_dictionary=list(TABLES[table])[:1],
                )
            writer.write_table(rows.cast(writer.schema))
            count += rows.num_rows
    finally:
        for job in coming:
            job.cancel()
        if writer:
            writer.close()
    return count


def gone(
    before: Mapping[str, int],
    now: Mapping[str, int],
    old: Path,
    new: Path,
    rejected: Collection[str],
) -> str:
    """Tables of which the database has fewer rows of the day than were fetched before, in words."""
    fewer = [name for name in MEASURED if now.get(name, 0) < before.get(name, 0)]
    return ", ".join(
        f"{name} has {now.get(name, 0)} rows, {before[name]} are archived" for name in fewer
    )


# Parse


def parse(options: Options, day: Day, folder: Path, findings: Findings) -> Iterator[Samples]:
    """Samples of each dataset of the source map, one dataset at a time.

    Nulls and unknown ids are dropped and counted in `findings`. A dataset whose table was not there
    is not given.
    """
    clock = _Clock.of(_table(folder, "TIMESTAMP_INFO"), options.timezone, findings)
    by_table: dict[str, list[source_maps.SourceMetric]] = {}
    for metric in source_maps.source_map("lmt"):
        by_table.setdefault(str(metric.find["table"]), []).append(metric)
    for table, metrics in by_table.items():
        if (folder / f"{table}.parquet").is_file():
            yield from _samples(folder, table, metrics, clock, findings)
        else:
            findings.add("tables that the database lacks", 1, table)


def _table(folder: Path, name: str, columns: list[str] | None = None) -> pa.Table:
    try:
        return pq.read_table(folder / f"{name}.parquet", columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(
            f"raw table {folder / name}.parquet cannot be read: {error}",
            hint="tokio-pipeline invalidate the day, and run it again",
        ) from error


class _Lookup:
    """Integer key to integer value, by a table when the keys are dense, else by bisection; -1 is
    unknown.
    """

    def __init__(self, keys: Int64, values: Int64) -> None:
        order = np.argsort(keys, kind="stable")
        self.keys, self.values = keys[order], values[order]
        span = int(self.keys[-1] - self.keys[0]) + 1 if len(keys) else 0
        self.table: Int64 | None = None
        if 0 < span <= 4 * len(keys) + 1_000_000:
            self.table = np.full(
                span + 2, -1, dtype=np.int64
            )  # one at each end, where all other keys go
            self.table[self.keys - self.keys[0] + 1] = self.values

    def __call__(self, wanted: Int64) -> Int64:
        if not len(self.keys):
            return np.full(len(wanted), -1, dtype=np.int64)
        if self.table is not None:
            return np.asarray(np.take(self.table, wanted - (self.keys[0] - 1), mode="clip"))
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where(self.keys[place] == wanted, self.values[place], -1)


class _Clock(_Lookup):
    """TS_ID to UTC second."""

    @classmethod
    def of(cls, stamps: pa.Table, timezone: str, findings: Findings) -> _Clock:
        ids = _integers(stamps.column("TS_ID"))
        local, known = _local_seconds(stamps.column("TIMESTAMP"))
        known &= ids.valid
        findings.add("time stamps that cannot be read", int((~known).sum()), "TIMESTAMP_INFO")
        order = np.argsort(ids.values[known], kind="stable")
        keys = ids.values[known][order]
        seconds, real = utc_seconds(local[known][order], timezone)
        findings.add(
            "time stamps that no clock showed",
            int((~real).sum()),
            "TIMESTAMP_INFO",
            f"spring gap of {timezone}",
        )
        return cls(keys[real], seconds[real])


class _Column:
    """An Arrow column as NumPy: `values` (0 where null) and `valid`."""

    def __init__(self, values: npt.NDArray[Any], valid: npt.NDArray[np.bool_]) -> None:
        self.values, self.valid = values, valid
        self.all_valid = bool(valid.all())


def _integers(column: pa.ChunkedArray) -> _Column:
    return _numbers(column, np.int64)


def _numbers(column: pa.ChunkedArray, dtype: Any) -> _Column:
    valid = (
        np.ones(len(column), dtype=bool) if not column.null_count else column.is_valid().to_numpy()
    )
    if column.null_count:
        column = column.fill_null(0)
    values = column.to_numpy()
    if values.dtype == np.float32:
        values = _as_shown(values)
    if values.dtype.kind == "f" and not np.isfinite(values.sum()):
        valid &= np.isfinite(values)
    return _Column(values.astype(dtype, copy=False), valid)


def _as_shown(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """MySQL's FLOAT as the server shows it and LMT wrote it: six significant digits.

    The nearest float64 of that decimal, so that a FLOAT column and its dump as text are the same
    number.
    """
    exact = values.astype(np.float64)
    with np.errstate(divide="ignore"):
        digits = 5 - np.floor(np.log10(np.abs(exact)))
    digits = np.where(np.isfinite(digits), digits, 0.0)
    up, down = 10.0 ** np.maximum(digits, 0), 10.0 ** np.maximum(-digits, 0)
    return np.asarray(np.rint(exact * up / down) * down / up)


def _local_seconds(column: pa.ChunkedArray) -> tuple[Int64, npt.NDArray[np.bool_]]:
    """Local time stamps as if they were UTC, in seconds, and which could be read."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pc.strptime(
            pc.utf8_slice_codeunits(column, 0, 19), format=STAMP, unit="s", error_is_null=True
        )
    valid = column.is_valid().to_numpy()
    return (
        column.cast(pa.timestamp("s"), safe=False).cast(pa.int64()).fill_null(0).to_numpy(),
        valid,
    )


def _names(folder: Path, table: str, findings: Findings) -> tuple[tuple[str, ...], _Lookup, str]:
    """Component names of a data table, its lookup from id to position, and its id column."""
    source = "MDS_DATA" if table == "MDS_OPS_DATA" else table
    key, info, by = IDS[source]
    if not (folder / f"{info}.parquet").is_file():
        findings.add("tables that the database lacks", 1, info)
        return (), _Lookup(np.empty(0, np.int64), np.empty(0, np.int64)), key
    rows = _table(folder, info).to_pylist()
    found: dict[int, str] = {}
    for row in sorted(
        (r for r in rows if r[key] is not None and r[by]),
        key=lambda r: (r[key], r[by]),
        reverse=True,
    ):
        found[row[key]] = _component(row, by, rows if table == "MDS_OPS_DATA" else [])
    findings.add(
        "ids without a name", sum(1 for row in rows if row[key] is None or not row[by]), info
    )
    names = tuple(found.values())
    keys = np.array(list(found), dtype=np.int64)
    return names, _Lookup(keys, np.arange(len(names), dtype=np.int64)), key


def _component(row: Mapping[str, Any], by: str, peers: list[dict[str, Any]]) -> str:
    """The row's component name: its host, or its own name where several targets share the host."""
    shared = sum(1 for peer in peers if peer[by] == row[by])
    return str(row["MDS_NAME"]) if shared > 1 and row["MDS_NAME"] else str(row[by])


def _samples(
    folder: Path,
    table: str,
    metrics: list[source_maps.SourceMetric],
    clock: _Clock,
    findings: Findings,
) -> Iterator[Samples]:
    names, place, key = _names(folder, table, findings)
    operations = _operations(folder) if table == "MDS_OPS_DATA" else {}
    ids = [key, "TS_ID"] + (["OPERATION_ID"] if table == "MDS_OPS_DATA" else [])
    keys = {
        name: _integers(column)
        for name, column in zip(ids, _table(folder, table, ids).itercolumns(), strict=True)
    }
    time, column = clock(keys["TS_ID"].values), place(keys[key].values)
    known_time, known_name = (time >= 0) & keys["TS_ID"].valid, (column >= 0) & keys[key].valid
    findings.add("rows of an unknown TS_ID", int((~known_time).sum()), table)
    findings.add(f"rows of an unknown {key}", int((~known_name & known_time).sum()), table)
    known = known_time & known_name
    if table == "MDS_OPS_DATA":
        findings.add(
            "rows of an unknown OPERATION_ID",
            int((~np.isin(keys["OPERATION_ID"].values, list(operations)) & known).sum()),
            table,
        )
    column = column.astype(np.int32)
    figures = _Figures(folder, table, metrics)
    for metric in metrics:
        wanted = known
        if table == "MDS_OPS_DATA":
            which = [
                number for number, name in operations.items() if name == metric.find["operation"]
            ]
            wanted = (
                known & np.isin(keys["OPERATION_ID"].values, which) & keys["OPERATION_ID"].valid
            )
        value = figures.of(metric)
        null = int(np.count_nonzero(wanted & ~value.valid)) if not value.all_valid else 0
        findings.add("null values", null, metric.dataset.name)
        if null:
            wanted = wanted & value.valid
        if wanted.all():
            yield Samples(metric.dataset.name, time, column, value.values, names)
        else:
            yield Samples(
                metric.dataset.name, time[wanted], column[wanted], value.values[wanted], names
            )


def _operations(folder: Path) -> dict[int, str]:
    rows = (
        _table(folder, "OPERATION_INFO").to_pylist()
        if (folder / "OPERATION_INFO.parquet").is_file()
        else []
    )
    return {
        row["OPERATION_ID"]: str(row["OPERATION_NAME"])
        for row in rows
        if row["OPERATION_ID"] is not None
    }


class _Figures:
    """Columns of a table, and sums of several; a column that is wanted again is kept until then."""

    def __init__(self, folder: Path, table: str, metrics: list[source_maps.SourceMetric]) -> None:
        self.folder, self.table = folder, table
        self.wanted = Counter(field for metric in metrics for field in _fields(metric))
        self.kept: dict[str, _Column] = {}

    def _column(self, field: str) -> _Column:
        found = self.kept.pop(field, None)
        if found is None:
            dtype = np.int64 if TABLES[self.table][field] == "int64" else np.float64
            found = _numbers(_table(self.folder, self.table, [field]).column(field), dtype)
        self.wanted[field] -= 1
        if self.wanted[field]:
            self.kept[field] = found
        return found

    def of(self, metric: source_maps.SourceMetric) -> _Column:
        """The figure of a metric."""
        first, *others = [self._column(field) for field in _fields(metric)]
        for other in others:
            first = _Column(first.values + other.values, first.valid & other.valid)
        return first


def _fields(metric: source_maps.SourceMetric) -> list[str]:
    named = metric.find["field"]
    return [named] if isinstance(named, str) else list(named)
