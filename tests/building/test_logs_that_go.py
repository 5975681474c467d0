"""Logs that change, go, or are there twice, and days without any: nothing of it is silent."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind, Product, ReceiptState
from archive_tools.formats import darshan_tables
from archive_tools.store.receipts import Receipt, Receipts
from pipeline.building import log_copies
from pipeline.cli.main import COMPLETE, PARTIAL, main
from pipeline.processes import isolated
from tests.support.isolated_readers import DAY
from tests.support.paths import SITEDAY_LOGS

pytestmark = pytest.mark.system

DATE = "2026-11-22"
FOREVER = {"late_days": 10**5, "raw_days": 10**5}
Site = Callable[..., Path]
Capture = pytest.CaptureFixture[str]
LOGS = sorted(SITEDAY_LOGS.iterdir())


@pytest.fixture
def logs(tmp_path: Path, site: Site) -> list[Path]:
    """Three logs of a day."""
    folder = tmp_path / "logs"
    folder.mkdir()
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, **FOREVER)
    return [Path(shutil.copy(log, folder)) for log in LOGS[:3]]


def night() -> int:
    return main(["nightly", "--date", DATE])


def names(tmp_path: Path, table: str = "logs") -> list[str]:
    file = tmp_path / f"archive/2026/{DATE}/darshan.hdf5"
    return sorted(darshan_tables.read_table(file, table)["filename"].tolist())


def found(tmp_path: Path, kind: FindingKind) -> list[str]:
    """The sentences of a kind in the day's receipt."""
    receipts = Receipts(tmp_path / "archive").day(DAY.date)
    receipt = receipts.good("darshan", Product.TTS)
    assert receipt
    return [one for one in receipts.content(receipt)["findings"] if one.startswith(kind)]


def touched(log: Path) -> Callable[[Any], Any]:
    """A reading before which a log changes."""
    run = isolated.run

    def changing(job: Any) -> Any:
        os.utime(log, ns=(1, os.stat(log).st_mtime_ns + 10**9))
        return run(job)

    return changing


def test_a_log_that_changes_before_it_is_read_and_is_purged_is_named(
    logs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(isolated, "run", touched(logs[1]))
        assert night() == PARTIAL
    assert names(tmp_path, "rejects") == [logs[1].name]
    logs[1].unlink()
    capsys.readouterr()
    night()
    assert f"{FindingKind.LOGS_GONE}: 1 ({logs[1].name})" in capsys.readouterr().out
    assert names(tmp_path) == [logs[0].name, logs[2].name]


def test_what_was_reduced_of_a_log_stays_when_it_changes_and_is_purged(
    logs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Whatever it changed to meanwhile; and the run that cannot read it says so."""
    assert night() == COMPLETE
    file = tmp_path / f"archive/2026/{DATE}/darshan.hdf5"
    before = darshan_tables.read_table(file, "summaries")["bytes_written"]
    os.utime(logs[1], ns=(1, 10**18))
    with monkeypatch.context() as patch:
        patch.setattr(isolated, "run", touched(logs[1]))
        assert night() == PARTIAL
    shown = capsys.readouterr().out
    assert "1 logs changed while the day was read, the next run reads them" in shown
    assert f"{FindingKind.LOGS_STAY}: 1 ({logs[1].name})" in shown
    assert names(tmp_path) == [log.name for log in logs]
    logs[1].unlink()
    assert night() == COMPLETE
    assert names(tmp_path) == [log.name for log in logs]
    after = darshan_tables.read_table(file, "summaries")["bytes_written"]
    np.testing.assert_array_equal(after, before)


def test_a_log_that_is_damaged_later_stays_as_it_was(logs: list[Path], tmp_path: Path) -> None:
    """And is read again when it is whole."""
    assert night() == COMPLETE
    whole = logs[1].read_bytes()
    logs[1].write_bytes(whole[:-100])
    night()
    assert found(tmp_path, FindingKind.LOGS_STAY)
    assert names(tmp_path) == [log.name for log in logs]
    logs[1].write_bytes(whole)
    assert night() == COMPLETE
    assert not found(tmp_path, FindingKind.LOGS_STAY)
    assert names(tmp_path) == [log.name for log in logs]


def test_a_damaged_log_that_is_removed_leaves_the_day(logs: list[Path], tmp_path: Path) -> None:
    """Nothing of it was ever read, and what it was is not to be had."""
    logs[1].write_bytes(b"x")
    assert night() == COMPLETE
    assert names(tmp_path, "rejects") == [logs[1].name]
    logs[1].unlink()
    assert night() == COMPLETE
    assert not names(tmp_path, "rejects")
    assert not found(tmp_path, FindingKind.LOGS_GONE)


# Copies


def test_a_log_that_is_there_twice_is_named(
    logs: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    """Under two names, and in two folders; both count, as before."""
    shutil.copy(logs[0], logs[0].with_name("again.darshan"))
    (tmp_path / "logs/deep").mkdir()
    shutil.copy(logs[1], tmp_path / "logs/deep")
    assert night() == COMPLETE
    (sentence,) = found(tmp_path, FindingKind.DUPLICATE_LOGS)
    assert sentence.startswith(f"{FindingKind.DUPLICATE_LOGS}: 2 (")
    assert "again.darshan" in sentence
    assert f"deep/{logs[1].name}" in sentence
    assert sentence in capsys.readouterr().out
    assert len(names(tmp_path)) == 5
    logs[0].with_name("again.darshan").unlink()
    shutil.rmtree(tmp_path / "logs/deep")
    night()
    assert found(tmp_path, FindingKind.DUPLICATE_LOGS), "what was read of the copies stays"


def test_no_log_of_a_day_is_taken_for_a_copy(
    tmp_path: Path, site: Site, darshan_source: dict[str, Any]
) -> None:
    site({"darshan": darshan_source})
    assert night() == COMPLETE
    assert len(names(tmp_path)) == 104
    assert not found(tmp_path, FindingKind.DUPLICATE_LOGS)


def table_of(*rows: tuple[str, float]) -> dict[str, Any]:
    """Logs of one job that differ in their names and accumulated times alone."""
    same = {name: np.zeros(len(rows), np.int64) for name in log_copies.IDENTITY}
    times = np.array([time for _, time in rows])
    named = np.array([name for name, _ in rows], dtype=object)
    return same | {"posix_agg_time": times, "filename": named}


def test_logs_that_agree_in_all_figures_are_compared(tmp_path: Path) -> None:
    """Processes of one second that did nothing differ in their bytes; a file that is gone cannot
    be compared, and figures that are not known are alike.
    """
    paths = {name: tmp_path / name for name in "abcd"}
    for name, content in zip("abc", (b"1", b"2", b"1"), strict=True):
        paths[name].write_bytes(content)
    table = table_of(("a", np.nan), ("b", np.nan), ("c", np.nan), ("d", 1.0), ("e", 1.0))
    findings = Findings()
    log_copies.tell_copies(table, paths, findings)
    assert findings.sentences() == [f"{FindingKind.DUPLICATE_LOGS}: 2 (c is a, e is d)"]


# Days without a log


def days_before(root: Path, *logs: int | None) -> None:
    """Receipts of the days before: their logs, the day right before first; None is partial."""
    for n, count in enumerate(logs, 1):
        date = DAY.date - dt.timedelta(days=n)
        state, percent = (
            (ReceiptState.PARTIAL, 0) if count is None else (ReceiptState.COMPLETE, 100)
        )
        receipt = Receipt(date, "darshan", Product.TTS, 1, "0" * 16, state, percent)
        Receipts(root).write(receipt, {"counts": {"logs": count or 0}})


ALWAYS = (1,) * 7


@pytest.mark.parametrize(
    ("logs", "is_partial"),
    [
        pytest.param(ALWAYS, True, id="each of seven days had logs"),
        pytest.param((None, *ALWAYS), True, id="a day after one that lacks its logs"),
        pytest.param(ALWAYS[1:], False, id="six days are not enough"),
        pytest.param((1, 1, 1, 1, 1, 0, 0), False, id="idle weekends"),
        pytest.param((1, 1, 1, 1, 1, 1, 0), False, id="an idle day a week before"),
        pytest.param((*ALWAYS, 0), True, id="an idle day eight days before"),
    ],
)
def test_a_day_without_a_log(
    logs: tuple[int | None, ...], is_partial: bool, tmp_path: Path, site: Site, capsys: Capture
) -> None:
    (tmp_path / "logs").mkdir()
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, **FOREVER)
    days_before(tmp_path / "archive", *logs)
    assert night() == (PARTIAL if is_partial else COMPLETE)
    said = "partial <1 %: no log in the day's folder, and each of the last 7 complete days had some"
    assert (said in capsys.readouterr().out) == is_partial
    assert bool(found(tmp_path, FindingKind.NO_LOGS)) == is_partial


def test_a_day_without_a_log_of_which_an_operator_says_so(
    tmp_path: Path, site: Site, capsys: Capture
) -> None:
    """As the message says: it is done then, and no day after it is measured by it."""
    (tmp_path / "logs").mkdir()
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, **FOREVER)
    days_before(tmp_path / "archive", *ALWAYS)
    assert night() == PARTIAL
    day = ["--start", DATE, "--stop", DATE, "--instance", "darshan"]
    assert main(["invalidate", *day]) == COMPLETE
    assert main(["mark-empty", *day, "--why", "holiday"]) == COMPLETE
    assert main(["status", "--start", DATE, "--stop", DATE]) == COMPLETE


def test_a_log_that_comes_late_makes_the_day_complete(tmp_path: Path, site: Site) -> None:
    (tmp_path / "logs").mkdir()
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, **FOREVER)
    days_before(tmp_path / "archive", *ALWAYS)
    assert night() == PARTIAL
    shutil.copy(LOGS[0], tmp_path / "logs")
    assert night() == COMPLETE
    assert names(tmp_path) == [LOGS[0].name]


def test_logs_whose_folder_moves_are_the_same_logs(
    logs: list[Path], site: Site, tmp_path: Path, capsys: Capture
) -> None:
    """Neither counted twice nor called gone, also one that comes at the same time, and one that is
    purged later; one of their name and another size is another log.
    """
    assert night() == COMPLETE
    folder = logs[0].parent.rename(tmp_path / "elsewhere")
    shutil.copy(LOGS[3], folder)
    site({"darshan": {"kind": "darshan", "logs": "elsewhere"}}, **FOREVER)
    capsys.readouterr()
    assert night() == COMPLETE
    assert names(tmp_path) == sorted(log.name for log in LOGS[:4])
    assert not found(tmp_path, FindingKind.LOGS_GONE)
    assert not found(tmp_path, FindingKind.DUPLICATE_LOGS)
    (folder / LOGS[1].name).unlink()
    assert night() == COMPLETE
    assert names(tmp_path) == sorted(log.name for log in LOGS[:4])
    (folder / "again").mkdir()
    shutil.copy(LOGS[4], folder / "again" / LOGS[1].name)
    assert night() == COMPLETE
    assert len(names(tmp_path)) == 5
