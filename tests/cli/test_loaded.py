"""What commands load: looked at in `sys.modules` of a process of their own; nothing is timed."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.imports import THIRD_PARTY
from tests.support.paths import ROOT
from tests.support.small_days import write_days

pytestmark = pytest.mark.system
DATE = dt.date(2026, 11, 22)
BUILDING = (
    *("pipeline.building.tts", "pipeline.building.series", "pipeline.building.logs"),
    *("pipeline.building.raw", "pipeline.transform.grid", "archive_tools.formats.tts_write"),
    *("archive_tools.reporting.report", "archive_tools.jobs.index"),
)
"""What only a product that is made needs."""
SERIES = "datatargets/writebytes"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of three instances, one day of which is archived."""
    folder = tmp_path_factory.mktemp("site")
    write_days(folder, [DATE])
    assert run(folder, "pipeline", "nightly", "--date", str(DATE)) == ("", 0)
    return folder


def run(
    folder: Path, program: str, *arguments: str, names: tuple[str, ...] = ()
) -> tuple[str, int]:
    """Run a command; the names that it loaded, and its exit code."""
    code = f"""
import json, sys
from {program}.cli.main import main
code = main({list(arguments)!r})
print(json.dumps([" ".join(name for name in {names!r} if name in sys.modules), code]))
"""
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    loaded, code_of_command = json.loads(shown.stdout.splitlines()[-1])
    return loaded, code_of_command


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["ls"], THIRD_PARTY),
        (["info", "scratch", "2026-11-22"], ("pandas", "pyarrow", "rich")),
        (["cat", "scratch", SERIES, "2026-11-22"], ("pandas", "rich")),
        (["jobs", "2026-11-22"], ("pandas", "rich")),
        (["check"], ("pandas", "rich")),
    ],
    ids=lambda one: one[0],
)
def test_reading(folder: Path, arguments: list[str], names: tuple[str, ...]) -> None:
    archive = ["--archive", "archive"]
    assert run(folder, "archive_tools", *arguments, *archive, names=names) == ("", 0)


@pytest.mark.parametrize("command", [["nightly"], ["status", "--start"]], ids=lambda one: one[0])
def test_a_run_that_finds_nothing_to_do_loads_nothing_that_makes_products(
    folder: Path, command: list[str]
) -> None:
    names = (*BUILDING, "pandas", "h5py", "darshan", "cffi", "connectorx", "httpx", "matplotlib")
    days = ["--date", str(DATE)] if command == ["nightly"] else [str(DATE), "--stop", str(DATE)]
    assert run(folder, "pipeline", *command, *days, names=names) == ("", 0)


def test_status_of_days_that_no_data_come_to_any_more_loads_no_scheduler(folder: Path) -> None:
    days = ["--start", str(DATE), "--stop", str(DATE), "--no-ask"]
    names = ("luigi", "pyarrow")
    assert run(folder, "pipeline", "status", *days, names=names) == ("", 0)


def test_a_run_that_makes_products_does_without_pandas(folder: Path) -> None:
    arguments = ["--start", str(DATE), "--instance", "scratch"]
    assert run(folder, "pipeline", "invalidate", *arguments) == ("", 0)
    names = ("pandas", "matplotlib", "httpx")
    assert run(folder, "pipeline", "nightly", "--date", str(DATE), names=names) == ("", 0)


def test_who_requests_pandas_of_pyarrow_gets_it() -> None:
    code = """
import sys
from archive_tools.cli import arrow
arrow.leave_pandas_out()

import pyarrow as pa, pyarrow.dataset
table = pa.table({"a": [1, 2]})
assert "pandas" not in sys.modules
assert not [one for one in sys.meta_path if type(one).__module__ == arrow.__name__]
assert table.to_pandas()["a"].tolist() == [1, 2]
import pandas as pd
assert pa.array(pd.Series([1.0, float("nan")]), from_pandas=True).null_count == 1
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
