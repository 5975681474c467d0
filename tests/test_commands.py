"""The commands as a person types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archive_tools.command import main
from pipeline.command import main as pipeline_main

DATE = "2026-11-22"


@pytest.fixture
def archive(tmp_path: Path, site, darshan_source: dict[str, Any]) -> Path:  # type: ignore[no-untyped-def]
    site({"darshan": darshan_source}, mount_to_fsname={"^/scratch": "scratch", "^/project": "project"})
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
    assert json.loads(capsys.readouterr().out)["datasets"]["mdtargets/opens"]["columns"] == ["UNKNOWN", "project", "scratch"]
    assert main(["summarize", file]) == 0
    assert "6.3 GiB" in capsys.readouterr().out
    assert main(["summarize", "--json", file]) == 0
    written = next(item for item in json.loads(capsys.readouterr().out) if item["dataset"] == "datatargets/writebytes")
    assert round(written["total"] / 2**20) == 6452
    assert written["missing"] == 0


def test_errors_are_one_line(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    for command in (["info", str(archive / "none.hdf5")], ["ls", str(archive / "none")], ["summarize", str(archive / f"2026/{DATE}/darshan_index.sqlite")]):
        assert main(command) == 1
        shown = capsys.readouterr()
        assert shown.err.startswith("tokio-archive: ")
        assert shown.err.count("\n") == 1
    with pytest.raises(SystemExit) as stopped:
        main(["nonsense"])
    assert stopped.value.code == 2


def test_the_report_escapes_what_users_chose(tmp_path: Path, site, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    import shutil

    from tests.conftest import SITEDAY_LOGS

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
