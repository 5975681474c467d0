"""One Darshan log for `archive_tools.read_darshan_log`.

`main` is a program with the arguments TIMESTEP and LOG: it writes an `Answer`, packed, to its
standard output. The log is read in a process of its own, as those of a day are.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archive_tools.core import packing
from archive_tools.core.day import Day
from archive_tools.core.errors import SourceError, TokioError
from archive_tools.formats.darshan_log import Answer, DarshanLog, LogSeries, ModuleRecords
from pipeline.model import LONGEST_JOB_DAYS, BatchSummary, LogBatch
from pipeline.processes import isolated
from pipeline.sources.darshan import SOURCE, libdarshan, library
from pipeline.sources.darshan.listed_logs import Listed
from pipeline.sources.darshan.log_batches import BatchReader
from pipeline.transform.darshan import Reduction, reduce_batch

READ, WRITTEN = "datatargets/readbytes", "datatargets/writebytes"
HEADER = (
    "filename",
    "jobid",
    "uid",
    "username",
    "exe",
    "exename",
    "cmdline",
    "nprocs",
    "start_time",
    "end_time",
    "walltime",
    "version",
    "lib_version",
)
LISTS = ("modules", "partial_modules", "unreadable_modules")


@dataclass(frozen=True, order=True)
class _JobTime(Day):
    """The time of a job, in place of a day."""

    first: int = 0
    seconds: int = 0

    @property
    def start(self) -> int:
        return self.first

    @property
    def end(self) -> int:
        return self.first + self.seconds


class _Reader(BatchReader):
    """Reads one log, and keeps it whole."""

    def __init__(self) -> None:
        super().__init__(0, 2**62)
        self.log: libdarshan.Log | None = None

    def _keep_times(self, number: int, log: libdarshan.Log) -> None:
        super()._keep_times(number, log)
        self.log = log

    def batch(self) -> Any:
        return super().batch(), self.log


def read(path: Path, timestep: int) -> DarshanLog:
    """Read a log; see `archive_tools.read_darshan_log`."""
    status = path.stat()
    root, name = os.path.split(os.fsencode(path))
    file = Listed(root, name, status.st_size, status.st_mtime_ns, True)
    how = functools.partial(_offered, timestep)
    shown = name.decode("utf-8", "backslashreplace")
    job = isolated.IsolatedRead([(file, shown)], _Reader, how, isolated.Limits(), DarshanLog | str)
    (found,) = isolated.run(job)
    if isinstance(found, str):
        raise SourceError(f"{path}: {found}")
    return found


def _offered(timestep: int, read: tuple[LogBatch, libdarshan.Log | None]) -> DarshanLog | str:
    """A batch of one log as users have it; why there is none."""
    batch, log = read
    if log is None:
        reasons = batch.rejects["reason"].tolist()
        return str(reasons[0]) if reasons else "neither its name nor its content is a log's"
    header = {name: column.tolist()[0] for name, column in batch.logs.items()}
    metrics = tuple(m for m in SOURCE.metrics() if m.dataset.name in (READ, WRITTEN))
    time = _time_of(header, timestep)
    summary = reduce_batch(batch, Reduction(time, timestep, {}, metrics))
    return DarshanLog(
        header=_header(header, log),
        mounts=dict(log.mounts),
        modules={name: _records(name, found, log.names) for name, found in log.records.items()},
        by_mount=_by_mount(summary),
        stripes={log.names.get(i, str(i)): (size, osts) for i, size, _, osts in log.lustre},
        series=_series(summary, time, timestep),
    )


def _header(row: dict[str, Any], log: libdarshan.Log) -> dict[str, Any]:
    lists = {name: [one for one in row[name].split(",") if one] for name in LISTS}
    return {**{name: row[name] for name in HEADER}, **lists, "metadata": dict(log.metadata)}


def _records(module: str, records: Any, names: dict[int, str]) -> ModuleRecords:
    integers, floats = library.counters(module)
    return ModuleRecords(
        file=np.array([names.get(i, str(i)) for i in records["id"].tolist()], dtype=object),
        id=records["id"].astype(np.uint64),
        rank=records["rank"].astype(np.int64),
        counters=tuple(integers),
        fcounters=tuple(floats),
        values=np.ascontiguousarray(records["counters"], dtype=np.int64),
        fvalues=np.ascontiguousarray(records["fcounters"], dtype=np.float64),
    )


def _time_of(header: dict[str, Any], timestep: int) -> _JobTime:
    start = header["start_time"]
    end = min(
        max(header["end_time"], start + header["walltime"]), start + LONGEST_JOB_DAYS * 86_400
    )
    first = math.floor(start / timestep) * timestep
    rows = math.floor((end - first) / timestep) + 1
    return _JobTime(dt.date(2000, 1, 1), first=first, seconds=max(1, rows) * timestep)


def _by_mount(summary: BatchSummary) -> dict[str, dict[str, int | float | None]]:
    columns = {name: column.tolist() for name, column in summary.summaries.items()}
    mounts = columns.pop("fs_id")
    del columns["log_id"]
    return {
        summary.mounts[mount]: {name: _known(values[n]) for name, values in columns.items()}
        for n, mount in enumerate(mounts)
    }


def _known(value: int | float) -> int | float | None:
    is_absent = value != value if isinstance(value, float) else value < 0
    return None if is_absent else value


def _series(summary: BatchSummary, time: _JobTime, timestep: int) -> LogSeries:
    used = sorted({mount for _, mount in summary.series})
    none = np.zeros(time.rows(timestep))
    if not used:
        none = none[:, np.newaxis][:, :0]
    read, written = (
        np.column_stack([summary.series.get((name, mount), none) for mount in used] or [none])
        for name in (READ, WRITTEN)
    )
    return LogSeries(
        timestep=timestep,
        time=time.timestamps(timestep),
        mounts=tuple(summary.mounts[mount] for mount in used),
        bytes_read=read,
        bytes_written=written,
        outside=sum(summary.outside.values()),
    )


def main() -> None:
    """Read the log that the arguments name."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever is printed does not get into the result
    try:
        answer: Answer = [], read(Path(sys.argv[2]), int(sys.argv[1]))
    except TokioError as error:
        answer = packing.error_fields(error), None
    except OSError as error:
        answer = packing.error_fields(SourceError(str(error))), None
    with out:
        out.write(packing.encode(answer))
