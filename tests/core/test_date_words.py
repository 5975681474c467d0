"""Words for days, against a calendar; both command lines take them."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tools.cli import common_options
from archive_tools.cli.main import PROGRAM
from archive_tools.core import date_words, time_texts
from pipeline.cli.main import PROGRAM as PIPELINE

TODAY = dt.date(2026, 11, 26)
"""A Thursday."""


def span(start: str, stop: str | None = None, today: dt.date = TODAY) -> tuple[str, str]:
    first, last = date_words.resolved(
        date_words.parse_when(start),
        None if stop is None else date_words.parse_when(stop),
        "UTC",
        today,
    )
    return str(first), str(last)


@pytest.mark.parametrize(
    ("word", "first", "last"),
    [
        ("today", "2026-11-26", "2026-11-26"),
        ("yesterday", "2026-11-25", "2026-11-25"),
        ("last-week", "2026-11-16", "2026-11-22"),
        ("last-month", "2026-10-01", "2026-10-31"),
        ("2026-11", "2026-11-01", "2026-11-30"),
        ("2028-02", "2028-02-01", "2028-02-29"),
        ("2026-12", "2026-12-01", "2026-12-31"),
        ("2026-W47", "2026-11-16", "2026-11-22"),
        ("2026-W53", "2026-12-28", "2027-01-03"),
        ("-1d", "2026-11-25", "2026-11-25"),
        ("-7d", "2026-11-19", "2026-11-25"),
        (" -7d", "2026-11-19", "2026-11-25"),
    ],
)
def test_a_word_alone_is_all_of_its_days(word: str, first: str, last: str) -> None:
    assert span(word) == (first, last)


def test_a_start_is_the_first_day_of_a_word_and_a_stop_the_last() -> None:
    assert span("2026-10", "2026-11") == ("2026-10-01", "2026-11-30")
    assert span("last-month", "yesterday") == ("2026-10-01", "2026-11-25")
    assert span("-14d", "-7d") == ("2026-11-12", "2026-11-19")
    assert span("-14d", "2026-11-20") == ("2026-11-12", "2026-11-20")


def test_last_month_of_january_is_december_and_last_week_of_a_monday_the_one_before() -> None:
    assert span("last-month", today=dt.date(2027, 1, 31)) == ("2026-12-01", "2026-12-31")
    assert span("last-month", today=dt.date(2026, 3, 31)) == ("2026-02-01", "2026-02-28")
    assert span("last-week", today=dt.date(2026, 11, 23)) == ("2026-11-16", "2026-11-22")
    assert span("last-week", today=dt.date(2026, 11, 22)) == ("2026-11-09", "2026-11-15")


@given(st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1)))
def test_words_agree_with_the_calendar_on_every_day(today: dt.date) -> None:
    first, last = map(dt.date.fromisoformat, span("last-week", today=today))
    assert (first.weekday(), (last - first).days) == (0, 6)
    assert 1 <= (today - last).days <= 7
    year, week, _ = first.isocalendar()
    assert span(f"{year}-W{week:02}") == (str(first), str(last))
    first, last = map(dt.date.fromisoformat, span("last-month", today=today))
    assert last + dt.timedelta(days=1) == today.replace(day=1)
    assert span(f"{first:%Y-%m}") == (str(first), str(last))


@pytest.mark.parametrize("text", ["2026-11-22", "2026-11-22T07:50:00", "2026-11-22T07:50:00Z"])
def test_dates_and_times_of_iso_8601_are_what_they_were(text: str) -> None:
    assert date_words.parse_when(text) == time_texts.parse_time(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "soon", "Yesterday", "last_week", "2026", "2026-13", "2026-00", "2026-1"),
        *("2026-W00", "2026-W54", "2025-W53", "2026W47", "-0d", "-d", "-7", "7d", "-7h", "--7d"),
        *("-999999d", "9999-12", "0001-01", "9998-W99", "2026-11-31", "２０２６-11", "-٧d"),
        *("yesterday today", "2026-11\x1b[31m", "2026-W47T07:50", "x" * 10_000),
    ],
)
def test_other_texts_are_refused_with_examples_and_nothing_that_a_terminal_obeys(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for program, command in (
        (PROGRAM, ["jobs", f"--start={text}"]),
        (PIPELINE, ["backfill", f"--start={text}"]),
    ):
        with pytest.raises(SystemExit) as raised:
            program.parsed(command)
        assert raised.value.code == 2
        said = capsys.readouterr().err
        assert "2026-11-22, " in said
        assert "last-week" in said
        assert "\x1b" not in said
        assert len(said) < 5000


@pytest.mark.parametrize(
    "arguments", [["-7d"], ["--start", "-7d"], ["--start=-7d"], ["-7d", "--limit", "3"]]
)
def test_days_back_are_not_taken_for_an_option(arguments: list[str]) -> None:
    _, options = PROGRAM.parsed(["jobs", *arguments])
    start, stop = common_options.given_range(options)
    assert isinstance(start, date_words.DateWord)
    assert stop is None
    yesterday = date_words.today_at("UTC") - dt.timedelta(days=1)
    assert common_options.dates_between(start, stop, "UTC") == (
        yesterday - dt.timedelta(days=6),
        yesterday,
    )


def test_both_ends_may_be_days_back() -> None:
    _, options = PROGRAM.parsed(["summarize", "scratch", "-14d", "-7d"])
    first, last = common_options.dates_between(*common_options.given_range(options), "UTC")
    assert (last - first).days == 7


def test_today_is_that_of_the_sites_time_zone() -> None:
    east, west = (date_words.today_at(zone) for zone in ("Etc/GMT-14", "Etc/GMT+12"))
    assert (east - west).days in (1, 2)
    first, _ = date_words.resolved(date_words.parse_when("today"), None, "Etc/GMT-14")
    assert first in (east, east + dt.timedelta(days=1))


def test_a_week_is_not_a_time() -> None:
    with pytest.raises(ValueError, match="week"):
        time_texts.parse_time("2026-W47")
