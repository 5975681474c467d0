"""CPU of a command's start: `--help` of each program, and a command that has little to do."""

from __future__ import annotations

import datetime as dt
import resource
import subprocess
import sys
from pathlib import Path

from archive_tools.store import layout
from benchmarks.figures import record
from tests.support.paths import ROOT

PIPELINE, ARCHIVE = "pipeline.cli.main", "archive_tools.cli.main"


def cpu(*arguments: str) -> float:
    """Seconds of CPU of a command, with those of its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, check=True, cwd=ROOT
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run.stdout
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_start(benchmark, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """The least of several starts of each; the row of the table is the slowest command."""
    path = layout.path(tmp_path, layout.TTS, dt.date(2026, 11, 22), "scratch")
    path.parent.mkdir(parents=True)
    path.touch()
    commands = {
        "tokio-pipeline --help": [PIPELINE, "--help"],
        "tokio-archive --help": [ARCHIVE, "--help"],
        "tokio-archive ls": [ARCHIVE, "ls", str(tmp_path)],
    }
    runs: list[dict[str, float]] = []
    benchmark.pedantic(
        lambda: runs.append({name: cpu(*words) for name, words in commands.items()}),
        rounds=5 if benchmark.enabled else 1,
    )
    least = {name: min(run[name] for run in runs) for name in commands}
    benchmark.extra_info.update({name: round(value, 3) for name, value in least.items()})
    slowest = max(least, key=lambda name: least[name])
    record("start", least[slowest], "s", f"the slowest is {slowest}")
