"""What making grids takes of memory goes with what was measured, and changes no figure."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest

from archive_tools.core.day import Day
from archive_tools.core.findings import Findings
from pipeline.model import Samples
from pipeline.sources.collectd import table
from pipeline.transform import grid as grids
from tests.support.paths import ROOT

DAY = Day(dt.date(2026, 11, 22))
STEP = 3600

GRID = """
import datetime as dt, resource, sys
import numpy as np
from archive_tools.core.day import Day
from archive_tools.core.findings import Findings
from pipeline.model import Samples
from pipeline.sources.collectd import table
from pipeline.transform.grid import Gridder
from tests.support.peak_memory import own_peak
hosts, cores = 100, 64
stamps = [int(n) for n in sys.argv[1:]]
day = Day(dt.date(2026, 11, 22))
parts = hosts * cores
samples = Samples(
    "dataservers/cpuuser",
    np.repeat(day.start + np.array(stamps, dtype=np.int64), parts),
    np.tile(np.arange(parts, dtype=np.int32), len(stamps)),
    np.ones(parts * len(stamps)),
    tuple(f"nid{n // cores:05d}-{n % cores}" for n in range(parts)),
    tuple(f"nid{n // cores:05d}" for n in range(parts)),
)
metric = next(one for one in table.metrics() if one.dataset.name == samples.dataset)
before = own_peak()
found = Gridder(day, 10, Findings()).grid(samples, metric)
assert found.values.shape == (8640, hosts), found.values.shape
assert np.nansum(found.values) == len(stamps) * hosts
print((own_peak() - before) >> 20)
"""


@pytest.mark.system
@pytest.mark.parametrize("stamps", [range(0, 600, 10), (0, 86390)], ids=["10min", "whole_day"])
def test_cores_of_many_hosts_are_not_a_day_of_cells_each_at_once(stamps: range) -> None:
    """6,400 cores are 440 MB of cells, several times over; their 100 hosts are 7 MB."""
    command = [sys.executable, "-c", GRID, *map(str, stamps)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert int(shown.stdout) < 400


def some_samples(name: str, *, parts: bool) -> Samples:
    """Of 7 hosts with 5 parts each: late, early, twice, reset."""
    random = np.random.default_rng(7)
    column = random.integers(0, 35, 900).astype(np.int32)
    time: npt.NDArray[np.int64] = DAY.start + random.integers(-STEP, 30 * STEP, 900)
    value = np.where(random.random(900) < 0.9, time - DAY.start + 600, 3).astype(np.int64)
    names = tuple(f"h{n % 7}:{n // 7}" for n in range(35))
    return Samples(name, time, column, value, names, tuple(n[:2] for n in names) if parts else ())


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("datatargets/readbytes", False),
        ("dataservers/netinbytes", True),
        ("dataservers/cpuidle", True),
    ],
)
def test_some_components_at_a_time_give_what_all_give(
    monkeypatch: pytest.MonkeyPatch, name: str, parts: bool
) -> None:
    metric = next(one for one in table.metrics() if one.dataset.name == name)
    samples = some_samples(name, parts=parts)
    at_once, in_pieces = Findings(), Findings()
    expected = grids.Gridder(DAY, STEP, at_once).grid(samples, metric)
    monkeypatch.setattr(grids, "MOST_CELLS", 200)
    gridder = grids.Gridder(DAY, STEP, in_pieces)
    pieces = list(gridder.parts(samples, metric))
    assert len(pieces) > 3
    found = gridder.whole_day(pieces)
    assert found.columns == expected.columns
    np.testing.assert_array_equal(found.values, expected.values)
    assert in_pieces.counts_at(name) == at_once.counts_at(name)


def test_rows_before_the_first_sample_and_after_the_last_are_missing() -> None:
    metric = next(one for one in table.metrics() if one.dataset.name == "datatargets/readbytes")
    edges = DAY.start + np.array([20, 21, 22]) * STEP
    samples = Samples(metric.dataset.name, edges, np.zeros(3, np.int32), edges, ("h:a",))
    gridder = grids.Gridder(DAY, STEP, Findings())
    (part,) = gridder.parts(samples, metric)
    assert (part.start, len(part.values)) == (edges[0], 3)
    whole = gridder.whole_day([part])
    assert np.flatnonzero(~np.isnan(whole.values[:, 0])).tolist() == [20, 21]


def test_the_closing_sample_alone_is_a_day_without_cells() -> None:
    metric = next(one for one in table.metrics() if one.dataset.name == "datatargets/readbytes")
    time = np.array([DAY.end])
    samples = Samples(metric.dataset.name, time, np.zeros(1, np.int32), time, ("h:a",))
    found = grids.Gridder(DAY, STEP, Findings()).grid(samples, metric)
    assert found.values.shape == (DAY.rows(STEP), 1)
    assert np.isnan(found.values).all()
