"""Makes a day of an LMT database (schema 1.1) as SQLite: the same arguments give the same rows.

    python examples/make_lmt.py lmt_2026-11-22.sqlite3 --date 2026-11-22 --osts 6 --oss 2 --mds 2

In it, besides ordinary load: one idle OST (the last), one OST whose counters are reset at 09:00
(the first), and a gap of ten minutes in all tables at 15:00. An existing file is left alone.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

STEP = 5
RESET_AT, GAP_FROM, GAP_TO = 9 * 3600, 15 * 3600, 15 * 3600 + 600
"""Seconds of the day."""
FIRST_ID = 8921898
TARGET_KIB = 90 * 2**30
INODES = 88_668_544

SCHEMA = """
CREATE TABLE FILESYSTEM_INFO (FILESYSTEM_ID, FILESYSTEM_NAME, FILESYSTEM_MOUNT_NAME,
    SCHEMA_VERSION, PRIMARY KEY (FILESYSTEM_ID));
CREATE TABLE OSS_INFO (OSS_ID, FILESYSTEM_ID, HOSTNAME, FAILOVERHOST, PRIMARY KEY (OSS_ID,
    HOSTNAME));
CREATE TABLE OST_INFO (OST_ID, OSS_ID, OST_NAME, HOSTNAME, OFFLINE, DEVICE_NAME,
    PRIMARY KEY (OST_ID));
CREATE TABLE MDS_INFO (MDS_ID, FILESYSTEM_ID, MDS_NAME, HOSTNAME, DEVICE_NAME,
    PRIMARY KEY (MDS_ID));
CREATE TABLE OPERATION_INFO (OPERATION_ID, OPERATION_NAME, UNITS, PRIMARY KEY (OPERATION_ID));
CREATE TABLE TIMESTAMP_INFO (TS_ID, TIMESTAMP, PRIMARY KEY (TS_ID));
CREATE TABLE OST_DATA (OST_ID, TS_ID, READ_BYTES, WRITE_BYTES, PCT_CPU, KBYTES_FREE, KBYTES_USED,
    INODES_FREE, INODES_USED, PRIMARY KEY (OST_ID, TS_ID));
CREATE TABLE OSS_DATA (OSS_ID, TS_ID, PCT_CPU, PCT_MEMORY, PRIMARY KEY (OSS_ID, TS_ID));
CREATE TABLE MDS_DATA (MDS_ID, TS_ID, PCT_CPU, KBYTES_FREE, KBYTES_USED, INODES_FREE, INODES_USED,
    PRIMARY KEY (MDS_ID, TS_ID));
CREATE TABLE MDS_OPS_DATA (MDS_ID, TS_ID, OPERATION_ID, SAMPLES, SUM, SUMSQUARES,
    PRIMARY KEY (MDS_ID, TS_ID, OPERATION_ID));
"""
OPERATIONS = {
    1: ("open", 120.0),
    2: ("close", 118.0),
    3: ("mknod", 0.1),
    4: ("link", 0.1),
    5: ("unlink", 9.0),
    6: ("mkdir", 1.0),
    7: ("rmdir", 0.7),
    8: ("rename", 2.0),
    9: ("getxattr", 30.0),
    10: ("setxattr", 0.2),
    26: ("statfs", 0.5),
    35: ("setattr", 12.0),
    37: ("getattr", 400.0),
    77: ("ping", 1.0),
}
"""Operation id to name and calls a second, on average."""


class Day:
    """The numbers of one day, sample by sample."""

    def __init__(
        self,
        date: dt.date,
        osts: int,
        oss: int,
        mds: int,
        seed: int,
        *,
        step: int = STEP,
        load: float = 1.0,
        with_events: bool = True,
    ) -> None:
        self.date, self.osts, self.oss, self.mds = date, osts, oss, mds
        self.step, self.load, self.with_events = step, load, with_events
        self.samples = 86400 // step + 1
        """With the one that closes the day's last row."""
        self.random = np.random.default_rng(seed)
        self.read = self.random.integers(10**12, 2 * 10**13, osts)
        self.written = self.random.integers(10**12, 4 * 10**13, osts)
        self.used = self.random.integers(TARGET_KIB // 3, TARGET_KIB // 2, osts)
        self.inodes = self.random.integers(1_000_000, 20_000_000, osts)
        self.calls = self.random.integers(10**6, 10**9, (mds, len(OPERATIONS)))

    def steps(self) -> Iterator[tuple[int, bool]]:
        """Each step of the day, and whether LMT was running."""
        for number in range(self.samples):
            self._advance(number)
            is_gap = GAP_FROM <= number * self.step < GAP_TO
            yield number, not (self.with_events and is_gap)

    def _advance(self, number: int) -> None:
        day_cycle = self.load * (1.0 + np.sin(2 * np.pi * number / (self.samples - 1)))
        busy = self.random.random(self.osts) < 0.4
        moved = self.random.pareto(2.0, (2, self.osts)) * 2e7 * self.step * day_cycle
        amount = moved.astype(np.int64)
        if self.with_events:
            busy[-1] = False
        read, written = np.where(busy, amount, 0)
        self.read, self.written = self.read + read, self.written + written
        self.used = np.minimum(self.used + written // 1024 // 10, TARGET_KIB)
        self.inodes = self.inodes + busy
        if self.with_events and number * self.step == RESET_AT:
            self.read[0], self.written[0] = 0, 0
        rate = np.array([rate for _, rate in OPERATIONS.values()])
        self.calls = self.calls + self.random.poisson(
            rate * self.step * day_cycle, self.calls.shape
        )

    def percent(self, size: int, low: float, high: float) -> list[float]:
        return np.round(self.random.uniform(low, high, size), 4).tolist()


def _rows(day: Day, number: int) -> dict[str, list[tuple[Any, ...]]]:
    ts = FIRST_ID + number
    stamp = dt.datetime.combine(day.date, dt.time()) + dt.timedelta(seconds=number * day.step)
    ids = range(1, day.osts + 1)
    total = [TARGET_KIB] * day.osts
    ost = zip(
        ids,
        [ts] * day.osts,
        day.read.tolist(),
        day.written.tolist(),
        [0.0] * day.osts,
        (np.array(total) - day.used).tolist(),
        day.used.tolist(),
        (INODES - day.inodes).tolist(),
        day.inodes.tolist(),
        strict=True,
    )
    oss = zip(
        range(1, day.oss + 1),
        [ts] * day.oss,
        day.percent(day.oss, 0.5, 40),
        day.percent(day.oss, 90, 99),
        strict=True,
    )
    mds = [
        (m + 1, ts, cpu, 2149167040, 106286540, 1145593156, 358326972)
        for m, cpu in enumerate(day.percent(day.mds, 1, 20))
    ]
    ops = [
        (m + 1, ts, op, calls, 0, 0)
        for m in range(day.mds)
        for op, calls in zip(OPERATIONS, day.calls[m].tolist(), strict=True)
    ]
    return {
        "TIMESTAMP_INFO": [(ts, str(stamp))],
        "OST_DATA": list(ost),
        "OSS_DATA": list(oss),
        "MDS_DATA": mds,
        "MDS_OPS_DATA": ops,
    }


def make(path: Path, date: dt.date, *, osts: int, oss: int, mds: int, seed: int = 20261122) -> None:
    """Write the database; it appears whole or not at all."""
    write(path, Day(date, osts, oss, mds, seed), "scratch")


def write(path: Path, day: Day, fsname: str) -> None:
    """Write the database of a day of a file system of that name."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    osts, oss, mds = day.osts, day.oss, day.mds
    connection = sqlite3.connect(temporary)
    connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + SCHEMA)
    host = "lfs-{}{:03d}".format
    info = {
        "FILESYSTEM_INFO": [(1, fsname, "", 1.1)],
        "OSS_INFO": [(i + 1, 1, host("oss", i), None) for i in range(oss)],
        "OST_INFO": [
            (i + 1, i % oss + 1, f"{fsname}-OST{i:04x}", host("oss", i % oss), 0, f"/dev/md{i}")
            for i in range(osts)
        ],
        "MDS_INFO": [
            (i + 1, 1, f"{fsname}-MDT{i:04x}", host("mds", i), "/dev/md66") for i in range(mds)
        ],
        "OPERATION_INFO": [(number, name, "reqs") for number, (name, _) in OPERATIONS.items()],
    }
    _insert(connection, info)
    for number, running in day.steps():
        rows = _rows(day, number)
        if running:
            _insert(connection, rows)
    connection.commit()
    connection.close()
    os.replace(temporary, path)


def _insert(connection: sqlite3.Connection, rows: dict[str, list[tuple[Any, ...]]]) -> None:
    for table, some in rows.items():
        connection.executemany(
            f"INSERT INTO {table} VALUES ({', '.join('?' * len(some[0]))})", some
        )


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--date", type=dt.date.fromisoformat, default=dt.date(2026, 11, 22))
    parser.add_argument("--osts", type=int, default=6)
    parser.add_argument("--oss", type=int, default=2)
    parser.add_argument("--mds", type=int, default=2)
    options = parser.parse_args()
    if options.file.exists():
        print(f"{options.file} is there already")
        return 0
    options.file.parent.mkdir(parents=True, exist_ok=True)
    make(options.file, options.date, osts=options.osts, oss=options.oss, mds=options.mds)
    print(f"{options.file}: {options.file.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
