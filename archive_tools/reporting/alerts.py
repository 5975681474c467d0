"""Alerts: what of a day is beyond a threshold that the site set, from the day's figures and
receipts alone.

A rule that cannot be evaluated is unknown and says why; it is never quiet for want of data. The
result of a nightly run is kept in the day's folder, with the rules that it had.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from archive_tools.core.printable import clean
from archive_tools.core.quantities import counted, quantity
from archive_tools.core.trend import slopes_of_pairs
from archive_tools.core.vocabulary import (
    AlertKind,
    AlertState,
    DayState,
    Product,
    ReceiptState,
    Severity,
)
from archive_tools.formats.alerts_file import Alert
from archive_tools.reporting.day_figures import (
    FiguresOfDays,
    Full,
    InstanceFigures,
    TargetSpeed,
    read_day_figures,
    speed_words,
)
from archive_tools.store.receipt_content import DamagedReceipt
from archive_tools.store.receipts import DayReceipts, Receipts

GROWTH_DAYS = 28
"""Days by which growth is judged, and in which an instance must have had what a rule looks at."""
RECENT_DAYS = 7
"""A target that was measured so many days ago is expected."""
LEAST_DAYS = 7
"""Days with figures without which growth is not known."""
MOST = 10
"""Users that a day's figures have at most."""


class Rule(msgspec.Struct, frozen=True):
    """A row of ``alerts`` in site.json.

    Attributes
    ----------
    name : str
    kind : AlertKind
    threshold : float
        In the kind's unit; see `AlertKind`.
    where : str
        Shell pattern of instances.
    components : str
        Shell pattern of targets or users.
    dataset : str
        Of fullness and growth.
    """

    name: str
    kind: AlertKind
    threshold: float
    where: str = "*"
    components: str = "*"
    dataset: str = "fullness/bytes"


@dataclass(frozen=True)
class _Found:
    """A value of one component, None where it is not known; `sentence` says it without the
    threshold.
    """

    value: float | None
    sentence: str
    component: str = ""
    is_beyond: bool | None = None


class _NotKnownError(Exception):
    """Why a rule cannot be evaluated."""


@dataclass(frozen=True)
class _Day:
    """What rules look at."""

    date: dt.date
    figures: FiguresOfDays
    receipts: DayReceipts

    def of(self, instance: str) -> InstanceFigures:
        """The day's figures of an instance."""
        if self.date in self.figures.damaged:
            raise _NotKnownError(f"the day's figures: {self.figures.damaged[self.date]}")
        day = self.figures.days.get(self.date)
        if day is None:
            raise _NotKnownError("the day has no figures")
        if instance not in day.instances:
            raise _NotKnownError("the day's figures do not have it")
        return day.instances[instance]

    def earlier(self, instance: str) -> Iterator[tuple[dt.date, InstanceFigures]]:
        """The figures of an instance of all days that are looked at, oldest first."""
        for date, day in self.figures.days.items():
            if instance in day.instances:
                yield date, day.instances[instance]


def evaluate(root: Path, date: dt.date, rules: Sequence[Rule]) -> list[Alert]:
    """What the rules say of a day.

    Parameters
    ----------
    root : pathlib.Path
        The archive.
    date : datetime.date
    rules : sequence of Rule

    Returns
    -------
    list of Alert
        In the order of the rules: each target, user or instance that is beyond the threshold, else
        one that is quiet for each instance; and what is not known, with the reason.
    """
    back = min(GROWTH_DAYS - 1, (date - dt.date.min).days)
    dates = [date - dt.timedelta(days=n) for n in range(back, -1, -1)]
    day = _Day(date, read_day_figures(root, dates), Receipts(root).day(date).read())
    return [alert for rule in rules for alert in _evaluated(rule, day)]


def _evaluated(rule: Rule, day: _Day) -> Iterator[Alert]:
    known = {name for one in day.figures.days.values() for name in one.instances}
    known |= {one.instance for one in day.receipts.all if not one.instance.startswith("_")}
    there = sorted(name for name in known if fnmatch.fnmatchcase(name, rule.where))
    concerned = [name for name in there if _LOOKS_AT[rule.kind](rule, day, name)]
    if not concerned:
        why = f"no instance {rule.where} has what it looks at in {GROWTH_DAYS} days"
        yield _alert(rule, "", AlertState.UNKNOWN, sentence=why)
    empty = {one.instance for one in day.receipts.all if one.state == ReceiptState.EMPTY}
    for instance in concerned:
        if instance in empty:
            yield _alert(rule, instance, AlertState.QUIET, sentence="the day is marked as empty")
            continue
        try:
            yield from _of_instance(rule, instance, list(_VALUES[rule.kind](rule, day, instance)))
        except _NotKnownError as error:
            yield _alert(rule, instance, AlertState.UNKNOWN, sentence=str(error))


def _of_instance(rule: Rule, instance: str, found: Sequence[_Found]) -> Iterator[Alert]:
    chosen = [one for one in found if _is_chosen(rule, one)]
    if not chosen:
        raise _NotKnownError(f"nothing of {rule.components} was measured")
    known = [(one.value, one) for one in chosen if one.value is not None]
    beyond = [one for value, one in known if _is_beyond(rule, one, value)]
    sign = -1 if rule.kind in BELOW else 1
    worst = [one for _, one in sorted(known, key=lambda both: -sign * both[0])[:1]]
    for one in beyond or worst:
        state = AlertState.FIRING if beyond else AlertState.QUIET
        yield _alert(rule, instance, state, one.component, one.value, one.sentence)
    for one in chosen:
        if one.value is None:
            yield _alert(rule, instance, AlertState.UNKNOWN, one.component, None, one.sentence)


def _is_chosen(rule: Rule, found: _Found) -> bool:
    return not found.component or fnmatch.fnmatchcase(found.component, rule.components)


def _is_beyond(rule: Rule, found: _Found, value: float) -> bool:
    if found.is_beyond is not None:
        return found.is_beyond
    return value < rule.threshold if rule.kind in BELOW else value > rule.threshold


def _alert(
    rule: Rule,
    instance: str,
    state: AlertState,
    component: str = "",
    value: float | None = None,
    sentence: str = "",
) -> Alert:
    finite = value if value is not None and math.isfinite(value) else None
    return Alert(
        rule.name, rule.kind, state, instance, component, finite, rule.threshold, clean(sentence)
    )


# The kinds

BELOW = (AlertKind.GROWTH, AlertKind.SLOW_TARGET)
"""Kinds that are beyond their threshold below it."""
MOST_SLOW = 5
"""Target speeds that a day's figures have at most."""
SAME_SIZE = 0.05
"""By how much of it the size of a target may differ that is the same: some file systems report a
size that changes a little.
"""


def _fullness(rule: Rule, day: _Day, instance: str) -> Iterator[_Found]:
    for target, full in day.of(instance).fullness.get(rule.dataset, {}).items():
        if full.total > 0:
            yield _Found(full.percent, f"{target} is {full.percent:.1f} % full", target)
        else:
            yield _Found(None, f"{target} reports no size", target)
    for name in _not_measured(rule, day, instance):
        yield _Found(None, f"{name} was not measured", name)


def _not_measured(rule: Rule, day: _Day, instance: str) -> list[str]:
    """Targets that were measured in the last days, and not on this one."""
    recent = day.date - dt.timedelta(days=min(RECENT_DAYS, (day.date - dt.date.min).days))
    before = {
        name
        for date, figures in day.earlier(instance)
        if date >= recent
        for name in figures.fullness.get(rule.dataset, {})
        if fnmatch.fnmatchcase(name, rule.components)
    }
    return sorted(before - set(day.of(instance).fullness.get(rule.dataset, {})))


def _growth(rule: Rule, day: _Day, instance: str) -> Iterator[_Found]:
    """By Theil's and Sen's slope of the bytes in use, as `growth`, of fewer days: those on which
    the same targets were measured.
    """
    now = day.of(instance).fullness.get(rule.dataset, {})
    names = {name for name in now if fnmatch.fnmatchcase(name, rule.components)}
    points = [
        (date.toordinal(), sum(full[name].used for name in names))
        for date, figures in day.earlier(instance)
        for full in [figures.fullness.get(rule.dataset, {})]
        if names <= set(full) and all(_is_as_large(full[name], now[name]) for name in names)
    ]
    if absent := _not_measured(rule, day, instance):
        raise _NotKnownError(f"{absent[0]} was not measured")
    if not names or len(points) < LEAST_DAYS:
        few = counted(len(points) if names else 0, "day")
        raise _NotKnownError(
            f"{few} of the last {GROWTH_DAYS} with the same targets, at least {LEAST_DAYS} needed"
        )
    dates, used = np.array(points, np.float64).T
    slope = float(np.median(slopes_of_pairs(dates, used)))
    left = sum(now[name].total - now[name].used for name in names)
    days = left / slope if slope > 0 else math.inf
    said = f"full in {days:.0f} days" if slope > 0 else "it does not grow"
    yield _Found(days, f"{said}, by {counted(len(points), 'day')}")


def _is_as_large(one: Full, other: Full) -> bool:
    return abs(one.total - other.total) <= SAME_SIZE * other.total


def _slow_target(rule: Rule, day: _Day, instance: str) -> Iterator[_Found]:
    found = day.of(instance).target_speeds
    if not found:
        raise _NotKnownError("no targets were compared: too few, or too few hours under load")
    targets: dict[str, list[TargetSpeed]] = {}
    for one in sorted(found, key=lambda one: (not one.is_sure, one.share)):
        targets.setdefault(one.name, []).append(one)
    for name, speeds in targets.items():
        beyond = [one for one in speeds if one.share < rule.threshold and one.is_sure]
        sentence = speed_words(beyond or speeds[:1], "{:.2f}".format)
        yield _Found(speeds[0].share, sentence, name, bool(beyond))
    if len(found) >= MOST_SLOW and found[-1].is_sure and rule.components != "*":
        yield _Found(None, f"only the {MOST_SLOW} surest are known")
    else:
        yield _Found(1.0, "no other target was surely slower", is_beyond=False)


def _missing(rule: Rule, day: _Day, instance: str) -> Iterator[_Found]:
    content = _content(day, instance)
    percent = content.get("percent")
    if not isinstance(percent, int | float):
        raise _NotKnownError("the day has no file of series, or its receipt does not say how whole")
    missing = 100.0 - percent
    yield _Found(missing, f"{missing:.1f} % of the expected cells were not measured")


def _user(rule: Rule, day: _Day, instance: str) -> Iterator[_Found]:
    figures = day.of(instance)
    if _is_bad(figures.state):
        raise _NotKnownError(f"the day is {figures.state}")
    for one in figures.users:
        moved = float(one.read + one.written)
        yield _Found(moved, f"{one.name} moved {quantity(moved, 'bytes')}", one.name or "unknown")
    rest = figures.users[-1] if len(figures.users) >= MOST else None
    most = float(rest.read + rest.written) if rest else 0.0
    if most > rule.threshold and rule.components != "*":
        yield _Found(None, f"only the {MOST} users that moved most are known")
    else:
        said = f"no other user moved more than {quantity(most, 'bytes')}"
        yield _Found(most, said, is_beyond=False)


def _errors(rule: Rule, day: _Day, instance: str) -> Iterator[_Found]:
    state = day.of(instance).state
    if _is_bad(state):
        yield _Found(math.inf, f"the day is {state}", is_beyond=True)
        return
    counts = _content(day, instance).get("counts", {})
    rejects = counts.get("rejects", 0) if isinstance(counts, Mapping) else 0
    yield _Found(float(rejects), f"{counted(int(rejects), 'log')} rejected, the day is {state}")


def _is_bad(state: str) -> bool:
    """Whether a day's state needs a person; a word that this version does not know does."""
    known = next((one for one in DayState if one == state), DayState.FAILED)
    return known.severity is Severity.BAD


def _content(day: _Day, instance: str) -> Mapping[str, object]:
    """What the receipt of the day's file of series says."""
    receipt = day.receipts.good(instance, Product.TTS)
    try:
        return day.receipts.content(receipt) if receipt else {}
    except DamagedReceipt as error:
        raise _NotKnownError(f"a receipt cannot be read: {error.reason}") from error


_VALUES: Mapping[AlertKind, Callable[[Rule, _Day, str], Iterable[_Found]]] = {
    AlertKind.FULLNESS: _fullness,
    AlertKind.GROWTH: _growth,
    AlertKind.SLOW_TARGET: _slow_target,
    AlertKind.MISSING: _missing,
    AlertKind.USER: _user,
    AlertKind.ERRORS: _errors,
}


def _has_fullness(rule: Rule, day: _Day, instance: str) -> bool:
    return any(rule.dataset in one.fullness for _, one in day.earlier(instance))


def _has_targets(rule: Rule, day: _Day, instance: str) -> bool:
    return any(one.target_speeds for _, one in day.earlier(instance))


def _has_logs(rule: Rule, day: _Day, instance: str) -> bool:
    return any(one.users for _, one in day.earlier(instance))


def _is_measured(rule: Rule, day: _Day, instance: str) -> bool:
    """Of logs nobody knows which cells are expected; file systems have none."""
    is_file_system = any(one.fullness or one.slow_targets for _, one in day.earlier(instance))
    return is_file_system or not _has_logs(rule, day, instance)


def _is_any(rule: Rule, day: _Day, instance: str) -> bool:
    return True


_LOOKS_AT: Mapping[AlertKind, Callable[[Rule, _Day, str], bool]] = {
    AlertKind.FULLNESS: _has_fullness,
    AlertKind.GROWTH: _has_fullness,
    AlertKind.SLOW_TARGET: _has_targets,
    AlertKind.MISSING: _is_measured,
    AlertKind.USER: _has_logs,
    AlertKind.ERRORS: _is_any,
}
"""Whether an instance has what a kind looks at, on any of the days."""
