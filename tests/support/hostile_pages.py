"""A small archive with pages, whose names do all they can to be taken for something else."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np

from archive_tools.core.day import Day
from archive_tools.core.grid import Grid
from archive_tools.core.vocabulary import AlertKind, AlertState
from archive_tools.formats.alerts_file import Alert
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.reporting import (
    figures_of_day,
    job_pages,
    kept_alerts,
    rendering,
    report,
    site_pages,
)
from archive_tools.schemas import catalogue
from archive_tools.store import layout
from tests.support.job_index import write_logs

DATES = [dt.date(2026, 11, 21), dt.date(2026, 11, 22)]
HOSTILE = (
    "<script>window.hit=1</script>",
    "\"onmouseover='window.hit=1'",
    "x\u202egnp.exe",
    "\u05e0\u05d9\u05e1\u05d5\u05d9 7",
    "</script><img src=x onerror=window.hit=1>",
    "%{y}<b>bold</b>" + "w" * 200,
)
"""Names of targets, jobs, users, programs and logs."""
TARGETS = (*HOSTILE, *(f"fs-OST{number:04x}" for number in range(7)))
STEP = 60


def write_archive(root: Path) -> Path:
    """Write two days with figures, pages and pages of jobs."""
    pages: dict[dt.date, Any] = {}

    def with_job_pages(root: Path, date: dt.date, target: Path, **options: Any) -> None:
        report.write_report(root, date, target, with_page=pages[date], **options)

    site = '"><script>window.hit=1</script>\u202e'
    (root / layout.ABOUT).write_text(json.dumps({"site": site, "timezone": "UTC"}))
    wanted = {"fs": ["tts"], "darshan": ["tts", "index", "jobs"]}
    for date in DATES:
        _write_day(root, date)
    for date in DATES:
        write_logs(root, date, _hostile_logs(date), servers="fs")
        pages[date] = job_pages.write_job_pages(root, date, 3)
    for write, template in (
        (figures_of_day.write_figures, layout.FIGURES),
        (with_job_pages, layout.REPORT),
        (with_job_pages, layout.REPORT),  # again: now each has its neighbours
    ):
        for date in DATES:
            write(root, date, layout.path(root, template, date), instances=wanted)
    firing = [
        Alert(
            "full", AlertKind.FULLNESS, AlertState.FIRING, "fs", name, 99.0, 1.0, f"{name} is full"
        )
        for name in HOSTILE
    ]
    kept_alerts.write(root, DATES[-1], firing)
    rendering.write_assets(root)
    site_pages.write_pages(root, wanted)
    return root


def _write_day(root: Path, date: dt.date) -> None:
    day = Day(date)
    rows = day.rows(STEP)
    random = np.random.default_rng(date.toordinal())
    path = layout.path(root, layout.TTS, date, "fs")
    path.parent.mkdir(parents=True)
    with TtsWriter(path, day) as tts:
        for name in ("datatargets/readbytes", "datatargets/writebytes", "dataservers/cpuload"):
            values = random.uniform(0, 50, (rows, len(TARGETS)))
            values[300:360] = np.nan
            tts.write(
                Grid(name, TARGETS, day.start, STEP, values),
                catalogue()[name],
                source="generated",
                updated=day.end,
            )


def _hostile_logs(date: dt.date) -> list[dict[str, Any]]:
    """A log a job; those of the last day are of the same users and programs as the day before."""
    first = 5 * (date - DATES[0]).days
    return [
        {
            "jobid": f"{first + number}{name}",
            "filename": f"{number}/{name}",
            "username": name,
            "uid": 1000 + number,
            "exename": name,
            "read": (number + 1) * 10**11,
            "written": 10**9,
        }
        for number, name in enumerate(HOSTILE)
    ]
