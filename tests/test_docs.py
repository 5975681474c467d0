"""What the documents show is run."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import site as sites
from pipeline import sources
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


@pytest.mark.parametrize("kind", sources.kinds())
def test_operations_names_every_key_of_every_source(kind: str) -> None:
    text = (ROOT / "docs/operations.md").read_text()
    for key in sources.find(kind).Options.model_fields:
        assert f"`{key}`" in text, key


@pytest.mark.parametrize("path", ["site.json", "examples/site/site.json"])
def test_the_site_files_that_ship_are_right(path: str) -> None:
    json.loads((ROOT / path).read_text())
    assert main(["check-config", "--site", str(ROOT / path)]) == 0


def test_links_lead_somewhere() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            assert link.startswith("http") or (document.parent / link).exists(), f"{document.name}: {link}"


def test_add_a_source_step_by_step(tmp_path: Path) -> None:
    """Every file that the walk shows is written into a copy of the project, every command is run there."""
    for name in ("pipeline", "archive_tools", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "data"))
    for name in ("setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment.pop("TOKIO_SITE", None)
    steps = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```", (ROOT / "docs/add_a_source.md").read_text(), re.DOTALL | re.MULTILINE)
    done = []
    for language, path, content in steps:
        if path:
            (tmp_path / path).write_text(content)
        else:
            assert language == "sh"
            shown = subprocess.run(["bash", "-e", "-c", content], cwd=tmp_path, env=environment, capture_output=True, text=True)
            assert shown.returncode == 0, shown.stdout + shown.stderr
            done.append(shown.stdout)
    assert len(done) == 2
    assert "passed" in done[0]
    assert "failed" not in done[0]
    assert "partial" in done[1]
    assert "datatargets/writebytes" in done[1]
    for tool in (["ruff", "check", "--config", str(ROOT / "ruff.toml")], ["mypy", "--config-file", str(ROOT / "setup.cfg")]):
        shown = subprocess.run([*tool, "pipeline/sources/zpool.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert shown.returncode == 0, shown.stdout + shown.stderr
