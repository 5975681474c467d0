"""Many small days of a site with three instances: two Lustre file systems by LMT, and Darshan
logs.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.lmtdb import LmtDb, every
from tests.support.paths import SITEDAY_LOGS

STEP = 600
FILE_SYSTEMS = ("home", "scratch")
LOGS = sorted(SITEDAY_LOGS.iterdir())


def write_lmt(path: Path, date: dt.date, *, upto: int = 145) -> None:
    """A day's database, a sample every ten minutes up to the first of the next day."""
    db = LmtDb(path)
    stamps = every(STEP, str(date), upto)
    ids = db.stamps(stamps)
    db.add(
        "OST_DATA",
        *[
            (ost, ts, n * 1000 * ost, n * 500 * ost, 0.0, 90, 10, 5, 5)
            for n, ts in enumerate(ids)
            for ost in (1, 2)
        ],
    )
    db.add("OSS_DATA", *[(1, ts, 50.0, 20.0) for ts in ids])
    db.connection.close()


def write_days(folder: Path, dates: Sequence[dt.date], **keys: Any) -> Path:
    """Sources of some days and the site.json of their site, whose path is returned."""
    for date in dates:
        for name in FILE_SYSTEMS:
            path = folder / "lmt" / f"{name}_{date}.sqlite3"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_lmt(path, date)
        logs = folder / "darshan" / str(date)
        logs.mkdir(parents=True)
        shutil.copy(LOGS[date.toordinal() % len(LOGS)], logs)
    return write_site(folder, **keys)


def write_site(folder: Path, **keys: Any) -> Path:
    """The site.json of `write_days`."""
    sources: dict[str, Any] = {
        name: {
            "kind": "lmt",
            "database": f"sqlite:///lmt/{name}_%Y-%m-%d.sqlite3",
            "timestep": STEP,
        }
        for name in FILE_SYSTEMS
    }
    sources["darshan"] = {
        "kind": "darshan",
        "logs": "darshan/%Y-%m-%d",
        "timestep": 600,
        "neighbours": 0,
    }
    site = {
        "site": "small",
        "archive": "archive",
        "mount_to_fsname": {"^/scratch": "scratch", "^/project": "home"},
        "sources": sources,
        **keys,
    }
    path = folder / "site.json"
    path.write_text(json.dumps(site))
    return path
