"""Fullness and traffic by day, week, month against plain h5py loops; forecasts that are as sure as
they say.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from archive_tools import Archive
from archive_tools.cli.main import main
from archive_tools.core.choices import GROWTH_PERIODS
from archive_tools.core.trend import trend
from archive_tools.reading import daily, growth
from archive_tools.store import layout
from tests.support.generated_days import FIRST, Generated

Capture = pytest.CaptureFixture[str]
DAYS = int(os.environ.get("TOKIO_GENERATED_DAYS", "31"))
ABSENT, HALF = FIRST + dt.timedelta(days=9), FIRST + dt.timedelta(days=12)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    days = Generated(DAYS, jobs=0, absent=[ABSENT], half=[HALF])
    return days.write(tmp_path_factory.mktemp("growth") / "archive")


def plain(root: Path, date: dt.date) -> dict[str, float]:
    """One day's figures, by a loop over its file."""
    path = layout.path(root, layout.TTS, date, "scratch")
    if not path.is_file():
        return {"read": 0.0, "written": 0.0, "cells": 144.0, "measured": 0.0}
    with h5py.File(path) as file:
        read, written = (file[f"datatargets/{name}"][...] for name in ("readbytes", "writebytes"))
        used, whole = (file[f"fullness/{name}"][...] for name in ("bytes", "bytestotal"))
    return {
        "read": float(np.nansum(read)),
        "written": float(np.nansum(written)),
        "full": float(100 * np.nanmean(used, axis=0).sum() / np.nanmean(whole, axis=0).sum()),
        "cells": float(len(read)),
        "measured": float(np.isfinite(read).mean() * len(read)),
    }


@pytest.mark.parametrize("by", GROWTH_PERIODS)
def test_periods_equal_plain_loops_over_the_files(root: Path, capsys: Capture, by: str) -> None:
    assert main(["growth", "--archive", str(root), "--by", by, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["scratch"]["periods"]
    names = {"day": str, "week": lambda d: f"{d:%G-W%V}", "month": lambda d: f"{d:%Y-%m}"}
    expected: dict[str, list[dict[str, float]]] = {}
    for n in range(DAYS):
        date = FIRST + dt.timedelta(days=n)
        expected.setdefault(names[by](date), []).append(plain(root, date))
    assert [one["name"] for one in found] == list(expected)
    for one in found:
        days = expected[one["name"]]
        assert (one["read"] or 0) == sum(day["read"] for day in days)
        assert (one["written"] or 0) == sum(day["written"] for day in days)
        full = [day["full"] for day in days if "full" in day]
        assert one["fullness"] == (pytest.approx(full[-1]) if full else None)
        share = sum(day["measured"] for day in days) / sum(day["cells"] for day in days)
        assert one["measured"] == pytest.approx(share, rel=1e-3)
        assert (one["days"], one["there"]) == (len(days), len(full))


def test_days_that_are_not_there_are_said_and_never_zero(root: Path, capsys: Capture) -> None:
    given = ["growth", "scratch", "--archive", str(root), "--start", str(ABSENT)]
    assert main([*given, "--stop", str(HALF), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert (rows[0]["measured"], rows[0]["read"], rows[0]["fullness"]) == ("0.0", "", "")
    assert float(rows[-1]["measured"]) == 0.5
    assert main([*given, "--stop", str(HALF)]) == 0
    assert "50.0 %" in capsys.readouterr().out


def test_a_steady_growth_says_its_date(root: Path) -> None:
    archive = Archive(root)
    dates = [FIRST + dt.timedelta(days=n) for n in range(31)]
    found = growth.forecast(list(daily.daily(archive, "scratch", dates)))
    assert found.trend
    assert found.trend.slope == pytest.approx(0.1, rel=0.01)
    assert found.trend.low <= found.trend.slope <= found.trend.high
    assert found.full
    assert found.earliest
    assert found.latest
    assert abs((found.full - FIRST).days - 600) <= 6  # 40 % at first, 0.1 points a day
    assert found.earliest <= found.full <= found.latest
    assert found.sentence().startswith(f"full about {found.full} (")


def days(shares: list[float]) -> list[daily.DayFigures]:
    return [
        daily.DayFigures(FIRST + dt.timedelta(days=n), 86400, full={"a": (share, 100.0)})
        for n, share in enumerate(shares)
    ]


def test_a_purge_does_not_bend_the_trend() -> None:
    shares = [40 + 0.5 * n for n in range(40)]
    shares[20] = 5.0
    found = growth.forecast(days(shares))
    assert found.trend
    assert found.trend.slope == pytest.approx(0.5)
    assert found.full == FIRST + dt.timedelta(days=39 + 81)


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ([50.0] * 9, "too few days"),
        ([], "too few days"),
        ([50.0 - 0.1 * n for n in range(60)], "not filling"),
        ([50.0] * 60, "not filling"),
        ([50.0 + 0.001 * n for n in range(60)], "not full within ten years"),
    ],
)
def test_what_does_not_fill_has_no_date(shares: list[float], words: str) -> None:
    found = growth.forecast(days(shares))
    assert words in found.sentence()
    assert found.full is None


def test_growth_that_began_within_the_range_is_between_none_and_that_of_its_fastest_days() -> None:
    """Each day goes with the one before: only what days grew by bounds the slope."""
    found = growth.forecast(days([40.0] * 7 + [40 + 0.2 * n for n in range(25)]))
    assert found.trend
    assert (found.trend.low, found.trend.high) == (0.0, pytest.approx(0.2))
    earliest = FIRST + dt.timedelta(days=31 + 276)  # 55.2 points at 0.2 a day
    assert found.when() == f"not surely filling, at the earliest {earliest}"


@pytest.mark.parametrize("count", [10, 12, 38, 90])
@pytest.mark.parametrize("step", [0.0, 0.03])
def test_a_line_with_a_small_step_as_of_a_day_of_25_hours_has_a_date(
    count: int, step: float
) -> None:
    shares = [30 + 0.637 * n + step * (n > count // 2) for n in range(count)]
    found = growth.forecast(days(shares))
    assert found.trend
    assert 0.63 < found.trend.low <= 0.637 + 1e-9
    assert 0.637 - 1e-9 <= found.trend.high <= 0.637 + step + 1e-9
    assert "full about" in found.when()


def test_a_full_file_system_is_full_today() -> None:
    found = growth.forecast(days([40.0] * 7 + [40 + 2.5 * n for n in range(25)]))
    assert found.fullness == 100
    assert found.full == found.upto
    assert "no date" not in found.sentence()


def test_noise_alone_is_not_surely_filling() -> None:
    rng = np.random.default_rng(5)
    found = growth.forecast(days(list(50 + rng.normal(size=60))))
    assert "not surely filling" in found.sentence() or "not filling" in found.sentence()


@pytest.mark.parametrize(("correlation", "least"), [(0.0, 0.9), (0.8, 0.85)])
def test_intervals_have_the_true_slope_as_often_as_they_say(
    correlation: float, least: float
) -> None:
    """Of 150 series of 60 days, also where each day's figure goes with that of the day before."""
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(150):
        noise = rng.normal(size=60)
        for n in range(1, 60):
            noise[n] += correlation * noise[n - 1]
        found = trend(np.arange(60.0), 0.1 * np.arange(60.0) + noise)
        assert found
        hits += found.low <= 0.1 <= found.high
    assert hits / 150 >= least


def test_a_trend_needs_some_figures_and_passes_over_missing_ones() -> None:
    x = np.arange(30.0)
    y = np.where(x % 2 == 0, 3 * x, np.nan)
    found = trend(x, y)
    assert found
    assert (found.slope, found.figures) == (3.0, 15)
    assert trend(x[:9], x[:9]) is None
    assert all(math.isfinite(one) for one in (found.low, found.high))


def test_a_damaged_day_is_named_and_makes_the_exit_code_1(tmp_path: Path, capsys: Capture) -> None:
    root = Generated(3, jobs=0).write(tmp_path / "archive")
    path = layout.path(root, layout.TTS, FIRST, "scratch")
    path.write_bytes(path.read_bytes()[:100])
    assert main(["growth", "--archive", str(root)]) == 1
    shown = capsys.readouterr()
    assert str(path) in shown.err
    assert [line.split()[0] for line in shown.out.splitlines()[2:]] == [
        str(FIRST + dt.timedelta(days=n)) for n in range(3)
    ]


def test_an_archive_without_targets_says_so(tmp_path: Path, capsys: Capture) -> None:
    assert main(["growth", "--archive", str(tmp_path)]) == 1
    assert "no instance" in capsys.readouterr().err
