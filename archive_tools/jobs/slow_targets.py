"""Targets that are slower than their peers while the file system is busy, by its series.

An hour is one figure of each target: how much faster or slower its best rows were than those of
the median of its peers. Only rows under load count, for a target that nobody uses is not slow. The
figures of all hours of a target are tested against none, with a variance that is made larger where
an hour goes with the one before, and the p-values are corrected for all targets (Holm): of ranges
without a slow target, about as many as `alpha` accuse one. One day is in memory at a time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from archive_tools.core import choices
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
    return compared(instance, hours, limits)


def compared(
    instance: str, hours: Mapping[tuple[str, str], Sequence[float]], limits: Limits
) -> list[TargetSpeed]:
    """The tests of all targets together; see `target_speeds`.

    Parameters
    ----------
    hours : mapping of tuple to sequence of float
        By target and direction: the hours' figures, see `by_hour`, in their order.
    """
    with needs_extra("analysis", "slow-osts"):
        from scipy import stats
    tested = [
        (key, np.array(figures))
        for key, figures in sorted(hours.items(), key=lambda one: component_order(one[0][0]))
        if len(figures) >= limits.hours
    ]
    typical = float(np.mean([correlation(figures) for _, figures in tested])) if tested else 0.0
    p_values = [_p_value(figures, typical, stats) for _, figures in tested]
    speeds = [
        TargetSpeed(
            instance, *key, len(figures), float(np.exp(-np.median(figures))), p_value, corrected
        )
        for (key, figures), p_value, corrected in zip(tested, p_values, holm(p_values), strict=True)
    ]
    return sorted(speeds, key=lambda one: (one.adjusted, -one.slowdown))


def by_hour(series: Series, least_rate: float) -> Float64:
    """The logarithm of each target's speed by that of the median of its peers.

    Parameters
    ----------
    series : Series
        Amounts of some hours.
    least_rate : float
        See `Limits`.

    Returns
    -------
    float64 (hours, targets)
        NaN where too little was measured, or moved.
    """
    rates = series.values / series.seconds[:, None]
    known = np.isfinite(rates)
    moved = np.where(known, rates, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    loaded = (moved >= least_rate) & (known.sum(axis=1) >= FEWEST_TARGETS)
    if loaded.any():
        loaded &= moved >= np.median(moved[loaded])
    number = series.timestamps // HOUR
    rows = [
        _speeds(rates[loaded & (number == hour)]) for hour in np.unique(number[loaded]).tolist()
    ]
    return np.array([row for row in rows if row is not None]).reshape(-1, len(series.columns))


def _speeds(rates: Float64) -> Float64 | None:
    """One hour: see `by_hour`; None where too few rows, or targets, were measured."""
    measured = np.isfinite(rates).sum(axis=0) >= FEWEST_ROWS
    if measured.sum() < FEWEST_TARGETS:
        return None
    best = np.full(rates.shape[1], np.nan)
    best[measured] = np.nanquantile(rates[:, measured], BEST, axis=0)
    median = float(np.median(best[measured]))
    if median <= 0:
        return None
    return np.log(np.maximum(best / median, 1 / MOST_RATIO))


def _p_value(figures: Float64, typical: float, stats: Any) -> float:
    """Of Student's test that a target is not slower than its peers, one-sided, with fewer degrees
    of freedom where hours go with the one before: as they do with all targets, or with this one.
    """
    spread = float(figures.std(ddof=1))
    if spread == 0:
        return 0.0 if figures[0] < 0 else 1.0
    hours = max(2.0, len(figures) / inflation(max(typical, correlation(figures))))
    score = float(figures.mean()) / spread * hours**0.5
    return float(stats.t.cdf(score, hours - 1))


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
