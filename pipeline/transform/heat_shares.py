"""Which file system the bytes of a heat map's bins are of, where a log has several.

A heat map counts the calls of all files; the records say how much of each file was moved, and
between which times. What is looked for is a table of file systems by bins: its rows add up to the
bytes of the file systems, its columns are as the map. Of all such tables it is the one that is
nearest to what the records alone say, each file moved evenly between its times: iterative
proportional fitting (Deming and Stephan, 1940).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archive_tools.core.arrays import Float64, Int64
from pipeline.transform.heat_bins import SCALE, Bins
from pipeline.transform.records import Amounts, take

ROUNDS = 50
CLOSE = 1e-6
"""Rounds end when every file system has its bytes but for this part."""
ANYWHERE = 2.0**-60
"""Part of a file system's bytes that may be in any bin, for records that disagree with the map."""
SLACK = 1e-3
"""Seconds by which the times of records may be off."""
LONGEST = 1e12
"""Seconds; what is later than this after the job's start counts as then."""


def weights_by_column(
    bins: Mapping[int, Bins], moved: Amounts, start: Float64
) -> dict[tuple[int, int], Int64]:
    """Weights of the bins of each log and column, of the logs that moved bytes in several columns.

    Parameters
    ----------
    bins : mapping of int to Bins
        By log.
    moved : Amounts
        Bytes that the bins are of, with the intervals of their records.
    start : float64 (logs,)
        Epoch seconds of the jobs' starts.

    Returns
    -------
    dict of (int, int) to int64 (bins,)
        By log and column. A log's weights do not depend on other logs.
    """
    mine = take(moved, np.isin(moved.log, np.array(sorted(bins), dtype=np.int64)))
    mine = take(mine, np.lexsort((mine.amount, mine.end, mine.begin, mine.column, mine.log)))
    found: dict[tuple[int, int], Int64] = {}
    for log, first, last in _runs(mine.log):
        runs = list(_runs(mine.column[first:last]))
        if len(runs) < 2:
            continue
        its = [take(mine, slice(first + begin, first + end)) for _, begin, end in runs]
        amount = np.array([one.amount.sum(dtype=np.float64) for one in its])
        expected = np.array([_moved_in(one, bins[log], start[log]) for one in its])
        table = fitted(expected, amount, bins[log].weight.astype(np.float64))
        scale = SCALE / table.sum(axis=1, keepdims=True)
        for (column, _, _), weight in zip(runs, np.rint(table * scale), strict=True):
            found[log, column] = weight.astype(np.int64)
    return found


def _runs(sorted_numbers: Int64) -> list[tuple[int, int, int]]:
    """Each number with the place where it begins, and where it ends."""
    numbers, first = np.unique(sorted_numbers, return_index=True)
    edges = [*first.tolist(), len(sorted_numbers)]
    return list(zip(numbers.tolist(), edges, edges[1:], strict=False))


def _moved_in(what: Amounts, bins: Bins, start: float) -> Float64:
    """What is moved in each bin if each amount is moved evenly over its interval."""
    begin = np.clip(what.begin - start, 0.0, LONGEST) - SLACK
    end = np.clip(what.end - start, 0.0, LONGEST) + SLACK
    rate = what.amount / (end - begin)
    time, change = np.concatenate((begin, end)), np.concatenate((rate, -rate))
    order = np.argsort(time, kind="stable")
    time, speed = time[order], np.cumsum(change[order])
    until = np.concatenate(([0.0], np.cumsum(speed[:-1] * np.diff(time))))
    moved = np.interp(bins.end, time, until) - np.interp(bins.begin, time, until)
    return np.asarray(np.maximum(moved, 0.0))


def fitted(expected: Float64, rows: Float64, weight: Float64) -> Float64:
    """The table nearest to what is expected of which the rows have their sums, and the columns are
    in proportion to weights, as far as rounds and times allow.

    Parameters
    ----------
    expected : float64 (m, n)
        Not negative.
    rows : float64 (m,)
        More than 0.
    weight : float64 (n,)
        Not negative; more than 0 in one at least.

    Returns
    -------
    float64 (m, n)
    """
    columns = weight * (rows.sum() / weight.sum())
    some = columns > 0
    table = np.where(some, expected + ANYWHERE * np.outer(rows, columns / rows.sum()), 0.0)
    for _ in range(ROUNDS):
        table *= np.divide(columns, table.sum(axis=0), out=np.zeros(len(columns)), where=some)
        change = rows / table.sum(axis=1)
        table *= change[:, np.newaxis]
        if np.abs(change - 1.0).max() < CLOSE:
            break
    return table
