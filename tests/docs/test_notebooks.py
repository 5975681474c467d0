"""The notebooks run from their first cell to their last, in a copy of their folder."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.system

PICTURES = {"day": 2, "job": 1, "month": 2, "umami": 1}
"""How many pictures each draws."""


def outputs(notebook: Any) -> list[Any]:
    return [
        output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
    ]


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "examples").glob("*.ipynb")))
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_notebook(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "examples"
    shutil.copytree(
        ROOT / "examples",
        folder,
        ignore=shutil.ignore_patterns("archive", "lmt", "month", ".ipynb_checkpoints"),
    )
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    for variable in ("TOKIO_SITE", "TOKIO_ARCHIVE"):
        monkeypatch.delenv(variable, raising=False)
    notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    nbclient.NotebookClient(
        notebook, timeout=300, record_timing=False, resources={"metadata": {"path": str(folder)}}
    ).execute()
    reported = outputs(notebook)
    assert [one for one in reported if one.get("name") == "stderr"] == []
    assert sum("image/png" in one.get("data", {}) for one in reported) == PICTURES[name]
    if target := os.environ.get("TOKIO_NOTEBOOKS"):  # where to keep them as they were run
        nbformat.write(notebook, Path(target) / f"{name}.ipynb")  # type: ignore[no-untyped-call]
