"""Darshan records to sums: per log and mount point, and over time. Pure, and whole arrays at a
time.

Counters of -1 mean "not available": they are left out of sums, and a sum of nothing else is -1
again. Time stamps of 0 mean "never happened": they are left out of minima and maxima, and NaN where
there is nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.sums import LARGEST, capped_sums
from pipeline.model import Records

SUMS = (
    "bytes_read",
    "bytes_written",
    "reads",
    "writes",
    "file_not_aligned",
    "consec_reads",
    "consec_writes",
    "mmaps",
    "opens",
    "seeks",
    "stats",
    "fdsyncs",
    "fsyncs",
    "flushes",
    "seq_reads",
    "seq_writes",
    "rw_switches",
)
"""Counters that are summed over the POSIX, STDIO, DFS and DAOS records of a log and mount point."""
STAMPS = tuple(
    f"f_{what}_{edge}_timestamp"
    for what in ("close", "open", "read", "write")
    for edge in ("start", "end")
)
"""Earliest start and latest end of each kind of call, seconds since the start of the job."""
NOT_AVAILABLE = -1


def summaries(modules: Sequence[Records], mounts: Sequence[Int64]) -> dict[str, npt.NDArray[Any]]:
    """Sums per log and mount point.

    Parameters
    ----------
    modules : sequence of Records
    mounts : sequence of int64 (n,)
        For each module, the mount point of each record.

    Returns
    -------
    dict of str to array
        ``log_id``, ``fs_id``, `SUMS`, ``posix_files``, ``stdio_files`` (int64; -1 not available)
        and `STAMPS` (float64 seconds; NaN never), sorted by log and mount point.
    """
    width = 1 + max((int(mount.max()) for mount in mounts if len(mount)), default=0)
    by_module = [m.log * width + mount for m, mount in zip(modules, mounts, strict=True)]
    keys = np.unique(np.concatenate([np.empty(0, np.int64), *by_module]))
    out: dict[str, npt.NDArray[Any]] = {"log_id": keys // width, "fs_id": keys % width}
    rows = [np.searchsorted(keys, found) for found in by_module]
    for name in SUMS:
        out[name] = _sum(
            [(_counter(m, name), row) for m, row in zip(modules, rows, strict=True)], len(keys)
        )
    for module in ("POSIX", "STDIO"):
        out[f"{module.lower()}_files"] = _distinct(
            [(m.file, row) for m, row in zip(modules, rows, strict=True) if m.module == module],
            len(keys),
        )
    for name in STAMPS:
        out[name] = _extreme(
            [(m.stamp(name), row) for m, row in zip(modules, rows, strict=True)], len(keys), name
        )
    return out


def _counter(records: Records, name: str) -> Int64 | None:
    """A counter; not available where DAOS does not count such calls, which it has of its own."""
    found = records.counter(name)
    if found is None and records.module == "DAOS":
        return np.full(len(records), NOT_AVAILABLE, np.int64)
    return found


def _sum(parts: Sequence[tuple[Int64 | None, Int64]], size: int) -> Int64:
    total, available, absent = np.zeros(size, np.int64), np.zeros(size, bool), np.zeros(size, bool)
    for value, row in parts:
        if value is None:
            continue
        good = value >= 0
        part = capped_sums(value[good], row[good], size)
        total = np.minimum(total, LARGEST - part) + part
        available[row[good]] = True
        absent[row[~good]] = True
    return np.where(absent & ~available, NOT_AVAILABLE, total)


def _distinct(parts: Sequence[tuple[npt.NDArray[np.uint64], Int64]], size: int) -> Int64:
    count = np.zeros(size, np.int64)
    for file, row in parts:
        order = np.lexsort((file, row))
        row, file = row[order], file[order]
        new = np.ones(len(row), dtype=bool)
        new[1:] = (row[1:] != row[:-1]) | (file[1:] != file[:-1])
        np.add.at(count, row[new], 1)
    return count


def _extreme(parts: Sequence[tuple[Float64 | None, Int64]], size: int, name: str) -> Float64:
    start = "_start_" in name
    found = np.full(size, np.inf if start else -np.inf)
    for value, row in parts:
        if value is not None:
            real = value > 0
            (np.minimum if start else np.maximum).at(found, row[real], value[real])
    return np.where(np.isfinite(found), found, np.nan)


@dataclass(frozen=True)
class Amounts:
    """Whole amounts, each to be spread over an interval.

    Attributes
    ----------
    amount : int64 (n,)
        More than zero.
    begin, end : float64 (n,)
        Epoch seconds; `end` is not before `begin`.
    column : int64 (n,)
    log : int64 (n,)
    file : uint64 (n,)
        Record that each is of; 0 for several.
    """

    amount: Int64
    begin: Float64
    end: Float64
    column: Int64
    log: Int64
    file: npt.NDArray[np.uint64]


def take(what: Amounts, which: Any) -> Amounts:
    """Some of the amounts."""
    return Amounts(
        what.amount[which],
        what.begin[which],
        what.end[which],
        what.column[which],
        what.log[which],
        what.file[which],
    )


def amounts(
    records: Records, column: Int64, counter: str, during: str, job_start: Float64, job_end: Float64
) -> Amounts:
    """Amounts of a counter with the interval in which the calls were made.

    Parameters
    ----------
    records : Records
    column : int64 (n,)
        Column that each record belongs to.
    counter : str
        Full name, such as ``POSIX_BYTES_READ``.
    during : str
        READ, WRITE or OPEN: the time stamps that bound the calls.
    job_start, job_end : float64 (logs,)
        By log; the interval of a record whose time stamps are missing.
    """
    value = records.integers[:, list(records.counters).index(counter)]
    some = value > 0
    first, last = (records.stamp(f"f_{during}_{edge}_timestamp") for edge in ("start", "end"))
    if first is None or last is None:
        raise ValueError(f"{records.module} has no time stamps of {during}")
    log, start, first, last = (
        records.log[some],
        job_start[records.log[some]],
        first[some],
        last[some],
    )
    stamped = np.isfinite(first) & np.isfinite(last) & (last > 0)
    begin = np.where(stamped, start + np.maximum(first, 0.0), start)
    end = np.where(stamped, start + last, job_end[log])
    return Amounts(
        value[some],
        np.minimum(begin, end),
        np.maximum(begin, end),
        column[some],
        log,
        records.file[some],
    )


def total(what: Int64) -> int:
    """The exact sum of amounts, also where it is more than 64 bits hold."""
    return (int((what >> 32).sum()) << 32) + int((what & 0xFFFFFFFF).sum())


AT_ONCE = 4_000_000
"""Cells that `spread` handles at a time: bounds its memory to some 200 MB."""


def spread(
    what: Amounts, start: int, timestep: int, rows: int, columns: int
) -> tuple[Float64, int, int]:
    """Spread amounts evenly over their intervals; to the unit, nothing is lost.

    Returns
    -------
    values : float64 (rows, columns)
        Whole numbers.
    before, after : int
        What falls before the first row and after the last one. The values and these two add up to
        the amounts exactly.
    """
    total = np.zeros((rows + 2) * columns)
    low = np.clip(np.floor((what.begin - start) / timestep), -1, rows).astype(np.int64)
    high = np.clip(np.floor((what.end - start) / timestep), -1, rows).astype(np.int64)
    cells = high - low + 1
    ends = np.cumsum(cells)
    at = 0
    while at < len(cells):
        stop = max(
            at + 1, int(np.searchsorted(ends, (ends[at - 1] if at else 0) + AT_ONCE, "right"))
        )
        _spread_some(what, slice(at, stop), low, cells, start, timestep, columns, total)
        at = stop
    grid = total.reshape(rows + 2, columns)
    return grid[1:-1].copy(), int(grid[0].sum()), int(grid[-1].sum())


def _spread_some(
    what: Amounts,
    part: slice,
    low: Int64,
    cells: Int64,
    start: int,
    timestep: int,
    columns: int,
    total: Float64,
) -> None:
    """Add the amounts of `part` to the flat cells of `total`, whose first row is "before the
    day".
    """
    count = cells[part]
    owner = np.repeat(np.arange(len(count)), count)
    nth = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    amount, begin, end = what.amount[part][owner], what.begin[part][owner], what.end[part][owner]
    row = low[part][owner] + nth
    length = end - begin
    with np.errstate(over="ignore"):  # an interval of next to no length
        share = np.divide(
            start + (row + 1) * float(timestep) - begin,
            length,
            out=np.ones_like(length),
            where=length > 0,
        )
    until = np.floor(np.minimum(amount * np.clip(share, 0.0, 1.0), LARGEST)).astype(np.int64)
    until = np.where(nth == count[owner] - 1, amount, np.minimum(until, amount))
    piece = np.diff(until, prepend=0)
    first = nth == 0
    piece[first] = until[first]
    total += np.bincount(
        (row + 1) * columns + what.column[part][owner], weights=piece, minlength=len(total)
    )
