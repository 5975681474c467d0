"""What no device can have is missing, and the rest of the day stays as it is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from archive_tools.core.findings import Findings
from archive_tools.core.grid import Grid
from archive_tools.schemas import catalogue, limits
from pipeline.building.possible import AwaitedTotals, remove_above_total, remove_impossible

BYTES, CPU, USED = "datatargets/readbytes", "dataservers/cpuload", "fullness/bytes"
STEP = 10


def removed(
    dataset: str, values: list[float], largest: float | None = None
) -> tuple[list[str], list[float]]:
    grid = Grid(dataset, ("a",), 0, STEP, np.array(values)[:, None])
    findings = Findings()
    remove_impossible(grid, catalogue()[dataset], findings, largest)
    return findings.sentences(), grid.values[:, 0].tolist()


def one(dataset: str, row: int) -> list[str]:
    span = f"from 1970-01-01T00:00:{row * STEP:02d}Z to 1970-01-01T00:00:{row * STEP + STEP:02d}Z"
    return [f"figures that no device can have: 1 in {dataset}, of a, {span}"]


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
    assert found == one(dataset, 1)
    np.testing.assert_array_equal(left, [1.0, np.nan, 2.0])


@pytest.mark.parametrize("dataset", [BYTES, CPU, USED])
def test_what_can_be_stays(dataset: str) -> None:
    assert removed(dataset, [0.0, 1.0, 100.0]) == ([], [0.0, 1.0, 100.0])
    assert removed(dataset, [-1e-9, 1.0]) == ([], [0.0, 1.0]), "a zero that was rounded"
    assert removed(dataset, []) == ([], [])


def test_growth_across_a_gap_is_of_the_whole_gap() -> None:
    most = limits.LARGEST_PER_SECOND["bytes"] * STEP
    assert removed(BYTES, [1.0, np.nan, np.nan, 2.5 * most])[0] == []
    assert removed(BYTES, [np.nan, np.nan, 2.5 * most])[0] == []
    assert removed(BYTES, [1.0, np.nan, np.nan, 3.5 * most])[0] == one(BYTES, 3)


def test_a_site_s_own_limit_counts_in_place_of_ours() -> None:
    found, left = removed(BYTES, [100.0, 101.0], largest=10.0)
    assert found == one(BYTES, 1)
    np.testing.assert_array_equal(left, [100.0, np.nan])
    most = 2 * limits.LARGEST_PER_SECOND["bytes"]
    assert removed(BYTES, [most * STEP], largest=most) == ([], [most * STEP])


def grid_of(name: str, **columns: list[float]) -> Grid:
    return Grid(name, tuple(columns), 0, STEP, np.array(list(columns.values())).T)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_what_is_used_is_never_above_the_total_in_whatever_order_they_come(
    order: tuple[int, ...],
) -> None:
    """b has no total, c is the total of nothing; where the total is missing, the part stays."""
    total = grid_of("fullness/bytestotal", a=[10.0, np.nan, 10.0, 10.0], c=[1.0] * 4)
    part = grid_of("fullness/bytes", a=[10.0, 11.0, 10.00001, 10.1], b=[99.0] * 4)
    other = grid_of("fullness/inodes", a=[1.0] * 4)
    findings = Findings()
    awaited = AwaitedTotals(catalogue()[name] for name in ("fullness/bytes", total.dataset, BYTES))
    given = [total, part, other]
    written = [one for n in order for one in awaited.ready(given[n], findings)]
    assert sorted(one.dataset for one in written) == sorted(one.dataset for one in given)
    assert awaited.rest() == []
    np.testing.assert_array_equal(part.values[:, 0], [10.0, 11.0, 10.00001, np.nan])
    np.testing.assert_array_equal(part.values[:, 1], [99.0] * 4)
    assert findings.sentences() == [
        "figures that no device can have: 1 in fullness/bytes, of a,"
        " from 1970-01-01T00:00:30Z to 1970-01-01T00:00:40Z (more than fullness/bytestotal)"
    ]


def test_a_part_whose_total_does_not_come_is_written_in_the_end() -> None:
    awaited = AwaitedTotals(catalogue()[name] for name in ("fullness/bytes", "fullness/bytestotal"))
    part = grid_of("fullness/bytes", a=[1.0])
    assert awaited.ready(part, Findings()) == []
    assert awaited.rest() == [part]
    assert awaited.rest() == []


def test_totals_of_other_units_are_not_compared() -> None:
    """LMT's memused is in per cent."""
    used = dataclasses.replace(catalogue()["dataservers/memused"], unit="%")
    awaited = AwaitedTotals([used, catalogue()["dataservers/memtotal"]])
    grid = grid_of("dataservers/memused", a=[50.0])
    assert awaited.ready(grid, Findings()) == [grid]


def test_components_of_a_part_and_its_total_need_not_be_the_same() -> None:
    part, findings = grid_of("fullness/bytes", x=[1.0]), Findings()
    remove_above_total(part, grid_of("fullness/bytestotal", y=[0.0]), findings)
    assert part.values[0, 0] == 1.0
    assert not findings.sentences()
