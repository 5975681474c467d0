"""What the benchmarks share: a day archived, or commands run, in a process of its own, timed and
weighed.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT

DATE = dt.date(2026, 11, 22)
PROGRAM = """
import datetime, json, resource, time
from pipeline.tasks import Build
from tests.support.peak_memory import own_peak
task = Build(date=datetime.date(2026, 11, 22), instance="bench")
began = time.perf_counter()
task.needs()[0].run()
fetched = time.perf_counter()
task.run()
peak = max(own_peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10)
built = time.perf_counter()
print(json.dumps({"fetch": fetched - began, "build": built - fetched, "rss_mb": peak / 2**20}))
"""


def archived(source: dict[str, Any], folder: Path) -> dict[str, float]:
    """Archive the day into `folder`; seconds of fetch and build, and peak memory in MB."""
    folder.mkdir()
    site = folder / "site.json"
    site.write_text(
        json.dumps({"site": "bench", "archive": "archive", "sources": {"bench": source}})
    )
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"TOKIO_SITE": str(site)},
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return dict(json.loads(run.stdout))


def timed(
    benchmark: Any, source: dict[str, Any], folder: Path, rounds: int = 3
) -> tuple[dict[str, float], Path]:
    """Archive the day several times, its process' start included; the best run's parts, and a
    finished file.
    """
    runs = iter(range(100))
    parts: list[dict[str, float]] = []
    benchmark.pedantic(
        lambda: parts.append(archived(source, folder / str(next(runs)))),
        rounds=rounds if benchmark.enabled else 1,
    )
    best = min(parts, key=lambda part: part["fetch"] + part["build"])
    benchmark.extra_info.update({key: round(value, 2) for key, value in best.items()})
    return best, folder / "0/archive/2026/2026-11-22/bench.hdf5"


COMMANDS = """
import json, os, resource, sys, time
from pipeline.cli.main import main as pipeline
from archive_tools.cli.main import main as archive
from tests.support.peak_memory import own_peak
began = time.perf_counter()
arguments = json.loads(sys.argv[1])
shown, sys.stdout = sys.stdout, open(os.devnull, "w")
codes = [(pipeline if one[0] == "nightly" else archive)(one) for one in arguments]
usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
own, children = (usage.ru_utime + usage.ru_stime for usage in usages)
cpu = own + children
peak = max(own_peak(), usages[1].ru_maxrss << 10) / 2**20
seconds = time.perf_counter() - began
found = {"codes": codes, "seconds": seconds, "cpu_seconds": cpu, "children_seconds": children,
    "rss_mb": peak}
print(json.dumps(found), file=shown)
"""


def in_process(*commands: list[str]) -> dict[str, Any]:
    """Run commands in a process of their own: exit codes, seconds, MiB of the largest process."""
    run = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(commands)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return dict(json.loads(run.stdout))
