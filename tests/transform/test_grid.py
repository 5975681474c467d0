"""Samples to grids: by hand, and as properties."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from archive_tools.core.day import Day
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FOR_A_PERSON, FindingKind
from pipeline.model import Samples
from pipeline.schemas import source_maps
from pipeline.sources import registry as sources
from pipeline.transform.grid import Gridder

DAY = Day(dt.date(2026, 11, 22))
STEP = 3600
COUNTER = next(
    m for m in sources.find("lmt").metrics() if m.dataset.name == "datatargets/readbytes"
)
GAUGE = next(m for m in sources.find("lmt").metrics() if m.dataset.name == "dataservers/cpuload")
NAN = np.nan


def samples(
    rows: Sequence[tuple[float, int, float]],
    names: tuple[str, ...] = ("a", "b"),
    name: str = "datatargets/readbytes",
) -> Samples:
    """From (hours since the day's start, column, value)."""
    time = np.array([DAY.start + int(h * 3600) for h, _, _ in rows], dtype=np.int64)
    values = [v for _, _, v in rows]
    value: npt.NDArray[np.int64] | npt.NDArray[np.float64] = np.array(
        values, dtype=np.int64 if all(isinstance(v, int) for v in values) else np.float64
    )
    return Samples(name, time, np.array([c for _, c, _ in rows], dtype=np.int32), value, names)


def grid(
    rows: Sequence[tuple[float, int, float]],
    metric: source_maps.SourceMetric = COUNTER,
    names: tuple[str, ...] = ("a", "b"),
) -> tuple[np.ndarray, Findings]:
    findings = Findings()
    return Gridder(DAY, STEP, findings).grid(samples(rows, names), metric).values, findings


def test_growth_stands_in_the_row_in_which_it_happened() -> None:
    values, findings = grid([(0, 0, 100), (1, 0, 130), (2, 0, 130), (24, 0, 131), (23, 0, 130)])
    assert values[0, 0] == 30
    assert values[1, 0] == 0.0, "an idle counter was measured: zero, not missing"
    assert values[22, 0] == 0.0, "growth across a gap stands in its last cell"
    assert values[23, 0] == 1, "the first sample of the next day closes the last row"
    assert np.isnan(values[2:22, 0]).all()
    assert np.isnan(values[:, 1]).all()
    assert findings.total("growth across gaps") == 1


def test_growth_across_a_gap_is_counted_once() -> None:
    values, findings = grid([(0, 0, 0), (1, 0, 5), (10, 0, 50), (11, 0, 51)])
    assert values[9, 0] == 45
    assert np.isnan(values[1:9, 0]).all()
    assert np.nansum(values) == 51
    assert "45 counted in the last cell" in str(next(iter(findings)))


def test_a_reset_costs_one_cell() -> None:
    values, findings = grid([(0, 0, 1000), (1, 0, 1010), (2, 0, 3), (3, 0, 7)])
    assert values[0, 0] == 10
    assert np.isnan(values[1, 0])
    assert values[2, 0] == 4, "the delta after the reset can be derived"
    assert findings.total("resets") == 1


def test_a_reset_across_a_gap() -> None:
    values, findings = grid([(0, 0, 1000), (5, 0, 3), (6, 0, 4)])
    assert np.isnan(values[:5, 0]).all()
    assert values[5, 0] == 1
    assert findings.total("resets") == 1
    assert findings.total("growth across gaps") == 0


def test_a_single_low_sample_is_no_reset() -> None:
    big = 10**15
    values, findings = grid(
        [(0, 0, big), (1, 0, big + 5), (2, 0, 0), (3, 0, big + 10), (4, 0, big + 11)]
    )
    assert values[0, 0] == 5
    assert np.isnan(values[1, 0])
    assert values[2:4, 0].tolist() == [5, 1], "not the whole counter"
    assert (findings.total("single low samples"), findings.total("resets")) == (1, 0)


def test_duplicates_and_jitter() -> None:
    values, findings = grid([(0, 0, 10), (0, 0, 10), (0.5, 0, 15), (1, 0, 20), (2.25, 0, 50)])
    assert values[0, 0] == 10, "the earliest sample of a cell stands for its start"
    assert values[1, 0] == 30
    assert (findings.total("duplicates"), findings.total("several samples in a cell")) == (1, 1)


def test_samples_that_contradict_each_other_are_for_a_person() -> None:
    """Two series under one name: copies are not named, other values are."""
    for metric in (COUNTER, GAUGE):
        name = metric.dataset.name
        findings = Findings()
        twice = samples([(0, 0, 10), (1, 0, 20), (0, 0, 10), (1, 0, 20)], name=name)
        Gridder(DAY, STEP, findings).grid(twice, metric)
        assert (findings.total("duplicates"), findings.total(FindingKind.DIFFERING)) == (2, 0)
        two = samples([(0, 0, 10), (1, 0, 20), (0, 0, 10), (1, 0, 35)], name=name)
        Gridder(DAY, STEP, findings := Findings()).grid(two, metric)
        (found,) = [one for one in findings if one.kind == FindingKind.DIFFERING]
        assert (found.count, found.components) == (1, ("a",))
        assert found.kind in FOR_A_PERSON


def test_counters_above_2_to_the_53rd_lose_nothing() -> None:
    big = 2**62
    values, _ = grid([(0, 0, big), (1, 0, big + 1), (2, 0, big + 3)])
    assert values[:2, 0].tolist() == [1.0, 2.0]


def test_samples_outside_the_day_are_counted() -> None:
    _, findings = grid([(-1, 0, 1), (0, 0, 1), (24, 0, 2), (25, 0, 3)])
    assert findings.total("samples outside the day") == 2


def test_names_that_stand_twice_are_one_column() -> None:
    findings = Findings()
    found = Gridder(DAY, STEP, findings).grid(
        samples([(0, 0, 5), (1, 2, 8), (2, 2, 9)], ("x", "a", "x")), COUNTER
    )
    assert found.columns == ("a", "x")
    assert found.values[:2, 1].tolist() == [3.0, 1.0]


def test_gauges_are_means_of_their_cell_and_the_closing_sample_is_not_theirs() -> None:
    values, _ = grid([(0, 0, 10.0), (0.5, 0, 20.0), (3, 1, 7.0), (24, 0, 99.0)], GAUGE)
    assert values[0, 0] == 15
    assert values[3, 1] == 7
    assert np.count_nonzero(~np.isnan(values)) == 2


def test_a_rate_becomes_an_amount_and_a_scale_a_unit() -> None:
    rate = dataclasses.replace(COUNTER, reports="rate", merge="mean", scale=1024.0)
    values, _ = grid([(0, 0, 2.0), (0.5, 0, 4.0)], rate)
    assert values[0, 0] == 3.0 * STEP * 1024


def test_amounts_are_added() -> None:
    delta = dataclasses.replace(COUNTER, reports="delta")
    values, _ = grid([(0, 0, 2), (0.5, 0, 4), (1, 0, 1)], delta)
    assert values[:2, 0].tolist() == [6.0, 1.0]


def test_one_cpu_sample_is_not_divided_however_its_documents_are_paged() -> None:
    """Four cores at 40 % are 40 %, wherever the pages of documents end."""
    cores = [(0.0, 0, 40.0), (0.01, 0, 40.0), (0.02, 0, 40.0), (0.03, 0, 40.0)]
    values, _ = grid(cores, GAUGE)
    assert values[0, 0] == 40


counters = st.lists(
    st.tuples(st.integers(0, 24), st.integers(0, 1), st.integers(0, 10**6)), max_size=60
)


@given(counters, st.randoms(use_true_random=False))
def test_order_does_not_matter(rows: list[tuple[int, int, int]], random: object) -> None:
    first, found = grid(rows)
    random.shuffle(rows)  # type: ignore[attr-defined]
    second, found_again = grid(rows)
    np.testing.assert_array_equal(first, second)
    assert [str(f) for f in found] == [str(f) for f in found_again]


@given(
    st.lists(st.tuples(st.integers(0, 24), st.floats(0, 100)), max_size=60),
    st.randoms(use_true_random=False),
)
def test_order_does_not_matter_for_means(rows: list[tuple[int, float]], random: object) -> None:
    both = [(hour, 0, value) for hour, value in rows]
    first, _ = grid(both, GAUGE)
    random.shuffle(both)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(first, grid(both, GAUGE)[0])


@given(
    st.sets(st.integers(0, 24), min_size=2),
    st.lists(st.integers(0, 10**12), min_size=25, max_size=25),
)
def test_growth_is_conserved_whatever_is_lost(hours: set[int], growth: list[int]) -> None:
    """The day's total is the last counter less the first, however many samples between them are
    missing.
    """
    counter = np.cumsum(growth).tolist()
    rows = [(hour, 0, counter[hour]) for hour in hours]
    values, _ = grid(rows)
    assert np.nansum(values) == counter[max(hours)] - counter[min(hours)]
    assert not (values < 0).any()


@given(counters)
def test_nothing_is_negative_and_nothing_is_made_up(rows: list[tuple[int, int, int]]) -> None:
    values, findings = grid(rows)
    assert not (values < 0).any()
    cells = len({(hour, column) for hour, column, _ in rows})
    assert (
        np.count_nonzero(~np.isnan(values))
        + findings.total("resets")
        + findings.total("single low samples")
        <= cells
    )


def test_a_reset_says_whose_it_is_and_when() -> None:
    _, findings = grid([(0, 0, 9), (1, 0, 9), (2, 0, 9), (0, 1, 1000), (1, 1, 1010), (2, 1, 3)])
    assert findings.sentences() == [
        "resets: 1 in datatargets/readbytes, of b,"
        " from 2026-11-22T01:00:00Z to 2026-11-22T02:00:00Z"
    ]


def test_gaps_at_the_same_time_are_one_finding() -> None:
    rows = [(h, c, 10 * h) for h in (0, 1, 5, 6) for c in (0, 1)]
    _, findings = grid(rows)
    assert findings.sentences() == [
        "growth across gaps: 2 in datatargets/readbytes, of a, b,"
        " from 2026-11-22T01:00:00Z to 2026-11-22T05:00:00Z"
        " (80 counted in the last cell of each gap)"
    ]


def test_an_integer_counter_below_zero_is_no_measurement_and_nothing_wraps() -> None:
    """From the largest to the smallest int64 is 1 for a subtraction that wraps."""
    values, findings = grid([(0, 0, 2**63 - 1), (1, 0, -(2**63)), (2, 0, 2**63 - 1)])
    assert np.isnan(values[0, 0])
    assert values[1, 0] == 0.0
    assert [str(one) for one in findings if one.kind == "figures that no device can have"] == [
        "figures that no device can have: 1 in datatargets/readbytes, of a,"
        " from 2026-11-22T01:00:00Z to 2026-11-22T02:00:00Z (counters below 0)"
    ]


@given(
    st.lists(
        st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2), min_size=2, max_size=24
    )
)
def test_growth_is_never_more_than_the_counter_grew(counters: list[int | None]) -> None:
    rows = [(hour, 0, value) for hour, value in enumerate(counters) if value is not None]
    values, _ = grid(rows)
    good = [value for value in counters if value is not None and value >= 0]
    most = float(max(good, default=0) - min(good, default=0))
    assert np.nanmax(values, initial=0.0) <= most
    assert not (values < 0).any()
