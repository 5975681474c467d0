"""kill -9 at any instant of a nightly run: old files or new files, and the next run ends as an
undisturbed one does.

The instants are counted events (tests/support/killed_runs.py): the run has begun and is not over,
on a machine of any speed.

TOKIO_KILLS says how many kills there are (default 24, shared out over the ways): by the process
group, or the parent alone, whose task processes must then end by themselves.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipeline.cli.main import COMPLETE, main
from tests.support import stuck_builds
from tests.support.killed_runs import Kill, run_killed
from tests.support.paths import ROOT
from tests.support.small_days import write_days, write_lmt
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.system

DATE = dt.date(2025, 3, 1)
WAYS = [(workers, whole) for workers in (1, 2) for whole in (True, False)]
SURE = 0.9
"""Share of the events of an undisturbed run that another one surely comes to."""
KILLS = max(1, int(os.environ.get("TOKIO_KILLS", "8")) // len(WAYS))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in (folder / f"archive/2025/{DATE}").rglob("[!.]*")
        if path.is_file() and path.name != "report.html"
    }


def night(folder: Path, *more: str) -> list[str]:
    return ["nightly", "--site", str(folder / "site.json"), "--date", str(DATE), *more]


def family(run: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(run.pid).children(recursive=True)


@pytest.mark.parametrize(("workers", "whole"), WAYS)
def test_kill_9_at_any_instant(tmp_path: Path, workers: int, whole: bool) -> None:
    """Two states of the sources: at each kill a file is of the one or of the other."""
    write_days(tmp_path, [DATE], late_days=10**5, raw_days=10**5)
    database = tmp_path / f"lmt/home_{DATE}.sqlite3"
    archive = tmp_path / "archive"
    command = night(tmp_path, "--workers", str(workers))
    states, events = [], []
    for upto in (100, 145):
        write_lmt(tmp_path / f"{upto}.sqlite3", DATE, upto=upto)
        shutil.copy2(tmp_path / f"{upto}.sqlite3", database)
        undisturbed = run_killed(command, archive, tmp_path / "counts")
        assert not undisturbed.killed
        events.append(undisturbed.events)
        states.append(contents(tmp_path))
    of_all, of_late = events
    random = np.random.default_rng(10 * workers + whole)
    at_work = 0
    for number in range(KILLS):
        ready = number % 2 == 0  # something to do: the day as it was first, and late data
        is_late = ready and number % 4 == 0
        if ready:
            shutil.rmtree(archive)
            shutil.copy2(tmp_path / "100.sqlite3", database)
            main(night(tmp_path)) if is_late else None
            shutil.copy2(tmp_path / "145.sqlite3", database)
        most = int(SURE * (of_late if is_late else of_all))
        kill = Kill(
            event=int(random.integers(1, most + 1)),
            whole=whole,
            after=float(random.choice([0.0, random.uniform(0.001, 0.1)])),
        )
        ended = run_killed(command, archive, tmp_path / "counts", kill)
        assert ended.killed or not ready or kill.after, f"{kill} came while something ran: {ended}"
        at_work += ended.killed
        for name, found in contents(tmp_path).items():
            assert found in [state.get(name) for state in states] or _is_of_both(name), (
                f"{name} is neither old nor new after {kill}"
            )
        if not ready:
            assert main(night(tmp_path)) == COMPLETE
            assert contents(tmp_path) == states[1]
            assert not list(archive.rglob("*.tmp"))
    assert at_work, "kills came while something ran"


def _is_of_both(name: str) -> bool:
    """The index and the table of jobs are made of the logs and the servers: also of new logs and
    old servers. The day's figures are of all that there is.
    """
    return name in ("darshan_index.sqlite", "darshan_jobs.parquet", "figures.json")


def test_sigterm_ends_task_processes_too(tmp_path: Path) -> None:
    write_days(tmp_path, [DATE])
    run = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.support.stuck_builds",
            *night(tmp_path, "--workers", "2"),
        ],
        cwd=ROOT,
        env=os.environ | {stuck_builds.BUSY: str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: stuck_builds.at_work(tmp_path) == 2, "two builds at work")
    children = family(run)
    assert len(children) >= 2
    run.terminate()
    _, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 143
    assert "stopped by signal 15" in err
    assert "Traceback" not in err
    _, alive = psutil.wait_procs(children, timeout=PATIENCE)
    assert not alive
    assert not list((tmp_path / "archive").rglob("*.tmp"))
    assert not list((tmp_path / "archive").rglob("*failed*"))
    assert (
        json.loads((tmp_path / "archive/receipts/last_nightly.json").read_text())["exit_code"]
        is None
    )
