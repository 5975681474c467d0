"""Time ranges out of an archive: joined rows, rates, components, coverage, damaged days, lazy
arrays.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archive_tools
from archive_tools.core.arrays import Float64
from archive_tools.core.day import Day
from archive_tools.core.errors import BadArgument, FormatError, NotFound, TokioError
from archive_tools.core.grid import Grid
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.reading import resample
from archive_tools.reading.ranges import DamagedDay
from archive_tools.schemas import catalogue
from archive_tools.store import layout

NAME, LOAD = "datatargets/readbytes", "dataservers/cpuload"
ZONE = "America/Los_Angeles"
DAYS = [dt.date(2026, 10, 31), dt.date(2026, 11, 1), dt.date(2026, 11, 2)]
"""The second has 25 hours."""


def write_day(
    root: Path,
    date: dt.date,
    columns: tuple[str, ...],
    step: int,
    values: Callable[[tuple[int, int]], Float64],
) -> Path:
    day = Day(date, ZONE)
    path = layout.path(root, layout.TTS, date, "fs")
    path.parent.mkdir(parents=True)
    with TtsWriter(path, day) as writer:
        for name in (NAME, LOAD):
            writer.write(
                Grid(name, columns, day.start, step, values((day.rows(step), len(columns)))),
                catalogue()[name],
                source="t",
                updated=0,
            )
    return path


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of whole numbers with a tenth missing; OST0002 leaves and OST0010 comes on the
    last.
    """
    root = tmp_path_factory.mktemp("archive")
    (root / layout.ABOUT).write_text(json.dumps({"site": "test", "timezone": ZONE}))
    random = np.random.default_rng(7)

    def values(shape: tuple[int, int]) -> Float64:
        numbers = random.integers(0, 2**36, shape).astype(float)
        numbers[random.random(shape) < 0.1] = np.nan
        numbers[600:1500] = np.nan
        return numbers

    for date in DAYS:
        write_day(
            root,
            date,
            ("OST0001", "OST0010") if date == DAYS[2] else ("OST0001", "OST0002"),
            20,
            values,
        )
    return root


@pytest.fixture
def archive(root: Path) -> archive_tools.Archive:
    return archive_tools.Archive(root)


STEPS = {"1min": "1min", "15min": "15min", "7min": "7min", "1h": "1h", "6h": "6h"}


@pytest.mark.parametrize(("dataset", "how"), [(NAME, "sum"), (LOAD, "mean")])
@pytest.mark.parametrize("step", STEPS)
def test_joined_rows_are_those_of_pandas(
    archive: archive_tools.Archive, dataset: str, how: str, step: str
) -> None:
    start, end = "2026-10-31T13:07:20", "2026-11-02T21:00:00"
    whole = archive.to_dataframe("fs", dataset, start, end)
    joined = archive.to_dataframe("fs", dataset, start, end, resample=step)
    groups = whole.resample(STEPS[step], origin="epoch")
    expected = groups.sum(min_count=1) if how == "sum" else groups.mean()
    pd.testing.assert_frame_equal(
        joined, expected, check_freq=False, rtol=1e-14 if how == "mean" else 1e-30
    )


def test_days_are_the_sites(archive: archive_tools.Archive) -> None:
    series = archive.read("fs", NAME, DAYS[0], dt.date(2026, 11, 3), resample="1d")
    whole = archive.read("fs", NAME, DAYS[0], dt.date(2026, 11, 3))
    assert series.timestamps.tolist() == [Day(date, ZONE).start for date in DAYS]
    assert series.seconds.tolist() == [86400, 90000, 86400]
    np.testing.assert_array_equal(np.nansum(series.values, axis=0), np.nansum(whole.values, axis=0))
    assert np.isnan(series.values[:2, series.columns.index("OST0010")]).all()


def test_rates_of_joined_rows_are_over_the_rows_time(archive: archive_tools.Archive) -> None:
    start, end = "2026-10-31T13:07:20", "2026-10-31T13:10:00"
    rates = archive.read("fs", NAME, start, end, rate=True, resample="5min")
    amounts = archive.read("fs", NAME, start, end, resample="5min")
    assert rates.seconds.tolist() == [160]
    np.testing.assert_array_equal(rates.values, amounts.values / 160)
    assert (rates.unit, amounts.unit) == ("bytes/s", "bytes")
    same = archive.read("fs", "datatargets/readrates", start, end, resample="5min")
    np.testing.assert_array_equal(same.values, rates.values)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=5),
    st.sampled_from(["sum", "mean", "min", "max"]),
    st.integers(1, 50),
    st.integers(0, 99),
)
def test_pieces_join_in_any_cut(cuts: list[int], how: Any, length: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = sum(cuts)
    values = np.where(random.random((rows, 3)) < 0.3, np.nan, random.integers(-9, 9, (rows, 3)))
    starts = resample.Step(length).starts(np.arange(rows, dtype=np.int64))
    edges = np.cumsum([0, *cuts])
    pieces = [
        resample.aggregate(starts[a:b], values[a:b].copy(), how)
        for a, b in itertools.pairwise(edges)
    ]
    joined = resample.merged(pieces, how)
    frame = pd.DataFrame(values).groupby(starts)
    expected = frame.sum(min_count=1) if how == "sum" else frame.agg(how)
    np.testing.assert_array_equal(joined.starts, expected.index)
    np.testing.assert_allclose(resample.finished(joined, how), expected.to_numpy(), rtol=1e-14)


@pytest.mark.parametrize("text", ["", "1", "5 fortnights", "0min", "2d", "-1h", "1min 5s"])
def test_no_step_of_time(archive: archive_tools.Archive, text: str) -> None:
    with pytest.raises(TokioError, match="not a step of time"):
        archive.read("fs", NAME, DAYS[0], DAYS[1], resample=text)


def test_a_step_that_cuts_rows(archive: archive_tools.Archive) -> None:
    with pytest.raises(TokioError, match="multiple of 20 s; got: 30 s"):
        archive.read("fs", NAME, DAYS[0], DAYS[1], resample="30s")


@pytest.mark.parametrize(
    ("wanted", "columns"),
    [
        ("OST0010", ["OST0010"]),
        (["OST0010", "OST0001"], ["OST0010", "OST0001"]),
        ("OST*1*", ["OST0001", "OST0010"]),
        (["*2", "*1*"], ["OST0002", "OST0001", "OST0010"]),
        (re.compile("OST000."), ["OST0001", "OST0002"]),
    ],
)
def test_components(archive: archive_tools.Archive, wanted: Any, columns: list[str]) -> None:
    all_of_them = archive.to_dataframe("fs", NAME, DAYS[0], "2026-11-03")
    some = archive.to_dataframe("fs", NAME, DAYS[0], "2026-11-03", components=wanted)
    pd.testing.assert_frame_equal(some, all_of_them[columns])
    joined = archive.to_dataframe(
        "fs", NAME, DAYS[0], "2026-11-03", components=wanted, resample="1h"
    )
    pd.testing.assert_frame_equal(
        joined, archive.to_dataframe("fs", NAME, DAYS[0], "2026-11-03", resample="1h")[columns]
    )


def test_names_that_do_not_exist(archive: archive_tools.Archive) -> None:
    with pytest.raises(
        NotFound,
        match=(
            r"no component OST0003 in .*; expected: 3 components: OST0001, OST0002, OST0010; to do:"
            r" near: "
        ),
    ):
        archive.read("fs", NAME, DAYS[0], "2026-11-03", components="OST0003")
    with pytest.raises(NotFound, match="no component OST0003, nope\\* in"):
        archive.read(
            "fs", NAME, DAYS[0], "2026-11-03", components=["OST0010", "OST0003", "nope*", "*2"]
        )
    with pytest.raises(BadArgument, match="list of components is empty"):
        archive.read("fs", NAME, DAYS[0], DAYS[1], components=[])
    with pytest.raises(BadArgument, match="7 is not a component"):
        archive.read("fs", NAME, DAYS[0], DAYS[1], components=7)  # type: ignore[arg-type]
    with pytest.raises(TokioError, match="cpuload has no rate"):
        archive.read("fs", LOAD, DAYS[0], DAYS[1], rate=True)
    with pytest.raises(TokioError, match="is not a component"):
        archive.read("fs", NAME, DAYS[0], DAYS[1], components=[3])  # type: ignore[list-item]


def test_missing_and_coverage(archive: archive_tools.Archive) -> None:
    whole = archive.to_dataframe("fs", NAME, DAYS[0], "2026-11-05")
    missing = archive.missing("fs", NAME, DAYS[0], "2026-11-05")
    pd.testing.assert_frame_equal(missing, whole.isna())
    coverage = archive.coverage("fs", NAME, DAYS[0], "2026-11-05")
    assert list(coverage.index) == [*DAYS, dt.date(2026, 11, 3), dt.date(2026, 11, 4)]
    assert (coverage.loc[dt.date(2026, 11, 3) :] == 0).all(axis=None)
    measured = whole.notna().groupby(whole.index.tz_convert(ZONE).date).mean() * 100
    np.testing.assert_allclose(coverage.loc[DAYS].to_numpy(), measured.to_numpy(), rtol=1e-13)


def test_lazy_arrays(archive: archive_tools.Archive) -> None:
    whole = archive.to_dataframe("fs", NAME, DAYS[0], "2026-11-03")
    lazy = archive.to_xarray("fs", NAME, DAYS[0], "2026-11-03")
    assert lazy.chunks is not None
    assert set(lazy.chunks[0]) == {180}, "an hour, as on disk"
    assert lazy.attrs == {
        "units": "bytes",
        "kind": "delta",
        "long_name": "Bytes read from the data target",
    }
    assert lazy.dims == ("timestamps", "component")
    np.testing.assert_array_equal(lazy.to_numpy(), whole.to_numpy())
    assert list(lazy.component.to_numpy()) == list(whole.columns)
    np.testing.assert_array_equal(
        lazy.timestamps.to_numpy(), whole.index.tz_localize(None).to_numpy()
    )
    rates = archive.to_xarray("fs", NAME, DAYS[0], DAYS[1], rate=True, components="OST0002")
    np.testing.assert_array_equal(rates.to_numpy()[:, 0], whole["OST0002"].iloc[:4320] / 20)
    hourly = lazy.resample(timestamps="1h").sum()
    np.testing.assert_array_equal(hourly.to_numpy(), whole.resample("1h").sum().to_numpy())


@pytest.fixture
def damaged(tmp_path: Path) -> archive_tools.Archive:
    """Of four days the second is not HDF5, the third has a damaged chunk."""
    (tmp_path / layout.ABOUT).write_text(json.dumps({"site": "test", "timezone": ZONE}))
    paths = [
        write_day(
            tmp_path,
            dt.date(2026, 10, n),
            ("a",),
            60,
            lambda shape: np.random.default_rng(0).random(shape),
        )
        for n in range(1, 5)
    ]
    paths[1].write_bytes(b"no HDF5")
    data = bytearray(paths[2].read_bytes())
    data[len(data) // 3 : 2 * len(data) // 3] = b"\xff" * (2 * len(data) // 3 - len(data) // 3)
    paths[2].write_bytes(data)
    return archive_tools.Archive(tmp_path)


@pytest.mark.parametrize("options", [{}, {"resample": "1h"}])
def test_damaged_days(damaged: archive_tools.Archive, options: dict[str, str]) -> None:
    for n in (2, 3):
        with pytest.raises(FormatError, match=rf"2026-10-0{n}.*fs\.hdf5"):
            damaged.read("fs", NAME, f"2026-10-0{n}", f"2026-10-0{n + 1}", **options)  # type: ignore[arg-type]
    with warnings.catch_warnings(record=True) as reported:
        warnings.simplefilter("always")
        series = damaged.read("fs", NAME, "2026-10-01", "2026-10-05", damaged="skip", **options)  # type: ignore[arg-type]
    assert len(series.timestamps) == (48 if options else 2880)
    assert np.isfinite(series.values).all()
    texts = [str(one.message) for one in reported if one.category is DamagedDay]
    assert {re.findall(r"fs of (\S+)", text)[0] for text in texts} == {"2026-10-02", "2026-10-03"}
    assert all(one.filename == __file__ for one in reported)


def test_nothing_but_damaged_days(damaged: archive_tools.Archive) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamagedDay)
        with pytest.raises(FormatError):
            damaged.read("fs", NAME, "2026-10-02", "2026-10-04", damaged="skip")


def test_a_day_replaced_while_it_is_read(archive: archive_tools.Archive, root: Path) -> None:
    """What was planned of the old file is not read from the new one."""
    lazy = archive.to_xarray("fs", NAME, DAYS[0], DAYS[1])
    path = archive.path("fs", DAYS[0])
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    with pytest.raises(TokioError, match=r"replaced|changed"):
        lazy.compute()


def test_plain_and_direct_archives_agree(root: Path) -> None:
    one, other = (
        archive_tools.Archive(root, direct=direct).read("fs", NAME, DAYS[0], "2026-11-03")
        for direct in (True, False)
    )
    np.testing.assert_array_equal(one.values, other.values)
    assert one.columns == other.columns


# What foreign or unlucky files can be


def foreign(
    path: Path, stamps: Any, values: Any, columns: list[str], unit: str = "bytes", name: str = NAME
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "a") as file:
        file.attrs.update({"version": "1", "start": 0, "end": 1})
        file[f"{name.partition('/')[0]}/timestamps"] = np.asarray(stamps, dtype=np.int64)
        item = file.create_dataset(name, data=np.asarray(values, dtype=float), chunks=True)
        item.attrs.update({"columns": np.array([one.encode() for one in columns]), "units": unit})


DAY = Day(dt.date(2026, 10, 31), ZONE)
ROWS = DAY.start + 10 * np.arange(60)


@pytest.mark.parametrize(
    ("stamps", "values", "columns", "match"),
    [
        (
            DAY.start + 10 * np.arange(100),
            np.ones((60, 2)),
            ["a", "b"],
            r"another shape than its axes.*100 time stamps by 2 columns; got: \(60, 2\)",
        ),
        (ROWS, np.ones((60, 1)), ["a", "b", "c"], "60 time stamps by 3 columns"),
        (ROWS, np.ones(60), ["a"], "another shape"),
        (ROWS, np.ones((60, 2)), ["a", "a"], "two columns of one name; got: a"),
        (ROWS[::-1], np.ones((60, 1)), ["a"], "do not grow"),
        (np.append(ROWS[:1], ROWS[:-1]), np.ones((60, 1)), ["a"], "do not grow"),
        (
            ROWS + 8 * 3600 + 86400,
            np.ones((60, 1)),
            ["a"],
            "rows of another time than 2026-10-31 in America/Los_Angeles",
        ),
    ],
)
def test_files_that_contradict_themselves_are_refused(
    tmp_path: Path, stamps: Any, values: Any, columns: list[str], match: str
) -> None:
    (tmp_path / layout.ABOUT).write_text(json.dumps({"timezone": ZONE}))
    foreign(layout.path(tmp_path, layout.TTS, DAY.date, "fs"), stamps, values, columns)
    archive = archive_tools.Archive(tmp_path)
    for options in ({}, {"resample": "1h"}):
        with pytest.raises(FormatError, match=match):
            archive.read("fs", NAME, DAY.start, DAY.end, **options)  # type: ignore[arg-type]
    with pytest.raises(FormatError, match=match):
        archive.to_xarray("fs", NAME, DAY.start, DAY.end)


def test_a_missing_time_stamp_does_not_change_rates(tmp_path: Path) -> None:
    foreign(tmp_path / "a.hdf5", np.delete(ROWS, 1), np.full((59, 1), 100.0), ["a"])
    with archive_tools.open_tts(tmp_path / "a.hdf5") as file:
        assert (file.to_numpy("datatargets/readrates") == 10).all()


def test_units_that_change_are_not_mixed(tmp_path: Path) -> None:
    for n, unit in enumerate(["%", "bytes"]):
        day = Day(dt.date(2026, 10, 1 + n))
        foreign(
            layout.path(tmp_path, layout.TTS, day.date, "fs"),
            day.timestamps(60),
            np.ones((1440, 1)),
            ["a"],
            unit,
            "dataservers/memused",
        )
    archive = archive_tools.Archive(tmp_path)
    for read in (archive.read, archive.to_xarray):
        with pytest.raises(
            TokioError, match=r"changed its unit.*% from 2026-10-01, bytes from 2026-10-02"
        ):
            read("fs", "dataservers/memused", "2026-10-01", "2026-10-03")
    assert archive.read("fs", "dataservers/memused", "2026-10-01", "2026-10-02").unit == "%"


@pytest.mark.parametrize(
    ("unit", "shown", "factor"),
    [
        ("GiB", "bytes", 2**30),
        ("UNKNOWN", "bytes", 1),
        ("bytes/sec", "bytes", 1),
        ("furlongs", "furlongs", 1),
    ],
)
def test_units_of_older_files(tmp_path: Path, unit: str, shown: str, factor: int) -> None:
    foreign(tmp_path / "a.hdf5", ROWS, np.full((60, 1), 3.0), ["a"], unit, "fullness/bytes")
    with archive_tools.open_tts(tmp_path / "a.hdf5") as file:
        assert file.units("fullness/bytes") == shown
        assert (file.to_numpy("fullness/bytes") == 3.0 * factor).all()


def test_means_are_of_time_where_rows_are_of_different_lengths(tmp_path: Path) -> None:
    for n, step in enumerate([5, 60]):
        day = Day(dt.date(2026, 10, 1 + n), ZONE)
        foreign(
            layout.path(tmp_path, layout.TTS, day.date, "fs"),
            day.timestamps(step),
            np.full((day.rows(step), 1), 100.0 * (1 - n)),
            ["a"],
            "%",
            LOAD,
        )
    (tmp_path / layout.ABOUT).write_text(json.dumps({"timezone": ZONE}))
    series = archive_tools.Archive(tmp_path).read(
        "fs", LOAD, "2026-10-01", "2026-10-03", resample="24h"
    )
    assert series.seconds.tolist() == [61200, 86400, 25200]
    np.testing.assert_allclose(series.values[:, 0], [100, 100 * 7 / 24, 0])


def test_lazy_days_without_the_component_and_ranges_without_rows(
    archive: archive_tools.Archive,
) -> None:
    lazy = archive.to_xarray("fs", NAME, DAYS[0], "2026-11-03", components="OST0010")
    np.testing.assert_array_equal(
        lazy.to_numpy(), archive.to_numpy("fs", NAME, DAYS[0], "2026-11-03", components="OST0010")
    )
    assert archive.to_xarray("fs", NAME, "2026-10-31T12:00:01", "2026-10-31T12:00:02").shape == (
        0,
        2,
    )
    assert archive.read("fs", NAME, "2026-10-31T12:00:01", "2026-10-31T12:00:02").values.shape == (
        0,
        2,
    )


def test_coverage_of_damaged_days(damaged: archive_tools.Archive) -> None:
    with pytest.raises(FormatError, match=r"fs\.hdf5"):
        damaged.coverage("fs", NAME, "2026-10-03", "2026-10-04")
    with pytest.warns(DamagedDay):
        coverage = damaged.coverage("fs", NAME, "2026-10-01", "2026-10-05", damaged="skip")
    assert coverage["a"].tolist() == [100, 0, 0, 100]


def test_a_long_range_is_looked_up_in_the_archive(archive: archive_tools.Archive) -> None:
    series = archive.read("fs", NAME, dt.date(1990, 1, 1), dt.date(2200, 1, 1), resample="1d")
    assert len(series.timestamps) == 3


def test_moments_are_rounded_up(archive: archive_tools.Archive) -> None:
    first = DAY.start
    assert archive.read("fs", NAME, first, first + 20.5).timestamps.tolist() == [first, first + 20]
    assert archive.read("fs", NAME, first + 0.5, first + 40).timestamps.tolist() == [first + 20]
    assert archive.epoch_second(np.datetime64("2026-10-31")) == 1793404800, "UTC"


@pytest.mark.parametrize(
    "when", [np.datetime64("NaT"), float("nan"), float("inf"), 10**15, "0000-01-01", object()]
)
def test_no_moments(archive: archive_tools.Archive, when: Any) -> None:
    with pytest.raises(TokioError):
        archive.read("fs", NAME, when, DAYS[1])


def test_arguments_that_are_none(archive: archive_tools.Archive) -> None:
    for start, end in (("soon", DAYS[1]), (True, DAYS[1]), (DAYS[1], DAYS[0])):
        with pytest.raises(ValueError, match=r"not a time|range is empty"):
            archive.read("fs", NAME, start, end)
        with pytest.raises(ValueError, match=r"not a time|range is empty"):
            archive.summarize("fs", start, end)
    with pytest.raises(ValueError, match="multiple of 20 s"):
        archive.read("fs", NAME, DAYS[0], DAYS[1], resample="30s")
    with pytest.raises(BadArgument, match="damaged='ignore'"):
        archive.read("fs", NAME, DAYS[0], DAYS[1], damaged="ignore")  # type: ignore[arg-type]
    with pytest.raises(BadArgument, match="not a step of time"):
        archive.read("fs", NAME, DAYS[0], DAYS[1], resample=60)  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="is not an instance"):
        archive.path("../../fs", DAYS[0])
    some = archive.read("fs", NAME, DAYS[0], DAYS[2], components=(name for name in ["OST0001"]))  # type: ignore[arg-type]
    assert some.columns == ("OST0001",)


@pytest.mark.parametrize("text", ["[1]", "{", '{"timezone": "Mars/Olympus"}'])
def test_an_archive_that_says_nonsense(tmp_path: Path, text: str) -> None:
    (tmp_path / layout.ABOUT).write_text(text)
    with pytest.raises(FormatError, match=r"archive\.json cannot be used"):
        archive_tools.Archive(tmp_path)
