"""kill -9 at any instant of a nightly run that also prunes: `check` counts nothing that the next
run mends, and no day is made from a part of its raw data.

TOKIO_KILLS says how many kills there are (an eighth of it, default 2).
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from archive_tools.cli.main import main as archive
from pipeline.building.run_context import current
from pipeline.cli.main import COMPLETE, main
from tests.support.killed_runs import Kill, run_killed
from tests.support.small_days import write_days

pytestmark = pytest.mark.system

OLD, NEW = dt.date(2025, 3, 1), dt.date(2025, 3, 2)
KILLS = max(1, int(os.environ.get("TOKIO_KILLS", "8")) // 8)
SURE = 0.95
"""Share of the events of an undisturbed run that another one surely comes to."""


def products(root: Path, date: dt.date) -> dict[str, bytes]:
    files = root.glob(f"2025/{date}/[!.r]*")
    return {path.name: path.read_bytes() for path in files if path.is_file()}


def test_kill_9_while_raw_data_are_pruned(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    site = str(write_days(tmp_path, [OLD, NEW], late_days=1, raw_days=1))
    root, kept = tmp_path / "archive", tmp_path / "kept"
    night = ["nightly", "--site", site, "--date"]
    assert main([*night, str(OLD)]) == COMPLETE
    shutil.move(root, kept)

    def fresh() -> None:
        """The old day, whose raw data are to be pruned."""
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(kept, root)
        for folder in root.glob(f"raw/2025/{OLD}/*"):
            os.utime(folder, (0, 0))

    fresh()
    undisturbed = run_killed([*night, str(NEW)], root, tmp_path / "counts")
    assert undisturbed.code == COMPLETE
    assert not list(root.glob(f"raw/2025/{OLD}/*")), "they are pruned"
    right = products(root, OLD), products(root, NEW)
    random = np.random.default_rng(int(os.environ.get("TOKIO_SEED", "1")))
    for number in range(KILLS):
        fresh()
        last = int(SURE * undisturbed.events)
        first = last - 12 if number % 2 else 1  # pruning is what comes last
        kill = Kill(int(random.integers(first, last + 1)))
        assert run_killed([*night, str(NEW)], root, tmp_path / "counts", kill).killed
        capfd.readouterr()
        assert archive(["check", "--deep", "--archive", str(root)]) == 0, (
            kill,
            capfd.readouterr().out,
        )
        span = ["--start", str(OLD), "--stop", str(NEW)]
        assert main(["rebuild", "--site", site, *span, "--all"]) == COMPLETE
        assert products(root, OLD) == right[0]
        current().answers.forget()
        assert main([*night, str(NEW)]) == COMPLETE
        assert (products(root, OLD), products(root, NEW)) == right
        assert archive(["check", "--deep", "--archive", str(root)]) == 0
        assert not list(root.rglob("*.tmp"))
