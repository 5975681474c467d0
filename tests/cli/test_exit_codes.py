"""Exit codes are those that the operator's guide has, also where only the metrics are lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli import exit_codes
from pipeline.cli.main import COMPLETE, FAILED, main
from tests.support.nights import DATE, FOREVER, lmt_db, lmt_source
from tests.support.paths import ROOT

pytestmark = pytest.mark.system

Site = Callable[..., Path]
Capture = pytest.CaptureFixture[str]
SPAN = ["--start", DATE, "--stop", DATE]


@pytest.fixture
def complete(tmp_path: Path, site: Site) -> Path:
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")}, **FOREVER)
    assert main(["nightly", "--date", DATE]) == COMPLETE
    return tmp_path


def test_the_table_of_exit_codes() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    table = text[text.index("| exit code | meaning |") :].partition("\n\n")[0]
    documented = dict(re.findall(r"^\| (\d) \| (.*) \|$", table, re.MULTILINE))
    words = {
        exit_codes.COMPLETE: "complete",
        exit_codes.FAILED: "failed, is missing or expired",
        exit_codes.USAGE: "nothing was run",
        exit_codes.PARTIAL: "partial, late or stale",
        exit_codes.BUSY: "another run holds the day",
    }
    assert list(documented) == [str(code) for code in sorted(words)]
    for code, meaning in words.items():
        assert meaning in documented[str(code)]


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("folder", "Is a directory"),
        ("lmt.db/tokio.prom", "Not a directory|File exists"),
        ("/proc/none/tokio.prom", "No such file or directory"),
        ("/sys/tokio.prom", "Operation not permitted|Permission denied|Read-only file system"),
    ],
)
def test_a_metrics_file_that_cannot_be_written(
    complete: Path, capsys: Capture, place: str, why: str
) -> None:
    (complete / "folder").mkdir()
    path = complete / place
    capsys.readouterr()
    assert main(["status", *SPAN, "--textfile", str(path)]) == FAILED
    shown = capsys.readouterr()
    assert f"{DATE}  complete" in shown.out, "what was requested is shown all the same"
    assert re.search(
        rf"the metrics file {path} cannot be written: ({why}); to do: look at the folder and the"
        r" rights of the account \w",
        shown.err,
    )


def test_a_run_that_cannot_be_noted_for_monitoring(complete: Path, capsys: Capture) -> None:
    note = complete / "archive/receipts/last_nightly.json"
    note.unlink()
    note.mkdir()
    capsys.readouterr()
    assert main(["nightly", "--quiet", "--date", DATE]) == FAILED
    assert "the run could not be noted for monitoring" in capsys.readouterr().err
    note.rmdir()
    assert main(["nightly", "--quiet", "--date", DATE]) == COMPLETE
