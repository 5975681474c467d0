"""Which traces can be used: those that agree with the counters of their files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.sums import LARGEST
from pipeline.model import Records


@dataclass(frozen=True)
class Traces:
    """The segments of a batch, checked.

    Attributes
    ----------
    segments : structured array of `pipeline.model.TRACE`
        Those that are used; each has bytes.
    log : int64 (files,)
        Of each file with a trace that contradicts its counters: its log, sorted.
    """

    segments: npt.NDArray[Any]
    log: Int64


def checked(traces: npt.NDArray[Any], records: Records) -> Traces:
    """Leave out the traces that contradict the counters of their files.

    The segments of a file's reads, or of its writes, are used together or not at all. They
    contradict the counters if a length or an offset is negative, a time is not finite, the lengths
    add up to more than the counter, or a segment ends after the largest offset of the counters.
    Traces of files without a counter are left out.

    Parameters
    ----------
    traces : structured array of `pipeline.model.TRACE`
    records : Records
        Of the module that was traced.
    """
    if not len(traces):
        return Traces(traces, np.empty(0, np.int64))
    size = len(records)
    log, file = (
        np.concatenate((records.log, records.log, traces["log"])),
        np.concatenate((records.file, records.file, traces["file"])),
    )
    write = np.concatenate((np.zeros(size, bool), np.ones(size, bool), traces["write"]))
    number, first = numbered(log, file, write)
    counter = [_counter(records, f"bytes_{way}") for way in ("read", "written")]
    last = [_counter(records, f"max_byte_{way}") for way in ("read", "written")]
    groups, of_trace = len(first), number[2 * size :]
    moved, is_known = _sums(np.concatenate(counter), number[: 2 * size], groups)
    end = np.full(groups, -1, np.int64)
    np.maximum.at(end, number[: 2 * size], np.concatenate(last))
    bad = _contradict(traces, of_trace, moved, end)
    is_used = is_known[of_trace] & ~bad[of_trace] & (traces["length"] > 0)
    found = first[bad & is_known]
    _, one = numbered(log[found], file[found], np.zeros(len(found), bool))
    return Traces(traces[is_used], np.sort(log[found][one]))


def numbered(
    log: Int64, file: npt.NDArray[np.uint64], write: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Number what has the same log, file and direction; and one place of each number."""
    order = np.lexsort((write, file, log))
    log, file, write = log[order], file[order], write[order]
    new = np.ones(len(order), bool)
    new[1:] = (log[1:] != log[:-1]) | (file[1:] != file[:-1]) | (write[1:] != write[:-1])
    number = np.empty(len(order), np.intp)
    number[order] = np.cumsum(new) - 1
    return number, order[new]


def _counter(records: Records, name: str) -> Int64:
    """A counter's column; -1 where it is not available."""
    found = records.counter(name)
    return np.full(len(records), -1, np.int64) if found is None else found


def _sums(
    value: Int64, number: npt.NDArray[np.intp], groups: int
) -> tuple[Int64, npt.NDArray[np.bool_]]:
    """Sums of a counter, and where it is available at all; -1 where a sum is above `LARGEST`."""
    good = value >= 0
    number, value = number[good], value[good]
    is_large = np.bincount(number, weights=value, minlength=groups) > LARGEST
    total = np.zeros(groups, np.int64)
    np.add.at(total, number, np.where(is_large[number], 0, value))
    total[is_large] = -1
    return total, np.bincount(number, minlength=groups) > 0


def _contradict(
    traces: npt.NDArray[Any], number: npt.NDArray[np.intp], moved: Int64, end: Int64
) -> npt.NDArray[np.bool_]:
    """Which files and directions have segments that are not possible, or more than `moved` bytes,
    or bytes after the offset `end` (-1: not known).
    """
    length, offset = traces["length"], traces["offset"]
    bad = np.zeros(len(moved), bool)
    bad[number[~_possible(traces)]] = True
    length = np.where(bad[number], 0, length)
    bad |= np.bincount(number, weights=length, minlength=len(moved)) > LARGEST
    length = np.where(bad[number], 0, length)
    shown = np.zeros(len(moved), np.int64)
    np.add.at(shown, number, length)
    bad |= shown > moved
    is_beyond = (length > 0) & (end[number] > 0) & (offset > end[number] - (length - 1))
    bad[number[is_beyond]] = True
    return bad


def _possible(traces: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    times: list[Float64] = [traces["begin"], traces["end"]]
    return np.asarray(
        (traces["length"] >= 0)
        & (traces["length"] <= LARGEST)
        & (traces["offset"] >= 0)
        & np.isfinite(times[0])
        & np.isfinite(times[1])
    )
