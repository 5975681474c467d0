from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from archive_tools.core.day import Day
from archive_tools.core.findings import Findings
from archive_tools.core.grid import Grid
from pipeline.model import Samples


@pytest.mark.parametrize(
    ("date", "zone", "hours"),
    [
        ((2026, 3, 8), "America/Los_Angeles", 23),
        ((2026, 11, 1), "America/Los_Angeles", 25),
        ((2026, 7, 1), "America/Los_Angeles", 24),
        ((2026, 10, 25), "Europe/Berlin", 25),
        ((2026, 11, 22), "UTC", 24),
    ],
)
def test_a_day_has_as_many_hours_as_its_zone_says(
    date: tuple[int, int, int], zone: str, hours: int
) -> None:
    day = Day(dt.date(*date), zone)
    assert day.end - day.start == hours * 3600
    assert day.rows(5) == hours * 720
    stamps = day.timestamps(5)
    assert stamps[0] == day.start
    assert stamps[-1] == day.end - 5


def test_half_hour_change_of_clocks_rounds_up() -> None:
    day = Day(dt.date(2026, 4, 5), "Australia/Lord_Howe")  # 24.5 hours
    assert day.end - day.start == 88_200
    assert day.rows(3600) == 25


def test_start_does_not_depend_on_the_hosts_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    expected = Day(dt.date(2018, 1, 28), "America/Los_Angeles").start
    assert expected == 1517126400
    for zone in ("Asia/Tokyo", "UTC"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert Day(dt.date(2018, 1, 28), "America/Los_Angeles").start == expected
    monkeypatch.undo()
    time.tzset()


def test_template() -> None:
    assert (
        Day(dt.date(2026, 1, 2)).expand("/logs/%Y/%-m/%-d/x_%Y-%m-%d")
        == "/logs/2026/1/2/x_2026-01-02"
    )


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="one length"):
        Samples("a/b", np.zeros(2, np.int64), np.zeros(3, np.int32), np.zeros(2), ("x",))
    with pytest.raises(ValueError, match="columns"):
        Grid("a/b", ("x", "y"), 0, 5, np.zeros((3, 1)))
    with pytest.raises(ValueError, match="unique"):
        Grid("a/b", ("x", "x"), 0, 5, np.zeros((3, 2)))


def test_findings_keep_no_zeros() -> None:
    findings = Findings()
    findings.add("resets", 0)
    findings.add("resets", 2, "a/b", "why")
    findings.add("resets", 1)
    assert [str(f) for f in findings] == ["resets: 1", "resets: 2 in a/b (why)"]
    assert findings.total("resets") == 3
