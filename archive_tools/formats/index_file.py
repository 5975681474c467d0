"""The file of a day's Darshan index (SQLite): filling its tables, and opening it for queries."""

from __future__ import annotations

import contextlib
import sqlite3
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Table
from archive_tools.core.errors import MEND, FormatError, NotFound
from archive_tools.formats import darshan_tables

WHOLE_SECONDS = ("start_time", "end_time")


def _sql_values(name: str, values: npt.NDArray[Any], nullable: bool) -> Iterator[Any]:
    """A column as SQLite's values: NULL for not available and for never."""
    if name in WHOLE_SECONDS:
        return (None if value != value else int(value) for value in np.floor(values).tolist())
    if values.dtype.kind == "f":
        return (None if value != value else value for value in values.tolist())
    if nullable and values.dtype.kind == "i":
        return (None if value < 0 else value for value in values.tolist())
    if name in EMPTY_IS_NULL:
        return (value or None for value in values.tolist())
    return iter(values.tolist())


NEVER_NULL = {"log_id", "fs_id", "uid", "log_bytes"}
EMPTY_IS_NULL = {"username"}
"""Texts that are not known where they are empty."""


def copy_table(
    connection: sqlite3.Connection,
    source: Path,
    name: str,
    target: str,
    cleaned: Callable[[Table], Table] | None = None,
) -> int:
    """Copy the columns that the index has, as `cleaned` gives them; returns the number of rows."""
    return sum(
        insert_table(connection, target, cleaned(piece) if cleaned else piece)
        for piece in darshan_tables.read_pieces(source, name)
    )


def insert_table(connection: sqlite3.Connection, target: str, table: Table) -> int:
    """Insert the rows of a table, by the columns that the index has; returns their number."""
    known = {row[1] for row in connection.execute(f"PRAGMA table_info({target})")}
    columns = [column for column in table if column in known]
    values = [_sql_values(column, table[column], column not in NEVER_NULL) for column in columns]
    marks = ", ".join("?" * len(columns))
    cursor = connection.executemany(
        f"INSERT INTO {target} ({', '.join(columns)}) VALUES ({marks})",
        zip(*values, strict=True),
    )
    return max(0, cursor.rowcount)


def insert_rows(
    connection: sqlite3.Connection,
    table: str,
    keys: tuple[str, ...],
    rows: list[tuple[Any, ...]],
    figures: Mapping[str, Float64],
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


PIECE = 20_000
"""Rows that are handled at a time."""


DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What a damaged file raises; names of columns that are not UTF-8 do the latter."""


def open_index(path: str | Path) -> sqlite3.Connection:
    """A read-only connection to a day's index.

    Raises
    ------
    NotFound
        There is no such file.
    FormatError
        It is not a Darshan index.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFound(f"no file {path}")
    connection = sqlite3.connect(
        f"file:{urllib.parse.quote(str(path.absolute()))}?mode=ro", uri=True
    )
    try:
        connection.execute("SELECT 1 FROM headers, mounts, summaries LIMIT 1")
    except DAMAGE as error:
        connection.close()
        raise FormatError(
            f"{path} is not a Darshan index: {error}",
            expected="tables headers, mounts and summaries",
            hint=MEND,
        ) from None
    return connection


@contextlib.contextmanager
def connected(path: str | Path) -> Iterator[sqlite3.Connection]:
    """A connection to a day's index for some queries; see `open_index`.

    Raises
    ------
    FormatError
        Also where the index turns out to be damaged when it is read.
    """
    connection = open_index(path)
    try:
        yield connection
    except DAMAGE as error:
        raise FormatError(f"{path} is damaged: {error}", hint=MEND) from error
    finally:
        connection.close()
