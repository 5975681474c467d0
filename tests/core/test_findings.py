"""A finding is a sentence with a time and names, whatever the order in which it was made."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from archive_tools.core.cells import MOST_EVENTS, Axes, samples_event
from archive_tools.core.day import Day
from archive_tools.core.findings import MOST_COMPONENTS, Event, Findings

EIGHT = 1795334400
"""2026-11-22T08:00:00Z."""
READ, WRITE = "datatargets/readbytes", "datatargets/writebytes"
Adding = Callable[[Findings], None]


def test_a_finding_names_components_and_times() -> None:
    findings = Findings()
    findings.add("resets", 2, READ, components=("OST10", "OST2"), span=(EIGHT, EIGHT + 5))
    assert findings.sentences() == [
        f"resets: 2 in {READ}, of OST2, OST10, from 2026-11-22T08:00:00Z to 2026-11-22T08:00:05Z"
    ]
    (event,) = findings.events()
    assert event.sentence("America/Los_Angeles").endswith(
        "from 2026-11-22T00:00:00-08:00 to 2026-11-22T00:00:05-08:00"
    )


def test_a_finding_has_the_clock_of_its_day_for_people() -> None:
    findings = Findings()
    findings.add(
        "resets", 2, READ, "{amount} lost", 3.0, components=("a",), span=(EIGHT, EIGHT + 5)
    )
    (event,) = findings.events()
    day = Day(dt.date(2026, 11, 22), "America/Los_Angeles")
    assert event.words(day) == f"resets: 2 in {READ}, of a, 00:00 to 00:00:05 (3 lost)"


def test_a_clock_has_dates_of_other_days_and_zones_where_clocks_change() -> None:
    day = Day(dt.date(2026, 10, 25), "Europe/Berlin")  # of 25 hours
    assert [day.clock(day.start + hour * 3600) for hour in (0, 2, 3, 4)] == [
        "00:00 CEST",
        "02:00 CEST",
        "02:00 CET",
        "03:00 CET",
    ]
    day = Day(dt.date(2026, 11, 22))
    assert day.clock(day.end) == "2026-11-23 00:00"
    assert day.clock(day.end, is_end=True) == "24:00"
    assert day.clock(day.start - 1) == "2026-11-21 23:59:59"


def test_the_same_event_in_many_datasets_is_one_finding() -> None:
    findings = Findings()
    names = [f"mdtargets/op{number:02}" for number in range(19)]
    for number, name in enumerate(reversed(names)):
        findings.add(
            "growth across gaps", 1, name, "{amount} more", 10.0 + number,
            components=["mds1"], span=(EIGHT, EIGHT + 60),
        )  # fmt: skip
    findings.add("growth across gaps", 1, "mdtargets/op00", components=["mds2"], span=(5, 9))
    assert (
        "growth across gaps: 19 in 19 datasets: mdtargets/op00, mdtargets/op01, mdtargets/op02,"
        " and 16 more, of mds1, from 2026-11-22T08:00:00Z to 2026-11-22T08:01:00Z"
        " (from 10 to 28 a dataset more)"
    ) in findings.sentences()
    assert len(findings.events()) == 2, "other components are another event"
    assert findings.counts_at("mdtargets/op00") == {"growth across gaps": 2}


def test_pieces_of_a_dataset_are_one_event() -> None:
    """The components of a dataset come in several pieces; the gap is one."""
    findings = Findings()
    for name in ("OST3", "OST1", "OST2"):
        for dataset in (WRITE, READ):
            findings.add("resets", 1, dataset, components=[name], span=(EIGHT, EIGHT + 5))
    (event,) = findings.events()
    assert (event.count, event.datasets) == (6, (READ, WRITE))
    assert event.components == ("OST1", "OST2", "OST3")


def test_what_has_no_names_and_no_time_stays_as_it_was() -> None:
    findings = Findings()
    findings.add("unreadable input", 1, "a.txt", "line 3")
    findings.add("unreadable input", 1, "b.txt", "line 3")
    findings.add("resets", 1)
    assert findings.sentences() == [
        "resets: 1",
        "unreadable input: 1 in a.txt (line 3)",
        "unreadable input: 1 in b.txt (line 3)",
    ]


def test_many_components_are_named_and_counted() -> None:
    findings = Findings()
    names = [f"OST{number:04}" for number in range(MOST_COMPONENTS + 7)]
    findings.add("resets", 500, READ, components=names)
    (event,) = findings.events()
    assert "OST0004, and 102 more" in event.sentence()
    content = json.loads(json.dumps(event.as_json()))
    assert len(content["components"]) == MOST_COMPONENTS
    assert content["components_count"] == MOST_COMPONENTS + 7
    assert Event.from_json(content).sentence() == event.sentence()


def test_rows_that_touch_are_one_event() -> None:
    axes = Axes(READ, ("a", "b", "b"), EIGHT, 10)
    found = axes.events(np.array([3, 4, 4, 9]), np.array([0, 1, 2, 0]))
    assert [(event.components, event.span, len(event.members)) for event in found] == [
        (("a", "b"), (EIGHT + 30, EIGHT + 50), 3),
        (("a",), (EIGHT + 90, EIGHT + 100), 1),
    ]


def test_gaps_that_overlap_are_one_event() -> None:
    axes = Axes(READ, ("a", "b"), EIGHT, 10)
    first, after = np.array([2, 4, 20]), np.array([6, 8, 21])
    found = axes.events(first, np.array([0, 1, 1]), after)
    assert [event.span for event in found] == [(EIGHT + 20, EIGHT + 80), (EIGHT + 200, EIGHT + 210)]


def test_too_many_times_are_one_event() -> None:
    axes = Axes(READ, ("a", "b"), EIGHT, 10)
    row = np.arange(0, 2 * MOST_EVENTS + 2, 2)
    (event,) = axes.events(row, np.zeros(len(row), dtype=int))
    assert event.span == (EIGHT, EIGHT + 10 * (2 * MOST_EVENTS + 1))
    assert len(event.members) == len(row)


def test_samples_have_an_event() -> None:
    names = ("host\0cpu0", "host\0cpu1", "other")
    found = samples_event(names, np.array([1, 0, 1]), np.array([7, 9, 8]))
    assert found == (("host",), (7, 9))
    assert samples_event(names, np.array([], int), np.array([], int)) == ((), None)


def test_no_event_and_odd_names() -> None:
    assert Axes(READ, ("a",), 0, 5).events(np.array([], int), np.array([], int)) == []
    findings = Findings()
    findings.add("resets", 1, components=["a\udcff"])
    assert findings.sentences()[0].encode() == b"resets: 1 of a\\udcff"


SPANS = st.none() | st.tuples(st.integers(0, 3), st.integers(4, 6))
ADDS = st.lists(
    st.tuples(
        st.sampled_from(["resets", "duplicates"]),
        st.integers(0, 5),
        st.sampled_from([READ, WRITE, ""]),
        st.sampled_from(["", "{amount} more"]),
        st.floats(-1e300, 1e300) | st.sampled_from([0.1, 0.2, 0.3]),
        st.sets(st.sampled_from(["a", "b", "c"])),
        SPANS,
    ),
    max_size=12,
)


def made(adds: list[Any], cut: int = 0) -> Findings:
    """The findings of two stages, the first `cut` by another than the rest."""
    stages = Findings(), Findings()
    for number, (*plain, components, span) in enumerate(adds):
        stages[number < cut].add(*plain, components=components, span=span)
    stages[0].merge(stages[1])
    return stages[0]


@given(ADDS, st.randoms(use_true_random=False), st.integers(0, 12))
def test_the_order_of_adding_and_the_stages_do_not_count(
    adds: list[Any], order: random.Random, cut: int
) -> None:
    whole = made(adds)
    other = list(adds)
    order.shuffle(other)
    assert made(other, cut).sentences() == whole.sentences()
    assert list(made(other, cut)) == list(whole)


@given(ADDS)
def test_nothing_is_lost_in_events(adds: list[Any]) -> None:
    findings = made(adds)
    for kind in ("resets", "duplicates"):
        assert findings.total(kind) == sum(
            event.count for event in findings.events() if event.kind == kind
        )
    for event in findings.events():
        again = Event.from_json(json.loads(json.dumps(event.as_json())))
        assert again.sentence("Asia/Tokyo") == event.sentence("Asia/Tokyo")


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2), st.integers(1, 5)), min_size=1),
)
def test_each_cell_is_in_one_event_that_covers_it(cells: list[tuple[int, int, int]]) -> None:
    row, column, length = (np.array(one) for one in zip(*cells, strict=True))
    axes = Axes(READ, ("a", "b", "c"), 0, 1)
    found = axes.events(row, column, row + length)
    assert sorted(i for event in found for i in event.members.tolist()) == list(range(len(row)))
    assert len(found) <= MOST_EVENTS
    for event in found:
        for i in event.members.tolist():
            assert event.span[0] <= row[i] < row[i] + length[i] <= event.span[1]
            assert axes.names[column[i]] in event.components
    for before, after in itertools.pairwise(found):
        assert before.span[1] < after.span[0]
