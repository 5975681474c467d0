"""Pictures: what they say, without comparing pixels. The real data are the ten minutes of
siteday.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from archive_tools import plotting
from archive_tools.core.arrays import Float64
from archive_tools.core.day import Day
from archive_tools.core.errors import TokioError
from archive_tools.core.grid import Grid
from archive_tools.formats.series import Series
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.jobs.job_history import MetricHistory
from archive_tools.jobs.job_lookup import JobDetails
from archive_tools.plotting import (
    axes,
    heat_maps,
    job_panels,
    line_plots,
    stretches,
    umami_diagram,
)
from archive_tools.plotting.job_plots import Panel
from archive_tools.reading.archive import Archive
from archive_tools.schemas import catalogue
from archive_tools.store import layout
from pipeline.sources import collectd
from pipeline.testing.contract import built
from tests.support.collectd_day import SITEDAY

BERLIN = "Europe/Berlin"
NOON = Day(dt.date(2026, 11, 22), BERLIN).start + 12 * 3600
NAN = float("nan")
HOSTILE = "$\\frac{1}{0}$ _a^b <script>&\n\x1b[31m \u202e日本\udc80" + "x" * 3000


def series(
    values: Float64 | list[list[float]],
    *,
    start: int = NOON,
    step: int = 5,
    kind: str = "delta",
    unit: str = "bytes",
    **keys: str,
) -> Series:
    values = np.asarray(values, dtype=np.float64)
    stamps = start + step * np.arange(len(values), dtype=np.int64)
    columns = tuple(f"OST{i:04x}" for i in range(values.shape[1]))
    return Series(
        keys.get("dataset", "datatargets/readbytes"),
        unit,
        kind,
        columns,
        stamps,
        np.full_like(stamps, step),
        values,
    )


def without(one: Series, rows: slice) -> Series:
    """The series as if a day were absent."""
    return Series(
        one.dataset,
        one.unit,
        one.kind,
        one.columns,
        *(np.delete(part, rows, axis=0) for part in (one.timestamps, one.seconds, one.values)),
    )


def texts(figure: object) -> list[str]:
    """What is written in a picture."""
    page = ET.fromstring(plotting.svg(figure))  # type: ignore[arg-type]
    return ["".join(item.itertext()) for item in page.iter("{http://www.w3.org/2000/svg}text")]


def metric(
    values: list[float],
    *,
    big_is_good: bool | None = True,
    label: str = "performance",
    unit: str = "MiB/s",
) -> MetricHistory:
    return MetricHistory(
        label,
        unit,
        NOON + 86400 * np.arange(len(values), dtype=np.int64),
        np.array(values),
        big_is_good,
    )


cells = st.one_of(st.just(NAN), st.integers(0, 2**40).map(float))


@settings(deadline=None)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 300), st.integers(1, 3)), elements=cells),
    st.integers(1, 40),
)
def test_stretches_conserve_the_total_and_the_time(values: Float64, most: int) -> None:
    joined = stretches.stretches(series(values), most, BERLIN)
    np.testing.assert_array_equal(np.nansum(joined.totals, axis=0), np.nansum(values, axis=0))
    np.testing.assert_array_equal(np.isnan(joined.totals).all(axis=0), np.isnan(values).all(axis=0))
    assert len(joined.starts) <= most + 1
    for column, cell in enumerate(values.T):
        measured = np.flatnonzero(np.isfinite(cell))
        whole = 5 * (measured[-1] + 1 - measured[0]) if len(measured) else 0
        assert joined.seconds[:, column].sum() == whole, (
            "from the first measurement to the last, gaps included"
        )


@settings(deadline=None)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 200), st.integers(1, 3)), elements=cells),
    st.integers(1, 40),
)
def test_stretches_keep_the_largest_and_lie_between_least_and_largest(
    values: Float64, most: int
) -> None:
    joined = stretches.stretches(series(values, kind="gauge"), most, BERLIN)
    np.testing.assert_array_equal(
        np.fmax.reduce(joined.largest, axis=0), np.fmax.reduce(values, axis=0)
    )
    low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    have = np.isfinite(joined.means)
    assert (~have | ((joined.means >= low) & (joined.means <= high))).all()


def test_growth_across_a_gap_is_spread_over_the_gap() -> None:
    """A steady 10 bytes/s, of which 50 s were not measured: their growth stands in the gap's last
    cell.
    """
    values = np.full((40, 1), 50.0)
    values[10:19], values[19] = NAN, 500.0
    for most in (40, 8, 4):
        rates = stretches.stretches(series(values), most, BERLIN).rates()
        assert set(rates[np.isfinite(rates)]) == {10.0}, most


def test_no_growth_is_carried_over_midnight_or_an_absent_day() -> None:
    values = np.full((40, 1), 50.0)
    values[15:25] = NAN
    midnight = Day(dt.date(2026, 11, 23), BERLIN).start
    rates = stretches.stretches(series(values, start=midnight - 100), 40, BERLIN).rates()
    assert set(rates[np.isfinite(rates)]) == {10.0}
    apart = without(series(np.full((40, 1), 50.0)), slice(10, 30))
    assert set(stretches.stretches(apart, 40, BERLIN).rates().ravel()) == {10.0}


def test_rates_are_drawn_like_the_amounts_that_they_are_of() -> None:
    amounts = np.arange(400.0).reshape(200, 2)
    one = stretches.stretches(series(amounts), 20, BERLIN)
    other = stretches.stretches(series(amounts / 5, kind="rate", unit="bytes/s"), 20, BERLIN)
    np.testing.assert_allclose(one.rates(), other.rates())


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=8))
def test_intervals_and_their_complement_share_out_the_range(pairs: list[tuple[int, int]]) -> None:
    intervals = [(min(pair), max(pair)) for pair in pairs]
    inside = {second for start, end in intervals for second in range(start, end)}
    assert {
        second for start, end in stretches.merged(intervals) for second in range(start, end)
    } == inside
    rest = [
        second
        for start, end in stretches.complement(intervals, (10, 40))
        for second in range(start, end)
    ]
    assert rest == [second for second in range(10, 40) if second not in inside]


def first_line(figure: object, number: int = 0) -> tuple[Float64, Float64]:
    line = figure.axes[0].get_lines()[number]  # type: ignore[attr-defined]
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


def test_a_line_is_the_sum_a_second_and_says_its_unit() -> None:
    figure = plotting.lines([series(np.full((20, 4), 5 * 2.0**30))], timezone=BERLIN)
    assert set(first_line(figure)[1]) >= {4.0}
    assert {value for value in first_line(figure)[1] if np.isfinite(value)} == {4.0}
    assert figure.axes[0].get_ylabel() == "GiB/s"
    assert figure.axes[0].get_xlabel() == "Time in Europe/Berlin (CET); a step is 5 s"
    assert "datatargets/readbytes, sum of 4" in texts(figure)


def test_a_gauge_is_the_mean_with_the_largest_beside_it() -> None:
    values = np.tile([10.0, 30.0], (20, 1))
    figure = plotting.lines(
        [series(values, kind="gauge", unit="%", dataset="dataservers/cpuload")], timezone=BERLIN
    )
    assert {value for value in first_line(figure)[1] if np.isfinite(value)} == {20.0}
    assert {value for value in first_line(figure, 2)[1] if np.isfinite(value)} == {30.0}
    assert figure.axes[0].get_ylabel() == "%"
    alone = plotting.lines([series(values[:, :1], kind="gauge", unit="%")], timezone=BERLIN)
    assert "their maximum" not in texts(alone)


def hatched(figure: object, hatch: str = "////") -> list[tuple[int, int]]:
    found = [item for item in figure.axes[0].collections if item.get_hatch() == hatch]  # type: ignore[attr-defined]
    return sorted(
        (int(path.vertices[:, 0].min()), int(path.vertices[:, 0].max()))
        for item in found
        for path in item.get_paths()
    )


def test_nothing_is_drawn_across_a_gap_which_is_hatched() -> None:
    values = np.ones((20, 2))
    values[5:8] = NAN
    figure = plotting.lines([series(values)], timezone=BERLIN)
    x, y = first_line(figure)
    inside = (x > NOON + 25) & (x < NOON + 40)
    assert np.isnan(y[inside]).all()
    assert hatched(figure) == [(NOON + 25, NOON + 40)]
    assert "not measured" in texts(figure)
    assert hatched(figure, "...") == []


def test_an_absent_day_breaks_the_line_too() -> None:
    figure = plotting.lines([without(series(np.ones((20, 1))), slice(5, 8))], timezone=BERLIN)
    x, y = first_line(figure)
    assert hatched(figure) == [(NOON + 25, NOON + 40)]
    broken = int(np.flatnonzero(np.isnan(y))[0])
    assert (x[broken - 1], x[broken + 1]) == (NOON + 25, NOON + 40)


def test_a_measured_zero_is_no_gap() -> None:
    figure = plotting.lines([series(np.zeros((20, 2)))], timezone=BERLIN)
    assert hatched(figure) == []
    assert not np.isnan(first_line(figure)[1][:-1]).any()
    assert figure.axes[0].get_ylim()[0] < 0, "the line is clear of the frame"


def test_a_sum_that_lacks_components_is_marked() -> None:
    values = np.ones((20, 3))
    values[5:8, 1] = NAN
    values[:, 2] = NAN
    figure = plotting.lines([series(values)], timezone=BERLIN)
    assert hatched(figure, "...") == [(NOON + 25, NOON + 40)], (
        "a component that never was is not lacking"
    )
    assert "some components not measured" in texts(figure)


def test_the_range_is_that_of_the_data_or_the_whole() -> None:
    values = np.full((17280, 1), NAN)
    values[6000:6120] = 1.0
    day = series(values, start=NOON - 43200)
    low = NOON - 43200 + 30000
    assert plotting.lines([day], timezone=BERLIN).axes[0].get_xlim() == (low, low + 600)
    whole = plotting.lines([day], timezone=BERLIN, whole=(NOON - 43200, NOON + 43200))
    assert whole.axes[0].get_xlim() == (NOON - 43200, NOON + 43200)
    assert hatched(whole) == [(NOON - 43200, low), (low + 600, NOON + 43200)]


def test_a_lonely_row_gets_a_dot() -> None:
    values = np.full((1000, 1), NAN)
    values[[0, 500, 999]] = 3.0
    figure = plotting.lines([series(values)], timezone=BERLIN)
    dots = figure.axes[0].get_lines()[1]
    assert dots.get_marker() == "."
    assert list(dots.get_xdata()) == [NOON + 2.5, NOON + 2502.5, NOON + 4997.5]


def test_components_are_drawn_each_for_itself() -> None:
    few = plotting.lines([series(np.ones((9, 3)))], timezone=BERLIN, by_component=True)
    assert {"OST0000", "OST0001", "OST0002"} <= set(texts(few))
    styles = {
        (line.get_linestyle(), line.get_marker())
        for line in few.axes[0].get_lines()
        if line.get_marker() != "."
    }
    assert len(styles) == 3, "told apart without colour"
    most = plotting.lines(
        [series(np.ones((9, line_plots.NAMED)))], timezone=BERLIN, by_component=True
    )
    assert (
        len({line.get_marker() for line in most.axes[0].get_lines()} - {"."}) == line_plots.NAMED
    ), "each has its own marker"
    cycles = [len(line_plots.COLOURS), len(line_plots.DASHES), len(line_plots.MARKERS)]
    assert math.lcm(*cycles) == math.prod(cycles), "and is known between the markers"
    many = plotting.lines([series(np.ones((9, 248)))], timezone=BERLIN, by_component=True)
    assert "datatargets/readbytes, each of 248" in texts(many)
    assert sum(len(line.get_xdata()) > 1 for line in many.axes[0].get_lines()) == 248


def test_a_component_that_came_later_hides_no_other() -> None:
    values = np.ones((20, 3))
    values[:10, 1], values[5:8, 2], values[15:17] = NAN, NAN, NAN
    figure = plotting.lines([series(values)], timezone=BERLIN, by_component=True)
    assert hatched(figure) == [(NOON + 75, NOON + 85)], "all of them"
    assert hatched(figure, "...") == [(NOON + 25, NOON + 40)], (
        "as with their sum, one that was there before and after"
    )


def test_rows_that_were_joined_are_called_means() -> None:
    values = np.ones((2400, 1))
    assert (
        plotting.lines([series(values)], timezone=BERLIN).axes[0].get_xlabel()
        == "Time in Europe/Berlin (CET); means of 15 s"
    )
    several = plotting.lines(
        {"short": series(values), "long": series(values[:100], step=120)}, timezone=BERLIN
    )
    assert several.axes[0].get_xlabel().endswith("; steps of 2 min and means of 15 s")
    assert "B/s, means of 20 s" in texts(plotting.heat_map(series(values), timezone=BERLIN))


def test_a_heat_map_of_gauges_has_plain_colours() -> None:
    assert "%" in texts(
        plotting.heat_map(series(np.ones((20, 2)), kind="gauge", unit="%"), timezone=BERLIN)
    )
    joined = texts(
        plotting.heat_map(series(np.ones((2400, 2)), kind="gauge", unit="%"), timezone=BERLIN)
    )
    assert "%, means of 20 s" in joined
    assert "colours by square root" not in joined


def test_each_unit_has_its_panel() -> None:
    one, two = (
        series(np.ones((9, 1))),
        series(np.ones((9, 1)), kind="gauge", unit="%", dataset="dataservers/cpuload"),
    )
    figure = plotting.lines([one, two, one], timezone=BERLIN)
    assert [at.get_ylabel() for at in figure.axes] == ["B/s", "%"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda one: plotting.lines([one], timezone=BERLIN),
        lambda one: plotting.heat_map(one, timezone=BERLIN),
    ],
)
@pytest.mark.parametrize(
    "values",
    [
        np.ones((1, 1)),
        np.full((50, 3), NAN),
        np.zeros((50, 3)),
        np.ones((3, 1200)),
        np.full((9, 2), 1e30),
        -np.ones((9, 2)),
    ],
    ids=["one cell", "all missing", "all zero", "1,200 components", "huge", "negative"],
)
def test_odd_data_can_be_drawn(draw: object, values: Float64) -> None:
    written = texts(draw(series(values)))  # type: ignore[operator]
    assert ("nothing was measured" in written) == bool(np.isnan(values).all())


@pytest.mark.parametrize(
    "draw",
    [
        lambda one: plotting.lines([one], timezone=BERLIN),
        lambda one: plotting.heat_map(one, timezone=BERLIN),
    ],
)
def test_no_rows_are_an_error(draw: object) -> None:
    with pytest.raises(TokioError, match="no rows"):
        draw(series(np.ones((0, 2))))  # type: ignore[operator]


def test_a_heat_map_of_a_whole_range_shows_the_gaps_at_both_ends() -> None:
    some = series(np.ones((12, 2)))
    low, high = int(some.timestamps[0]), int(some.timestamps[-1] + some.seconds[-1])
    figure = plotting.heat_map(some, timezone=BERLIN, whole=(low - 600, high + 600))
    at = figure.axes[0]
    assert at.get_xlim() == (low - 600, high + 600)
    assert at.patch.get_hatch() == "////", "behind the image"
    assert tuple(at.images[0].get_extent())[:2] == (low, high), "which ends where the rows do"
    assert [text.get_text() for text in at.get_legend().get_texts()] == ["not measured"]
    whole = plotting.heat_map(some, timezone=BERLIN, whole=(low, high))
    assert whole.axes[0].get_legend() is None


def test_no_rows_of_a_whole_range_are_a_gap() -> None:
    figure = plotting.lines([series(np.ones((0, 2)))], timezone=BERLIN, whole=(NOON, NOON + 60))
    assert hatched(figure) == [(NOON, NOON + 60)]


def test_ten_years_are_some_thousand_stretches() -> None:
    rows = 3653
    figure = plotting.lines(
        [
            series(
                np.full((rows, 2), 86400.0),
                start=Day(dt.date(2016, 1, 1), BERLIN).start,
                step=86400,
            )
        ],
        timezone=BERLIN,
    )
    x, y = first_line(figure)
    assert 500 < len(x) / 3 <= 1001
    assert set(y[np.isfinite(y)]) == {2.0}
    assert [at.get_text() for at in figure.axes[0].get_xticklabels()] == [
        "2016",
        "2018",
        "2020",
        "2022",
        "2024",
        "2026",
    ]


def test_a_heat_map_shows_each_cell_and_leaves_out_what_nobody_measured() -> None:
    values = np.arange(30.0).reshape(10, 3) * 5
    values[4, 1] = NAN
    one = without(series(values), slice(7, 9))
    shown, interval = heat_maps.cells(one, BERLIN)
    assert interval == (NOON, NOON + 50)
    expected = np.arange(30.0).reshape(10, 3)
    expected[4, 1], expected[5, 1], expected[7:9] = NAN, 8.0, NAN
    np.testing.assert_array_equal(shown, expected)
    figure = plotting.heat_map(one, timezone=BERLIN, title="a map")
    image = figure.axes[0].get_images()[0]
    np.testing.assert_array_equal(np.ma.getmaskarray(image.get_array()), np.isnan(shown).T)
    assert {
        "a map",
        "not measured",
        "3 components",
        "OST0000",
        "OST0002",
        "B/s, means of 5 s",
        "colours by square root",
    } <= set(texts(figure))


def test_a_missing_cell_is_transparent_and_a_zero_is_not() -> None:
    image = plotting.heat_map(series([[NAN, 0.0, 5.0]]), timezone=BERLIN).axes[0].get_images()[0]
    alpha = image.cmap(image.norm(image.get_array()))[:, 0, 3]
    assert alpha.tolist() == [0.0, 1.0, 1.0]


def test_more_is_lighter() -> None:
    image = plotting.heat_map(series([[0.0, 5.0]]), timezone=BERLIN).axes[0].get_images()[0]
    light = image.cmap(image.norm(np.linspace(0, 1, 200)))[:, :3] @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(light) > -0.003).all()
    assert light[-1] - light[0] > 0.7


@pytest.mark.parametrize("count", [1, 5, 248, 1000, 5000])
def test_components_are_named_as_far_as_there_is_room(count: int) -> None:
    at = plotting.heat_map(series(np.ones((2, count))), timezone=BERLIN).axes[0]
    labels = [label.get_text() for label in at.get_yticklabels()]
    assert labels[0] == "OST0000"
    assert min(count, 10) <= len(labels) <= 34
    assert len(at.get_yticks()) == len(labels)


JOB = (NOON + 1000, NOON + 1600)


def surroundings() -> list[Panel]:
    servers, own = (
        series(np.full((1440, 4), 50.0), start=NOON - 3600),
        series(np.full((120, 1), 50.0), start=JOB[0]),
    )
    cpu = series(np.full((1440, 1), 50.0), start=NOON - 3600, kind="gauge", unit="%")
    return [
        Panel("Servers", "bytes/s", {"written": servers, "the job's own": own}),
        Panel("OSS", "%", {"CPU": cpu}),
    ]


def test_a_job_stands_in_its_surroundings() -> None:
    figure = plotting.job(surroundings(), JOB, timezone=BERLIN, title="job 7")
    assert [at.get_ylabel() for at in figure.axes] == ["B/s", "%"]
    assert figure.axes[1].get_xlim() == (JOB[0] - 300, JOB[1] + 300)
    assert hatched(figure) == [], "the job's own line ends with the job"
    assert {"job 7", "Servers", "the job's own", "the job: 2026-11-22 12:16:40 to 12:26:39"} <= set(
        texts(figure)
    ), "its last second"


def test_the_label_of_a_job_hides_what_is_behind_it() -> None:
    at = plotting.job(surroundings(), JOB, timezone=BERLIN, title="").axes[0]
    (label,) = at.texts
    assert label.get_bbox_patch().get_facecolor() == (1.0, 1.0, 1.0, 1.0)
    assert label.get_zorder() > max(line.get_zorder() for line in at.get_lines())


def test_a_row_that_reaches_into_the_surroundings_is_drawn() -> None:
    slow = series(np.full((10, 1), 3000.0), start=JOB[0] - 650, step=300)
    x, y = first_line(
        plotting.job(
            [Panel("Servers", "bytes/s", {"written": slow})], JOB, timezone=BERLIN, title=""
        )
    )
    assert (x[0], y[0]) == (JOB[0] - 350, 10.0), "the job's surroundings begin 300 s before it"


@pytest.mark.parametrize("begin", [7 * 3600 + 90, 90], ids=["in the day", "at midnight"])
def test_panels_have_each_row_that_reaches_into_the_surroundings(
    tmp_path: Path, begin: int
) -> None:
    day = Day(dt.date(2026, 11, 22), BERLIN)
    (tmp_path / layout.ABOUT).write_text(json.dumps({"site": "test", "timezone": BERLIN}))
    for instance, step in (("scratch", 5), ("darshan", 60)):
        path = layout.path(tmp_path, layout.TTS, day.date, instance)
        path.parent.mkdir(parents=True, exist_ok=True)
        with TtsWriter(path, day) as writer:
            grid = Grid(
                "datatargets/readbytes", ("scratch",), day.start, step, np.ones((day.rows(step), 1))
            )
            writer.write(grid, catalogue()[grid.dataset], source="t", updated=0)
    start = day.start + begin
    job = JobDetails(day.date, "darshan", "7", 1, "u", "x", 1, start, start + 20, [], [], [])
    (panel,) = job_panels.panels(
        Archive(tmp_path), job, {"fsname": "scratch", "fs_instance": "scratch"}
    )
    first = {label: int(one.timestamps[0]) - start for label, one in panel.lines.items()}
    assert first == {
        "servers, read": -60,
        "all applications, read": -90,
    }, "a minute of margin, and the row that is on then"


def test_series_of_different_steps_are_told_apart() -> None:
    slow = series(np.full((60, 1), 50.0), start=NOON, step=60)
    both = [*surroundings(), Panel("Applications", "bytes/s", {"read": slow})]
    assert (
        plotting.job(both, JOB, timezone=BERLIN, title="")
        .axes[-1]
        .get_xlabel()
        .endswith("; steps of 5 s and 1 min")
    )
    assert (
        plotting.job(surroundings(), JOB, timezone=BERLIN, title="")
        .axes[-1]
        .get_xlabel()
        .endswith("; a step is 5 s")
    )


def test_a_gap_of_one_series_does_not_hide_another() -> None:
    servers, own = np.ones((20, 1)), np.ones((20, 1))
    servers[5:10], own[8:12] = NAN, NAN
    figure = plotting.lines(
        {"servers": series(servers), "applications": series(own)}, timezone=BERLIN
    )
    assert hatched(figure) == [(NOON + 40, NOON + 50)], "neither"
    assert hatched(figure, "...") == [(NOON + 25, NOON + 40), (NOON + 50, NOON + 60)], "one of them"
    assert "some series not measured" in texts(figure)
    servers = np.ones((20, 2))
    servers[:3, 1], servers[5:10], servers[15, 1] = NAN, NAN, NAN
    figure = plotting.lines(
        {"servers": series(servers), "applications": series(own)}, timezone=BERLIN
    )
    assert hatched(figure, "...") == [
        (NOON + 25, NOON + 40),
        (NOON + 50, NOON + 60),
        (NOON + 75, NOON + 80),
    ]
    assert "some components or series not measured" in texts(figure)


def test_a_job_at_the_end_of_the_data_has_no_margin_there() -> None:
    short = [Panel("Servers", "bytes/s", {"written": series(np.ones((120, 1)), start=JOB[0])})]
    assert plotting.job(short, JOB, timezone=BERLIN, title="").axes[0].get_xlim() == JOB


@pytest.mark.parametrize(
    ("panels", "interval", "says"),
    [
        (
            [Panel("p", "%", {"x": series([[1.0]])})],
            JOB,
            "x cannot be drawn in the panel p; expected: %; got: bytes/s",
        ),
        ([], JOB, "nothing to draw"),
        ([Panel("p", "bytes/s", {"x": series([[1.0]])})], (NOON, NOON), "no length"),
    ],
)
def test_a_job_that_cannot_be_drawn(
    panels: list[Panel], interval: tuple[int, int], says: str
) -> None:
    with pytest.raises(TokioError, match=re.escape(says)):
        plotting.job(panels, interval, timezone=BERLIN, title="")


HISTORY = np.arange(1.0, 10.0)


@pytest.mark.parametrize(
    ("value", "quarter", "big", "small", "neither"),
    [
        (0.0, 1, "worst quarter", "best quarter", "lowest quarter"),
        (3.0, 2, "worse than median", "better than median", "below the median"),
        (5.0, 0, "at the median", "at the median", "at the median"),
        (7.0, 3, "better than median", "worse than median", "above the median"),
        (7.1, 4, "best quarter", "worst quarter", "highest quarter"),
    ],
)
def test_the_quarter_of_a_value(
    value: float, quarter: int, big: str, small: str, neither: str
) -> None:
    for good, words in ((True, big), (False, small), (None, neither)):
        rank = umami_diagram.quartile(HISTORY, value, good)
        assert rank
        assert (rank.quarter, rank.words) == (quarter, words)
        assert (rank.goodness is None) == (good is None or quarter == 0)


def test_what_has_always_been_so_is_neither_good_nor_bad() -> None:
    rank = umami_diagram.quartile(np.full(9, 3.0), 3.0, True)
    assert rank
    assert rank.goodness is None


@pytest.mark.parametrize(
    ("history", "value", "quarter"),
    [
        ([0.3331, 0.3331, 0.3332, 0.3332, 0.3332], 0.333, 0),
        ([200.0] * 5, 201.0, 0),
        ([200.0] * 5, 201.1, 4),
        ([-1000.0, -500.0, 0.0, 500.0, 1000.0], 5.0, 0),
        ([-1000.0, -500.0, 0.0, 500.0, 1000.0], 5.1, 3),
        ([1.0, 1.0, 1.0, 1.0, 1.0, 1e6], 2.0, 4),
    ],
    ids=[
        "coverage",
        "at 0.5 %",
        "beyond",
        "of the quartiles",
        "beyond them",
        "an outlier does not hide it",
    ],
)
def test_what_is_almost_the_median_is_no_news(
    history: list[float], value: float, quarter: int
) -> None:
    rank = umami_diagram.quartile(np.array(history), value, True)
    assert rank
    assert rank.quarter == quarter


@pytest.mark.parametrize(
    ("history", "value"),
    [([1.0, 2.0, 3.0], 2.0), ([1.0, 2.0, 3.0, NAN], 2.0), ([1.0, 2.0, 3.0, 4.0], NAN)],
)
def test_too_little_history_has_no_quarter(history: list[float], value: float) -> None:
    assert umami_diagram.quartile(np.array(history), value, True) is None


@settings(deadline=None)
@given(
    st.lists(st.integers(-1000, 1000).map(float), min_size=4, max_size=30),
    st.integers(-1000, 1000).map(float),
)
def test_good_and_bad_change_sides_with_the_sign(history: list[float], value: float) -> None:
    one, other = (
        umami_diagram.quartile(np.array(history), value, True),
        umami_diagram.quartile(-np.array(history), -value, False),
    )
    assert one
    assert other
    assert (one.words, one.goodness) == (other.words, other.goodness)


def test_umami_compares_the_newest_with_a_history_without_it() -> None:
    figure = plotting.umami(
        [metric([10.0, 11.0, NAN, 12.0, 13.0, 14.0, 100.0])], timezone=BERLIN, title="HACC"
    )
    left, right = figure.axes
    assert list(left.get_lines()[0].get_ydata()) == [10, 11, 12, 13, 14, 100]
    assert (left.get_lines()[1].get_xdata()[0], left.get_lines()[1].get_ydata()[0]) == (
        NOON + 6 * 86400,
        100,
    )
    heights = sorted({float(value) for line in right.get_lines() for value in line.get_ydata()})
    assert heights == pytest.approx([10.2, 11.0, 12.0, 13.0, 13.8, 100.0]), (
        "5, 25, 50, 75, 95 %, and the newest"
    )
    assert right.get_ylim() == left.get_ylim()
    assert {
        "HACC",
        "performance",
        "best quarter",
        "100 MiB/s",
        "Time in Europe/Berlin (CET)",
    } <= set(texts(figure))


def test_umami_says_the_quarter_by_marker_and_colour_too() -> None:
    looks = set()
    for value, good in ((0.0, True), (4.0, True), (6.0, True), (9.5, True), (9.5, None)):
        newest = (
            plotting.umami([metric([*HISTORY, value], big_is_good=good)], timezone=BERLIN, title="")
            .axes[0]
            .get_lines()[1]
        )
        looks.add((newest.get_color(), newest.get_marker()))
    assert len({colour for colour, _ in looks}) == len({marker for _, marker in looks}) == 5


def test_umami_of_little_or_nothing() -> None:
    figure = plotting.umami(
        [metric([1.0, 2.0, 3.0, 4.0]), metric([1.0, 2.0, 3.0, 4.0, NAN]), metric([7.0])],
        timezone=BERLIN,
        title="",
    )
    written = texts(figure)
    assert "newest: not measured" in written
    assert [text for text in written if text.endswith("values")] == ["3 values", "0 values"]
    with pytest.raises(TokioError, match="no history"):
        plotting.umami([], timezone=BERLIN, title="")


def at_seconds(day: dt.date, first: int, last: int) -> list[tuple[str, str]]:
    """Ticks between two hours since a day's midnight, as UTC and label."""
    start = Day(day, BERLIN).start
    ticks = axes.time_ticks(start + first * 3600, start + last * 3600, ZoneInfo(BERLIN))
    return [
        (f"{dt.datetime.fromtimestamp(stamp, dt.UTC):%H:%M}", label.replace("\n", " ").strip())
        for stamp, label in ticks
    ]


def test_ticks_of_the_days_on_which_clocks_change() -> None:
    assert at_seconds(dt.date(2026, 10, 25), 0, 5) == [
        ("22:00", "00:00 2026-10-25"),
        ("23:00", "01:00"),
        ("00:00", "02:00"),
        ("01:00", "02:00 CET"),
        ("02:00", "03:00"),
        ("03:00", "04:00"),
    ]
    assert [label for _, label in at_seconds(dt.date(2026, 3, 29), 0, 5)] == [
        "00:00 2026-03-29",
        "01:00",
        "03:00 CEST",
        "04:00",
        "05:00",
        "06:00",
    ]
    assert [label for _, label in at_seconds(dt.date(2026, 3, 29), 0, 23)][1::7] == [
        "03:00 CEST",
        "00:00 2026-03-30",
    ]


@settings(deadline=None)
@given(
    st.sampled_from(["UTC", BERLIN, "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"]),
    st.integers(0, 2**31),
    st.integers(1, 10**9),
)
def test_ticks_are_few_in_order_and_at_round_local_times(
    name: str, start: int, length: int
) -> None:
    ticks = axes.time_ticks(start, start + length, ZoneInfo(name))
    places = [stamp for stamp, _ in ticks]
    assert places == sorted(set(places))
    assert len(places) <= 14
    assert all(start <= place <= start + length for place in places)
    for place, label in ticks:
        local = dt.datetime.fromtimestamp(place, ZoneInfo(name))
        if ":" in label:
            assert label.startswith(f"{local:%H:%M}")
        else:
            assert (local.hour, local.minute) == (0, 0) or local.utcoffset() != (
                local - dt.timedelta(hours=2)
            ).utcoffset()


def test_the_zone_and_its_short_names_are_told() -> None:
    assert axes.zone_label(ZoneInfo("UTC"), [NOON]) == "UTC"
    assert axes.zone_label(ZoneInfo("America/Sao_Paulo"), [NOON]) == "America/Sao_Paulo (UTC-03)"
    assert (
        axes.zone_label(ZoneInfo(BERLIN), [NOON - 100 * 86400, NOON]) == "Europe/Berlin (CEST, CET)"
    )


def test_steps_are_named_by_their_lengths() -> None:
    assert [
        axes.steps([5, 60, 3600], []),
        axes.steps([], [120, 300]),
        axes.steps([5, 60], [120]),
        axes.steps([], []),
    ] == [
        "steps of 5 s, 1 min and 1 h",
        "means of 2 min and 5 min",
        "steps of 5 s and 1 min and means of 2 min",
        "",
    ]


@settings(deadline=None)
@given(st.text(max_size=300), st.integers(8, 60))
def test_plain_text_is_drawable_short_and_no_formula(text: str, most: int) -> None:
    shown = axes.plain(text, most)
    assert shown.isprintable()
    assert len(shown.replace(r"\$", "$")) <= most + 1
    assert not re.search(r"(?<!\\)\$", shown)
    assert not shown.startswith("_")


def test_plain_text_keeps_what_is_harmless() -> None:
    assert axes.plain("ior -a POSIX_é (50 %)", 60) == "ior -a POSIX_é (50 %)"
    assert axes.plain("日\n", 60) == r"\u65e5\n"
    assert axes.plain("abcdefghijkl", 9) == "abcd…ijkl"


def test_hostile_names_are_only_text() -> None:
    one = series(np.ones((9, 2)))
    named = Series(
        one.dataset, one.unit, one.kind, (HOSTILE, "_x"), one.timestamps, one.seconds, one.values
    )
    figures = [
        plotting.lines({HOSTILE: one, "_hidden": one, "$x$": one}, timezone=BERLIN, title=HOSTILE),
        plotting.lines([named], timezone=BERLIN, title=HOSTILE, by_component=True),
        plotting.heat_map(named, timezone=BERLIN, title=HOSTILE),
        plotting.job(
            [Panel(HOSTILE, "bytes/s", {HOSTILE: one})],
            (NOON, NOON + 20),
            timezone=BERLIN,
            title=HOSTILE,
        ),
        plotting.umami(
            [metric([*HISTORY], label=HOSTILE, unit=HOSTILE)], timezone=BERLIN, title=HOSTILE
        ),
    ]
    for figure in figures:
        text = plotting.svg(figure)
        assert "<script" not in text
        assert not re.search("[\x00-\x08\x0b-\x1f]", text)
        assert any(shown.startswith("$\\frac{1}{0}$") for shown in texts(figure))
    assert {"_hidden, sum of 2", "$x$, sum of 2"} <= {text.strip() for text in texts(figures[0])}


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plotting.lines([series([[1.0, NAN], [2.0, 3.0]])], timezone=BERLIN),
        lambda: plotting.heat_map(series([[1.0, NAN], [2.0, 3.0]]), timezone=BERLIN),
        lambda: plotting.job(surroundings(), JOB, timezone=BERLIN, title="j"),
        lambda: plotting.umami([metric([*HISTORY])], timezone=BERLIN, title="u"),
    ],
)
def test_the_same_figure_gives_the_same_file(draw, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    figure = draw()
    assert plotting.svg(figure) == plotting.svg(draw()) == plotting.svg(figure)
    for suffix in ("png", "svg"):
        plotting.save(draw(), tmp_path / f"one.{suffix}")
        plotting.save(figure, str(tmp_path / f"two.{suffix}"))
        assert (tmp_path / f"one.{suffix}").read_bytes() == (
            tmp_path / f"two.{suffix}"
        ).read_bytes()
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "one.svg").read_text().startswith("<svg")
    assert len(list(tmp_path.iterdir())) == 4, "no temporary file is left"


@pytest.mark.parametrize("name", ["picture.pdf", "picture"])
def test_other_formats_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"\.png or \.svg"):
        plotting.save(plotting.lines([series([[1.0]])], timezone=BERLIN), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_ten_real_minutes_fill_the_picture(tmp_path: Path) -> None:
    """collectd's csv of siteday: 4,148.0 and 2,321.9 MiB were written within ten minutes."""
    day = Day(dt.date(2026, 11, 22))
    options = collectd.Options(
        kind="collectd",
        form="csv",
        files=[str(SITEDAY / "csv.tar.gz")],
        timestep=5,
        timezone="UTC",
        devices="loop[01]",
    )
    grid = built(options, day, tmp_path / "source")["datatargets/writebytes"]
    stamps = day.timestamps(5)
    one = Series(
        "datatargets/writebytes",
        "bytes",
        "delta",
        grid.columns,
        stamps,
        np.full_like(stamps, 5),
        grid.values,
    )
    figure = plotting.lines([one], timezone="UTC")
    low, high = figure.axes[0].get_xlim()
    assert 400 < high - low < 700
    x, y = first_line(figure)
    amount = np.nansum(y[:-2:3] * np.diff(x)[::3]) if len(x) else 0.0
    assert amount == pytest.approx(4148.0 + 2321.9, rel=0.01)
    assert figure.axes[0].get_ylabel() == "MiB/s"
