"""Five minutes of a real LMT database against what the reference made of them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import h5py
import numpy as np
import pytest

import archive_tools
from pipeline.cli.main import PARTIAL, main

ROWS = 60
LOCAL_DAY = int(dt.datetime(2018, 1, 28, 8, tzinfo=dt.UTC).timestamp())


@pytest.fixture
def edison(real: Path, site) -> Path:  # type: ignore[no-untyped-def]
    """The archived day."""
    zone = "America/Los_Angeles"
    database = f"sqlite://{real.absolute()}/lmt/snx11025_%Y-%m-%d.sqlite3"
    path = site(
        {
            "snx11025": {
                "kind": "lmt",
                "database": database.replace("sqlite://", "sqlite:///"),
                "timezone": zone,
                "timestep": 5,
            }
        },
        timezone=zone,
    )
    assert main(["nightly", "--date", "2018-01-28"]) == PARTIAL, "five minutes are not a day"
    return path.parent / "archive/2018/2018-01-28/snx11025.hdf5"


def test_every_dataset_equals_the_reference(edison: Path, real: Path) -> None:
    with (
        h5py.File(real / "tts/snx11025_2018-01-28.hdf5") as reference,
        archive_tools.open_tts(edison) as tts,
    ):
        names = [
            f"{group}/{name}"
            for group in reference
            for name in reference[group]
            if name != "timestamps"
        ]
        assert sorted(names) == tts.datasets()
        only_missing_there = 0
        for name in names:
            item = reference[name]
            expected = item[...] * (1024 if item.attrs["units"] == "KiB" else 1)
            found = tts.to_numpy(name)
            assert list(tts.columns(name)) == item.attrs["columns"].astype("U").tolist()
            np.testing.assert_array_equal(found[:ROWS], expected, err_msg=name)
            only_missing_there += int(((item[...] == 0) & np.signbit(item[...])).sum())
            assert np.isnan(found[ROWS + 1 :]).all(), "the rest of the day is missing"
            gauge = not name.startswith(("datatargets", "mdtargets"))
            assert np.isnan(found[ROWS]).all() != gauge, (
                "the sample of 00:05:00 is there, and closes the counters"
            )
        assert only_missing_there == 0, "no cell of the reference is missing"


def test_the_day_is_the_sites(edison: Path) -> None:
    with archive_tools.open_tts(edison) as tts:
        assert (tts.start, tts.end) == (LOCAL_DAY, LOCAL_DAY + 86400)
        assert len(tts.timestamps("datatargets/readbytes")) == 17280
    archive = archive_tools.Archive(edison.parents[2])
    assert archive.instances() == ["snx11025"]
    assert archive.days("snx11025") == [dt.date(2018, 1, 28)]
    frame = archive.to_dataframe(
        "snx11025", "datatargets/readbytes", "2018-01-28", "2018-01-28T00:05"
    )
    assert frame.shape == (60, 24)
    aware = archive.to_dataframe(
        "snx11025", "datatargets/readbytes", "2018-01-28T08:00Z", "2018-01-28T08:05Z"
    )
    assert frame.equals(aware)
    assert str(frame.index[0]) == "2018-01-28 08:00:00+00:00"
