"""The house's import rules: arrows point down only, and the rooms in the middle do not know each
other.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOOR = {"pipeline.model", "pipeline.schemas.source_maps", "pipeline.site", "archive_tools.core"}
ALLOWED = {
    "pipeline.model": {"pipeline.model"},
    "archive_tools.core": {"archive_tools.core"},
    "pipeline.schemas.source_maps": {"archive_tools.core"},
    "pipeline.site": {"archive_tools.core", "pipeline.model"},
    "pipeline.sources": FLOOR | {"pipeline.sources"},
    "pipeline.transform": FLOOR | {"pipeline.transform"},
    "archive_tools": FLOOR | {"archive_tools"},
    "pipeline.tasks": (
        FLOOR | {"pipeline.sources", "pipeline.transform", "archive_tools", "pipeline.tasks"}
    ),
    "pipeline.darshan_commands": FLOOR | {"pipeline.sources", "pipeline.transform"},
    "pipeline.commands": (
        FLOOR | {"pipeline.sources", "archive_tools", "pipeline.tasks", "pipeline.commands"}
    ),
    "pipeline.command": FLOOR | {"pipeline.sources", "archive_tools", "pipeline.commands"},
}
HEAVY = (
    "luigi",
    "darshan",
    "cffi",
    "connectorx",
    "pydantic",
    "pandas",
    "pyarrow",
    "matplotlib",
    "xarray",
)


def modules() -> Iterator[tuple[str, Path]]:
    for package in ("pipeline", "archive_tools"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            yield name, path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            assert node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(name: str) -> str | None:
    return next(
        (
            room
            for room in sorted(ALLOWED, key=len, reverse=True)
            if name == room or name.startswith(f"{room}.")
        ),
        None,
    )


@pytest.mark.parametrize(
    ("name", "path"), [pytest.param(n, p, id=n) for n, p in modules() if n != "pipeline"]
)
def test_a_module_imports_only_what_its_room_may(name: str, path: Path) -> None:
    here = room(name)
    assert here, f"{name} is in no room"
    for imported in imports(path):
        there = room(imported)
        if imported.startswith(("pipeline", "archive_tools")):
            assert there in ALLOWED[here], f"{name} imports {imported}"


def test_pipeline_package_is_empty() -> None:
    assert (ROOT / "pipeline/__init__.py").read_text() == ""


def test_nothing_in_pipeline_or_archive_tools_prints_but_commands() -> None:
    for name, path in modules():
        if "command" not in name:
            calls = [
                n
                for n in ast.walk(ast.parse(path.read_text()))
                if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "print"
            ]
            assert not calls, name


def test_import_archive_tools_loads_nothing_heavy() -> None:
    code = f"import sys, archive_tools; print([m for m in {HEAVY!r} if m in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert shown.stdout.strip() == "[]"
