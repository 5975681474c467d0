"""What was appended to an SQLite file since the newest piece of raw data was fetched.

SQLite numbers the rows of a table as they come, so that what is new of a file that only grows is
found without a look at what is held. Where a file may be another one than it was, nothing is said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from archive_tools.core.arrays import Int64
from archive_tools.core.errors import SourceError
from pipeline.sources._shared.sql_database import Database
from pipeline.sources.lmt.tables import SERIES, TABLES

NAME = "ROWIDS.json"
"""File of a piece."""
Rowids = tuple[int, int]
"""The first and the last number of some rows."""


@dataclass(frozen=True)
class Place:
    """How far the rows of a file were read.

    Attributes
    ----------
    inode : int
        Of the file: one that was copied anew has another.
    pieces : int
        How many pieces together have the rows: those that were held, and the new one.
    last : mapping of str to int
        Of each table the largest number of a row; 0 where it has none.
    marks : mapping of str to list of str
        Of each table its first and its last row, with what their time stamps are.
    """

    inode: int
    pieces: int
    last: Mapping[str, int]
    marks: Mapping[str, Sequence[str]]

    def write(self, folder: Path) -> None:
        """Keep it in a piece."""
        (folder / NAME).write_text(json.dumps(asdict(self)))


@dataclass(frozen=True)
class Appended:
    """What is to be read of a file.

    Attributes
    ----------
    place : Place
        How far its rows are read then.
    ids : (int, int) or None
        The first and the last id of the time stamps of the new rows, of no rows the later one
        first; None where all rows must be compared with those that are held, for a piece is
        missing, or the file may be another one than the newest piece is of.
    numbers : mapping of str to (int, int)
        The numbers of the new rows in each table.
    """

    place: Place
    ids: tuple[int, int] | None
    numbers: Mapping[str, Rowids]


def appended(
    database: Database, held: Sequence[Path], ids: tuple[int, int], stamps: Int64
) -> Appended | None:
    """The rows that came after those of all pieces; None where rows have no numbers, or time
    stamps that the database does not have, maybe not yet: then nothing is known of later fetches.

    Parameters
    ----------
    database : Database
        An SQLite file.
    held : sequence of Path
        The pieces that were fetched before, oldest first.
    ids : (int, int)
        The first and the last id of a time stamp of the day.
    stamps : int64 (n,)
        Ids of all time stamps in the day and around it, sorted.
    """
    inode = Path(database.shown).stat().st_ino
    try:
        ends = {
            name: database.scalar(f"SELECT COALESCE(MAX(rowid), 0) FROM {name}")
            for name in sorted(set(SERIES) & set(database.tables()))
        }
        then = _place(held)
        if then and not _goes_on(database, then, inode, ends):
            then = None
        first, last = ids[1] + 1, ids[0] - 1
        numbers: dict[str, Rowids] = {}
        for name, end in ends.items():
            low = then.last[name] + 1 if then else 1
            there = _ids_of_rows(database, name, low, end)
            if ((there >= ids[0]) & ~np.isin(there, stamps)).any():
                return None
            numbers[name] = low, end
            new = there[(there >= ids[0]) & (there <= ids[1])]
            if len(new):
                first, last = min(first, int(new.min())), max(last, int(new.max()))
        marks = {name: _marks(database, name, end) for name, end in ends.items()}
    except SourceError:  # a table without rowid, or with ids that are none
        return None
    place = Place(inode, len(held) + 1, ends, marks)
    return Appended(place, (first, last) if then else None, numbers if then else {})


def _place(held: Sequence[Path]) -> Place | None:
    """How far the pieces go, if all of them are there that the newest one goes on from."""
    if not held:
        return None
    try:
        found = Place(**json.loads((held[-1] / NAME).read_text()))
    except (OSError, TypeError, ValueError):
        return None
    return found if found.pieces == len(held) else None


def _goes_on(database: Database, then: Place, inode: int, ends: Mapping[str, int]) -> bool:
    """Whether a file is the one that was read up to a place, and only grew."""
    return (
        then.inode == inode
        and then.last.keys() == ends.keys()
        and all(
            list(then.marks[name]) == _marks(database, name, last)
            for name, last in then.last.items()
        )
    )


def _ids_of_rows(database: Database, table: str, low: int, high: int) -> Int64:
    """The time stamps' ids of some rows."""
    found = database.read(
        "SELECT 0 AS TS_ID UNION ALL SELECT DISTINCT CAST(TS_ID AS INTEGER) FROM"
        f" {table} WHERE rowid BETWEEN {low} AND {high} AND TS_ID IS NOT NULL"
    ).slice(1)
    return np.asarray(found.column(0).to_numpy().astype(np.int64))


def _marks(database: Database, table: str, last: int) -> list[str]:
    """The first row of a table and a later one, each as text with its time stamp: ids alone may be
    those of a database that was set up anew, and a row may be replaced by one of its number.
    """
    found = []
    for number in (f"(SELECT MIN(rowid) FROM {table})", str(last)):
        rows = database.select(table, TABLES[table], f"rowid = {number}").to_pylist()
        stamps = [
            database.select("TIMESTAMP_INFO", TABLES["TIMESTAMP_INFO"], f"TS_ID = {row['TS_ID']}")
            for row in rows
            if row["TS_ID"] is not None
        ]
        found.append(repr((rows, [one.to_pylist() for one in stamps])))
    return found
