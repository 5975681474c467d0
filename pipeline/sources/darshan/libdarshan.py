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
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy.typing as npt

from archive_tools.core.errors import SourceError
from pipeline.sources.darshan import dxt, log_checks, log_header
from pipeline.sources.darshan.library import MODULES, damaged, loaded_library, text_of
from pipeline.sources.darshan.modules import (
    Heatmap,
    Stripes,
    counter_records,
    heat_maps,
    lustre_stripes,
    striped_files,
)

EXE_BYTES = 8192
"""The library writes at most 4,096 bytes."""
ESSENTIAL = ("POSIX", "STDIO")
"""Modules without which a log is rejected: its bytes by file system are theirs."""
NEWEST = {
    "POSIX": 4,
    "STDIO": 2,
    "MPI-IO": 3,
    "H5F": 3,
    "H5D": 2,
    "PNETCDF_FILE": 3,
    "PNETCDF_VAR": 1,
    "DFS": 1,
    "DAOS": 1,
    "LUSTRE": 2,
    "HEATMAP": 1,
    **{name: max(versions) for name, versions in dxt.SEGMENT_BYTES.items()},
}
"""Modules that are read, and their newest versions that are read with every supported library."""
KNOWN_MODULES = 18
"""Numbers that the library has names for."""
LATER = "MODULE_"
"""Before the number of a module of a later runtime, in place of its name."""


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
    with _OpenLog(ffi, library, path, name or path.name, only_essential, most) as log:
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
        if header := log_header.header_of(path):
            log_checks.job_text(path, header)
        job = ffi.new("struct job *")
        if library.darshan_log_get_job(handle, job) != 0:
            raise damaged("the job data cannot be read")
        return job.start_sec + job.start_nsec / 1e9, job.end_sec + 1 + job.end_nsec / 1e9
    finally:
        library.darshan_log_close(handle)


class _Module(NamedTuple):
    idx: int
    ver: int
    partial: bool


Found = TypeVar("Found")


class _OpenLog:
    """A log that the library has open, and which of its modules cannot be read.

    Raises
    ------
    SourceError
        The library refuses the file, or a region that the log is nothing without ends beyond it or
        is damaged.
    """

    def __init__(
        self, ffi: Any, library: Any, path: Path, name: str, only_essential: bool, most: int
    ) -> None:
        self.ffi, self.library, self.path, self.name = ffi, library, path, name
        self.only_essential, self.most = only_essential, most
        self.unreadable: list[str] = []
        self.is_trusted = True
        self._open()
        try:
            header = log_header.header_of(path)
            if header is None:
                raise damaged("the header cannot be read")
            self.header = header
            self.modules = _modules(ffi, library, self.handle)
            needed = {self.modules[name].idx for name in ESSENTIAL if name in self.modules}
            if header.cut & (needed | log_checks.GENERAL.keys()):
                raise SourceError(log_header.truncated(header.size, header.needed))
            self.job_text = log_checks.job_text(path, header)
            self.names = log_checks.file_names(path, header, most)
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> _OpenLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self.handle != self.ffi.NULL:
            self.library.darshan_log_close(self.handle)

    def _open(self) -> None:
        self.handle = self.library.darshan_log_open(bytes(self.path))
        if self.handle == self.ffi.NULL:
            raise SourceError(log_header.why_refused(self.path, self.name))

    def mounts(self) -> tuple[tuple[str, str], ...]:
        """Path and type of each mount point; none where there is no table, as after a command line
        that fills its place.
        """
        if not log_checks.has_mounts(self.job_text):
            return ()
        try:
            return _mounts(self.ffi, self.library, self.handle)
        except SourceError:
            self._close()  # it reads nothing more of a log after a failure
            self._open()
            return ()

    def essential(self, name: str, read: Callable[[Any, int], Found]) -> Found:
        """What a module of the log is read as; a failure is the log's."""
        log_checks.check_module(self.path, self.header, name, self.most)
        try:
            return read(self.handle, self.modules[name].idx)
        except SourceError:
            if not self._is_newer(name):
                raise
            version = self.modules[name].ver
            raise SourceError(log_header.newer(f"module {name} version {version}")) from None

    def tried(self, name: str, read: Callable[[Any, int], Found]) -> Found | None:
        """What a module is read as; None where the log does not have it, or it cannot be read."""
        if name not in self.modules:
            return None
        found = None
        if not self.only_essential and self._is_sound(name):
            try:
                found = read(self.handle, self.modules[name].idx)
            except (SourceError, ValueError, OverflowError):
                self.is_trusted = self.is_trusted and self._is_newer(name)
                self._close()  # the library reads nothing more of a log after a failure
                self._open()
        if found is None or (self._is_newer(name) and not len(found)):  # type: ignore[arg-type]
            self.unreadable.append(name)
            return None
        return found

    def traced(self, name: str) -> npt.NDArray[Any] | None:
        """Segments of a module of DXT; None where the log does not have it, or it cannot be
        read.
        """
        if name not in self.modules:
            return None
        if not self.only_essential:
            try:
                return dxt.traced_segments(self.path, self.header, name, self.most // 2)
            except SourceError:
                pass  # the next method places the bytes
        self.unreadable.append(name)
        return None

    def _is_sound(self, name: str) -> bool:
        """Whether the library is given a module."""
        try:
            log_checks.check_module(self.path, self.header, name, self.most)
        except SourceError:
            return False
        return True

    def _is_newer(self, name: str) -> bool:
        return self.modules[name].ver > NEWEST[name]


def _read(ffi: Any, library: Any, log: _OpenLog) -> Log:
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
        of_module = functools.partial(_counters, ffi, library, name)
        if name in ESSENTIAL and name in log.modules:
            records[name] = log.essential(name, of_module)
        elif (found := log.tried(name, of_module)) is not None:
            records[name] = found
    lustre = log.tried("LUSTRE", lambda now, index: (*lustre_stripes(ffi, library, now, index),))
    for name in dxt.NUMBERS:
        if (trace := log.traced(name)) is not None:
            segments[name] = trace
    heat = log.tried("HEATMAP", lambda now, index: heat_maps(ffi, library, now, index, log.names))
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


def _counters(ffi: Any, library: Any, name: str, handle: Any, index: int) -> npt.NDArray[Any]:
    return counter_records(ffi, library, handle, name, index)


def _modules(ffi: Any, library: Any, handle: Any) -> dict[str, _Module]:
    found, count = ffi.new("struct module **"), ffi.new("int *")
    library.darshan_log_get_modules(handle, found, count)
    try:
        return {
            _name_of(ffi, found[0][i]): _Module(
                found[0][i].idx, found[0][i].ver, bool(found[0][i].partial)
            )
            for i in range(count[0])
        }
    finally:
        library.darshan_free(found[0])


def _name_of(ffi: Any, module: Any) -> str:
    """Of a module; the library has none for those of later runtimes."""
    if module.idx >= KNOWN_MODULES:
        return f"{LATER}{module.idx}"
    return text_of(ffi, module.name)


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
