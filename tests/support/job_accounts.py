"""Tables of jobs of a day, made by hand: of logs, of a scheduler, of job_stats."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from archive_tools.core.day import Day
from archive_tools.formats import jobs_file
from archive_tools.formats.records_file import write_records
from archive_tools.store import layout
from pipeline.sources import job_stats
from pipeline.sources.slurm import records

DATE = dt.date(2026, 11, 22)
DAY = Day(DATE)
HOUR = 3600
NOON = DAY.start + 12 * HOUR
MIB = 1 << 20


def scheduled(jobid: str, start: int, end: int | None, **cells: Any) -> dict[str, Any]:
    """A row of Slurm's table: two nodes of ann's account physics."""
    nodes = cells.get("nodes", 2)
    until = DAY.end if end is None else end
    return {
        "cluster": "alpha",
        "jobid": jobid,
        "jobid_shown": jobid,
        "submit": start - 60,
        "start": start,
        "end": end,
        "account": "physics",
        "user": "ann",
        "uid": 1001,
        "partition": "batch",
        "state": "RUNNING" if end is None else "COMPLETED",
        "nodes": nodes,
        "nodelist": "nid[1-2]",
        "node_seconds_day": nodes * (min(until, DAY.end) - max(start, DAY.start)),
        **cells,
    }


def served(job: str, first: int, last: int, *, target: str = "fs-OST0000", **cells: Any) -> Any:
    """A row of the table of job_stats; `job` is the job's id unless it holds a letter."""
    return {
        "target": target,
        "fsname": target.rpartition("-")[0],
        "job": job,
        "jobid": job if job.replace("_", "").replace(".", "").isdigit() else None,
        "first_seen": first,
        "last_seen": last,
        "bytes_read": 0,
        "bytes_written": 0,
        **cells,
    }


def logged(jobid: str, start: int, end: int, **cells: Any) -> dict[str, Any]:
    """A row of a table of logs."""
    return {
        "jobid": jobid,
        "uid": 1001,
        "username": "ann",
        "exenames": "app",
        "logs": 1,
        "nprocs": 4,
        "start_time": start,
        "end_time": end,
        "fsname": "fs",
        "bytes_read": 0,
        "bytes_written": 0,
        **cells,
    }


def write_day(
    root: Path,
    *,
    date: dt.date = DATE,
    logs: Mapping[str, list[Any]] | None = None,
    slurm: Mapping[str, list[Any]] | None = None,
    stats: Mapping[str, list[Any]] | None = None,
) -> None:
    """Write tables of a day, by instance."""
    kinds = (("slurm", slurm, records.SCHEMA), ("job_stats", stats, job_stats.SCHEMA))
    for kind, tables, schema in kinds:
        for instance, rows in (tables or {}).items():
            path = layout.path(root, layout.JOBS, date, instance)
            path.parent.mkdir(parents=True, exist_ok=True)
            table = pa.Table.from_pylist(rows, schema=schema)
            write_records([table], schema, path, date=str(date), kind=kind)
    for instance, rows in (logs or {}).items():
        path = layout.path(root, layout.JOBS, date, instance)
        path.parent.mkdir(parents=True, exist_ok=True)
        dated = [{"date": str(date), **row} for row in rows]
        pq.write_table(pa.Table.from_pylist(dated, schema=jobs_file.schema()), path)


def write_about(root: Path, **keys: Any) -> None:
    """Write `archive.json`."""
    (root / layout.ABOUT).write_text(json.dumps({"site": "test", "timezone": "UTC", **keys}))
