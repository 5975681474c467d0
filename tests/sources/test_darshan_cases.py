"""Small Darshan logs that were once archived wrongly: what each must give."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path

import pytest

from archive_tools.core.arrays import Float64
from archive_tools.core.day import Day
from archive_tools.core.vocabulary import FindingKind
from tests.support import darshan_day
from tests.support.darshan_day import Reduced
from tests.support.darshan_source import options
from tests.support.paths import ROOT, needed

DAY = Day(dt.date(2026, 11, 22))
TOTAL = 201_326_592
"""Bytes that each log wrote on /scratch."""
HALF, QUARTER = TOTAL // 2, TOTAL // 4


@pytest.fixture(scope="module")
def cases() -> Path:
    """The folder of the cases."""
    folder = Path(os.environ.get("TOKIO_CASES", ROOT.parent / "shared" / "cases")) / "darshan"
    if not folder.is_dir():
        needed(f"the cases in {folder} (or in $TOKIO_CASES)")
    return folder


def reduced(cases: Path, name: str, folder: Path) -> Reduced:
    """What a day with one case among its logs comes to."""
    (folder / "logs").mkdir()
    shutil.copy(cases / f"{name}.darshan", folder / "logs")
    return darshan_day.reduced(options(folder / "logs"), folder / "raw", DAY)


def written(day: Reduced) -> Float64:
    """Bytes written on scratch in each minute."""
    (grid,) = [grid for grid in day.series if grid.dataset == "datatargets/writebytes"]
    assert grid.values.sum() == TOTAL
    return grid.values[:, grid.columns.index("scratch")]


def test_trace_of_half_the_files(cases: Path, tmp_path: Path) -> None:
    values = written(reduced(cases, "trace_of_half_the_files", tmp_path))
    assert (values[480], values[495], values.sum()) == (HALF, HALF, TOTAL)


def test_heat_widths(cases: Path, tmp_path: Path) -> None:
    values = written(reduced(cases, "heat_widths", tmp_path))
    assert values[480] == 3 * QUARTER - 3000
    assert values[498] + values[499] == QUARTER + 3000, "the job ends with minute 499"


def test_trace_overflow(cases: Path, tmp_path: Path) -> None:
    day = reduced(cases, "trace_overflow", tmp_path)
    assert written(day).sum() == TOTAL
    assert day.merger.placed == {"dxt": 0, "heatmap": TOTAL, "even": 0}
    assert day.findings.total(FindingKind.TRACES_CONTRADICT) == 12
    (event,) = [one for one in day.findings.events() if one.kind == FindingKind.TRACES_CONTRADICT]
    assert event.detail == "files of 1 logs, such as trace_overflow.darshan"
