"""A whole nightly run of a day of one source, in processes of its own, against one reading of the
same data by one thread and nothing else: by turns, and the least wall time of each.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.measured import DATE
from tests.support.paths import ROOT

NIGHT = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
code = subprocess.run([sys.executable, "-m", "pipeline.cli.main", *sys.argv[1:]]).returncode
seconds = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


class Beside(NamedTuple):
    """Least seconds of nightly runs and of readings; MB of the largest process of all runs."""

    nightly: float
    reading: float
    mb: float


def beside(
    benchmark: Any, source: dict[str, Any], read: Callable[[], object], folder: Path
) -> Beside:
    """Nightly runs of a source into new folders, beside `read`, which reads its data once."""
    runs: list[tuple[float, float, float]] = []
    readings: list[tuple[float, float]] = []

    def both() -> None:
        began, spent = time.perf_counter(), time.process_time()
        read()
        readings.append((time.perf_counter() - began, time.process_time() - spent))
        runs.append(_night(source, folder / str(len(runs))))

    benchmark.pedantic(both, rounds=3 if benchmark.enabled else 1)
    night, night_cpu, _ = map(min, zip(*runs, strict=True))
    reading, reading_cpu = map(min, zip(*readings, strict=True))
    found = Beside(night, reading, max(run[2] for run in runs))
    benchmark.extra_info.update(
        {
            "nightly": round(night, 2),
            "nightly_cpu": round(night_cpu, 2),
            "reading": round(reading, 2),
            "reading_cpu": round(reading_cpu, 2),
            "mb": round(found.mb),
        }
    )
    return found


def _night(source: dict[str, Any], folder: Path) -> tuple[float, float, float]:
    """A nightly run into a new folder: its seconds, seconds of CPU, MB of its largest process."""
    folder.mkdir()
    site = folder / "site.json"
    sources = {"bench": source}
    site.write_text(json.dumps({"site": "bench", "archive": "archive", "sources": sources}))
    words = ["nightly", "--site", str(site), "--date", str(DATE)]
    run = subprocess.run(
        [sys.executable, "-c", NIGHT, *words], capture_output=True, text=True, check=True, cwd=ROOT
    )
    code, seconds, cpu, mb = json.loads(run.stdout.splitlines()[-1])
    assert code == 0, run.stderr
    shutil.rmtree(folder)
    return seconds, cpu, mb
