"""A whole day of mmperfmon output, tarball to finished HDF5.

Plain tests make a small day. `make bench` with TOKIO_BENCH set makes one of 48 servers and 336
LUNs, each seen by six servers, in rows of 60 s: 5.8 million figures of LUNs in 3,456 files. It is
made once and kept in the folder that TOKIO_BENCH names.

In the same run, on the same data: nothing but reading the tarball's bytes, and reading its text
without making a file.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from archive_tools import open_tts
from benchmarks.measured import DATE, timed
from pipeline.sources._shared import source_files
from pipeline.sources.mmperfmon.text_tables import Damage, tables
from tests.support.mmperfmon_day import make, traffic

LARGE = {"servers": 48, "luns": 336, "paths": 6}
SMALL = {"servers": 2, "luns": 3, "paths": 2}


@pytest.fixture(scope="module")
def size() -> dict[str, int]:
    return LARGE if os.environ.get("TOKIO_BENCH") else SMALL


@pytest.fixture(scope="module")
def day(size: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tarball of the day."""
    folder = Path(os.environ.get("TOKIO_BENCH") or tmp_path_factory.mktemp("bench"))
    path = folder / f"mmperfmon_{size['servers']}.tgz"
    if not path.exists():
        make(path, DATE, **size)
    return path


def texts(day: Path) -> list[bytes]:
    return [
        source_files.content(member)
        for member in source_files.members(day, day.name, 1 << 34, no_problem)
    ]


def no_problem(where: str, what: str) -> None:
    raise AssertionError(f"{where}: {what}")


def test_whole_day(benchmark, size: dict[str, int], day: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Wall time of tarball to HDF5 in a fresh process (its start included), and where it goes."""
    source = {"kind": "mmperfmon", "files": str(day), "mmperfmon_lun_map": {"lun": "datatarget"}}
    _, path = timed(benchmark, source, tmp_path)
    with open_tts(path) as tts:
        frame = tts.to_dataframe("datatargets/readbytes")
    assert frame.shape == (1440, size["luns"] * size["paths"])
    assert frame["nsd001:lun0001"].tolist() == [traffic(1, 1, minute) for minute in range(1440)]


def test_reading_the_text_alone(benchmark, size: dict[str, int], day: Path) -> None:  # type: ignore[no-untyped-def]
    """Text to arrays, without names, time zones, grids and files."""
    there = texts(day)

    def read() -> int:
        return sum(table.values.size for text in there for table in tables(text, Damage(text)))

    assert benchmark.pedantic(read, rounds=1) == 1440 * (
        2 * size["luns"] * size["paths"] + 6 * size["servers"]
    )


def test_reading_the_bytes_alone(benchmark, day: Path) -> None:  # type: ignore[no-untyped-def]
    """The floor: unpacking the tarball, and nothing else."""
    assert benchmark.pedantic(lambda: sum(map(len, texts(day))), rounds=1) > 0
