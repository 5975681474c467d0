"""A whole nightly run and what it is measured by, in one run on the same data: each several times
by turns, in processes of their own, and the least CPU time of each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.measured import DATE
from tests.support.paths import ROOT

PARTIAL = 3


class Cost(NamedTuple):
    """CPU and wall time in seconds, and the most memory of one process in MB."""

    cpu: float
    wall: float
    rss_mb: float


MEASURE = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
wall = time.perf_counter() - began
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024]))
"""


def cost(command: Sequence[str], environment: dict[str, str]) -> Cost:
    """What a command takes, with all processes that it makes."""
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, *command],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    code, *found = json.loads(measured.stdout)
    assert code in (0, PARTIAL), f"{command}: exit code {code}"
    return Cost(*found)


def ratio(
    benchmark: Any, source: dict[str, Any], alone: str, folder: Path, *, rounds: int = 3
) -> float:
    """CPU time of the whole nightly run, start and page included, over that of the Python program
    `alone`; kept with the benchmark, with the parts.
    """
    nights: list[Cost] = []
    floors: list[Cost] = []

    def both() -> None:
        here = folder / str(len(nights))
        here.mkdir()
        site = here / "site.json"
        sources = {"bench": source}
        site.write_text(json.dumps({"site": "bench", "archive": "archive", "sources": sources}))
        command = [sys.executable, "-m", "pipeline.cli.main", "nightly", "--date", str(DATE)]
        floors.append(cost([sys.executable, "-c", alone], {}))
        nights.append(cost(command, {"TOKIO_SITE": str(site)}))

    benchmark.pedantic(both, rounds=rounds if benchmark.enabled else 1)
    night, floor = min(nights), min(floors)
    found = night.cpu / floor.cpu
    benchmark.extra_info.update(
        ratio=round(found, 2),
        night_cpu=round(night.cpu, 2),
        floor_cpu=round(floor.cpu, 2),
        night_wall=round(min(one.wall for one in nights), 2),
        floor_wall=round(min(one.wall for one in floors), 2),
        rss_mb=round(max(one.rss_mb for one in nights)),
    )
    return found
