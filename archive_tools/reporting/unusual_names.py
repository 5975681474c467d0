"""Users, targets and their fullness that are unusual on a day, by the day's figures and those of
the days before. Pure.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from archive_tools.core import quantities
from archive_tools.reporting.day_figures import (
    DayFigures,
    InstanceFigures,
    TargetSpeed,
    speed_words,
)
from archive_tools.reporting.judging import LEAST_DAYS, deviation, judged

USER_DEVIATIONS, USER_FACTOR = 4.0, 4.0
"""How far above the median of its days a user is unusual: in robust standard deviations, and by
this factor.
"""
LISTED = 10
"""Users that a day's figures have at most: who is not among so many moved no more than the last."""
FILL_DEVIATIONS, FILL_POINTS = 6.0, 1.0
"""How far above what targets usually fill in a day one is unusual: in robust standard deviations,
and by so many per cent points.
"""
BYTES = "fullness/bytes"
Days = Sequence[DayFigures]


class Named(NamedTuple):
    """What a rule says.

    Attributes
    ----------
    spoken : bool (days,)
        On which days it says something; the first is the day that is judged.
    sentences : list of (float, str)
        Of the first day; the larger the number, the farther from the usual.
    is_comparable : bool
        Whether there was enough to compare with.
    """

    spoken: npt.NDArray[np.bool_]
    sentences: list[tuple[float, str]]
    is_comparable: bool


def found_of(days: Days) -> Iterator[Named]:
    """What all rules say.

    Parameters
    ----------
    days : sequence of DayFigures
        The day that is judged, then those before, newest first.
    """
    rules: tuple[Callable[[str, Days], Named], ...] = (_users, _slow_targets, _filling)
    for instance in days[0].instances:
        for rule in rules:
            yield rule(instance, days)


def _of(day: DayFigures, instance: str) -> InstanceFigures | None:
    return day.instances.get(instance)


def _users(instance: str, days: Days) -> Named:
    """Users whose logs moved far more than on other days."""
    amounts = [_moved(_of(day, instance)) for day in days]
    names = sorted({name for one in amounts if one for name in one if name})
    values = np.array(
        [[one.get(name, one[""]) if one else np.nan for name in names] for one in amounts]
    ).reshape(len(days), -1)
    levels = np.log2(1 + values)
    alike = np.zeros(len(days), np.int64)
    found = judged(levels, alike > 0, alike, least=np.log2(USER_FACTOR), deviations=USER_DEVIATIONS)
    sentences = []
    for place in np.flatnonzero(found.marks[0] > 0).tolist():
        usual = 2.0 ** found.middles[place] - 1
        value = float(values[0, place])
        times = f", {value / usual:.3g} times as much" if usual >= 1 else ""
        sentences.append(
            (
                float(found.scores[place]),
                f"{instance}: user {names[place]} moved {quantities.quantity(value, 'bytes')},"
                f" usually {quantities.quantity(float(usual), 'bytes')} or less{times}.",
            )
        )
    spoken = np.array([bool((row > 0).any()) for row in found.marks])
    return Named(spoken, sentences, bool(found.known.any()))


def _moved(figures: InstanceFigures | None) -> dict[str, float] | None:
    """Bytes by user, and as "" what the others moved at most; None where nobody knows."""
    if figures is None or not figures.users:
        return None
    amounts = {one.name: float(one.read + one.written) for one in figures.users}
    rest = min(amounts.values()) if len(figures.users) >= LISTED else 0.0
    return amounts | {"": rest}


def _slow_targets(instance: str, days: Days) -> Named:
    """Targets that were slow, and were not on most of the days before."""
    slow = [
        _slow_by_name(figures.target_speeds) if figures else {}
        for figures in (_of(day, instance) for day in days)
    ]
    known = sum(1 for day in days[1:] if (one := _of(day, instance)) and one.target_speeds)
    often = {
        name for day in slow for name in day if sum(name in one for one in slow[1:]) > known / 2
    }
    sentences = [
        (
            -speeds[0].score,
            f"{instance}: {speed_words(speeds, lambda share: f'{100 * share:.0f} %')}.",
        )
        for name, speeds in slow[0].items()
        if known >= LEAST_DAYS and name not in often
    ]
    spoken = np.array([known >= LEAST_DAYS and bool(day.keys() - often) for day in slow])
    return Named(spoken, sentences, known >= LEAST_DAYS)


def _slow_by_name(speeds: Iterable[TargetSpeed]) -> dict[str, list[TargetSpeed]]:
    """The directions in which each target was slow, the surest first."""
    found: dict[str, list[TargetSpeed]] = {}
    for one in speeds:
        if one.is_slow:
            found.setdefault(one.name, []).append(one)
    return found


def _filling(instance: str, days: Days) -> Named:
    """Targets that filled far more in a day than targets usually do."""
    filled = [_filled(instance, day, days) for day in days]
    usual = np.array([value for one in filled[1:] for value in one.values()])
    nothing = Named(np.zeros(len(days), bool), [], False)
    if sum(1 for one in filled[1:] if one) < LEAST_DAYS:
        return nothing
    middle = float(np.median(usual))
    spread = deviation(usual, middle)
    above = max(FILL_DEVIATIONS * spread, FILL_POINTS)
    sentences = []
    for name, points in filled[0].items():
        if points - middle >= above:
            figures = _of(days[0], instance)
            percent = figures.fullness[BYTES][name].percent if figures else 0.0
            left = max(0.0, 100 - percent) / points
            sentences.append(
                (
                    (points - middle) / (above / FILL_DEVIATIONS),
                    f"{instance}: {name} filled by {points:.1f} points to {percent:.0f} %, targets"
                    f" usually by {middle + 0.0:.1f} a day; at this pace it is full in"
                    f" {quantities.counted(round(left), 'day')}.",
                )
            )
    spoken = np.array([any(one - middle >= above for one in day.values()) for day in filled])
    return Named(spoken, sentences, True)


def _filled(instance: str, day: DayFigures, days: Days) -> dict[str, float]:
    """By how many points each target filled since the day before, where its size is the same."""
    yesterday = day.date - dt.timedelta(days=1)
    now, before = (
        figures.fullness.get(BYTES, {}) if figures else {}
        for figures in (
            _of(day, instance),
            next((_of(one, instance) for one in days if one.date == yesterday), None),
        )
    )
    return {
        name: full.percent - before[name].percent
        for name, full in now.items()
        if name in before and full.total > 0 and before[name].total == full.total
    }
