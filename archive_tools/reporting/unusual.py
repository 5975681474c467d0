"""What was unusual on a day: each hour against the same hour of the four weeks before, and whom or
what the day's figures name against those days (`unusual_names`).

Amounts are compared by their logarithms, Saturdays and Sundays with each other. How often the same
rules would have spoken in those weeks is counted, each day against all of them, and said.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from archive_tools import schemas
from archive_tools.core import quantities
from archive_tools.core.arrays import Float64
from archive_tools.reporting import unusual_names
from archive_tools.reporting.day_figures import DayFigures
from archive_tools.reporting.judging import LEAST_DAYS, Judged, judged
from archive_tools.reporting.near_days import days_before

__all__ = ["LEAST_DAYS", "Unusual", "unusual"]
DEVIATIONS, FACTOR, POINTS = 5.0, 2.0, 20.0
"""How far from the median an hour is unusual: in robust standard deviations, and besides by this
factor (amounts) or by so many per cent points.
"""
SATURDAY = 5
LEAST_MEASURED = 0.9
"""Share of an hour's cells without which it is not compared."""
MOST = 8
"""Sentences of a day."""


class Stretch(NamedTuple):
    """Hours that follow each other and are unusual in the same way."""

    instance: str
    dataset: str
    first: int
    last: int
    is_high: bool
    value: float
    usual: float
    deviations: float


@dataclass(frozen=True)
class Unusual:
    """What was unusual, as text.

    Attributes
    ----------
    sentences : tuple of str
    compared : int
        Days before that were there to compare with.
    chance : int
        On how many of those days the same rule would have said something.
    is_comparable : bool
        Whether there were enough of them.
    more : int
        Sentences beyond the first few.
    not_compared : tuple of str
        Instances, with hours where it is not all day, that are compared on other days and are not
        on this one: too little of them was measured.
    """

    sentences: tuple[str, ...]
    compared: int
    chance: int
    is_comparable: bool
    more: int = 0
    not_compared: tuple[str, ...] = ()


def unusual(today: DayFigures, before: Mapping[dt.date, DayFigures]) -> Unusual:
    """What was unusual on a day.

    Parameters
    ----------
    today : DayFigures
    before : mapping
        The figures of the days before, as far as there are some.
    """
    dates = [today.date, *(date for date in days_before(today.date) if date in before)]
    days = [today, *(before[date] for date in dates[1:])]
    weekdays = np.array([date.weekday() for date in dates])
    found: list[tuple[float, tuple[int, str, str], str]] = []
    spoken = np.zeros(len(days), bool)
    comparable = False
    clock = _clock(today)
    not_compared = []
    for instance in today.instances:
        lacking = np.zeros(24, bool)
        for dataset, kind in _kinds(days, instance).items():
            values = _table(days, instance, dataset)
            hours = _judged(values, kind == "delta", weekdays)
            comparable |= bool(hours.known.any())
            lacking |= hours.known & np.isnan(values[0])
            spoken |= (hours.marks != 0).any(axis=1)
            found += [
                (one.deviations, (one.first, instance, dataset), _sentence(one, today))
                for one in _stretches(instance, dataset, values[0], hours)
            ]
        if span := _spans(lacking[clock], clock):
            not_compared.append(f"{instance}{span}")
    for named in unusual_names.found_of(days):
        spoken |= named.spoken
        comparable |= named.is_comparable
        found += [(weight, (24, "", ""), sentence) for weight, sentence in named.sentences]
    found.sort(key=lambda one: -one[0])
    shown = sorted(found[:MOST], key=lambda one: one[1])
    return Unusual(
        tuple(sentence for _, _, sentence in shown),
        len(days) - 1,
        int(np.count_nonzero(spoken[1:])),
        comparable,
        max(0, len(found) - MOST),
        tuple(not_compared),
    )


def _kinds(days: list[DayFigures], instance: str) -> dict[str, str]:
    """The kinds of an instance's datasets that have hours, of all days, by name."""
    return {
        name: one.kind
        for day in reversed(days)
        if (figures := day.instances.get(instance))
        for name, one in figures.datasets.items()
        if one.hours
    }


def _clock(day: DayFigures) -> list[int]:
    """The hours that the site's clock shows on a day, each once."""
    zone = ZoneInfo(day.timezone)
    seconds = range(day.start, day.end, 3600)
    return list(dict.fromkeys(dt.datetime.fromtimestamp(one, zone).hour for one in seconds))


def _spans(lacking: npt.NDArray[np.bool_], clock: list[int]) -> str:
    """Hours of a day as text: those that lack; " all day" if all do, nothing if none does."""
    if lacking.all():
        return " all day"
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lacking, [False]])))
    spans = [
        f"{clock[first]:02}:00 to {clock[last - 1] + 1:02}:00"
        for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    ]
    return f" {', '.join(spans)}" if spans else ""


def _table(days: list[DayFigures], instance: str, dataset: str) -> Float64:
    """Hours that were measured: float64 (days, 24), by the site's clock; NaN for others."""
    values = np.full((len(days), 24), np.nan)
    for row, day in enumerate(days):
        figures = day.instances.get(instance)
        one = figures.datasets.get(dataset) if figures else None
        if one is None:
            continue
        zone = ZoneInfo(day.timezone)
        for number, (value, share) in enumerate(zip(one.hours, one.hours_measured, strict=False)):
            if value is not None and share >= LEAST_MEASURED:
                second = day.start + 3600 * number
                values[row, dt.datetime.fromtimestamp(second, zone).hour] = value
    return values


def _judged(values: Float64, is_amount: bool, weekdays: npt.NDArray[np.int64]) -> Judged:
    """Which hours of each day are unusual."""
    levels = np.log2(1 + np.maximum(values, 0)) if is_amount else values
    found = judged(
        levels,
        weekdays >= SATURDAY,
        weekdays,
        least=np.log2(FACTOR) if is_amount else POINTS,
        deviations=DEVIATIONS,
    )
    return found._replace(middles=2.0**found.middles - 1) if is_amount else found


def _stretches(
    instance: str,
    dataset: str,
    values: Float64,
    found: Judged,
) -> Iterator[Stretch]:
    known = schemas.catalogue().get(dataset)
    is_amount = known is not None and known.kind == "delta"
    marks = found.marks[0]
    hour = 0
    while hour < 24:
        first = hour
        while hour < 24 and marks[hour] and marks[hour] == marks[first]:
            hour += 1
        if hour > first:
            here = slice(first, hour)
            join = np.nansum if is_amount else np.nanmean
            yield Stretch(
                instance,
                dataset,
                first,
                hour,
                bool(marks[first] > 0),
                float(join(values[here])),
                float(join(found.middles[here])),
                float(np.abs(found.scores[here]).max()),
            )
        else:
            hour += 1


def _sentence(one: Stretch, day: DayFigures) -> str:
    figures = day.instances[one.instance].datasets[one.dataset]
    known = schemas.catalogue().get(one.dataset)
    what = known.doc[0].lower() + known.doc[1:] if known else one.dataset
    value, usual = (quantities.quantity(amount, figures.unit) for amount in (one.value, one.usual))
    ratio = ""
    if figures.kind == "delta" and one.usual > 0 and one.value > 0:
        times = one.value / one.usual
        ratio = f", {times:.3g} times as much" if times > 1 else f", {100 * times:.2g} % of it"
    return (
        f"{one.instance}, {one.first:02}:00 to {one.last:02}:00: {what}: {value}, usually"
        f" {usual}{ratio}."
    )
