"""What the servers saw around a job: panels over the same time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from archive_tools.core.errors import TokioError
from archive_tools.formats.series import Series
from archive_tools.plotting import canvas
from archive_tools.plotting.stretches import (
    Interval,
    span,
    within,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
from archive_tools.plotting.line_plots import draw_panel
from archive_tools.plotting.ranges import drawn_unit, steps_of


@dataclass(frozen=True)
class Panel:
    """A panel of `job`.

    Attributes
    ----------
    title : str
    unit : str
        As it is drawn: bytes/s for series of bytes.
    lines : mapping of str to Series
        By label; later ones are drawn over earlier ones.
    """

    title: str
    unit: str
    lines: Mapping[str, Series]


def job(panels: Sequence[Panel], interval: Interval, *, timezone: str, title: str) -> Figure:
    """What the servers saw around a job.

    Parameters
    ----------
    panels : sequence of Panel
        One below the other, over the same time.
    interval : tuple of int
        The job, ``[start, end)`` in epoch seconds; it is labelled with its first and its last
        second. Half of its length is shown before and after it, as far as the series reach.
    timezone : str
        IANA name.
    title : str

    Raises
    ------
    TokioError
        A series is not in its panel's unit, or the interval is empty.
    """
    if interval[1] <= interval[0]:
        raise TokioError(
            "the job has no length",
            expected="start before end",
            got=f"{interval[0]} to {interval[1]}",
        )
    shown = _around(interval, [one for panel in panels for one in panel.lines.values()])
    with canvas.style():
        figure, rows = canvas.stacked([1.75] * len(panels), title)
        for at, panel in zip(rows, panels, strict=True):
            _job_panel(at, panel, interval, shown, timezone)
        _label_interval(rows[0], interval, timezone)
        canvas.time_axis(
            rows[-1],
            shown,
            timezone,
            steps_of(within(one, shown) for panel in panels for one in panel.lines.values()),
        )
        return canvas.settled(figure)


def _around(interval: Interval, series: Sequence[Series]) -> Interval:
    margin = max(60, (interval[1] - interval[0]) // 2)
    spans = [interval, *(span(one) for one in series if len(one.timestamps))]
    low, high = min(low for low, _ in spans), max(high for _, high in spans)
    return max(low, interval[0] - margin), min(high, interval[1] + margin)


def _job_panel(at: Axes, panel: Panel, interval: Interval, shown: Interval, timezone: str) -> None:
    """Lines around the job, which is shaded."""
    for label, one in panel.lines.items():
        if drawn_unit(one) != panel.unit:
            raise TokioError(
                f"{label} cannot be drawn in the panel {panel.title}",
                expected=panel.unit,
                got=drawn_unit(one),
            )
    draw_panel(
        at,
        panel.unit,
        [(label, within(one, shown)) for label, one in panel.lines.items()],
        shown,
        timezone,
        title=panel.title,
    )
    at.axvspan(*interval, facecolor="0.88", edgecolor="none", zorder=-1)
    for edge in interval:
        at.axvline(edge, color="0.3", linewidth=0.8, linestyle=(0, (4, 2)))


def _label_interval(at: Axes, interval: Interval, timezone: str) -> None:
    """When the job ran, to its last second as job logs have it, in the space above the lines."""
    low, high = at.get_ylim()
    at.set_ylim(low, high + 0.16 * (high - low))
    start, end = (
        dt.datetime.fromtimestamp(stamp, ZoneInfo(timezone))
        for stamp in (interval[0], interval[1] - 1)
    )
    until = f"{end:%H:%M:%S}" if end.date() == start.date() else f"{end:%Y-%m-%d %H:%M:%S}"
    place: dict[str, Any] = {
        "transform": at.get_xaxis_transform(),
        "ha": "center",
        "va": "top",
        "zorder": 6,
    }
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    at.text(
        sum(interval) / 2,
        0.985,
        f"the job: {start:%Y-%m-%d %H:%M:%S} to {until}",
        bbox=box,
        **place,
    )
