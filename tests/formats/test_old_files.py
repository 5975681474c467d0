"""Files of older tools: TTS v1 by pytokio and H5LMT, alone and mixed with ours in one archive.

That they are what pytokio's own reader gives is tested in `test_pytokio`.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

import archive_tools
from archive_tools.core.day import Day
from archive_tools.core.errors import ConfigError, FormatError, NotFound
from archive_tools.core.grid import Grid
from archive_tools.formats.h5lmt_read import NAMELESS
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.schemas import catalogue
from archive_tools.store import layout

ZONE = "America/Los_Angeles"
EDISON = "snx11025_2018-01-28"


@pytest.fixture
def mixed(tmp_path: Path, real: Path) -> archive_tools.Archive:
    """A day of ours on 29 January, pytokio's file of the 28th, the same as H5LMT on the 27th."""
    root = tmp_path / "archive"
    day = Day(dt.date(2018, 1, 29), ZONE)
    path = layout.path(root, layout.TTS, day.date, "scratch1")
    path.parent.mkdir(parents=True)
    with TtsWriter(path, day) as writer:
        for name, step in [("datatargets/readbytes", 5), ("dataservers/cpuload", 5)]:
            values = np.full((day.rows(step), 2), 7.0)
            writer.write(
                Grid(name, ("snx11025-OST0000", "snx11025-OST0099"), day.start, step, values),
                catalogue()[name],
                source="t",
                updated=0,
            )
    old = tmp_path / "old" / "2018-01-28"
    old.mkdir(parents=True)
    shutil.copy(real / f"tts/{EDISON}.hdf5", old / "snx11025.hdf5")
    older = tmp_path / "old" / "2018-01-27"
    older.mkdir()
    shutil.copy(real / f"tts/{EDISON}.h5lmt", older / "edison_snx11025.h5lmt")
    with h5py.File(older / "edison_snx11025.h5lmt", "r+") as file:
        file["FSStepsGroup/FSStepsDataSet"][...] -= 86400
    templates = [
        f"{tmp_path}/old/%Y-%m-%d/snx11025.hdf5",
        f"{tmp_path}/old/%Y-%m-%d/edison_snx11025.h5lmt",
    ]
    (root / layout.ABOUT).write_text(
        json.dumps({"site": "x", "timezone": ZONE, "hdf5_files": {"scratch1": templates}})
    )
    return archive_tools.Archive(root)


def test_three_kinds_of_files_are_one_series(mixed: archive_tools.Archive, real: Path) -> None:
    assert mixed.instances() == ["scratch1"]
    assert mixed.days("scratch1") == [dt.date(2018, 1, n) for n in (27, 28, 29)]
    frame = mixed.to_dataframe("scratch1", "datatargets/readbytes", "2018-01-27", "2018-01-30")
    assert len(frame) == 61 + 60 + 17280
    assert frame.index.is_monotonic_increasing
    assert frame.columns[-1] == "snx11025-OST0099"
    with (
        h5py.File(real / f"tts/{EDISON}.hdf5") as tts,
        h5py.File(real / f"tts/{EDISON}.h5lmt") as lmt,
    ):
        np.testing.assert_array_equal(frame.iloc[61:121, :24], tts["datatargets/readbytes"][...])
        np.testing.assert_array_equal(
            frame.iloc[:61, :24], lmt["OSTReadGroup/OSTBulkReadDataSet"][...].T * 5
        )
    assert frame.iloc[:121, 24].isna().all()
    assert (frame.iloc[121:]["snx11025-OST0099"] == 7).all()


def test_a_dataset_that_some_days_lack(mixed: archive_tools.Archive) -> None:
    frame = mixed.to_dataframe("scratch1", "fullness/bytes", "2018-01-27", "2018-01-30")
    assert len(frame) == 60
    assert frame.min().min() > 2**40, "KiB became bytes"
    with pytest.raises(NotFound, match="near: dataservers/cpuload"):
        mixed.to_dataframe("scratch1", "dataservers/cpulod", "2018-01-27", "2018-01-30")


def test_rates_of_each_kind_of_file(mixed: archive_tools.Archive) -> None:
    amounts = mixed.read("scratch1", "datatargets/readbytes", "2018-01-27", "2018-01-30")
    rates = mixed.read("scratch1", "datatargets/readbytes", "2018-01-27", "2018-01-30", rate=True)
    assert (rates.unit, rates.kind, rates.dataset) == ("bytes/s", "rate", "datatargets/readrates")
    np.testing.assert_allclose(rates.values * 5, amounts.values, rtol=1e-15)


def test_h5lmt_alone(real: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.h5lmt"
    shutil.copy(real / f"tts/{EDISON}.h5lmt", path)
    with h5py.File(path, "r+") as file:
        file["FSMissingGroup/FSMissingDataSet"][3, 10] = 1
        rates = file["OSTReadGroup/OSTBulkReadDataSet"][...].T
        operations = file["MDSOpsGroup/MDSOpsDataSet"][...]
        names = [name.decode() for name in file["MDSOpsGroup/MDSOpsDataSet"].attrs["OpNames"]]
    rates[10, 3] = np.nan
    with archive_tools.open_tts(path) as old:
        assert old.end - old.start == 305
        assert {
            "datatargets/readbytes",
            "datatargets/writebytes",
            "dataservers/cpuload",
            "mdservers/cpuload",
            "mdtargets/opens",
        } <= set(old.datasets())
        np.testing.assert_array_equal(old.to_numpy("datatargets/readrates"), rates)
        np.testing.assert_array_equal(
            old.to_numpy("datatargets/readbytes", 5, 20, components=["snx11025-OST0003"]),
            rates[5:20, [3]] * 5,
        )
        assert old.missing("datatargets/readbytes").sum() == 1
        assert old.columns("mdtargets/opens") == (NAMELESS,)
        np.testing.assert_array_equal(
            old.to_numpy("mdtargets/statfss")[:, 0], operations[names.index("statfs")] * 5
        )
        np.testing.assert_array_equal(
            old.to_numpy("mdtargets/openrates")[:, 0], operations[names.index("open")]
        )
        assert old.units("mdtargets/openrates") == "ops/s"
        assert old.units("dataservers/cpuload") == "%"
        with pytest.raises(NotFound, match="near: datatargets/readbytes"):
            old.to_numpy("datatargets/readbyts")


def test_one_more_step_than_values(real: Path, tmp_path: Path) -> None:
    with (
        h5py.File(real / f"tts/{EDISON}.h5lmt") as source,
        h5py.File(tmp_path / "a.h5lmt", "w") as file,
    ):
        for name in ("FSStepsGroup/FSStepsDataSet", "MDSCPUGroup/MDSCPUDataSet"):
            file[name] = source[name][...] if "Steps" in name else source[name][:-1]
    with archive_tools.open_tts(tmp_path / "a.h5lmt") as old:
        assert (
            len(old.timestamps("mdservers/cpuload")) == len(old.to_numpy("mdservers/cpuload")) == 60
        )


def test_our_own_day_counts_before_an_older_file(
    mixed: archive_tools.Archive, tmp_path: Path
) -> None:
    path = layout.path(mixed.root, layout.TTS, dt.date(2018, 1, 28), "scratch1")
    path.parent.mkdir()
    day = Day(dt.date(2018, 1, 28), ZONE)
    with TtsWriter(path, day) as writer:
        writer.write(
            Grid("datatargets/readbytes", ("new",), day.start, 60, np.ones((1440, 1))),
            catalogue()["datatargets/readbytes"],
            source="t",
            updated=0,
        )
    assert mixed.read("scratch1", "datatargets/readbytes", "2018-01-28", "2018-01-29").columns == (
        "new",
    )


def test_templates_are_read_back(tmp_path: Path) -> None:
    for name in (
        "2018/1/28/a[1].h5",
        "2018/1/9/a[1].h5",
        "2018/01/28/a[1].h5",
        "2018/13/1/a[1].h5",
        "20180128_2018.h5",
        "20180128_2017.h5",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = dict(layout.dated_files(f"{tmp_path}/%Y/%-m/%-d/a[1].h5"))
    assert sorted(found) == [dt.date(2018, 1, 9), dt.date(2018, 1, 28)]
    assert found[dt.date(2018, 1, 28)] == tmp_path / "2018/1/28/a[1].h5"
    assert list(layout.dated_files(f"{tmp_path}/%Y%m%d_%Y.h5")) == [
        (dt.date(2018, 1, 28), tmp_path / "20180128_2018.h5")
    ]
    with pytest.raises(ConfigError, match="%H is not known"):
        list(layout.dated_files("/x/%Y%H"))


def test_neither_kind(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["x"] = 1
    with pytest.raises(FormatError, match="not a TTS file"):
        archive_tools.open_tts(tmp_path / "a.hdf5")


def test_a_day_of_h5lmt_that_was_not_filled_to_its_end(real: Path, tmp_path: Path) -> None:
    """Steps that were not written are 0; the rows before them count."""
    path = tmp_path / "a.h5lmt"
    shutil.copy(real / f"tts/{EDISON}.h5lmt", path)
    with h5py.File(path, "r+") as file:
        file["FSStepsGroup/FSStepsDataSet"][30:] = 0
    with archive_tools.open_tts(path) as old:
        assert (
            len(old.timestamps("datatargets/readbytes"))
            == len(old.to_numpy("datatargets/readbytes"))
            == 30
        )
        assert old.end - old.start == 150
    with h5py.File(path, "r+") as file:
        file["FSStepsGroup/FSStepsDataSet"][7] = 5
    with archive_tools.open_tts(path) as old, pytest.raises(FormatError, match="do not grow"):
        old.to_series("datatargets/readbytes")


def test_names_that_are_not_as_many_as_rows(real: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.h5lmt"
    shutil.copy(real / f"tts/{EDISON}.h5lmt", path)
    with h5py.File(path, "r+") as file:
        attributes = file["OSTReadGroup/OSTBulkReadDataSet"].attrs
        attributes["OSTNames"] = attributes["OSTNames"][:-1]
    with (
        archive_tools.open_tts(path) as old,
        pytest.raises(FormatError, match="24 rows; expected: as many unique names; got: 23"),
    ):
        old.to_series("datatargets/readbytes")
