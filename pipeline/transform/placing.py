"""Where in time amounts go: by traced segments, or by heat maps. What neither can place is handed
back.

Both give whole units and conserve every amount exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Int64
from pipeline.model import Heat
from pipeline.transform.records import Amounts, take


@dataclass(frozen=True)
class Share:
    """What is shared out: bytes or operations, of reads or of writes."""

    of_bytes: bool
    writes: bool


def portions(amount: Int64, owner: npt.NDArray[np.intp], weight: Float64) -> Int64:
    """Cut amounts into whole portions in proportion to weights.

    Parameters
    ----------
    amount : int64 (owners,)
    owner : integer (n,)
        Sorted: which amount each portion is of.
    weight : float64 (n,)
        Not negative; an owner's weights add up to more than 0.

    Returns
    -------
    int64 (n,)
        An owner's portions add up to its amount.
    """
    if not len(owner):
        return np.empty(0, np.int64)
    first = np.concatenate(([True], owner[1:] != owner[:-1]))
    last = np.concatenate((first[1:], [True]))
    running = np.cumsum(weight)
    base = np.where(first, running - weight, 0.0)
    base = np.maximum.accumulate(base)
    total = np.zeros(len(amount))
    total[owner[last]] = (running - base)[last]
    share = np.clip((running - base) / total[owner], 0.0, 1.0)
    until = np.where(
        last,
        amount[owner],
        np.minimum(np.floor(amount[owner] * share).astype(np.int64), amount[owner]),
    )
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

    Returns
    -------
    placed, rest : Amounts
    """
    traces = traces[traces["write"] == share.writes]
    traces = traces[
        (traces["length"] > 0) & np.isfinite(traces["begin"]) & np.isfinite(traces["end"])
    ]
    if not len(traces) or not len(what.amount):
        return take(what, slice(0, 0)), what
    files, of = np.unique(_keys(what.log, what.file), return_inverse=True)
    keys = _keys(traces["log"], traces["file"])
    place = np.minimum(np.searchsorted(files, keys), len(files) - 1)
    known = files[place] == keys
    traces, place = traces[known], place[known]
    weight = traces["length"].astype(np.float64) if share.of_bytes else np.ones(len(traces))
    shown = np.bincount(place, weights=weight, minlength=len(files)).astype(np.int64)
    amount = np.zeros(len(files), np.int64)
    np.add.at(amount, of, what.amount)
    rest = _less(what, of, np.minimum(shown, amount))
    order = np.lexsort((traces["begin"], place))
    traces, place, weight = traces[order], place[order], weight[order]
    piece = portions(np.minimum(shown, amount), place, weight)
    column = np.zeros(len(files), np.int64)
    column[of] = what.column
    begin = start[traces["log"]] + np.maximum(traces["begin"], 0.0)
    end = np.maximum(start[traces["log"]] + traces["end"], begin)
    placed = Amounts(piece, begin, end, column[place], traces["log"], traces["file"])
    return take(placed, piece > 0), rest


def _keys(log: Int64, file: npt.NDArray[np.uint64]) -> npt.NDArray[Any]:
    return np.rec.fromarrays([log.astype(np.int64), file.astype(np.uint64)])


def _less(what: Amounts, of: npt.NDArray[np.intp], taken: Int64) -> Amounts:
    """What is left of the amounts when `taken` of each file is gone, taken from its records in
    turn.
    """
    order = np.argsort(of, kind="stable")
    amount = what.amount[order]
    running = np.cumsum(amount)
    first = np.concatenate(([True], of[order][1:] != of[order][:-1]))
    base = np.maximum.accumulate(np.where(first, running - amount, 0))
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
    what: Amounts, heat: Sequence[Heat], share: Share, start: Float64
) -> tuple[Amounts, Amounts]:
    """Place the amounts of logs that have a heat map of the same interface and direction.

    A log's amounts on each file system are cut in proportion to the map's bins.

    Returns
    -------
    placed, rest : Amounts
    """
    bins = {one.log: (one.width, one.written if share.writes else one.read) for one in heat}
    bins = {log: (width, values) for log, (width, values) in bins.items() if (values > 0).any()}
    covered = np.isin(what.log, np.array(sorted(bins), dtype=np.int64))
    if not covered.any():
        return take(what, slice(0, 0)), what
    columns = int(what.column.max()) + 1
    pairs, of = np.unique(what.log[covered] * columns + what.column[covered], return_inverse=True)
    logs, column = pairs // columns, pairs % columns
    amount = np.zeros(len(pairs), np.int64)
    np.add.at(amount, of, what.amount[covered])
    weights = [np.maximum(bins[log][1], 0) for log in logs.tolist()]
    used = [np.flatnonzero(weight) for weight in weights]
    owner = np.repeat(np.arange(len(pairs)), [len(some) for some in used])
    number = np.concatenate(used)
    width = np.array([bins[log][0] for log in logs.tolist()])[owner]
    weight = np.concatenate(
        [weight[some] for weight, some in zip(weights, used, strict=True)]
    ).astype(np.float64)
    piece = portions(amount, owner, weight)
    log = logs[owner]
    begin = start[log] + number * width
    placed = Amounts(piece, begin, begin + width, column[owner], log, np.zeros(len(log), np.uint64))
    return take(placed, piece > 0), take(what, ~covered)
