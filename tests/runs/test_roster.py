"""What an instance had on the days before is expected, until somebody retires it."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest

import archive_tools
from pipeline.cli.main import COMPLETE, FAILED, PARTIAL, main
from tests.support.small_days import write_days

pytestmark = pytest.mark.system

FIRST, SECOND = dt.date(2025, 3, 1), dt.date(2025, 3, 2)
USAGE = 2
Capture = pytest.CaptureFixture[str]
LOST = "home-OST0002"


def run(command: str, path: Path, *more: str) -> int:
    return main([command, *more, "--site", str(path)])


def change(path: Path, date: dt.date, statement: str) -> None:
    connection = sqlite3.connect(path.parent / f"lmt/home_{date}.sqlite3")
    with connection:
        connection.execute(statement)
    connection.close()


def names_of(path: Path) -> list[str]:
    archive = archive_tools.Archive(path.parent / "archive")
    return list(archive.components("home", "datatargets/readbytes", FIRST))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Two days; on the second nobody measured one OST, and the database lists it no more."""
    path = write_days(tmp_path, [FIRST, SECOND])
    for statement in (
        "DELETE FROM OST_DATA WHERE OST_ID = 2",
        "DELETE FROM OST_INFO WHERE OST_ID = 2",
    ):
        change(path, SECOND, statement)
    assert run("nightly", path, "--date", str(FIRST)) == COMPLETE
    return path


def test_an_ost_that_is_gone_is_named_until_it_is_retired(site: Path, capsys: Capture) -> None:
    lost = names_of(site)[-1]
    capsys.readouterr()
    assert run("nightly", site, "--date", str(SECOND)) == PARTIAL
    assert f"home             partial 50 %: {lost} not measured" in capsys.readouterr().out
    days = ["--start", str(SECOND), "--stop", str(SECOND)]
    assert run("status", site, *days, "--json") == PARTIAL
    shown = json.loads(capsys.readouterr().out)[str(SECOND)]["home"]
    assert (shown["percent"], shown["detail"]) == (50, f"50 %: {lost} not measured")
    archive = archive_tools.Archive(site.parent / "archive")
    read = archive.read("home", "datatargets/readbytes", str(SECOND), "2025-03-03")
    assert np.isnan(read.values[:, read.columns.index(lost)]).all(), "its column is there"

    retire = ["--instance", "home", "--since", str(SECOND)]
    assert run("retire", site, "home-OST9", *retire, "--why", "removed") == USAGE
    assert run("retire", site, lost, *retire) == USAGE, "a reason is needed"
    assert run("retire", site, lost, *retire, "--why", "removed", "--who", "kim") == COMPLETE
    assert run("retire", site, "--list") == COMPLETE
    assert f"home  {lost}  since {SECOND}  removed (kim)" in capsys.readouterr().out
    assert run("status", site, "--start", str(FIRST), "--stop", str(SECOND)) == PARTIAL
    assert f"{SECOND}  home: stale" in capsys.readouterr().out, "the day before is not"
    assert run("nightly", site, "--date", str(SECOND)) == COMPLETE
    assert run("status", site, *days) == COMPLETE

    assert run("retire", site, lost, "--instance", "home", "--recall") == COMPLETE
    assert run("retire", site, lost, "--instance", "home", "--recall") == FAILED
    assert run("nightly", site, "--date", str(SECOND)) == PARTIAL


def test_an_ost_that_the_source_lists_is_expected_from_the_first_night_on(
    tmp_path: Path, capsys: Capture
) -> None:
    path = write_days(tmp_path, [FIRST])
    change(path, FIRST, "DELETE FROM OST_DATA WHERE OST_ID = 2")
    assert run("nightly", path, "--date", str(FIRST)) == PARTIAL
    assert "home             partial 50 %: " in capsys.readouterr().out
    lost = names_of(path)[-1]
    assert (
        run("retire", path, lost, "--instance", "home", "--since", str(FIRST), "--why", "gone") == 0
    )
    assert run("nightly", path, "--date", str(FIRST)) == COMPLETE


def test_a_dataset_that_is_gone_is_named(site: Path, capsys: Capture) -> None:
    change(site, SECOND, "DELETE FROM OSS_DATA")
    assert run("nightly", site, "--date", str(SECOND)) == PARTIAL
    assert "dataservers/cpuload, dataservers/memused not measured" in capsys.readouterr().out


def test_hours_that_nobody_measured_are_named(tmp_path: Path, capsys: Capture) -> None:
    path = write_days(tmp_path, [FIRST])
    stamps = "SELECT TS_ID FROM TIMESTAMP_INFO ORDER BY TIMESTAMP LIMIT 48"
    for table in ("OST_DATA", "OSS_DATA"):
        change(path, FIRST, f"DELETE FROM {table} WHERE TS_ID IN ({stamps})")
    assert run("nightly", path, "--date", str(FIRST)) == PARTIAL
    shown = capsys.readouterr().out
    assert "home             partial 66.6 %: 00:00-08:00 not measured" in shown


def test_a_day_that_is_complete_without_a_component_says_so_every_night(
    tmp_path: Path, capsys: Capture
) -> None:
    """One of two OSTs, where half is enough: named, also with --quiet, until it leaves the roster,
    which is said too.
    """
    dates = [FIRST + dt.timedelta(days=n) for n in range(10)]
    path = write_days(tmp_path, dates)
    content = json.loads(path.read_text())
    content["sources"] = {"home": {**content["sources"]["home"], "complete_percent": 40}}
    path.write_text(json.dumps(content))
    for date in dates[1:]:
        change(path, date, "DELETE FROM OST_DATA WHERE OST_ID = 2")
    assert run("nightly", path, "--date", str(FIRST), "--quiet") == COMPLETE
    assert capsys.readouterr().out == ""
    said = []
    for date in dates[1:]:
        assert run("nightly", path, "--date", str(date), "--quiet") == COMPLETE
        said.append(capsys.readouterr().out)
    lost = names_of(path)[-1]
    for text in said[:7]:
        assert f"not measured at all: {lost}; where that is for good" in text
    left = "components that are not expected any more, after complete days without them: 1"
    assert [left in text for text in said] == [False] * 6 + [True] + [False] * 2
    assert said[7:] == ["", ""]
