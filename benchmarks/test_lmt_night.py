"""A whole nightly run of a day of LMT, out of SQLite and out of a MariaDB server, against one
reading of its rows by one thread and nothing else, in the same run on the same data.

Plain tests take a small day, `make bench` one of Cori's size; see `test_lmt_day`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.figures import record
from benchmarks.measured import DATE
from benchmarks.test_lmt_day import day, source
from pipeline.sources._shared.sql_database import Database
from pipeline.sources.lmt.tables import TABLES
from tests.support.mariadb import Server
from tests.support.paths import ROOT, needed

__all__ = ["day"]
LARGE = ("OST_DATA", "OSS_DATA")
ROWS = 500_000
NIGHT = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
code = subprocess.run([sys.executable, "-m", "pipeline.cli.main", *sys.argv[1:]]).returncode
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps({"code": code, "seconds": seconds, "mb": peak}))
"""


def night(source: dict[str, str], folder: Path) -> dict[str, float]:
    """A nightly run into a new folder: seconds, and MB of the largest of its processes."""
    folder.mkdir()
    about: dict[str, Any] = {"site": "bench", "archive": "archive", "sources": {"bench": source}}
    (folder / "site.json").write_text(json.dumps(about))
    words = ["nightly", "--site", str(folder / "site.json"), "--date", str(DATE)]
    run = subprocess.run(
        [sys.executable, "-c", NIGHT, *words], capture_output=True, text=True, check=True, cwd=ROOT
    )
    found = dict(json.loads(run.stdout.splitlines()[-1]))
    assert found["code"] == 0, run.stderr
    shutil.rmtree(folder)
    return found


def read(database: Database) -> float:
    """Seconds in which one thread reads the rows of the large tables: of a server at once, of
    SQLite in pieces, which is faster.
    """
    began, rows = time.perf_counter(), 0
    for name in LARGE:
        pieces = [""]
        if database.is_sqlite:
            count = database.scalar(f"SELECT MAX(rowid) FROM {name}")
            pieces = [f"rowid BETWEEN {a} AND {a + ROWS - 1}" for a in range(1, count + 1, ROWS)]
        rows += sum(database.select(name, TABLES[name], piece).num_rows for piece in pieces)
    assert rows > 0
    return time.perf_counter() - began


def measure(
    benchmark: Any, row: str, database: Database, source: dict[str, str], folder: Path
) -> float:
    """Record the ratio of `row`, each the best of its runs; MB of the nightly run."""
    runs: list[dict[str, float]] = []
    readings: list[float] = []

    def work() -> None:
        readings.append(read(database))
        runs.append(night(source, folder / str(len(runs))))

    benchmark.pedantic(work, rounds=3 if benchmark.enabled else 1)
    floor, seconds = min(readings), min(run["seconds"] for run in runs)
    benchmark.extra_info.update({"reading": round(floor, 2), "nightly": round(seconds, 2)})
    record(row, seconds / floor, "ratio", f"one reading {floor:.2f} s")
    return max(run["mb"] for run in runs)


def test_out_of_sqlite(benchmark, day: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    peak = measure(benchmark, "lmt night", Database.sqlite(day), source(day), tmp_path)
    record("lmt memory", peak, "MB")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, day: Path) -> Iterator[Server]:
    """A server that has the day."""
    if not shutil.which("mariadb-install-db"):
        needed("MariaDB (Debian: mariadb-server)")
    running = Server(tmp_path_factory.mktemp("my"))
    running.sql("CREATE USER 'reader'@'localhost'; GRANT SELECT ON *.* TO 'reader'@'localhost';")
    running.load_large("bench", day)
    yield running
    running.process.terminate()
    running.process.wait(30)


@pytest.mark.server
def test_out_of_mariadb(  # type: ignore[no-untyped-def]
    benchmark, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"mysql://reader@localhost/bench?socket={server.socket}"
    kept = {"kind": "lmt", "database": url}
    measure(benchmark, "mariadb night", Database.mysql(url, ""), kept, tmp_path)
