"""Rows of LMT whose ids no table names: measured, and in no column."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from archive_tools.core.findings import events_of
from archive_tools.core.vocabulary import FindingKind, Product
from archive_tools.store.receipts import Receipts
from pipeline.cli.main import COMPLETE, PARTIAL, main
from tests.support.nights import DATE, FOREVER, lmt_db, lmt_source

QUERY = "SELECT TS_ID FROM TIMESTAMP_INFO"


@pytest.mark.parametrize(
    ("unknown", "code", "share"), [((99, 77), PARTIAL, 50.0), ((99,), PARTIAL, 33.3), ((), 0, 0.0)]
)
def test_many_rows_of_unknown_osts_make_the_day_partial(
    tmp_path: Path,
    site: Callable[..., Path],
    unknown: tuple[int, ...],
    code: int,
    share: float,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is named is all there, so nothing else says that a part of the file system is not."""
    database = lmt_db(tmp_path / "lmt.db")
    stamps = [row[0] for row in database.connection.execute(QUERY).fetchall()]
    for ts in stamps:
        for ost in unknown:
            database.ost(ts, ost, 1)
    assert run(tmp_path, site) == code
    assert found(tmp_path) == ([(len(stamps) * len(unknown), share)] if unknown else [])
    shown = capsys.readouterr().out
    if unknown:
        ids = ", ".join(map(str, sorted(unknown)))
        assert f"{share:g} % of the rows; ids {ids}" in shown.splitlines()[0]


def test_a_few_rows_of_an_unknown_ost_are_a_finding(
    tmp_path: Path, site: Callable[..., Path]
) -> None:
    database = lmt_db(tmp_path / "lmt.db")
    database.ost(100, 99, 1)
    assert run(tmp_path, site) == COMPLETE
    ((count, share),) = found(tmp_path)
    assert (count, 0 < share < 1) == (1, True)


def run(tmp_path: Path, site: Callable[..., Path]) -> int:
    site({"fs": lmt_source(tmp_path / "lmt.db")}, **FOREVER)
    return main(["nightly", "--date", DATE])


def found(tmp_path: Path) -> list[tuple[int, float]]:
    """Rows of unknown OSTs in the receipt, and their share in per cent."""
    day = Receipts(tmp_path / "archive").day(dt.date.fromisoformat(DATE))
    receipt = day.good("fs", Product.TTS)
    assert receipt
    events = events_of(day.content(receipt))
    return [
        (event.count, sum(event.amounts.values()))
        for event in events
        if event.kind == FindingKind.UNKNOWN_OST_ID
    ]
