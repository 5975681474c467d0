"""Growth across gaps: in totals, in no rate and in no peak, wherever these are made."""

from __future__ import annotations

import datetime as dt
import functools
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from archive_tools import Archive, OwnSeries, open_tts, write_series
from archive_tools.core import gaps
from archive_tools.core.arrays import Float64
from archive_tools.core.cells import Axes
from archive_tools.core.day import Day
from archive_tools.core.findings import Findings
from archive_tools.formats import row_blocks
from archive_tools.formats.series import Series
from archive_tools.jobs import server_series, slow_targets
from archive_tools.plotting.stretches import stretches, within
from archive_tools.reading import daily, day_summary, reduction, summary
from archive_tools.reporting import measuring
from archive_tools.store import layout
from pipeline.transform.deltas import deltas

DATE = dt.date(2026, 11, 22)
DAY = Day(DATE)
WRITTEN = "datatargets/writebytes"
TARGETS = ("fs-OST0000", "fs-OST0001", "fs-OST0002")
SILENT = slice(600, 661)
"""Minutes of one target alone; the growth of these and one more is in the row after."""


def one_target_silent() -> Float64:
    """A byte a second of each target, 60 in a row."""
    values = np.full((1440, 3), 60.0)
    values[SILENT, 0] = np.nan
    values[SILENT.stop, 0] = 60.0 * 62
    return values


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gaps") / "archive"
    series = OwnSeries(WRITTEN, list(TARGETS), 60, one_target_silent())
    write_series(folder, "fs", DATE, [series], timezone="UTC")
    return folder


def test_the_growth_of_a_gap_is_in_the_total_and_in_no_peak(root: Path) -> None:
    with open_tts(layout.path(root, layout.TTS, DATE, "fs")) as tts:
        (found,) = summary.summarize(tts, by_component=True)
    assert found.total == 60.0 * 3 * 1440
    assert (found.peak, found.peak_at) == (180.0, DAY.start)
    assert [one.peak for one in found.components] == [60.0] * 3
    assert found.components[0].total == 60.0 * 1440


def test_a_range_that_begins_after_a_gap_has_not_its_growth_as_a_peak(root: Path) -> None:
    first = DAY.start + 60 * SILENT.stop
    (found,), _ = summary.summarize_range(
        Archive(root), "fs", first, first + 3600, by_component=True
    )
    assert found.peak == 180.0
    assert found.components[0].peak == 60.0
    assert found.total == 180.0 * 60 + 60.0 * 61


def test_the_page_has_no_peak_of_a_gap(root: Path) -> None:
    measuring._measured.cache_clear()
    found = measuring.measured(layout.path(root, layout.TTS, DATE, "fs"), DAY).datasets[WRITTEN]
    assert (found.total, found.peak, found.peak_at) == (60.0 * 3 * 1440, 180.0, DAY.start)
    assert found.hours
    assert found.curve
    assert found.by_component is not None
    assert found.hours.peak.tolist() == [3.0] * 10 + [2.0] + [3.0] * 13
    assert found.hours.amount.sum() == found.total
    assert np.nanmax(found.curve.high) == np.nanmax(found.curve.mean) == 3.0
    assert np.nanmax(found.by_component) == 1.0


def test_compare_and_growth_of_days_have_no_peak_of_a_gap(root: Path) -> None:
    (figures,) = daily.daily(Archive(root), "fs", [DATE])
    assert (figures.written, figures.peak_written) == (60.0 * 3 * 1440, 3.0)


def test_jobs_have_no_peak_of_a_gap(root: Path) -> None:
    source = server_series.ServerSeries(
        Archive(root), "fs", lambda group: re.compile(".*"), [DATE], Findings()
    )
    profile = source.profile((WRITTEN,), server_series.amounts)
    assert profile is not None
    assert profile.values[:, 2].max() == 3.0
    assert profile.values[:, 0].sum() == 60.0 * 3 * 1440


def test_a_target_is_not_fast_for_the_growth_of_a_gap() -> None:
    """Of five hours in which one target is half as fast; in each of them it is silent for a while,
    and catches up.
    """
    values = np.full((300, 3), 60.0 * 2**30)
    values[:, 0] /= 2
    for first in range(5, 300, 10):
        values[first, 0] = np.nan
        values[first + 1, 0] = 60.0 * 2**30
    stamps = DAY.start + 60 * np.arange(300)
    series = Series(WRITTEN, "bytes", "delta", TARGETS, stamps, np.full(300, 60), values)
    speeds = np.exp(slow_targets.by_hour(series, 1.0))
    assert speeds[:, 0] == pytest.approx(np.full(5, 0.5))


def test_a_picture_that_begins_after_a_gap_has_not_its_growth() -> None:
    stamps = DAY.start + 60 * np.arange(1440)
    seconds = np.full(1440, 60)
    series = Series(WRITTEN, "bytes", "delta", TARGETS, stamps, seconds, one_target_silent())
    shown = within(series, (int(stamps[SILENT.stop]), DAY.end))
    assert np.nanmax(stretches(shown, 1000, "UTC").rates()) == 1.0
    assert np.nanmax(stretches(series, 1000, "UTC").rates()) == 1.0


counters = hnp.arrays(
    np.int64, st.tuples(st.integers(2, 40), st.integers(1, 4)), elements=st.integers(0, 2**30)
)


@settings(max_examples=200)
@given(counters, st.data(), st.integers(1, 40))
def test_totals_are_kept_and_no_peak_is_above_the_largest_rate(
    growth: np.ndarray, data: st.DataObject, cut: int
) -> None:
    """Counters that grow, of which some samples are not there: what was counted between the first
    sample of a column and its last is its total, and no peak is above the signal's.
    """
    rows, columns = growth.shape
    counter = np.cumsum(np.vstack([np.zeros((1, columns), np.int64), growth]), axis=0)
    have = data.draw(hnp.arrays(np.bool_, counter.shape, elements=st.booleans()))
    names = tuple(f"t{n}" for n in range(columns))
    values = deltas(counter, have, Axes(WRITTEN, names, 0, 5), Findings()).values
    stamps = 5 * np.arange(rows)
    growing = summary._Growing(reduction.Header(WRITTEN, "bytes", "delta", names, 5), set(names))
    parts = [slice(low, low + cut) for low in range(0, rows, cut)]
    reduced = [reduction.reduce(values[p], stamps[p], "delta", by_component=True) for p in parts]
    whole = functools.reduce(day_summary.merged, reduced)
    growing.add(growing.header, whole.after(np.zeros(columns, bool)))
    found = growing.finished()
    counted = sum(
        int(counter[there[-1], n] - counter[there[0], n])
        for n in range(columns)
        if len(there := np.flatnonzero(have[:, n]))
    )
    assert (found.total or 0.0) == counted
    assert (found.peak or 0.0) <= growth.sum(axis=1).max()
    for one in found.components:
        assert (one.peak or 0.0) <= growth[:, names.index(one.name)].max()
    steady = gaps.without_gaps(values)
    assert (np.isnan(steady) | (steady <= growth)).all()


@settings(max_examples=100)
@given(counters, st.data())
def test_rows_after_gaps_are_those_of_all_rows(values: np.ndarray, data: st.DataObject) -> None:
    absent = data.draw(hnp.arrays(np.bool_, values.shape, elements=st.booleans()))
    some = np.flatnonzero(absent.any(axis=1))
    rows, follows = gaps.rows_after_gaps(some, absent[some], len(values))
    whole = np.zeros_like(absent)
    whole[rows] = follows
    np.testing.assert_array_equal(whole, gaps.follow_gaps(absent))


@pytest.mark.parametrize("height", [7, 60, 61, 661, 662, 1440])
def test_blocks_of_any_height_have_the_same_peaks(
    root: Path, monkeypatch: pytest.MonkeyPatch, height: int
) -> None:
    """Also where a block begins with the row after the gap."""
    path = layout.path(root, layout.TTS, DATE, "fs")

    def both() -> tuple[measuring.Dataset, summary.DatasetSummary]:
        measuring._measured.cache_clear()
        with open_tts(path) as tts:
            (one,) = summary.summarize(tts, by_component=True)
        return measuring.measured(path, DAY).datasets[WRITTEN], one

    page, whole = both()
    cut = row_blocks.cut

    def in_pieces(*given: object, **keys: object) -> list[row_blocks.RowBlock]:
        return [
            block.between(low, low + height)
            for block in cut(*given, **keys)  # type: ignore[arg-type]
            for low in range(block.first, block.last, height)
        ]

    monkeypatch.setattr(row_blocks, "cut", in_pieces)
    mine, again = both()
    assert again == whole
    assert (mine.peak, mine.peak_at, mine.total) == (page.peak, page.peak_at, page.total)
    for curves in ("mean", "low", "high"):
        np.testing.assert_array_equal(getattr(mine.curve, curves), getattr(page.curve, curves))
    for hours in ("amount", "peak"):
        np.testing.assert_array_equal(getattr(mine.hours, hours), getattr(page.hours, hours))
    np.testing.assert_array_equal(mine.by_component, page.by_component)
