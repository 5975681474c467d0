"""What heat maps show that traces do not explain: the bytes over time of the files without a trace.

A heat map has the bytes of all files, a trace those of its file. What is left of the map when the
traced bytes are taken away is where the rest was moved. A log with several widths of bins has one
row of steps as wide as its widest bin, in which bytes and traces are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.sums import LARGEST
from pipeline.model import Heat
from pipeline.transform.records import Amounts, spread

MOST_STEPS = 1024
"""Darshan has 200 bins; steps are wider where a log claims more of them."""
SCALE = 2.0**52
"""What weights that are not whole numbers add up to."""
LEAST_EXPLAINED = 0.25
"""Of the traced bytes; of all published logs the maps have all of them."""
NEXT_TO_NOTHING = 1e-6
"""Of a step: edges of bins that are nearer to each other are one."""


@dataclass(frozen=True)
class Bins:
    """The bins of one log, interface and direction that have bytes, in the order of time.

    A bin that lies in two steps is cut in two.

    Attributes
    ----------
    begin, end : float64 (n,)
        Seconds since the job's start.
    weight : int64 (n,)
        Bytes, or what amounts are to be in proportion to; more than 0 in one at least.
    step : int64 (n,)
        In which step each is.
    seconds : float
        A step.
    """

    begin: Float64
    end: Float64
    weight: Int64
    step: Int64
    seconds: float

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return int(self.step.max()) + 1


def bins_by_log(heat: Sequence[Heat], writes: bool) -> dict[int, Bins]:
    """The bins of each log, of reads or of writes; logs without bytes are left out.

    Parameters
    ----------
    heat : sequence of Heat
        Of one interface.
    writes : bool
    """
    by_log: dict[int, list[tuple[float, Int64]]] = {}
    for one in heat:
        values = one.written if writes else one.read
        if (values > 0).any():
            by_log.setdefault(one.log, []).append((one.width, values))
    return {log: _bins(by_log[log]) for log in sorted(by_log)}


def _bins(maps: Sequence[tuple[float, Int64]]) -> Bins:
    widest = max(width for width, _ in maps)
    used = [(width, values, np.flatnonzero(values > 0)) for width, values in maps]
    longest = max((number[-1] + 1) * (width / widest) for width, _, number in used)
    wider = float(max(1, np.ceil(longest / MOST_STEPS)))
    cut = [
        _cut(number, values[number].astype(np.float64), width, width / widest / wider)
        for width, values, number in used
    ]
    begin, end, weight, step = (np.concatenate(parts) for parts in zip(*cut, strict=True))
    order = np.lexsort((weight, end, begin))
    return Bins(
        begin[order],
        end[order],
        _whole(weight[order]),
        step[order].astype(np.int64),
        widest * wider,
    )


def _cut(
    number: npt.NDArray[np.intp], weight: Float64, width: float, part: float
) -> tuple[Float64, Float64, Float64, Float64]:
    """Begin, end, bytes and step of bins, those that lie in two steps in two pieces.

    Parameters
    ----------
    number : integer (n,)
        Of each bin.
    weight : float64 (n,)
    width : float
        Seconds a bin.
    part : float
        Steps a bin; at most 1.
    """
    first = np.floor(number * part + NEXT_TO_NOTHING)
    last = np.maximum(np.ceil((number + 1) * part - NEXT_TO_NOTHING) - 1, first)
    is_cut = last > first
    before = np.ones(len(number))  # share of a bin in its first step
    before[is_cut] = np.clip(last[is_cut] / part - number[is_cut], 0.0, 1.0)
    some = np.rint(weight * before)
    with np.errstate(over="ignore"):  # bins of more seconds than a number can hold
        begin, edge, end = number * width, (number + before) * width, (number + 1) * width
    return (
        np.concatenate((begin, edge[is_cut])),
        np.concatenate((edge, end[is_cut])),
        np.concatenate((some, (weight - some)[is_cut])),
        np.concatenate((first, last[is_cut])),
    )


def _whole(weight: Float64) -> Int64:
    """Weights as whole numbers; those that add up to more than `LARGEST` are made smaller."""
    total = weight.sum()
    return np.rint(weight * (SCALE / total) if total > LARGEST else weight).astype(np.int64)


def unexplained(
    bins: Mapping[int, Bins], traces: npt.NDArray[Any], rest: Float64
) -> dict[int, Bins]:
    """The bins with the bytes that the traces do not explain as their weights.

    Bytes that are traced where the map has fewer are taken from what is nearest in time. If there
    is less left than `rest`, what is missing is added in proportion to the whole map.

    Parameters
    ----------
    bins : mapping of int to Bins
        By log.
    traces : structured array of `pipeline.model.TRACE`
        Of the bins' interface and direction, within their jobs.
    rest : float64 (logs,)
        Bytes of each log that were not traced.
    """
    changed = {
        log: _mixed(bins[log], _left(bins[log], mine), float(rest[log]))
        for log, mine in _by_log(traces)
        if log in bins
    }
    return {**bins, **changed}


def elsewhere(bins: Mapping[int, Bins], traces: npt.NDArray[Any]) -> list[int]:
    """Logs whose heat map has less than `LEAST_EXPLAINED` of the traced bytes where they are, or a
    step away.

    A heat map counts every call, so it has what is traced: the traces of such a log are wrong.

    Parameters
    ----------
    bins : mapping of int to Bins
        By log.
    traces : structured array of `pipeline.model.TRACE`
        Of the bins' interface and direction, within their jobs.
    """
    return [
        log
        for log, mine in _by_log(traces)
        if log in bins and _explained(bins[log], mine) < LEAST_EXPLAINED
    ]


def _explained(bins: Bins, traces: npt.NDArray[Any]) -> float:
    """Which part of the traced bytes is in the map, in their steps or the next ones."""
    heat, shown = _by_step(bins, traces, beyond=2)
    total = float(shown.sum())
    if not 0 < total <= SCALE:  # weights of so many bytes are not bytes
        return 1.0
    return float(heat.sum() - _settled(heat - shown, reach=1).sum()) / total


def _by_log(traces: npt.NDArray[Any]) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    order = np.argsort(traces["log"], kind="stable")
    logs, first = np.unique(traces["log"][order], return_index=True)
    for log, mine in zip(logs.tolist(), np.split(order, first[1:]), strict=False):
        yield log, traces[mine]


def _left(bins: Bins, traces: npt.NDArray[Any]) -> Float64:
    """Bytes of each bin that the traces do not explain."""
    heat, shown = _by_step(bins, traces)
    left = _settled(heat - shown)
    part = np.divide(left, heat, out=np.zeros(len(heat)), where=heat > 0)
    return np.asarray(bins.weight * part[bins.step])


def _by_step(bins: Bins, traces: npt.NDArray[Any], beyond: int = 0) -> tuple[Float64, Float64]:
    """Bytes of each step by the map, and by the traces, with steps beyond the last of the map; the
    last has what is traced after it.
    """
    with np.errstate(over="ignore"):  # a step of next to no time
        begin, end = (
            np.minimum(traces[edge] / bins.seconds, MOST_STEPS) for edge in ("begin", "end")
        )
    zero = np.zeros(len(traces), np.int64)
    steps = bins.steps + beyond
    traced, _, after = spread(
        Amounts(traces["length"], begin, end, zero, zero, traces["file"]), 0, 1, steps, 1
    )
    shown = traced[:, 0]
    shown[-1] += after
    heat = np.bincount(bins.step, weights=bins.weight, minlength=steps)
    return np.asarray(heat, np.float64), shown


def _settled(difference: Float64, reach: int = MOST_STEPS) -> Float64:
    """What is left above 0 when what is below 0 is taken from the nearest that is above; of two
    that are as near, from the earlier. `reach` is how far that may be.
    """
    left, lack = np.maximum(difference, 0.0), np.maximum(-difference, 0.0)
    for distance in range(1, min(len(difference), reach + 1)):
        if not (lack.any() and left.any()):
            break
        for mine, its in (
            (slice(distance, None), slice(None, -distance)),
            (slice(None, -distance), slice(distance, None)),
        ):
            taken = np.minimum(lack[mine], left[its])
            lack[mine] -= taken
            left[its] -= taken
    return np.where(left < 0.5, 0.0, left)


def _mixed(bins: Bins, left: Float64, rest: float) -> Bins:
    """The bins with weights of which `left` has as much as it can of `rest`, the map the others."""
    total = float(left.sum())
    if total <= 0:
        return bins
    by_left = min(rest, total) if rest > 0 else total
    weight = left / total * by_left
    if rest > by_left:
        weight += bins.weight / float(bins.weight.sum(dtype=np.float64)) * (rest - by_left)
    return replace(bins, weight=np.rint(weight * (SCALE / weight.sum())).astype(np.int64))
