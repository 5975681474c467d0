"""Counters to growth: resets are missing, growth across gaps is counted once, and nothing wraps."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Bool, Float64
from archive_tools.core.cells import Axes
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind

Index = npt.NDArray[np.intp]
ACROSS = "{amount} counted in the last cell of each gap"
BELOW_ZERO = "counters below 0"


class Growth(NamedTuple):
    """What counters grew from row to row.

    Attributes
    ----------
    values : float64 (rows, columns)
    row, column : intp (n,)
        The cells whose growth is of several rows.
    of : intp (n,)
        Of how many.
    """

    values: Float64
    row: Index
    column: Index
    of: Index

    def rows(self) -> Float64:
        """In how many rows each growth happened; broadcasts with `values`."""
        if not len(self.row):
            return np.ones(1)
        rows = np.ones_like(self.values)
        rows[self.row, self.column] = self.of
        return rows


def deltas(counter: npt.NDArray[Any], have: Bool, axes: Axes, findings: Findings) -> Growth:
    """Growth of counters from row to row.

    Parameters
    ----------
    counter : int64 or float64 (rows + 1, columns)
        The counter at the start of each row, and at the end of the last one. Integers are
        subtracted as integers, so that counters above 2**53 lose nothing; those below 0, which no
        device has, count as not measured, so that no difference is beyond int64.
    have : bool (rows + 1, columns)
        Where it was measured.
    axes : Axes
        Dataset, components and times, for the findings.
    findings : Findings
        Receives resets and growth across gaps.

    Returns
    -------
    Growth
        Row t is the growth from row t's start to row t + 1's. Growth across a gap is in the
        last cell of the gap, so that the day's total is right; the cells before it are NaN. Where a
        counter fell it was reset: that cell is NaN. A sample that is low while the next one is not
        below the one before it is not a reset: it is left out.
    """
    counter, have = _never_below_zero(counter, have, axes, findings)
    out = np.empty((len(counter) - 1, counter.shape[1]))
    np.subtract(counter[1:], counter[:-1], out=out, dtype=counter.dtype, casting="unsafe")
    r = c = of = np.empty(0, np.intp)
    if not have.all():
        np.copyto(out, np.nan, where=~(have[1:] & have[:-1]))
        r, c, last = _gaps(have)
        across = (counter[r + 1, c] - counter[last, c]).astype(np.float64)
        out[r, c], of = across, r + 1 - last
        grown = across >= 0
        _report_growth(r[grown], c[grown], last[grown], across[grown], axes, findings)
    fell = out < 0
    if fell.any():
        low = np.zeros_like(fell)
        low[:-1] = fell[:-1] & (out[1:] >= -out[:-1])
        axes.report(findings, FindingKind.SINGLE_LOW, low)
        axes.report(findings, FindingKind.RESETS, fell & ~low)
        at, column = np.nonzero(low)
        out[at + 1, column] += out[at, column]
        out[fell] = np.nan
    return Growth(out, r, c, of)


def _gaps(have: Bool) -> tuple[Index, Index, Index]:
    """The gaps between two measurements of a column, by the second one: its row less one, its
    column, and the row of the first one.
    """
    missing = ~have
    r, c = np.nonzero(missing[:-1] & have[1:])
    last, column = np.nonzero(have[:-1] & missing[1:])
    order = np.lexsort((last, column))
    column, last = (np.concatenate(([-1], one[order])) for one in (column, last))
    size = len(have)
    place = np.searchsorted(column[1:] * size + last[1:], c * size + r)
    known = column[place] == c
    return r[known], c[known], last[place[known]]


def _never_below_zero(
    counter: npt.NDArray[Any], have: Bool, axes: Axes, findings: Findings
) -> tuple[npt.NDArray[Any], Bool]:
    """Integers, without those below 0."""
    if counter.dtype.kind != "i" or not counter.size or counter.min() >= 0:
        return counter, have
    below = counter < 0
    axes.report(findings, FindingKind.IMPOSSIBLE, below, BELOW_ZERO)
    return np.where(below, 0, counter), have & ~below


def _report_growth(
    row: Index, column: Index, last: Index, growth: Float64, axes: Axes, findings: Findings
) -> None:
    """Add growth across gaps to the findings: each gap from the last sample to the next."""
    for event in axes.events(last, column, row + 1):
        findings.add(
            FindingKind.GROWTH_ACROSS_GAPS,
            len(event.members),
            axes.dataset,
            ACROSS,
            float(growth[event.members].sum()),
            components=event.components,
            span=event.span,
        )
