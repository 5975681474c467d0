"""Small LMT databases, row by row, for tests."""

from __future__ import annotations

import datetime as dt
import importlib.util
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT

_spec = importlib.util.spec_from_file_location("make_lmt", ROOT / "examples/make_lmt.py")
assert _spec
assert _spec.loader
make_lmt = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_lmt)


class LmtDb:
    """An LMT database in SQLite that tests fill as they like."""

    def __init__(self, path: Path, osts: Sequence[str] = ("fs-OST0000", "fs-OST0001")) -> None:
        path.unlink(missing_ok=True)
        self.path = path
        self.connection = sqlite3.connect(path)
        self.connection.execute("PRAGMA synchronous = OFF")  # nobody pulls the plug
        self.connection.executescript(make_lmt.SCHEMA)
        self.add("FILESYSTEM_INFO", (1, "fs", "", 1.1))
        self.add("OPERATION_INFO", (1, "open", "reqs"), (2, "close", "reqs"))
        self.add("MDS_INFO", (1, 1, "fs-MDT0000", "mds0", "/dev/md0"))
        self.add("OSS_INFO", (1, 1, "oss0", None))
        self.add(
            "OST_INFO", *[(i + 1, 1, name, "oss0", 0, "/dev/md") for i, name in enumerate(osts)]
        )

    def add(self, table: str, *rows: Sequence[Any]) -> None:
        if rows:
            self.connection.executemany(
                f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})",
                [tuple(row) for row in rows],
            )
        self.connection.commit()

    def execute(self, statement: str, *values: Any) -> None:
        self.connection.execute(statement, values)
        self.connection.commit()

    def stamps(self, stamps: Sequence[dt.datetime | str], first: int = 100) -> list[int]:
        """Add time stamps with growing ids; returns the ids."""
        ids = list(range(first, first + len(stamps)))
        self.add(
            "TIMESTAMP_INFO",
            *[(number, str(stamp)) for number, stamp in zip(ids, stamps, strict=True)],
        )
        return ids

    def ost(
        self, ts: int, ost: int, read: Any, written: Any = 0, used: Any = 10, free: Any = 90
    ) -> None:
        self.add("OST_DATA", (ost, ts, read, written, 0.0, free, used, 5, 5))


def every(step: int, start: str, count: int) -> list[dt.datetime]:
    """Naive local stamps."""
    first = dt.datetime.fromisoformat(start)
    return [first + dt.timedelta(seconds=step * n) for n in range(count)]
