"""Components by time as colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from archive_tools.core import quantities
from archive_tools.core.arrays import Float64
from archive_tools.core.errors import TokioError
from archive_tools.formats.series import Series
from archive_tools.plotting import axes as axis
from archive_tools.plotting import canvas
from archive_tools.plotting.stretches import (
    Interval,
    stretches,
    width,
    within,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
from archive_tools.plotting.ranges import drawn_unit, extremes, shown_range, steps_of

CELLS = 600
"""Of a heat map, across."""
DISTINCT = 400
"""Components that have a line of dots each on paper; more are blended, lest some be left out."""
THINNED = tuple(part * 10**power for power in range(6) for part in (1, 2, 4, 5))
"""Every how many components one is named."""


def heat_map(
    series: Series, *, timezone: str, title: str = "", whole: Interval | None = None
) -> Figure:
    """Components by time: amounts a second, or means of gauges. The first component is at the top.

    Amounts are coloured by their square root, so that a quiet component still differs from an idle
    one. Where rows were resampled, a colour is their mean, which is less than the fastest row.

    Parameters
    ----------
    series : Series
    timezone : str
        IANA name.
    title : str
    whole : tuple of int, optional
        The range of time shown, ``[start, end)`` in epoch seconds; else that in which anything was
        measured.

    Raises
    ------
    TokioError
        There are no rows or no columns.
    """
    if not series.columns:
        raise TokioError(f"{series.dataset} has no components to draw")
    shown = whole or shown_range([series])
    if not len(within(series, shown).timestamps):
        raise TokioError("there are no rows to draw")
    with canvas.style():
        figure, (at,) = canvas.stacked([1.6 + min(3.9, 0.16 * len(series.columns))], title)
        _heat(figure, at, within(series, shown), timezone, shown)
        _component_axis(at, series.columns)
        canvas.time_axis(at, shown, timezone, steps_of([within(series, shown)], CELLS))
        return canvas.settled(figure)


def _heat(figure: Figure, at: Axes, series: Series, timezone: str, shown: Interval) -> None:
    """The image, what it lacks behind it, and its colour bar."""
    import matplotlib
    from matplotlib.colors import Normalize, PowerNorm
    from matplotlib.patches import Patch
    from matplotlib.ticker import FuncFormatter

    values, (low, high) = cells(series, timezone)
    least, most = extremes([values])
    unit = drawn_unit(series)
    scale = quantities.scale(unit, max(most, -least))
    limits: dict[str, Any] = {
        "vmin": min(0.0, least) / scale.factor,
        "vmax": (most or 1.0) / scale.factor,
    }
    norm = (
        PowerNorm(0.5, **limits) if series.kind != "gauge" and least >= 0 else Normalize(**limits)
    )
    colours = matplotlib.colormaps["viridis"].with_extremes(bad=(1, 1, 1, 0))
    at.patch.set(**canvas.ABSENT)
    if np.isnan(values).any() or shown[0] < low or shown[1] > high:
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
        format=FuncFormatter(lambda value, _: quantities.number(value)),
    )
    bar.set_label(axis.plain(scale.unit, 16) + _colours(series, isinstance(norm, PowerNorm)))
    at.spines[["top", "right"]].set_visible(True)
    if np.isnan(values).all():
        canvas.nothing_measured(at)


def _colours(series: Series, rooted: bool) -> str:
    """What a colour stands for, after its unit."""
    step = width(series, CELLS)
    mean = series.kind != "gauge" or step > series.seconds.max()
    return (f", means of {quantities.duration(step)}" if mean else "") + (
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
    resampled = stretches(series, CELLS, timezone)
    values = resampled.rates() if series.kind != "gauge" else resampled.means
    low, last = int(resampled.slots[0]), int(resampled.ends[-1])
    high = low + -(-(last - low) // resampled.width) * resampled.width
    middles = np.arange(low, high, resampled.width) + resampled.width / 2
    found = np.searchsorted(resampled.slots, middles, side="right") - 1
    there = middles < resampled.slots[found] + np.maximum(
        resampled.width, resampled.ends[found] - resampled.starts[found]
    )
    return np.where(there[:, None], values[found], np.nan), (low, high)


def _component_axis(at: Axes, columns: Sequence[str]) -> None:
    """Names of components, as many as are legible."""
    room = int(at.bbox.height / at.figure.dpi * 6)
    every = next(step for step in THINNED if len(columns) <= room * step)
    places = range(0, len(columns), every)
    at.set_yticks(list(places), [axis.plain(columns[i], 22) for i in places])
    at.set_ylabel(f"{len(columns):,} components" if len(columns) > 1 else "")
