"""What parsers offer is what functions take."""

from __future__ import annotations

from archive_tools.core import choices
from archive_tools.jobs import scoreboards, top


def test_a_scoreboard_is_of_what_is_offered() -> None:
    assert sorted(scoreboards.ALL_BY) == list(choices.SCOREBOARD_BY)


def test_totals_are_of_what_is_offered_and_ordered_by_every_sum() -> None:
    assert sorted(top.BY) == list(choices.TOP_BY)
    assert set(top.SUMS) < set(choices.TOP_ORDERS)
