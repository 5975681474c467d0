"""An outage that will never be filled is acknowledged: the day is complete, and says why."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from pathlib import Path

import pytest

from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.schemas import BUILD_VERSION
from archive_tools.store.receipts import Receipt, Receipts
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
    assert run("status", site, *days) == COMPLETE
    first, second = capsys.readouterr().out.splitlines()[1:3]
    assert first.split("  ")[1] == "complete, acknowledged"
    assert "acknowledged" not in second
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


STATEMENTS = {
    "acknowledge": OUTAGE,
    "retire": ["home-OST0000", "--instance", "home"],
    "mark-empty": ["--start", str(FIRST), "--stop", str(FIRST), "--instance", "home"],
}
CONTROLS = ["two\nlines", "\x1b[2J", "\x9b2J", "a\u202eb", "a\u2028b", "a\udc80b"]


@pytest.mark.parametrize("option", ["--why", "--who"])
@pytest.mark.parametrize("command", STATEMENTS)
def test_control_characters_of_a_statement_are_refused(
    command: str, option: str, tmp_path: Path, capsys: Capture
) -> None:
    path = write_days(tmp_path, [])
    for text in CONTROLS:
        with pytest.raises(SystemExit) as stopped:
            run(command, path, *STATEMENTS[command], "--why", "maintenance", option, text)
        assert stopped.value.code == USAGE
        shown = capsys.readouterr().err
        assert f"argument {option}: {text!a} has a control character" in shown
        assert shown.replace("\n", "").isprintable()
    assert not list(tmp_path.glob("archive/*.json"))


def test_control_characters_of_the_account_are_escaped(
    monkeypatch: pytest.MonkeyPatch, site: Path, capsys: Capture
) -> None:
    monkeypatch.setenv("LOGNAME", "kim\x1b[2J")
    assert run("acknowledge", site, *OUTAGE, "--why", "café – fermé") == COMPLETE
    assert r"café – fermé (kim\x1b[2J@" in capsys.readouterr().out
    (one,) = json.loads((site.parent / "archive/acknowledged.json").read_text())
    assert one["who"].startswith(r"kim\x1b[2J@")


def test_control_characters_of_older_files_are_escaped(site: Path, capsys: Capture) -> None:
    said = "new\ndisks\x1b[2J\x9b"
    shown_as = r"new\ndisks\x1b[2J\x9b (kim"
    root = site.parent / "archive"
    assert run("acknowledge", site, *OUTAGE, "--why", "maintenance", "--who", "kim") == COMPLETE
    assert run("nightly", site, "--date", str(FIRST)) == COMPLETE
    (one,) = json.loads((root / "acknowledged.json").read_text())
    del one["hash"]
    (root / "acknowledged.json").write_text(json.dumps([one | {"why": said}]))
    retired = {"instance": "home", "name": "x", "since": str(SECOND), "written": ""}
    (root / "retired.json").write_text(json.dumps([retired | {"why": said, "who": "kim"}]))
    day = ["--start", str(FIRST), "--stop", str(FIRST)]
    for command, *more in [
        ("acknowledge", "--list"),
        ("retire", "--list"),
        ("nightly", "--date", str(FIRST)),
    ]:
        capsys.readouterr()
        assert run(command, site, *more) == COMPLETE
        shown = capsys.readouterr().out
        assert shown_as in shown, command
        assert shown.replace("\n", "").isprintable()

    failed = Receipt(FIRST, "home", Product.TTS, BUILD_VERSION, "0" * 16, ReceiptState.FAILED)
    Receipts(root).write(failed, {"error": said})
    capsys.readouterr()
    assert run("status", site, *day, "--no-ask") == FAILED
    shown = capsys.readouterr().out
    assert r"home: failed, new\ndisks\x1b[2J\x9b" in shown
    assert shown.replace("\n", "").isprintable()
