"""A whole day of LMT, SQLite to finished HDF5.

Plain tests make a small day. `make bench` makes one of Cori's size: 248 OSTs, 248 OSSes and one MDS
every 5 s, 8.5 million rows. It is made once and kept in the folder that TOKIO_BENCH names, else in
a temporary one.

In the same run, on the same data: the same grids through h5py's own deflate filter. Against one
reading of the rows: `test_lmt_night`.
"""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import pytest

from archive_tools import open_tts
from benchmarks.measured import DATE, archived, timed
from tests.support.lmtdb import make_lmt

CORI = {"osts": 248, "oss": 248, "mds": 1}
SMALL = {"osts": 3, "oss": 2, "mds": 1}


@pytest.fixture(scope="module")
def day(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of the day."""
    real = request.config.getoption("benchmark_enable")
    folder = Path(os.environ.get("TOKIO_BENCH", tmp_path_factory.mktemp("bench")))
    path = folder / ("cori.sqlite3" if real else "small.sqlite3")
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        make_lmt.make(path, DATE, **(CORI if real else SMALL))
    return path


def source(day: Path) -> dict[str, str]:
    return {"kind": "lmt", "database": f"sqlite:///{day}"}


def test_whole_day(benchmark, day: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Wall time of SQLite to HDF5 in a fresh process (its start included), and where it goes."""
    _, path = timed(benchmark, source(day), tmp_path)
    with open_tts(path) as tts:
        assert len(tts.datasets()) == 21


def test_writing_with_hdf5s_own_filter(benchmark, day: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """The same grids through h5py's gzip and shuffle, for the share of writing."""
    archived(source(day), tmp_path / "w")
    with open_tts(tmp_path / "w/archive/2026/2026-11-22/bench.hdf5") as tts:
        grids = {name: tts.to_numpy(name) for name in tts.datasets()}

    def write() -> None:
        with h5py.File(tmp_path / "plain.hdf5", "w") as file:
            for name, values in grids.items():
                file.create_dataset(
                    name,
                    data=values,
                    chunks=(720, values.shape[1]),
                    compression="gzip",
                    compression_opts=1,
                    shuffle=True,
                )

    benchmark.pedantic(write, rounds=1)
