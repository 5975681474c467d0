"""kill -9 at any instant of a nightly run: old files or new files, and the next run ends as an
undisturbed one does.

TOKIO_KILLS says how many kills there are (default 24, shared out over the ways): by the process
group, or the parent alone, whose task processes must then end by themselves.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipeline.cli.main import COMPLETE, main
from tests.support.paths import ROOT
from tests.support.small_days import write_days, write_lmt

DATE = dt.date(2025, 3, 1)
WAYS = [(workers, whole) for workers in (1, 2) for whole in (True, False)]
KILLS = max(1, int(os.environ.get("TOKIO_KILLS", "24")) // len(WAYS))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in (folder / f"archive/2025/{DATE}").glob("[!.]*")
        if path.name != "report.html"
    }


def night(folder: Path, *more: str) -> list[str]:
    return ["nightly", "--site", str(folder / "site.json"), "--date", str(DATE), *more]


def family(run: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        return psutil.Process(run.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


@pytest.mark.parametrize(("workers", "whole"), WAYS)
def test_kill_9_at_any_instant(tmp_path: Path, workers: int, whole: bool) -> None:
    """Two states of the sources: at each kill a file is of the one or of the other."""
    write_days(tmp_path, [DATE], late_days=10**5, raw_days=10**5)
    database = tmp_path / f"lmt/home_{DATE}.sqlite3"
    states = []
    for upto in (100, 145):
        write_lmt(tmp_path / f"{upto}.sqlite3", DATE, upto=upto)
        shutil.copy2(tmp_path / f"{upto}.sqlite3", database)
        main(night(tmp_path))
        states.append(contents(tmp_path))
    random = np.random.default_rng(10 * workers + whole)
    killed_at_work = 0
    for kill in range(KILLS):
        if kill % 2 == 0:  # something to do: the day as it was first, and late data
            subprocess.run(["rm", "-rf", str(tmp_path / "archive")], check=True)
            shutil.copy2(tmp_path / "100.sqlite3", database)
            main(night(tmp_path)) if kill % 4 == 0 else None
            shutil.copy2(tmp_path / "145.sqlite3", database)
        run = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "pipeline.cli.main",
                *night(tmp_path, "--workers", str(workers)),
            ],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(random.uniform(0.8, 4.5))
        children = family(run)
        killed_at_work += run.poll() is None
        if whole:
            os.killpg(run.pid, signal.SIGKILL) if run.poll() is None else None
        else:
            run.kill()
        run.wait()
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive, "no process is left"
        for name, found in contents(tmp_path).items():
            assert found in [state.get(name) for state in states] or _is_of_both(name), (
                f"{name} is neither old nor new"
            )
        if kill % 2:
            assert main(night(tmp_path)) == COMPLETE
            assert contents(tmp_path) == states[1]
            assert not list((tmp_path / "archive").rglob("*.tmp"))
    assert killed_at_work, "the kills came while something ran"


def _is_of_both(name: str) -> bool:
    """The index and the table of jobs are made of the logs and the servers: also of new logs and
    old servers.
    """
    return name in ("darshan_index.sqlite", "darshan_jobs.parquet")


def test_sigterm_ends_task_processes_too(tmp_path: Path) -> None:
    write_days(tmp_path, [DATE])
    program = (
        "import time, pipeline.cli.main as c, pipeline.tasks as t; t.Build.make = lambda *a:"
        " time.sleep(60); raise SystemExit(c.main())"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", program, *night(tmp_path, "--workers", "2")],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while (
        len(list((tmp_path / "archive").rglob("*.raw.*.json"))) < 3 and time.monotonic() < deadline
    ):
        time.sleep(0.1)
    time.sleep(0.5)
    children = family(run)  # type: ignore[arg-type]
    assert children
    began = time.monotonic()
    run.terminate()
    _, err = run.communicate(timeout=20)
    assert time.monotonic() - began < 15
    assert run.returncode == 143
    assert "stopped by signal 15" in err
    assert "Traceback" not in err
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert not list((tmp_path / "archive").rglob("*.tmp"))
    assert not list((tmp_path / "archive").rglob("*failed*"))
    assert (
        json.loads((tmp_path / "archive/receipts/last_nightly.json").read_text())["exit_code"]
        is None
    )
