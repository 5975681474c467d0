"""libdarshan-util, called in process: records go straight into NumPy arrays.

The library comes inside the `darshan` wheel; the wheel's Python is not imported. Record layouts are
made from the library's own lists of counter names, so that they fit the version that is installed.
Every return code is looked at. A damaged log can still make the library crash or hang:
`pipeline.processes.isolated` reads logs in processes of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy.typing as npt

from archive_tools.core.errors import SourceError
from archive_tools.core.vocabulary import RejectReason
from pipeline.sources.darshan.library import MODULES, damaged, loaded_library, text_of
from pipeline.sources.darshan.modules import (
    Heatmap,
    counter_records,
    heat_maps,
    lustre_stripes,
    traced_segments,
)

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
        "DXT_POSIX", "DXT_MPIIO": file id, write (bool), length (bytes), begin, end (s since the
        job's start).
    heatmaps : dict of str to Heatmap
        "POSIX", "STDIO", "MPIIO".
    lustre : tuple of (int, int, int, tuple of int)
        By file: id, stripe size, stripe count, OST numbers.
    unreadable : tuple of str
        Modules of a version that the installed library is too old for; the log is whole without
        them.
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
    heatmaps: dict[str, Heatmap] = field(repr=False)
    lustre: tuple[tuple[int, int, int, tuple[int, ...]], ...] = field(repr=False)
    unreadable: tuple[str, ...]


def read(path: Path) -> Log:
    """Read a log.

    Raises
    ------
    SourceError
        The library refuses it: not a log, truncated, or of a version that it does not know.
    """
    ffi, library = loaded_library()
    handle = library.darshan_log_open(bytes(path))
    if handle == ffi.NULL:
        raise SourceError(_why_not(path))
    try:
        return _read(ffi, library, handle)
    finally:
        library.darshan_log_close(handle)


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
        raise SourceError(_why_not(path))
    try:
        job = ffi.new("struct job *")
        if library.darshan_log_get_job(handle, job) != 0:
            raise damaged("the job data cannot be read")
        return job.start_sec + job.start_nsec / 1e9, job.end_sec + 1 + job.end_nsec / 1e9
    finally:
        library.darshan_log_close(handle)


MAGIC = (6567223).to_bytes(8, "little"), (6567223).to_bytes(8, "big")
"""At byte 8 of a log, in the byte order of the machine that wrote it (darshan-log-format.h)."""


def _why_not(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(16)
    if len(head) < 16 or head[8:] not in MAGIC:
        return RejectReason.NOT_A_LOG.sentence()
    return RejectReason.DAMAGED.sentence("the header cannot be read")


def _read(ffi: Any, library: Any, handle: Any) -> Log:
    job = ffi.new("struct job *")
    if library.darshan_log_get_job(handle, job) != 0:
        raise damaged("the job data cannot be read")
    exe = ffi.new("char[]", EXE_BYTES)
    if library.darshan_log_get_exe(handle, exe) != 0:
        raise damaged("the command line cannot be read")
    runtime = ffi.new("double *")
    if library.darshan_log_get_job_runtime(handle, job[0], runtime) != 0:
        raise damaged("the run time cannot be read")
    modules = _modules(ffi, library, handle)
    names = _names(ffi, library, handle)
    index = {name: module.idx for name, module in modules.items()}
    segments, too_new = _traces(ffi, library, handle, modules)
    return Log(
        version=text_of(
            ffi, ffi.cast("char *", handle), 8
        ),  # the handle begins with the version string
        uid=job.uid,
        nprocs=job.nprocs,
        jobid=job.jobid,
        start=job.start_sec + job.start_nsec / 1e9,
        end=job.end_sec + job.end_nsec / 1e9,
        runtime=runtime[0],
        exe=text_of(ffi, exe),
        metadata=dict(
            line.split("=", 1)
            for line in text_of(ffi, job.metadata, 1024).split("\n")
            if "=" in line
        ),
        mounts=_mounts(ffi, library, handle),
        names=names,
        records={
            name: counter_records(ffi, library, handle, name, index[name])
            for name in MODULES
            if name in index
        },
        modules={name: module.partial for name, module in modules.items()},
        segments=segments,
        heatmaps=(
            heat_maps(ffi, library, handle, index["HEATMAP"], names) if "HEATMAP" in index else {}
        ),
        lustre=tuple(lustre_stripes(ffi, library, handle, index["LUSTRE"]))
        if "LUSTRE" in index
        else (),
        unreadable=too_new,
    )


class _Module(NamedTuple):
    idx: int
    ver: int
    partial: bool


NEWEST = {"DXT_POSIX": 1, "DXT_MPIIO": 2}
"""Versions of modules that every supported library reads; a newer one that it refuses costs the
module, not the log.
"""


def _traces(
    ffi: Any, library: Any, handle: Any, modules: dict[str, _Module]
) -> tuple[dict[str, npt.NDArray[Any]], tuple[str, ...]]:
    """The segments of the DXT modules, and the modules that are too new for the library."""
    found, too_new = {}, []
    for name in NEWEST.keys() & modules.keys():
        try:
            found[name] = traced_segments(ffi, library, handle, name, modules[name].idx)
        except SourceError:
            if modules[name].ver <= NEWEST[name]:
                raise
            too_new.append(name)
    return found, tuple(sorted(too_new))


def _modules(ffi: Any, library: Any, handle: Any) -> dict[str, _Module]:
    found, count = ffi.new("struct module **"), ffi.new("int *")
    library.darshan_log_get_modules(handle, found, count)
    try:
        return {
            text_of(ffi, found[0][i].name): _Module(
                found[0][i].idx, found[0][i].ver, bool(found[0][i].partial)
            )
            for i in range(count[0])
        }
    finally:
        library.darshan_free(found[0])


def _mounts(ffi: Any, library: Any, handle: Any) -> tuple[tuple[str, str], ...]:
    found, count = ffi.new("struct mount **"), ffi.new("int *")
    if library.darshan_log_get_mounts(handle, found, count) != 0:
        raise damaged("the mount table cannot be read")
    try:
        return tuple(
            (text_of(ffi, found[0][i].path, 3015), text_of(ffi, found[0][i].type, 3015))
            for i in range(count[0])
        )
    finally:
        library.darshan_free(found[0])


def _names(ffi: Any, library: Any, handle: Any) -> dict[int, str]:
    found, count = ffi.new("struct name **"), ffi.new("int *")
    library.darshan_log_get_name_records(handle, found, count)
    if count[0] < 0:
        raise damaged("the file names cannot be read")
    names = {}
    string, free = (
        ffi.string,
        library.darshan_free,
    )  # looked up once: a log may have a million names
    for record in ffi.unpack(found[0], count[0]) if count[0] else ():
        names[record.id] = string(record.name).decode("utf-8", "backslashreplace")
        free(record.name)
    if found[0] != ffi.NULL:
        library.darshan_free(found[0])
    return names
