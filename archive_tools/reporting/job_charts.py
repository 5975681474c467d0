"""Charts of a job's page: the job beside the servers on one time axis, and its history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from archive_tools.core import gaps, quantities
from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.day import Day
from archive_tools.formats.series import Series
from archive_tools.jobs.job_history import MetricHistory
from archive_tools.jobs.job_lookup import JobDetails, query_rows
from archive_tools.jobs.job_tables import Row
from archive_tools.plotting import job_panels
from archive_tools.plotting.ranges import drawn_unit
from archive_tools.plotting.umami_diagram import quartile
from archive_tools.reading.archive import Archive
from archive_tools.reporting import drawing
from archive_tools.reporting.binning import binned
from archive_tools.reporting.charts import Chart, TimeAxis, curve_chart
from archive_tools.reporting.measuring import BINS, Curve
from archive_tools.store import layout

LONGEST = 31 * 86400
"""Seconds of a job that is drawn: times of logs may be anything."""
LEAST_MARGIN = 60
"""Seconds before and after a job that are shown at least."""
TABLE_ROWS = 24
MOST_TICKS = 4
TICKS = (1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Seconds between times that are labelled."""
DIRECTIONS = ("read", "written")
ACCESSES = """
SELECT headers.start_time + f_{what}_start_timestamp, headers.start_time + f_{what}_end_timestamp,
    bytes_{moved}
FROM summaries JOIN headers USING (log_id) JOIN mounts USING (fs_id)
WHERE headers.jobid IS ? AND headers.uid IS ? AND headers.username IS ? AND fsname IS ?
"""


class Access(NamedTuple):
    """What a log moved in one direction, and when it began and ended to: epoch seconds."""

    first: float
    last: float
    amount: float


class HistoryRow(NamedTuple):
    """A metric of a run against its history, as text, and a picture of all runs."""

    label: str
    value: str
    usual: str
    words: str
    earlier: str
    svg: str


def charts_beside_servers(archive: Archive, job: JobDetails, one: Row, day: Day) -> list[Chart]:
    """Charts of the time of a job, on one axis: its bytes and those of the file system's servers
    and of all applications, then what else the servers saw. What is 0 throughout is left out.

    Parameters
    ----------
    archive : Archive
    job : JobDetails
    one : dict
        A row of its `file_systems`.
    day : Day
    """
    if job.start_time is None or job.end_time is None:
        return []
    if not 0 <= job.end_time - job.start_time <= LONGEST:
        return []
    shown = job_panels.panels(archive, job, one)
    axis, seconds = _axis(job, [one for panel in shown for one in panel.lines.values()], day)
    made = []
    for what in DIRECTIONS:
        lines = {
            label.partition(",")[0]: _curve(series, axis, seconds)
            for panel in shown[:1]
            for label, series in panel.lines.items()
            if label.endswith(what) and drawn_unit(series) == "bytes/s"
        }
        lines["this job"] = _spread(_accesses(archive, job, one, what), axis, seconds)
        title = f"{one['fsname']}: bytes {what}"
        made.append(curve_chart(f"bytes-{what}", title, "bytes/s", list(lines.items()), axis))
    for number, panel in enumerate(one for one in shown if one.unit != "bytes/s"):
        curves = [(label, _curve(series, axis, seconds)) for label, series in panel.lines.items()]
        made.append(curve_chart(f"servers-{number}", panel.title, panel.unit, curves, axis))
    return [chart for chart in made if any(any(line["high"]) for line in chart.data["lines"])]


def _axis(job: JobDetails, series: Sequence[Series], day: Day) -> tuple[TimeAxis, int]:
    """The job with half of its length before and after it, and the length of a bin."""
    begin, end = job.start_time or 0, (job.end_time or 0) + 1
    margin = max(LEAST_MARGIN, (end - begin) // 2)
    step = max((int(one.seconds.max()) for one in series if len(one.seconds)), default=1)
    first = day.start + (begin - margin - day.start) // step * step
    seconds = -(-(end + margin - first) // BINS // step) * step or step
    bins = -(-(end + margin - first) // seconds)
    last = first + bins * seconds
    row = -(-bins // TABLE_ROWS) * seconds
    return TimeAxis(day, first, last, row, _ticks(first, last, day), (begin, end)), seconds


def _ticks(first: int, last: int, day: Day) -> list[tuple[float, str]]:
    """Round times by the site's clock, a few."""
    step = next((one for one in TICKS if (last - first) / one <= MOST_TICKS), TICKS[-1])
    zone = ZoneInfo(day.timezone)
    offset = dt.datetime.fromtimestamp(first, zone).utcoffset() or dt.timedelta()
    moved = int(offset.total_seconds())
    start = -(-(first + moved) // step) * step - moved
    return [
        (100.0 * (second - first) / (last - first), day.clock(second))
        for second in range(start, last, step)
        if second < first + 0.93 * (last - first)  # room for the label
    ]


def _curve(series: Series, axis: TimeAxis, seconds: int) -> Curve:
    """A series by bins: rates of all components together, without cells that follow gaps; of gauges
    their mean.
    """
    values, stamps = series.values, series.timestamps
    if series.kind != "gauge":
        values = gaps.without_gaps(values)
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    level = np.where(count > 0, np.where(known, values, 0.0).sum(axis=1), np.nan)
    low = high = level
    if series.kind == "gauge":
        level = level / np.maximum(count, 1)
        low, high = np.fmin.reduce(values, axis=1), np.fmax.reduce(values, axis=1)
    starts = _starts(axis, seconds)
    measured = ~np.isnan(level)
    sums = binned(np.add, np.where(measured, level, 0.0), stamps, starts, seconds)
    rows = binned(np.add, measured.astype(float), stamps, starts, seconds)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(rows > 0, sums / rows, np.nan)
    return Curve(
        starts,
        seconds,
        mean,
        binned(np.fmin, low, stamps, starts, seconds),
        binned(np.fmax, high, stamps, starts, seconds),
    )


def _starts(axis: TimeAxis, seconds: int) -> Int64:
    return np.arange(axis.start, axis.end, seconds, dtype=np.int64)


def _accesses(archive: Archive, job: JobDetails, one: Row, what: str) -> list[Access]:
    """What each log of the job read or wrote, and when."""
    path = layout.path(archive.root, layout.INDEX, job.date, job.instance)
    query = ACCESSES.format(what="read" if what == "read" else "write", moved=what)
    values = [one[name] for name in ("jobid", "uid", "username", "fsname")]
    rows = query_rows(path, query, values) if path.is_file() else []
    found = (Access(*row.values()) for row in rows if None not in row.values())
    return [access for access in found if access.amount > 0]


def _spread(accesses: Iterable[Access], axis: TimeAxis, seconds: int) -> Curve:
    """Bytes a second of a job, each log's evenly over the time from its first access to its last;
    0 where it moved nothing.
    """
    starts = _starts(axis, seconds)
    rate = np.zeros(len(starts))
    for first, last, amount in accesses:
        last = max(last, first + 1e-3)  # one access: in one bin
        shares = np.minimum(starts + seconds, last) - np.maximum(starts, first)
        rate += amount * np.maximum(shares, 0.0) / (last - first) / seconds
    return Curve(starts, seconds, rate, rate, rate)


def history_rows(metrics: Sequence[MetricHistory]) -> list[HistoryRow]:
    """Each metric of the newest run against the runs before."""
    return [_history_row(metric) for metric in metrics]


def _history_row(metric: MetricHistory) -> HistoryRow:
    earlier, value = metric.values[:-1], float(metric.values[-1])
    known = earlier[np.isfinite(earlier)]
    rank = quartile(earlier, value, metric.big_is_good)
    shown: Float64 = np.where(np.isfinite(metric.values), metric.values, np.nan)
    top = float(np.nanmax(shown, initial=0.0)) or 1.0
    return HistoryRow(
        metric.label,
        quantities.quantity(value, metric.unit),
        quantities.quantity(float(np.median(known)) if len(known) else None, metric.unit),
        rank.words if rank else quantities.NONE,
        str(len(known)),
        drawing.bars(shown.tolist(), top, marked=len(shown) - 1),
    )
