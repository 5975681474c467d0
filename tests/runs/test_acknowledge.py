"""An outage that will never be filled is acknowledged: the day is complete, and says why."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from pathlib import Path

import pytest

from archive_tools.core.vocabulary import Product
from archive_tools.store.receipts import Receipts
from pipeline.cli.main import COMPLETE, FAILED, PARTIAL, USAGE, main
from tests.support.small_days import write_days

pytestmark = pytest.mark.system

FIRST, SECOND = dt.date(2025, 3, 1), dt.date(2025, 3, 2)
Capture = pytest.CaptureFixture[str]
OUTAGE = ["home", "--from", f"{FIRST}T03:00", "--until", f"{FIRST}T11:10"]


def run(command: str, path: Path, *more: str) -> int:
    return main([command, *more, "--site", str(path)])


def fingerprints(path: Path, date: dt.date) -> dict[str, str]:
    day = Receipts(path.parent / "archive").day(date)
    return {one.instance: one.fingerprint for one in day.all if one.product == Product.TTS}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Two days of three instances; on the first, LMT of one was down for eight hours."""
    path = write_days(tmp_path, [FIRST, SECOND])
    with sqlite3.connect(tmp_path / f"lmt/home_{FIRST}.sqlite3") as database:
        stamps = "SELECT TS_ID FROM TIMESTAMP_INFO ORDER BY TIMESTAMP LIMIT 48 OFFSET 19"
        for table in ("OST_DATA", "OSS_DATA"):
            database.execute(f"DELETE FROM {table} WHERE TS_ID IN ({stamps})")
    database.close()
    assert run("nightly", path, "--date", str(FIRST)) == PARTIAL
    assert run("nightly", path, "--date", str(SECOND)) == COMPLETE
    return path


def test_a_day_with_an_outage_is_complete_once_it_is_acknowledged(
    site: Path, capsys: Capture
) -> None:
    days = ["--start", str(FIRST), "--stop", str(SECOND), "--no-ask"]
    before = {date: fingerprints(site, date) for date in (FIRST, SECOND)}
    assert run("acknowledge", site, *OUTAGE, "--why", "maintenance", "--who", "kim") == COMPLETE
    assert run("status", site, *days) == PARTIAL
    assert f"{FIRST}  home: stale" in capsys.readouterr().out, "that day alone"

    assert run("nightly", site, "--date", str(FIRST)) == COMPLETE
    said = "acknowledged 03:00-11:10: maintenance (kim)"
    assert f"home             complete {said}" in capsys.readouterr().out
    assert run("status", site, *days, "--json") == COMPLETE
    found = json.loads(capsys.readouterr().out)
    assert found[str(FIRST)]["home"]["detail"] == said
    assert "acknowledged" not in json.dumps([found[str(SECOND)], found[str(FIRST)]["scratch"]])
    receipt = next(site.parent.glob(f"archive/receipts/*/*/{FIRST}.home.tts.*.complete.json"))
    assert "acknowledged: " in receipt.read_text()
    assert "(03:00-11:10: maintenance (kim))" in receipt.read_text()
    report = (site.parent / f"archive/2025/{FIRST}/report.html").read_text()
    assert "cells of outages that are acknowledged" in report
    after = {date: fingerprints(site, date) for date in (FIRST, SECOND)}
    assert after[SECOND] == before[SECOND]
    assert {name for name in after[FIRST] if after[FIRST][name] != before[FIRST][name]} == {"home"}

    assert run("acknowledge", site, "--list") == COMPLETE
    line = f"home  {FIRST}T03:00+00:00 to {FIRST}T11:10+00:00  all  maintenance (kim)"
    assert line in capsys.readouterr().out
    assert run("acknowledge", site, *OUTAGE, "--recall") == COMPLETE
    assert run("acknowledge", site, *OUTAGE, "--recall") == FAILED
    assert run("nightly", site, "--date", str(FIRST)) == PARTIAL
    assert fingerprints(site, FIRST) == before[FIRST]


def test_what_is_refused(site: Path, capsys: Capture) -> None:
    why = ["--why", "x"]
    ahead = ["home", "--from", "2025-03-01", "--until", "2199-01-01", *why]
    for arguments, said in [
        ([*OUTAGE], "--why is missing"),
        ([*OUTAGE, "--why", " "], "--why is missing"),
        ([*OUTAGE, *why, "--components", "home-OST9"], "home has no home-OST9"),
        (["nothing", *OUTAGE[1:], *why], "'nothing' is not an instance; expected: home"),
        (["darshan", *OUTAGE[1:], *why], "no rows are expected of it; to do: mark-empty"),
        (["home", "--from", str(FIRST), *why], "--from or --until is missing"),
        (["home", "--from", "3 am", "--until", str(SECOND), *why], "'3 am' is not a time"),
        (["home", "--from", str(FIRST), "--until", str(FIRST), *why], "the range is empty"),
        (ahead, "the outage is not over"),
    ]:
        capsys.readouterr()
        assert run("acknowledge", site, *arguments) == USAGE, arguments
        assert said in capsys.readouterr().err
    assert not (site.parent / "archive/acknowledged.json").exists()
