"""How full file systems are, how fast that grows, and when they would be full. Pure."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from archive_tools.core import quantities
from archive_tools.reporting.day_figures import FiguresOfDays

DAYS, LEAST_DAYS = 90, 14
"""Days that a trend is of: at most, and at least."""
FARTHEST = 3650
"""Days ahead beyond which no date is given."""
DATASETS = {"fullness/bytes": "bytes", "fullness/inodes": "inodes", "mdfullness/inodes": "inodes"}
Row = tuple[str, str, str, str, str, str]


def rows(found: FiguresOfDays, instances: Mapping[str, Sequence[str]]) -> list[Row]:
    """Instance, what, use and size, per cent, growth a day, and when it would be full."""
    made = []
    for instance, (dataset, unit) in itertools.product(instances, DATASETS.items()):
        points = []
        for date, day in found.days.items():
            figures = day.instances.get(instance)
            targets = figures.fullness.get(dataset, {}) if figures else {}
            if targets:
                used = sum(one.used for one in targets.values())
                points.append((date, used, sum(one.total for one in targets.values())))
        if not points:
            continue
        date, used, total = points[-1]
        growth, when = trend(points)
        made.append(
            (
                instance,
                dataset,
                f"{quantities.quantity(used, unit)} of {quantities.quantity(total, unit)}",
                f"{100 * used / total:.1f} %" if total else quantities.NONE,
                quantities.NONE if growth is None else _signed(growth, unit),
                when,
            )
        )
    return made


def _signed(growth: float, unit: str) -> str:
    sign = "-" if growth < 0 else "+"
    return f"{sign}{quantities.quantity(round(abs(growth)), unit)} a day"


def trend(points: Sequence[tuple[dt.date, float, float]]) -> tuple[float | None, str]:
    """Growth a day by Theil and Sen's median of slopes, and the date at which it would be full,
    with that of the slopes' quartiles.

    Parameters
    ----------
    points : sequence of (date, used, total)
        In their order.
    """
    last, used, total = points[-1]
    near = [(date, one) for date, one, _ in points if (last - date).days < DAYS]
    if len(near) < LEAST_DAYS:
        return None, f"not known: fewer than {LEAST_DAYS} days"
    days = np.array([(date - last).days for date, _ in near], float)
    values = np.array([one for _, one in near])
    first, second = np.triu_indices(len(days), 1)
    slopes = (values[second] - values[first]) / (days[second] - days[first])
    low, middle, high = np.percentile(slopes, [25, 50, 75])
    if middle <= 0 or (total - used) / middle > FARTHEST:
        return float(middle), "not within ten years"
    dates = [_date_full(last, total - used, rate) for rate in (middle, high, low)]
    return float(middle), f"{dates[0]} ({dates[1]} to {dates[2]})"


def _date_full(last: dt.date, left: float, rate: float) -> str:
    if rate <= left / FARTHEST:
        return "later than ten years"
    return str(last + dt.timedelta(days=int(max(left, 0.0) / rate)))
