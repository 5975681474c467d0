"""The checker of the library's memory sees what the library does: of a good log nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.sources.darshan import log_checks
from tests.fuzz import library_memory
from tests.support.paths import cases, needed

pytestmark = pytest.mark.system


def test_a_write_out_of_bounds_is_seen_and_a_good_log_has_none(tmp_path: Path) -> None:
    if not (shutil.which("gcc") and shutil.which("valgrind")):
        needed("gcc and valgrind (apt install gcc valgrind)")
    program = library_memory.build(tmp_path)
    poison, good = cases("darshan") / "poison.darshan", cases("darshan") / "heat_widths.darshan"
    everything = [str(number) for number in log_checks.MODULES.values()]
    kinds = {kind for kind, _ in library_memory.errors(program, poison, everything)}
    assert library_memory.BOUNDS in kinds
    assert not library_memory.errors(program, good, library_memory.let_through(good))


def test_a_damaged_region_is_not_let_through(tmp_path: Path) -> None:
    damaged = cases("darshan") / "heatmap_damaged.darshan"
    heatmap = str(log_checks.MODULES["HEATMAP"])
    assert heatmap not in library_memory.let_through(damaged)
    (tmp_path / "cut.darshan").write_bytes(damaged.read_bytes()[:-300])
    assert set(library_memory.let_through(tmp_path / "cut.darshan")) < {
        *map(str, log_checks.MODULES.values()),
        "open",
    }
