"""The files of Darshan logs that are on Lustre, by file system: how fast each was, and its OSTs.

Days of this version say which file system a file is on. Of earlier ones it is that of its log,
where the log has files on one alone, or on one alone of those that are known to be Lustre.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.errors import FormatError
from archive_tools.formats import darshan_tables

COLUMNS = ("log_id", "fs_id", "bytes", "seconds", "osts")
UNPLACED = "UNKNOWN"
"""The file system of names that are on no mount point."""


class StripedFiles(NamedTuple):
    """Some files.

    Attributes
    ----------
    file_system : str or None
        None where it is not known.
    speed : float64 (files,)
        Bytes a second.
    counts : int64 (files,)
        How many OSTs each has, one at least.
    osts : int64 (sum of counts,)
        Of one file after the other; an OST may be there twice.
    """

    file_system: str | None
    speed: Float64
    counts: Int64
    osts: Int64


def striped_files(path: Path) -> Iterator[StripedFiles]:
    """The files of a day with stripes and I/O, some at a time.

    Parameters
    ----------
    path : pathlib.Path
        A `darshan.hdf5`.

    Raises
    ------
    NotFound
        There is no such file.
    FormatError
        It is not HDF5, or has no table of stripes.
    """
    known = _FileSystems.of(path)
    for piece in darshan_tables.read_pieces(path, "stripes", COLUMNS):
        speed = piece["bytes"] / piece["seconds"]
        counts, osts = _numbers(piece["osts"])
        number = known.of_files(piece)
        for one in np.unique(number).tolist():
            its = (number == one) & (counts > 0)
            if its.any():
                name = known.names[one] if one >= 0 else None
                yield StripedFiles(name, speed[its], counts[its], osts[np.repeat(its, counts)])


class _FileSystems(NamedTuple):
    """The file systems of a day, and where its files and logs are: numbers of names, -1 where it is
    not known.
    """

    names: list[str]
    of_mounts: Int64
    of_logs: Int64

    @classmethod
    def of(cls, path: Path) -> _FileSystems:
        """Of a day; none where it has no tables of mounts and logs."""
        nothing = np.empty(0, np.int64)
        try:
            mounts = darshan_tables.read_table(path, "mounts", ("fs_id", "fsname"))
            sums = darshan_tables.read_table(path, "summaries", ("log_id", "fs_id", "posix_files"))
            logs = darshan_tables.read_table(path, "stripes", ("log_id",))["log_id"]
        except (FormatError, KeyError):
            return cls([], nothing, nothing)
        names = sorted({*mounts["fsname"].tolist()} - {UNPLACED})
        of_mounts = np.full(max(mounts["fs_id"], default=-1) + 1, -1, np.int64)
        of_mounts[mounts["fs_id"]] = [
            names.index(name) if name in names else -1 for name in mounts["fsname"].tolist()
        ]
        own = of_mounts[sums["fs_id"]]
        has_files = (own >= 0) & (sums["posix_files"] > 0)
        pairs = np.unique(np.column_stack([sums["log_id"], own])[has_files], axis=0)
        size = int(max(logs.max(initial=-1), pairs[:, 0].max(initial=-1))) + 1
        of_logs = _alone(pairs, size)
        lustre = np.unique(of_logs[logs])
        several = _alone(pairs[np.isin(pairs[:, 1], lustre)], size)
        return cls(names, of_mounts, np.where(of_logs < 0, several, of_logs))

    def of_files(self, piece: Mapping[str, npt.NDArray[Any]]) -> Int64:
        """Where some files are."""
        if not self.names:
            return np.full(len(piece["bytes"]), -1)
        if "fs_id" in piece:
            return np.take(self.of_mounts, piece["fs_id"])
        return np.take(self.of_logs, piece["log_id"])


def _alone(pairs: Int64, size: int) -> Int64:
    """Of each log the number of its file system, if it has one alone, else -1.

    Parameters
    ----------
    pairs : int64 (n, 2)
        Numbers of logs and of file systems, each pair once.
    size : int
        How many logs there are.
    """
    found = np.full(size, -1, np.int64)
    found[pairs[:, 0]] = pairs[:, 1]
    return np.where(np.bincount(pairs[:, 0], minlength=size) == 1, found, -1)


def _numbers(texts: npt.NDArray[Any]) -> tuple[Int64, Int64]:
    """Numbers that are separated by commas: how many each text has, and all of them, without those
    below 0, which older files may have.
    """
    some = [text for text in texts.tolist() if text]
    numbers = np.array(list(map(int, ",".join(some).split(","))) if some else [], dtype=np.int64)
    counts = np.array([text.count(",") + 1 if text else 0 for text in texts.tolist()], np.int64)
    owner = np.repeat(np.arange(len(texts)), counts)[numbers >= 0]
    return np.bincount(owner, minlength=len(texts)), numbers[numbers >= 0]
