"""Which of some days are far from the others: by median and MAD, so that a few wild days do not
make a wild day usual. Pure.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64

LEAST_DAYS = 14
"""Days before, of which a figure is known, without which it is not compared."""
LEAST_ALIKE = 6
"""Days of the same kind among them."""
FEW = 4
"""Of n days the spread is taken to be larger by the n-th part of this: of few it is unsure."""
MAD = 1.4826
"""A standard deviation of a normal distribution, by its median absolute deviation."""


class Judged(NamedTuple):
    """What is far from the other days.

    Attributes
    ----------
    marks : int8 (days, figures)
        1 is far above, -1 far below.
    middles, scores : float64 (figures,)
        Of the first day: the median that it is compared with, NaN where it is not, and how many
        robust standard deviations it is above.
    known : bool (figures,)
        Of the first day: whether it could be compared.
    """

    marks: npt.NDArray[np.int8]
    middles: Float64
    scores: Float64
    known: npt.NDArray[np.bool_]


def judged(
    levels: Float64,
    kinds: npt.NDArray[np.bool_],
    peers: npt.NDArray[np.int64],
    *,
    least: float,
    deviations: float,
) -> Judged:
    """Hold each day against those after the first.

    Parameters
    ----------
    levels : float64 (days, figures)
        The first day is the one that is judged, the others are those before; NaN is not known.
    kinds : bool (days,)
        Days are compared with those of the same kind.
    peers : int64 (days,)
        A figure that is marked is also beyond that of every other day of the same number.
    least : float
        How far from the median a figure is at least that is marked.
    deviations : float
        Likewise, in robust standard deviations: of its kind of days or of all, the larger, and
        larger where these are few.
    """
    marks = np.zeros(levels.shape, np.int8)
    middles = np.full(levels.shape[1], np.nan)
    scores, known = np.zeros(levels.shape[1]), np.zeros(levels.shape[1], bool)
    before = np.arange(len(levels)) > 0
    centred, counts = np.full(levels.shape, np.nan), {}
    for kind in (False, True):
        mine = kinds == kind
        there = ~np.isnan(levels[mine & before])
        counts[kind] = there.sum(axis=0)
        compared = counts[kind] > 0
        middle = np.full(levels.shape[1], np.nan)
        middle[compared] = np.nanmedian(levels[mine & before][:, compared], axis=0)
        centred[mine] = levels[mine] - middle
        if kinds[0] == kind:
            middles = middle
    whole = _spread(centred[before])
    enough = counts[False] + counts[True] >= LEAST_DAYS
    for kind in (False, True):
        mine = kinds == kind
        of_kind = np.fmax(_spread(centred[mine & before]), whole)
        unsure = 1 + FEW / np.maximum(counts[kind], 1)
        spread = np.fmax(of_kind * unsure, least / deviations)
        score = np.nan_to_num(centred / spread)
        usable = enough & (counts[kind] >= LEAST_ALIKE)
        for row in np.flatnonzero(mine):
            others = levels[(peers == peers[row]) & before & (np.arange(len(levels)) != row)]
            high = np.fmax.reduce(others, axis=0, initial=-np.inf)
            low = np.fmin.reduce(others, axis=0, initial=np.inf)
            far = usable & (np.abs(score[row]) >= deviations)
            marks[row, far & (score[row] > 0) & (levels[row] > high)] = 1
            marks[row, far & (score[row] < 0) & (levels[row] < low)] = -1
        if kinds[0] == kind:
            scores, known = score[0], usable
    middles[~known] = np.nan
    return Judged(marks, middles, scores, known)


def deviation(values: Float64, middle: float) -> float:
    """A robust standard deviation about a middle."""
    return MAD * float(np.median(np.abs(values - middle)))


def _spread(centred: Float64) -> Float64:
    """A robust standard deviation of each column; NaN of one without figures."""
    found = np.full(centred.shape[1], np.nan)
    there = ~np.isnan(centred).all(axis=0)
    if there.any():
        found[there] = MAD * np.nanmedian(np.abs(centred[:, there]), axis=0)
    return found
