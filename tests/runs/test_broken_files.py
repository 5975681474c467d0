"""Errors of a disk, a server of files and limits, as libraries give them: the file is named."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from archive_tools.core.errors import ArchiveError
from archive_tools.store.files import replacing, writable


def half_written(path: Path, error: Exception) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (OSError(errno.ESTALE, "Stale file handle"), "Stale file handle"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
        (sqlite3.OperationalError("disk I/O error"), "Input/output error"),
        (sqlite3.OperationalError("unable to open database file"), "Input/output error"),
    ],
)
def test_an_error_that_names_no_file_is_told_with_the_file(
    tmp_path: Path, error: Exception, said: str
) -> None:
    path = tmp_path / "scratch.hdf5"
    path.write_text("as it was")
    with pytest.raises(ArchiveError, match=f"scratch.hdf5 was not written: {said}"):
        half_written(path, error)
    assert path.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_of_another_file_is_that_files(tmp_path: Path) -> None:
    error = OSError(errno.EIO, "Input/output error", "/elsewhere/log.darshan")
    with pytest.raises(OSError, match="elsewhere"), writable(tmp_path / "scratch.hdf5"):
        raise error
