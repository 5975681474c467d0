"""What of a day is not expected because an outage was acknowledged."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tools.core.day import Day
from archive_tools.core.grid import Grid
from pipeline.building import outages
from pipeline.building.coverage import Coverage
from pipeline.building.outages import Outage
from pipeline.building.roster import Roster

DAY = Day(dt.date(2026, 11, 22), "America/Los_Angeles")
READ, WRITE = "datatargets/readbytes", "datatargets/writebytes"
STEP, HOUR = 300, 12
ROWS = DAY.rows(STEP)
Values = npt.NDArray[np.float64]


def outage(first: float, last: float, *names: str) -> Outage:
    """From an hour of the day to another."""
    start, end = (int(DAY.start + 3600 * hour) for hour in (first, last))
    return Outage("fs", start, end, names, "kim", "maintenance", "2026-11-23T00:00:00+00:00")


def coverage_of(values: Values, *found: Outage, dataset: str = READ) -> Coverage:
    names = tuple(f"OST{i}" for i in range(values.shape[1]))
    coverage = Coverage(DAY, STEP, Roster({dataset: dict.fromkeys(names, 0)}), 99.0, (), found)
    coverage.add(Grid(dataset, names, DAY.start, STEP, values))
    return coverage


def lacking(first: float, last: float, column: int | slice = slice(None)) -> Values:
    values = np.ones((ROWS, 4))
    values[int(first * HOUR) : int(last * HOUR), column] = np.nan
    return values


def test_an_outage_of_everything_makes_the_day_complete() -> None:
    found = coverage_of(lacking(3, 5), outage(3, 5))
    assert (found.percent, found.is_complete, found.why()) == (100.0, True, "")
    assert found.excused == 2 * HOUR * 4
    assert not coverage_of(lacking(3, 5)).is_complete


def test_what_lasted_longer_is_missing_still() -> None:
    found = coverage_of(lacking(3, 6), outage(3, 5))
    assert found.why() == "05:00-06:00 not measured"
    assert found.percent == pytest.approx(100 * 21 / 22)
    assert coverage_of(lacking(2, 5), outage(3, 4)).why() == "02:00-03:00, 04:00-05:00 not measured"


def test_an_outage_of_one_component() -> None:
    found = coverage_of(lacking(3, 5, 1), outage(3, 5, "OST1"))
    assert (found.percent, found.why(), found.excused) == (100.0, "", 2 * HOUR)
    other = coverage_of(lacking(3, 5, 1), outage(3, 5, "OST2"))
    assert other.why() == "OST1: 03:00-05:00 not measured"
    whole = coverage_of(lacking(0, 24, 1), outage(-24, 48, "OST1"))
    assert (whole.percent, whole.why()) == (100.0, "")
    all_lacking = coverage_of(lacking(3, 5), outage(3, 5, "OST1"))
    assert all_lacking.why() == "03:00-05:00 not measured", "of the three others"
    assert all_lacking.percent == pytest.approx(100 * (96 - 8) / (96 - 2))


def test_an_outage_of_a_dataset() -> None:
    assert coverage_of(lacking(3, 5), outage(3, 5, READ)).is_complete
    assert not coverage_of(lacking(3, 5), outage(3, 5, READ), dataset=WRITE).is_complete


def test_rows_that_an_outage_touches_are_in_it() -> None:
    assert coverage_of(lacking(3, 5), outage(3.01, 4.99)).percent == 100.0
    assert coverage_of(lacking(3, 5), outage(3, 4 + 11 / 12)).why() == "04:55-05:00 not measured"


def test_what_was_measured_in_an_outage_counts_for_nothing() -> None:
    found = coverage_of(np.ones((ROWS, 4)), outage(3, 5))
    assert (found.percent, found.excused, found.measured[READ]) == (
        100.0,
        0,
        ("OST0", "OST1", "OST2", "OST3"),
    )


HOURS = st.integers(-2, 26)


@given(
    st.lists(st.tuples(HOURS, HOURS, st.sets(st.integers(0, 3))), max_size=4),
    st.lists(st.tuples(HOURS, HOURS, st.integers(0, 3)), max_size=4),
)
def test_expected_is_what_no_outage_has(
    said: list[tuple[int, int, set[int]]], silent: list[tuple[int, int, int]]
) -> None:
    """Against a count cell by cell; each row has something measured, so that nothing strides."""
    values = np.ones((ROWS, 5))
    for first, last, column in silent:
        values[max(0, first) * HOUR : max(0, last) * HOUR, column] = np.nan
    free = np.zeros(values.shape, dtype=bool)
    found = []
    for first, last, columns in said:
        if first < last:
            found.append(outage(first, last, *(f"OST{i}" for i in columns)))
            free[max(0, first) * HOUR : max(0, last) * HOUR, sorted(columns) or slice(None)] = True
    coverage = coverage_of(values, *found)
    missing = np.isnan(values)
    expected = (~free).sum()
    percent = 100 * (~free & ~missing).sum() / expected if expected else 100.0
    assert coverage.percent == pytest.approx(percent)
    assert coverage.excused == (free & missing).sum()


def test_the_days_that_an_outage_touches(tmp_path: Path) -> None:
    """By the site's days; the file is written sorted, and the same one is replaced."""
    one = outage(23, 25)
    outages.acknowledge(tmp_path, one)
    outages.acknowledge(tmp_path, outage(1, 2, "OST1"))
    outages.acknowledge(tmp_path, one)
    assert len(outages.outages(tmp_path)) == 2
    after = Day(dt.date(2026, 11, 23), DAY.timezone)
    assert [found.names for found in outages.outages_on(tmp_path, DAY, "fs")] == [("OST1",), ()]
    assert outages.outages_on(tmp_path, after, "fs") == [one]
    assert outages.outages_on(tmp_path, DAY, "other") == []
    assert outages.made_of(tmp_path, Day(dt.date(2026, 11, 24), DAY.timezone), "fs") == []
    assert {date.day for date in outages.turns(tmp_path, "fs", DAY.timezone)} == {22, 23, 24}
    assert one.sentence(DAY) == "23:00-24:00: maintenance (kim)"
    assert one.sentence(after) == "00:00-01:00: maintenance (kim)"
    assert outages.recall(tmp_path, one)
    assert not outages.recall(tmp_path, one)
