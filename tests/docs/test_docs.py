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
from typing import Any

import pytest

from pipeline import site as sites
from pipeline.cli.main import main
from pipeline.sources import registry as sources
from tests.support.lmtdb import make_lmt
from tests.support.paths import ROOT, SITEDAY_LOGS


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three days of the README's example, as `make nightly` makes the last of
    them.
    """
    root = tmp_path_factory.mktemp("example")
    folder = root / "examples/site"
    shutil.copytree(SITEDAY_LOGS, folder / "darshan/2026/11/22")
    shutil.copy(ROOT / "examples/site/site.json", folder)
    (folder / "lmt").mkdir()
    for day in (20, 21, 22):
        date = dt.date(2026, 11, day)
        make_lmt.make(folder / f"lmt/lmt_{date}.sqlite3", date, osts=6, oss=2, mds=2)
        assert main(["nightly", "--site", str(folder / "site.json"), "--date", str(date)]) == (
            0 if day == 22 else 1
        ), "no logs but on the 22nd"
    return root


def run_python(document: str) -> dict[str, Any]:
    """Run the Python blocks of a document, one after the other; the names that they left."""
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.DOTALL):
        exec(code, names)
    return names


@pytest.mark.system
def test_readme_python(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(example)
    names = run_python("README.md")
    assert names["frame"].shape == (720, 6)
    assert names["archive"].instances() == ["darshan", "scratch"]


@pytest.mark.system
def test_reading_python(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way gives the same numbers."""
    monkeypatch.chdir(example)
    names = run_python("docs/reading.md")
    written = names["written"]
    assert written.shape == (3 * 17280, 6)
    assert names["hour"].shape == (60, 4)
    assert names["by_hour"].values.shape == (24, 6)
    assert names["gib_a_day"].sum() == pytest.approx(written.sum().sum() / 2**30)
    assert names["absent"].sum().sum() == written.iloc[-17280:].isna().sum().sum() > 0
    assert names["percent"].shape == (3, 6)
    assert "dataservers/cpuload" in names["names"]
    assert names["unit"] == "bytes"
    assert names["busiest"].sizes == {"timestamps": 72}
    assert float(names["share"].sum()) == pytest.approx(1)
    assert names["opens"].sizes == {"timestamps": 17280}
    read = names["archive"].to_dataframe(
        "scratch", "datatargets/readbytes", "2026-11-22", "2026-11-23"
    )
    assert names["total"] == read.sum().sum()
    assert names["top"].mib.sum() == pytest.approx(
        names["by_program"]["bytes_written"].sum() / 2**20
    )
    assert names["rows"][0][3] > 0
    assert names["amounts"].shape == (len(names["posix"]),)
    assert names["on_scratch"] == 201326592
    assert names["speed"].sum() * 60 >= names["on_scratch"]


@pytest.mark.system
def test_from_pytokio_python(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page shows for the calls of the old library, in a copy of the archive."""
    monkeypatch.chdir(example)
    names = run_python("docs/from_pytokio.md")
    assert names["rates"].shape == (8 * 720, 6)
    assert names["frame"].shape == names["absent"].shape == (17280, 6)
    assert 0 < names["percent_full"] < 100
    assert names["by_hour"].values[:, 0].tolist()[1:] == [1500.0] * 23
    assert names["by_hour"].unit == "W"
    assert names["path"].is_file()
    from archive_tools.cli.main import main as tokio_archive

    try:
        assert tokio_archive(["check", str(names["path"])]) == 0
    finally:
        for made in [names["path"], *example.rglob("*.racks.tts.*")]:
            made.unlink()


def test_operations_names_every_key() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    for key in sites.Site.model_fields:
        if key != "folder":
            assert f"`{key}`" in text, key


@pytest.mark.parametrize("kind", sources.own_kinds())
def test_operations_names_every_key_of_every_source(kind: str) -> None:
    text = (ROOT / "docs/operations.md").read_text()
    for key in sources.find(kind).Options.model_fields:
        assert f"`{key}`" in text, key


@pytest.mark.parametrize("path", ["site.json", "examples/site/site.json"])
def test_the_site_files_that_ship_are_right(path: str) -> None:
    json.loads((ROOT / path).read_text())
    assert main(["check-config", "--site", str(ROOT / path)]) == 0


def test_links_lead_somewhere() -> None:
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            assert link.startswith("http") or (document.parent / link).exists(), (
                f"{document.name}: {link}"
            )


BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.system
def test_add_a_source_step_by_step(tmp_path: Path) -> None:
    """Every file that the page shows is written into a copy of the project, every command is run
    there; pip installs the package into a folder of the test, without a network.
    """
    for name in ("pipeline", "archive_tools", "tests"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "data")
        )
    for name in ("setup.cfg", "pyproject.toml", "ruff.toml"):
        shutil.copy(ROOT / name, tmp_path)
    installed = tmp_path / "installed"
    environment = os.environ | {
        "PYTHONPATH": f"{tmp_path}:{installed}",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PIP_TARGET": str(installed),
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    environment.pop("TOKIO_SITE", None)
    done = []
    for language, path, content in BLOCK.findall((ROOT / "docs/add_a_source.md").read_text()):
        if path:
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(content)
            continue
        assert language == "sh"
        shown = subprocess.run(
            ["bash", "-e", "-c", content],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert shown.returncode == 0, shown.stdout + shown.stderr
        done.append(shown.stdout)
    inside, night, _, outside, other_night = done
    for checked in (inside, outside):
        assert "no issues found" in checked
        assert "passed" in checked
        assert "failed" not in checked
    for shown_at_night in (night, other_night):
        assert "nas: zpool, a row every 60 s" in shown_at_night
        assert "partial" in shown_at_night
        assert "datatargets/writebytes" in shown_at_night
    assert (installed / "tokio_zpool/zpool.toml").is_file()
    assert not (tmp_path / "pipeline/sources/zpool.py").exists(), (
        "the second night is the package's"
    )


def test_paths_that_the_documents_name_are_there() -> None:
    """Files and packages in back quotes, but archives that a run makes and names to fill in."""
    missing = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        if page.name == "CHANGELOG.md":
            continue
        named = re.findall(
            r"`((?:pipeline|archive_tools|tests|tools|benchmarks|examples)/[\w/.-]*)`",
            page.read_text("utf-8"),
        )
        missing += [f"{page.name}: {path}" for path in named if not (ROOT / path).exists()]
    missing = [one for one in missing if "KIND" not in one and not re.search("/archive(/|$)", one)]
    assert not missing
