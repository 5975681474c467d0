"""The days that a page leads to."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from archive_tools.reporting.near_days import neighbours
from archive_tools.store import layout

DATE = dt.date(2024, 6, 30)
AROUND = st.integers(-400, 400).map(lambda days: DATE + dt.timedelta(days=days))


@given(*[st.sets(AROUND, max_size=6)] * 3)
def test_neighbours_are_the_nearest_days_within_a_year_that_have_or_get_a_page(
    pages: set[dt.date], without: set[dt.date], coming: set[dt.date]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for date in pages | without:
            layout.path(root, layout.REPORT, date).parent.mkdir(parents=True)
        for date in pages:
            layout.path(root, layout.REPORT, date).touch()
        (root / "2024").mkdir(exist_ok=True)
        (root / "2024/notes").touch()
        found = neighbours(root, DATE, coming)
    near = {one for one in pages | coming if abs((one - DATE).days) <= 366}
    before = max((one for one in near if one < DATE), default=None)
    after = min((one for one in near if one > DATE), default=None)
    assert found == (before, after)
