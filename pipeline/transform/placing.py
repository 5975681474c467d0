"""Where in time amounts go: by traced segments, else by heat maps, else evenly.

Each gives whole units and conserves every amount exactly. No interval leaves that of its job.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.sums import LARGEST
from pipeline.model import LogBatch
from pipeline.transform.heat_bins import Bins, bins_by_log, elsewhere, unexplained
from pipeline.transform.heat_shares import weights_by_column
from pipeline.transform.records import Amounts, amounts, take
from pipeline.transform.traces import checked, numbered


@dataclass(frozen=True)
class Share:
    """What is shared out: bytes or operations, of reads or of writes."""

    of_bytes: bool
    writes: bool


def portions(amount: Int64, owner: npt.NDArray[np.intp], weight: Int64) -> Int64:
    """Cut amounts into whole portions in proportion to weights.

    An owner's portions do not depend on the other owners.

    Parameters
    ----------
    amount : int64 (owners,)
    owner : integer (n,)
        Sorted: which amount each portion is of.
    weight : int64 (n,)
        Not negative; an owner's weights add up to more than 0, and less than 2**63.

    Returns
    -------
    int64 (n,)
        An owner's portions add up to its amount.
    """
    if not len(owner):
        return np.empty(0, np.int64)
    first = np.concatenate(([True], owner[1:] != owner[:-1]))
    last = np.concatenate((first[1:], [True]))
    running = np.cumsum(weight)  # may wrap around; differences within an owner are right
    base = (running - weight)[first][np.cumsum(first) - 1]
    running = running - base
    total = np.zeros(len(amount), np.int64)
    total[owner[last]] = running[last]
    whole, all_of_it = amount[owner], total[owner]
    share = np.floor(np.minimum(whole * (running / all_of_it), LARGEST)).astype(np.int64)
    until = np.where(last, whole, np.minimum(share, whole))
    until = np.where(whole == all_of_it, running, until)
    piece = np.diff(until, prepend=0)
    piece[first] = until[first]
    return piece


def by_trace(
    what: Amounts, traces: npt.NDArray[Any], share: Share, start: Float64
) -> tuple[Amounts, Amounts]:
    """Place the amounts of files that were traced.

    A file's amount, all its records of a log together, is cut in proportion to its segments' bytes,
    or one operation a segment. Where a trace is shorter than the counters (it has a limit), what it
    does not show goes where nothing better is known.

    Parameters
    ----------
    what : Amounts
    traces : structured array of `pipeline.model.TRACE`
        That do not contradict the counters; see `pipeline.transform.traces`.
    share : Share
    start : float64 (logs,)
        Epoch seconds of the jobs' starts.

    Returns
    -------
    placed, rest : Amounts
    """
    traces = traces[traces["write"] == share.writes]
    if not len(traces) or not len(what.amount):
        return take(what, slice(0, 0)), what
    log, file = (
        np.concatenate((mine, traces[its]))
        for mine, its in ((what.log, "log"), (what.file, "file"))
    )
    number, first = numbered(log, file, np.zeros(len(log), bool))
    of, place = np.split(number, [len(what.amount)])
    is_known = np.zeros(len(first), bool)
    is_known[of] = True
    traces, place = traces[is_known[place]], place[is_known[place]]
    weight = traces["length"] if share.of_bytes else np.ones(len(traces), np.int64)
    shown, amount = np.zeros((2, len(first)), np.int64)
    np.add.at(shown, place, weight)
    np.add.at(amount, of, what.amount)
    rest = _less(what, of, np.minimum(shown, amount))
    order = np.lexsort((weight, traces["end"], traces["begin"], place))
    traces, place, weight = traces[order], place[order], weight[order]
    piece = portions(np.minimum(shown, amount), place, weight)
    column = np.zeros(len(first), np.int64)
    column[of] = what.column
    begin = start[traces["log"]] + np.maximum(traces["begin"], 0.0)
    end = np.maximum(start[traces["log"]] + traces["end"], begin)
    placed = Amounts(piece, begin, end, column[place], traces["log"], traces["file"])
    return take(placed, piece > 0), rest


def _less(what: Amounts, of: npt.NDArray[np.intp], taken: Int64) -> Amounts:
    """What is left of the amounts when `taken` of each file is gone, taken from its records in
    the order of their times.
    """
    order = np.lexsort((what.amount, what.end, what.begin, of))
    amount = what.amount[order]
    running = np.cumsum(amount)
    first = np.concatenate(([True], of[order][1:] != of[order][:-1]))
    base = (running - amount)[first][np.cumsum(first) - 1]
    left = np.clip(running - base - taken[of[order]], 0, amount)
    amounts = np.empty_like(what.amount)
    amounts[order] = left
    some = amounts > 0
    return Amounts(
        amounts[some],
        what.begin[some],
        what.end[some],
        what.column[some],
        what.log[some],
        what.file[some],
    )


def by_heat(
    what: Amounts,
    bins: Mapping[int, Bins],
    by_column: Mapping[tuple[int, int], Int64],
    start: Float64,
) -> tuple[Amounts, Amounts]:
    """Place the amounts of logs that have a heat map of the same interface and direction.

    A log's amounts on each file system are cut in proportion to the weights of its bins.

    Parameters
    ----------
    what : Amounts
    bins : mapping of int to Bins
        By log.
    by_column : mapping of (int, int) to int64 (bins,)
        By log and column: weights in place of those of the log's bins.
    start : float64 (logs,)
        Epoch seconds of the jobs' starts.

    Returns
    -------
    placed, rest : Amounts
    """
    covered = np.isin(what.log, np.array(sorted(bins), dtype=np.int64))
    if not covered.any():
        return take(what, slice(0, 0)), what
    columns = int(what.column.max()) + 1
    pairs, of = np.unique(what.log[covered] * columns + what.column[covered], return_inverse=True)
    logs, column = pairs // columns, pairs % columns
    amount = np.zeros(len(pairs), np.int64)
    np.add.at(amount, of, what.amount[covered])
    its = [bins[log] for log in logs.tolist()]
    owner = np.repeat(np.arange(len(pairs)), [len(one.weight) for one in its])
    weights = [
        by_column.get(pair, one.weight)
        for pair, one in zip(zip(logs.tolist(), column.tolist(), strict=True), its, strict=True)
    ]
    piece = portions(amount, owner, np.concatenate(weights))
    log = logs[owner]
    placed = Amounts(
        piece,
        start[log] + np.concatenate([one.begin for one in its]),
        start[log] + np.concatenate([one.end for one in its]),
        column[owner],
        log,
        np.zeros(len(log), np.uint64),
    )
    return take(placed, piece > 0), take(what, ~covered)


TRACED = "POSIX"
"""The module whose calls `LogBatch.traces` has."""


class BatchPlacing:
    """Gives the amounts of a batch their intervals.

    Parameters
    ----------
    batch : LogBatch
    places : mapping of str to int64 (n,)
        By module: the mount point of each record.

    Attributes
    ----------
    start, end : float64 (logs,)
        Epoch seconds of the jobs; `end` is not before `start`.
    contradicted : int64 (files,)
        Of each file whose trace contradicts its counters or its log's heat map: its log.
    """

    def __init__(self, batch: LogBatch, places: Mapping[str, Int64]) -> None:
        self.batch, self.places = batch, places
        self.start = batch.logs["start_time"]
        longest = np.fmax(batch.logs["end_time"], self.start + batch.logs["walltime"])
        self.end = np.fmax(longest, self.start)
        traces = checked(batch.traces, batch.records[TRACED])
        self.traces, self.contradicted = traces.segments, traces.log
        last = (self.end - self.start)[self.traces["log"]]
        self.traces["begin"] = np.clip(self.traces["begin"], 0.0, last)
        self.traces["end"] = np.clip(self.traces["end"], self.traces["begin"], last)
        self._maps: dict[tuple[str, bool], dict[int, Bins]] = {}
        self._bins: dict[tuple[str, bool], dict[int, Bins]] = {}
        self._by_column: dict[tuple[str, bool], dict[tuple[int, int], Int64]] = {}
        self._leave_out_elsewhere()

    def _leave_out_elsewhere(self) -> None:
        """Leave out the traces of reads, or of writes, that contradict the log's heat map."""
        traces = self.traces
        is_wrong = np.zeros(len(traces), bool)
        for writes in (False, True):
            its = traces["write"] == writes
            if its.any():
                logs = elsewhere(self._maps_of(TRACED, writes), traces[its])
                is_wrong |= its & np.isin(traces["log"], np.array(logs, np.int64))
        wrong = traces[is_wrong]
        _, one = numbered(wrong["log"], wrong["file"], np.zeros(len(wrong), bool))
        self.contradicted = np.concatenate((self.contradicted, wrong["log"][one]))
        self.traces = traces[~is_wrong]

    def placed(self, what: Amounts, module: str, share: Share) -> Iterator[tuple[str, Amounts]]:
        """Amounts with the intervals that the best method of each gives them, by method.

        Parameters
        ----------
        what : Amounts
            With the intervals of their records.
        module : str
        share : Share
        """
        moved = np.bincount(what.log, weights=what.amount, minlength=len(self.start))
        is_large = moved[what.log] > LARGEST  # sums of these would overflow
        large, rest = take(what, is_large), take(what, ~is_large)
        if module == TRACED:
            traced, rest = by_trace(rest, self.traces, share, self.start)
            yield "dxt", self._within_jobs(traced)
        bins = self._bins_of(module, share.writes)
        by_column = self._by_column_of(module, share.writes)
        heated, rest = by_heat(rest, bins, by_column, self.start)
        yield "heatmap", self._within_jobs(heated)
        yield "even", self._within_jobs(rest)
        yield "even", self._within_jobs(large)

    def evenly(self, what: Amounts) -> Iterator[tuple[str, Amounts]]:
        """Amounts with the intervals of their records."""
        yield "even", self._within_jobs(what)

    def _maps_of(self, module: str, writes: bool) -> dict[int, Bins]:
        """The bins of each log's heat map."""
        key = module, writes
        if key not in self._maps:
            heat = [one for one in self.batch.heat if one.module == module]
            self._maps[key] = bins_by_log(heat, writes)
        return self._maps[key]

    def _bins_of(self, module: str, writes: bool) -> Mapping[int, Bins]:
        """The bins of each log, without what the traces explain."""
        key = module, writes
        if key not in self._bins:
            found = self._maps_of(module, writes)
            traces = self.traces[self.traces["write"] == writes]
            if module == TRACED and len(traces):
                found = unexplained(found, traces, self._not_traced(traces, writes))
            self._bins[key] = found
        return self._bins[key]

    def _by_column_of(self, module: str, writes: bool) -> Mapping[tuple[int, int], Int64]:
        """The weights of the bins of each log and mount point, of bytes and of operations."""
        key = module, writes
        if key not in self._by_column:
            bins, records = self._bins_of(module, writes), self.batch.records[module]
            during = "WRITE" if writes else "READ"
            counter = f"{module}_BYTES_{'WRITTEN' if writes else 'READ'}"
            found: dict[tuple[int, int], Int64] = {}
            if bins and counter in records.counters:
                place, share = self.places[module], Share(of_bytes=True, writes=writes)
                moved = amounts(records, place, counter, during, self.start, self.end)
                if module == TRACED:
                    _, moved = by_trace(moved, self.traces, share, self.start)
                found = weights_by_column(bins, moved, self.start)
            self._by_column[key] = found
        return self._by_column[key]

    def _not_traced(self, traces: npt.NDArray[Any], writes: bool) -> Float64:
        """Bytes of each log that no trace shows."""
        logs = len(self.start)
        records = self.batch.records[TRACED]
        counter = records.counter("bytes_written" if writes else "bytes_read")
        value = np.zeros(len(records)) if counter is None else np.maximum(counter, 0)
        moved = np.bincount(records.log, weights=value, minlength=logs)
        shown = np.bincount(traces["log"], weights=traces["length"], minlength=logs)
        return np.asarray(moved - shown, dtype=np.float64)

    def _within_jobs(self, what: Amounts) -> Amounts:
        """Amounts whose intervals are cut to those of their jobs."""
        first, last = self.start[what.log], self.end[what.log]
        return replace(
            what, begin=np.clip(what.begin, first, last), end=np.clip(what.end, first, last)
        )
