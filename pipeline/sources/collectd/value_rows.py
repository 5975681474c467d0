"""Rows of one metric: in order of time, each once, with the intervals that they are of."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Int64
from pipeline.sources.collectd.jitter import on_edges

JIFFIES = 100.0
"""A second, in the unit of the kernel's cpu counters (USER_HZ)."""
LONGEST = 1 << 20
"""Seconds: more than a day."""
BESIDE = 1000
"""Milliseconds that values of one reading are apart at most."""
SAME = 1e-6
"""Relative difference of values that are copies of one."""
ENOUGH = 10
"""Distances between rows that say what a host's interval is."""
RUN = 20
"""Distances that follow each other and say what the interval is at that time of the day."""
SOME = 0.01
"""Share of a host's distances that may be its interval for a part of the day."""


class ValueRows(NamedTuple):
    """Rows of one metric: times and intervals in ms (0: not reported), columns, values."""

    time: Int64
    interval: Int64
    column: npt.NDArray[np.int32]
    value: npt.NDArray[Any]

    @classmethod
    def joined(cls, pieces: list[ValueRows]) -> ValueRows:
        return cls(*(np.concatenate(column) for column in zip(*pieces, strict=True)))

    def at(self, rows: npt.NDArray[Any]) -> ValueRows:
        return ValueRows(self.time[rows], self.interval[rows], self.column[rows], self.value[rows])

    def only(self, which: npt.NDArray[np.bool_]) -> ValueRows:
        return self if which.all() else self.at(which)

    def in_order(self) -> ValueRows:
        """By column and time; of rows that are there twice the one with the largest value."""
        return self.sorted().once()

    def sorted(self) -> ValueRows:
        """By column and time; rows that are there twice by value, the largest first."""
        numbered_in_16_bits = self.column.max(initial=0) < 1 << 15
        if (
            numbered_in_16_bits and (np.diff(self.time) >= 0).all()
        ):  # the quick way, for values as they came: in order of time, none twice
            piece = self.at(np.argsort(self.column.astype(np.int16), kind="stable"))
            if not piece.again().any():
                return piece
        return self.at(np.lexsort((-self.value, self.time, self.column)))

    def once(self) -> ValueRows:
        """The first of rows that are there twice."""
        return self.only(~self.again())

    def differing(self) -> npt.NDArray[np.bool_]:
        """Which rows have the column and time of the row before, and another value."""
        found = self.again()
        near = SAME if self.value.dtype.kind == "f" else 0
        found[1:] &= np.diff(self.value) < -near * np.abs(self.value[:-1])
        return found

    def beside(self, other: ValueRows, host: npt.NDArray[np.int32]) -> ValueRows:
        """Rows before the first and after the last of the same host in `other`."""
        size = int(host.max(initial=-1)) + 1
        first, last = np.full(size, np.iinfo(np.int64).max), np.full(size, -1)
        np.minimum.at(first, host[other.column], other.time)
        np.maximum.at(last, host[other.column], other.time)
        of_row = host[self.column]
        before = self.time < first[of_row] - BESIDE
        return self.only(before | (self.time > last[of_row] + BESIDE))

    def again(self) -> npt.NDArray[np.bool_]:
        """Which rows have the column and time of the row before."""
        found = np.zeros(len(self.time), dtype=bool)
        found[1:] = (np.diff(self.column) == 0) & (np.diff(self.time) == 0)
        return found

    def over_intervals(self, given: int, host: npt.NDArray[np.int32]) -> ValueRows:
        """With the intervals that each row is of, and their starts as times.

        An interval is what the row itself reports; else `given` seconds; else what the distances of
        the rows say, see `_measured`; 0 where they are too few.
        """
        interval = (
            self.interval
            if given == 0
            else np.where(self.interval > 0, self.interval, given * 1000)
        )
        if not (interval > 0).all():
            interval = np.where(interval > 0, interval, self._measured(host))
        return self._replace(time=self.time - interval, interval=interval)

    def _measured(self, host: npt.NDArray[np.int32]) -> Int64:
        """The interval of each row in ms, by the distances of the rows of a column, in whole
        seconds: of a host that has several, the one that the row is in a run of, see `_even_runs`;
        else the one that most rows of the host have, if these are enough; else that of most other
        hosts; 0 if there are none.
        """
        follows = np.diff(self.column, prepend=-1) == 0
        seconds = np.rint(np.diff(self.time, prepend=0) / 1000)
        seconds = np.where(follows, np.clip(seconds, 1, LONGEST - 1), 0).astype(np.int64)
        of_host = host[self.column].astype(np.int64)
        pairs, count = np.unique((of_host * LONGEST + seconds)[follows], return_counts=True)
        hosts, distances = np.divmod(pairs, LONGEST)
        share = count / np.bincount(of_host[follows])[hosts]
        usual = np.zeros(int(host.max(initial=-1)) + 1, dtype=np.int64)
        most = (count >= ENOUGH) & (share > 0.5)
        usual[hosts[most]] = distances[most] * 1000
        known, often = np.unique(usual[usual > 0], return_counts=True)
        usual[usual == 0] = known[often.argmax()] if len(known) else 0
        found = usual[of_host]
        some = (count >= ENOUGH) & (share > SOME)
        changing = np.bincount(hosts[some], minlength=len(usual)) > 1
        rows = np.flatnonzero(changing[of_host])
        run = _even_runs(seconds[rows], self.column[rows], np.unique(distances[some]))
        found[rows] = np.where(run > 0, run * 1000, found[rows])
        return found

    def on_rows(self, row: tuple[int, int]) -> ValueRows:
        """With times that are on the rows' edges around which they lie; see `jitter`."""
        return self._replace(time=on_edges(self.time, self.interval, self.column, row))

    def by_second(self, how: Literal["sum", "mean"]) -> ValueRows:
        """One row a column and second; several happen only where collectd measures every second."""
        head = np.ones(len(self.time), dtype=bool)
        head[1:] = (np.diff(self.column) != 0) | (np.diff(self.time // 1000) != 0)
        if head.all():
            return self
        at = np.flatnonzero(head)
        value = np.add.reduceat(self.value, at)
        if how == "mean":
            value = value / np.diff(np.append(at, len(head)))
        return self.only(head)._replace(value=value)

    def shares(self, row: tuple[int, int]) -> tuple[ValueRows, ValueRows]:
        """Counters of jiffies as shares of the time between two rows, %, at the earlier row; and
        those that fell. For `row` see `on_rows`.
        """
        same = np.diff(self.column) == 0
        seconds, jiffies = np.diff(self.time)[same] / 1000.0, np.diff(self.value)[same]
        share = np.minimum(100.0 / JIFFIES * jiffies / seconds, 100.0)
        piece = ValueRows(
            self.time[:-1][same], self.interval[:-1][same], self.column[:-1][same], share
        )
        return piece.only(share >= 0).on_rows(row).by_second("mean"), piece.only(share < 0)


def _even_runs(values: Int64, group: npt.NDArray[np.integer[Any]], among: Int64) -> Int64:
    """Of each distance the one of `among` that it is in a run of: `RUN` distances of a group, from
    it on or up to it, of which more than half are that one and none is shorter, so that lost rows
    are not taken for a longer interval. 0 is in no run. Groups are in order.
    """
    place = np.arange(len(values))
    first, last = np.searchsorted(group, group, "left"), np.searchsorted(group, group, "right")
    found = np.zeros(len(values), dtype=np.int64)
    for value in among.tolist():
        same = np.concatenate(([0], np.cumsum(values == value)))
        less = np.concatenate(([0], np.cumsum((values > 0) & (values < value))))
        for start in (place, place + 1 - RUN):
            rows = np.flatnonzero((start >= first) & (start + RUN <= last))
            at = start[rows]
            is_run = (2 * (same[at + RUN] - same[at]) > RUN) & (less[at + RUN] == less[at])
            found[rows[is_run]] = value
    return found
