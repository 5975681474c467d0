"""Events of a generated month are found as docs/pages.md says, and months without any are quiet.

`TOKIO_MONTHS=all` makes the whole table; otherwise one month of each kind is looked at.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.campaigns import morning
from tests.campaigns.morning import FILL, FINDERS, GAP, OST, SEEDS, SIZES, USERS, Event
from tests.support import generated_month
from tests.support.paths import ROOT

DOCUMENTED = (ROOT / "docs/pages.md").read_text("utf-8")
LARGE = len(SIZES) - 1
WHOLE = os.environ.get("TOKIO_MONTHS") == "all"


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generated_month.write(tmp_path_factory.mktemp("events"), SEEDS[0], SIZES[LARGE])


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generated_month.write(tmp_path_factory.mktemp("quiet"), SEEDS[0])


@pytest.mark.parametrize("event", [OST, USERS, FILL, GAP], ids=lambda one: one.word)
def test_events_at_full_size_are_found_as_documented(events: Path, event: Event) -> None:
    found = {
        name: morning.is_found(events, finder, event)
        for name, (finder, its) in FINDERS.items()
        if event in its
    }
    assert found["day's page"], "what the morning begins with finds all of them"
    for name, is_found in found.items():
        row = rf"^\| {re.escape(event.title)} \| {re.escape(name)} .*\| ([^|]*) \|$"
        (cell,) = re.findall(row, DOCUMENTED, re.M)
        times = int(cell.removeprefix(f"{event.sizes[LARGE]}: ").split()[0])
        if times in (0, len(SEEDS)):
            assert is_found == bool(times), name


def test_a_month_without_events_is_quiet(quiet: Path) -> None:
    spoken = {
        name: morning.speaks(quiet, finder)
        for name, (finder, _) in FINDERS.items()
        if name not in morning.LISTS
    }
    for name, days in spoken.items():
        (documented,) = re.findall(rf"^\| {re.escape(name)} \| (\d+) of \d+ \|$", DOCUMENTED, re.M)
        assert days <= int(documented), name
    assert spoken["alerts"] == spoken["`slow-osts` of the day"] == 0
    assert spoken["day's page"] <= len(morning.COMPARED) / 4


@pytest.mark.skipif(not WHOLE, reason="TOKIO_MONTHS=all makes twelve months")
def test_the_table_of_the_guide_is_what_the_command_prints() -> None:
    assert morning.table() in DOCUMENTED
