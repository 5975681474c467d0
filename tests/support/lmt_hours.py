"""A day of an LMT database, hours of it, and the time at which a run is."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sqlite3
import types
from pathlib import Path
from typing import Any

import pytest

from archive_tools.core.day import Day
from tests.support.lmtdb import LmtDb, every
from tests.support.nights import DATE

DAY = Day(dt.date.fromisoformat(DATE))
STEP = 60


def lmt_day(path: Path) -> LmtDb:
    """A day of a database, one sample a minute: two OSTs, an OSS, an MDS with operations; one OST
    is reset at noon, and silent for some minutes.
    """
    db = LmtDb(path)
    ids = db.stamps(every(STEP, DATE, 24 * 60 + 1))
    for n, ts in enumerate(ids):
        db.add("OSS_DATA", (1, ts, n % 90, 50.0))
        db.add("MDS_OPS_DATA", (1, ts, 1, n * 3, 0, 0))
        rows = [(1, ts, n * 1000, n * 10, 0.0, 90, 10 + n, 5, 5)]
        if not 180 <= n < 185:
            rows.append((2, ts, (n if n < 720 else n - 720) * 2000, n, 0.0, 90, 10, 5, 5))
        db.add("OST_DATA", *rows)
    return db


def seen_of(whole: Path, copy: Path, first: float, last: float) -> None:
    """A copy of a database from which all rows before and after some hours were deleted."""
    shutil.copy(whole, copy.with_suffix(".new"))
    os.replace(copy.with_suffix(".new"), copy)
    db = LmtDb.__new__(LmtDb)
    db.connection = sqlite3.connect(copy)
    low, high = 100 + int(first * 60), 100 + int(last * 60)
    for table in ("TIMESTAMP_INFO", "OST_DATA", "OSS_DATA", "MDS_OPS_DATA"):
        db.execute(f"DELETE FROM {table} WHERE TS_ID < ? OR TS_ID >= ?", low, high)
    db.connection.close()


def lmt_keys(path: Path) -> dict[str, Any]:
    return {"kind": "lmt", "database": f"sqlite:///{path}", "timestep": STEP}


def at(monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    """Have `yesterday` and `today` be those of a moment."""

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> dt.datetime:
            return dt.datetime.fromtimestamp(now, tz)

    clock = types.ModuleType("datetime")
    vars(clock).update({**vars(dt), "datetime": Clock})
    for module in ("pipeline.site", "pipeline.tasks.fetch"):
        monkeypatch.setattr(f"{module}.dt", clock)
