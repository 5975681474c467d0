"""Rules of indexes and of tables of jobs."""

from __future__ import annotations

import contextlib
import sqlite3
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import h5py

from archive_tools.checking.problems import Problem, unreadable
from archive_tools.core.sums import sql_sum
from archive_tools.formats.darshan_tables import ROW
from archive_tools.formats.identity import DAMAGE

# Index and jobs


def check_index(path: Path, source: Path | None = None) -> Iterator[Problem]:
    """SQLite finds no damage; the tables are there, and as long as those of the file that they are
    made from.
    """
    if closed := list(unreadable(path)):
        yield from closed
        return
    try:
        with contextlib.closing(_connected(path)) as connection:
            damage = [
                str(row[0])
                for row in connection.execute("PRAGMA integrity_check(5)")
                if row[0] != "ok"
            ]
            counts = (
                {
                    table: connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
                    for table in _INDEXED.values()
                }
                if not damage
                else {}
            )
    except (sqlite3.Error, UnicodeDecodeError) as error:
        yield Problem("damaged", str(path), str(error))
        return
    if damage:
        yield Problem("damaged", str(path), "; ".join(damage))
    right = _lengths(source) if source else {}
    for name, table in _INDEXED.items():
        if table in counts and name in right and counts[table] != right[name]:
            yield Problem(
                "rows", f"{path}: {table}", f"{counts[table]} rows; {source} has {right[name]}"
            )


_INDEXED = {"logs": "headers", "mounts": "mounts", "summaries": "summaries"}
"""Table of `darshan.hdf5` to that of the index; pytokio's have these, too."""


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{urllib.parse.quote(str(path.absolute()))}?mode=ro", uri=True)


def _lengths(source: Path) -> dict[str, int]:
    """Rows of the tables of a file of Darshan logs; `check_series` reports damage."""
    try:
        with h5py.File(source, "r") as file:
            return {
                name: len(file[f"darshan/{name}/{ROW}"])
                for name in _INDEXED
                if f"darshan/{name}/{ROW}" in file
            }
    except DAMAGE:
        return {}


def check_jobs(path: Path) -> Iterator[Problem]:
    """All of a table of jobs can be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if closed := list(unreadable(path)):
        yield from closed
        return
    try:
        pq.read_table(path)
    except (*DAMAGE, pa.ArrowException) as error:  # a name that is not UTF-8 is a ValueError
        yield Problem("damaged", str(path), str(error))


def same_jobs(path: Path, index: Path) -> Iterator[Problem]:
    """The sums of a table of jobs are those of its index; what cannot be read is reported
    elsewhere.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        with contextlib.closing(_connected(index)) as connection:
            known = {row[1] for row in connection.execute("PRAGMA table_info(summaries)")} - {
                "log_id",
                "fs_id",
            }
            names = [name for name in pq.read_schema(path).names if name in known]
            query = (
                f"SELECT {', '.join(map(sql_sum, names))} FROM summaries"
                if names
                else "SELECT NULL"
            )
            right = dict(zip(names, connection.execute(query).fetchone(), strict=False))
        table = pq.read_table(path, columns=names)
    except (*DAMAGE, pa.ArrowException, sqlite3.Error):
        return
    for name in names:
        found = pc.sum(table[name]).as_py() or 0
        if isinstance(right[name], float):  # larger than a table of jobs can hold
            continue
        if found != (right[name] or 0):
            yield Problem("sums", f"{path}: {name}", f"{found}; {index} has {right[name] or 0}")
