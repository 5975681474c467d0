"""What all pictures share: their look, their axes, and how they are written. matplotlib is loaded
when one is drawn.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from archive_tools.core import quantities
from archive_tools.core.errors import BadArgument, TokioError
from archive_tools.core.extras import needs_extra
from archive_tools.plotting import axes as axis
from archive_tools.plotting.stretches import Interval
from archive_tools.store import files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 8.0
"""Inches."""
ABSENT: dict[str, Any] = {
    "facecolor": "white",
    "edgecolor": "0.72",
    "hatch": "////",
    "linewidth": 0.0,
}
"""What nobody measured."""
PARTIAL: dict[str, Any] = {
    "facecolor": "none",
    "edgecolor": "0.78",
    "hatch": "...",
    "linewidth": 0.0,
}
"""What was measured of some components and not of others."""
STYLE: dict[str, Any] = {
    "font.family": [axis.FONT],
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.5,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "hatch.linewidth": 0.6,
    "text.usetex": False,
}


def svg(figure: Figure) -> str:
    """A figure as the text of an SVG element; the same figure gives the same text."""
    buffer = io.StringIO()
    with style({"svg.hashsalt": "tokio", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", dpi=150, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure to a file, whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str or pathlib.Path
        Its suffix is the format: ``.png`` or ``.svg``.

    Raises
    ------
    BadArgument
        The suffix is another.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".png", ".svg"):
        raise BadArgument(
            f"no picture can be written to {path}",
            expected="a name that ends in .png or .svg",
            got=suffix or "no suffix",
        )
    if suffix == ".svg":
        files.write_text(path, svg(figure))
        return
    with files.replacing(path) as temporary, style():
        figure.savefig(temporary, format="png", dpi=150, metadata={"Software": None})


def style(more: Mapping[str, Any] | None = None) -> AbstractContextManager[None]:
    """Our settings, whatever the user's are: some count when a figure is made, some when it is
    written.

    Raises
    ------
    MissingPackage
        matplotlib is not installed.
    """
    with needs_extra("plots", "a picture"):
        import matplotlib

    settings: Any = {**STYLE, **(more or {})}
    return matplotlib.rc_context(settings)


def new_figure(height: float, title: str) -> Figure:
    """An empty figure of some inches in height, with a title or none."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height + (0.3 if title else 0.0)), layout="constrained")
    if title:
        figure.suptitle(axis.plain(title, 78), x=0.01, ha="left", fontsize=10, weight="bold")
    return figure


def stacked(heights: Sequence[float], title: str) -> tuple[Figure, list[Axes]]:
    """A figure with axes one below the other, over one time axis; TokioError for none."""
    if not heights:
        raise TokioError("there is nothing to draw")
    figure = new_figure(sum(heights) + 0.3, title)
    return figure, list(
        figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    )


def settled(figure: Figure) -> Figure:
    """The figure with its parts in their places, where they stay, whatever it is written to and
    however often.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def nothing_measured(at: Axes) -> None:
    """Say so in the middle."""
    at.text(
        0.5,
        0.5,
        "nothing was measured",
        transform=at.transAxes,
        ha="center",
        va="center",
        bbox={"facecolor": "white", "edgecolor": "none"},
    )


def hatch(at: Axes, intervals: Sequence[Interval], look: dict[str, Any], label: str) -> None:
    """Mark times behind everything."""
    if intervals:
        parts = [(start, end - start) for start, end in intervals]
        at.broken_barh(
            parts, (0, 1), transform=at.get_xaxis_transform(), label=label, zorder=0, **look
        )


def legend(at: Axes, title: str = "") -> None:
    """Above the axes, in as many columns as fit, below a title or none."""
    handles, labels = at.get_legend_handles_labels()
    if handles:
        columns = max(1, min(len(labels), 120 // (max(map(len, labels)) + 8)))
        place: dict[str, Any] = {
            "loc": "lower left",
            "bbox_to_anchor": (-0.01, 0.98),
            "ncols": columns,
            "columnspacing": 1.5,
            "handlelength": 2.2,
        }
        box = at.legend(
            handles,
            labels,
            title=axis.plain(title, 80) or None,
            alignment="left",
            frameon=False,
            **place,
        )
        box.get_title().set_fontweight("bold")


def values_axis(at: Axes, scale: quantities.Scale, least: float, most: float) -> None:
    """From zero, which stays clear of the frame, or from below the least value."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    low, high = min(0.0, least) / scale.factor, max(most, 0.0) / scale.factor
    room = high - low or 1.0
    at.set_ylim(low - 0.04 * room, low + 1.08 * room)
    at.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    at.yaxis.set_major_formatter(FuncFormatter(lambda value, _: quantities.number(value)))
    at.set_ylabel(axis.plain(scale.unit, 16))


def time_axis(at: Axes, shown: Interval, timezone: str, steps: str = "") -> None:
    """Local time below the lowest panel, and what its steps are."""
    zone = ZoneInfo(timezone)
    ticks = axis.time_ticks(*shown, zone)
    at.set_xlim(*shown)
    at.set_xticks([stamp for stamp, _ in ticks], [label for _, label in ticks])
    stamps = [shown[0], *(stamp for stamp, _ in ticks), shown[1]]
    at.set_xlabel(f"Time in {axis.zone_label(zone, stamps)}{f'; {steps}' if steps else ''}")
