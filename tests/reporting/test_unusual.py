"""What is unusual on a day: injected events are found, ordinary days are silent."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from archive_tools.core.day import Day
from archive_tools.reporting.day_figures import (
    LAYOUT,
    DatasetFigures,
    DayFigures,
    Full,
    InstanceFigures,
    Moved,
    TargetSpeed,
)
from archive_tools.reporting.near_days import DAYS, days_before
from archive_tools.reporting.unusual import unusual

DATE = dt.date(2026, 11, 22)
READ, LOAD = "datatargets/readbytes", "dataservers/cpuload"


def day(
    date: dt.date, hours: np.ndarray, kind: str = "delta", zone: str = "UTC", share: float = 1.0
) -> DayFigures:
    span = Day(date, zone)
    name, unit = (READ, "bytes") if kind == "delta" else (LOAD, "%")
    one = DatasetFigures(unit, kind, 1, hours=hours.tolist(), hours_measured=[share] * len(hours))
    instances = {"fs": InstanceFigures("complete", datasets={name: one})}
    return DayFigures(LAYOUT, date, zone, span.start, span.end, instances)


def ordinary(number: int, seed: int = 1) -> np.ndarray:
    """Hours of a day: busier at noon, quieter on Saturdays and Sundays, within a factor of two."""
    date = DATE - dt.timedelta(days=number)
    random = np.random.default_rng([seed, number])
    shape = 1e12 * (1 + np.sin(np.arange(24) / 24 * np.pi))
    return shape * (0.5 if date.weekday() >= 5 else 1.0) * random.lognormal(0, 0.3, 24)


def month(seed: int = 1) -> dict[dt.date, DayFigures]:
    return {date: day(date, ordinary((DATE - date).days, seed)) for date in days_before(DATE)}


def test_hours_of_forty_times_the_bytes_are_said_with_time_and_usual_amount() -> None:
    hours = ordinary(0)
    hours[13:15] *= 40
    found = unusual(day(DATE, hours), month())
    (sentence,) = found.sentences
    assert sentence.startswith("fs, 13:00 to 15:00: bytes read from the data target: ")
    assert "times as much" in sentence
    assert (found.compared, found.is_comparable) == (DAYS, True)


def test_an_hour_of_nothing_is_unusual_and_an_hour_that_was_not_measured_is_not() -> None:
    hours = ordinary(0)
    hours[4] = 0
    assert "04:00 to 05:00" in unusual(day(DATE, hours), month()).sentences[0]
    assert unusual(day(DATE, hours, share=0.5), month()).sentences == ()


def test_what_was_not_measured_is_said_not_to_be_compared() -> None:
    hours = day(DATE, ordinary(0))
    figures = hours.instances["fs"].datasets[READ]
    figures.hours_measured[8:10] = [0.5, 0.0]
    figures.hours_measured[23] = 0.8
    assert unusual(hours, month()).not_compared == ("fs 08:00 to 10:00, 23:00 to 24:00",)
    assert unusual(day(DATE, ordinary(0)), month()).not_compared == ()


def test_a_source_that_failed_is_said_not_to_be_compared() -> None:
    failed = day(DATE, ordinary(0))
    failed.instances["fs"] = InstanceFigures("failed")
    assert unusual(failed, month()).not_compared == ("fs all day",)
    assert unusual(failed, {}).not_compared == ()


def test_an_hour_that_the_clock_leaves_out_is_not_one_that_lacks() -> None:
    """In the United States on the second Sunday of March."""
    date, zone = dt.date(2026, 3, 8), "America/Los_Angeles"
    before = {one: day(one, ordinary(0), zone=zone) for one in days_before(date)}
    assert unusual(day(date, ordinary(0)[:23], zone=zone), before).not_compared == ()


def test_ordinary_days_are_nearly_all_silent() -> None:
    """Of 200 days of noise, 4,800 hours, at most 3 % say something."""
    said = sum(
        len(unusual(day(DATE, ordinary(0, seed)), month(seed)).sentences) for seed in range(200)
    )
    assert said <= 6


def test_how_often_the_rule_spoke_before_is_counted() -> None:
    before = month()
    for number in (3, 9):
        wild = ordinary(number)
        wild[2] *= 100
        before[DATE - dt.timedelta(days=number)] = day(DATE - dt.timedelta(days=number), wild)
    found = unusual(day(DATE, ordinary(0)), before)
    assert (found.sentences, found.chance) == ((), 2)


def test_what_every_sunday_has_is_usual_on_a_sunday() -> None:
    before = month()
    for weeks in (1, 2, 3, 4):
        backup = ordinary(7 * weeks)
        backup[1] *= 50
        date = DATE - dt.timedelta(weeks=weeks)
        before[date] = day(date, backup)
    hours = ordinary(0)
    hours[1] *= 50 * 0.5
    assert unusual(day(DATE, hours), before).sentences == ()


@pytest.mark.parametrize("known", [0, 5, 13])
def test_too_few_days_compare_nothing(known: int) -> None:
    before = dict(list(month().items())[:known])
    hours = ordinary(0) * 1000
    found = unusual(day(DATE, hours), before)
    assert (found.sentences, found.is_comparable, found.compared) == ((), False, known)


def test_a_load_is_compared_by_points_and_not_by_factors() -> None:
    before = {
        date: day(date, np.full(24, 2.0 + (DATE - date).days % 3), "gauge")
        for date in days_before(DATE)
    }
    assert unusual(day(DATE, np.full(24, 12.0), "gauge"), before).sentences == ()
    (sentence,) = unusual(day(DATE, np.full(24, 60.0), "gauge"), before).sentences
    assert "60 %, usually 3 %" in sentence


@pytest.mark.parametrize("date", [dt.date(2026, 3, 29), dt.date(2026, 10, 25)])
def test_days_of_23_and_25_hours_are_compared_by_the_clock(date: dt.date) -> None:
    zone = "Europe/Berlin"
    count = (Day(date, zone).end - Day(date, zone).start) // 3600
    before = {one: day(one, np.arange(1.0, 25.0) * 1e12, zone=zone) for one in days_before(date)}
    clock = [hour for hour in range(24) if count == 25 or hour != 2]
    clock = sorted([*clock, 2]) if count == 25 else clock
    today = day(date, np.array([(hour + 1) * 1e12 for hour in clock]), zone=zone)
    assert unusual(today, before).sentences == ()


# Users, targets


def of(date: dt.date, **fields: object) -> DayFigures:
    span = Day(date, "UTC")
    instances = {"fs": InstanceFigures("complete", **fields)}  # type: ignore[arg-type]
    return DayFigures(LAYOUT, date, "UTC", span.start, span.end, instances)


def said(today: DayFigures, before: dict[dt.date, DayFigures]) -> tuple[str, ...]:
    return unusual(today, before).sentences


def users(number: int, **amounts: int) -> list[Moved]:
    """Amounts in GiB, a little different each day."""
    return [
        Moved(one, 1, (amount * 2**30) * (8 + number % 5) // 8, 0)
        for one, amount in amounts.items()
    ]


def test_a_user_with_ten_times_the_bytes_is_named_and_one_with_three_times_is_not() -> None:
    before = {
        date: of(date, users=users(number, ann=100, ben=50))
        for number, date in enumerate(days_before(DATE))
    }
    (sentence,) = said(of(DATE, users=users(0, ann=1000, ben=50)), before)
    assert sentence.startswith("fs: user ann moved 1,000.0 GiB, usually 125.0 GiB or less, 8 times")
    assert said(of(DATE, users=users(0, ann=300, ben=50)), before) == ()


def test_a_user_who_was_not_among_the_listed_moved_no_more_than_the_last_of_them() -> None:
    listed = {f"user{n}": 100 + n for n in range(10)}
    before = {
        date: of(date, users=users(number, **listed))
        for number, date in enumerate(days_before(DATE))
    }
    (sentence,) = said(of(DATE, users=users(0, new=2000, **listed)), before)
    assert "user new moved 2.0 TiB, usually 125.0 GiB or less" in sentence
    assert said(of(DATE, users=users(0, new=150, **listed)), before) == ()


def levels(**used: float) -> dict[str, dict[str, Full]]:
    return {"fullness/bytes": {name: Full(one, 100.0) for name, one in used.items()}}


def test_a_target_that_fills_faster_than_targets_do_is_named_each_day() -> None:
    before = {
        date: of(date, fullness=levels(a=50 - number / 10, b=60 - number / 10))
        for number, date in enumerate(days_before(DATE))
    }
    (sentence,) = said(of(DATE, fullness=levels(a=50.1, b=66.0)), before)
    assert sentence == (
        "fs: b filled by 6.0 points to 66 %, targets usually by 0.1 a day; at this pace it is full"
        " in 6 days."
    )
    yesterday = DATE - dt.timedelta(days=1)
    before[yesterday] = of(yesterday, fullness=levels(a=50, b=60))
    later = {**before, DATE: of(DATE, fullness=levels(a=50.1, b=66.0))}
    tomorrow = DATE + dt.timedelta(days=1)
    assert "to 72 %" in said(of(tomorrow, fullness=levels(a=50.2, b=72.0)), later)[0]
    larger = {"fullness/bytes": {"b": Full(66.0, 200.0)}}
    assert said(of(DATE, fullness=larger), before) == (), "its size is another"


@pytest.mark.parametrize(("days", "is_unusual"), [(0, True), (3, True), (20, False)])
def test_a_slow_target_is_unusual_unless_it_mostly_is(days: int, is_unusual: bool) -> None:
    fast = [TargetSpeed("a", "read", 0.95, 12, -2.0)]
    slow = [TargetSpeed("b", "read", 0.5, 12, -8.0), *fast]
    slow += [TargetSpeed("b", "written", 0.6, 11, -7.0)]
    before = {
        date: of(date, target_speeds=slow if number < days else fast)
        for number, date in enumerate(days_before(DATE))
    }
    found = unusual(of(DATE, target_speeds=slow), before)
    sentence = (
        "fs: b read at 50 % and written at 60 % of the speed of the median target in 12 and"
        " 11 hours under load."
    )
    assert found.sentences == ((sentence,) if is_unusual else ())
    assert found.chance == (days if is_unusual else 0)
