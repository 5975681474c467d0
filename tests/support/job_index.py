"""An index of logs with chosen jobs, and the table of jobs that is made of it."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from archive_tools import schemas
from archive_tools.core.day import Day
from archive_tools.formats import jobs_file
from archive_tools.store import layout

FS = "scratch"


def write_logs(
    root: Path,
    date: dt.date,
    logs: Iterable[Mapping[str, Any]],
    *,
    instance: str = "darshan",
    servers: str = "",
) -> None:
    """Write an index with a log a row, on one file system, and the day's table of jobs.

    Parameters
    ----------
    root : pathlib.Path
    date : datetime.date
    logs : iterable of mapping
        Columns of `headers`; also ``read`` and ``written``. What is not given is chosen: hours 8 to
        9, which read and write from their second to their last minute.
    instance, servers : str
        Of the logs, and of the servers behind the file system, "" for none.
    """
    path = layout.path(root, layout.INDEX, date, instance)
    path.parent.mkdir(parents=True, exist_ok=True)
    start = Day(date).start + 8 * 3600
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(schemas.new_index_sql())
        insert(connection, "mounts", {"fs_id": 1, "mountpt": "/scratch", "fsname": FS})
        for number, given in enumerate(logs, 1):
            row = dict(given)
            amounts = {f"bytes_{what}": row.pop(what, 0) for what in ("read", "written")}
            header = {
                "log_id": number,
                "filename": f"{number}.darshan",
                "jobid": str(number),
                "uid": 1000,
                "username": "kim",
                "exename": "ior",
                "nprocs": 8,
                "start_time": start,
                "end_time": start + 3600,
                "walltime": 3600.0,
                "posix_agg_perf": 100.0,
                **row,
            }
            insert(connection, "headers", header)
            times = {
                f"f_{what}_{edge}_timestamp": second
                for what in ("read", "write")
                for edge, second in (("start", 60.0), ("end", 3540.0))
            }
            insert(connection, "summaries", {"log_id": number, "fs_id": 1, **amounts, **times})
            if servers:
                key = {name: header[name] for name in ("jobid", "uid", "username")}
                seen = {"fs_instance": servers, "fs_start": start, "fs_end": start + 3600}
                insert(connection, "job_servers", {**key, "fsname": FS, **seen})
    jobs_file.write_jobs(path, layout.path(root, layout.JOBS, date, instance), str(date))


def insert(connection: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> None:
    """Insert a row; names of tables and columns are those of the tests."""
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", [*row.values()])
