"""What a sample, a log, a job, a page and a task cost: measured at three sizes each, as a line.

    python -m benchmarks.slopes [PART ...] [--check] [--runs 3]

Each size is a nightly run, or what the part says, in a process of its own. Seconds are of CPU,
children included, the least of some runs; memory is that of the largest process. A figure is
`fixed + slope * size` by least squares; `off` is by how much the line misses the worst of the
three. `--check` measures a fourth size, four times the largest, and says by how much what the
line predicts is off there. docs/scale.md calculates a large site from it.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measured import DATE, in_process
from benchmarks.test_jobs_day import write_day
from tests.support.darshan_source import MOUNTS
from tests.support.lmtdb import make_lmt
from tests.support.paths import ROOT, SITEDAY_LOGS
from tests.support.small_days import write_days

STEP = 60
TARGETS = 20
"""On which each job of job_stats has an entry."""
Figures = dict[str, float]
COUNTING = """
import collections, json, os, sys
from pipeline.cli.main import main
counts, root = collections.Counter(), sys.argv[1]
NAMES = {"open": "opens", "os.listdir": "listings", "os.scandir": "listings",
    "os.rename": "renames", "os.remove": "removals", "os.mkdir": "folders made"}
def hook(event, arguments):
    if event in NAMES and arguments and isinstance(arguments[0], (str, os.PathLike)):
        counts[NAMES[event]] += os.fspath(arguments[0]).startswith(root)
def sync(handle, sync=os.fsync):
    counts["fsyncs"] += 1
    sync(handle)
os.fsync = sync
sys.addaudithook(hook)
shown, sys.stdout = sys.stdout, open(os.devnull, "w")
code = main(sys.argv[2:])
print(json.dumps({"code": code, **counts}), file=shown)
"""
TASKS = """
import json, sys, time
from luigi.scheduler import Scheduler
scheduler, count = Scheduler(), int(sys.argv[1])
began = time.process_time()
for n in range(count):
    scheduler.add_task(task_id=str(n), worker="a", family="Build", params={"date": str(n)},
        deps=[str(n - 1)] if n % 10 else [])
added = time.process_time()
for n in range(20):
    scheduler.get_work(worker="a")
print(json.dumps({"s, all are added": added - began,
    "s, one asks for work": (time.process_time() - added) / 20}))
"""


@dataclasses.dataclass(frozen=True)
class Line:
    """A figure as a function of the size.

    Attributes
    ----------
    fixed, slope : float
    off : float
        The largest distance of a measured point from the line, as a share of the point.
    """

    fixed: float
    slope: float
    off: float

    def at(self, size: float) -> float:
        """The figure at a size."""
        return self.fixed + self.slope * size


def line(sizes: Sequence[float], values: Sequence[float]) -> Line:
    """The line of least squares through measured points."""
    slope, fixed = np.polyfit(sizes, values, 1)
    found = Line(float(fixed), float(slope), 0.0)
    distances = (
        abs(found.at(size) - value) / abs(value)
        for size, value in zip(sizes, values, strict=True)
        if value
    )
    return dataclasses.replace(found, off=max(distances, default=0.0))


@dataclasses.dataclass(frozen=True)
class Part:
    """What is measured.

    Attributes
    ----------
    unit : str
        What a size counts.
    sizes : tuple of int
    measure : callable
        Folder and size to figures.
    """

    unit: str
    sizes: tuple[int, int, int]
    measure: Callable[[Path, int], Figures]


def _night(folder: Path, source: Mapping[str, Any], **keys: Any) -> Figures:
    """A nightly run of one source: seconds, memory, bytes of each product."""
    site = {"site": "slopes", "archive": "archive", "sources": {"one": source}, **keys}
    path = folder / "site.json"
    path.write_text(json.dumps(site))
    run = in_process(["nightly", "--quiet", "--site", str(path), "--date", str(DATE)])
    assert run["codes"] in ([0], [3])
    day = folder / f"archive/{DATE:%Y}/{DATE}"
    raw, receipts = (_bytes(folder / "archive" / name) for name in ("raw", "receipts"))
    sizes = {f"{file.name}, bytes": file.stat().st_size for file in day.iterdir() if file.is_file()}
    return {
        "CPU, s": run["cpu_seconds"],
        "of it readers of logs, s": run["children_seconds"],
        "memory, MiB": run["rss_mb"],
        "raw, bytes": raw,
        "receipts, bytes": receipts,
    } | dict(sorted(sizes.items()))


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _lmt(folder: Path, osts: int, step: int, timestep: int) -> Figures:
    """A day of so many OSTs, a fourth as many OSSes and one MDS, a sample each `step` seconds."""
    day = make_lmt.Day(DATE, osts, max(1, osts // 4), 1, 1, step=step)
    make_lmt.write(folder / "lmt.sqlite3", day, "scratch")
    return _night(
        folder, {"kind": "lmt", "database": "sqlite:///lmt.sqlite3", "timestep": timestep}
    )


def _samples(folder: Path, samples: int) -> Figures:
    return _lmt(folder, samples * STEP // 86400, STEP, STEP)


def _coarse(folder: Path, samples: int) -> Figures:
    return _lmt(folder, samples * STEP // 86400, STEP, 10 * STEP)


def _targets(folder: Path, osts: int) -> Figures:
    return _lmt(folder, osts, 3600, 3600)


def _darshan(folder: Path, count: int) -> Figures:
    (folder / "logs").mkdir()
    logs = itertools.cycle(sorted(SITEDAY_LOGS.iterdir()))
    for number, log in zip(range(count), logs, strict=False):
        (folder / f"logs/{number:07d}-{log.name}").write_bytes(log.read_bytes())
    return _night(folder, {"kind": "darshan", "logs": "logs"}, mount_to_fsname=MOUNTS)


def _slurm(folder: Path, jobs: int) -> Figures:
    write_day(folder, jobs, 0, 1)
    return _night(folder, {"kind": "slurm", "files": "sacct.txt", "timestep": 600})


def _job_stats(folder: Path, rows: int) -> Figures:
    write_day(folder, 1, rows // TARGETS, TARGETS)
    return _night(folder, {"kind": "job_stats", "files": "stats", "timestep": 3600})


def _days(folder: Path, count: int) -> Figures:
    """A backfill of days of three small sources: operations on the archive that Python makes; those
    of HDF5, SQLite and Arrow come on top.
    """
    dates = [DATE - dt.timedelta(days=n) for n in range(count)]
    site = write_days(folder, dates)
    span = ["--start", str(dates[-1]), "--stop", str(dates[0])]
    root = folder / "archive"
    found = _answer(COUNTING, str(root), "backfill", "--site", str(site), *span)
    assert found.pop("code") == 0
    receipts = sum(1 for _ in (root / "receipts").rglob("20*.json"))
    return found | {"receipts": receipts, "receipts, bytes": _bytes(root / "receipts")}


def _tasks(folder: Path, count: int) -> Figures:
    """Luigi's scheduler with so many tasks of a worker that are to do."""
    return _answer(TASKS, str(count))


def _answer(program: str, *arguments: str) -> Figures:
    run = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(run.stdout))


PARTS = {
    "lmt": Part("OST-samples", (144_000, 288_000, 576_000), _samples),
    "coarse": Part("OST-samples, ten a row", (144_000, 288_000, 576_000), _coarse),
    "targets": Part("OSTs, an hour a row", (625, 1_250, 2_500), _targets),
    "darshan": Part("logs", (250, 500, 1_000), _darshan),
    "slurm": Part("jobs", (2_500, 5_000, 10_000), _slurm),
    "job_stats": Part("rows", (12_500, 25_000, 50_000), _job_stats),
    "days": Part("days", (2, 4, 8), _days),
    "luigid": Part("tasks", (500, 1_000, 2_000), _tasks),
}


def measured(part: Part, size: int, runs: int) -> Figures:
    """The figures of a size: of each, the least of some runs."""
    found = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            found.append(part.measure(Path(folder), size))
    return {name: min(one[name] for one in found) for name in found[0]}


def slopes(part: Part, runs: int = 1) -> dict[str, Line]:
    """The line of each figure."""
    points = [measured(part, size, runs) for size in part.sizes]
    return {
        name: line(part.sizes, [point.get(name, 0.0) for point in points]) for name in points[0]
    }


def table(part: Part, lines: Mapping[str, Line], larger: Figures | None = None) -> str:
    """The lines as Markdown; with what was measured at a larger size, if it was."""
    at = 4 * part.sizes[-1]
    more = f" predicted at {at:,} | measured | off |" if larger else ""
    rows = [
        f"| figure | fixed | for each of the {part.unit} | off |{more}",
        f"|---|---|---|---|{'---|---|---|' if larger else ''}",
    ]
    for name, one in lines.items():
        row = f"| {name} | {one.fixed:.3g} | {one.slope:.3g} | {one.off:.0%} |"
        if larger:
            value = larger[name]
            off = f"{one.at(at) / value - 1:+.0%}" if value else ""
            row += f" {one.at(at):.3g} | {value:.3g} | {off} |"
        rows.append(row)
    return "\n".join(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(arguments)
    for name in options.parts or PARTS:
        part = PARTS[name]
        lines = slopes(part, options.runs)
        larger = measured(part, 4 * part.sizes[-1], 1) if options.check else None
        sizes = ", ".join(f"{size:,}" for size in part.sizes)
        print(f"\n{name}: {sizes} {part.unit}\n\n{table(part, lines, larger)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
