"""Darshan logs for users of the old tools and of Python: indexes of any logs, single logs, JSON."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from archive_tools.cli.main import main
from pipeline.building import log_index
from pipeline.cli.index_darshanlogs import main as index_darshanlogs
from tests.support.paths import SITEDAY_LOGS

pytestmark = pytest.mark.system

LOGS = sorted(SITEDAY_LOGS.iterdir())
MPIIO = next(log for log in LOGS if "mpiio_id9100001" in log.name)
SOME = [MPIIO, *[log for log in LOGS if "_fpp_" in log.name][:3]]


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Some logs in folders of several depths; no site file is near."""
    monkeypatch.delenv("TOKIO_SITE", raising=False)
    monkeypatch.chdir(tmp_path)
    for place, log in zip(("2026/11/21", "2026/11/22", "2026/11/22/deep", "."), SOME, strict=True):
        folder = tmp_path / "logs" / place
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(log, folder)
    return tmp_path / "logs"


def rows(file: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(file)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


BYTES = "SELECT filename, mountpt, bytes_written FROM summaries JOIN headers USING (log_id)"
BYTES += " JOIN mounts USING (fs_id) ORDER BY 1, 2"


def test_index_of_folders_of_any_depth(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (logs / "README").write_text("not a log")
    assert index_darshanlogs([str(logs), "-o", "all.db", "-t", "2", "-v"]) == 0
    assert capsys.readouterr().out == "all.db: 4 logs added, 0 in it already, 0 cannot be read\n"
    assert rows(Path("all.db"), "SELECT filename FROM headers ORDER BY 1") == [
        (name,) for name in sorted(log.name for log in SOME)
    ]
    assert (MPIIO.name, "/scratch", 201326592) in rows(Path("all.db"), BYTES)
    assert rows(Path("all.db"), "SELECT folder FROM headers WHERE jobid = '9100001'") == [
        (str(logs / "2026/11/21"),)
    ]
    assert main(["scoreboard", "all.db", "--by", "fs"]) == 0


def test_an_index_grows_and_reads_nothing_twice(
    logs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    index, first, second = Path("i.db"), logs / SOME[3].name, logs / "2026"
    assert index_darshanlogs([str(first), "-o", "i.db"]) == 0
    assert index_darshanlogs([str(second), str(first), "-o", "i.db", "-v"]) == 0
    assert "3 logs added, 1 in it already" in capsys.readouterr().out
    assert len(rows(index, "SELECT * FROM headers")) == 4
    with monkeypatch.context() as patched:
        patched.setattr(log_index.isolated, "run", lambda job: pytest.fail("read again"))
        assert index_darshanlogs([str(logs), "-o", "i.db"]) == 0
    before = rows(index, BYTES)
    os.utime(first, (1, 1))
    assert index_darshanlogs([str(logs), "-o", "i.db", "-v"]) == 0
    assert "1 logs added, 3 in it already" in capsys.readouterr().out
    assert rows(index, BYTES) == before


def test_two_logs_of_one_name(logs: Path) -> None:
    shutil.copy(MPIIO, logs / "2026/11/22")
    assert index_darshanlogs([str(logs), "-o", "i.db"]) == 0
    assert {name for (name,) in rows(Path("i.db"), "SELECT filename FROM headers")} == {
        *(log.name for log in SOME),
        str(logs / "2026/11/22" / MPIIO.name),
    }


def test_logs_that_cannot_be_read(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (logs / "bad.darshan").write_text("x" * 5000)
    (logs / "other").write_text("x")
    given = [str(logs), str(logs / "other"), str(logs / "none"), "-o", "i.db"]
    assert index_darshanlogs(given) == 1
    said = capsys.readouterr().err
    assert "bad.darshan: named like a Darshan log but not one" in said
    assert "other: neither its name nor its content" in said
    assert "none: it is not there" in said
    assert rows(Path("i.db"), "SELECT filename FROM rejects") == [("bad.darshan",)]
    assert index_darshanlogs([*given, "-q"]) == 1
    assert capsys.readouterr().err == ""
    shutil.copy(MPIIO, logs / "bad.darshan")
    assert index_darshanlogs([str(logs), "-o", "i.db"]) == 0
    assert rows(Path("i.db"), "SELECT * FROM rejects") == []
    assert len(rows(Path("i.db"), "SELECT * FROM headers")) == 5


def test_names_of_file_systems(logs: Path) -> None:
    assert index_darshanlogs([str(MPIIO), "-o", "i.db"]) == 0
    query = "SELECT fsname FROM mounts WHERE mountpt = '/scratch'"
    assert rows(Path("i.db"), query) == [("/scratch",)]
    Path("site.json").write_text('{"mount_to_fsname": {"^/scratch": "big"}}')
    assert index_darshanlogs([str(MPIIO), "-o", "i.db"]) == 0
    assert rows(Path("i.db"), query) == [("big",)]
    Path("bad.json").write_text('{"mount_to_fsname": {"(": "big"}}')
    assert index_darshanlogs([str(MPIIO), "-o", "i.db", "--site", "bad.json"]) == 1


def test_large_logs_are_read_without_what_is_not_summed(logs: Path) -> None:
    assert index_darshanlogs([str(MPIIO), "-o", "whole.db"]) == 0
    assert index_darshanlogs([str(MPIIO), "-o", "lean.db", "-m", "0.0001"]) == 0
    assert index_darshanlogs([str(MPIIO), "-o", "same.db", "-m", "1000"]) == 0
    query = "SELECT mpiio_bytes_written, posix_agg_perf IS NULL FROM headers"
    assert rows(Path("whole.db"), query) == rows(Path("same.db"), query) == [(201326592, 0)]
    assert rows(Path("lean.db"), query) == [(None, 1)]
    assert rows(Path("whole.db"), BYTES) == rows(Path("lean.db"), BYTES)


@pytest.mark.parametrize("content", ["text", "tables"])
def test_another_file_is_not_an_index(
    content: str, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content == "text":
        Path("i.db").write_text("text " * 1000)
    else:
        connection = sqlite3.connect("i.db")
        connection.execute("CREATE TABLE headers (log_id INTEGER)")
        connection.close()
    before = Path("i.db").read_bytes()
    assert index_darshanlogs([str(MPIIO), "-o", "i.db"]) == 1
    assert "i.db" in capsys.readouterr().err
    assert Path("i.db").read_bytes() == before
    assert index_darshanlogs([str(MPIIO), "-o", "none/i.db"]) == 1


def test_logs_that_make_the_library_crash(logs: Path) -> None:
    """They cost themselves, and no log that is read after them."""
    poison = Path(__file__).resolve().parents[3] / "shared/cases/darshan/poison.darshan"
    if not poison.is_file():
        pytest.skip("needs the crafted logs")
    for place in (".", "2026/11", "2026/11/22/deep"):
        shutil.copy(poison, logs / place / f"a{len(place)}.darshan")
    index_darshanlogs([str(logs), "-o", "i.db"])
    names = {name for (name,) in rows(Path("i.db"), "SELECT filename FROM headers")}
    assert names >= {log.name for log in SOME}
    assert len(rows(Path("i.db"), "SELECT * FROM log_files")) == 7
