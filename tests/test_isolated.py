"""Hostile logs cost themselves and nothing else."""

from __future__ import annotations

import ctypes
import datetime as dt
import functools
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from archive_tools.core.day import Day
from archive_tools.core.errors import SourceError
from pipeline.processes import isolated
from pipeline.sources import darshan
from pipeline.sources.darshan.log_batches import BatchReader, Listed
from tests.conftest import ROOT, SITEDAY_LOGS
from tests.darshan_day import reduced
from tests.mutants import write_mutants

DAY = Day(dt.date(2026, 11, 22))
MOUNTS = {"^/scratch": "scratch", "^/project": "project"}


def options(*logs: Path, **keys: Any) -> darshan.Options:
    return darshan.Options(
        kind="darshan", logs=[str(log) for log in logs], mount_to_fsname=MOUNTS, **keys
    )


class Hostile(BatchReader):
    """Does to the process what a damaged log makes the library do, as its name says."""

    def add(self, file: Listed, name: str) -> None:
        if "abort" in name:
            os.abort()
        if "segv" in name:
            ctypes.string_at(8)
        if "hang" in name:
            time.sleep(3600)
        if "memory" in name:
            np.ones(2**40)
        if "error" in name:
            raise ValueError("what it says")
        if "exit" in name:
            os._exit(3)
        super().add(file, name)


def names_of(batch: Any) -> tuple[list[str], dict[str, str]]:
    """What was read, and what was rejected why."""
    return batch.logs["filename"].tolist(), dict(
        zip(batch.rejects["filename"].tolist(), batch.rejects["reason"].tolist(), strict=True)
    )


def run(
    names: list[str], seconds: float = 1.0, reduce: Any = None
) -> tuple[list[str], dict[str, str]]:
    log = os.fsencode(sorted(SITEDAY_LOGS.iterdir())[0])
    status = os.stat(log)
    listed = Listed(
        os.path.dirname(log), os.path.basename(log), status.st_size, status.st_mtime_ns, True
    )
    make = functools.partial(Hostile, DAY.start, DAY.end)
    job = isolated.Job(
        [(listed, name) for name in names],
        make,
        reduce or names_of,
        isolated.Limits(seconds, 2**31),
    )
    read: list[str] = []
    rejected: dict[str, str] = {}
    for some, reasons in isolated.run(job):
        read += some
        rejected |= reasons
    return read, rejected


@pytest.fixture(autouse=True)
def tests_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers run nothing of the current folder; the classes of this module are given to them."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("abort", "library abort"),
        ("segv", "library crash (SIGSEGV)"),
        ("hang", "time limit (1 s)"),
        ("memory", "memory limit"),
        ("error", "cannot be read: ValueError: what it says"),
        ("exit", "the reader ended with exit code 3"),
    ],
)
@pytest.mark.parametrize("place", [0, 3, 9])
def test_a_bad_log_costs_itself(what: str, reason: str, place: int) -> None:
    names = [f"good{n}" for n in range(10)]
    names[place] = what
    read, rejected = run(names)
    assert read == [name for name in names if name != what]
    assert rejected == {what: reason}


def test_many_bad_logs_beside_each_other() -> None:
    names = [f"{'abort' if n % 3 == 0 else 'segv' if n % 3 == 1 else 'good'}{n}" for n in range(60)]
    read, rejected = run(names)
    assert read == [name for name in names if name.startswith("good")]
    assert len(rejected) == 40


def fussy(batch: Any) -> tuple[list[str], dict[str, str]]:
    """A reduction that fails, or dies, of one log."""
    if "bad7" in batch.logs["filename"]:
        raise ValueError("no sense")
    if "worse8" in batch.logs["filename"]:
        os.abort()
    return names_of(batch)


def test_a_log_that_cannot_be_reduced_costs_itself() -> None:
    names = [f"good{n}" for n in range(40)]
    names[7], names[8] = "bad7", "worse8"
    read, rejected = run(names, reduce=fussy)
    assert read == [name for name in names if name.startswith("good")]
    assert rejected == {
        "bad7": "cannot be reduced: ValueError: no sense",
        "worse8": "library abort",
    }


def test_a_hard_limit_of_the_account() -> None:
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30)); import"
        " tests.test_isolated as t; print(t.run(['good', 'abort']))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert shown.stdout.strip() == "(['good'], {'abort': 'library abort'})"


def test_nothing_of_the_current_folder_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/__init__.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    run(["good"])
    assert not (tmp_path / "run").exists()


def test_hostile_logs_of_all_kinds(real: Path, tmp_path: Path) -> None:
    """Mutants among good logs: the good ones are indexed with the right sums, every mutant is
    somewhere.
    """
    good = sorted(SITEDAY_LOGS.iterdir())[:100]
    mutants = write_mutants(
        tmp_path / "logs", [*good, *sorted((real / "darshan").rglob("*.darshan"))], 400
    )
    alone = reduced(options(*good), tmp_path / "alone", DAY)
    for log in good:
        shutil.copy(log, tmp_path / "logs")
    day = reduced(options(tmp_path / "logs", log_seconds=20.0), tmp_path / "raw", DAY)
    logs, rejects = day.logs["filename"].tolist(), day.rejects["filename"].tolist()
    assert sorted(logs + rejects) == sorted(mutants + [log.name for log in good])
    assert {log.name for log in good} <= set(logs)
    numbers = {name: number for number, name in enumerate(logs)}
    expected = {
        name: alone.summaries["bytes_read"][alone.summaries["log_id"] == n].sum()
        for n, name in enumerate(alone.logs["filename"])
    }
    for name, read in expected.items():
        assert day.summaries["bytes_read"][day.summaries["log_id"] == numbers[name]].sum() == read
    assert all(day.rejects["reason"])
    assert not [
        p for p in psutil.Process().children(recursive=True) if "_isolated" in " ".join(p.cmdline())
    ], "no process is left behind"


def test_a_reader_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SourceError, match="died"):
        run(["good"])


def test_children_end_with_their_parent(tmp_path: Path) -> None:
    """Kill -9 on the caller while a log hangs: neither the reader nor its child stays."""
    program = "import tests.test_isolated as t; t.run(['hang'], 600.0)"
    caller = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    deadline = time.monotonic() + 30
    family: list[psutil.Process] = []
    while len(family) < 2 and time.monotonic() < deadline:
        family = psutil.Process(caller.pid).children(recursive=True)
        time.sleep(0.1)
    assert len(family) == 2
    os.kill(caller.pid, signal.SIGKILL)
    caller.wait()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
