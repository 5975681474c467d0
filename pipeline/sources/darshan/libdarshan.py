"""libdarshan-util, called in process: records go straight into NumPy arrays.

The library comes inside the `darshan` wheel; the wheel's Python is not imported. Record layouts are
made from the library's own lists of counter names, so that they fit the version that is installed.
Every return code is looked at. A damaged log can still make the library crash or hang:
`pipeline.processes.isolated` reads logs in processes of their own.

A log is what its `ESSENTIAL` modules say. Another module that is damaged, or newer than the
library, costs itself. Traces (DXT) are read without it, whatever versions it knows.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from archive_tools.core.errors import SourceError
from pipeline.sources.darshan import dxt, log_checks, log_header
from pipeline.sources.darshan.library import MODULES, damaged, loaded_library, text_of
from pipeline.sources.darshan.modules import Heatmap, Stripes, striped_files
from pipeline.sources.darshan.open_log import ESSENTIAL, LATER, OpenLog

EXE_BYTES = 8192
"""The library writes at most 4,096 bytes."""


@dataclass(frozen=True)
class Log:
    """One log, as the library gives it.

    Attributes
    ----------
    version : str
        Of the log format.
    uid, nprocs, jobid : int
    start, end : float
        Epoch seconds.
    runtime : float
        Seconds.
    exe : str
        Command line; bytes that are not UTF-8 as ``\\xNN``.
    metadata : dict of str to str
    mounts : tuple of (str, str)
        Mount points and their types.
    names : dict of int to str
        Record id to file name.
    records : dict of str to structured array (records,)
        Module name to records of `record_dtype`.
    modules : dict of str to bool
        Every module of the log, and whether its data is partial.
    segments : dict of str to structured array (segments,)
        "DXT_POSIX", "DXT_MPIIO": file id, write (bool), offset, length (bytes), begin, end (s since
        the job's start).
    heatmaps : dict of str to tuple of Heatmap
        "POSIX", "STDIO", "MPIIO": one for each width of bins.
    lustre : tuple of (int, int, int, tuple of int)
        By file: id, stripe size, stripe count, OST numbers.
    unreadable : tuple of str
        Modules that are damaged, or of a version that is newer than what is read; the log is whole
        without them.
    is_trusted : bool
        False where the library failed on a damaged module: it may have damaged the memory of the
        process.
    """

    version: str
    uid: int
    nprocs: int
    jobid: int
    start: float
    end: float
    runtime: float
    exe: str
    metadata: dict[str, str]
    mounts: tuple[tuple[str, str], ...]
    names: dict[int, str]
    records: dict[str, npt.NDArray[Any]] = field(repr=False)
    modules: dict[str, bool]
    segments: dict[str, npt.NDArray[Any]] = field(repr=False)
    heatmaps: dict[str, tuple[Heatmap, ...]] = field(repr=False)
    lustre: tuple[Stripes, ...] = field(repr=False)
    unreadable: tuple[str, ...]
    is_trusted: bool = True


def read(
    path: Path,
    *,
    name: str = "",
    only_essential: bool = False,
    most: int = log_header.MOST,
) -> Log:
    """Read a log.

    Parameters
    ----------
    path : pathlib.Path
    name : str
        What it is called, where the path does not say that.
    only_essential : bool
        Leave out what the library may die of: all modules but the `ESSENTIAL` ones are unreadable.
    most : int
        Bytes that a region of the log may unpack to.

    Raises
    ------
    SourceError
        The library refuses it: not a log, truncated, or of a version that it does not know; or the
        library is not given it, see `log_checks`.
    """
    ffi, library = loaded_library()
    with OpenLog(ffi, library, path, name or path.name, only_essential, most) as log:
        return _read(ffi, library, log)


def times(path: Path) -> tuple[float, float]:
    """Start and end of a log's job (epoch seconds), without reading more than its head.

    Raises
    ------
    SourceError
        The library refuses the log.
    """
    ffi, library = loaded_library()
    handle = library.darshan_log_open(bytes(path))
    if handle == ffi.NULL:
        raise SourceError(log_header.why_refused(path, path.name))
    try:
        with path.open("rb", buffering=0) as file:
            if header := log_header.header_in(file):
                log_checks.job_text(file, header)
        job = ffi.new("struct job *")
        if library.darshan_log_get_job(handle, job) != 0:
            raise damaged("the job data cannot be read")
        return job.start_sec + job.start_nsec / 1e9, job.end_sec + 1 + job.end_nsec / 1e9
    finally:
        library.darshan_log_close(handle)


def _read(ffi: Any, library: Any, log: OpenLog) -> Log:
    handle = log.handle
    job = ffi.new("struct job *")
    if library.darshan_log_get_job(handle, job) != 0:
        raise damaged("the job data cannot be read")
    exe = ffi.new("char[]", EXE_BYTES)
    if library.darshan_log_get_exe(handle, exe) != 0:
        raise damaged("the command line cannot be read")
    runtime = ffi.new("double *")
    if library.darshan_log_get_job_runtime(handle, job[0], runtime) != 0:
        raise damaged("the run time cannot be read")
    mounts = log.mounts()
    handle = log.handle
    version = text_of(ffi, ffi.cast("char *", handle), 8)  # the handle begins with it
    records, segments = {}, {}
    for name in (*ESSENTIAL, *(name for name in MODULES if name not in ESSENTIAL)):
        if name in ESSENTIAL and name in log.modules:
            records[name] = log.essential(name)
        elif (found := log.tried(name, functools.partial(log.records, name))) is not None:
            records[name] = found
    lustre = log.tried("LUSTRE", lambda _: log.stripes())
    heat = log.heat_maps()
    for name in dxt.NUMBERS:
        if (trace := log.traced(name)) is not None:
            segments[name] = trace
    return Log(
        version=version,
        uid=job.uid,
        nprocs=job.nprocs,
        jobid=job.jobid,
        start=job.start_sec + job.start_nsec / 1e9,
        end=job.end_sec + job.end_nsec / 1e9,
        runtime=runtime[0],
        exe=text_of(ffi, exe) or log_header.command_line(log.path, log.header),
        metadata=dict(
            line.split("=", 1)
            for line in text_of(ffi, job.metadata, 1024).split("\n")
            if "=" in line
        ),
        mounts=mounts,
        names=log.names,
        records=records,
        modules={name: module.partial for name, module in log.modules.items()},
        segments=segments,
        heatmaps=heat or {},
        lustre=striped_files(lustre or ()),
        unreadable=tuple(
            sorted([*log.unreadable, *(name for name in log.modules if name.startswith(LATER))])
        ),
        is_trusted=log.is_trusted,
    )
