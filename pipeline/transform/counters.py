"""Whether figures that are called rates are counters that nobody subtracted."""

from __future__ import annotations

import numpy as np

from pipeline.model import Samples

FEWEST = 20
"""Samples of a component below which nothing is said."""


def are_counters(samples: Samples, seconds: float = 1.0) -> bool:
    """Whether the samples are whole numbers that only grow, in every component that changes at all.

    Parameters
    ----------
    samples : Samples
    seconds : float
        What rates were multiplied by where the samples are amounts.

    Rates rise and fall, and are seldom whole: `FEWEST` samples of a component that only grow, half
    of them at least, are those of a counter.
    """
    value = samples.value / seconds if seconds != 1.0 else samples.value
    if len(value) < FEWEST or not np.array_equal(value, np.floor(value)):
        return False
    order = np.lexsort((samples.time, samples.column))
    column, growth = samples.column[order], np.diff(value[order])
    within = column[1:] == column[:-1]
    if not within.any() or (growth[within] < 0).any():
        return False
    size = len(samples.names)
    steps = np.bincount(column[1:][within], minlength=size)
    grown = np.bincount(column[1:][within & (growth > 0)], minlength=size)
    moving = grown > 0
    return bool(
        moving.any() and (2 * grown >= steps)[moving].all() and (steps >= FEWEST)[moving].any()
    )
