"""The table of bounds: what is printed of figures that are reached, missed and absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bounds import BOUNDS
from benchmarks.figures import read, record, table, verdict


def test_what_is_recorded_is_printed_beside_what_was_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_FIGURES", str(tmp_path / "new/figures.json"))
    record("status", 9.0, "s")
    record("status", 0.8, "s", limit="a listing 0.1 s")
    figures = read(tmp_path / "new/figures.json")
    lines = table(figures, {"status": {"figure": 1.25}}).splitlines()
    (line,) = [line for line in lines if line.startswith(BOUNDS["status"].work)]
    assert line.split("  ")[-1] == "a listing 0.1 s"
    assert "1.25" in line
    assert "0.8" in line
    assert "met, the aim is not" in line
    assert len(lines) == len(BOUNDS) + 2
    assert lines[-1] == f"1 met, 0 missed, {len(BOUNDS) - 1} not measured"
    assert "before" not in table(figures)


def test_a_miss_is_said_in_words() -> None:
    less, more = BOUNDS["status"], BOUNDS["darshan night"]
    assert verdict(less, 1.1) == "MISSED: at most 1 is wanted"
    assert verdict(more, 0.4) == "MISSED: at least 0.5 is wanted"
    assert verdict(more, 1.2) == verdict(less, 0.5) == "met, the aim too"
    assert verdict(more, None) == "not measured"


def test_a_figure_is_of_a_row_and_its_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENCH_FIGURES", raising=False)
    record("start", 0.1, "s")
    with pytest.raises(AssertionError, match="start is in s, not ms"):
        record("start", 100.0, "ms")
    with pytest.raises(KeyError):
        record("starts", 0.1, "s")


def test_aims_are_not_easier_than_bounds() -> None:
    assert all(bound.reached(bound.aim, bound.bound) for bound in BOUNDS.values())


def test_every_row_is_measured_by_a_benchmark() -> None:
    modules = set(Path(__file__).parent.glob("test_*.py")) - {Path(__file__)}
    text = "".join(module.read_text() for module in modules)
    assert [row for row in BOUNDS if f'"{row}"' not in text] == []
