"""The table of jobs: one row a job and start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from archive_tools.core.day import Day
from pipeline.sources.slurm import columns
from pipeline.sources.slurm.jobs import Job

_TEXT, _WHOLE = pa.string(), pa.int64()
SCHEMA = pa.schema(
    [
        ("cluster", _TEXT),
        ("jobid", _TEXT),
        ("submit", _WHOLE),
        ("eligible", _WHOLE),
        ("start", _WHOLE),
        ("end", _WHOLE),
        ("seen", _WHOLE),
        ("jobid_shown", _TEXT),
        ("array_jobid", _WHOLE),
        ("array_task", _WHOLE),
        ("het_jobid", _WHOLE),
        ("het_component", _WHOLE),
        ("account", _TEXT),
        ("user", _TEXT),
        ("uid", _WHOLE),
        ("partition", _TEXT),
        ("qos", _TEXT),
        ("state", _TEXT),
        ("cancelled_by", _WHOLE),
        ("exit_code", _WHOLE),
        ("exit_signal", _WHOLE),
        ("elapsed", _WHOLE),
        ("suspended", _WHOLE),
        ("timelimit", _WHOLE),
        ("nodes", _WHOLE),
        ("nodelist", _TEXT),
        ("cpus", _WHOLE),
        ("node_seconds", _WHOLE),
        ("node_seconds_day", _WHOLE),
        ("steps", _WHOLE),
        ("max_rss", _WHOLE),
        ("disk_read", _WHOLE),
        ("disk_written", _WHOLE),
        ("name", _TEXT),
    ]
)
AT_ONCE = 20_000
"""Rows of a piece."""


def tables(jobs: Sequence[Job], day: Day) -> Iterator[pa.Table]:
    """The rows of some jobs, in their order, in pieces."""
    for first in range(0, len(jobs), AT_ONCE):
        rows = [_row(job, day) for job in jobs[first : first + AT_ONCE]]
        yield pa.Table.from_pylist(rows, schema=SCHEMA)


def _row(job: Job, day: Day) -> dict[str, Any]:
    array, task = columns.of_array(job.shown)
    het, component = columns.of_heterogeneous(job.shown)
    known = {name: getattr(job, name) for name in SCHEMA.names if hasattr(Job, name)}
    return known | {
        "jobid_shown": job.shown,
        "array_jobid": array,
        "array_task": task,
        "het_jobid": het,
        "het_component": component,
        "node_seconds": job.node_seconds(0, columns.LATEST),
        "node_seconds_day": job.node_seconds(day.start, day.end),
        "steps": job.usage.steps,
        "max_rss": job.usage.max_rss,
        "disk_read": job.usage.disk_read,
        "disk_written": job.usage.disk_written,
    }
