"""`tokio-pipeline collect`, hourly over a day of LMT that comes: what the last run before midnight
costs against the first.

Plain tests make a few hours of a small day. `make bench` makes 24 of one of Cori's size, out of the
database of `test_lmt_day`.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

from archive_tools import open_tts
from benchmarks.figures import record
from benchmarks.measured import DATE
from benchmarks.test_lmt_day import day
from pipeline.sources.lmt.tables import SERIES
from tests.support.paths import ROOT

__all__ = ["day"]
START = dt.datetime.combine(DATE, dt.time(), dt.UTC).timestamp()
MINUTES = 5
"""After the hour, when cron starts it."""
PROGRAM = f"""
import datetime as dt, sys, time, types
now = {START} + 3600.0 * int(sys.argv[1]) + {60.0 * MINUTES}
class Clock(dt.datetime):
    @classmethod
    def now(cls, tz=None):
        return dt.datetime.fromtimestamp(now, tz)
clock = types.ModuleType("datetime")
vars(clock).update({{**vars(dt), "datetime": Clock}})
time.time = lambda: now
import pipeline.site, pipeline.tasks.fetch
pipeline.site.dt = pipeline.tasks.fetch.dt = clock
from pipeline.cli.main import main
sys.exit(main(["collect", "--quiet"]))
"""


class Growing:
    """A database to which the rows of another one come."""

    def __init__(self, whole: Path, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA synchronous = OFF")
        self.connection.execute("ATTACH ? AS whole", (str(whole),))
        made = "SELECT name, sql FROM whole.sqlite_master WHERE type = 'table'"
        for name, sql in self.connection.execute(made).fetchall():
            self.connection.execute(sql)
            if name not in (*SERIES, "TIMESTAMP_INFO"):
                self.connection.execute(f"INSERT INTO main.{name} SELECT * FROM whole.{name}")
        count = "SELECT MIN(TS_ID), MAX(rowid) FROM whole.TIMESTAMP_INFO"
        self.first, stamps = self.connection.execute(count).fetchone()
        self.rows = {
            name: self.connection.execute(f"SELECT MAX(rowid) FROM whole.{name}").fetchone()[0] or 0
            for name in SERIES
        }
        self.stamps = stamps

    def come(self, seconds: float) -> None:
        """Have all rows up to so many seconds after midnight; the rows are in order of time."""
        share = min(1.0, seconds / 86400)
        self._copy("TIMESTAMP_INFO", round(self.stamps * share))
        for name, rows in self.rows.items():
            self._copy(name, round(rows * share))

    def _copy(self, name: str, last: int) -> None:
        first = self.connection.execute(f"SELECT MAX(rowid) FROM main.{name}").fetchone()[0] or 0
        self.connection.execute(
            f"INSERT INTO main.{name} SELECT * FROM whole.{name} WHERE rowid > ? AND rowid <= ?",
            (first, last),
        )


def test_a_day_of_collects(benchmark, day: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """CPU seconds of each hour's run, its process' start included."""
    hours = 24 if benchmark.enabled else 3
    growing, site = Growing(day, tmp_path / "live.sqlite3"), tmp_path / "site.json"
    source = {"kind": "lmt", "database": f"sqlite:///{tmp_path}/live.sqlite3"}
    site.write_text(
        json.dumps({"site": "bench", "archive": "archive", "sources": {"bench": source}})
    )
    seconds: list[float] = []

    def collects() -> None:
        for hour in range(1, hours + 1):
            growing.come(3600.0 * hour + 60 * MINUTES)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                [sys.executable, "-c", PROGRAM, str(hour)],
                env=os.environ | {"TOKIO_SITE": str(site)},
                check=True,
                cwd=ROOT,
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = (after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime)
            seconds.append(sum(used))

    benchmark.pedantic(collects, rounds=1)
    going_on = seconds[:23]  # the run after midnight makes the whole day
    first, last = going_on[0], going_on[-1]
    record("collect", last / first, "ratio", f"the first {first:.2f} s")
    benchmark.extra_info |= {
        "first": round(first, 2),
        "last": round(last, 2),
        "hours": [round(one, 2) for one in seconds],
    }
    with open_tts(tmp_path / f"archive/{DATE:%Y}/{DATE}/bench.hdf5") as tts:
        assert len(tts.datasets()) == 21
