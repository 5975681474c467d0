"""Reading an archive of several days."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import archive_tools
from archive_tools.core.day import Day
from archive_tools.core.errors import NotFound, TokioError
from archive_tools.core.grid import Grid
from archive_tools.core.vocabulary import ReceiptState
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.schemas import catalogue
from archive_tools.store import layout
from archive_tools.store.receipts import Receipt, Receipts, fingerprint

NAME = "datatargets/readbytes"
ZONE = "America/Los_Angeles"


@pytest.fixture
def archive(tmp_path: Path) -> archive_tools.Archive:
    """Three days around the end of summer time; the value is the row's epoch second; columns
    differ.
    """
    (tmp_path / layout.ABOUT).write_text(json.dumps({"site": "test", "timezone": ZONE}))
    for date, names in [
        ((2026, 10, 31), ("a", "b")),
        ((2026, 11, 1), ("a", "b")),
        ((2026, 11, 2), ("b", "cc")),
    ]:
        day = Day(dt.date(*date), ZONE)
        path = layout.path(tmp_path, layout.TTS, day.date, "fs")
        path.parent.mkdir(parents=True)
        stamps = day.timestamps(600)
        with TtsWriter(path, day) as writer:
            writer.write(
                Grid(NAME, names, day.start, 600, np.column_stack([stamps, stamps]).astype(float)),
                catalogue()[NAME],
                source="t",
                updated=0,
            )
    return archive_tools.Archive(tmp_path)


def test_what_there_is(archive: archive_tools.Archive) -> None:
    assert archive.instances() == ["fs"]
    assert archive.days("fs") == [dt.date(2026, 10, 31), dt.date(2026, 11, 1), dt.date(2026, 11, 2)]
    assert archive.days("none") == []


def test_a_range_over_midnights_and_a_change_of_clocks(archive: archive_tools.Archive) -> None:
    frame = archive.to_dataframe("fs", NAME, "2026-10-31", "2026-11-02")
    assert len(frame) == (24 + 25) * 6
    assert (frame["a"].to_numpy() == frame.index.as_unit("s").asi8).all()
    assert (np.diff(frame.index.as_unit("s").asi8) == 600).all(), "no row twice, none left out"


def test_days_with_different_columns(archive: archive_tools.Archive) -> None:
    frame = archive.to_dataframe("fs", NAME, "2026-11-01T12:00", "2026-11-02T12:00")
    assert list(frame.columns) == ["a", "b", "cc"]
    assert frame["b"].notna().all()
    assert frame["a"].notna().sum() == 72
    assert frame["cc"].notna().sum() == 72


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-01T01:00:00-07:00", "2026-11-01T02:00:00-08:00"),
        (pd.Timestamp("2026-11-01T08:00Z"), pd.Timestamp("2026-11-01T10:00Z")),
        (dt.datetime(2026, 11, 1, 8, tzinfo=dt.UTC), dt.datetime(2026, 11, 1, 10, tzinfo=dt.UTC)),
        (np.datetime64("2026-11-01T08:00"), np.datetime64("2026-11-01T10:00")),
        (1793520000, 1793527200),
    ],
)
def test_moments(archive: archive_tools.Archive, start: object, end: object) -> None:
    frame = archive.to_dataframe("fs", NAME, start, end)  # type: ignore[arg-type]
    assert len(frame) == 12
    assert frame.index[0] == pd.Timestamp("2026-11-01T08:00Z")


def test_dates_are_the_sites(archive: archive_tools.Archive) -> None:
    frame = archive.to_dataframe("fs", NAME, dt.date(2026, 11, 1), dt.date(2026, 11, 2))
    assert frame.index[0] == pd.Timestamp("2026-11-01T07:00Z")
    assert len(frame) == 150


def test_what_is_not_there_is_said(archive: archive_tools.Archive) -> None:
    with pytest.raises(NotFound, match="3 days from 2026-10-31 to 2026-11-02"):
        archive.to_dataframe("fs", NAME, "2020-01-01", "2020-01-02")
    with pytest.raises(NotFound, match="did you mean fs"):
        archive.to_dataframe("fss", NAME, "2026-11-01", "2026-11-02")
    with pytest.raises(NotFound, match="near: datatargets/readbytes"):
        archive.to_dataframe("fs", "datatargets/readbyte", "2026-11-01", "2026-11-02")
    with pytest.raises(TokioError, match="start before end"):
        archive.to_dataframe("fs", NAME, "2026-11-02", "2026-11-01")
    with pytest.raises(TokioError, match="is not a time"):
        archive.to_dataframe("fs", NAME, "yesterday", "2026-11-01")
    with pytest.raises(NotFound, match="no archive folder"):
        archive_tools.Archive(archive.root / "nowhere")


def test_receipts_say_it_by_their_names(tmp_path: Path) -> None:
    receipts = Receipts(tmp_path)
    date = dt.date(2026, 11, 22)
    one = Receipt(date, "fs-1", "tts", 1, fingerprint("a"), ReceiptState.PARTIAL, 37)
    assert Receipt.parse(one.name) == one
    assert one.name == f"2026-11-22.fs-1.tts.v1.{fingerprint('a')}.partial037.json"
    receipts.write(one, {"n": 1})
    receipts.write(Receipt(date, "fs-1", "tts", 1, "0" * 16, ReceiptState.FAILED), {"error": "x"})
    assert receipts.day(date).good("fs-1", "tts") == one, (
        "a failure does not take the good one away"
    )
    two = Receipt(date, "fs-1", "tts", 1, fingerprint("b"), ReceiptState.COMPLETE)
    receipts.write(two, {"n": 2})
    day = receipts.day(date)
    assert day.all == (two,)
    assert day.content(two) == {"n": 2}
    (tmp_path / "receipts/2026/11/notes.txt").touch()
    (tmp_path / "receipts/2026/11/.2026-11-22.fs.tts.v1.x.tmp").touch()
    assert receipts.day(date).all == (two,)
    assert receipts.remove(date, "fs-1", "tts") == 1
    assert receipts.day(date).all == ()


def test_two_good_receipts_after_a_death_the_newer_counts(tmp_path: Path) -> None:
    receipts = Receipts(tmp_path)
    date = dt.date(2026, 11, 22)
    old, new = (
        Receipt(date, "fs", "tts", 1, fingerprint(n), ReceiptState.COMPLETE) for n in (1, 2)
    )
    receipts.write(old, {})
    text = (receipts.folder(date) / old.name).read_text()
    receipts.write(new, {})
    path = receipts.folder(date) / old.name
    path.write_text(text)
    import os

    os.utime(path, (1, 1))
    assert receipts.day(date).good("fs", "tts") == new


def test_fingerprints_differ_when_anything_differs() -> None:
    parts = [
        {"a": 1, "b": [1, 2]},
        {"b": [1, 2], "a": 1},
        {"a": 1, "b": [2, 1]},
        {"a": "1", "b": [1, 2]},
    ]
    prints = [fingerprint(part) for part in parts]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3
