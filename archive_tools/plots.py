"""Pictures: pure functions from data to figures. matplotlib is loaded when one is drawn.

Time is the site's; the x axis counts epoch seconds. Hatched is what nobody measured. Nothing is
told by colour alone. Text of users is drawn as it stands, never as a formula; what no font has is
escaped.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from archive_tools import axes as axis
from archive_tools import canvas
from archive_tools.canvas import save, svg
from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.errors import TokioError
from archive_tools.formats.series import Series
from archive_tools.jobs.job_history import Metric
from archive_tools.stretches import (
    Interval,
    complement,
    measured_span,
    merged,
    span,
    stretches,
    width,
    within,
)
from archive_tools.umami import Standing, quartile, umami

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "Metric",
    "Panel",
    "Standing",
    "cells",
    "corners",
    "drawn_unit",
    "heat_map",
    "job",
    "lines",
    "quartile",
    "save",
    "svg",
    "umami",
]

STRETCHES = 1000
"""Of a line, about: a dot each on paper."""
CELLS = 600
"""Of a heat map, across."""
MARKS = 12
"""Markers of a line that is not the only one."""
DISTINCT = 400
"""Components that have a line of dots each on paper; more are blended, lest some be left out."""
NAMED = 8
"""Components that have lines of their own name; more are a bundle."""
DOT = 0.004
"""A run shorter than this share of the axis would not be seen, and gets a dot."""
THINNED = tuple(part * 10**power for power in range(6) for part in (1, 2, 4, 5))
"""Every how many components one is named."""
COLOURS = ("#0b3c6f", "#e08214", "#7b3294", "#111111", "#4d9221")
"""Lines of the same dashes that follow one another differ in lightness."""
DASHES = ("-", (0, (6, 1.5)), (0, (4, 1.2, 1, 1.2)), (0, (1.5, 1)))
"""Short gaps, so that steep steps stay lines."""
MARKERS = ("o", "s", "^", "D", "v", "X", "P", "<", "p")
"""One each for `NAMED` lines. Their count, that of the dashes and that of the colours have no
common divisor.
"""


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


@dataclass(frozen=True)
class _Line:
    """What is drawn of a series: a value for each stretch, or a bundle of them.

    Attributes
    ----------
    label : str
    starts, ends : int64 (n,)
    values : float64 (n, 1), or (n, components) for a bundle
    known : bool (n,)
        Where any component of its series was measured.
    partial : bool (n,)
        Where its series lacks components.
    companion : bool
        Goes with the line before it, in the same colour.
    """

    label: str
    starts: Int64
    ends: Int64
    values: Float64
    known: npt.NDArray[np.bool_]
    partial: npt.NDArray[np.bool_]
    companion: bool = False

    @property
    def thin(self) -> bool:
        return self.companion or self.values.shape[1] > 1

    @property
    def measured(self) -> npt.NDArray[np.bool_]:
        return np.asarray(np.isfinite(self.values).any(axis=1))

    def intervals(self, where: npt.NDArray[np.bool_]) -> list[Interval]:
        return list(zip(self.starts[where].tolist(), self.ends[where].tolist(), strict=True))


def lines(
    series: Sequence[Series] | Mapping[str, Series],
    *,
    timezone: str,
    title: str = "",
    by_component: bool = False,
    whole: Interval | None = None,
) -> Figure:
    """Series over time, a panel for each unit; gaps stay gaps.

    Parameters
    ----------
    series : sequence of Series, or mapping of label to Series
        Deltas and rates are drawn as amounts a second, summed over the components; gauges as the
        mean of the components, with the largest as a thin line. Long ranges are drawn in some
        thousand stretches.
    timezone : str
        IANA name.
    title : str
    by_component : bool
        Draw the components each for itself.
    whole : tuple of int, optional
        The range of time shown, ``[start, end)`` in epoch seconds; else that in which anything was
        measured.

    Raises
    ------
    TokioError
        There are no rows, so that there is no range.
    """
    named = (
        list(series.items())
        if isinstance(series, Mapping)
        else [(one.dataset, one) for one in series]
    )
    shown = whole or _shown([one for _, one in named])
    panels: dict[str, list[tuple[str, Series]]] = {}
    for label, one in named:
        panels.setdefault(drawn_unit(one), []).append((label, within(one, shown)))
    with canvas.style():
        figure, rows = canvas.stacked([2.3] * len(panels), title)
        for at, (unit, members) in zip(rows, panels.items(), strict=True):
            _panel(at, unit, members, shown, timezone, by_component=by_component)
        canvas.time_axis(
            rows[-1],
            shown,
            timezone,
            _steps(one for members in panels.values() for _, one in members),
        )
        return canvas.settled(figure)


def heat_map(series: Series, *, timezone: str, title: str = "") -> Figure:
    """Components by time: amounts a second, or means of gauges. The first component is at the top.

    Amounts are coloured by their square root, so that a quiet component still differs from an idle
    one. Where rows were joined, a colour is their mean, which is less than the fastest row.

    Parameters
    ----------
    series : Series
    timezone : str
        IANA name.
    title : str

    Raises
    ------
    TokioError
        There are no rows or no columns.
    """
    if not series.columns:
        raise TokioError(f"{series.dataset} has no components to draw")
    shown = _shown([series])
    with canvas.style():
        figure, (at,) = canvas.stacked([1.6 + min(3.9, 0.16 * len(series.columns))], title)
        _heat(figure, at, within(series, shown), timezone)
        _component_axis(at, series.columns)
        canvas.time_axis(at, shown, timezone, _steps([within(series, shown)], CELLS))
        return canvas.settled(figure)


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
            _steps(within(one, shown) for panel in panels for one in panel.lines.values()),
        )
        return canvas.settled(figure)


def drawn_unit(series: Series) -> str:
    """The unit in which a series is drawn: amounts as amounts a second."""
    return f"{series.unit}/s" if series.kind == "delta" else series.unit


def _shown(series: Sequence[Series]) -> Interval:
    """The range in which anything was measured; that of the rows if nothing was."""
    there = [one for one in series if len(one.timestamps)]
    spans = [found for one in there if (found := measured_span(one))] or [
        span(one) for one in there
    ]
    if not spans:
        raise TokioError("there are no rows to draw")
    return min(low for low, _ in spans), max(high for _, high in spans)


def _around(interval: Interval, series: Sequence[Series]) -> Interval:
    margin = max(60, (interval[1] - interval[0]) // 2)
    spans = [interval, *(span(one) for one in series if len(one.timestamps))]
    low, high = min(low for low, _ in spans), max(high for _, high in spans)
    return max(low, interval[0] - margin), min(high, interval[1] + margin)


def _steps(series: Iterable[Series], most: int = STRETCHES) -> str:
    """How long the steps are, and which of them are means of rows that were joined."""
    found = {
        (size := width(one, most), size > int(one.seconds.max()))
        for one in series
        if len(one.timestamps)
    }
    return axis.steps(
        *(sorted(size for size, joined in found if joined == which) for which in (False, True))
    )


def _lines_of(label: str, series: Series, timezone: str, by_component: bool) -> list[_Line]:
    """The lines of one series that has rows."""
    joined = stretches(series, STRETCHES, timezone)
    amounts, many = series.kind != "gauge", len(series.columns)
    values = joined.rates() if amounts else joined.means
    known, partial = np.asarray(np.isfinite(values).any(axis=1)), _partial(values)

    def line(name: str, columns: Float64, companion: bool = False) -> _Line:
        return _Line(name, joined.starts, joined.ends, columns, known, partial, companion)

    if by_component:
        return (
            [line(name, values[:, [i]]) for i, name in enumerate(series.columns)]
            if many <= NAMED
            else [line(f"{label}, each of {many}", values)]
        )
    if amounts:
        return [line(f"{label}, sum of {many}" if many > 1 else label, _across(np.nansum, values))]
    mean = line(f"{label}, mean of {many}" if many > 1 else label, _across(np.nanmean, values))
    return (
        [mean, line("their maximum", _across(np.nanmax, joined.largest), companion=True)]
        if many > 1
        else [mean]
    )


def _partial(values: Float64) -> npt.NDArray[np.bool_]:
    """Where some components were measured and others not, though they were before and after: bool
    (n,).
    """
    have = np.isfinite(values)
    between = np.maximum.accumulate(have, axis=0) & np.maximum.accumulate(have[::-1], axis=0)[::-1]
    return np.asarray(have.any(axis=1) & (between & ~have).any(axis=1))


def _across(reduce: Any, values: Float64) -> Float64:
    """One value a stretch over its components: float64 (n, 1), NaN where no component was
    measured.
    """
    found = np.full((len(values), 1), np.nan)
    some = np.isfinite(values).any(axis=1)
    found[some, 0] = reduce(values[some], axis=1)
    return found


def _panel(
    at: Axes,
    unit: str,
    members: Sequence[tuple[str, Series]],
    shown: Interval,
    timezone: str,
    *,
    by_component: bool = False,
    title: str = "",
) -> None:
    """Lines of one unit with what they lack."""
    drawn = [
        line
        for label, one in members
        if len(one.timestamps)
        for line in _lines_of(label, one, timezone, by_component)
    ]
    least, most = _extremes([line.values for line in drawn])
    scale = axis.scale(unit, max(most, -least))
    leading = [line for line in drawn if not line.companion]
    number = -1
    for line in drawn:
        number += not line.companion
        _draw(at, line, scale, number, mark=len(leading) > 1)
        _dot(at, line, scale, COLOURS[number % len(COLOURS)], (shown[1] - shown[0]) * DOT)
    canvas.values_axis(at, scale, least, most)
    _hatch(at, leading, shown)
    if not any(line.measured.any() for line in drawn):
        canvas.nothing_measured(at)
    canvas.legend(at, title)


def _extremes(arrays: Sequence[Float64]) -> tuple[float, float]:
    """Least and largest value, 0 among them."""
    finite = [some for values in arrays if len(some := values[np.isfinite(values)])]
    return min((float(some.min()) for some in finite), default=0.0), max(
        (float(some.max()) for some in finite), default=0.0
    )


def _draw(at: Axes, line: _Line, scale: axis.Scale, number: int, *, mark: bool) -> None:
    """The line of some number in its panel, of steps; with markers or without."""
    x, y = corners(line)
    thick: dict[str, Any] = {"linewidth": 1.15, "linestyle": DASHES[number % len(DASHES)]}
    look: dict[str, Any] = (
        {"linewidth": 0.6, "linestyle": "-", "alpha": 0.55} if line.thin else thick
    )
    if mark and not line.thin:
        every = max(1, len(x) // MARKS)
        place = number * every // len(MARKERS) % len(x), every
        look |= {"marker": MARKERS[number % len(MARKERS)], "markersize": 5, "markevery": place}
    drawn = at.plot(
        x,
        y / scale.factor,
        color=COLOURS[number % len(COLOURS)],
        markeredgecolor="white",
        markeredgewidth=0.4,
        **look,
    )
    drawn[0].set_label(axis.plain(line.label, 60))


def _dot(at: Axes, line: _Line, scale: axis.Scale, colour: str, least: float) -> None:
    """Dots in runs of measured stretches that are shorter than `least` seconds, and would not be
    seen.
    """
    brief = [start for start, end in merged(line.intervals(line.measured)) if end - start < least]
    places = np.searchsorted(line.starts, np.array(brief, dtype=np.int64))
    middle = (line.starts + line.ends)[places] / 2
    at.plot(
        middle,
        line.values[places] / scale.factor,
        linestyle="none",
        marker=".",
        markersize=5,
        color=colour,
    )


def corners(line: _Line) -> tuple[Float64, Float64]:
    """The corners of a line of steps.

    Returns
    -------
    x : float64 (3 n,)
        Epoch seconds: start, end, and end again.
    y : float64 (3 n, columns)
        NaN after a stretch that the next one does not touch, and where nothing was measured.
    """
    touches = np.append(line.starts[1:] == line.ends[:-1], False)
    after = np.where(touches[:, None], line.values, np.nan)
    x = np.stack([line.starts, line.ends, line.ends], axis=1).ravel().astype(np.float64)
    return x, np.stack([line.values, line.values, after], axis=1).reshape(-1, line.values.shape[1])


def _hatch(at: Axes, drawn: Sequence[_Line], shown: Interval) -> None:
    """Mark the times of which no line knows anything, and lightly those of which only some lines or
    components do.
    """
    nothing = complement((part for line in drawn for part in line.intervals(line.known)), shown)
    series = complement([*nothing, *complement(_lacking(drawn, shown), shown)], shown)
    components = [part for line in drawn for part in line.intervals(line.partial)]
    what = " or ".join(
        name for name, there in (("components", components), ("series", series)) if there
    )
    canvas.hatch(at, nothing, canvas.ABSENT, "not measured")
    canvas.hatch(at, merged([*components, *series]), canvas.PARTIAL, f"some {what} not measured")


def _lacking(drawn: Sequence[_Line], shown: Interval) -> list[Interval]:
    """Where the series of a line lacks measurements between its first row and its last."""
    found = []
    for line in drawn:
        own = max(shown[0], int(line.starts[0])), min(shown[1], int(line.ends[-1]))
        found += complement(line.intervals(line.known), own)
    return found


def _heat(figure: Figure, at: Axes, series: Series, timezone: str) -> None:
    """The image, what it lacks behind it, and its colour bar."""
    import matplotlib
    from matplotlib.colors import Normalize, PowerNorm
    from matplotlib.patches import Patch
    from matplotlib.ticker import FuncFormatter

    values, (low, high) = cells(series, timezone)
    least, most = _extremes([values])
    unit = drawn_unit(series)
    scale = axis.scale(unit, max(most, -least))
    limits: dict[str, Any] = {
        "vmin": min(0.0, least) / scale.factor,
        "vmax": (most or 1.0) / scale.factor,
    }
    norm = (
        PowerNorm(0.5, **limits) if series.kind != "gauge" and least >= 0 else Normalize(**limits)
    )
    colours = matplotlib.colormaps["viridis"].with_extremes(bad=(1, 1, 1, 0))
    at.patch.set(**canvas.ABSENT)
    if np.isnan(values).any():
        at.legend(
            [Patch(**canvas.ABSENT)],
            ["not measured"],
            loc="lower right",
            bbox_to_anchor=(1.01, 0.98),
            frameon=False,
        )
    image = at.imshow(
        np.ma.masked_invalid(values.T / scale.factor),
        cmap=colours,
        norm=norm,
        aspect="auto",
        interpolation="nearest" if len(series.columns) <= DISTINCT else "antialiased",
        interpolation_stage="rgba",
        extent=(low, high, len(series.columns) - 0.5, -0.5),
    )
    bar = figure.colorbar(
        image,
        ax=at,
        pad=0.015,
        aspect=30,
        format=FuncFormatter(lambda value, _: axis.number(value)),
    )
    bar.set_label(axis.plain(scale.unit, 16) + _colours(series, isinstance(norm, PowerNorm)))
    at.spines[["top", "right"]].set_visible(True)
    if np.isnan(values).all():
        canvas.nothing_measured(at)


def _colours(series: Series, rooted: bool) -> str:
    """What a colour stands for, after its unit."""
    step = width(series, CELLS)
    mean = series.kind != "gauge" or step > series.seconds.max()
    return (f", means of {axis.length(step)}" if mean else "") + (
        "\ncolours by square root" if rooted else ""
    )


def cells(series: Series, timezone: str) -> tuple[Float64, Interval]:
    """What a heat map shows: equal stretches of time from the first row to the last.

    Returns
    -------
    values : float64 (at most some `CELLS`, columns)
        Amounts a second, or means of gauges; NaN where nothing was measured or no row is.
    interval : tuple of int
        The range of whole stretches that they cover, in epoch seconds.
    """
    joined = stretches(series, CELLS, timezone)
    values = joined.rates() if series.kind != "gauge" else joined.means
    low, last = int(joined.slots[0]), int(joined.ends[-1])
    high = low + -(-(last - low) // joined.width) * joined.width
    middles = np.arange(low, high, joined.width) + joined.width / 2
    found = np.searchsorted(joined.slots, middles, side="right") - 1
    there = middles < joined.slots[found] + np.maximum(
        joined.width, joined.ends[found] - joined.starts[found]
    )
    return np.where(there[:, None], values[found], np.nan), (low, high)


def _component_axis(at: Axes, columns: Sequence[str]) -> None:
    """Names of components, as many as are legible."""
    room = int(at.bbox.height / at.figure.dpi * 6)
    every = next(step for step in THINNED if len(columns) <= room * step)
    places = range(0, len(columns), every)
    at.set_yticks(list(places), [axis.plain(columns[i], 22) for i in places])
    at.set_ylabel(f"{len(columns):,} components" if len(columns) > 1 else "")


def _job_panel(at: Axes, panel: Panel, interval: Interval, shown: Interval, timezone: str) -> None:
    """Lines around the job, which is shaded."""
    for label, one in panel.lines.items():
        if drawn_unit(one) != panel.unit:
            raise TokioError(
                f"{label} cannot be drawn in the panel {panel.title}",
                expected=panel.unit,
                got=drawn_unit(one),
            )
    _panel(
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
    """When the job ran, to its last second as job logs have it, in head room above the lines."""
    low, high = at.get_ylim()
    at.set_ylim(low, high + 0.16 * (high - low))
    start, end = (
        dt.datetime.fromtimestamp(moment, ZoneInfo(timezone))
        for moment in (interval[0], interval[1] - 1)
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
