"""The first lines of the index are not greener than the last day, and the days before it."""

from __future__ import annotations

import datetime as dt

import pytest

from archive_tools.core.day import Day
from archive_tools.core.vocabulary import DayState
from archive_tools.reporting import last_day
from archive_tools.reporting.day_figures import (
    LAYOUT,
    DatasetFigures,
    DayFigures,
    FiguresOfDays,
    InstanceFigures,
)
from archive_tools.reporting.near_days import days_before
from archive_tools.store.status import State

LAST = dt.date(2026, 11, 22)
COMPLETE, FAILED = State(DayState.COMPLETE), State(DayState.FAILED, "no route to host")


def before(number: int) -> dt.date:
    return LAST - dt.timedelta(days=number)


def figures(date: dt.date, amount: float | None) -> DayFigures:
    day = Day(date, "UTC")
    one = DatasetFigures("bytes", "delta", 1, total=amount)
    if amount is not None:
        one = with_hours(one, amount)
    names = ("datatargets/readbytes", "datatargets/writebytes")
    instances = {"home": InstanceFigures("complete", datasets=dict.fromkeys(names, one))}
    return DayFigures(LAYOUT, date, "UTC", day.start, day.end, instances)


def with_hours(one: DatasetFigures, amount: float) -> DatasetFigures:
    one.hours[:] = [amount / 24] * 24
    one.hours_measured[:] = [1.0] * 24
    return one


@pytest.mark.parametrize(
    ("state", "look"), [(FAILED, "failed"), (State(DayState.PARTIAL, "40 %"), "partial")]
)
def test_days_before_that_are_not_complete_are_named(state: State, look: str) -> None:
    days = {before(number): {"home": COMPLETE, "scratch": COMPLETE} for number in range(7)}
    assert last_day.of_days_before(LAST, days) is None
    days[before(2)] = {"home": COMPLETE, "scratch": state}
    said = last_day.of_days_before(LAST, days)
    assert said == last_day.Said(
        f"Days before, not complete: {before(2)}: scratch {state.short}", look
    )
    assert last_day.of_last_day(LAST, days[LAST]).look == "complete"


def test_the_last_day_itself_and_later_ones_are_not_days_before() -> None:
    assert (
        last_day.of_days_before(LAST, {LAST: {"home": FAILED}, before(-1): {"home": FAILED}})
        is None
    )


def test_many_such_days_are_counted() -> None:
    days = {before(number): {"home": FAILED} for number in range(1, 7)}
    said = last_day.of_days_before(LAST, days)
    assert said
    assert f"{before(3)}: " in said.text
    assert f"{before(4)}: " not in said.text
    assert said.text.endswith("; and 3 days more, below")


def test_a_file_system_that_moved_nothing_is_not_green() -> None:
    days = {LAST: figures(LAST, 0.0)}
    said = last_day.of_amounts(LAST, FiguresOfDays(days))
    assert said == last_day.Said("Moved: home 0 B read, 0 B written.", "partial")


def test_what_was_unusual_is_said() -> None:
    days = {date: figures(date, 24e12) for date in days_before(LAST)} | {LAST: figures(LAST, 24e9)}
    said = last_day.of_amounts(LAST, FiguresOfDays(days))
    assert said
    assert said.look == "partial"
    assert said.more[0].startswith("Unusual: home, 00:00 to 24:00: bytes read")
    days[LAST] = figures(LAST, 24e12)
    said = last_day.of_amounts(LAST, FiguresOfDays(days))
    assert said
    assert (said.look, said.more) == ("", ())


def test_without_figures_nothing_is_said() -> None:
    assert last_day.of_amounts(LAST, FiguresOfDays({})) is None
    assert last_day.of_amounts(LAST, FiguresOfDays({LAST: figures(LAST, None)})) is None
