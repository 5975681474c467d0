"""An archive of generated days: a file system's series, tables of jobs, stripes of files, Slurm's
records, without any source. All that is random follows from a seed.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from archive_tools.core.arrays import Float64
from archive_tools.core.day import Day
from archive_tools.core.grid import Grid
from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.formats.darshan_tables import TableWriter
from archive_tools.formats.records_file import write_records
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.schemas import BUILD_VERSION, catalogue
from archive_tools.store import layout
from archive_tools.store.receipts import Receipt, Receipts, derived
from pipeline.sources.slurm import records

ZONE = "America/Los_Angeles"
FIRST = dt.date(2026, 1, 1)
FASTEST = 2.0**30
"""Bytes/s of a target."""
CAPACITY = 100 * 2.0**40
USERS = tuple(f"user{n:02}" for n in range(40))
PROGRAMS = ("ior", "vasp", "lmp,python", "chombo", "a.out")


@dataclass(frozen=True)
class Generated:
    """What is generated.

    Attributes
    ----------
    slow : mapping of str to float
        By target: its share of the speed of others.
    points_a_day : float
        By which fullness grows, per cents.
    absent : collection of datetime.date
        Days of the file system without a file.
    half : collection of datetime.date
        Days of which the second half was not measured.
    """

    days: int
    first: dt.date = FIRST
    targets: int = 8
    step: int = 600
    jobs: int = 40
    seed: int = 0
    slow: dict[str, float] = field(default_factory=dict)
    points_a_day: float = 0.1
    absent: Collection[dt.date] = ()
    half: Collection[dt.date] = ()
    with_slurm: bool = True

    @property
    def dates(self) -> list[dt.date]:
        return [self.first + dt.timedelta(days=n) for n in range(self.days)]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"scratch-OST{n:04x}" for n in range(self.targets))

    def write(self, root: Path) -> Path:
        """Write the archive."""
        root.mkdir(parents=True, exist_ok=True)
        (root / layout.ABOUT).write_text(json.dumps({"site": "generated", "timezone": ZONE}))
        for number, date in enumerate(self.dates):
            rng = np.random.default_rng([self.seed, number])
            layout.path(root, layout.TTS, date, "x").parent.mkdir(parents=True, exist_ok=True)
            if date not in self.absent:
                self._series(root, date, number, rng)
                percent = 50 if date in self.half else 100
                _receipt(root, date, "scratch", percent)
            if self.jobs:
                self._logs(root, date, rng)
                _receipt(root, date, "darshan", 100)
        return root

    def _series(self, root: Path, date: dt.date, number: int, rng: np.random.Generator) -> None:
        day = Day(date, ZONE)
        rows = day.rows(self.step)
        speed = np.array([self.slow.get(name, 1.0) for name in self.names])
        hours = np.repeat(rng.lognormal(-0.5, 1.0, -(-rows // 6)), 6)[:rows, None]
        read, written = (
            np.floor(
                self.step
                * np.minimum(hours * rng.lognormal(0, 0.5, (rows, self.targets)), 1.0)
                * speed
                * FASTEST
            )
            for _ in range(2)
        )
        share = 0.4 + self.points_a_day / 100 * (number + np.arange(rows) / rows)[:, None]
        used = np.floor(CAPACITY * share * np.linspace(0.9, 1.1, self.targets))
        values = {
            "datatargets/readbytes": read,
            "datatargets/writebytes": written,
            "datatargets/readops": np.floor(read / 2**20),
            "datatargets/writeops": np.floor(written / 2**20),
            "fullness/bytes": used,
            "fullness/bytestotal": np.full((rows, self.targets), CAPACITY),
            "mdtargets/opens": np.floor(rng.lognormal(5, 1, (rows, 1))),
        }
        gap = slice(rows // 2, None) if date in self.half else slice(7, 8)
        with TtsWriter(layout.path(root, layout.TTS, date, "scratch"), day) as writer:
            for name, found in values.items():
                found[gap] = np.nan
                columns = self.names if found.shape[1] == self.targets else ("scratch-MDT0000",)
                grid = Grid(name, columns, day.start, self.step, found)
                writer.write(grid, catalogue()[name], source="generated", updated=0)

    def _logs(self, root: Path, date: dt.date, rng: np.random.Generator) -> None:
        day, count = Day(date, ZONE), self.jobs
        users = rng.zipf(1.6, count) % len(USERS)
        jobids = 1000 * date.toordinal() * 10 + np.arange(count)
        start = day.start + rng.integers(0, 80000, count)
        end = start + rng.integers(10, 3000, count)
        programs = rng.integers(0, len(PROGRAMS), count)
        amounts = {
            name: _some(rng, count, scale)
            for name, scale in [
                ("bytes_read", 25.0),
                ("bytes_written", 24.0),
                ("reads", 8.0),
                ("writes", 8.0),
                ("opens", 4.0),
                ("stats", 4.0),
                ("posix_files", 2.0),
                ("stdio_files", 1.0),
            ]
        }
        table = pa.table(
            {
                "date": [str(date)] * count,
                "jobid": [str(one) for one in jobids],
                "uid": pa.array([1000 + int(one) for one in users], pa.int64()),
                "username": [USERS[one] for one in users],
                "exenames": [PROGRAMS[one] for one in programs],
                "logs": pa.array([1] * count, pa.int64()),
                "nprocs": pa.array(rng.integers(1, 512, count), pa.int64()),
                "start_time": pa.array(start, pa.int64()),
                "end_time": pa.array(end, pa.int64()),
                "partial_modules": pa.nulls(count, pa.string()),
                "fsname": [("scratch", "home", None)[n % 7 // 3] for n in range(count)],
                **amounts,
            }
        )
        twice = table.slice(0, count // 8)  # these jobs have rows of two file systems
        other = pa.array(["project"] * twice.num_rows)
        twice = twice.set_column(twice.schema.get_field_index("fsname"), "fsname", other)
        whole = pa.concat_tables([table, twice])
        pq.write_table(whole, layout.path(root, layout.JOBS, date, "darshan"), compression="zstd")
        self._stripes(root, date, rng)
        if self.with_slurm:
            _slurm(root, date, table, rng)

    def _stripes(self, root: Path, date: dt.date, rng: np.random.Generator) -> None:
        speed = np.array([self.slow.get(name, 1.0) for name in self.names])
        files = 3 * self.jobs
        osts = [rng.choice(self.targets, rng.integers(1, 3), replace=False) for _ in range(files)]
        size = rng.lognormal(20, 1, files)
        rate = FASTEST * np.array([speed[one].min() for one in osts]) * rng.lognormal(0, 0.3, files)
        table: dict[str, Any] = {
            "bytes": size,
            "seconds": size / rate,
            "osts": np.array([",".join(map(str, one)) for one in osts], dtype=object),
        }
        with TtsWriter(layout.path(root, layout.TTS, date, "darshan"), Day(date, ZONE)) as writer:
            rows = TableWriter(writer.file)
            rows.append("stripes", table)
            rows.close()


def _receipt(root: Path, date: dt.date, instance: str, percent: int) -> None:
    state = ReceiptState.COMPLETE if percent == 100 else ReceiptState.PARTIAL
    made = Receipt(
        date, instance, Product.TTS, BUILD_VERSION, derived("0" * 16, "x"), state, percent
    )
    Receipts(root).write(made, {})


def _some(rng: np.random.Generator, count: int, scale: float) -> pa.Array:
    """Whole numbers, of which some are not known."""
    values: Float64 = np.floor(rng.lognormal(scale, 2.0, count))
    return pa.array(values.astype(np.int64), pa.int64(), mask=rng.random(count) < 0.05)


def _slurm(root: Path, date: dt.date, jobs: pa.Table, rng: np.random.Generator) -> None:
    """Slurm's records of the day's jobs, but of every tenth; a job that was requeued is there
    twice.
    """
    rows = []
    columns = ["jobid", "uid", "username", "start_time", "end_time"]
    for place, job in enumerate(jobs.select(columns).to_pylist()):
        if place % 10 == 3:
            continue
        row = {
            "cluster": "generated",
            "jobid": job["jobid"],
            "account": f"acc{job['uid'] % 7}",
            "user": job["username"],
            "uid": job["uid"],
            "partition": "regular",
            "submit": 1,
            "start": job["start_time"],
            "end": job["end_time"],
            "node_seconds_day": int(rng.integers(60, 10**6)),
        }
        rows.append(row)
        if place % 20 == 5:
            rows.append(row | {"start": job["start_time"] - 20, "end": job["start_time"] - 10})
    batch = pa.Table.from_pylist(rows, schema=records.SCHEMA)
    path = layout.path(root, layout.JOBS, date, "slurm")
    write_records([batch], records.SCHEMA, path, date=str(date), kind="slurm")
