"""A straight line through figures of days that outliers do not bend, and how sure its slope is.

The slope is Theil's and Sen's: the median of the slopes between all pairs. Its interval is Sen's,
by the ranks of these slopes; the variance of Kendall's statistic behind it is that of independent
figures, made larger where each day's figure goes with that of the day before (Hamed and Rao 1998,
with the first lag only). An end beyond all of these slopes is the least, or the largest, of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from archive_tools.core.arrays import Float64

SURE = 1.959963984540054
"""Standard deviations of a normal distribution within which 95 % are."""
FEWEST = 10
"""Figures that a trend is made of, at least."""
MOST = 1500
"""Figures of which all pairs are looked at: of more, every second, third, ... one."""
LARGEST_CORRELATION = 0.995


@dataclass(frozen=True)
class Trend:
    """A slope and the interval that has the true one with a probability of about 95 %.

    Attributes
    ----------
    slope, low, high : float
        A unit of x.
    figures : int
        How many there are.
    """

    slope: float
    low: float
    high: float
    figures: int


def trend(x: Float64, y: Float64) -> Trend | None:
    """The trend of figures over time.

    Parameters
    ----------
    x : float64 (n,)
        Times, growing.
    y : float64 (n,)
        NaN is missing.

    Returns
    -------
    Trend or None
        None if fewer than `FEWEST` figures are there.
    """
    known = np.isfinite(y)
    x, y = x[known], y[known]
    if len(y) < FEWEST:
        return None
    every = -(-len(y) // MOST)
    few_x, few_y = x[::every], y[::every]
    slopes = np.sort(slopes_of_pairs(few_x, few_y))
    slope = float(np.median(slopes))
    count = len(few_y)
    inflated = inflation(correlation(few_y - slope * few_x))
    variance = count * (count - 1) * (2 * count + 5) / 18 * inflated
    reach = SURE * math.sqrt(variance)
    lower, upper = (len(slopes) - reach) / 2, (len(slopes) + reach) / 2 + 1
    return Trend(
        slope,
        float(slopes[max(int(lower), 1) - 1]),
        float(slopes[min(math.ceil(upper), len(slopes)) - 1]),
        len(y),
    )


def slopes_of_pairs(x: Float64, y: Float64) -> Float64:
    """The slopes between all pairs of figures: n (n - 1) / 2 for n figures at different x. Their
    median is Theil's and Sen's slope.
    """
    first, second = np.triu_indices(len(y), 1)
    slopes: Float64 = (y[second] - y[first]) / (x[second] - x[first])
    return slopes


def correlation(figures: Float64) -> float:
    """The correlation of each figure with the one before, -1 to 1, corrected for that short series
    show it too small; 0 for figures that are all the same.
    """
    rest = figures - figures.mean()
    spread = float(rest @ rest)
    if spread <= 0:
        return 0.0
    found = float(rest[1:] @ rest[:-1]) / spread
    return min(max(found + (1 + 4 * found) / len(rest), -1.0), 1.0)


def inflation(correlated: float) -> float:
    """How many times larger a variance is than that of independent figures, by the `correlation`
    of each with the one before; not below 1.
    """
    correlated = min(max(correlated, 0.0), LARGEST_CORRELATION)
    return (1 + correlated) / (1 - correlated)
