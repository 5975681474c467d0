"""Charts of a page: which lines and maps there are, by the panels; what is drawn of them is made in
`drawing`.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from archive_tools import schemas
from archive_tools.core import quantities
from archive_tools.core.arrays import Float64
from archive_tools.core.day import Day
from archive_tools.reporting import drawing
from archive_tools.schemas.panels import ReportPanel, panels

if TYPE_CHECKING:
    from archive_tools.reporting.levels import Level
    from archive_tools.reporting.measuring import Curve, Measured

HOUR = 3600
TICK_HOURS = 6
DIGITS = 5
"""Significant digits of numbers in a page's data."""


@dataclass(frozen=True)
class Chart:
    """A chart as the templates show it.

    Attributes
    ----------
    name : str
        Unique in the page.
    title, unit, peak : str
        `peak` is the largest value as text, of the upper edge.
    legend : list of (str, str)
        Class of the colour, and label.
    svg : str
        Safe to be put into a page.
    label : str
        What the picture says, in a sentence.
    ticks : list of (float, str)
        Per cent of the width, and label.
    header : list of str
    rows : list of list of str
        The chart as a table.
    data : dict
        What the script draws.
    height : int
        Of the picture, pixels.
    names : list of str
        Of a map: labels of some of its rows.
    """

    name: str
    title: str
    unit: str
    peak: str
    legend: list[tuple[str, str]]
    svg: str
    label: str
    ticks: list[tuple[float, str]]
    header: list[str]
    rows: list[list[str]]
    data: dict[str, Any]
    height: int = 160
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class TimeAxis:
    """The time that a chart of curves shows.

    Attributes
    ----------
    day : Day
        Whose clock gives the times.
    start, end : int
        Epoch seconds.
    row : int
        Seconds of a row of the chart's table.
    ticks : list of (float, str)
        As `Chart` has them.
    during : (int, int) or None
        A part that is marked, epoch seconds.
    """

    day: Day
    start: int
    end: int
    row: int
    ticks: list[tuple[float, str]]
    during: tuple[int, int] | None = None

    @classmethod
    def of_day(cls, day: Day) -> TimeAxis:
        """The whole day, by the hour."""
        return cls(day, day.start, day.end, HOUR, ticks(day))

    @property
    def marked(self) -> tuple[float, float] | None:
        """Where `during` is, as shares of the width."""
        if self.during is None:
            return None
        low, high = (
            min(max((second - self.start) / (self.end - self.start), 0.0), 1.0)
            for second in self.during
        )
        return low, high


def charts_of(found: Measured, prefix: str) -> list[Chart]:
    """The charts of a file, in the order of the panels."""
    made = []
    for number, panel in enumerate(panels().report):
        name = f"{prefix}-{number}"
        if panel.share_of:
            level = found.levels.get(panel.datasets[0])
            if level is not None and level.last:
                made.append(_level_chart(name, panel, level, found.day))
            continue
        curves = [
            (dataset, found.datasets[dataset].curve)
            for dataset in panel.datasets
            if dataset in found.datasets
        ]
        known = [
            (dataset, curve)
            for dataset, curve in curves
            if curve is not None and not np.isnan(curve.mean).all()
        ]
        if known:
            lines = [(_label(dataset, len(known) == 1), curve) for dataset, curve in known]
            one = schemas.catalogue()[known[0][0]]
            unit = one.unit + ("/s" if one.kind == "delta" else "")
            axis = TimeAxis.of_day(found.day)
            made.append(curve_chart(name, panel.title, unit, lines, axis))
        if panel.by_component:
            made += _maps(name, panel, found)
    return made


def _label(dataset: str, alone: bool) -> str:
    known = schemas.catalogue()[dataset]
    return known.doc if alone else dataset.partition("/")[2].removesuffix("bytes") or dataset


def curve_chart(
    name: str, title: str, unit: str, lines: Sequence[tuple[str, Curve]], axis: TimeAxis
) -> Chart:
    """Curves over the same bins of time.

    Parameters
    ----------
    name, title : str
    unit : str
        Of the values.
    lines : sequence of (str, Curve)
        Each with its label; they have the same bins.
    axis : TimeAxis
    """
    highest = max((float(np.fmax.reduce(curve.high)) for _, curve in lines), default=0.0)
    top = highest if np.isfinite(highest) and highest > 0 else 1.0
    scale = quantities.scale(unit, top)
    day, (_, first) = axis.day, lines[0]
    rows = [_by_row(curve, axis) for _, curve in lines]
    bins = (axis.end - axis.start) / first.seconds
    data: dict[str, Any] = {
        "kind": "curve",
        "times": [day.clock(int(start)) for start in first.starts],
        "unit": scale.unit,
        "ticks": [(round(percent * bins / 100, 2), label) for percent, label in axis.ticks],
        "lines": [
            {
                "label": label,
                "mean": _numbers(curve.mean / scale.factor),
                "low": _numbers(curve.low / scale.factor),
                "high": _numbers(curve.high / scale.factor),
            }
            for label, curve in lines
        ],
    }
    if axis.marked:
        data["during"] = [round(share * bins, 2) for share in axis.marked]
    return Chart(
        name,
        title,
        scale.unit,
        quantities.quantity(top, unit),
        [(f"c{number}", label) for number, (label, _) in enumerate(lines)],
        drawing.curves(
            [
                drawing.Line(f"c{number}", curve.mean, curve.low, curve.high)
                for number, (_, curve) in enumerate(lines)
            ],
            top,
            axis.marked,
        ),
        "; ".join(f"{label}: {_sentence(curve, unit, day)}" for label, curve in lines),
        axis.ticks,
        ["Hour" if axis.row == HOUR else "From"]
        + [f"{label}, {what}" for label, _ in lines for what in ("mean", "peak")],
        [
            [
                day.clock(start),
                *(quantities.quantity(value, unit) for one in rows for value in one[row]),
            ]
            for row, start in enumerate(range(axis.start, axis.end, axis.row))
        ],
        data,
    )


def _sentence(curve: Curve, unit: str, day: Day) -> str:
    if np.isnan(curve.high).all():
        return "not measured"
    peak = int(np.nanargmax(curve.high))
    return (
        f"mean {quantities.quantity(float(np.nanmean(curve.mean)), unit)}, peak"
        f" {quantities.quantity(float(curve.high[peak]), unit)} at"
        f" {day.clock(int(curve.starts[peak]))}"
    )


def _by_row(curve: Curve, axis: TimeAxis) -> list[tuple[float, float]]:
    """Mean and peak of each row of the table; NaN where nobody measured."""
    places = (curve.starts - axis.start) // axis.row
    found = []
    for row in range(-(-(axis.end - axis.start) // axis.row)):
        mean, high = curve.mean[places == row], curve.high[places == row]
        known = mean[~np.isnan(mean)]
        found.append((float(known.mean()), float(np.nanmax(high))) if len(known) else (np.nan,) * 2)
    return found


def _level_chart(name: str, panel: ReportPanel, level: Level, day: Day) -> Chart:
    """Fullness: a bar a target, at its last measurement."""
    last = {target: 100 * used / total for target, (used, total) in level.last.items() if total > 0}
    fullest = max(last, key=lambda one: last[one], default="")
    used, total = (sum(one[place] for one in level.last.values()) for place in (0, 1))
    percent = 100 * used / total if total else 0.0
    rows = [
        [target, *(quantities.quantity(one, "bytes") for one in both), _percent(last.get(target))]
        for target, both in level.last.items()
    ]
    return Chart(
        name,
        panel.title,
        "%",
        "100 %",
        [("c0", "each target, at its last measurement")],
        drawing.bars(list(last.values()), 100.0),
        f"{quantities.quantity(used, 'bytes')} of {quantities.quantity(total, 'bytes')} used,"
        f" {percent:.1f} %" + (f"; fullest {fullest}, {last[fullest]:.1f} %" if fullest else ""),
        [],
        ["Target", "Used", "Size", "Full"],
        rows,
        {
            "kind": "bars",
            "names": list(last),
            "values": [round(value, 2) for value in last.values()],
            "unit": "%",
        },
    )


def _percent(value: float | None) -> str:
    return quantities.NONE if value is None else f"{value:.1f} %"


def _maps(name: str, panel: ReportPanel, found: Measured) -> list[Chart]:
    """A map of the panel's datasets together, where they have the same components."""
    parts = [found.datasets[one] for one in panel.datasets if one in found.datasets]
    parts = [one for one in parts if one.by_component is not None]
    if not parts or len(parts[0].columns) < 2 or parts[0].mean is None:
        return []
    if any(one.columns != parts[0].columns for one in parts):
        parts = parts[:1]
    arrays = np.array([one.by_component for one in parts])
    values = np.where(np.isnan(arrays).all(axis=0), np.nan, np.nansum(arrays, axis=0)).T
    day, first = found.day, parts[0]
    unit = first.unit + ("/s" if first.kind == "delta" else "")
    top = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
    scale = quantities.scale(unit, top)
    packed = (values / scale.factor).astype("<f4").tobytes()
    seconds = (day.end - day.start) / values.shape[1]
    label = f"{len(first.columns)} components, darkest {quantities.quantity(top, unit)}"
    return [
        Chart(
            f"{name}-map",
            f"{panel.title}, by component",
            scale.unit,
            quantities.quantity(top, unit),
            [],
            drawing.heat_map(values, top),
            f"{label}; brown: not measured",
            ticks(day),
            ["Component", "Mean", "Largest quarter of an hour"],
            [[one, *_extent(values[row], unit)] for row, one in enumerate(first.columns)],
            {
                "kind": "map",
                "names": list(first.columns),
                "times": [
                    day.clock(int(day.start + number * seconds))
                    for number in range(values.shape[1])
                ],
                "ticks": _data_ticks(day, seconds),
                "unit": scale.unit,
                "shape": list(values.shape),
                "values": base64.b64encode(packed).decode("ascii"),
            },
            height=max(90, min(640, 5 * len(first.columns))),
            names=_some_names(first.columns),
        )
    ]


def _extent(row: Float64, unit: str) -> tuple[str, str]:
    known = row[~np.isnan(row)]
    if not len(known):
        return quantities.NONE, quantities.NONE
    return quantities.quantity(float(known.mean()), unit), quantities.quantity(
        float(known.max()), unit
    )


def _some_names(names: Sequence[str], most: int = 8) -> tuple[str, ...]:
    step = max(1, -(-len(names) // most))
    return tuple(names[::step])


def ticks(day: Day) -> list[tuple[float, str]]:
    """Hours that are labelled, in per cent of the day."""
    span = day.end - day.start
    return [
        (100.0 * (second - day.start) / span, day.clock(second))
        for second in range(day.start, day.end - HOUR, HOUR)
        if dt.datetime.fromtimestamp(second, ZoneInfo(day.timezone)).hour % TICK_HOURS == 0
    ]


def _data_ticks(day: Day, seconds: float) -> list[tuple[float, str]]:
    """Numbers of bins that are labelled."""
    span = (day.end - day.start) / seconds
    return [(round(percent * span / 100, 2), label) for percent, label in ticks(day)]


def _numbers(values: Float64) -> list[float | None]:
    return [
        float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()
    ]
