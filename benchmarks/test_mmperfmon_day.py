"""A whole day of mmperfmon output, tarball to finished HDF5.

Plain tests make a small day. `make bench` with TOKIO_BENCH set makes one of 48 servers and 336 LUNs, each seen
by six servers, in rows of 60 s: 5.8 million figures of LUNs in 3,456 files. It is made once and kept in the folder that
TOKIO_BENCH names.

In the same run, on the same data: nothing but reading the tarball's bytes, and reading its text without making a file.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from archive_tools import open_tts
from pipeline.sources import _files
from pipeline.sources._mmperfmon_text import Damage, tables
from tests.conftest import ROOT
from tests.mmperfmon_day import make, traffic

DATE = dt.date(2026, 11, 22)
LARGE = {"servers": 48, "luns": 336, "paths": 6}
SMALL = {"servers": 2, "luns": 3, "paths": 2}
PROGRAM = """
import datetime, json, resource, time
from pipeline.tasks import Build
task = Build(date=datetime.date(2026, 11, 22), instance="gpfs")
began = time.perf_counter()
task.needs()[0].run()
fetched = time.perf_counter()
task.run()
print(json.dumps({"fetch": fetched - began, "build": time.perf_counter() - fetched, "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


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


def archived(day: Path, folder: Path) -> dict[str, float]:
    """Archive the day in a process of its own; seconds of fetch and build, and peak memory."""
    folder.mkdir()
    source = {"kind": "mmperfmon", "files": str(day), "mmperfmon_lun_map": {"lun": "datatarget"}}
    site = folder / "site.json"
    site.write_text(json.dumps({"site": "bench", "archive": "archive", "sources": {"gpfs": source}}))
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=os.environ | {"TOKIO_SITE": str(site)}, capture_output=True, text=True, check=True, cwd=ROOT)
    return dict(json.loads(run.stdout))


def texts(day: Path) -> list[bytes]:
    return [_files.content(member) for member in _files.members(day, day.name, 1 << 34, no_problem)]


def no_problem(where: str, what: str) -> None:
    raise AssertionError(f"{where}: {what}")


def test_whole_day(benchmark, size: dict[str, int], day: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Wall time of tarball to HDF5 in a fresh process (its start included), and where it goes."""
    runs = iter(range(100))
    parts: list[dict[str, float]] = []
    benchmark.pedantic(lambda: parts.append(archived(day, tmp_path / str(next(runs)))), rounds=3 if benchmark.enabled else 1)
    best = min(parts, key=lambda part: part["fetch"] + part["build"])
    benchmark.extra_info.update({key: round(value, 2) for key, value in best.items()})
    with open_tts(tmp_path / "0/archive/2026/2026-11-22/gpfs.hdf5") as tts:
        frame = tts.to_dataframe("datatargets/readbytes")
    assert frame.shape == (1440, size["luns"] * size["paths"])
    assert frame["nsd001:lun0001"].tolist() == [traffic(1, 1, minute) for minute in range(1440)]


def test_reading_the_text_alone(benchmark, size: dict[str, int], day: Path) -> None:  # type: ignore[no-untyped-def]
    """Text to arrays, without names, time zones, grids and files."""
    there = texts(day)

    def read() -> int:
        return sum(table.values.size for text in there for table in tables(text, Damage(text)))

    assert benchmark.pedantic(read, rounds=1) == 1440 * (2 * size["luns"] * size["paths"] + 6 * size["servers"])


def test_reading_the_bytes_alone(benchmark, day: Path) -> None:  # type: ignore[no-untyped-def]
    """The floor: unpacking the tarball, and nothing else."""
    assert benchmark.pedantic(lambda: sum(map(len, texts(day))), rounds=1) > 0
