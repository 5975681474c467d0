"""What of an SQLite file is looked at before it is read: it comes from outside, and runs SQL.

A view, a virtual table or a generated column is a program of whoever wrote the file: it may never
end, or give gigabytes out of a few bytes. Only plain tables are read.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path

from archive_tools.core.errors import SourceError, Unreachable
from archive_tools.core.printable import clean

LONGEST_CELL = 2**16
"""Bytes of a text that is read: names and time stamps have some dozens."""
LEAST_ROW = 4
"""Bytes of a file that each row takes, at least."""
ALWAYS = 10_000
"""Rows that a statement may give, whatever the size of the file."""
STEPS = 100_000
"""Instructions of SQLite between two looks at the clock."""
LOOK_AGAIN = "ask who wrote this file; a copy by sqlite3's .dump has plain tables"


def uri(path: Path) -> str:
    """The file, to be read only: nothing beside it is rolled back, and no empty one is made."""
    return f"file://{urllib.parse.quote(str(path.absolute()))}?mode=ro"


def most_rows(path: Path) -> int:
    """More rows than a file of its size can hold: a damaged one may give the same page forever."""
    return max(ALWAYS, path.stat().st_size // LEAST_ROW)


def check_tables(path: Path, tables: Mapping[str, Mapping[str, str]], seconds: float) -> None:
    """Refuse a file in which one of the tables is none, or has a text that is too long.

    Parameters
    ----------
    path : pathlib.Path
    tables : mapping of str to mapping of str to str
        By the names of tables in capitals: the columns that are read, and their types.
    seconds : float
        How long this may take.

    Raises
    ------
    SourceError
        There is such a table, or SQLite cannot read the file.
    Unreachable
        It takes longer.
    """
    until = time.monotonic() + seconds
    try:
        with _opened(path, until) as connection:
            for name, kind, text in connection.execute("SELECT name, type, sql FROM sqlite_master"):
                if str(name).upper() in tables and kind in ("table", "view"):
                    _check_table(connection, path, str(name), kind, str(text), tables)
    except (sqlite3.Error, UnicodeDecodeError) as error:  # a name in a message that is not UTF-8
        if time.monotonic() > until:
            raise Unreachable(
                f"{path}: looking at its tables took longer than {seconds:g} s",
                hint="raise ask_seconds of the source if it needs that long",
            ) from None
        if "too big" in str(error):
            raise _refused(path, f"a text or row is larger than {LONGEST_CELL:,} bytes") from None
        raise SourceError(f"{path}: {clean(str(error))}") from None


def _check_table(
    connection: sqlite3.Connection,
    path: Path,
    name: str,
    kind: str,
    text: str,
    tables: Mapping[str, Mapping[str, str]],
) -> None:
    if kind == "view":
        raise _refused(path, f"{clean(name)} is a view, not a table")
    if text.upper().split()[:2] == ["CREATE", "VIRTUAL"]:
        raise _refused(path, f"{clean(name)} is a virtual table")
    columns = connection.execute("SELECT name, hidden FROM pragma_table_xinfo(?)", (name,))
    hidden = {str(column).upper(): hidden for column, hidden in columns}
    for column, type_ in tables[name.upper()].items():
        if hidden.get(column.upper()):
            raise _refused(path, f"column {column} of {clean(name)} is computed, not stored")
        if type_ == "string" and column.upper() in hidden:
            # loads each cell, and fails at one that is above the limit of the connection
            connection.execute(f"SELECT MAX(LENGTH({column})) FROM {name.upper()}").fetchone()


def _refused(path: Path, what: str) -> SourceError:
    return SourceError(f"{path} is refused: {what}", hint=LOOK_AGAIN)


@contextlib.contextmanager
def _opened(path: Path, until: float) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(uri(path), uri=True)) as connection:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_CELL)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.set_progress_handler(lambda: time.monotonic() > until, STEPS)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA query_only = ON")
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        yield connection
