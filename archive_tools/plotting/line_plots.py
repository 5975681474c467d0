"""Series over time as lines: a panel for each unit; gaps stay gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archive_tools.core import quantities
from archive_tools.core.arrays import Float64, Int64
from archive_tools.formats.series import Series
from archive_tools.plotting import axes as axis
from archive_tools.plotting import canvas
from archive_tools.plotting.stretches import (
    Interval,
    complement,
    merged,
    stretches,
    within,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
from archive_tools.plotting.ranges import STRETCHES, drawn_unit, extremes, shown_range, steps_of

MARKS = 12
"""Markers of a line that is not the only one."""
NAMED = 8
"""Components that have lines of their own name; more are a bundle."""
DOT = 0.004
"""A run shorter than this share of the axis would not be seen, and gets a dot."""
COLOURS = ("#0b3c6f", "#e08214", "#7b3294", "#111111", "#4d9221")
"""Lines of the same dashes that follow one another differ in lightness."""
DASHES = ("-", (0, (6, 1.5)), (0, (4, 1.2, 1, 1.2)), (0, (1.5, 1)))
"""Short gaps, so that steep steps stay lines."""
MARKERS = ("o", "s", "^", "D", "v", "X", "P", "<", "p")
"""One each for `NAMED` lines. Their count, that of the dashes and that of the colours have no
common divisor.
"""


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
    shown = whole or shown_range([one for _, one in named])
    panels: dict[str, list[tuple[str, Series]]] = {}
    for label, one in named:
        panels.setdefault(drawn_unit(one), []).append((label, within(one, shown)))
    with canvas.style():
        figure, rows = canvas.stacked([2.3] * len(panels), title)
        for at, (unit, members) in zip(rows, panels.items(), strict=True):
            draw_panel(at, unit, members, shown, timezone, by_component=by_component)
        canvas.time_axis(
            rows[-1],
            shown,
            timezone,
            steps_of(one for members in panels.values() for _, one in members),
        )
        return canvas.settled(figure)


def _lines_of(label: str, series: Series, timezone: str, by_component: bool) -> list[_Line]:
    """The lines of one series that has rows."""
    resampled = stretches(series, STRETCHES, timezone)
    amounts, many = series.kind != "gauge", len(series.columns)
    values = resampled.rates() if amounts else resampled.means
    known, partial = np.asarray(np.isfinite(values).any(axis=1)), _partial(values)

    def line(name: str, columns: Float64, companion: bool = False) -> _Line:
        return _Line(name, resampled.starts, resampled.ends, columns, known, partial, companion)

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
        [mean, line("their maximum", _across(np.nanmax, resampled.largest), companion=True)]
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


def draw_panel(
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
    least, most = extremes([line.values for line in drawn])
    scale = quantities.scale(unit, max(most, -least))
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


def _draw(at: Axes, line: _Line, scale: quantities.Scale, number: int, *, mark: bool) -> None:
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


def _dot(at: Axes, line: _Line, scale: quantities.Scale, colour: str, least: float) -> None:
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
