"""The slopes that docs/scale.md calculates with: each part runs, small, and a line is a line."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import slopes

SMALL = {
    "lmt": (2_880, 5_760, 8_640),
    "coarse": (2_880, 5_760, 8_640),
    "targets": (4, 8, 12),
    "darshan": (2, 4, 6),
    "slurm": (10, 20, 30),
    "job_stats": (40, 80, 120),
    "days": (1, 2, 3),
    "luigid": (30, 60, 90),
}
"""Sizes of the plain tests, of which only the first is measured."""
GROWS = {
    "lmt": "one.hdf5, bytes",
    "coarse": "one.hdf5, bytes",
    "targets": "figures.json, bytes",
    "darshan": "one_index.sqlite, bytes",
    "slurm": "one_jobs.parquet, bytes",
    "job_stats": "one_jobs.parquet, bytes",
    "days": "receipts",
    "luigid": "s, all are added",
}


@pytest.mark.system
@pytest.mark.parametrize("name", slopes.PARTS)
def test_each_part_is_measured(name: str, tmp_path: Path) -> None:
    figures = slopes.PARTS[name].measure(tmp_path, SMALL[name][0])
    assert figures[GROWS[name]] > 0
    assert all(value >= 0 for value in figures.values())


@given(
    fixed=st.integers(0, 10**6),
    slope=st.integers(0, 10**6),
    first=st.integers(1, 10**6),
)
def test_points_of_a_line_give_the_line(fixed: int, slope: int, first: int) -> None:
    sizes = [first, 2 * first, 4 * first]
    found = slopes.line(sizes, [fixed + slope * size for size in sizes])
    assert found.at(16 * first) == pytest.approx(fixed + slope * 16 * first, rel=1e-9, abs=1e-3)
    assert found.off < 1e-6


def test_a_bend_is_said() -> None:
    assert slopes.line([1, 2, 4], [1, 4, 16]).off > 0.2


def test_what_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Predicted and measured at four times the largest size, and by how much that is off."""
    part = slopes.Part("jobs", (1, 2, 4), lambda _, size: {"CPU, s": 1 + size + size // 16})
    monkeypatch.setitem(slopes.PARTS, "slurm", dataclasses.replace(part))
    assert slopes.main(["slurm", "--check", "--runs", "1"]) == 0
    shown = capsys.readouterr().out
    assert "slurm: 1, 2, 4 jobs" in shown
    assert "| CPU, s | 1 | 1 | 0% | 17 | 18 | -6% |" in shown
