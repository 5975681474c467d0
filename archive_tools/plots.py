"""Pictures: pure functions from arrays to figures. matplotlib is loaded when one is drawn."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from pipeline.model import Float64, Int64

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 288
"""Points of a line, at most: five minutes each over a day."""
STYLES = ("-", "--", ":", "-.")
"""Lines are told apart without colour."""


def binned(timestamps: Int64, values: Float64, how: str) -> tuple[Int64, Float64]:
    """At most `POINTS` points: sums or means over equal stretches of rows; NaN where nothing was measured."""
    width = -(-len(values) // POINTS)
    padded = np.full(-(-len(values) // width) * width, np.nan)
    padded[: len(values)] = values
    blocks = padded.reshape(-1, width)
    absent = np.isnan(blocks)
    count = (~absent).sum(axis=1)
    total = np.where(absent, 0.0, blocks).sum(axis=1)
    result = total if how == "sum" else total / np.maximum(count, 1)
    return timestamps[::width], np.where(count, result, np.nan)


def lines(series: dict[str, tuple[Int64, Float64]], unit: str, timezone: str) -> Figure:
    """Lines over the time of day at the site; gaps stay gaps.

    Parameters
    ----------
    series : dict
        Label to epoch seconds (n,) and values (n,).
    unit : str
        For the axis; values of "B/s" get IEC prefixes.
    timezone : str
        IANA name.
    """
    import matplotlib.dates
    from matplotlib.figure import Figure

    zone = ZoneInfo(timezone)
    largest = max((float(np.nanmax(values)) for _, values in series.values() if np.isfinite(values).any()), default=0.0)
    scale, prefix = _prefix(largest) if unit.startswith("B") else (1.0, "")
    figure = Figure(figsize=(8, 2.2), layout="constrained")
    axes = figure.add_subplot()
    for (label, (stamps, values)), style in zip(series.items(), STYLES * len(series), strict=False):
        axes.plot(stamps.astype("datetime64[s]"), values / scale, style, label=label, linewidth=1, marker="." if np.isfinite(values).sum() < 3 else None)
    locator = matplotlib.dates.AutoDateLocator(tz=zone)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(matplotlib.dates.ConciseDateFormatter(locator, tz=zone))  # type: ignore[no-untyped-call]
    axes.set_ylabel(f"{prefix}{unit}")
    axes.set_xlabel(timezone)
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(series), frameon=False, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _prefix(largest: float) -> tuple[float, str]:
    scale = 1.0
    for prefix in ("", "Ki", "Mi", "Gi", "Ti"):
        if largest < 1024 * scale or prefix == "Ti":
            return scale, prefix
        scale *= 1024
    raise AssertionError


def svg(figure: Figure) -> str:
    """A figure as the text of an SVG element; the same figure gives the same text."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "tokio", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
