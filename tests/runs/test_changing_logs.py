"""Logs that are written, replaced and purged while their day is read."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from archive_tools.formats import darshan_tables
from pipeline.building import log_reading
from pipeline.building.run_context import current
from pipeline.cli.main import COMPLETE, FAILED, PARTIAL, main
from tests.support.nights import DATE, FOREVER, some_logs

Site = Callable[..., Path]
Capture = pytest.CaptureFixture[str]


def night(site: Site) -> int:
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, **FOREVER)
    current().answers.forget()
    return main(["nightly", "--date", DATE])


def names(tmp_path: Path, table: str = "logs") -> list[str]:
    path = tmp_path / f"archive/2026/{DATE}/darshan.hdf5"
    return sorted(darshan_tables.read_table(path, table)["filename"].tolist())


@contextlib.contextmanager
def for_ever(change: Callable[[int], None]) -> Iterator[None]:
    """Do something again and again meanwhile."""
    over = threading.Event()

    def changing() -> None:
        number = 0
        while not over.wait(0.001):
            number += 1
            change(number)

    thread = threading.Thread(target=changing)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def touched(log: Path, number: int) -> None:
    os.utime(log, ns=(number, number))


def replaced(log: Path, number: int) -> None:
    new = log.with_name(".new")
    shutil.copy(log, new)
    os.utime(new, ns=(number, number))
    new.replace(log)


@pytest.mark.parametrize("change", [touched, replaced])
def test_a_log_that_never_rests_costs_itself_night_after_night(
    tmp_path: Path, site: Site, capsys: Capture, change: Callable[[Path, int], None]
) -> None:
    """Then it rests, and is read."""
    restless, *others = some_logs(tmp_path / "logs", 4)
    with for_ever(lambda number: change(restless, number)):
        for _ in range(2):
            assert night(site) == PARTIAL
            assert names(tmp_path) == sorted(log.name for log in others)
            assert names(tmp_path, "rejects") == [restless.name]
            assert "1 logs changed while the day was read" in capsys.readouterr().out
    assert night(site) == COMPLETE
    assert restless.name in names(tmp_path)
    assert not names(tmp_path, "rejects")


def during_the_reading(monkeypatch: pytest.MonkeyPatch, do: Callable[[], Any]) -> None:
    """Do something once between the listing and the reading."""
    real = log_reading.LogReading.add_to

    def reading(self: Any, *given: Any) -> Any:
        monkeypatch.setattr(log_reading.LogReading, "add_to", real)
        do()
        return real(self, *given)

    monkeypatch.setattr(log_reading.LogReading, "add_to", reading)


def test_a_log_that_is_purged_before_it_is_read_is_said_and_the_day_comes_to_rest(
    tmp_path: Path, site: Site, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    purged, *others = some_logs(tmp_path / "logs", 4)
    during_the_reading(monkeypatch, purged.unlink)
    assert night(site) == PARTIAL
    assert "1 log went while the day was read" in capsys.readouterr().out
    assert names(tmp_path) == sorted(log.name for log in others)
    assert night(site) == COMPLETE
    report = (tmp_path / f"archive/2026/{DATE}/report.html").read_text()
    assert "logs that were gone before they were read: 1" in report


def test_an_archived_log_that_goes_stays(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing is kept of the logs, and the day is read again without it."""
    logs = some_logs(tmp_path / "logs", 4)
    assert night(site) == COMPLETE
    shutil.rmtree(tmp_path / f"archive/raw/2026/{DATE}/darshan.reduced")
    late = Path(shutil.copy(logs[0], tmp_path / "logs/late.darshan"))
    during_the_reading(monkeypatch, logs[1].unlink)
    assert night(site) == FAILED
    assert names(tmp_path) == sorted(log.name for log in logs)
    assert late.is_file()
