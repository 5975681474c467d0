"""Sources of small nights."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.support.lmtdb import LmtDb, every
from tests.support.paths import SITEDAY_LOGS

DATE = "2026-11-22"


def lmt_db(
    path: Path,
    osts: tuple[str, ...] = ("fs-OST0000", "fs-OST0001"),
    step: int = 600,
    upto: int = 145,
) -> LmtDb:
    """A whole day, one sample every ten minutes; OST n grows by (n + 1) * 1000 a sample."""
    db = LmtDb(path, osts)
    ids = db.stamps(every(step, DATE, upto))
    for n, ts in enumerate(ids):
        for name in osts:
            db.ost(ts, 1 + osts.index(name), n * 1000 * (1 + int(name[-4:], 16)))
    return db


def lmt_source(path: Path) -> dict[str, Any]:
    return {"kind": "lmt", "database": f"sqlite:///{path}", "timestep": 600}


FOREVER = {"late_days": 10**5, "raw_days": 10**5}


def some_logs(folder: Path, count: int) -> list[Path]:
    folder.mkdir(exist_ok=True)
    return [Path(shutil.copy(log, folder)) for log in sorted(SITEDAY_LOGS.iterdir())[:count]]
