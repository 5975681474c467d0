"""libdarshan-util, called in process: records go straight into NumPy arrays.

The library comes inside the `darshan` wheel; the wheel's Python is not imported. Record layouts are made from
the library's own lists of counter names, so that they fit the version that is installed. Every return code is
looked at. A damaged log can still make the library crash: callers that read logs of unknown origin do so in a
process of their own.
"""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import SourceError

DECLARATIONS = """
struct job { int64_t uid, start_sec, start_nsec, end_sec, end_nsec, nprocs, jobid; char metadata[1024]; };
struct mount { char type[3015]; char path[3015]; };
struct module { char *name; int len, ver, idx, partial; };
struct name { uint64_t id; char *name; };
void *darshan_log_open(char *);
void darshan_log_close(void *);
int darshan_log_get_job(void *, struct job *);
int darshan_log_get_exe(void *, char *);
int darshan_log_get_mounts(void *, struct mount **, int *);
void darshan_log_get_modules(void *, struct module **, int *);
void darshan_log_get_name_records(void *, struct name **, int *);
int darshan_log_get_record(void *, int, void **);
int darshan_log_get_job_runtime(void *, struct job, double *);
void darshan_free(void *);
extern char *posix_counter_names[];
extern char *posix_f_counter_names[];
extern char *stdio_counter_names[];
extern char *stdio_f_counter_names[];
"""
EXE_BYTES = 8192
"""The library writes at most 4,096 bytes."""
MODULES = {"POSIX": "posix", "STDIO": "stdio"}
"""Modules that are read, and the prefix of their counter names in the library."""


@functools.cache
def _library() -> tuple[Any, Any]:
    import cffi

    ffi = cffi.FFI()
    ffi.cdef(DECLARATIONS)
    found = importlib.util.find_spec("darshan")
    if not found or not found.origin:
        raise SourceError("the package darshan is not installed", hint="pip install darshan")
    libraries = sorted(Path(found.origin).parent.with_name("darshan.libs").glob("libdarshan-util*.so*"))
    if not libraries:
        raise SourceError(f"no libdarshan-util beside {Path(found.origin).parent}", hint="install the darshan wheel for this platform")
    return ffi, ffi.dlopen(str(libraries[0]))


@functools.cache
def counters(module: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of a module's integer counters and of its floating-point counters, in record order."""
    ffi, library = _library()

    def names(variable: str) -> tuple[str, ...]:
        array = getattr(library, variable)
        found: list[str] = []
        while not (name := ffi.string(array[len(found)]).decode("ascii")).endswith("NUM_INDICES"):
            found.append(name)
        return tuple(found)

    prefix = MODULES[module]
    return names(f"{prefix}_counter_names"), names(f"{prefix}_f_counter_names")


@functools.cache
def record_dtype(module: str) -> np.dtype[Any]:
    """Layout of a module's records: id, rank, counters, fcounters."""
    integers, floats = counters(module)
    return np.dtype([("id", "<u8"), ("rank", "<i8"), ("counters", "<i8", (len(integers),)), ("fcounters", "<f8", (len(floats),))])


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
    mounts : tuple of str
        Mount points.
    names : dict of int to str
        Record id to file name.
    records : dict of str to structured array (records,)
        Module name to records of `record_dtype`.
    modules : dict of str to bool
        Every module of the log, also those not read, and whether its data is partial.
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
    mounts: tuple[str, ...]
    names: dict[int, str]
    records: dict[str, npt.NDArray[Any]] = field(repr=False)
    modules: dict[str, bool]


def read(path: Path) -> Log:
    """Read a log.

    Raises
    ------
    SourceError
        The library refuses it: not a log, truncated, or of a version that it does not know.
    """
    ffi, library = _library()
    handle = library.darshan_log_open(bytes(path))
    if handle == ffi.NULL:
        raise SourceError("not a Darshan log, or one that is cut off")
    try:
        return _read(ffi, library, handle)
    finally:
        library.darshan_log_close(handle)


def _text(ffi: Any, chars: Any, most: int = -1) -> str:
    return str(ffi.string(chars, most).decode("utf-8", "backslashreplace"))


def _read(ffi: Any, library: Any, handle: Any) -> Log:
    job = ffi.new("struct job *")
    if library.darshan_log_get_job(handle, job) != 0:
        raise SourceError("the job data cannot be read")
    exe = ffi.new("char[]", EXE_BYTES)
    if library.darshan_log_get_exe(handle, exe) != 0:
        raise SourceError("the command line cannot be read")
    runtime = ffi.new("double *")
    if library.darshan_log_get_job_runtime(handle, job[0], runtime) != 0:
        raise SourceError("the run time cannot be read")
    modules = _modules(ffi, library, handle)
    return Log(
        version=_text(ffi, ffi.cast("char *", handle), 8),  # the handle begins with the version string
        uid=job.uid,
        nprocs=job.nprocs,
        jobid=job.jobid,
        start=job.start_sec + job.start_nsec / 1e9,
        end=job.end_sec + job.end_nsec / 1e9,
        runtime=runtime[0],
        exe=_text(ffi, exe),
        metadata=dict(line.split("=", 1) for line in _text(ffi, job.metadata, 1024).split("\n") if "=" in line),
        mounts=_mounts(ffi, library, handle),
        names=_names(ffi, library, handle),
        records={name: _records(ffi, library, handle, name, modules[name][0]) for name in MODULES if name in modules},
        modules={name: partial for name, (_, partial) in modules.items()},
    )


def _modules(ffi: Any, library: Any, handle: Any) -> dict[str, tuple[int, bool]]:
    found, count = ffi.new("struct module **"), ffi.new("int *")
    library.darshan_log_get_modules(handle, found, count)
    try:
        return {_text(ffi, found[0][i].name): (found[0][i].idx, bool(found[0][i].partial)) for i in range(count[0])}
    finally:
        library.darshan_free(found[0])


def _mounts(ffi: Any, library: Any, handle: Any) -> tuple[str, ...]:
    found, count = ffi.new("struct mount **"), ffi.new("int *")
    if library.darshan_log_get_mounts(handle, found, count) != 0:
        raise SourceError("the mount table cannot be read")
    try:
        return tuple(_text(ffi, found[0][i].path, 3015) for i in range(count[0]))
    finally:
        library.darshan_free(found[0])


def _names(ffi: Any, library: Any, handle: Any) -> dict[int, str]:
    found, count = ffi.new("struct name **"), ffi.new("int *")
    library.darshan_log_get_name_records(handle, found, count)
    if count[0] < 0:
        raise SourceError("the file names cannot be read")
    names = {}
    for i in range(count[0]):
        names[found[0][i].id] = _text(ffi, found[0][i].name)
        library.darshan_free(found[0][i].name)
    if found[0] != ffi.NULL:
        library.darshan_free(found[0])
    return names


def _records(ffi: Any, library: Any, handle: Any, module: str, index: int) -> npt.NDArray[Any]:
    """All records of a module: the library fills slots of an array that doubles as it fills up."""
    records = np.zeros(64, dtype=record_dtype(module))
    slot, count = ffi.new("void **"), 0
    while True:
        if count == len(records):
            records = np.concatenate([records, np.zeros_like(records)])
        slot[0] = ffi.cast("void *", records.ctypes.data + count * records.itemsize)
        code = library.darshan_log_get_record(handle, index, slot)
        if code < 0:
            raise SourceError(f"record {count} of module {module} cannot be read")
        if code == 0:
            return records[:count]
        count += 1
