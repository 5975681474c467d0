"""Many intervals of time at once: which rows each takes, what the rows come to, and who else was
there.

Pure arrays in, arrays out. An interval is closed: from `first` to `last`, whole seconds, both
included. Rows are given by their starts and lengths; they grow and do not overlap, but may leave
time out (a day that is not there).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Int64


@dataclass(frozen=True)
class Taken:
    """The rows of each interval.

    Attributes
    ----------
    low, high : int64 (intervals,)
        Rows ``low:high``; none where these are equal.
    start, end : int64 (intervals,)
        The time of the rows, epoch seconds, end exclusive; where rows are absent, that of the
        interval.
    """

    low: Int64
    high: Int64
    start: Int64
    end: Int64


def rows_taken(stamps: Int64, seconds: Int64, first: Int64, last: Int64, *, before: bool) -> Taken:
    """The whole rows that each interval touches.

    Parameters
    ----------
    stamps, seconds : int64 (rows,)
        Starts and lengths of the rows; at least one row.
    first, last : int64 (intervals,)
        `last` is not before `first`.
    before : bool
        Take also the row before the first that is touched.
    """
    ends = stamps + seconds
    place = np.clip(np.searchsorted(stamps, first, "right") - 1, 0, None)
    begin = first - seconds[place] if before else first
    low = np.searchsorted(ends, begin, "right")
    high = np.maximum(np.searchsorted(stamps, last, "right"), low)
    head, tail = np.minimum(low, len(stamps) - 1), np.maximum(high - 1, 0)
    start = np.where((low < high) & (stamps[head] <= begin), stamps[head], begin)
    end = np.where((low < high) & (ends[tail] > last), ends[tail], last + 1)
    return Taken(low, high, start, end)


@dataclass(frozen=True)
class Pieces:
    """How intervals are made of few pieces: rows, pairs of rows, pairs of pairs, and so on.

    Nothing that is outside of an interval is added and taken away again, so that a sum of zeros is
    0.

    Attributes
    ----------
    intervals : int
    rows : int
    some : int64 (n,)
        The intervals that have rows.
    first : int64 (n,)
        Of each of these, the first of its pieces.
    piece : int64 (pieces,)
        Numbers of rows, after them those of pairs, and so on.
    """

    intervals: int
    rows: int
    some: Int64
    first: Int64
    piece: Int64

    @classmethod
    def of(cls, taken: Taken, rows: int) -> Pieces:
        """The pieces of the rows of each interval."""
        owner, piece = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        active = np.flatnonzero(taken.low < taken.high)
        low, high = taken.low[active], taken.high[active]
        base, size = 0, rows
        while len(active):
            odd = low % 2 == 1
            owner.append(active[odd])
            piece.append(base + low[odd])
            low = low + odd
            odd = high % 2 == 1
            high = high - odd
            owner.append(active[odd])
            piece.append(base + high[odd])
            more = low < high
            active, low, high = active[more], low[more] // 2, high[more] // 2
            base, size = base + size, (size + 1) // 2
        owners = np.concatenate(owner)
        order = np.argsort(owners, kind="stable")
        some, first = np.unique(owners[order], return_index=True)
        return cls(len(taken.low), rows, some, first, np.concatenate(piece)[order])

    def reduced(self, values: Float64, how: np.ufunc) -> Float64:
        """The rows of each interval by `how`.

        Parameters
        ----------
        values : float64 (rows, columns)
            Without NaN.
        how : numpy.ufunc
            `numpy.add` or `numpy.maximum`.

        Returns
        -------
        float64 (intervals, columns)
            0 or -inf where an interval has no row.
        """
        nothing = 0.0 if how is np.add else -np.inf
        out = np.full((self.intervals, values.shape[1]), nothing)
        if len(self.some):
            out[self.some] = how.reduceat(
                _pyramid(values, how, nothing)[self.piece], self.first, axis=0
            )
        return out


def _pyramid(values: Float64, how: np.ufunc, nothing: float) -> Float64:
    """The rows, after them all pairs of rows, pairs of pairs, and so on."""
    levels = [values]
    while len(values) > 1:
        if len(values) % 2:
            values = np.vstack([values, np.full((1, values.shape[1]), nothing)])
        values = how(values[::2], values[1::2])
        levels.append(values)
    return np.concatenate(levels)


def overlapping(first: Int64, last: Int64, start: Int64, end: Int64) -> Int64:
    """How many intervals touch each window ``[start, end)``: int64 (windows,)."""
    return (
        len(first)
        - np.searchsorted(np.sort(last), start, "left")
        - (len(first) - np.searchsorted(np.sort(first), end, "left"))
    )


def owners_overlapping(owner: Int64, first: Int64, last: Int64, start: Int64, end: Int64) -> Int64:
    """How many different owners have an interval that touches each window ``[start, end)``.

    An owner's intervals become stretches with gaps between them. Every stretch that touches a
    window counts, less one for every gap of which both neighbours do.

    Parameters
    ----------
    owner : int64 (intervals,)
        Small numbers, not negative.
    first, last : int64 (intervals,)
    start, end : int64 (windows,)

    Returns
    -------
    int64 (windows,)
    """
    begins, stops, owners = _stretches(owner, first, last)
    same = owners[1:] == owners[:-1]
    left, right = (
        stops[:-1][same],
        begins[1:][same],
    )  # of each gap: the last second before it, the first after it
    before = np.searchsorted(np.sort(left), start, "left")
    after = len(right) - np.searchsorted(np.sort(right), end, "left")
    return overlapping(begins, stops, start, end) - (
        len(left) - before - after + around(left, right, start, end)
    )


def _stretches(owner: Int64, first: Int64, last: Int64) -> tuple[Int64, Int64, Int64]:
    """First and last seconds of the stretches of each owner, in the order of owners and time."""
    order = np.lexsort((first, owner))
    owner, first, last = owner[order], first[order], last[order]
    known, rank = np.unique(last, return_inverse=True)
    count = len(known)
    until = known[np.maximum.accumulate(owner * count + rank) - owner * count] if count else last
    opens = np.ones(len(owner), dtype=bool)
    opens[1:] = (owner[1:] != owner[:-1]) | (first[1:] > until[:-1])
    closes = np.append(opens[1:], True)[: len(owner)]
    return first[opens], until[closes], owner[opens]


def around(left: Int64, right: Int64, start: Int64, end: Int64) -> Int64:
    """How many gaps have each window ``[start, end)`` inside: those with ``left < start`` and
    ``right >= end``.

    Gaps are sorted by `left`; those with ``left < start`` are a prefix, which is cut into blocks of
    1, 2, 4, ... gaps; in each block the gaps are sorted by `right`.
    """
    order = np.argsort(left, kind="stable")
    prefix = np.searchsorted(left[order], start, "left")
    rank = np.argsort(np.argsort(right[order], kind="stable"), kind="stable")
    cut = np.searchsorted(np.sort(right), end, "left")
    found = np.zeros(len(start), dtype=np.int64)
    size, count = 1, len(left)
    while size <= count:
        keys = np.sort(np.arange(count) // size * count + rank)
        some = np.flatnonzero(prefix & size)
        block = prefix[some] // size - 1
        found[some] += (block + 1) * size - np.searchsorted(keys, block * count + cut[some], "left")
        size *= 2
    return found


def last_known(known: npt.NDArray[np.bool_]) -> Int64:
    """For each row the last row up to it that is known, or -1: int64 (rows,)."""
    return np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
