"""Today against the history: the diagram of Lockwood and others, "UMAMI: a recipe for generating
meaningful metrics through holistic I/O performance analysis", PDSW-DISCS 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from archive_tools.core import quantities
from archive_tools.core.arrays import Float64
from archive_tools.core.errors import TokioError
from archive_tools.plotting import axes as axis
from archive_tools.plotting import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
from archive_tools.jobs.job_history import MetricHistory

LOOKS = {1: ("#b2182b", "X"), 2: ("#e08214", "v"), 3: ("#4393c3", "^"), 4: ("#08519c", "*")}
"""By goodness: colour and marker."""
NEUTRAL = ("0.25", "D")
LEAST = 4
"""Values of a history that has quartiles."""
ALIKE = 0.005
"""A value this share of the median from it, or of the distance between the quartiles, is no news.
"""


@dataclass(frozen=True)
class Rank:
    """The place of a value in its history.

    Attributes
    ----------
    quarter : int
        1 (the lowest) to 4; 0 at the median.
    words : str
        The same for people.
    goodness : int or None
        Of the quarter: 1 (the worst) to 4; None at the median, or if nobody says what is good.
    """

    quarter: int
    words: str
    goodness: int | None


def umami(metrics: Sequence[MetricHistory], *, timezone: str, title: str) -> Figure:
    """Today against the history: the diagram of Lockwood and others, "UMAMI", PDSW-DISCS 2017.

    A row for each metric: the history over time, its newest value marked; beside it a box of the
    history without that value (quartiles, whiskers at 5 and 95 %), and a dashed line at the value.
    Marker, colour and words say in which quarter of the history the value is. A history of fewer
    than 4 values has no box.

    Parameters
    ----------
    metrics : sequence of MetricHistory
    timezone : str
        IANA name.
    title : str

    Raises
    ------
    TokioError
        There are no metrics, or none has a value.
    """
    stamps = (
        np.concatenate([metric.timestamps for metric in metrics])
        if metrics
        else np.zeros(0, dtype=np.int64)
    )
    if not len(stamps):
        raise TokioError("there is no history to draw")
    margin = max(1, int(stamps.max() - stamps.min()) // 50)
    shown = int(stamps.min()) - margin, int(stamps.max()) + margin
    with canvas.style():
        figure = canvas.new_figure(1.2 * len(metrics) + 0.5, title)
        grid = figure.subplots(
            len(metrics), 2, sharex="col", squeeze=False, width_ratios=(4.6, 1.4)
        )
        for (left, right), metric in zip(grid, metrics, strict=True):
            _history(left, right, metric)
        canvas.time_axis(grid[-1, 0], shown, timezone)
        grid[-1, 1].set_xlabel("box: 25 to 75 %\nwhiskers: 5 to 95 %")
        figure.align_ylabels(grid[:, 0])
        return canvas.settled(figure)


def quartile(history: Float64, value: float, big_is_good: bool | None) -> Rank | None:
    """In which quarter of its history a value is.

    Parameters
    ----------
    history : float64 (n,)
        Without the value; NaN is missing.
    value : float
    big_is_good : bool or None

    Returns
    -------
    Standing or None
        None if the value is missing or the history has fewer than 4 values. A value at a quartile
        is in the quarter on the median's side. At the median is what differs from it by at most 0.5
        % of it, or of the distance between the quartiles if that is more; the whole range would let
        one outlier hide what differs.
    """
    known = history[np.isfinite(history)]
    if len(known) < LEAST or not np.isfinite(value):
        return None
    low, median, high = np.percentile(known, [25, 50, 75])
    if abs(value - median) <= ALIKE * max(abs(median), high - low):
        return Rank(0, "at the median", None)
    quarter = (1 if value < low else 2) if value < median else (3 if value <= high else 4)
    if big_is_good is None:
        return Rank(
            quarter,
            ("lowest quarter", "below the median", "above the median", "highest quarter")[
                quarter - 1
            ],
            None,
        )
    goodness = quarter if big_is_good else 5 - quarter
    return Rank(
        quarter,
        ("worst quarter", "worse than median", "better than median", "best quarter")[goodness - 1],
        goodness,
    )


def _history(left: Axes, right: Axes, metric: MetricHistory) -> None:
    """One row: the history and its box, on one scale of values."""
    known = np.isfinite(metric.values)
    shown = metric.values[known]
    scale = quantities.scale(metric.unit, float(np.abs(shown).max(initial=0.0)))
    left.set_title(axis.plain(metric.label, 70), loc="left")
    left.plot(
        metric.timestamps[known],
        shown / scale.factor,
        color="0.45",
        linewidth=0.9,
        marker="o",
        markersize=2.8,
    )
    canvas.values_axis(left, scale, float(shown.min(initial=0.0)), float(shown.max(initial=0.0)))
    right.set_ylim(left.get_ylim())
    _box(right, metric.values[:-1][known[:-1]] / scale.factor)
    if len(known) and known[-1]:
        _newest(left, right, metric, scale)
    else:
        right.set_title("newest: not measured")


def _box(at: Axes, history: Float64) -> None:
    """Quartiles and 5 and 95 %; too short a history says so."""
    at.set_xlim(0, 1)
    at.set_xticks([])
    at.tick_params(left=False, labelleft=False)
    if len(history) < LEAST:
        at.text(
            0.5,
            0.5,
            f"no box:\n{len(history)} values\nbefore it",
            transform=at.transAxes,
            ha="center",
            va="center",
            bbox={"facecolor": "white", "edgecolor": "none"},
            zorder=6,
        )
        return
    five, low, median, high, most = np.percentile(history, [5, 25, 50, 75, 95])
    box = {"whislo": five, "q1": low, "med": median, "q3": high, "whishi": most}
    ink = {"color": "black", "linewidth": 0.9}
    faces = {"facecolor": "0.9", "edgecolor": "black", "linewidth": 0.9}
    at.bxp(
        [box],
        positions=[0.5],
        widths=0.5,
        showfliers=False,
        patch_artist=True,
        manage_ticks=False,
        boxprops=faces,
        medianprops=ink,
        whiskerprops=ink,
        capprops=ink,
    )


def _newest(left: Axes, right: Axes, metric: MetricHistory, scale: quantities.Scale) -> None:
    """The newest value: a marker on the history, a line across the box, and words."""
    value = float(metric.values[-1])
    rank = quartile(metric.values[:-1], value, metric.big_is_good)
    colour, marker = LOOKS.get(rank.goodness or 0, NEUTRAL) if rank else NEUTRAL
    left.plot(
        metric.timestamps[-1:],
        [value / scale.factor],
        linestyle="none",
        marker=marker,
        markersize=9,
        color=colour,
        markeredgecolor="black",
        markeredgewidth=0.6,
        zorder=5,
        clip_on=False,
    )
    right.axhline(value / scale.factor, color=colour, linestyle="--", linewidth=1.6, zorder=5)
    right.set_title(axis.plain(scale.shown(value), 24) + (f"\n{rank.words}" if rank else ""))
