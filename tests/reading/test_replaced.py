"""Reading while a run replaces the file: no error, and each result is of one file."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest

import archive_tools
from archive_tools.core.errors import InputChanged
from archive_tools.formats.tts_read import open_tts
from archive_tools.store import files
from pipeline.cli.main import main
from tests.support.nights import DATE, FOREVER, lmt_db, lmt_source

NAME = "datatargets/readbytes"
SPAN = (DATE, "2026-11-23")
READS = 300


@pytest.fixture
def path(tmp_path: Path, site: object) -> Path:
    lmt_db(tmp_path / "lmt.db")
    assert callable(site)
    site({"fs": lmt_source(tmp_path / "lmt.db")}, **FOREVER)
    assert main(["nightly", "--date", DATE]) == 0
    return tmp_path / f"archive/2026/{DATE}/fs.hdf5"


def other_of(path: Path) -> Path:
    """A copy with twice the values."""
    other = Path(shutil.copy(path, path.parent.parent.parent / "other.hdf5"))
    with h5py.File(other, "r+") as file:
        file[NAME][...] *= 2
    return other


@pytest.mark.parametrize("direct", [True, False])
def test_a_file_that_is_replaced_all_the_time_is_read_whole(path: Path, direct: bool) -> None:
    one, two = Path(shutil.copy(path, path.parent.parent.parent / "one.hdf5")), other_of(path)
    archive = archive_tools.Archive(path.parents[2], direct=direct)
    right = archive.to_numpy("fs", NAME, *SPAN)
    done = threading.Event()

    def replace() -> None:
        while not done.is_set():
            for source in (two, one):
                temporary = files.temporary_name(path)
                shutil.copy(source, temporary)
                os.replace(temporary, path)

    writer = threading.Thread(target=replace)
    writer.start()
    seen = {1: 0, 2: 0}
    try:
        for _ in range(READS):
            found = archive.to_numpy("fs", NAME, *SPAN)
            factor = 2 if np.nanmax(found) > np.nanmax(right) else 1
            assert np.array_equal(found, right * factor, equal_nan=True)
            seen[factor] += 1
    finally:
        done.set()
        writer.join()
    assert all(seen.values()), "the file was replaced meanwhile"


def test_a_file_that_is_open_is_read_to_its_end(path: Path) -> None:
    with open_tts(path) as file:
        right = file.to_numpy(NAME)
        os.replace(other_of(path), path)
        assert np.array_equal(file.to_numpy(NAME), right, equal_nan=True)


def test_no_file_stays_open_after_a_read(path: Path) -> None:
    archive = archive_tools.Archive(path.parents[2])
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        archive.to_numpy("fs", NAME, *SPAN)
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_range_is_read_again_where_its_files_could_not_be_held(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive_tools.formats.identity.MOST_HELD", 0)
    archive = archive_tools.Archive(path.parents[2])
    right, other = archive.to_numpy("fs", NAME, *SPAN), other_of(path)
    from archive_tools.reading import ranges

    load, replaced = ranges.loaded, []

    def late(*arguments: object) -> object:
        if not replaced:
            replaced.append(os.replace(other, path))
        return load(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ranges, "loaded", late)
    assert np.array_equal(archive.to_numpy("fs", NAME, *SPAN), right * 2, equal_nan=True)
    assert replaced
    assert issubclass(InputChanged, archive_tools.TokioError)
