"""What job_stats take of memory goes with the jobs of a server, not with the number of targets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.sources._shared.file_copies import MANIFEST
from tests.support.job_stats_text import ost, text
from tests.support.paths import ROOT

MIDNIGHT = 1_795_305_600
JOBS = 2000
READ = """
import datetime as dt, sys
from pathlib import Path
from archive_tools.core.day import Day
from archive_tools.core.findings import Findings
from pipeline.sources.job_stats import SOURCE, Options
from tests.support.peak_memory import own_peak
options = Options(kind="job_stats", files="x", timezone="UTC")
day, raw = Day(dt.date(2026, 11, 22)), [Path(sys.argv[1])]
findings = Findings()
looks = sum(int(one.value.sum()) for one in SOURCE.parse_pieces(options, day, raw, findings))
rows = sum(table.num_rows for table in SOURCE.records(options, day, raw))
print(looks, rows, own_peak() >> 20)
"""


def write(folder: Path, targets: int) -> None:
    """Three snapshots of each target, all with the same jobs."""
    folder.mkdir()
    names = []
    for time in range(MIDNIGHT, MIDNIGHT + 1800, 600):
        content = text(ost(str(n), time, n << 20, time << 20) for n in range(JOBS)).encode()
        for target in range(targets):
            (folder / f"{len(names):05d}").write_bytes(content)
            names.append([f"fs-OST{target:04x}.{time}", len(content), 0])
    (folder / MANIFEST).write_text(json.dumps(names))


@pytest.mark.system
def test_ten_times_as_many_targets_take_no_more(tmp_path: Path) -> None:
    """The table of 60 targets has 33 MB of numbers, its text is 210 MB."""
    peaks = []
    for targets in (6, 60):
        write(tmp_path / str(targets), targets)
        command = [sys.executable, "-c", READ, str(tmp_path / str(targets))]
        shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        looks, rows, peak = map(int, shown.stdout.split())
        assert (looks, rows) == (3 * JOBS * targets, JOBS * targets)
        peaks.append(peak)
    assert peaks[1] < peaks[0] + 12, peaks
