"""How full file systems are, how fast that grows, and when they would be full. Pure."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping

from archive_tools.core import quantities
from archive_tools.core.forecast import forecast_of
from archive_tools.reporting.day_figures import FiguresOfDays, Full

DAYS = 90
"""Days that a trend is of, at most."""
DATASETS = {"fullness/bytes": "bytes", "fullness/inodes": "inodes", "mdfullness/inodes": "inodes"}
Row = tuple[str, str, str, str, str, str, str]


def rows(found: FiguresOfDays, instances: Mapping[str, object]) -> list[Row]:
    """Instance, what, use and size with the day where it is not the newest, per cent, the fullest
    target, growth a day, and when it would be full: as `tokio-archive growth` has it, of the last
    days.
    """
    made = []
    newest = max(found.days, default=None)
    for instance, (dataset, unit) in itertools.product(instances, DATASETS.items()):
        days: dict[dt.date, dict[str, Full]] = {}
        for date, day in found.days.items():
            figures = day.instances.get(instance)
            targets = figures.fullness.get(dataset, {}) if figures else {}
            known = {name: one for name, one in targets.items() if one.total > 0}
            if known:
                days[date] = known
        if not days:
            continue
        last = max(days)
        used, total = _sums(days[last])
        shares = [
            (date, 100 * one / whole)
            for date, (one, whole) in ((date, _sums(known)) for date, known in days.items())
            if (last - date).days < DAYS
        ]
        fullest = max(days[last], key=lambda name: days[last][name].percent)
        forecast = forecast_of(shares)
        slope = forecast.trend.slope if forecast.trend else None
        made.append(
            (
                instance,
                dataset,
                _in_use(used, total, unit) + ("" if last == newest else f", {last}"),
                f"{100 * used / total:.1f} %",
                f"{fullest} {days[last][fullest].percent:.1f} %",
                quantities.NONE if slope is None else f"{slope:+.3g} points a day",
                forecast.when(),
            )
        )
    return made


def _in_use(used: float, total: float, unit: str) -> str:
    sizes = [quantities.quantity(one, unit) for one in (used, total)]
    return f"{sizes[0].removesuffix(f' {unit}')} of {sizes[1]}"


def _sums(targets: Mapping[str, Full]) -> tuple[float, float]:
    return sum(one.used for one in targets.values()), sum(one.total for one in targets.values())
