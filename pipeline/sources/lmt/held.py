"""What pieces of raw data have: rows by table and time stamp.

Time stamps, not their ids: a database that was set up anew numbers from 1 again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from archive_tools.core.arrays import Int64
from archive_tools.core.findings import Findings
from pipeline.sources.lmt.samples import Clock, raw_table


def held_rows(pieces: Sequence[Path], table: str, timezone: str) -> Callable[[Int64], Int64]:
    """For UTC seconds: the most rows of a table that any piece has of that second."""
    found = [_rows_by_second(piece, table, timezone) for piece in pieces]

    def most(seconds: Int64) -> Int64:
        rows_of = [_looked_up(times, rows, seconds) for times, rows in found]
        return functools.reduce(np.maximum, rows_of, np.zeros(len(seconds), np.int64))

    return most


def has_all_rows(newer: Path, older: Path, table: str) -> bool:
    """Whether a piece has as many rows of every time stamp as an older one. Stamps of both are
    local times; which time zone they are of does not matter.
    """
    times, rows = _rows_by_second(older, table, "UTC")
    there = _rows_by_second(newer, table, "UTC")
    return bool((_looked_up(*there, times) >= rows).all())


def _rows_by_second(piece: Path, table: str, timezone: str) -> tuple[Int64, Int64]:
    """Seconds, sorted, and how many rows of a table there are of each."""
    path = piece / f"{table}.parquet"
    if not path.is_file():
        return np.empty(0, np.int64), np.empty(0, np.int64)
    clock = Clock.of(raw_table(piece, "TIMESTAMP_INFO"), timezone, Findings())
    by_id: dict[int, int] = {}
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            column = file.read_row_group(group, columns=["TS_ID"]).column(0).drop_null()
            ids, rows = np.unique(column.to_numpy(), return_counts=True)
            for number, count in zip(ids.tolist(), rows.tolist(), strict=True):
                by_id[number] = by_id.get(number, 0) + count
    seconds, count = clock(_int64(by_id)), _int64(by_id.values())
    times, of = np.unique(seconds[seconds >= 0], return_inverse=True)
    total = np.zeros(len(times), np.int64)
    np.add.at(total, of, count[seconds >= 0])
    return times, total


def _int64(numbers: Iterable[int]) -> Int64:
    return np.array(list(numbers), dtype=np.int64)


def _looked_up(times: Int64, rows: Int64, wanted: Int64) -> Int64:
    """Rows of the wanted seconds; 0 of those that are not there."""
    if not len(times):
        return np.zeros(len(wanted), np.int64)
    place = np.minimum(np.searchsorted(times, wanted), len(times) - 1)
    return np.where(times[place] == wanted, rows[place], 0)
