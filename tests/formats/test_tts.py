"""The TTS writer and reader, side by side, and the file as others see it."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import archive_tools
from archive_tools.core.day import Day
from archive_tools.core.errors import FormatError, NotFound
from archive_tools.core.grid import Grid
from archive_tools.formats.tts_write import TtsWriter, shuffled
from archive_tools.schemas import catalogue

DAY = Day(dt.date(2026, 11, 22))
READ = catalogue()["datatargets/readbytes"]


def write(
    path: Path,
    values: np.ndarray,
    names: tuple[str, ...],
    *,
    timestep: int = 600,
    missing: Any = "nan",
    name: str = "datatargets/readbytes",
) -> None:
    with TtsWriter(path, DAY, missing=missing) as writer:
        writer.write(
            Grid(name, names, DAY.start, timestep, values),
            catalogue()[name],
            source="test",
            updated=7,
        )


def some(columns: int = 3, rows: int = 144) -> np.ndarray:
    values = np.arange(rows * columns, dtype=np.float64).reshape(rows, columns)
    values[3:9, 0] = np.nan
    values[5, 1] = 0.0
    return values


finite = st.floats(min_value=0, allow_nan=False, allow_infinity=False, width=64)


@settings(max_examples=40)
@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 200), st.integers(1, 4)),
        elements=finite | st.just(np.nan),
    ),
    st.sampled_from(["nan", "negative_zero"]),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, values: np.ndarray, missing: str
) -> None:
    path = tmp_path_factory.mktemp("tts") / "x.hdf5"
    names = tuple(f"c{i}" for i in range(values.shape[1]))
    write(path, values, names, missing=missing)
    with archive_tools.open_tts(path) as tts:
        np.testing.assert_array_equal(tts.to_numpy(READ.name), values)
        np.testing.assert_array_equal(tts.missing(READ.name), np.isnan(values))
        assert tts.columns(READ.name) == names


def test_dataframe_rates_units(tmp_path: Path) -> None:
    write(tmp_path / "x.hdf5", some(), ("a", "b", "c"))
    with archive_tools.open_tts(tmp_path / "x.hdf5") as tts:
        frame = tts.to_dataframe("datatargets/readbytes")
        assert frame.index.name == "timestamp"
        assert str(frame.index.tz) == "UTC"
        assert frame.index[1] == pd.Timestamp("2026-11-22T00:10Z")
        assert list(frame.columns) == ["a", "b", "c"]
        assert (frame.dtypes == "float64").all()
        np.testing.assert_array_equal(
            tts.to_dataframe("datatargets/readrates").to_numpy(), some() / 600
        )
        assert tts.datasets() == ["datatargets/readbytes"]
        assert (tts.units("datatargets/readbytes"), tts.units("datatargets/readrates")) == (
            "bytes",
            "bytes/s",
        )
        assert (tts.start, tts.end, tts.timestep("datatargets/readbytes")) == (
            DAY.start,
            DAY.end,
            600,
        )
        with pytest.raises(NotFound, match="near: datatargets/readbytes"):
            tts.to_dataframe("datatarget/readbytes")


def test_others_see_plain_hdf5(tmp_path: Path) -> None:
    path = tmp_path / "x.hdf5"
    write(path, some(), ("a", "b", "c"))
    with h5py.File(path) as file:
        assert file.attrs["version"] == "1"
        assert file.attrs["start"] == DAY.start
        assert file.attrs["start"].dtype == np.int64
        item = file["datatargets/readbytes"]
        np.testing.assert_array_equal(item[...], some())
        assert item.chunks == (6, 3), "one hour by all columns"
        assert (item.compression, item.shuffle) == ("gzip", True)
        assert item.attrs["columns"].dtype.kind == "S"
        assert (item.attrs["units"], item.attrs["version"], item.attrs["updated"]) == (
            "bytes",
            "1",
            7,
        )
        assert file["datatargets"].attrs["source"] == "test"
        assert file["datatargets/timestamps"][:2].tolist() == [DAY.start, DAY.start + 600]


def test_xarray_opens_it_with_coordinates(tmp_path: Path) -> None:
    write(tmp_path / "x.hdf5", some(), ("a", "b", "c"))
    with xarray.open_datatree(tmp_path / "x.hdf5", engine="h5netcdf") as tree:
        data = tree["datatargets/readbytes"]
        assert data.dims == ("timestamps", "component")
        assert data.coords["timestamps"].values[1] == np.datetime64("2026-11-22T00:10")
        assert data.coords["component"].values.tolist() == ["a", "b", "c"]
        np.testing.assert_array_equal(data.values, some())


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    digests = set()
    for name in ("x.hdf5", "y.hdf5"):
        write(tmp_path / name, some(), ("a", "b", "c"))
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_a_group_with_two_sets_of_columns_and_two_timesteps(tmp_path: Path) -> None:
    with TtsWriter(tmp_path / "x.hdf5", DAY) as writer:
        for name, names, step in [
            ("readbytes", ("a", "b"), 600),
            ("writebytes", ("a", "b", "c"), 600),
            ("readops", ("a", "b"), 60),
        ]:
            full = f"datatargets/{name}"
            writer.write(
                Grid(full, names, DAY.start, step, some(len(names), 86400 // step)),
                catalogue()[full],
                source="t",
                updated=0,
            )
    with archive_tools.open_tts(tmp_path / "x.hdf5") as tts:
        assert tts.columns("datatargets/writebytes") == ("a", "b", "c")
        assert (tts.timestep("datatargets/writebytes"), tts.timestep("datatargets/readops")) == (
            600,
            60,
        )
        np.testing.assert_array_equal(tts.to_numpy("datatargets/readops"), some(2, 1440))
    with xarray.open_datatree(tmp_path / "x.hdf5", engine="h5netcdf") as tree:
        assert tree["datatargets/writebytes"].shape == (144, 3)


def superblock(path: Path) -> int:
    head = path.read_bytes()[:9]
    assert head[:8] == b"\x89HDF\r\n\x1a\n"
    return head[8]


@pytest.mark.parametrize("count", [248, 6000])
def test_hdf5_1_10_can_read_it_however_many_components(tmp_path: Path, count: int) -> None:
    """Superblock 0 is what every HDF5 reads; versions from 3 on need HDF5 1.10 or later."""
    path = tmp_path / "x.hdf5"
    names = tuple(f"a-rather-long-name-OST{i:04x}" for i in range(count))
    write(path, some(count), names)
    assert superblock(path) == 0
    with archive_tools.open_tts(path) as tts:
        assert tts.columns(READ.name) == names
    with h5py.File(path) as file:
        assert file[READ.name].attrs["columns"].astype("U").tolist() == list(names)


def test_nothing_measured_takes_no_space(tmp_path: Path) -> None:
    write(
        tmp_path / "x.hdf5",
        np.full((17280, 248), np.nan),
        tuple(f"c{i}" for i in range(248)),
        timestep=5,
    )
    assert (tmp_path / "x.hdf5").stat().st_size < 200_000
    with archive_tools.open_tts(tmp_path / "x.hdf5") as tts:
        assert tts.missing(READ.name).all()


def test_shuffle_is_hdf5s(tmp_path: Path) -> None:
    block = np.arange(6.0).reshape(3, 2)
    raw = block.tobytes()
    assert shuffled(block).tobytes() == bytes(raw[i * 8 + k] for k in range(8) for i in range(6))


def test_what_is_not_tts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        archive_tools.open_tts(tmp_path / "none.hdf5")
    (tmp_path / "text.hdf5").write_text("hello")
    with pytest.raises(FormatError, match="cannot be read as HDF5"):
        archive_tools.open_tts(tmp_path / "text.hdf5")
    with h5py.File(tmp_path / "other.hdf5", "w"):
        pass
    with pytest.raises(FormatError, match="is not a TTS file"):
        archive_tools.open_tts(tmp_path / "other.hdf5")


def test_files_that_pytokio_wrote(real: Path) -> None:
    """From collectd, with rates; from LMT, with KiB and wrong labels: base units come out."""
    with archive_tools.open_tts(real / "tts/sample_tokiots.hdf5") as tts:
        rates = tts.to_numpy("datatargets/readrates")
        np.testing.assert_array_equal(tts.to_numpy("datatargets/readbytes"), rates * 10)
        assert tts.missing("datatargets/readrates").any()
    with (
        h5py.File(real / "tts/snx11025_2018-01-28.hdf5") as file,
        archive_tools.open_tts(real / "tts/snx11025_2018-01-28.hdf5") as tts,
    ):
        np.testing.assert_array_equal(
            tts.to_numpy("fullness/bytes"), file["fullness/bytes"][...] * 1024
        )
        assert tts.units("fullness/bytes") == "bytes"
        assert tts.units("datatargets/readbytes") == "bytes"
        assert tts.units("dataservers/memused") == "%"
