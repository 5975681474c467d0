"""The house's import rules: arrows point down only, and what a reader needs loads nothing of the
pipeline.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.imports import HEAVY, THIRD_PARTY

ROOT = Path(__file__).resolve().parent.parent
READING = [
    f"archive_tools.{name}"
    for name in (
        "cli",
        "serving",
        "public",
        "reporting",
        "plotting",
        "publishing",
        "checking",
        "jobs",
        "reading",
        "store",
        "formats",
        "schemas",
        "core",
    )
]
"""The packages of archive_tools, from the top down: each may import those below it."""
LEAVES = {"pipeline.model", "pipeline.schemas", "pipeline.site", "pipeline.processes"}
FLOOR = LEAVES | {"archive_tools.core", "archive_tools.schemas"}
LIBRARY = set(READING) - {"archive_tools.cli"}
WORK = FLOOR | LIBRARY | {"pipeline.sources", "pipeline.transform", "pipeline.building"}
ALLOWED: dict[str, set[str]] = {
    **{name: set(READING[place:]) for place, name in enumerate(READING)},
    "archive_tools.cli": {*READING, "archive_tools.cli.arguments"},
    "archive_tools.cli.arguments": {"archive_tools.cli", "archive_tools.core"},
    "archive_tools": set(READING),
    "pipeline.model": {"archive_tools.core", "pipeline.model"},
    "pipeline.schemas": {"archive_tools.core", "archive_tools.schemas", "pipeline.schemas"},
    "pipeline.site": {"archive_tools.core", "pipeline.model", "pipeline.schemas", "pipeline.site"},
    "pipeline.processes": {"archive_tools.core", "pipeline.processes"},
    "pipeline.sources": FLOOR | {"pipeline.sources"},
    "pipeline.transform": FLOOR | {"pipeline.transform"},
    "pipeline.building": WORK,
    "pipeline.testing": WORK | {"pipeline.testing"},
    "pipeline.tasks": WORK | {"pipeline.tasks"},
    "pipeline.runs": WORK | {"pipeline.tasks", "pipeline.runs"},
    "pipeline.cli": WORK
    | {f"pipeline.{name}" for name in ("tasks", "runs", "cli", "cli.arguments")}
    | {"archive_tools.cli"},
    "pipeline.cli.arguments": {"pipeline.cli", "archive_tools.cli", "archive_tools.core"},
    "pipeline": set(),
}
KINDS = (
    "lmt",
    "collectd",
    "mmperfmon",
    "prometheus",
    "lustre_snapshots",
    "darshan",
    "slurm",
    "job_stats",
)
LONGEST = 400


def modules() -> Iterator[tuple[str, Path]]:
    for package in ("pipeline", "archive_tools"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            yield name, path


MODULES = dict(modules())


def imports(path: Path, *, top: bool = False) -> Iterator[str]:
    """What a module imports; with `top`, only what is imported with it."""
    tree = ast.parse(path.read_text())
    for node in tree.body if top else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            assert node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def package(name: str) -> str | None:
    found = (one for one in ALLOWED if name == one or name.startswith(f"{one}."))
    return max(found, key=len, default=None)


def module_of(imported: str) -> str:
    """The module that ``from x import y`` loads: x.y where that is one, else x."""
    return imported if imported in MODULES else imported.rpartition(".")[0]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_what_its_package_may(name: str) -> None:
    here = package(name)
    assert here, f"{name} is in no package of the table"
    for imported in imports(MODULES[name]):
        if imported.split(".")[0] in ("pipeline", "archive_tools"):
            assert package(imported) in ALLOWED[here], f"{name} imports {imported}"


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_imports_another(kind: str) -> None:
    others = tuple(f"pipeline.sources.{other}" for other in KINDS if other != kind)
    for name, path in MODULES.items():
        if name.startswith(f"pipeline.sources.{kind}"):
            assert not [one for one in imports(path) if one.startswith(others)], name


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        name: {found for one in imports(path, top=True) if (found := module_of(one)) in MODULES}
        for name, path in MODULES.items()
    }
    while graph:
        free = [name for name, needs in graph.items() if not (needs - {name}) & graph.keys()]
        assert free, f"a circle among {sorted(graph)}"
        for name in free:
            del graph[name]


@pytest.mark.parametrize("name", MODULES)
def test_no_module_is_too_long(name: str) -> None:
    assert len(MODULES[name].read_text().splitlines()) <= LONGEST, name


def test_pipeline_package_is_empty() -> None:
    assert (ROOT / "pipeline/__init__.py").read_text() == ""


def test_only_command_lines_print() -> None:
    for name, path in MODULES.items():
        if ".cli" not in name:
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


@pytest.mark.parametrize("program", ["archive_tools", "pipeline"])
def test_help_loads_nothing_heavy(program: str) -> None:
    """That of the program and of every command: what a command needs is loaded when it runs."""
    code = f"""
import contextlib, sys
from {program}.cli.main import PROGRAM, main
for given in ([], *([name] for name in PROGRAM.names())):
    with contextlib.suppress(SystemExit):
        main([*given, "--help"])
loaded = [name for name in {THIRD_PARTY!r} if name in sys.modules]
print(loaded + [name for name in sys.modules if name.startswith(PROGRAM.commands)])
"""
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "  status " in shown.stdout or "  summarize " in shown.stdout
    assert shown.stdout.count("\nexamples:\n") == len(commands(program)), shown.stderr
    assert shown.stdout.splitlines()[-1] == "[]"


def commands(program: str, package: str = "arguments") -> set[str]:
    """The modules of a program's commands."""
    return {path.stem for path in (ROOT / program / "cli" / package).glob("[a-z]*.py")}


@pytest.mark.parametrize("program", ["archive_tools", "pipeline"])
def test_each_command_has_its_arguments(program: str) -> None:
    assert commands(program) == commands(program, "commands")


def test_a_users_own_pipeline_py_does_no_harm(tmp_path: Path) -> None:
    """Reading loads nothing of the pipeline: a file of that name beside the user's script is not
    run.
    """
    (tmp_path / "pipeline.py").write_text("raise SystemExit('pipeline.py was run')\n")
    code = "; ".join(
        [
            "import sys",
            f"sys.path.append({str(ROOT)!r})",
            "import archive_tools",
            f"archive = archive_tools.Archive({str(tmp_path)!r})",
            "print(archive.instances())",
            *(f"import {name}" for name in MODULES if name.startswith("archive_tools.")),
        ]
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (shown.stdout.strip(), shown.returncode) == ("[]", 0), shown.stderr


TEST_MODULES = sorted(path for path in (ROOT / "tests").rglob("*.py"))
SHARED = ("tests.support", "tests.fuzz", "tests.campaigns")


@pytest.mark.parametrize("path", TEST_MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_tests_share_only_what_is_in_support(path: Path) -> None:
    """No test module imports another one."""
    for imported in imports(path):
        if imported.split(".")[0] == "tests":
            assert imported.startswith(SHARED), f"{path} imports {imported}"
            assert ".test_" not in imported, f"{path} imports {imported}"


@pytest.mark.parametrize("name", MODULES)
def test_nothing_that_ships_imports_tests(name: str) -> None:
    assert not [one for one in imports(MODULES[name]) if one.split(".")[0] == "tests"]
