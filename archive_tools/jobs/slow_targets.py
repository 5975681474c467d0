"""Targets that are slower than their peers while the file system is busy, by its series.

An hour is one figure of each target: how much faster or slower its best rows were than those of
the median of its peers. Only rows under load count, for a target that nobody uses is not slow, and
only hours in which its peers were about as fast as they can be, for a job of few targets shows them
faster, and the others slower, than they are. The
figures of all hours of a target are tested against none, with a variance that is made larger where
an hour goes with the one before, and the p-values are corrected for all targets (Holm): of ranges
without a slow target, about as many as `alpha` accuse one. One day is in memory at a time.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from archive_tools.core import choices, gaps
from archive_tools.core.arrays import Float64
from archive_tools.core.components import component_order
from archive_tools.core.errors import FormatError, NotFound
from archive_tools.core.extras import needs_extra
from archive_tools.core.trend import correlation, inflation
from archive_tools.formats.series import Series
from archive_tools.reading.archive import Archive
from archive_tools.reading.daily import READ, WRITTEN

HOUR = 3600
BEST = 0.9
"""The quantile of a target's rows under load that stands for its speed in an hour."""
FEWEST_ROWS = 3
"""Rows under load that an hour has at least, and that a target has in it."""
FEWEST_TARGETS = 3
FAST_HOURS, LEAST_SPEED = 0.9, 0.5
"""An hour counts where the median target was at least so fast, by the fast hours of the day: their
quantile.
"""
MOST_RATIO = 1e3
"""Times slower that are told apart: a target that moved nothing is that much slower."""


@dataclass(frozen=True)
class Limits:
    """What it takes to be called slow.

    Attributes
    ----------
    alpha : float
        The corrected p-value is below.
    hours : int
        Hours under load, at least.
    slowdown : float
        Times slower than its peers, at least.
    rate : float
        Bytes/s of the mean target from which on a row is under load.
    """

    alpha: float = choices.SLOW_ALPHA
    hours: int = choices.SLOW_HOURS
    slowdown: float = choices.SLOW_DOWN
    rate: float = 2.0**20


@dataclass(frozen=True)
class Pace:
    """How the hours of a target were, beside those of its peers.

    Attributes
    ----------
    target : str
    direction : {'read', 'written'}
    hours : int
        Hours under load in which it was measured.
    slowdown : float
        The speed of its peers by its own, in the median hour.
    score : float
        Student's statistic of the logarithms of its speed; far below 0 it is surely slower.
    freedom : float
        Its degrees of freedom.
    """

    target: str
    direction: str
    hours: int
    slowdown: float
    score: float
    freedom: float


@dataclass(frozen=True)
class TargetSpeed:
    """How fast a target was, beside its peers.

    Attributes
    ----------
    instance, target : str
    direction : {'read', 'written'}
    hours : int
        Hours under load in which it was measured.
    slowdown : float
        The speed of its peers by its own, in the median hour.
    p_value, adjusted : float
        One-sided; after Holm, over all targets and directions of the instance.
    """

    instance: str
    target: str
    direction: str
    hours: int
    slowdown: float
    p_value: float
    adjusted: float

    def is_slow(self, limits: Limits) -> bool:
        """Whether it is called slow."""
        return (
            self.adjusted < limits.alpha
            and self.hours >= limits.hours
            and self.slowdown >= limits.slowdown
        )


def target_speeds(
    archive: Archive,
    instance: str,
    dates: Iterable[dt.date],
    limits: Limits,
    *,
    damaged: list[FormatError] | None = None,
) -> list[TargetSpeed]:
    """How fast the targets of an instance were, the surest slow one first.

    Parameters
    ----------
    damaged : list, optional
        Receives the errors of days whose file cannot be read; default: the first is raised.

    Raises
    ------
    MissingPackage
        SciPy is not installed.
    """
    return compared(instance, hours_of(archive, instance, dates, limits, damaged=damaged), limits)


Hours = Mapping[tuple[str, str], Sequence[float]]
"""By target and direction: the figures of hours, see `by_hour`, in their order."""


def hours_of(
    archive: Archive,
    instance: str,
    dates: Iterable[dt.date],
    limits: Limits,
    *,
    damaged: list[FormatError] | None = None,
) -> Hours:
    """The hours of all targets of an instance; see `target_speeds`."""
    hours: dict[tuple[str, str], list[float]] = {}
    for date in dates:
        for direction, dataset in (("read", READ), ("written", WRITTEN)):
            try:
                series = archive.read(instance, dataset, date, date + dt.timedelta(days=1))
            except NotFound:
                continue
            except FormatError as error:
                if damaged is None:
                    raise
                damaged.append(error)
                break
            for name, column in zip(series.columns, by_hour(series, limits.rate).T, strict=True):
                found = column[np.isfinite(column)].tolist()
                hours.setdefault((name, direction), []).extend(found)
    return hours


def compared(instance: str, hours: Hours, limits: Limits) -> list[TargetSpeed]:
    """The tests of all targets together, one-sided; see `target_speeds`."""
    with needs_extra("analysis", "slow-osts"):
        from scipy import stats
    found = paces(hours, limits.hours)
    p_values = [float(stats.t.cdf(one.score, one.freedom)) for one in found]
    speeds = [
        TargetSpeed(
            instance, one.target, one.direction, one.hours, one.slowdown, p_value, corrected
        )
        for one, p_value, corrected in zip(found, p_values, holm(p_values), strict=True)
    ]
    return sorted(speeds, key=lambda one: (one.adjusted, -one.slowdown))


def paces(hours: Hours, fewest: int) -> list[Pace]:
    """How all targets were that have at least so many hours under load, in their order.

    Of hours that go with the one before, as they do with all targets or with this one, fewer
    degrees of freedom are left.
    """
    tested = [
        (key, np.array(figures))
        for key, figures in sorted(hours.items(), key=lambda one: component_order(one[0][0]))
        if len(figures) >= fewest
    ]
    typical = float(np.mean([correlation(figures) for _, figures in tested])) if tested else 0.0
    found = []
    for key, figures in tested:
        left = max(2.0, len(figures) / inflation(max(typical, correlation(figures))))
        mean, spread = float(figures.mean()), float(figures.std(ddof=1))
        score = mean / spread * left**0.5 if spread else math.copysign(math.inf, mean)
        slowdown = float(np.exp(-np.median(figures)))
        found.append(Pace(*key, len(figures), slowdown, score if mean else 0.0, left - 1))
    return found


def by_hour(series: Series, least_rate: float) -> Float64:
    """The logarithm of each target's speed by that of the median of its peers.

    Parameters
    ----------
    series : Series
        Amounts of a day; a cell that follows a gap is in no rate.
    least_rate : float
        See `Limits`.

    Returns
    -------
    float64 (hours, targets)
        NaN where too little was measured, or moved.
    """
    rates = gaps.without_gaps(series.values) / series.seconds[:, None]
    known = np.isfinite(rates)
    moved = np.where(known, rates, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    loaded = (moved >= least_rate) & (known.sum(axis=1) >= FEWEST_TARGETS)
    if loaded.any():
        loaded &= moved >= np.median(moved[loaded])
    number = series.timestamps // HOUR
    hours = [_best(rates[loaded & (number == hour)]) for hour in np.unique(number[loaded]).tolist()]
    best = np.array([row for row in hours if row is not None]).reshape(-1, len(series.columns))
    if not len(best):
        return best
    median = np.nanmedian(best, axis=1)
    is_fast = (median > 0) & (median >= LEAST_SPEED * np.quantile(median, FAST_HOURS))
    ratio: Float64 = best[is_fast] / median[is_fast, None]
    return np.log(np.maximum(ratio, 1 / MOST_RATIO))


def _best(rates: Float64) -> Float64 | None:
    """The speed of each target in an hour; None where too few rows, or targets, were measured."""
    measured = np.isfinite(rates).sum(axis=0) >= FEWEST_ROWS
    if measured.sum() < FEWEST_TARGETS:
        return None
    best = np.full(rates.shape[1], np.nan)
    its = rates[:, measured]
    quantile = np.nanquantile if np.isnan(its).any() else np.quantile  # which is faster
    best[measured] = quantile(its, BEST, axis=0)
    return best


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values after Holm (1979): below alpha for one true hypothesis or more with a probability of
    at most alpha.
    """
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(p_values))
    largest = 0.0
    for rank, place in enumerate(order.tolist()):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return [float(value) for value in adjusted]
