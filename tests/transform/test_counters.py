"""Counters that are called rates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.model import Samples
from pipeline.transform.counters import are_counters

STEPS = np.arange(40)


def samples(*columns: npt.ArrayLike) -> Samples:
    values = [np.asarray(column, dtype=np.float64) for column in columns]
    time = np.concatenate([np.arange(len(value)) for value in values])
    number = np.concatenate([np.full(len(value), i) for i, value in enumerate(values)])
    names = tuple(f"OST{i}" for i in range(len(values)))
    order = np.random.default_rng(0).permutation(len(time))
    value = np.concatenate(values)
    return Samples("datatargets/readbytes", time[order], number[order], value[order], names)


@pytest.mark.parametrize(
    "columns",
    [[STEPS * 1000], [STEPS * 1000 + 2**40, np.zeros(40)], [np.sort(np.r_[STEPS, STEPS[:10]])]],
)
def test_counters(columns: list[npt.ArrayLike]) -> None:
    assert are_counters(samples(*columns))


@pytest.mark.parametrize(
    "columns",
    [
        [np.zeros(40)],
        [np.full(40, 4096)],
        [STEPS % 7 * 4096],
        [STEPS * 0.5],
        [STEPS[:10] * 1000],
        [STEPS * 1000, STEPS[::-1]],
        [np.repeat([0, 4096], 20)],
        [],
    ],
)
def test_rates(columns: list[npt.ArrayLike]) -> None:
    assert not columns or not are_counters(samples(*columns))
