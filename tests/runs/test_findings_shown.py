"""Findings of a nightly run, as the receipt, the file and the report have them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from archive_tools.core.vocabulary import Product
from archive_tools.reporting.report import write_report
from archive_tools.store.receipts import Receipts
from pipeline.cli.main import main
from tests.support.nights import DATE, lmt_db, lmt_source

Site = Callable[..., Path]
DAY = dt.date.fromisoformat(DATE)
pytestmark = pytest.mark.system
ZONE = "America/Los_Angeles"


def content_of(root: Path) -> dict[str, Any]:
    day = Receipts(root).day(DAY)
    receipt = day.good("fs", Product.TTS)
    assert receipt
    return day.content(receipt)


def a_night_with_a_gap_and_a_reset(folder: Path, site: Site) -> dict[str, Any]:
    """An hour without samples; then the server of one target restarts."""
    database = lmt_db(folder / "lmt.db")
    database.execute("DELETE FROM OST_DATA WHERE TS_ID BETWEEN 112 AND 116")
    database.execute(
        "UPDATE OST_DATA SET READ_BYTES = READ_BYTES - 40000, WRITE_BYTES = WRITE_BYTES - 40000"
        " WHERE TS_ID >= 148 AND OST_ID = 1"
    )
    database.execute("UPDATE OST_DATA SET WRITE_BYTES = READ_BYTES")
    site({"fs": lmt_source(folder / "lmt.db")}, late_days=10**5, raw_days=10**5)
    main(["nightly", "--date", DATE])
    return content_of(folder / "archive")


def test_a_gap_is_one_finding_and_a_reset_says_whose_and_when(tmp_path: Path, site: Site) -> None:
    content = a_night_with_a_gap_and_a_reset(tmp_path, site)
    both = "in 2 datasets: datatargets/readbytes, datatargets/writebytes"
    across = [one for one in content["findings"] if one.startswith("growth across gaps")]
    assert across == [
        f"growth across gaps: 4 {both}, of fs-OST0000, fs-OST0001,"
        " from 2026-11-22T01:50:00Z to 2026-11-22T02:50:00Z"
        " (from 18000 to 18000 a dataset counted in the last cell of each gap)"
    ]
    resets = [one for one in content["findings"] if one.startswith("resets")]
    assert resets == [
        f"resets: 2 {both}, of fs-OST0000, from 2026-11-22T07:50:00Z to 2026-11-22T08:00:00Z"
    ]
    assert {
        "kind": "resets",
        "count": 2,
        "datasets": ["datatargets/readbytes", "datatargets/writebytes"],
        "components": ["fs-OST0000"],
        "from": 1795333800,
        "to": 1795334400,
    } in content["events"]
    assert content["quality"]["datatargets/readbytes"]["resets"] == 1
    with h5py.File(tmp_path / f"archive/2026/{DATE}/fs.hdf5") as file:
        assert json.loads(file.attrs["provenance"])["findings"] == content["findings"]


def test_the_report_has_the_times_of_the_site(tmp_path: Path, site: Site) -> None:
    a_night_with_a_gap_and_a_reset(tmp_path, site)
    page = (tmp_path / f"archive/2026/{DATE}/report.html").read_text()
    assert "of fs-OST0000, 07:50 to 08:00" in page
    about = tmp_path / "archive/archive.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"timezone": ZONE}))
    write_report(tmp_path / "archive", DAY, tmp_path / "r.html", instances={"fs": ["tts"]})
    assert "of fs-OST0000, 2026-11-21 23:50 to 00:00" in (tmp_path / "r.html").read_text()


def test_receipts_without_events_are_shown_as_they_are(tmp_path: Path, site: Site) -> None:
    a_night_with_a_gap_and_a_reset(tmp_path, site)
    day = Receipts(tmp_path / "archive").day(DAY)
    receipt = day.good("fs", Product.TTS)
    assert receipt
    path = day.folder / receipt.name
    for events in ({}, {"events": [{"kind": "resets"}]}):
        path.write_text(json.dumps({"findings": ["resets: 3 in a/b (<why>)"]} | events))
        write_report(tmp_path / "archive", DAY, tmp_path / "r.html", instances={"fs": ["tts"]})
        assert "fs: resets: 3 in a/b (&lt;why&gt;)" in (tmp_path / "r.html").read_text()
