"""The Darshan index of a day, built from `darshan.hdf5` alone: SQLite for queries, Parquet for analyses."""

from __future__ import annotations

import sqlite3
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archive_tools import darshan_file
from pipeline import schemas
from pipeline.errors import FormatError, NotFound

if TYPE_CHECKING:
    import pandas as pd

HEADERS = {
    "log_id": "log_id",
    "filename": "filename",
    "end_time": "end_time",
    "exe": "exe",
    "exename": "exename",
    "jobid": "jobid",
    "nprocs": "nprocs",
    "start_time": "start_time",
    "uid": "uid",
    "username": "username",
    "version": "version",
    "walltime": "walltime",
    "folder": "folder",
    "cmdline": "cmdline",
    "lib_version": "lib_version",
    "log_bytes": "log_bytes",
}
"""Columns of the table headers, and where the table logs has them."""
WHOLE_SECONDS = ("start_time", "end_time")


def _sql_values(name: str, values: npt.NDArray[Any], nullable: bool) -> Iterator[Any]:
    """A column as SQLite's values: NULL for not available and for never."""
    if name in WHOLE_SECONDS:
        return iter(np.floor(values).astype(np.int64).tolist())
    if values.dtype.kind == "f":
        return (None if value != value else value for value in values.tolist())
    if nullable and values.dtype.kind == "i":
        return (None if value < 0 else value for value in values.tolist())
    return iter(values.tolist())


def _insert(connection: sqlite3.Connection, table: str, columns: Sequence[str], values: Sequence[Iterator[Any]]) -> None:
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", zip(*values, strict=True))


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
    tables = darshan_file.read_tables(source)
    connection = sqlite3.connect(target)
    try:
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + schemas.index_ddl())
        with connection:
            logs = tables["logs"]
            _insert(connection, "headers", list(HEADERS), [_sql_values(there, logs[there], False) for there in HEADERS.values()])
            for name in ("mounts", "summaries", "rejects"):
                columns = list(tables[name])
                _insert(connection, name, columns, [_sql_values(column, tables[name][column], name == "summaries") for column in columns])
        counts = {name: connection.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in ("headers", "mounts", "summaries", "rejects")}
    finally:
        connection.close()
    return counts


def jobs(source: Path, date: str) -> pd.DataFrame:
    """What each job did on each file system.

    Returns
    -------
    pandas.DataFrame
        One row a job and file system, sorted; sums over the job's logs and the file system's mount points
        (missing where not available), the earliest start and latest end (epoch seconds, missing: never).
        A job without I/O has one row, whose file system is missing.
    """
    import pandas as pd

    tables = darshan_file.read_tables(source)
    logs = pd.DataFrame(tables["logs"])
    mounts = pd.DataFrame(tables["mounts"])
    frame = pd.DataFrame(tables["summaries"]).merge(mounts, on="fs_id", how="left")
    sums = [name for name in frame.columns if name not in ("log_id", "fs_id", "mountpt", "fsname") and not name.startswith("f_")]
    for name in sums:
        frame[name] = frame[name].astype("Int64").mask(frame[name] < 0)
    start = frame["log_id"].map(logs.set_index("log_id")["start_time"])
    for what in ("read", "write"):
        frame[f"first_{what}"] = start + frame[f"f_{what}_start_timestamp"]
        frame[f"last_{what}"] = start + frame[f"f_{what}_end_timestamp"]
    who = ["jobid", "uid", "username"]
    joined = logs[["log_id", *who]].merge(frame, on="log_id", how="left")
    how: dict[str, Any] = {name: (name, lambda column: column.sum(min_count=1)) for name in sums}
    how |= {f"first_{what}": (f"first_{what}", "min") for what in ("read", "write")} | {f"last_{what}": (f"last_{what}", "max") for what in ("read", "write")}
    result = joined.groupby([*who, "fsname"], dropna=False, sort=True).agg(**how).reset_index()
    job = logs.groupby(who, sort=True).agg(
        exenames=("exename", lambda names: ",".join(sorted(set(names)))),
        logs=("log_id", "count"),
        nprocs=("nprocs", "max"),
        start_time=("start_time", "min"),
        end_time=("end_time", "max"),
    )
    result = result.merge(job.reset_index(), on=who, how="left")
    front = ["date", *who, "exenames", "logs", "nprocs", "start_time", "end_time", "fsname"]
    result.insert(0, "date", date)
    return result[front + [name for name in result.columns if name not in front]]


def write_jobs(source: Path, target: Path, date: str) -> dict[str, int]:
    """Write `jobs` as Parquet; returns the number of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    frame = jobs(source, date)
    for name in ("date", "jobid", "username", "exenames", "fsname"):
        frame[name] = frame[name].astype("string")
    for name in frame.columns:
        if frame[name].dtype == object:
            frame[name] = frame[name].astype("Int64")
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), target, compression="zstd")
    return {"rows": len(frame)}


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
