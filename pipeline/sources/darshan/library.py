"""libdarshan-util: loading it, what it declares, layouts of its records."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from archive_tools.core.errors import MissingPackage, SourceError
from archive_tools.core.extras import check_extra
from archive_tools.core.vocabulary import RejectReason

DECLARATIONS = """
struct job { int64_t uid, start_sec, start_nsec, end_sec, end_nsec, nprocs,
    jobid; char metadata[1024]; };
struct mount { char type[3015]; char path[3015]; };
struct module { char *name; int len, ver, idx, partial; };
struct base { uint64_t id; int64_t rank; };
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
int darshan_log_get_record(void *, int, void **);
int darshan_log_get_job_runtime(void *, struct job, double *);
void darshan_free(void *);
char *darshan_log_get_lib_version(void);
int darshan_accumulator_create(int, int64_t, void **);
int darshan_accumulator_inject(void *, void *, int);
int darshan_accumulator_emit(void *, struct derived *, void *);
int darshan_accumulator_destroy(void *);
"""
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
KNOWN = ("3.5",)
"""Versions of the library whose structures are those of `DECLARATIONS`, without the last number."""
COPY_AGAIN = "copy it again if it is whole elsewhere"


@functools.cache
def loaded_library() -> tuple[Any, Any]:
    """The library, and the interface that calls it; loaded once a process.

    Raises
    ------
    MissingPackage
        The library is not there, or its version is not one of `KNOWN`.
    """
    check_extra("darshan", "reading Darshan logs")
    import cffi

    ffi = cffi.FFI()
    ffi.cdef(DECLARATIONS)
    for prefix in MODULES.values():
        ffi.cdef(f"extern char *{prefix}_counter_names[]; extern char *{prefix}_f_counter_names[];")
    found = importlib.util.find_spec("darshan")
    if not found or not found.origin:
        raise MissingPackage.of("reading Darshan logs", "darshan")
    libraries = sorted(
        Path(found.origin).parent.with_name("darshan.libs").glob("libdarshan-util*.so*")
    )
    if not libraries:
        raise MissingPackage(
            f"no libdarshan-util beside {Path(found.origin).parent}",
            hint="install the darshan wheel for this platform",
        )
    library = ffi.dlopen(str(libraries[0]))
    check_version(ffi, library)
    return ffi, library


def check_version(ffi: Any, library: Any) -> None:
    """Refuse a library whose structures may be others than those declared here."""
    try:
        version = ffi.string(library.darshan_log_get_lib_version()).decode("ascii", "replace")
    except AttributeError:  # a library that does not have the function
        version = "unknown"
    if ".".join(version.split("-")[0].split(".")[:2]) not in KNOWN:
        raise MissingPackage(
            f"libdarshan-util {version!r} is not supported, known versions:"
            f" {', '.join(f'{known}.x' for known in KNOWN)}",
            hint="pip install 'tokio-archive[darshan]'",
        )


@functools.cache
def counters(module: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of a module's integer counters and of its floating-point counters, in record order."""
    ffi, library = loaded_library()

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


def damaged(what: str) -> SourceError:
    """The error for a log of which something cannot be read."""
    return SourceError(RejectReason.CORRUPT.sentence(f"{what}; {COPY_AGAIN}"))


def text_of(ffi: Any, chars: Any, most: int = -1) -> str:
    """Text of the library's characters; bytes that are not UTF-8 as ``\\xNN``."""
    if chars == ffi.NULL:
        raise damaged("a name is missing")
    return str(ffi.string(chars, most).decode("utf-8", "backslashreplace"))
