"""The shapes that all parts of the system share: a day, samples, a grid, findings, Darshan tables.

Frozen and checked when made. Nothing here reads or writes anything. Times are int64 seconds since
1970-01-01T00:00:00Z everywhere; a civil date has a meaning only together with its time zone
(`Day`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, order=True)
class Day:
    """One calendar day of a site: 23, 24 or 25 hours of its time zone.

    Parameters
    ----------
    date : datetime.date
    timezone : str
        IANA name of the zone, such as ``America/Los_Angeles``.
    """

    date: dt.date
    timezone: str = "UTC"

    def _midnight(self, date: dt.date) -> int:
        zone = ZoneInfo(self.timezone)
        return int(dt.datetime(date.year, date.month, date.day, tzinfo=zone).timestamp())

    @property
    def start(self) -> int:
        """First second of the day (epoch seconds, inclusive)."""
        return self._midnight(self.date)

    @property
    def end(self) -> int:
        """First second of the next day (epoch seconds, exclusive)."""
        return self._midnight(self.date + dt.timedelta(days=1))

    def rows(self, timestep: int) -> int:
        """How many rows of `timestep` seconds cover the day; the last one may reach past its
        end.
        """
        return -(-(self.end - self.start) // timestep)

    def timestamps(self, timestep: int) -> Int64:
        """Starts of the rows, int64 epoch seconds, shape (rows,)."""
        return self.start + np.arange(self.rows(timestep), dtype=np.int64) * timestep

    def expand(self, template: str) -> str:
        """A strftime template (``%Y``, ``%-m``, ...) filled in with this day."""
        return self.date.strftime(template)

    def __str__(self) -> str:
        return self.date.isoformat()


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
        if self.whole and len(self.whole) != len(self.names):
            raise ValueError(
                f"{self.dataset}: {len(self.whole)} wholes for {len(self.names)} parts"
            )

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True)
class Grid:
    """One dataset of one day: a row a timestep, a column a component.

    Attributes
    ----------
    dataset : str
    columns : tuple of str
        Unique component names, one a column.
    start, timestep : int
        Row t holds ``[start + t * timestep, start + (t + 1) * timestep)``, epoch seconds.
    values : float64 (rows, columns)
        NaN is missing: nobody measured. 0.0 is a measured zero.
    """

    dataset: str
    columns: tuple[str, ...]
    start: int
    timestep: int
    values: Float64

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.columns):
            raise ValueError(
                f"{self.dataset}: {self.values.shape} values for {len(self.columns)} columns"
            )
        if len(set(self.columns)) != len(self.columns):
            raise ValueError(f"{self.dataset}: column names are not unique")

    @property
    def timestamps(self) -> Int64:
        """Starts of the rows, int64 epoch seconds, shape (rows,)."""
        return self.start + np.arange(len(self.values), dtype=np.int64) * self.timestep


UNREADABLE = "unreadable input"
"""The kind of finding after which a day is not complete: a file or a part of one could not be read.
"""


@dataclass(frozen=True)
class Finding:
    """Something that a person may want to know about a day: counted, never fatal.

    Attributes
    ----------
    kind : str
    count : int
    where : str
        Dataset, table or file.
    detail : str
        May hold ``{amount}``.
    amount : float
        What the counted things come to.
    """

    kind: str
    count: int
    where: str = ""
    detail: str = ""
    amount: float = 0.0

    def __str__(self) -> str:
        detail = self.detail.replace("{amount}", f"{self.amount:g}")
        return (
            f"{self.kind}: {self.count}"
            + (f" in {self.where}" if self.where else "")
            + (f" ({detail})" if detail else "")
        )


class Findings:
    """The findings of one product, in the order in which they were first made; zero counts are not
    kept.
    """

    def __init__(self) -> None:
        self._items: dict[tuple[str, str, str], Finding] = {}

    def add(
        self, kind: str, count: int, where: str = "", detail: str = "", amount: float = 0.0
    ) -> None:
        """Count something; the same kind, place and detail is one finding."""
        if count:
            kind, where, detail = (
                text.encode("utf-8", "backslashreplace").decode() for text in (kind, where, detail)
            )  # names of files may be no text
            key = (kind, where, detail)
            before = self._items.get(key, Finding(kind, 0, where, detail))
            self._items[key] = Finding(
                kind, before.count + int(count), where, detail, before.amount + amount
            )

    def total(self, kind: str) -> int:
        """Sum of the counts of a kind."""
        return sum(item.count for item in self if item.kind == kind)

    def of(self, where: str) -> dict[str, int]:
        """Counts by kind of one place."""
        found: dict[str, int] = {}
        for item in self:
            if item.where == where:
                found[item.kind] = found.get(item.kind, 0) + item.count
        return found

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._items.values())

    def __len__(self) -> int:
        return len(self._items)


def shortened(names: Sequence[str], limit: int = 5) -> str:
    """The first of many names, for the detail of a finding."""
    return ", ".join(names[:limit]) + (
        f", and {len(names) - limit} more" if len(names) > limit else ""
    )


MOUNT_PATTERN = "(?:{})(?=/|$)"
"""How a regular expression of `mount_to_fsname` is matched: up to the end of a path component."""

Table = Mapping[str, npt.NDArray[Any]]


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
    ]
)
"""One traced access: position of the log in the batch, record id, bytes, seconds since the job's
start.
"""


@dataclass(frozen=True)
class Heat:
    """Bytes of one log over time by one module's calls, all ranks and files together.

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
        By log: its mount points.
    names : tuple of dict of int to str
        By log: record id to file name.
    records : mapping of str to Records
        By module: POSIX and STDIO.
    traces : structured array of `TRACE`
        DXT segments of POSIX calls.
    heat : tuple of Heat
    stripes : mapping of column name to array
        Files with Lustre records: ``log_id`` is the position in the batch.
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


METHODS = ("dxt", "heatmap", "even")
"""How bytes are placed in time, best first."""


@dataclass(frozen=True)
class DarshanPart:
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


def component_order(name: str) -> tuple[int, str]:
    """Sort key of component names: shorter first, so that oss2 < oss10 and OST000a < OST0010."""
    return len(name), name
