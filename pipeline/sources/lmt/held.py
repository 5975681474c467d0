"""What pieces of raw data have: rows by table and time stamp.

Time stamps, not their ids: a database that was set up anew numbers from 1 again. A row whose
component is named now, and was not when its piece was fetched, is not held: nothing is made of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from archive_tools.core.arrays import Int64
from archive_tools.core.findings import Findings
from pipeline.sources.lmt.samples import Clock, raw_table
from pipeline.sources.lmt.tables import NAMED_BY, ROW_KEYS, SPAN


def named_ids(info: pa.Table | None, table: str) -> Int64:
    """The ids of a table's components that have a name.

    Parameters
    ----------
    info : pyarrow.Table or None
        The table that explains the ids, if there is one.
    table : str
    """
    key, _, by = NAMED_BY[table]
    rows = info.to_pylist() if info else []
    ids = [row[key] for row in rows if row[key] is not None and row[by]]
    return np.unique(np.array(ids, np.int64))


def is_held(
    pieces: Sequence[Path],
    table: str,
    timezone: str,
    stamps: tuple[Int64, Int64, Int64],
    named: Int64,
) -> npt.NDArray[np.bool_]:
    """Which time stamps some piece has the same rows of.

    Parameters
    ----------
    pieces : sequence of Path
    table, timezone : str
    stamps : tuple of int64 (n,)
        UTC second, number of rows, and sum of the rows' keys.
    named : int64 (m,)
        Ids of components that the database names.
    """
    seconds, rows, keys = stamps
    found = np.zeros(len(seconds), dtype=bool)
    for piece in pieces:
        times, its_keys = _keys(piece, table, timezone, named)
        known, of = np.unique(times, return_inverse=True)
        count, total = np.zeros((2, len(known) + 1), np.int64)
        np.add.at(count, of, 1)
        np.add.at(total, of, its_keys)
        place = np.searchsorted(known, seconds)
        same = np.append(known, -1)[place] == seconds
        found |= same & (count[place] == rows) & (total[place] == keys)
    return found


def has_all_rows(newer: Path, older: Path, table: str) -> bool:
    """Whether a piece has all rows that an older one has. Stamps of both are local times; which
    time zone they are of does not matter.
    """
    there = _whole_keys(newer, table, _named(older, table))
    return not len(np.setdiff1d(_whole_keys(older, table), there))


def _whole_keys(piece: Path, table: str, named: Int64 | None = None) -> Int64:
    seconds, keys = _keys(piece, table, "UTC", named)
    return np.asarray(seconds * SPAN + keys)


def _named(piece: Path, table: str) -> Int64:
    """The ids that a piece names."""
    info = NAMED_BY[table][1]
    is_there = (piece / f"{info}.parquet").is_file()
    return named_ids(raw_table(piece, info) if is_there else None, table)


def _keys(
    piece: Path, table: str, timezone: str, named: Int64 | None = None
) -> tuple[Int64, Int64]:
    """For each row of a table: its UTC second, and its key in that second; without those of the
    `named` ids that the piece does not name.
    """
    if not (piece / f"{table}.parquet").is_file():
        return np.empty(0, np.int64), np.empty(0, np.int64)
    clock = Clock.of(raw_table(piece, "TIMESTAMP_INFO"), timezone, Findings())
    columns = raw_table(piece, table, ["TS_ID", *ROW_KEYS[table]]).drop_null()
    ids, *others = (column.to_numpy().astype(np.int64) for column in columns.itercolumns())
    seconds = clock(ids)
    key = np.zeros(len(ids), np.int64)
    for factor, numbers in zip(ROW_KEYS[table].values(), others, strict=True):
        key += factor * numbers
    known = seconds >= 0
    if named is not None and len(nameless := np.setdiff1d(named, _named(piece, table))):
        known &= ~np.isin(columns.column(NAMED_BY[table][0]).to_numpy(), nameless)
    return seconds[known], key[known]
