"""One Darshan log in Python, read in a process of its own.

The reader is a program of the pipeline: a log that makes the library crash, hang or outgrow its
memory raises an error here, and a file `pipeline.py` beside the user's script is not run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from archive_tools.core import packing
from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.child_environment import without_secrets
from archive_tools.core.errors import BadArgument, NotFound, SourceError
from archive_tools.core.extras import check_extra

READER = "from pipeline.building.one_log import main; main()"
"""The program that reads a log: run, never imported here."""


@dataclass(frozen=True)
class ModuleRecords:
    """The records of one module.

    Attributes
    ----------
    file : str (n,)
        Names of files; the record's id where the log does not have its name.
    id : uint64 (n,)
    rank : int64 (n,)
        -1 for a record of all ranks together.
    counters, fcounters : tuple of str
        Names of the columns of `values` and `fvalues`, such as ``POSIX_BYTES_READ``.
    values : int64 (n, len(counters))
        -1 is not available.
    fvalues : float64 (n, len(fcounters))
    """

    file: npt.NDArray[Any] = field(repr=False)
    id: npt.NDArray[np.uint64] = field(repr=False)
    rank: Int64 = field(repr=False)
    counters: tuple[str, ...]
    fcounters: tuple[str, ...]
    values: Int64 = field(repr=False)
    fvalues: Float64 = field(repr=False)

    def __len__(self) -> int:
        return len(self.rank)

    def __getitem__(self, counter: str) -> npt.NDArray[Any]:
        """The values of a counter, one a record.

        Raises
        ------
        NotFound
            The module has no such counter.
        """
        if counter in self.counters:
            return self.values[:, self.counters.index(counter)]
        if counter in self.fcounters:
            return self.fvalues[:, self.fcounters.index(counter)]
        raise NotFound(f"no counter {counter!r}", expected=", ".join(self.counters[:4]) + ", ...")


@dataclass(frozen=True)
class LogSeries:
    """Bytes of a log over time, placed as the archive places them.

    Attributes
    ----------
    timestep : int
        Seconds a row.
    time : int64 (rows,)
        Starts of the rows, epoch seconds: multiples of `timestep`.
    mounts : tuple of str
        Mount points: the columns.
    bytes_read, bytes_written : float64 (rows, mounts)
        Whole numbers.
    outside : int
        Bytes at times that are not in the rows; not 0 only where the log's times are damaged, or
        its job was longer than 31 days.
    """

    timestep: int
    time: Int64 = field(repr=False)
    mounts: tuple[str, ...]
    bytes_read: Float64 = field(repr=False)
    bytes_written: Float64 = field(repr=False)
    outside: int


@dataclass(frozen=True)
class DarshanLog:
    """What a Darshan log says.

    Attributes
    ----------
    header : dict
        `jobid` (text), `uid`, `username` (of the log's name), `exe`, `cmdline`, `nprocs`,
        `start_time`, `end_time` (epoch seconds), `walltime` (s), `version`, `lib_version`,
        `metadata`; lists of `modules`, and which of them are partial or unreadable.
    mounts : dict of str to str
        Mount points and their types.
    modules : dict of str to ModuleRecords
        By the name of the module, such as ``POSIX`` or ``MPI-IO``.
    by_mount : dict of str to dict
        Sums of POSIX and STDIO for each mount point that was used: the figures of the table
        `summaries` of an index. None is not available, or never.
    stripes : dict of str to (int, tuple of int)
        Files with Lustre records: stripe size and numbers of the OSTs.
    series : LogSeries
    """

    header: dict[str, Any]
    mounts: dict[str, str]
    modules: dict[str, ModuleRecords]
    by_mount: Mapping[str, Mapping[str, int | float | None]]
    stripes: dict[str, tuple[int, tuple[int, ...]]] = field(repr=False)
    series: LogSeries


Answer = tuple[list[str], DarshanLog | None]
"""What the program hands over: the fields of an error, or the log."""


def read_darshan_log(path: str | Path, *, timestep: int = 60) -> DarshanLog:
    """Read a Darshan log.

    Parameters
    ----------
    path : str or pathlib.Path
    timestep : int
        Seconds a row of the series.

    Raises
    ------
    NotFound
        There is no such file.
    SourceError
        It cannot be read, and why.
    MissingPackage
        ``pip install 'tokio-archive[darshan]'`` has what reads logs.
    """
    path = Path(path)
    if isinstance(timestep, bool) or not isinstance(timestep, int) or not 1 <= timestep <= 86_400:
        raise BadArgument(f"timestep {timestep!r}", expected="whole seconds, 1 to 86400")
    if not path.is_file():
        raise NotFound(f"no file {path}")
    check_extra("darshan", "reading Darshan logs")
    command = [sys.executable, "-P", "-c", READER, str(timestep), os.fspath(path.absolute())]
    ended = subprocess.run(
        command, capture_output=True, check=False, env=without_secrets(os.environ)
    )
    if ended.returncode:
        said = ended.stderr.decode("utf-8", "backslashreplace").split()
        raise SourceError(
            f"the reader of Darshan logs ended with exit code {ended.returncode}",
            got=" ".join(said)[-300:],
        )
    try:
        answer: Answer = packing.decode(ended.stdout, Answer)
        error, log = answer
        if log is None:
            raise packing.error_of(error)
    except packing.BadMessage as problem:
        raise SourceError(
            "the reader of Darshan logs gave something else", got=str(problem)
        ) from None
    return log
