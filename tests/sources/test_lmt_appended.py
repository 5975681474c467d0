"""What is new of an SQLite file that only grows: the rows after those of the newest piece."""

from __future__ import annotations

import datetime as dt
import shutil
import sqlite3
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive_tools.core.day import Day
from archive_tools.core.errors import NoData
from archive_tools.core.findings import Findings
from pipeline.building import pieces
from pipeline.sources import lmt
from pipeline.sources.lmt import Lmt
from pipeline.testing.contract import assert_same, grids, queried
from tests.support.lmtdb import LmtDb, every

DATE = "2026-11-22"
DAY = Day(dt.date.fromisoformat(DATE))
STEP = 600
ROWS = 24 * 3600 // STEP + 1


@pytest.fixture(autouse=True)
def _day_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: DAY.end - 60.0)


class Growing:
    """A database to which rows come, and the pieces that were fetched of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "live.db"
        self.db = LmtDb(self.path)
        self.keys = lmt.Options.model_validate(
            {"kind": "lmt", "database": f"sqlite://{self.path}", "timestep": STEP}
            | {"timezone": "UTC"}
        )
        self.held: list[Path] = []
        self.fetches = 0
        self.stamps = every(STEP, DATE, ROWS)

    def stamp(self, first: int, last: int) -> None:
        for n in range(first, last):
            self.db.execute(
                "INSERT INTO TIMESTAMP_INFO (TS_ID, TIMESTAMP) VALUES (?, ?)",
                *(100 + n, self.stamps[n]),
            )

    def rows(self, ost: int, first: int, last: int) -> None:
        rows = [(ost, 100 + n, n * 1000 * ost, n, 0.0, 90, 10, 5, 5) for n in range(first, last)]
        if rows:
            self.db.add("OST_DATA", *rows)
        self.db.connection.commit()

    def fetch(self) -> list[tuple[int, int]] | None:
        """The new rows, as ids of OSTs and stamps; None if there are none."""
        self.fetches += 1
        folder = self.folder / f"piece-{self.fetches:04d}"
        folder.mkdir()
        try:
            queried(self.keys, lambda: lmt.SOURCE.fetch_new(self.keys, DAY, folder, self.held))
        except NoData:
            return None
        self.held.append(folder)
        table = pq.read_table(folder / "OST_DATA.parquet", columns=["OST_ID", "TS_ID"])
        return sorted((row["OST_ID"], row["TS_ID"] - 100) for row in table.to_pylist())

    def assert_whole(self) -> None:
        """All pieces together are what one fetch of all brings."""
        folder = self.folder / "whole"
        folder.mkdir()
        queried(self.keys, lambda: lmt.SOURCE.fetch(self.keys, DAY, folder))
        together = pieces.samples(lmt.SOURCE, self.keys, DAY, self.held[::-1], Findings())
        alone = lmt.SOURCE.parse(self.keys, DAY, folder, Findings())
        assert_same(grids(self.keys, DAY, list(alone)), grids(self.keys, DAY, list(together)))


@pytest.fixture
def growing(tmp_path: Path) -> Growing:
    return Growing(tmp_path)


def of(ost: int, first: int, last: int) -> list[tuple[int, int]]:
    return [(ost, n) for n in range(first, last)]


def test_only_what_came_is_read(growing: Growing, monkeypatch: pytest.MonkeyPatch) -> None:
    growing.stamp(0, 4)
    growing.rows(1, 0, 4)
    assert growing.fetch() == of(1, 0, 4)
    monkeypatch.setattr(Lmt, "_not_held", lambda *_: pytest.fail("all rows were compared"))
    assert growing.fetch() is None
    growing.stamp(4, 8)
    growing.rows(1, 4, 8)
    growing.rows(2, 1, 3)
    assert growing.fetch() == of(1, 4, 8) + of(2, 1, 3), "late rows too"
    assert growing.fetch() is None


def test_rows_before_their_time_stamp(growing: Growing) -> None:
    """Rows that came before their stamp did are read when it is there."""
    growing.stamp(0, 4)
    growing.rows(1, 0, 6)
    assert growing.fetch() == of(1, 0, 4)
    growing.stamp(4, 8)
    growing.rows(1, 6, 8)
    assert growing.fetch() == of(1, 4, 8)
    growing.assert_whole()


def test_another_file(growing: Growing) -> None:
    """A copy that has a late row among earlier ones: all rows are compared."""
    growing.stamp(0, 6)
    growing.rows(1, 0, 2)
    growing.rows(1, 3, 4)
    growing.fetch()
    growing.db.execute("DELETE FROM OST_DATA")
    growing.rows(1, 0, 5)
    assert set(of(1, 2, 3) + of(1, 4, 5)) <= set(growing.fetch() or ())
    growing.assert_whole()


def test_a_copy_with_another_inode(growing: Growing) -> None:
    growing.stamp(0, 6)
    growing.rows(1, 0, 4)
    growing.fetch()
    growing.db.connection.close()
    copy = growing.path.with_suffix(".copy")
    shutil.copy(growing.path, copy)
    growing.path.rename(growing.path.with_suffix(".old"))
    copy.rename(growing.path)
    with sqlite3.connect(growing.path) as connection:
        connection.execute("UPDATE OST_DATA SET TS_ID = 104 WHERE TS_ID = 102")
    connection.close()
    assert set(of(1, 4, 5)) <= set(growing.fetch() or ())


@pytest.mark.parametrize("hours", [2, 3])
def test_a_file_of_one_hour_that_is_copied_over_the_one_before(
    growing: Growing, tmp_path: Path, hours: int
) -> None:
    """Each begins its numbers and ids again; the inode stays."""
    for hour in range(hours):
        path = tmp_path / "hour.db"
        path.unlink(missing_ok=True)
        db = LmtDb(path)
        for n in range(4):
            values = 100 + n, growing.stamps[4 * hour + n]
            db.execute("INSERT INTO TIMESTAMP_INFO (TS_ID, TIMESTAMP) VALUES (?, ?)", *values)
        db.add("OST_DATA", *((1, 100 + n, n, n, 0.0, 90, 10, 5, 5) for n in range(4)))
        db.connection.commit()
        db.connection.close()
        growing.db.connection.close()
        shutil.copyfile(path, growing.path)
        assert growing.fetch() == of(1, 0, 4)


def test_a_row_whose_time_stamp_never_comes_does_not_stop_the_others(growing: Growing) -> None:
    growing.stamp(0, 4)
    growing.rows(1, 0, 4)
    growing.db.add("OST_DATA", (1, 100 + 40, 0, 0, 0.0, 90, 10, 5, 5))
    assert growing.fetch() == of(1, 0, 4)
    for first in (4, 8):
        growing.stamp(first, first + 4)
        growing.rows(1, first, first + 4)
        assert growing.fetch() == of(1, first, first + 4)


def test_a_newest_row_that_is_replaced(growing: Growing) -> None:
    growing.stamp(0, 4)
    growing.rows(1, 0, 4)
    growing.fetch()
    growing.db.execute("DELETE FROM OST_DATA WHERE TS_ID = 103")
    growing.db.add("OST_DATA", (1, 103, 9000, 9, 0.0, 90, 10, 5, 5))
    growing.stamp(4, 5)
    growing.rows(1, 4, 5)
    assert (1, 4) in (growing.fetch() or ())


def test_a_piece_that_is_missing(growing: Growing) -> None:
    """What only a piece had that is damaged now is read again."""
    growing.stamp(0, 9)
    for first in (0, 3, 6):
        growing.rows(1, first, first + 3)
        growing.fetch()
    del growing.held[1]
    assert set(of(1, 3, 6)) <= set(growing.fetch() or ())
    growing.assert_whole()


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["stamps", "rows", "fetch", "lose"]), st.integers(1, 2)),
        min_size=3,
        max_size=12,
    )
)
def test_whatever_comes_in_whatever_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    """Stamps and rows of two OSTs come, pieces get lost: the pieces are the day."""
    growing = Growing(tmp_path_factory.mktemp("growing"))
    stamped, at = 1, {1: 0, 2: 0}
    growing.stamp(0, 1)
    for what, ost in [*steps, ("rows", 1), ("stamps", 1), ("fetch", 1)]:
        if what == "stamps":
            growing.stamp(stamped, stamped + 2)
            stamped += 2
        elif what == "rows":
            growing.rows(ost, at[ost], at[ost] + 3)
            at[ost] += 3
        elif what == "fetch":
            growing.fetch()
        elif growing.held:
            shutil.rmtree(growing.held[-1])
            growing.held.pop()
    growing.assert_whole()


def test_rows_that_are_in_the_write_ahead_log_alone_are_seen(growing: Growing) -> None:
    growing.db.connection.execute("PRAGMA journal_mode = WAL")
    growing.stamp(0, 4)
    growing.rows(1, 0, 2)
    before = lmt.SOURCE.inputs(growing.keys, DAY)
    assert lmt.SOURCE.inputs(growing.keys, DAY) == before
    growing.rows(1, 2, 4)
    assert lmt.SOURCE.inputs(growing.keys, DAY) != before
