"""A whole nightly run of a day of LMT, out of SQLite and out of a MariaDB server, against one
reading of its rows by one thread and nothing else, in the same run on the same data.

Plain tests take a small day, `make bench` one of Cori's size; see `test_lmt_day`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.figures import record
from benchmarks.night_ratio import beside
from benchmarks.test_lmt_day import day, source
from pipeline.sources._shared.sql_database import Database
from pipeline.sources.lmt.tables import TABLES
from tests.support.mariadb import Server
from tests.support.paths import needed

__all__ = ["day"]
LARGE = ("OST_DATA", "OSS_DATA")
ROWS = 500_000


def read(database: Database) -> None:
    """Read the rows of the large tables: of a server at once, of SQLite in pieces, which is
    faster.
    """
    rows = 0
    for name in LARGE:
        pieces = [""]
        if database.is_sqlite:
            count = database.scalar(f"SELECT MAX(rowid) FROM {name}")
            pieces = [f"rowid BETWEEN {a} AND {a + ROWS - 1}" for a in range(1, count + 1, ROWS)]
        rows += sum(database.select(name, TABLES[name], piece).num_rows for piece in pieces)
    assert rows > 0


def measure(
    benchmark: Any, row: str, database: Database, source: dict[str, str], folder: Path
) -> float:
    """Record the ratio of `row`; MB of the nightly run."""
    found = beside(benchmark, source, lambda: read(database), folder)
    limit = f"one reading {found.reading:.2f} s"
    record(row, found.nightly / found.reading, "ratio", limit)
    return found.mb


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
