"""What status says: states, calendars, countdowns, metrics."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from archive_tools.core.vocabulary import ReceiptState
from archive_tools.reporting import textfile
from archive_tools.schemas import BUILD_VERSION
from archive_tools.store import status
from archive_tools.store.receipts import Receipt, Receipts, derived
from archive_tools.store.status import State
from pipeline import site as sites
from pipeline.cli.main import COMPLETE as EXIT_COMPLETE
from pipeline.cli.main import FAILED as EXIT_FAILED
from pipeline.cli.main import PARTIAL as EXIT_PARTIAL
from pipeline.cli.main import main
from pipeline.runs import states
from tests.support.lmtdb import LmtDb, every
from tests.support.nights import DATE, FOREVER, lmt_source
from tests.support.paths import needed
from tests.support.small_days import write_site

FIRST = dt.date(2025, 1, 30)
Capture = pytest.CaptureFixture[str]
RAW = "0" * 16


def archived(
    root: Path, date: dt.date, instance: str, state: str = ReceiptState.COMPLETE, percent: int = 100
) -> None:
    """A day of a source of counters, as far as status looks."""
    receipts = Receipts(root)
    receipts.write(Receipt(date, instance, "raw", 1, RAW, ReceiptState.COMPLETE), {})
    receipts.write(
        Receipt(date, instance, "tts", BUILD_VERSION, derived(RAW, "x"), state, percent), {}
    )
    path = root / f"{date:%Y}/{date}/{instance}.hdf5"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


@pytest.fixture
def some(tmp_path: Path) -> Path:
    """A site with days in all states."""
    path = write_site(tmp_path)
    site = json.loads(path.read_text())
    del site["sources"]["darshan"]
    path.write_text(json.dumps(site))
    root = tmp_path / "archive"
    for n in range(0, 40):
        archived(root, FIRST + dt.timedelta(days=n), "home")
    archived(root, FIRST, "scratch", ReceiptState.PARTIAL, 41)
    failure = {"error": "no such host lmt01", "kind": "SourceError"}
    Receipts(root).write(
        Receipt(FIRST + dt.timedelta(days=1), "scratch", "raw", 1, RAW, ReceiptState.FAILED),
        failure,
    )
    Receipts(root).write(
        Receipt(FIRST + dt.timedelta(days=2), "scratch", "raw", 1, RAW, ReceiptState.EMPTY),
        {"who": "kim", "why": "moved", "written": "2025-02-03T04:05:06"},
    )
    return path


def test_a_table(some: Path, capsys: Capture) -> None:
    assert (
        main(
            [
                "status",
                "--site",
                str(some),
                "--start",
                str(FIRST),
                "--stop",
                str(FIRST + dt.timedelta(days=4)),
            ]
        )
        == EXIT_FAILED
    )
    assert capsys.readouterr().out.splitlines() == [
        "day         home      scratch",
        "2025-01-30  complete  partial 41 %",
        "2025-01-31  complete  failed",
        "2025-02-01  complete  empty",
        "2025-02-02  complete  missing",
        "2025-02-03  complete  missing",
        "2025-02-02 to 2025-02-03  scratch: missing (2 days)",
        "2025-01-31  scratch: failed, no such host lmt01",
    ]


def test_a_partial_day_of_which_all_was_measured_has_no_share(tmp_path: Path) -> None:
    receipts, path = Receipts(tmp_path), tmp_path / f"{FIRST:%Y}/{FIRST}/fs.hdf5"
    receipts.write(Receipt(FIRST, "fs", "raw", 1, RAW, ReceiptState.COMPLETE), {})
    made = Receipt(FIRST, "fs", "tts", BUILD_VERSION, derived(RAW, "x"), ReceiptState.PARTIAL, 99)
    path.parent.mkdir(parents=True)
    path.touch()
    why = "1 part of the input could not be read"
    for percent, text, short in [
        (100.0, f"partial: {why}", "partial"),
        (99.9, f"partial 99.9 %: {why}", "partial 99.9 %"),
    ]:
        receipts.write(made, {"percent": percent, "why": why})
        state = status.states(tmp_path, [FIRST], {"fs": ["tts"]})[FIRST]["fs"]
        assert (str(state), state.short, state.percent) == (text, short, 99)


def test_a_calendar(some: Path, capsys: Capture) -> None:
    assert (
        main(
            [
                "status",
                "--site",
                str(some),
                "--start",
                str(FIRST),
                "--stop",
                str(FIRST + dt.timedelta(days=39)),
            ]
        )
        == EXIT_FAILED
    )
    assert capsys.readouterr().out.splitlines()[:10] == [
        "home     1...5....10...15...20...25...30",
        "2025-01                               ##",
        "2025-02  ############################",
        "2025-03  ##########",
        "         40 complete",
        "scratch  1...5....10...15...20...25...30",
        "2025-01                               +!",
        "2025-02  -...........................",
        "2025-03  ..........",
        "         37 missing, 1 partial, 1 failed, 1 empty",
    ]


def test_json(some: Path, capsys: Capture) -> None:
    main(
        [
            "status",
            "--site",
            str(some),
            "--start",
            str(FIRST),
            "--stop",
            str(FIRST + dt.timedelta(days=2)),
            "--json",
            "--instance",
            "scratch",
        ]
    )
    assert json.loads(capsys.readouterr().out) == {
        "2025-01-30": {"scratch": {"state": "partial", "detail": "41 %", "percent": 41}},
        "2025-01-31": {"scratch": {"state": "failed", "detail": "no such host lmt01"}},
        "2025-02-01": {"scratch": {"state": "empty", "detail": "moved (kim, 2025-02-03)"}},
    }


@pytest.mark.parametrize(
    ("ago", "word", "words"),
    [
        (0.2, "missing", "the source forgets it in 19 h"),
        (1.5, "missing", "the source is forgetting it, the last of it in 12 h"),
        (3, "expired", "keeps it no longer"),
    ],
)
def test_a_source_that_forgets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ago: float, word: str, words: str
) -> None:
    path = write_site(tmp_path)
    content = json.loads(path.read_text())
    content["sources"]["home"]["retention_days"] = 1
    path.write_text(json.dumps(content))
    site = sites.load(str(path))
    now = site.day(FIRST).start + ago * 86400
    monkeypatch.setattr(time, "time", lambda: now)
    state = states.day_states(site, [FIRST], str(path), ask=False)[FIRST]["home"]
    assert state.word == word
    assert words in state.detail
    assert (state.forgotten_in is None) == (word == "expired")
    assert states.day_states(site, [FIRST], str(path), ask=False)[FIRST]["scratch"] == State(
        "missing"
    ), "no retention is known"


def test_a_source_that_does_not_answer_is_waited_for_once(
    some: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve young days of a hanging source: one time limit, not twelve."""
    content = json.loads(some.read_text())
    content["late_days"] = 10**5
    content["raw_days"] = 10**5
    some.write_text(json.dumps(content))
    from pipeline.cli.commands import status as command
    from pipeline.sources import lmt

    requested = []
    released = threading.Event()
    monkeypatch.setattr(lmt.Options, "needs_process", False)
    monkeypatch.setattr(
        lmt.SOURCE, "inputs", lambda options, day: (requested.append(day), released.wait())
    )
    monkeypatch.setattr(command, "ANSWER_SECONDS", 0.5)
    assert (
        main(
            [
                "status",
                "--site",
                str(some),
                "--start",
                str(FIRST),
                "--stop",
                str(FIRST + dt.timedelta(days=11)),
                "--instance",
                "home",
            ]
        )
        == 0
    )
    assert len(requested) == 1
    assert (
        main(
            ["status", "--site", str(some), "--start", str(FIRST), "--stop", str(FIRST), "--no-ask"]
        )
        == EXIT_PARTIAL
    )
    assert len(requested) == 1
    released.set()


@pytest.mark.system
def test_metrics(some: Path, tmp_path: Path) -> None:
    if not shutil.which("promtool"):
        needed("promtool (Debian: prometheus)")
    target = tmp_path / "tokio.prom"
    assert main(["check-config", "--site", str(some), "--accept"]) == EXIT_COMPLETE
    assert main(["nightly", "--site", str(some), "--date", "2025-06-01"]) == EXIT_FAILED
    command = [
        "status",
        "--site",
        str(some),
        "--start",
        str(FIRST),
        "--stop",
        str(FIRST + dt.timedelta(days=39)),
        "--textfile",
        str(target),
    ]
    assert main(command) == EXIT_FAILED
    text = target.read_text()
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert values['tokio_archive_states{instance="home",state="complete"}'] == "40.0"
    assert values['tokio_archive_states{instance="scratch",state="missing"}'] == "37.0"
    assert values['tokio_newest_complete_day_timestamp_seconds{instance="home"}'] == "1741564800.0"
    assert values['tokio_archive_gaps{instance="home"}'] == "0.0"
    assert values['tokio_archive_gaps{instance="scratch"}'] == "39.0"
    assert values['tokio_last_run_exit_code{command="nightly"}'] == "1.0"
    assert target.stat().st_mode & 0o777 == 0o644


def test_labels_are_escaped() -> None:
    found = {FIRST: {'a"b\\c\n': State("complete")}}
    assert 'instance="a\\"b\\\\c\\n"' in textfile.metrics(found, {FIRST: 0}, [])


def test_ten_years_open_no_product(some: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import h5py

    monkeypatch.setattr(h5py, "File", None)
    dates = [FIRST + dt.timedelta(days=n) for n in range(3650)]
    found = status.states(some.parent / "archive", dates, {"home": ("tts",), "scratch": ("tts",)})
    assert len(found) == 3650
    assert sum(day["home"].word == "complete" for day in found.values()) == 40


@pytest.mark.system
def test_metrics_of_what_is_missing(tmp_path: Path, site: Callable[..., Path]) -> None:
    """A day with both OSTs; then one without the second, and without its last hour."""
    db = LmtDb(tmp_path / "lmt.db")
    for n, ts in enumerate(db.stamps(every(600, DATE, 145 + 138))):
        db.ost(ts, 1, n * 1000)
        if n < 144:
            db.ost(ts, 2, n * 1000)
    site({"fs": lmt_source(tmp_path / "lmt.db")}, **FOREVER)
    for day in ("22", "23"):
        main(["nightly", "--date", f"2026-11-{day}"])
    target = tmp_path / "tokio.prom"
    main(["status", "--start", DATE, "--stop", "2026-11-23", "--textfile", str(target)])
    lines = dict(line.rsplit(" ", 1) for line in target.read_text().splitlines() if line[0] != "#")
    assert lines['tokio_missing_components{instance="fs"}'] == "1.0"
    assert 50 < float(lines['tokio_missing_percent{instance="fs"}']) < 55


def test_words_for_days(some: Path, capsys: Capture) -> None:
    given = ["status", "--site", str(some), "--no-ask"]
    main([*given, "--start", "2025-W06"])
    assert [line[:10] for line in capsys.readouterr().out.splitlines()][1:8] == [
        str(dt.date(2025, 2, 3) + dt.timedelta(days=n)) for n in range(7)
    ]
    main([*given, "--start", "2025-02", "--json"])
    assert list(json.loads(capsys.readouterr().out)) == [
        str(dt.date(2025, 2, 1) + dt.timedelta(days=n)) for n in range(28)
    ]
