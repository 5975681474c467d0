"""A log that libdarshan-util has open, and what of it is read without it.

The library does not see a region that `log_checks` refuses. Regions whose bytes are as the library
would give them are not read by it a second time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy.typing as npt

from archive_tools.core.errors import SourceError
from pipeline.sources.darshan import dxt, log_checks, log_header
from pipeline.sources.darshan.library import damaged, text_of
from pipeline.sources.darshan.modules import (
    Heatmap,
    Stripes,
    counter_records,
    heat_maps,
    is_as_in_memory,
    lustre_stripes,
    records_in,
)

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


class Module(NamedTuple):
    """A module in the library's list: its number, its version, and whether records are missing."""

    idx: int
    ver: int
    partial: bool


Found = TypeVar("Found")


class OpenLog:
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
        self.file = path.open("rb", buffering=0)
        self.only_essential, self.most = only_essential, most
        self.unreadable: list[str] = []
        self.is_trusted = True
        self.handle = ffi.NULL
        try:
            self._open()
            header = log_header.header_in(self.file)
            if header is None:
                raise damaged("the header cannot be read")
            self.header = header
            self.modules = modules_of(ffi, library, self.handle)
            needed = {self.modules[name].idx for name in ESSENTIAL if name in self.modules}
            if header.cut & (needed | log_checks.GENERAL.keys()):
                raise SourceError(log_header.truncated(header.size, header.needed))
            self.job_text = log_checks.job_text(self.file, header)
            self.names = log_checks.file_names(self.file, header, most)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> OpenLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        self.file.close()

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

    def records(self, name: str, content: bytearray) -> npt.NDArray[Any]:
        """Records of a module with counters, from its region; where they are of an older version,
        as the library converts them.
        """
        if is_as_in_memory(name, self.modules[name].ver, self.header.order):
            return records_in(name, content)
        return counter_records(self.ffi, self.library, self.handle, name, self.modules[name].idx)

    def essential(self, name: str) -> npt.NDArray[Any]:
        """Records of a module; a failure is the log's."""
        content = self._checked(name)
        try:
            return self.records(name, content)
        except SourceError:
            if not self._is_newer(name):
                raise
            version = self.modules[name].ver
            raise SourceError(log_header.newer(f"module {name} version {version}")) from None

    def tried(self, name: str, read: Callable[[bytearray], Found]) -> Found | None:
        """What a module is read as; None where the log does not have it, or it cannot be read."""
        if name not in self.modules:
            return None
        found = None
        if not self.only_essential and (content := self._sound(name)) is not None:
            try:
                found = read(content)
            except (SourceError, ValueError, OverflowError):
                self.is_trusted = self.is_trusted and self._is_newer(name)
                self._close()  # the library reads nothing more of a log after a failure
                self._open()
        if found is None or (self._is_newer(name) and not len(found)):  # type: ignore[arg-type]
            self.unreadable.append(name)
            return None
        return found

    def stripes(self) -> tuple[Stripes, ...]:
        """Of the files on Lustre, as the library gives them."""
        index = self.modules["LUSTRE"].idx
        return tuple(lustre_stripes(self.ffi, self.library, self.handle, index))

    def traced(self, name: str) -> npt.NDArray[Any] | None:
        """Segments of a module of DXT; None where it cannot be read."""
        return self._without_library(
            name, lambda: dxt.traced_segments(self.file, self.header, name, self.most // 2)
        )

    def heat_maps(self) -> dict[str, tuple[Heatmap, ...]] | None:
        """By interface; None where they cannot be read."""
        return self._without_library(
            "HEATMAP", lambda: heat_maps(self._checked("HEATMAP"), self.header.order, self.names)
        )

    def _without_library(self, name: str, read: Callable[[], Found]) -> Found | None:
        """What a module is read as, for which the library is not needed; None where the log does
        not have it, or it cannot be read: the next method places the bytes.
        """
        if name not in self.modules:
            return None
        if not self.only_essential and not self._is_newer(name):
            with contextlib.suppress(SourceError):
                return read()
        self.unreadable.append(name)
        return None

    def _checked(self, name: str) -> bytearray:
        return log_checks.checked_module(self.file, self.header, name, self.most)

    def _sound(self, name: str) -> bytearray | None:
        """The content of a module that may be read; else None."""
        try:
            return self._checked(name)
        except SourceError:
            return None

    def _is_newer(self, name: str) -> bool:
        return self.modules[name].ver > NEWEST[name]


def modules_of(ffi: Any, library: Any, handle: Any) -> dict[str, Module]:
    """The modules of an open log by name, as the library lists them."""
    found, count = ffi.new("struct module **"), ffi.new("int *")
    library.darshan_log_get_modules(handle, found, count)
    try:
        return {
            _name_of(ffi, found[0][i]): Module(
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
