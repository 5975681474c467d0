"""What the picture of a job shows: the servers' series around it, and what all applications moved
then. The table `archive_tools/schemas/panels.toml` lists them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from archive_tools.core.errors import NotFound
from archive_tools.formats.series import Series
from archive_tools.jobs.job_lookup import JobDetails
from archive_tools.jobs.job_tables import Row
from archive_tools.plotting.job_plots import Panel
from archive_tools.plotting.stretches import within
from archive_tools.reading.archive import Archive
from archive_tools.schemas import panels as table
from archive_tools.schemas.panels import Line

Origin = tuple[str, Mapping[str, str]]
"""An instance, and the pattern of its components by group."""
LONGEST = 3600
"""Seconds before a time in which the row that reaches into it may begin."""


def panels(archive: Archive, job: JobDetails, one: Row) -> list[Panel]:
    """Panels of a job and one of its file systems, from the archive; a panel of which there is
    nothing is left out.

    Parameters
    ----------
    archive : Archive
    job : JobDetails
    one : dict
        A row of its `file_systems`.
    """
    if job.start_time is None or job.end_time is None:
        return []
    margin = max(60, (job.end_time - job.start_time) // 2)
    span = job.start_time - margin, job.end_time + margin + 1
    fsname, instance = one["fsname"], one.get("fs_instance")
    if not instance:
        return []
    origins: dict[str, Origin] = {
        "servers": (instance, archive.about.get("fsname_to_instance", {}).get(fsname, {})),
        "applications": (job.instance, {"datatargets": re.escape(fsname)}),
    }
    found = [
        Panel(row.titled(fsname), row.unit, _series(archive, row.lines, origins, span))
        for row in table.panels().job
    ]
    return [panel for panel in found if panel.lines]


def _series(
    archive: Archive,
    rows: Sequence[Line],
    origins: Mapping[str, Origin],
    span: tuple[int, int],
) -> dict[str, Series]:
    """Series by label, of the components behind the file system and rows that reach into
    the span; amounts as rates.
    """
    found = {}
    begin = max(span[0] - LONGEST, _midnight(archive, span[0]))
    for row in rows:
        instance, behind = origins[row.of]
        components = re.compile(behind.get(row.dataset.partition("/")[0], ".*"))
        try:
            series = archive.read(
                instance, row.dataset, begin, span[1], components=components, rate=row.is_rate
            )
        except NotFound:
            continue
        found[row.label] = within(series, span)
    return found


def _midnight(archive: Archive, stamp: int) -> int:
    """The start of the site's day, over which no row reaches."""
    return archive.day(dt.datetime.fromtimestamp(stamp, ZoneInfo(archive.timezone)).date()).start
