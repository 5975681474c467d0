"""The Darshan index of a day, built from `darshan.hdf5` alone: SQLite for queries, Parquet for analyses."""

from __future__ import annotations

import sqlite3
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from archive_tools import darshan_file
from pipeline import schemas
from pipeline.errors import FormatError, NotFound

WHOLE_SECONDS = ("start_time", "end_time")
SUMS = "summaries"


def _sql_values(name: str, values: npt.NDArray[Any], nullable: bool) -> Iterator[Any]:
    """A column as SQLite's values: NULL for not available and for never."""
    if name in WHOLE_SECONDS:
        return iter(np.floor(values).astype(np.int64).tolist())
    if values.dtype.kind == "f":
        return (None if value != value else value for value in values.tolist())
    if nullable and values.dtype.kind == "i":
        return (None if value < 0 else value for value in values.tolist())
    return iter(values.tolist())


NEVER_NULL = {"log_id", "fs_id", "uid", "nprocs", "log_bytes"}


def _copy(connection: sqlite3.Connection, source: Path, name: str, target: str) -> int:
    """Copy the columns that the index has; returns the number of rows."""
    known = {row[1] for row in connection.execute(f"PRAGMA table_info({target})")}
    count = 0
    for piece in darshan_file.read_pieces(source, name):
        columns = [column for column in piece if column in known]
        values = [_sql_values(column, piece[column], column not in NEVER_NULL) for column in columns]
        marks = ", ".join("?" * len(columns))
        cursor = connection.executemany(f"INSERT INTO {target} ({', '.join(columns)}) VALUES ({marks})", zip(*values, strict=True))
        count += max(0, cursor.rowcount)
    return count


def write_index(source: Path, target: Path) -> dict[str, int]:
    """Build the index of a day.

    Parameters
    ----------
    source : pathlib.Path
        The day's `darshan.hdf5`.
    target : pathlib.Path
        New SQLite file.

    Returns
    -------
    dict of str to int
        Rows of each table.
    """
    connection = sqlite3.connect(target)
    try:
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + schemas.index_ddl())
        tables = {"logs": "headers", "mounts": "mounts", SUMS: "summaries", "rejects": "rejects"}
        with connection:
            return {table: _copy(connection, source, name, table) for name, table in tables.items()}
    finally:
        connection.close()


JOBS = """
WITH per_fs AS (
    SELECT jobid, uid, username, fsname, {sums},
        MIN(start_time + f_read_start_timestamp) AS first_read, MAX(start_time + f_read_end_timestamp) AS last_read,
        MIN(start_time + f_write_start_timestamp) AS first_write, MAX(start_time + f_write_end_timestamp) AS last_write
    FROM headers LEFT JOIN summaries USING (log_id) LEFT JOIN mounts USING (fs_id)
    GROUP BY jobid, uid, username, fsname
), per_job AS (
    SELECT jobid, uid, username, GROUP_CONCAT(DISTINCT exename) AS exenames, COUNT(*) AS logs, MAX(nprocs) AS nprocs,
        MIN(start_time) AS start_time, MAX(end_time) AS end_time
    FROM headers GROUP BY jobid, uid, username
)
SELECT jobid, uid, username, exenames, logs, nprocs, start_time, end_time, fsname, {names}, first_read, last_read, first_write, last_write
FROM per_fs JOIN per_job USING (jobid, uid, username)
WHERE fsname IS NOT NULL OR NOT EXISTS (
    SELECT 1 FROM per_fs AS other WHERE other.fsname IS NOT NULL
    AND other.jobid IS per_fs.jobid AND other.uid IS per_fs.uid AND other.username IS per_fs.username)
ORDER BY jobid, uid, username, fsname
"""
"""A row a job and file system; a job without any I/O has one row without a file system."""
MOMENTS = ("first_read", "last_read", "first_write", "last_write")


def write_jobs(source: Path, target: Path, date: str) -> dict[str, int]:
    """Write what each job did on each file system as Parquet.

    Parameters
    ----------
    source : pathlib.Path
        The day's index.
    target : pathlib.Path
        New Parquet file: one row a job and file system, sorted. Sums over the job's logs and the file
        system's mount points are null where nothing was available; times are epoch seconds, null for never.
    date : str
        Written into the column ``date``.

    Returns
    -------
    dict of str to int
        The number of rows.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    connection = open_index(source)
    try:
        sums = [row[1] for row in connection.execute("PRAGMA table_info(summaries)") if row[1] not in ("log_id", "fs_id") and not row[1].startswith("f_")]
        query = JOBS.format(sums=", ".join(f"SUM({name}) AS {name}" for name in sums), names=", ".join(sums))
        types = {"date": pa.string(), "jobid": pa.string(), "uid": pa.int64(), "username": pa.string(), "exenames": pa.string()}
        types |= dict.fromkeys(["logs", "nprocs", "start_time", "end_time"], pa.int64()) | {"fsname": pa.string()}
        types |= dict.fromkeys(sums, pa.int64()) | dict.fromkeys(MOMENTS, pa.float64())
        schema, count = pa.schema(list(types.items())), 0
        cursor = connection.execute(query)
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            while rows := cursor.fetchmany(PIECE):
                columns = [[date] * len(rows), *zip(*rows, strict=True)]
                writer.write_table(pa.Table.from_arrays([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema))
                count += len(rows)
        return {"rows": count}
    finally:
        connection.close()


PIECE = 50_000
"""Rows that are handled at a time."""


def open_index(path: str | Path) -> sqlite3.Connection:
    """A read-only connection to a day's index.

    Raises
    ------
    NotFound
        There is no such file.
    FormatError
        It is no Darshan index.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFound(f"no file {path}")
    connection = sqlite3.connect(f"file:{urllib.parse.quote(str(path.absolute()))}?mode=ro", uri=True)
    try:
        connection.execute("SELECT 1 FROM headers, mounts, summaries LIMIT 1")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise FormatError(f"{path} is no Darshan index: {error}", expected="tables headers, mounts and summaries") from None
    return connection
