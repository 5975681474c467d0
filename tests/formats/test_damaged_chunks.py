"""A damaged HDF5 file is an error that names it, wherever the damage is met."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from archive_tools.checking.whole_archive import check_file
from archive_tools.core.errors import FormatError
from archive_tools.formats.tts_read import open_tts

NAME = "datatargets/readbytes"


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A file of which the index of the chunks cannot be read, and all else can."""
    path = tmp_path / "x.hdf5"
    with h5py.File(path, "w") as file:
        file.attrs["version"] = "1"
        file["datatargets/timestamps"] = 3600 * np.arange(24)
        item = file.create_dataset(NAME, data=np.arange(48.0).reshape(24, 2), chunks=(4, 2))
        item.attrs["columns"] = np.array([b"a", b"b"])
        item.attrs["units"] = "bytes"
    content = path.read_bytes()
    assert content.count(b"TREE\x01") == 1
    path.write_bytes(content.replace(b"TREE\x01", b"TREX\x01"))
    return path


@pytest.mark.parametrize("direct", [True, False])
def test_reading_names_the_file(damaged: Path, direct: bool) -> None:
    with open_tts(damaged, direct=direct) as file:
        assert file.columns(NAME) == ("a", "b")
        with pytest.raises(FormatError) as caught:
            file.to_numpy(NAME)
        assert str(damaged) in str(caught.value)
        assert "damaged" in str(caught.value)


def test_check_names_the_dataset(damaged: Path) -> None:
    found = [(one.kind, one.where) for one in check_file(damaged, deep=True)]
    assert ("damaged", f"{damaged}: {NAME}") in found


def test_a_value_that_is_too_large_for_the_base_unit_is_infinite(tmp_path: Path) -> None:
    path = tmp_path / "x.hdf5"
    with h5py.File(path, "w") as file:
        file.attrs["version"] = "1"
        file["datatargets/timestamps"] = 3600 * np.arange(2)
        item = file.create_dataset(NAME, data=[[1.0], [1e308]])
        item.attrs["columns"] = np.array([b"a"])
        item.attrs["units"] = "KiB"
    with open_tts(path) as read:
        assert read.to_numpy(NAME).tolist() == [[1024.0], [np.inf]]
