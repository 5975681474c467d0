"""Options of an LMT source."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from archive_tools.core.day import Day
from pipeline.sources import lmt
from tests.support.lmtdb import LmtDb

UTC = Day(dt.date(2026, 11, 22))


def options(db: LmtDb | Path, timezone: str = "UTC", timestep: int = 5) -> lmt.Options:
    path = db.path if isinstance(db, LmtDb) else db
    return lmt.Options(
        kind="lmt", database=f"sqlite://{path}", timezone=timezone, timestep=timestep
    )
