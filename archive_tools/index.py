"""The Darshan index of a day: SQLite for queries, Parquet for analyses.

Built from the archive alone: from the day's `darshan.hdf5`, and from the files of the servers
behind its file systems.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import sqlite3
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archive_tools import darshan_file, intervals, schemas, servers
from archive_tools.archive import Archive
from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.day import Day
from archive_tools.core.errors import FormatError, NotFound
from archive_tools.core.findings import Findings

if TYPE_CHECKING:
    from pipeline.site import Servers

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
        values = [
            _sql_values(column, piece[column], column not in NEVER_NULL) for column in columns
        ]
        marks = ", ".join("?" * len(columns))
        cursor = connection.executemany(
            f"INSERT INTO {target} ({', '.join(columns)}) VALUES ({marks})",
            zip(*values, strict=True),
        )
        count += max(0, cursor.rowcount)
    return count


@dataclass(frozen=True)
class Around:
    """Where the logs of a day are looked up in the rest of the archive.

    Attributes
    ----------
    archive : Archive
    day : Day
    instance : str
        The Darshan instance that the logs are of.
    servers : mapping of str to Servers
        File system name to the servers behind it.
    findings : Findings
        Receives what could not be read.
    """

    archive: Archive
    day: Day
    instance: str
    servers: Mapping[str, Servers]
    findings: Findings


def write_index(source: Path, target: Path, around: Around | None = None) -> dict[str, int]:
    """Build the index of a day.

    Parameters
    ----------
    source : pathlib.Path
        The day's `darshan.hdf5`.
    target : pathlib.Path
        New SQLite file.
    around : Around, optional
        Without it the tables of servers stay empty.

    Returns
    -------
    dict of str to int
        Rows of each table.
    """
    connection = sqlite3.connect(target)
    try:
        connection.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + schemas.index_ddl()
        )
        tables = {"logs": "headers", "mounts": "mounts", SUMS: "summaries", "rejects": "rejects"}
        with connection:
            counts = {
                table: _copy(connection, source, name, table) for name, table in tables.items()
            }
            return counts | _join(connection, around) if around else counts
    finally:
        connection.close()


USED = """
WITH timed AS (
    SELECT log_id, jobid, uid, username, start_time AS first_second,
        MAX(end_time, CAST(start_time + COALESCE(walltime, 0) AS INTEGER)) AS last_second,
        DENSE_RANK() OVER (ORDER BY jobid, uid, username) - 1 AS job
    FROM headers
), whole AS (
    SELECT job, MIN(first_second) AS job_first, MAX(last_second) AS job_last FROM timed GROUP BY job
)
SELECT fsname, log_id, job, first_second, last_second, job_first, job_last, SUM(bytes_read),
    SUM(bytes_written), jobid, uid, username
FROM summaries JOIN timed USING (log_id) JOIN whole USING (job) JOIN mounts USING (fs_id)
GROUP BY fsname, log_id ORDER BY fsname, log_id
"""
"""A row a file system and log that has files there."""
LOG_KEYS, JOB_KEYS = ("log_id", "fsname"), ("jobid", "uid", "username", "fsname")


def _join(connection: sqlite3.Connection, around: Around) -> dict[str, int]:
    """Fill the tables of servers; returns the number of rows of each."""
    counts = {"servers": 0, "job_servers": 0}
    for fsname, found in itertools.groupby(connection.execute(USED), key=lambda row: row[0]):
        rows = list(found)
        used = Used.of(rows)
        joined = _figures(around, fsname, used)
        instance = around.servers[fsname].instance if fsname in around.servers else None
        logs = [(row[1], fsname, instance) for row in rows]
        jobs = [(*rows[at][9:], fsname, instance) for at in used.of_job.tolist()]
        _insert(
            connection,
            "servers",
            LOG_KEYS,
            logs,
            {name: values[: len(logs)] for name, values in joined.items()},
        )
        _insert(
            connection,
            "job_servers",
            JOB_KEYS,
            jobs,
            {name: values[len(logs) :] for name, values in joined.items()},
        )
        counts["servers"] += len(logs)
        counts["job_servers"] += len(jobs)
    return counts


@dataclass(frozen=True)
class Used:
    """The logs that have files on one file system, and below them their jobs.

    Attributes
    ----------
    logs : int
        How many of the entries are logs.
    of_job : int64 (jobs,)
        For each job one of its logs.
    job, first, last : int64 (logs + jobs,)
        Number of the job; first and last second.
    read, written : float64 (logs + jobs,)
        Own bytes; NaN is not known.
    """

    logs: int
    of_job: npt.NDArray[np.intp]
    job: Int64
    first: Int64
    last: Int64
    read: Float64
    written: Float64

    @classmethod
    def of(cls, rows: list[tuple[Any, ...]]) -> Used:
        """From rows of `USED`."""
        job, first, last, job_first, job_last = (
            np.array([row[n] for row in rows], dtype=np.int64) for n in range(2, 7)
        )
        read, written = (np.array([row[n] for row in rows], dtype=np.float64) for n in (7, 8))
        jobs, of_job, place = np.unique(job, return_index=True, return_inverse=True)
        return cls(
            len(rows),
            of_job,
            np.append(job, jobs),
            np.append(first, job_first[of_job]),
            np.append(last, job_last[of_job]),
            np.append(read, _sums(read, place, len(jobs))),
            np.append(written, _sums(written, place, len(jobs))),
        )

    def take(self, which: npt.NDArray[np.bool_]) -> Used:
        """Some of the entries."""
        logs = int(which[: self.logs].sum())
        return Used(
            logs,
            self.of_job,
            self.job[which],
            self.first[which],
            self.last[which],
            self.read[which],
            self.written[which],
        )


def _sums(values: Float64, place: npt.NDArray[np.intp], size: int) -> Float64:
    """Sums by place; NaN where nothing is known."""
    known = ~np.isnan(values)
    total = np.bincount(place[known], weights=values[known], minlength=size)
    return np.where(np.bincount(place[known], minlength=size) > 0, total, np.nan)


def _figures(around: Around, fsname: str, used: Used) -> servers.Figures:
    """The figures of every entry; NaN throughout where its times are garbage."""
    good = servers.within_reach(around.day, used.first, used.last)
    found = _good_figures(around, fsname, used.take(good))
    return {name: _spread(values, good) for name, values in found.items()}


def _spread(values: Float64, good: npt.NDArray[np.bool_]) -> Float64:
    out = np.full(len(good), np.nan)
    out[good] = values
    return out


def _good_figures(around: Around, fsname: str, used: Used) -> servers.Figures:
    dates = list(servers.dates_touched(around.day, used.first, used.last))
    series = servers.Source(
        around.archive,
        around.instance,
        lambda _: re.compile(re.escape(fsname)),
        dates,
        around.findings,
        idle=True,
    )
    found = servers.shares(
        series, {"read": used.read, "written": used.written}, used.first, used.last
    )
    start, end = used.first, used.last + 1
    if behind := around.servers.get(fsname):
        source = servers.Source(
            around.archive, behind.instance, behind.components, dates, around.findings
        )
        done, start, end = servers.figures(source, used.first, used.last)
        found |= done
        for what in servers.MOVED:
            moved = done.get(f"fs_bytes_{what}", np.full(len(start), np.nan))
            found[f"coverage_{what}"] = servers.coverage(getattr(used, what), moved)
    return found | _others(used, start, end)


def _others(used: Used, start: Int64, end: Int64) -> servers.Figures:
    """How many other logs, and logs of how many other jobs, ran in the time of the rows."""
    job, first, last = used.job[: used.logs], used.first[: used.logs], used.last[: used.logs]
    own = np.concatenate(
        [
            np.ones(used.logs, np.int64),
            np.bincount(job, minlength=int(used.job.max(initial=0)) + 1)[used.job[used.logs :]],
        ]
    )
    logs = intervals.overlapping(first, last, start, end) - own
    jobs = intervals.owners_overlapping(job, first, last, start, end) - 1
    return {"other_logs": logs.astype(np.float64), "other_jobs": jobs.astype(np.float64)}


def _insert(
    connection: sqlite3.Connection,
    table: str,
    keys: tuple[str, ...],
    rows: list[tuple[Any, ...]],
    figures: servers.Figures,
) -> None:
    """Insert rows of the keys and the instance, and of the figures, whole numbers where the table
    has them.
    """
    types = {row[1]: row[2] for row in connection.execute(f"PRAGMA table_info({table})")}
    names = [name for name in types if name in figures]
    into = ", ".join([*keys, "fs_instance", *names])
    query = f"INSERT INTO {table} ({into}) VALUES ({', '.join('?' * (len(keys) + 1 + len(names)))})"
    for first in range(0, len(rows), PIECE):
        some = slice(first, first + PIECE)
        columns = [_numbers(figures[name][some], types[name]) for name in names]
        connection.executemany(
            query, ((*row, *more) for row, *more in zip(rows[some], *columns, strict=True))
        )


def _numbers(values: Float64, kind: str) -> list[int | float | None]:
    """Values for SQLite; NaN is NULL."""
    absent = np.isnan(values)
    known = np.where(absent, 0.0, values)
    found: list[int | float | None] = (
        np.rint(known).astype(np.int64) if kind == "INTEGER" else known
    ).tolist()
    for place in np.flatnonzero(absent).tolist():
        found[place] = None
    return found


JOBS = """
WITH per_fs AS (
    SELECT jobid, uid, username, fsname, {sums},
        MIN(start_time + f_read_start_timestamp) AS first_read,
            MAX(start_time + f_read_end_timestamp) AS last_read,
        MIN(start_time + f_write_start_timestamp) AS first_write,
            MAX(start_time + f_write_end_timestamp) AS last_write
    FROM headers LEFT JOIN summaries USING (log_id) LEFT JOIN mounts USING (fs_id)
    GROUP BY jobid, uid, username, fsname
), per_job AS (
    SELECT jobid, uid, username, GROUP_CONCAT(DISTINCT exename) AS exenames, COUNT(*) AS logs,
        MAX(nprocs) AS nprocs,
        MIN(start_time) AS start_time, MAX(end_time) AS end_time
    FROM headers GROUP BY jobid, uid, username
)
SELECT jobid, uid, username, exenames, logs, nprocs, start_time, end_time, fsname, {names},
    first_read, last_read, first_write, last_write, {servers}
FROM per_fs JOIN per_job USING (jobid, uid, username) LEFT JOIN job_servers USING (jobid, uid,
    username, fsname)
WHERE fsname IS NOT NULL OR NOT EXISTS (
    SELECT 1 FROM per_fs AS other WHERE other.fsname IS NOT NULL
    AND other.jobid IS per_fs.jobid AND other.uid IS per_fs.uid AND other.username IS
        per_fs.username)
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
        New Parquet file: one row a job and file system, sorted. Sums over the job's logs and the
        file system's mount points are null where nothing was available; times are epoch seconds,
        null for never. The columns of `job_servers` follow, null where nothing is known of the
        servers.
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
        sums = [
            row[1]
            for row in connection.execute("PRAGMA table_info(summaries)")
            if row[1] not in ("log_id", "fs_id") and not row[1].startswith("f_")
        ]
        behind = {
            row[1]: row[2]
            for row in connection.execute("PRAGMA table_info(job_servers)")
            if row[1] not in JOB_KEYS
        }
        query = JOBS.format(
            sums=", ".join(f"SUM({name}) AS {name}" for name in sums),
            names=", ".join(sums),
            servers=", ".join(behind),
        )
        types = {
            "date": pa.string(),
            "jobid": pa.string(),
            "uid": pa.int64(),
            "username": pa.string(),
            "exenames": pa.string(),
        }
        types |= dict.fromkeys(["logs", "nprocs", "start_time", "end_time"], pa.int64()) | {
            "fsname": pa.string()
        }
        types |= dict.fromkeys(sums, pa.int64()) | dict.fromkeys(MOMENTS, pa.float64())
        arrow = {"INTEGER": pa.int64(), "REAL": pa.float64(), "TEXT": pa.string()}
        types |= {name: arrow[kind] for name, kind in behind.items()}
        schema, count = pa.schema(list(types.items())), 0
        programs = schema.get_field_index("exenames")  # sorted: the same programs are the same text
        cursor = connection.execute(query)
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            while rows := cursor.fetchmany(PIECE):
                columns = [[date] * len(rows), *zip(*rows, strict=True)]
                columns[programs] = [
                    names and ",".join(sorted(names.split(","))) for names in columns[programs]
                ]
                writer.write_table(
                    pa.Table.from_arrays(
                        [
                            pa.array(column, field.type)
                            for column, field in zip(columns, schema, strict=True)
                        ],
                        schema=schema,
                    )
                )
                count += len(rows)
        return {"rows": count}
    finally:
        connection.close()


PIECE = 20_000
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
    connection = sqlite3.connect(
        f"file:{urllib.parse.quote(str(path.absolute()))}?mode=ro", uri=True
    )
    try:
        connection.execute("SELECT 1 FROM headers, mounts, summaries LIMIT 1")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise FormatError(
            f"{path} is no Darshan index: {error}", expected="tables headers, mounts and summaries"
        ) from None
    return connection


@contextlib.contextmanager
def asking(path: str | Path) -> Iterator[sqlite3.Connection]:
    """A connection to a day's index for some questions; see `open_index`.

    Raises
    ------
    FormatError
        Also where the index turns out to be damaged when it is read.
    """
    connection = open_index(path)
    try:
        yield connection
    except sqlite3.DatabaseError as error:
        raise FormatError(
            f"{path} is damaged: {error}", hint="tokio-archive check; the next run makes it again"
        ) from error
    finally:
        connection.close()
