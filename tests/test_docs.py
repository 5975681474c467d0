"""What the documents show is run."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
from pathlib import Path

import pytest

from pipeline import site as sites
from pipeline.command import main
from tests.conftest import ROOT, SITEDAY_LOGS
from tests.lmtdb import make_lmt


def test_readme_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's example, on the README's archive, made anew in a temporary folder."""
    example = tmp_path / "examples/site"
    shutil.copytree(SITEDAY_LOGS, example / "darshan/2026/11/22")
    shutil.copy(ROOT / "examples/site/site.json", example)
    (example / "lmt").mkdir()
    make_lmt.make(example / "lmt/lmt_2026-11-22.sqlite3", dt.date(2026, 11, 22), osts=6, oss=2, mds=2)
    assert main(["nightly", "--site", str(example / "site.json"), "--date", "2026-11-22"]) == 0
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    frame = names["frame"]
    assert frame.shape == (720, 6)  # type: ignore[attr-defined]
    assert names["archive"].instances() == ["darshan", "scratch"]  # type: ignore[attr-defined]


def test_operations_names_every_key() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    for key in sites.Site.model_fields:
        if key != "folder":
            assert f"`{key}`" in text, key


@pytest.mark.parametrize("path", ["site.json", "examples/site/site.json"])
def test_the_site_files_that_ship_are_right(path: str) -> None:
    json.loads((ROOT / path).read_text())
    assert main(["check-config", "--site", str(ROOT / path)]) == 0


def test_links_lead_somewhere() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            assert link.startswith("http") or (document.parent / link).exists(), f"{document.name}: {link}"
