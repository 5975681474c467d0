"""Logs that are filed under a day on which their job did not run are named."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from archive_tools.core.vocabulary import FindingKind
from pipeline.cli.main import COMPLETE, main
from tests.support.darshan_bytes import LogBytes
from tests.support.nights import FOREVER
from tests.support.paths import SITEDAY_LOGS

Site = Callable[..., Path]
Capture = pytest.CaptureFixture[str]
LOGS = sorted(SITEDAY_LOGS.iterdir())
START, END = 8, 24
"""Where a log's job says, in whole seconds, when it began and ended."""
KIND = FindingKind.LOGS_MISTIMED


def timed(log: Path, start: int, end: int) -> bytes:
    """A log whose job says other times."""
    content = LogBytes.of(log)
    job = bytearray(content.job)
    struct.pack_into("<q", job, START, start)
    struct.pack_into("<q", job, END, end)
    return replace(content, job=bytes(job)).content()


@pytest.fixture
def folder(tmp_path: Path, site: Site) -> Path:
    """A folder of the day 2026-11-22, the one of these logs, with two of them."""
    site({"darshan": {"kind": "darshan", "logs": "logs/%Y-%m-%d"}}, **FOREVER)
    found = tmp_path / "logs/2026-11-22"
    found.mkdir(parents=True)
    for log in LOGS[:2]:
        shutil.copy(log, found)
    return found


def said(capsys: Capture, date: str) -> list[str]:
    """What a quiet night says of a complete day."""
    assert main(["nightly", "--date", date, "--quiet"]) == COMPLETE
    return [line.strip() for line in capsys.readouterr().out.splitlines() if KIND in line]


def test_nothing_is_said_of_logs_of_their_day(folder: Path, capsys: Capture) -> None:
    assert said(capsys, "2026-11-22") == []


def test_a_log_in_another_days_folder_is_named(folder: Path, capsys: Capture) -> None:
    other = folder.parent / "2026-10-01"
    other.mkdir()
    shutil.copy(LOGS[2], other)
    assert said(capsys, "2026-10-01") == [f"{KIND}: 1 ({LOGS[2].name})"]


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 2**40), (2**40, 0), (0, 0), (1763769600, 2**62), (2**63 - 1, 2**63 - 1), (-5, 5)],
)
def test_a_log_of_absurd_times_is_named(
    folder: Path, capsys: Capture, start: int, end: int
) -> None:
    (folder / "absurd.darshan").write_bytes(timed(LOGS[2], start, end))
    assert said(capsys, "2026-11-22") == [f"{KIND}: 1 (absurd.darshan)"]


def test_a_folder_for_every_day_is_doubted_and_its_logs_are_named(
    tmp_path: Path, site: Site, folder: Path, capsys: Capture
) -> None:
    site({"darshan": {"kind": "darshan", "logs": ["logs", "%Y-%m", "%d"]}}, **FOREVER)
    assert main(["check-config"]) == COMPLETE
    shown = capsys.readouterr().out
    for name, is_doubted in {"logs": True, "%Y-%m": True, "%d": False}.items():
        assert (f"/{name}' does not say the day" in shown) == is_doubted
    assert said(capsys, "2026-11-22") == []
    assert len(said(capsys, "2026-11-23")) == 1


def test_a_template_with_a_date_is_not_doubted(folder: Path, capsys: Capture) -> None:
    assert main(["check-config"]) == COMPLETE
    assert "look again" not in capsys.readouterr().out
