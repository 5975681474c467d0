"""Small inputs that showed faults of sources, with the right results."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import numpy as np
import pytest

import archive_tools
from archive_tools.store.receipts import Receipts
from pipeline.cli.main import main
from pipeline.tasks.context import current
from tests.support.paths import ROOT, needed

pytestmark = pytest.mark.system

DATE = "2026-11-22"


@pytest.fixture
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the case that the test is named after."""
    folder = ROOT.parent / "shared/cases/servers" / request.node.name.removeprefix("test_")
    if not folder.is_dir():
        needed(f"the case in {folder}")
    return Path(shutil.copytree(folder, tmp_path / "case"))


def night(case: Path, date: str = DATE) -> tuple[int, list[str]]:
    """Exit code, and what the receipts of the series say was odd."""
    current().answers.forget()
    code = main(["nightly", "--site", str(case / "site.json"), "--date", date])
    day = Receipts(case / "archive").day(dt.date.fromisoformat(date))
    findings: list[str] = []
    for receipt in day.all:
        if receipt.product == "tts":
            findings += day.content(receipt).get("findings", [])
    return code, findings


def test_jitter_at_row_edge(case: Path) -> None:
    night(case)
    with archive_tools.open_tts(case / f"archive/2026/{DATE}/x.hdf5") as tts:
        values = tts.to_numpy("datatargets/writebytes")[:, 0]
    assert values.tolist() == [900_000.0] * 96


def test_bonded_network_thrice(case: Path) -> None:
    _, findings = night(case)
    (said, *_) = [text for text in findings if "lie on others" in text]
    for word in ("bond0", "bond0.12 is of bond0", "eno1", "eno2", "interfaces"):
        assert word in said


def test_no_lun_map(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = night(case)
    assert code == 1
    shown = capsys.readouterr().out
    assert "devices that mmperfmon_lun_map does not know: 1 (ddn1d01)" in shown


def test_figures_of_the_cases_are_finite(tmp_path: Path) -> None:
    """Every case builds or says why, and no figure is infinite or negative."""
    cases = ROOT.parent / "shared/cases/servers"
    if not cases.is_dir():
        needed(f"the cases in {cases}")
    for folder in sorted(path for path in cases.iterdir() if path.is_dir()):
        copy = Path(shutil.copytree(folder, tmp_path / folder.name))
        if "url" in (copy / "site.json").read_text():
            continue
        code, _ = night(copy)
        assert code in (0, 1, 3), folder.name
        for file in (copy / "archive").glob("2026/*/*.hdf5"):
            with archive_tools.open_tts(file) as tts:
                for name in tts.datasets():
                    values = tts.to_numpy(name)
                    assert not np.isinf(values).any(), (folder.name, name)
                    assert not (values < 0).any(), (folder.name, name)
