"""The commands as a person types them."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from archive_tools.cli.main import main
from pipeline.cli.darshan_logs import cache, summarize
from pipeline.cli.main import main as pipeline_main
from tests.support.paths import SITEDAY_LOGS

pytestmark = pytest.mark.system

DATE = "2026-11-22"


@pytest.fixture
def archive(tmp_path: Path, site, darshan_source: dict[str, Any]) -> Path:  # type: ignore[no-untyped-def]
    site(
        {"darshan": darshan_source},
        mount_to_fsname={"^/scratch": "scratch", "^/project": "project"},
    )
    assert pipeline_main(["nightly", "--date", DATE]) == 0
    return tmp_path / "archive"


def test_ls(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["ls", str(archive)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["instance", "days", "first", "last"]
    assert lines[1].split() == ["darshan", "1", DATE, DATE]
    assert main(["ls", "--json", str(archive)]) == 0
    assert json.loads(capsys.readouterr().out) == {"darshan": [DATE]}


def test_info_and_summarize(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(archive / f"2026/{DATE}/darshan.hdf5")
    capsys.readouterr()
    assert main(["info", file]) == 0
    shown = capsys.readouterr().out
    assert "datatargets/writebytes" in shown
    assert "(2026-11-22T00:00:00Z)" in shown
    assert main(["info", "--json", file]) == 0
    assert json.loads(capsys.readouterr().out)["datasets"]["mdtargets/opens"]["columns"] == [
        "UNKNOWN",
        "project",
        "scratch",
    ]
    assert main(["summarize", file]) == 0
    assert "6.3 GiB" in capsys.readouterr().out
    assert main(["summarize", "--json", file]) == 0
    written = next(
        item
        for item in json.loads(capsys.readouterr().out)
        if item["dataset"] == "datatargets/writebytes"
    )
    assert round(written["total"] / 2**20) == 6452
    assert written["missing"] == 0


def test_errors_are_one_line(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    for command in (
        ["info", str(archive / "none.hdf5")],
        ["ls", str(archive / "none")],
        ["summarize", str(archive / f"2026/{DATE}/darshan_index.sqlite")],
    ):
        assert main(command) == 1
        shown = capsys.readouterr()
        assert shown.err.startswith("tokio-archive: ")
        assert shown.err.count("\n") == 1
    with pytest.raises(SystemExit) as stopped:
        main(["nonsense"])
    assert stopped.value.code == 2


def test_the_report_escapes_what_users_chose(
    tmp_path: Path, site, capsys: pytest.CaptureFixture[str]
) -> None:  # type: ignore[no-untyped-def]
    logs = tmp_path / "logs"
    logs.mkdir()
    log = next(p for p in sorted(SITEDAY_LOGS.iterdir()) if "_cat_" in p.name)
    shutil.copy(log, logs / "<script>alert(1)<_cat_id9_1-1-1-1_1.darshan")
    (logs / "<img src=x>.darshan").write_text("no log")
    site({"darshan": {"kind": "darshan", "logs": "logs"}})
    assert pipeline_main(["nightly", "--date", DATE]) == 0
    page = (tmp_path / f"archive/2026/{DATE}/report.html").read_text()
    assert "&lt;script&gt;alert(1)&lt;" in page
    assert "<script>" not in page
    assert "<img" not in page


LOGS = sorted(SITEDAY_LOGS.iterdir())
MPIIO = next(log for log in LOGS if "mpiio_id9100001" in log.name)


def test_cache_darshanlogs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cache([str(MPIIO)]) == 0
    log = json.loads(capsys.readouterr().out)
    assert (log["header"]["jobid"], log["header"]["nprocs"]) == ("9100001", 4)
    assert log["mounts"]["/scratch"] == "ext4"
    ((name, ranks),) = (
        (n, r) for n, r in log["counters"]["posix"].items() if n.startswith("/scratch")
    )
    assert ranks["-1"]["BYTES_WRITTEN"] == 201326592, name
    assert cache(["--total", "--perf", "-o", str(tmp_path / "out.json"), str(MPIIO)]) == 0
    log = json.loads((tmp_path / "out.json").read_text())
    assert log["counters"]["posix"]["_total"]["BYTES_WRITTEN"] == 201326592
    assert log["counters"]["mpiio"]["_perf"]["total_bytes"] == 402653184
    assert cache([str(tmp_path / "out.json")]) == 1
    assert "not a Darshan log" in capsys.readouterr().err


def test_summarize_darshanlogs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert summarize([str(log) for log in LOGS]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found) == 104
    assert found[str(MPIIO)] == {"/scratch": {"read_bytes": 201326592, "write_bytes": 201326592}}
    written = sum(mounts.get("/scratch", {}).get("write_bytes", 0) for mounts in found.values())
    assert round(written / 2**20, 1) == 4133.1
    (tmp_path / "bad").write_text("x")
    assert summarize([str(MPIIO), str(tmp_path / "bad")]) == 1
    shown = capsys.readouterr()
    assert "bad: not a Darshan log" in shown.err
    assert len(json.loads(shown.out)) == 1


def test_find_logs(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    site = ["--site", str(archive.parent / "site.json"), "--start", DATE]
    assert main(["find-logs", *site, "--job", "9100001"]) == 0
    assert capsys.readouterr().out.splitlines() == [str(MPIIO)]
    assert main(["find-logs", *site, "--user", "user01"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 52
    (archive / f"2026/{DATE}/darshan_index.sqlite").unlink()
    assert main(["find-logs", *site, "--user", "user01", "--job", "9100001"]) == 0
    assert capsys.readouterr().out.splitlines() == [str(MPIIO)]
    assert main(["find-logs", *site, "--job", "1"]) == 1


def test_scoreboard_adds_up_indexes(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A user who is in two indexes stands once, with the sum."""
    index = str(archive / f"2026/{DATE}/darshan_index.sqlite")
    capsys.readouterr()
    assert main(["scoreboard", "--json", "--by", "user", index]) == 0
    once = json.loads(capsys.readouterr().out)["user"]
    assert main(["scoreboard", "--json", "--by", "user", index, index]) == 0
    twice = json.loads(capsys.readouterr().out)["user"]
    assert [(s["name"], 2 * s["read"], 2 * s["written"]) for s in once] == [
        (s["name"], s["read"], s["written"]) for s in twice
    ]
    assert main(["scoreboard", str(archive), "--start", DATE, "--stop", DATE, "--limit", "3"]) == 0
    assert "3 of 9" in capsys.readouterr().out
    assert main(["scoreboard", str(archive), "--start", "2030-01-01"]) == 1


def test_scoreboard_of_an_index_that_pytokio_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = sqlite3.connect(tmp_path / "p.db")
    connection.executescript(
        """CREATE TABLE headers (log_id INTEGER PRIMARY KEY, filename CHAR UNIQUE,
            end_time INTEGER, exe CHAR, exename CHAR, jobid CHAR,
             nprocs INTEGER, start_time INTEGER, uid INTEGER, username CHAR, version CHAR,
                 walltime INTEGER);
           CREATE TABLE mounts (fs_id INTEGER PRIMARY KEY, mountpt CHAR UNIQUE, fsname CHAR);
           CREATE TABLE summaries (log_id INTEGER, fs_id INTEGER, bytes_read INTEGER,
               bytes_written INTEGER, UNIQUE (log_id, fs_id));
           INSERT INTO headers (log_id, username, exename) VALUES (1, 'glock',
               'vpicio_uni'); INSERT INTO mounts VALUES (1, '/scratch2', 'scratch2');
           INSERT INTO summaries VALUES (1, 1, 10, 20);"""
    )
    connection.close()
    assert main(["scoreboard", "--json", str(tmp_path / "p.db")]) == 0
    assert json.loads(capsys.readouterr().out)["fs"] == [
        {"name": "scratch2", "logs": 1, "read": 10, "written": 20}
    ]


def test_bad_osts(tmp_path: Path, site, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    """The wheel's example of a slow OST: number 14, as its documentation says."""
    examples = Path(importlib.util.find_spec("darshan").origin).parent / "examples/example_logs"  # type: ignore[union-attr,arg-type]
    (tmp_path / "logs").mkdir()
    shutil.copy(examples / "sample-badost.darshan", tmp_path / "logs")
    site({"darshan": {"kind": "darshan", "logs": "logs"}})
    assert pipeline_main(["nightly", "--date", "2026-11-21"]) == 0
    capsys.readouterr()
    file = str(tmp_path / "archive/2026/2026-11-21/darshan.hdf5")
    assert main(["bad-osts", "--json", file]) == 0
    worst, *others = json.loads(capsys.readouterr().out)
    assert (worst["ost"], round(worst["coefficient"], 1)) == (14, -0.7)
    assert worst["adjusted"] < 1e-100 < min(one["adjusted"] for one in others)
    assert all(one["adjusted"] >= one["p_value"] for one in others)
    assert main(["bad-osts", file]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("14")
