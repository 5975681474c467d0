"""What no device can have is missing, and the rest of the day stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

from archive_tools.core.grid import Grid
from archive_tools.schemas import catalogue, limits
from pipeline.building.series import remove_impossible

BYTES, CPU, USED = "datatargets/readbytes", "dataservers/cpuload", "fullness/bytes"
STEP = 10


def removed(dataset: str, values: list[float]) -> tuple[dict[str, int], list[float]]:
    grid = Grid(dataset, ("a",), 0, STEP, np.array(values)[:, None])
    found = remove_impossible(grid, catalogue()[dataset])
    return found, grid.values[:, 0].tolist()


@pytest.mark.parametrize(
    ("dataset", "value"),
    [
        (BYTES, -1.0),
        (BYTES, 1.1 * limits.LARGEST_PER_SECOND["bytes"] * STEP),
        (BYTES, float("inf")),
        (CPU, -253.0),
        (CPU, 106.0),
        (USED, -5120.0),
        (USED, 2.0**63 * 1024),
    ],
)
def test_what_cannot_be_is_missing(dataset: str, value: float) -> None:
    found, left = removed(dataset, [1.0, value, 2.0])
    assert found == {"a": 1}
    np.testing.assert_array_equal(left, [1.0, np.nan, 2.0])


@pytest.mark.parametrize("dataset", [BYTES, CPU, USED])
def test_what_can_be_stays(dataset: str) -> None:
    assert removed(dataset, [0.0, 1.0, 100.0]) == ({}, [0.0, 1.0, 100.0])
    assert removed(dataset, [-1e-9, 1.0]) == ({}, [0.0, 1.0]), "a zero that was rounded"
    assert removed(dataset, []) == ({}, [])


def test_growth_across_a_gap_is_of_the_whole_gap() -> None:
    most = limits.LARGEST_PER_SECOND["bytes"] * STEP
    assert removed(BYTES, [1.0, np.nan, np.nan, 2.5 * most])[0] == {}
    assert removed(BYTES, [np.nan, np.nan, 2.5 * most])[0] == {}
    assert removed(BYTES, [1.0, np.nan, np.nan, 3.5 * most])[0] == {"a": 1}
