"""A day of many jobs by three accounts: Slurm's, job_stats', and their union when it is read.

Plain tests make a small day. `make bench` makes one of 20,000 jobs, of which 10,000 are seen on 250
targets: 2.5 million rows of job_stats. `TOKIO_JOBS_DAY=20000x10000x250` says otherwise.
"""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from benchmarks.measured import DATE, in_process
from tests.support.job_stats_text import ost, text
from tests.support.sacct_answers import answer, job

MIDNIGHT = 1_795_305_600
SMALL, LARGE = "200x100x5", "20000x10000x250"
STEP = 3600
SNAPSHOTS = 25
"""Of each target, the one that closes the day included: a job is in two, one after the other."""
MIB = 1 << 20


def write_day(folder: Path, jobs: int, seen: int, targets: int) -> None:
    """sacct's answer, and snapshots of each target; `seen` jobs have an entry on all of them, each
    with figures of its own.
    """
    rows = (
        job(n, start, start + 1800, User=f"u{n % 300}", UID=n % 300, Account=f"a{n % 50}")
        for n in range(jobs)
        for start in (MIDNIGHT + n * 80_000 // jobs,)
    )
    (folder / "sacct.txt").write_text(answer(rows))
    (folder / "stats").mkdir()
    for nth in range(SNAPSHOTS):
        stamp = MIDNIGHT + nth * STEP
        there = [n for n in range(seen) if n * (SNAPSHOTS - 1) // seen in (nth, nth - 1)]
        for target in range(targets):
            entries = (_entry(n, nth, target, stamp) for n in there)
            content = gzip.compress(text(entries).encode(), 1)
            (folder / f"stats/fs-OST{target:04x}.{stamp}.gz").write_bytes(content)


def _entry(job: int, nth: int, target: int, stamp: int) -> str:
    """Of no two targets, and no two jobs on one, the same."""
    read, written = ((job * 7919 + target * prime) % 65521 << 14 for prime in (104729, 1299709))
    return ost(
        str(job), stamp, read * (nth + 1), written * (nth + 1), start=MIDNIGHT + job, punch=nth
    )


@pytest.fixture(scope="module")
def size(request: pytest.FixtureRequest) -> tuple[int, int, int]:
    default = LARGE if request.config.getoption("benchmark_enable") else SMALL
    jobs, seen, targets = map(int, os.environ.get("TOKIO_JOBS_DAY", default).split("x"))
    return jobs, seen, targets


@pytest.fixture(scope="module")
def site(size: tuple[int, int, int], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jobs_day")
    write_day(folder, *size)
    sources: dict[str, Any] = {
        "slurm": {"kind": "slurm", "files": "sacct.txt", "timestep": 600},
        "job-stats": {"kind": "job_stats", "files": "stats", "timestep": STEP},
    }
    path = folder / "site.json"
    path.write_text(json.dumps({"site": "bench", "archive": "archive", "sources": sources}))
    return path


def test_a_day_of_jobs(benchmark: Any, site: Path, size: tuple[int, int, int]) -> None:
    """The nightly run, then `jobs`, by account, and all as JSON; sizes of the tables. The commands
    of a small day are run in one process, those of a large one in one each, for their memory.
    """
    jobs, seen, targets = size
    folder = site.parent / f"archive/2026/{DATE}"
    nightly = ["nightly", "--quiet", "--site", str(site), "--date", str(DATE)]
    ask = ["jobs", str(DATE), "--archive", str(site.parent / "archive")]
    commands = {
        "nightly": nightly,
        "jobs": ask,
        "by": [*ask, "--by", "account"],
        "all": [*ask, "--limit", "0", "--json"],
    }
    runs = {"": [*commands.values()]} if not benchmark.enabled else _each(commands)
    benchmark.pedantic(lambda: _measured(benchmark, runs), rounds=1)
    tables = {name: folder / f"{name}_jobs.parquet" for name in ("slurm", "job-stats")}
    assert pq.read_metadata(tables["slurm"]).num_rows == jobs
    assert pq.read_metadata(tables["job-stats"]).num_rows == seen * targets
    for name, path in tables.items():
        benchmark.extra_info[f"{name}_mb"] = round(path.stat().st_size / 1e6, 2)


def _each(commands: dict[str, list[str]]) -> dict[str, list[list[str]]]:
    return {name: [command] for name, command in commands.items()}


def _measured(benchmark: Any, runs: dict[str, list[list[str]]]) -> None:
    for name, commands in runs.items():
        run = in_process(*commands)
        assert not any(run["codes"])
        for figure in ("seconds", "cpu_seconds", "rss_mb"):
            benchmark.extra_info[f"{name}_{figure}"] = round(run[figure], 1)
