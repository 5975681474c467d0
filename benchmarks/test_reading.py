"""Reading an archive of many days, against h5py in one loop over the same files and nothing else.

Plain tests make four small days. `make bench` makes a year of days of Cori's size: 248 OSTs every 5
s, bytes written, other numbers each day. It is made once and kept in the folder that TOKIO_BENCH
names, else in a temporary one; TOKIO_BENCH_DAYS may ask for fewer days, for a small disk.

Each figure is of a fresh process, whose peak memory is told with it; ours and h5py's are timed in
the same run.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archive_tools.core.day import Day
from archive_tools.core.grid import Grid
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.reading.day_summary import day_summary
from archive_tools.schemas import catalogue
from archive_tools.store import layout
from benchmarks.bounds import BOUNDS
from benchmarks.figures import record
from tests.support.paths import ROOT

FIRST = dt.date(2025, 1, 1)
NAME = "datatargets/writebytes"


def write_day(root: Path, date: dt.date, osts: int) -> None:
    """A day of bursts: an OST is busy two fifths of the time and moves whole pages then."""
    path = layout.path(root, layout.TTS, date, "cscratch")
    path.parent.mkdir(parents=True, exist_ok=True)
    random, day = np.random.default_rng(date.toordinal()), Day(date)
    busy = np.repeat(random.random((day.rows(5) // 60, osts)) < 0.4, 60, axis=0)
    values = np.where(busy, random.integers(0, 2**19, busy.shape) * 4096.0, 0.0)
    values[random.integers(0, len(values), 20)] = np.nan
    columns = tuple(f"snx11168-OST{n:04x}" for n in range(osts))
    with TtsWriter(path, day, summarise=day_summary) as writer:
        grid = Grid(NAME, columns, day.start, 5, values)
        writer.write(grid, catalogue()[NAME], source="bench", updated=0)


@pytest.fixture(scope="module")
def year(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, int]:
    """The archive, and how many days it has."""
    real = request.config.getoption("benchmark_enable")
    days = int(os.environ.get("TOKIO_BENCH_DAYS", "365")) if real else 4
    folder = Path(os.environ.get("TOKIO_BENCH", tmp_path_factory.mktemp("bench")))
    root = folder / "days" if real else tmp_path_factory.mktemp("year")
    for n in range(days):
        date = FIRST + dt.timedelta(days=n)
        if not layout.path(root, layout.TTS, date, "cscratch").exists():
            write_day(root, date, 248 if real else 3)
    return root, days


OURS = """
import json, sys, time
import archive_tools, pandas
from tests.support.peak_memory import own_peak
root, days, options = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
archive = archive_tools.Archive(root)
began = time.perf_counter()
span = 1735689600, 1735689600 + 86400 * days
frame = archive.to_dataframe("cscratch", "datatargets/writebytes", *span, **options)
seconds, mb = time.perf_counter() - began, own_peak() / 2**20
print(json.dumps({"seconds": seconds, "mb": mb, "sum": float(frame.sum().sum())}))
"""
THEIRS = """
import json, sys, time
import h5py, numpy, pandas, datetime
from tests.support.peak_memory import own_peak
root, days, options = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
began = time.perf_counter()
parts = []
for n in range(days):
    date = datetime.date(2025, 1, 1) + datetime.timedelta(days=n)
    with h5py.File(f"{root}/{date:%Y}/{date}/cscratch.hdf5") as file:
        item = file["datatargets/writebytes"]
        if "components" in options:
            parts.append(item[:, list(item.attrs["columns"]).index(options["components"].encode())])
        elif "resample" in options:
            parts.append(numpy.nansum(item[:], axis=0)[None])
        else:
            parts.append(item[:])
whole = numpy.concatenate(parts)
seconds, mb = time.perf_counter() - began, own_peak() / 2**20
print(json.dumps({"seconds": seconds, "mb": mb, "sum": float(numpy.nansum(whole))}))
"""
Measured = dict[str, Any]


@pytest.fixture(scope="module")
def reported() -> dict[str, Measured]:
    """What each way gave, to compare."""
    return {}


def run(program: str, root: Path, days: int, options: dict[str, str]) -> Measured:
    shown = subprocess.run(
        [sys.executable, "-c", program, str(root), str(days), json.dumps(options)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return dict(json.loads(shown.stdout))


CASES: dict[str, tuple[int, dict[str, str]]] = {
    "one OST over 60 days": (60, {"components": "snx11168-OST0002"}),
    "all OSTs over 7 days": (7, {}),
    "daily totals over a year": (365, {"resample": "1d"}),
    "all OSTs of a day": (1, {}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", ["h5py", "ours"])
def test_reading(
    benchmark, year: tuple[Path, int], reported: dict[str, Measured], case: str, way: str
) -> None:  # type: ignore[no-untyped-def]
    root, there = year
    days, options = CASES[case]
    measured: list[Measured] = []

    def work() -> None:
        script = OURS if way == "ours" else THEIRS
        measured.append(run(script, root, min(days, there), options))

    benchmark.pedantic(work, rounds=3 if benchmark.enabled and days < 365 else 1)
    best = min(measured, key=lambda one: float(one["seconds"]))
    benchmark.extra_info.update(
        {"days": min(days, there), "seconds": round(best["seconds"], 3), "mb": round(best["mb"])}
    )
    reported[f"{case} {way}"] = best
    if way == "ours":
        other = reported[f"{case} h5py"]
        assert best["sum"] == other["sum"]
        if case in BOUNDS:
            limit = f"h5py {other['seconds']:.2f} s"
            record(case, best["seconds"] / other["seconds"], "ratio", limit)
