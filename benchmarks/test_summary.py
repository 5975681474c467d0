"""`summarize` of a whole day of LMT, against h5py reading all datasets and nothing else.

Plain tests make a small day, `make bench` one of Cori's size; see `test_lmt_day`. Both are timed in
fresh processes of one run, on the same file.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.figures import record
from benchmarks.measured import archived
from benchmarks.test_lmt_day import day, source
from tests.support.paths import ROOT

__all__ = ["day"]
OURS = """
import json, sys, time
import archive_tools, pandas
archive = archive_tools.Archive(sys.argv[1])
began = time.perf_counter()
found = archive.summarize("bench", "2026-11-22", "2026-11-23")
seconds = time.perf_counter() - began
print(json.dumps([seconds, found["total"].fillna(0).to_dict()]))
"""
THEIRS = """
import json, sys, time
import h5py, numpy
began = time.perf_counter()
with h5py.File(sys.argv[1] + "/2026/2026-11-22/bench.hdf5") as file:
    found = {
        f"{group}/{name}": item[:]
        for group in file
        for name, item in file[group].items()
        if "columns" in item.attrs
    }
seconds = time.perf_counter() - began
print(json.dumps([seconds, {name: numpy.nansum(values) for name, values in found.items()}]))
"""


def run(program: str, root: Path) -> tuple[float, dict[str, float]]:
    """Seconds, and the total of each dataset."""
    shown = subprocess.run(
        [sys.executable, "-c", program, root], capture_output=True, text=True, check=True, cwd=ROOT
    )
    seconds, totals = json.loads(shown.stdout)
    return seconds, totals


def test_summarize_a_day(benchmark, day: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    archived(source(day), tmp_path / "site")
    root = tmp_path / "site/archive"
    ours: list[tuple[float, dict[str, float]]] = []
    theirs: list[tuple[float, dict[str, float]]] = []

    def work() -> None:
        theirs.append(run(THEIRS, root))
        ours.append(run(OURS, root))

    benchmark.pedantic(work, rounds=3 if benchmark.enabled else 1)
    assert len(ours[0][1]) == len(theirs[0][1]) == 21
    for name in ("datatargets/readbytes", "datatargets/writebytes"):
        assert ours[0][1][name] == pytest.approx(theirs[0][1][name], rel=1e-12)
    floor = min(theirs)[0]
    record("summarize a day", min(ours)[0] / floor, "ratio", f"h5py {floor:.2f} s")
