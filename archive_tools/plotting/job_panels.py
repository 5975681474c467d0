"""What the picture of a job shows: the servers' series around it, and what all applications moved
then.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from archive_tools.core.errors import NotFound
from archive_tools.formats.series import Series
from archive_tools.jobs.job_lookup import Job
from archive_tools.jobs.job_tables import Row
from archive_tools.plotting.job_plots import Panel
from archive_tools.plotting.stretches import within
from archive_tools.reading.archive import Archive

BYTES = {"read": "datatargets/readbytes", "written": "datatargets/writebytes"}
LOADS = {"OSS CPU": "dataservers/cpuload", "MDS CPU": "mdservers/cpuload"}
OPERATIONS = {
    "opens": "mdtargets/opens",
    "stats": "mdtargets/getattrs",
    "unlinks": "mdtargets/unlinks",
}

LONGEST = 3600
"""Seconds before a time in which the row that reaches into it may begin."""


def panels(archive: Archive, job: Job, one: Row) -> list[Panel]:
    """Panels of a job and one of its file systems, from the archive; a panel of which there is
    nothing is left out.

    Parameters
    ----------
    archive : Archive
    job : Job
    one : dict
        A row of its `file_systems`.
    """
    margin = max(60, (job.end_time - job.start_time) // 2)
    span = job.start_time - margin, job.end_time + margin + 1
    fsname, instance = one["fsname"], one.get("fs_instance")
    found: list[Panel] = []
    if instance:
        behind = archive.about.get("fsname_to_instance", {}).get(fsname, {})
        moved = _series(archive, instance, BYTES, span, behind, prefix="servers, ")
        moved |= _series(
            archive,
            job.instance,
            BYTES,
            span,
            {"datatargets": re.escape(fsname)},
            prefix="all applications, ",
        )
        found.append(Panel(f"{fsname}: bytes", "bytes/s", moved))
        found.append(
            Panel("CPU load of the servers", "%", _series(archive, instance, LOADS, span, behind))
        )
        found.append(
            Panel(
                "Metadata operations", "ops/s", _series(archive, instance, OPERATIONS, span, behind)
            )
        )
    return [panel for panel in found if panel.lines]


def _series(
    archive: Archive,
    instance: str,
    datasets: Mapping[str, str],
    span: tuple[int, int],
    behind: Mapping[str, str],
    *,
    prefix: str = "",
) -> dict[str, Series]:
    """Series by label, of the components that stand behind the file system and rows that reach into
    the span; amounts as rates.
    """
    found = {}
    begin = max(span[0] - LONGEST, _midnight(archive, span[0]))
    for label, dataset in datasets.items():
        components = re.compile(behind.get(dataset.partition("/")[0], ".*"))
        try:
            series = archive.read(
                instance,
                dataset,
                begin,
                span[1],
                components=components,
                rate=dataset not in LOADS.values(),
            )
        except NotFound:
            continue
        found[f"{prefix}{label}"] = within(series, span)
    return found


def _midnight(archive: Archive, moment: int) -> int:
    """The start of the site's day, over which no row reaches."""
    return archive.day(dt.datetime.fromtimestamp(moment, ZoneInfo(archive.timezone)).date()).start
