"""What is expected of a day, what was measured, and how that is said."""

from __future__ import annotations

import datetime as dt

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tools.core.day import Day
from archive_tools.core.grid import Grid
from pipeline.building.coverage import Coverage, gaps_of, stride_of
from pipeline.building.roster import DAYS, Roster

DAY = Day(dt.date(2026, 11, 22), "America/Los_Angeles")
READ, WRITE = "datatargets/readbytes", "datatargets/writebytes"
STEP = 300
ROWS = DAY.rows(STEP)
HOUR = 3600 // STEP
Values = npt.NDArray[np.float64]


def grid(values: Values, dataset: str = READ) -> Grid:
    names = tuple(f"OST{i}" for i in range(values.shape[1]))
    return Grid(dataset, names, DAY.start, STEP, values)


def coverage_of(
    *grids: Grid, roster: Roster | None = None, retired: tuple[str, ...] = ()
) -> Coverage:
    found = Coverage(DAY, STEP, roster or Roster(), 99.0, retired)
    for one in grids:
        found.add(one)
    return found


def whole(columns: int = 4) -> Values:
    return np.ones((ROWS, columns))


def test_a_whole_day() -> None:
    found = coverage_of(grid(whole()), grid(whole(), WRITE))
    assert (found.percent, found.is_complete, found.lacks(), found.why()) == (100.0, True, [], "")


def test_hours_that_nobody_measured() -> None:
    values = whole()
    values[: 4 * HOUR + 3] = np.nan
    found = coverage_of(grid(values), grid(values, WRITE))
    assert not found.is_complete
    assert found.percent == pytest.approx(100 * (ROWS - 51) / ROWS)
    assert found.why() == "00:00-04:15 not measured"
    assert found.lacks()[0].cells == 2 * 51 * 4
    end = whole()
    end[-5:] = np.nan
    assert coverage_of(grid(end)).why() == "nothing measured since 23:35"
    one = coverage_of(grid(whole()), grid(values, WRITE))
    assert one.why() == f"{WRITE}: 00:00-04:15 not measured"


def test_a_component_that_falls_silent() -> None:
    values = whole()
    values[8 * HOUR :, 1] = np.nan
    assert coverage_of(grid(values), grid(values, WRITE)).why() == "OST1 not measured since 08:00"
    some = coverage_of(grid(values), grid(whole(), WRITE))
    assert some.why() == f"{READ} of OST1 not measured since 08:00"
    values[:, 2] = values[:, 1]
    assert coverage_of(grid(values)).why() == "OST1, OST2 not measured since 08:00"
    hour = whole()
    hour[9 * HOUR : 10 * HOUR, 3] = np.nan
    assert coverage_of(grid(hour)).why() == "OST3: 09:00-10:00 not measured"


@pytest.mark.parametrize("lost", range(10))
def test_one_of_many_is_named_although_the_day_is_complete(lost: int) -> None:
    values = whole(10)
    values[12 * HOUR : 13 * HOUR, lost] = np.nan
    found = coverage_of(grid(values))
    assert found.is_complete
    assert found.why() == f"OST{lost}: 12:00-13:00 not measured"


def test_a_component_is_expected_by_the_roster() -> None:
    values = whole()
    values[:, 0] = np.nan
    roster = Roster().after({READ: ["OST0"]}, complete=True)
    assert coverage_of(grid(values), roster=roster).percent == pytest.approx(75.0)
    assert coverage_of(grid(values), roster=roster, retired=("OST0",)).is_complete
    late = whole()
    late[: 6 * HOUR, 0] = np.nan
    assert coverage_of(grid(late)).is_complete, "it is new: expected from its first sample"
    assert coverage_of(grid(late), roster=roster).why() == "OST0: 00:00-06:00 not measured"


def test_no_row_at_all() -> None:
    """A dataset that was there before is missing; one that never was is not expected."""
    nothing = grid(np.full((ROWS, 2), np.nan))
    found = coverage_of(nothing, roster=Roster({READ: {"OST0": 0}}))
    assert (found.percent, found.is_complete) == (0.0, False)
    assert found.why() == "nothing measured"
    found = coverage_of(nothing, grid(whole(), WRITE))
    assert (found.percent, found.is_complete, found.why()) == (100.0, True, "")


def test_a_source_that_measures_less_often_than_the_timestep() -> None:
    values = np.full((ROWS, 2), np.nan)
    values[1::3] = 1.0
    assert coverage_of(grid(values)).is_complete
    values[9 * HOUR : 12 * HOUR] = np.nan
    found = coverage_of(grid(values))
    assert found.percent == pytest.approx(100 * 21 / 24, abs=0.5)
    assert found.why().endswith("not measured")


def test_few_rows_are_no_interval() -> None:
    assert stride_of(np.array([0, 100]), 3) == 1
    assert stride_of(np.array([0, 100, 200, 300]), 3) == 1, "longer than a quarter of an hour"
    assert stride_of(np.arange(0, 300, 3), 3) == 3
    assert stride_of(np.array([0, 1, 3, 4, 6, 7, 9]), 3) == 1, "not even"


@given(st.sets(st.integers(0, 99), min_size=1))
def test_gaps_are_what_is_not_there(rows: set[int]) -> None:
    gaps = gaps_of(np.array(sorted(rows)), 100, 1)
    lost = {row for first, last in gaps for row in range(first, last)}
    assert lost == set(range(100)) - rows


@given(st.sets(st.integers(0, ROWS - 1)), st.sets(st.integers(0, ROWS - 1)))
def test_per_cent_are_of_all_expected_cells(first: set[int], second: set[int]) -> None:
    """Whatever is missing, and whoever measured: nothing is counted twice."""
    values = np.full((ROWS, 2), np.nan)
    values[sorted(first), 0] = 1.0
    values[sorted(second), 1] = 1.0
    roster = Roster({READ: {"OST0": 0, "OST1": 0}})
    found = coverage_of(grid(values), roster=roster)
    if stride_of(np.array(sorted(first | second), dtype=np.int64), 3) == 1:
        assert found.percent == pytest.approx(100 * (len(first) + len(second)) / (2 * ROWS))


def test_a_component_leaves_after_complete_days_without_it() -> None:
    roster = Roster().after({READ: ["a", "b"], WRITE: ["a", "b"]}, complete=True)
    for _ in range(DAYS - 1):
        roster = roster.after({READ: ["a"], WRITE: ["a", "b"]}, complete=True)
        assert roster.components(READ) == {"a", "b"}
        assert Roster.from_json(roster.as_json()) == roster
    assert roster.after({READ: ["a"]}, complete=False).components(READ) == {"a", "b"}
    assert roster.after({READ: ["a"]}, complete=True).components(READ) == {"a"}
    assert roster.after({READ: ["b"]}, complete=True).days[READ] == {"a": 1, "b": 0}


def test_a_new_component_without_a_cell_is_not_expected() -> None:
    values = whole()
    values[:, 3] = np.nan
    found = coverage_of()
    found.add(grid(values), ["OST3"])
    assert (found.is_complete, found.why()) == (True, "")
    assert coverage_of(grid(values)).why() == "OST3 not measured", "its cells were impossible"
    known = coverage_of(roster=Roster({READ: {"OST3": 0}}))
    known.add(grid(values), ["OST3"])
    assert known.why() == "OST3 not measured"


def coverage_listing(roster: Roster, values: Values) -> Coverage:
    found = coverage_of(roster=roster)
    found.add(grid(values), listed=["OST3"])
    return found


def test_a_component_that_the_source_lists_without_any_sample_is_expected() -> None:
    values = whole()
    values[:, 3] = np.nan
    found = coverage_listing(Roster(), values)
    assert (found.is_complete, found.why()) == (False, "OST3 not measured")
    assert found.missing_components() == ["OST3"]
    roster = Roster()
    for _ in range(DAYS):
        assert coverage_listing(roster, values).why() == "OST3 not measured"
        roster = roster.after(found.measured, complete=True, listed=found.listed)
    assert roster.left(READ) == {"OST3"}, "also where the source lists it for good"
    assert coverage_listing(roster, values).why() == ""
    assert roster.after(found.measured, complete=True, listed=found.listed) == roster
    assert roster.after(found.measured, complete=True).left(READ) == frozenset()
