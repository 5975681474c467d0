"""libdarshan-util, called in process: records go straight into NumPy arrays.

The library comes inside the `darshan` wheel; the wheel's Python is not imported. Record layouts are
made from the library's own lists of counter names, so that they fit the version that is installed.
Every return code is looked at. A damaged log can still make the library crash or hang:
`pipeline.sources._isolated` reads logs in processes of their own.
"""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from archive_tools.core.errors import SourceError

DECLARATIONS = """
struct job { int64_t uid, start_sec, start_nsec, end_sec, end_nsec, nprocs,
    jobid; char metadata[1024]; };
struct mount { char type[3015]; char path[3015]; };
struct module { char *name; int len, ver, idx, partial; };
struct name { uint64_t id; char *name; };
struct base { uint64_t id; int64_t rank; };
struct dxt { struct base base; int64_t shared; char hostname[64]; int64_t write_count,
    read_count; };
struct heatmap { struct base base; double width; int64_t bins; int64_t *write, *read; };
struct lustre_component { int64_t counters[7]; char pool[16]; };
struct lustre { struct base base; int64_t components,
    stripes; struct lustre_component *comps; int64_t *osts; };
struct category { int64_t count, read, written, most_read, most_written, offsets, most_offset,
    nprocs; };
struct derived {
    int64_t total_bytes;
    double unique_io, unique_rw, unique_md;
    int unique_slowest_rank;
    double shared_io, agg_perf, agg_time;
    struct category categories[7];
};
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
int darshan_accumulator_create(int, int64_t, void **);
int darshan_accumulator_inject(void *, void *, int);
int darshan_accumulator_emit(void *, struct derived *, void *);
int darshan_accumulator_destroy(void *);
"""
EXE_BYTES = 8192
"""The library writes at most 4,096 bytes."""
MODULES = {
    "POSIX": "posix",
    "STDIO": "stdio",
    "MPI-IO": "mpiio",
    "H5F": "h5f",
    "H5D": "h5d",
    "PNETCDF_FILE": "pnetcdf_file",
    "PNETCDF_VAR": "pnetcdf_var",
    "DFS": "dfs",
    "DAOS": "daos",
}
"""Modules whose records are counters, and the prefix of their counter names in the library."""
EXTRA_HEAD = {"H5D": [("file_id", "<u8")], "PNETCDF_VAR": [("file_id", "<u8")]}
EXTRA_TAIL = {"DFS": [("uuids", "V32")], "DAOS": [("uuids", "V32"), ("oid", "V16")]}
CATEGORIES = (
    "total_files",
    "read_only_files",
    "write_only_files",
    "read_write_files",
    "unique_files",
    "shared_files",
    "partly_shared_files",
)
"""Kinds of file that the library's accumulators count."""


@functools.cache
def _library() -> tuple[Any, Any]:
    import cffi

    ffi = cffi.FFI()
    ffi.cdef(DECLARATIONS)
    for prefix in MODULES.values():
        ffi.cdef(f"extern char *{prefix}_counter_names[]; extern char *{prefix}_f_counter_names[];")
    found = importlib.util.find_spec("darshan")
    if not found or not found.origin:
        raise SourceError("the package darshan is not installed", hint="pip install darshan")
    libraries = sorted(
        Path(found.origin).parent.with_name("darshan.libs").glob("libdarshan-util*.so*")
    )
    if not libraries:
        raise SourceError(
            f"no libdarshan-util beside {Path(found.origin).parent}",
            hint="install the darshan wheel for this platform",
        )
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
    """Layout of a module's records: id, rank, counters, fcounters, and what else the module has."""
    integers, floats = counters(module)
    body = [("counters", "<i8", (len(integers),)), ("fcounters", "<f8", (len(floats),))]
    return np.dtype(
        [
            ("id", "<u8"),
            ("rank", "<i8"),
            *EXTRA_HEAD.get(module, []),
            *body,
            *EXTRA_TAIL.get(module, []),
        ]
    )


@dataclass(frozen=True)
class Heatmap:
    """Bytes over time by one interface, summed over the ranks.

    Attributes
    ----------
    width : float
        Seconds a bin.
    read, written : int64 (bins,)
    """

    width: float
    read: npt.NDArray[np.int64]
    written: npt.NDArray[np.int64]


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
    ffi, library = _library()
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
    ffi, library = _library()
    handle = library.darshan_log_open(bytes(path))
    if handle == ffi.NULL:
        raise SourceError(_why_not(path))
    try:
        job = ffi.new("struct job *")
        if library.darshan_log_get_job(handle, job) != 0:
            raise SourceError("truncated or damaged: the job data cannot be read")
        return job.start_sec + job.start_nsec / 1e9, job.end_sec + 1 + job.end_nsec / 1e9
    finally:
        library.darshan_log_close(handle)


MAGIC = (6567223).to_bytes(8, "little"), (6567223).to_bytes(8, "big")
"""At byte 8 of a log, in the byte order of the machine that wrote it (darshan-log-format.h)."""


def _why_not(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(16)
    if len(head) < 16 or head[8:] not in MAGIC:
        return "not a Darshan log"
    return "truncated or damaged: the header cannot be read"


def _text(ffi: Any, chars: Any, most: int = -1) -> str:
    if chars == ffi.NULL:
        raise SourceError("truncated or damaged: a name is missing")
    return str(ffi.string(chars, most).decode("utf-8", "backslashreplace"))


def _read(ffi: Any, library: Any, handle: Any) -> Log:
    job = ffi.new("struct job *")
    if library.darshan_log_get_job(handle, job) != 0:
        raise SourceError("truncated or damaged: the job data cannot be read")
    exe = ffi.new("char[]", EXE_BYTES)
    if library.darshan_log_get_exe(handle, exe) != 0:
        raise SourceError("truncated or damaged: the command line cannot be read")
    runtime = ffi.new("double *")
    if library.darshan_log_get_job_runtime(handle, job[0], runtime) != 0:
        raise SourceError("truncated or damaged: the run time cannot be read")
    modules = _modules(ffi, library, handle)
    names = _names(ffi, library, handle)
    index = {name: module.idx for name, module in modules.items()}
    segments, too_new = _traces(ffi, library, handle, modules)
    return Log(
        version=_text(
            ffi, ffi.cast("char *", handle), 8
        ),  # the handle begins with the version string
        uid=job.uid,
        nprocs=job.nprocs,
        jobid=job.jobid,
        start=job.start_sec + job.start_nsec / 1e9,
        end=job.end_sec + job.end_nsec / 1e9,
        runtime=runtime[0],
        exe=_text(ffi, exe),
        metadata=dict(
            line.split("=", 1) for line in _text(ffi, job.metadata, 1024).split("\n") if "=" in line
        ),
        mounts=_mounts(ffi, library, handle),
        names=names,
        records={
            name: _records(ffi, library, handle, name, index[name])
            for name in MODULES
            if name in index
        },
        modules={name: module.partial for name, module in modules.items()},
        segments=segments,
        heatmaps=(
            _heatmaps(ffi, library, handle, index["HEATMAP"], names) if "HEATMAP" in index else {}
        ),
        lustre=tuple(_lustre(ffi, library, handle, index["LUSTRE"])) if "LUSTRE" in index else (),
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
            found[name] = _segments(ffi, library, handle, name, modules[name].idx)
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
            _text(ffi, found[0][i].name): _Module(
                found[0][i].idx, found[0][i].ver, bool(found[0][i].partial)
            )
            for i in range(count[0])
        }
    finally:
        library.darshan_free(found[0])


def _mounts(ffi: Any, library: Any, handle: Any) -> tuple[tuple[str, str], ...]:
    found, count = ffi.new("struct mount **"), ffi.new("int *")
    if library.darshan_log_get_mounts(handle, found, count) != 0:
        raise SourceError("truncated or damaged: the mount table cannot be read")
    try:
        return tuple(
            (_text(ffi, found[0][i].path, 3015), _text(ffi, found[0][i].type, 3015))
            for i in range(count[0])
        )
    finally:
        library.darshan_free(found[0])


def _names(ffi: Any, library: Any, handle: Any) -> dict[int, str]:
    found, count = ffi.new("struct name **"), ffi.new("int *")
    library.darshan_log_get_name_records(handle, found, count)
    if count[0] < 0:
        raise SourceError("truncated or damaged: the file names cannot be read")
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


def _records(ffi: Any, library: Any, handle: Any, module: str, index: int) -> npt.NDArray[Any]:
    """All records of a module: the library fills slots of an array that doubles as it fills up."""
    dtype, get = record_dtype(module), library.darshan_log_get_record
    parts: list[npt.NDArray[Any]] = []
    size, slot = 64, ffi.new("void **")
    while True:
        records = np.zeros(size, dtype=dtype)
        base = ffi.cast("char *", records.ctypes.data)
        for count in range(size):
            slot[0] = base + count * dtype.itemsize
            code = get(handle, index, slot)
            if code <= 0:
                if code < 0:
                    raise SourceError(
                        f"truncated or damaged: record {count + sum(len(part) for part in parts)}"
                        f" of module {module} cannot be read"
                    )
                parts.append(records[:count])
                return np.concatenate(parts) if len(parts) > 1 else parts[0]
        parts.append(records)
        size = min(2 * size, 65_536)


def _each(ffi: Any, library: Any, handle: Any, module: str, index: int, kind: str) -> Any:
    """Records that the library allocates itself, one after the other; each is freed when the next
    is asked for.
    """
    count = 0
    while True:
        slot = ffi.new("void **")
        code = library.darshan_log_get_record(handle, index, slot)
        if code < 0:
            raise SourceError(
                f"truncated or damaged: record {count} of module {module} cannot be read"
            )
        if code == 0:
            return
        try:
            yield ffi.cast(kind, slot[0])
        finally:
            library.darshan_free(slot[0])
        count += 1


TRACE = np.dtype([("offset", "<i8"), ("length", "<i8"), ("begin", "<f8"), ("end", "<f8")])
SEGMENT = np.dtype(
    [("id", "<u8"), ("write", "?"), ("length", "<i8"), ("begin", "<f8"), ("end", "<f8")]
)


def _segments(ffi: Any, library: Any, handle: Any, module: str, index: int) -> npt.NDArray[Any]:
    parts = [np.empty(0, SEGMENT)]
    size = ffi.sizeof("struct dxt")
    for record in _each(ffi, library, handle, module, index, "struct dxt *"):
        count = record.write_count + record.read_count
        if record.write_count < 0 or record.read_count < 0:
            raise SourceError(
                f"truncated or damaged: module {module} has a negative number of segments"
            )
        trace = np.frombuffer(
            ffi.buffer(ffi.cast("char *", record) + size, count * TRACE.itemsize), dtype=TRACE
        )
        part = np.empty(count, SEGMENT)
        part["id"] = record.base.id
        part["write"] = np.arange(count) < record.write_count
        for name in ("length", "begin", "end"):
            part[name] = trace[name]
        parts.append(part)
    return np.concatenate(parts)


def _heatmaps(
    ffi: Any, library: Any, handle: Any, index: int, names: dict[int, str]
) -> dict[str, Heatmap]:
    found: dict[str, Heatmap] = {}
    for record in _each(ffi, library, handle, "HEATMAP", index, "struct heatmap *"):
        interface = names.get(record.base.id, "").removeprefix("heatmap:")
        if record.bins <= 0 or not 0 < record.width < float("inf"):
            continue
        read, written = (
            np.frombuffer(ffi.buffer(bins, record.bins * 8), dtype="<i8")
            for bins in (record.read, record.write)
        )
        before = found.get(interface)
        if before and before.width == record.width and len(before.read) >= len(read):
            before.read[: len(read)] += read
            before.written[: len(read)] += written
        else:
            read, written = read.copy(), written.copy()
            if before and before.width == record.width:
                read[: len(before.read)] += before.read
                written[: len(before.read)] += before.written
            found[interface] = Heatmap(record.width, read, written)
    return found


def _lustre(ffi: Any, library: Any, handle: Any, index: int) -> Any:
    for record in _each(ffi, library, handle, "LUSTRE", index, "struct lustre *"):
        if record.components <= 0 or record.stripes < 0:
            continue
        counters_ = [list(record.comps[i].counters) for i in range(record.components)]
        osts = tuple(ffi.unpack(record.osts, record.stripes)) if record.stripes else ()
        yield record.base.id, max(c[0] for c in counters_), max(c[1] for c in counters_), osts


@dataclass(frozen=True)
class Derived:
    """What the library's accumulators make of the records of a module.

    Attributes
    ----------
    agg_perf_by_slowest : float
        MiB/s.
    agg_time_by_slowest, unique_io_time_by_slowest, shared_io_time_by_slowest : float
        Seconds.
    categories : dict of str to int
        Files of each kind of `CATEGORIES`.
    total_bytes : int
    unique_rw_time, unique_md_time : float
        Seconds.
    unique_slowest_rank : int
    total : structured scalar
        One record of the module, added up.
    """

    agg_perf_by_slowest: float
    agg_time_by_slowest: float
    unique_io_time_by_slowest: float
    shared_io_time_by_slowest: float
    categories: dict[str, int]
    total_bytes: int
    unique_rw_time: float
    unique_md_time: float
    unique_slowest_rank: int
    total: Any = field(repr=False)


NUMBERS = {
    "POSIX": 1,
    "MPI-IO": 2,
    "H5F": 3,
    "H5D": 4,
    "PNETCDF_FILE": 5,
    "PNETCDF_VAR": 6,
    "STDIO": 9,
    "DFS": 16,
    "DAOS": 17,
}
"""Module numbers of the library (darshan-log-format.h)."""


def derived(module: str, records: npt.NDArray[Any], nprocs: int) -> Derived | None:
    """The accumulators' results for all records of a module in one log; None where the library
    declines.
    """
    ffi, library = _library()
    accumulator = ffi.new("void **")
    if (
        not len(records)
        or library.darshan_accumulator_create(NUMBERS[module], nprocs, accumulator) != 0
    ):
        return None
    try:
        records = np.ascontiguousarray(records)
        found, summary = ffi.new("struct derived *"), np.zeros(1, records.dtype)
        if (
            library.darshan_accumulator_inject(
                accumulator[0], ffi.cast("void *", records.ctypes.data), len(records)
            )
            != 0
        ):
            return None
        if (
            library.darshan_accumulator_emit(
                accumulator[0], found, ffi.cast("void *", summary.ctypes.data)
            )
            != 0
        ):
            return None
        counts = {name: found.categories[i].count for i, name in enumerate(CATEGORIES)}
        times = found.agg_perf, found.agg_time, found.unique_io, found.shared_io
        return Derived(
            *times,
            counts,
            found.total_bytes,
            found.unique_rw,
            found.unique_md,
            found.unique_slowest_rank,
            summary[0],
        )
    finally:
        library.darshan_accumulator_destroy(accumulator[0])
