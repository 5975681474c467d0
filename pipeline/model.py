"""The shapes in which sources hand over what they read: samples, and batches of Darshan logs.

Frozen and checked when made. Nothing here reads or writes anything.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Int64, Table


@dataclass(frozen=True)
class Samples:
    """What a source measured of one dataset: one entry a measurement, in any order.

    Attributes
    ----------
    dataset : str
        Name in the catalogue, such as ``datatargets/readbytes``.
    time : int64 (n,)
        Epoch seconds of the measurement (counter, gauge) or of the interval's start (delta, rate).
    column : integer (n,)
        Index into `names`.
    value : int64 or float64 (n,)
        In the source's unit. Never missing: what was not measured is not in here.
    names : tuple of str
        Components, also those that were never measured.
    whole : tuple of str, optional
        Where `names` are parts that were measured one by one (cores, network interfaces): the
        component that each is a part of. Empty: each name is a component.
    reports : str, optional
        What this source reports, where its map cannot know it: counter, delta, rate, gauge or
        seconds.
    """

    dataset: str
    time: Int64
    column: npt.NDArray[np.integer[Any]]
    value: npt.NDArray[Any]
    names: tuple[str, ...]
    whole: tuple[str, ...] = ()
    reports: str = ""

    def __post_init__(self) -> None:
        if not (self.time.shape == self.column.shape == self.value.shape) or self.time.ndim != 1:
            raise ValueError(
                f"{self.dataset}: time {self.time.shape}, column {self.column.shape} and value"
                f" {self.value.shape} must be one-dimensional and of one length"
            )
        if len(self.column) and not 0 <= self.column.min() <= self.column.max() < len(self.names):
            raise ValueError(
                f"{self.dataset}: columns {self.column.min()} to {self.column.max()}, but"
                f" {len(self.names)} names"
            )
        if self.whole and len(self.whole) != len(self.names):
            raise ValueError(
                f"{self.dataset}: {len(self.whole)} wholes for {len(self.names)} parts"
            )

    def __len__(self) -> int:
        return len(self.time)

    @functools.cached_property
    def span(self) -> tuple[int, int]:
        """The times of the first and the last sample; there must be one."""
        return int(self.time.min()), int(self.time.max())

    @functools.cached_property
    def sampled(self) -> frozenset[str]:
        """The components of which there is a sample, whenever it was taken."""
        wholes = self.whole or self.names
        has_some = np.zeros(len(wholes), bool)
        has_some[self.column] = True
        return frozenset(wholes[i] for i in np.flatnonzero(has_some).tolist())

    def beside(self, dataset: str, value: npt.NDArray[Any]) -> Samples:
        """Another dataset, measured at the same times of the same components: what is known of
        these is not looked for again.
        """
        if value.shape != self.time.shape:
            raise ValueError(f"{dataset}: value {value.shape}, but time {self.time.shape}")
        found = copy.copy(self)
        known = {"span": self.span, "sampled": self.sampled} if len(self) else {}
        vars(found).update(known | {"dataset": dataset, "value": value})
        return found


MOUNT_PATTERN = "(?:{})(?=/|$)"
"""How a regular expression of `mount_to_fsname` is matched: up to the end of a path component."""


@dataclass(frozen=True)
class Records:
    """The records of one Darshan module, of many logs.

    Attributes
    ----------
    module : str
    counters, fcounters : tuple of str
        Names of the columns of `integers` and `floats`.
    log : int64 (n,)
        Position in the batch of the log that each record belongs to.
    file : uint64 (n,)
        Record id: one a file.
    integers : int64 (n, len(counters))
    floats : float64 (n, len(fcounters))
    """

    module: str
    counters: tuple[str, ...]
    fcounters: tuple[str, ...]
    log: Int64
    file: npt.NDArray[np.uint64]
    integers: Int64
    floats: Float64

    def __len__(self) -> int:
        return len(self.log)

    def counter(self, name: str) -> Int64 | None:
        """Column of an integer counter by its name without the module's prefix; None if the module
        has none.
        """
        full = f"{self.module}_{name.upper()}"
        return self.integers[:, self.counters.index(full)] if full in self.counters else None

    def stamp(self, name: str) -> Float64 | None:
        """Column of a floating-point counter, likewise."""
        full = f"{self.module}_{name.upper()}"
        return self.floats[:, self.fcounters.index(full)] if full in self.fcounters else None


TRACE = np.dtype(
    [
        ("log", "<i8"),
        ("file", "<u8"),
        ("write", "?"),
        ("length", "<i8"),
        ("begin", "<f8"),
        ("end", "<f8"),
        ("offset", "<i8"),
    ]
)
"""One traced access: position of the log in the batch, record id, bytes, seconds since the job's
start, place in the file.
"""


@dataclass(frozen=True)
class Heat:
    """Bytes of one log over time by one module's calls: all files, all ranks with this width of
    bins.

    A log has several of a module where its ranks' widths differ.

    Attributes
    ----------
    log : int
        Position in the batch.
    module : str
        POSIX or STDIO.
    width : float
        Seconds a bin; the first begins with the job.
    read, written : int64 (bins,)
    """

    log: int
    module: str
    width: float
    read: Int64
    written: Int64


class LogIdentity(NamedTuple):
    """A file among a day's logs, as it was when it was listed.

    Attributes
    ----------
    root, name : bytes
        Folder, and path below it.
    size, mtime_ns : int
        Size -1 where it cannot be looked at.
    own : bool
        False for files of neighbour days' folders.
    """

    root: bytes
    name: bytes
    size: int
    mtime_ns: int
    own: bool

    @property
    def key(self) -> tuple[bytes, bytes]:
        """What it is called, whatever its size and time."""
        return self.root, self.name


def shown(name: bytes) -> str:
    """The name of a file as text, whatever bytes it has."""
    return name.decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class LogBatch:
    """Some logs of a day, as a source reads them.

    Attributes
    ----------
    logs : mapping of column name to array (logs,)
        `docs/format.md` lists the columns; ``log_id`` is not among them yet.
    own : bool (logs,)
        False for logs of a neighbour day's folder, which count in the series only.
    rejects : mapping of column name to array
        Files that could not be read, with the reason.
    mounts : tuple of tuple of str
        By log: its mount points, and containers of DAOS.
    names : tuple of dict of int to str
        By log: record id to file name, or number to container of DAOS.
    records : mapping of str to Records
        By module: POSIX and STDIO, and DFS and DAOS, of which `file` is the container.
    traces : structured array of `TRACE`
        DXT segments of POSIX calls.
    heat : tuple of Heat
        In any order.
    stripes : mapping of column name to array
        Files with Lustre records: ``log_id`` is the position in the batch.
    lustre_mounts : tuple of frozenset of str
        By log: those of its mount points that are of Lustre. None for a source that cannot tell.
    lustre_files : tuple of frozenset of int
        By log: ids of its files that have a Lustre record.
    remarks : mapping of str to tuple of str
        By kind of finding: the day's own logs of which it is, each with what is found.
    """

    logs: Table
    own: npt.NDArray[np.bool_]
    rejects: Table
    mounts: tuple[tuple[str, ...], ...]
    names: tuple[Mapping[int, str], ...]
    records: Mapping[str, Records]
    traces: npt.NDArray[Any]
    heat: tuple[Heat, ...]
    stripes: Table
    lustre_mounts: tuple[frozenset[str], ...] = ()
    lustre_files: tuple[frozenset[int], ...] = ()
    remarks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


LONGEST_JOB_DAYS = 31
"""No job is taken to be longer: of logs that say so the times are garbage."""
MOST_NAMED = 5
"""Logs that a remark names."""


class Remark(NamedTuple):
    """Logs of which something is found.

    Attributes
    ----------
    logs : int
    some : tuple of str
        The first few of them, sorted.
    """

    logs: int
    some: tuple[str, ...]

    @classmethod
    def of(cls, names: Iterable[str]) -> Remark:
        """All of some logs."""
        ordered = sorted(names)
        return cls(len(ordered), tuple(ordered[:MOST_NAMED]))

    def __or__(self, other: Remark) -> Remark:
        """Together with other logs."""
        some = tuple(sorted((*self.some, *other.some))[:MOST_NAMED])
        return Remark(self.logs + other.logs, some)


METHODS = ("dxt", "heatmap", "even")
"""How bytes are placed in time, best first."""


@dataclass(frozen=True)
class BatchSummary:
    """What a batch of logs comes to; parts add up to a day.

    Attributes
    ----------
    logs, rejects, stripes : mapping of column name to array
    mounts : tuple of str
        Mount points that `summaries` and `series` number.
    summaries : mapping of column name to array
        A row for each log (numbered within the part) and mount point.
    series : mapping of (str, int) to float64 (rows,)
        Dataset and mount point to amounts in the day.
    outside : mapping of str to int
        By dataset: amounts of the day's own logs before or after the day.
    placed : mapping of str to int
        By method: bytes of all logs, in the day or not.
    neighbours : int
        Logs of neighbour days that touched the day.
    contradicted : mapping of str to int
        By the name of a log of the day's own: files whose traces contradict their counters or
        the heat map.
    unplaced : mapping of str to int
        By the first component of their paths: bytes of the day's own logs on file systems that the
        site does not name.
    remarks : mapping of str to Remark
        By kind of finding: the day's own logs of which it is.
    """

    logs: Table
    rejects: Table
    stripes: Table
    mounts: tuple[str, ...]
    summaries: Table
    series: Mapping[tuple[str, int], Float64]
    outside: Mapping[str, int]
    placed: Mapping[str, int]
    neighbours: int
    contradicted: Mapping[str, int]
    unplaced: Mapping[str, int]
    remarks: Mapping[str, Remark] = field(default_factory=dict)
