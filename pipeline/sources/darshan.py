"""A day's Darshan logs: every file of the day's folders is indexed, or rejected with a reason.

`fetch` writes a manifest: which files there are, their sizes and times. The logs themselves stay where the
site keeps them. `parse` reads those files, and no others, through libdarshan-util.
"""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import InputChanged, NoData, SourceError
from pipeline.model import Day, Findings, LogBatch, Records
from pipeline.site import Site, SourceOptions, Templates, Timestep
from pipeline.sources import _libdarshan

GIVES = LogBatch
MANIFEST = "manifest.parquet"
BATCH = 100_000
"""Records of a batch, more or less: some 70 MB."""
LOGS = 5_000
"""Logs of a batch, at most."""


class Options(SourceOptions):
    """Keys of a Darshan source.

    Attributes
    ----------
    logs : str or list of str
        Folders (read whole, with their subfolders) or glob patterns; strftime templates.
    timestep : int
        Seconds a row of the series; 60 unless given.
    """

    kind: Literal["darshan"]
    logs: Templates
    timestep: Timestep = 60
    mount_to_fsname: dict[str, str] = {}


def located(options: Options, site: Site) -> Options:
    """Paths counted from site.json, and the site's `mount_to_fsname` where the source has none."""
    logs = [options.logs] if isinstance(options.logs, str) else options.logs
    return options.model_copy(update={"logs": [str(site.path(name)) for name in logs], "mount_to_fsname": options.mount_to_fsname or site.mount_to_fsname})


# Fetch


def _files(path: str) -> Iterator[tuple[str, os.stat_result | None]]:
    """Regular files below a folder, or the file itself; a file that cannot be looked at has no status."""
    if os.path.isdir(path):
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
            if not entry.name.startswith(".") and not (entry.is_dir() and entry.is_symlink()):
                yield from _files(entry.path)
        return
    try:
        status = os.stat(path)
    except OSError:
        yield path, None
        return
    if stat.S_ISREG(status.st_mode):
        yield path, status


@dataclass
class _Listing:
    roots: list[str] = field(default_factory=list)
    names: list[tuple[str, str, int, int]] = field(default_factory=list)


def _listing(options: Options, day: Day) -> _Listing:
    """The day's files as (folder, relative name, size, mtime_ns), sorted; size -1 where it cannot be looked at.

    Raises
    ------
    NoData
        None of the folders is there.
    """
    found = _Listing()
    templates = [options.logs] if isinstance(options.logs, str) else options.logs
    for template in templates:
        pattern = day.expand(template)
        for path in [pattern] if os.path.isdir(pattern) else sorted(glob.glob(pattern)):
            root = path if os.path.isdir(path) else os.path.dirname(path)
            found.roots.append(root)
            for name, status in _files(path):
                size, time = (status.st_size, status.st_mtime_ns) if status else (-1, 0)
                found.names.append((root, os.path.relpath(name, root), size, time))
    if not found.roots:
        raise NoData(f"no Darshan log folder of {day}: {', '.join(day.expand(t) for t in templates)}")
    found.names = sorted(set(found.names))
    return found


def inputs(options: Options, day: Day) -> dict[str, Any]:
    """Names, sizes and times of the day's files."""
    try:
        listing = _listing(options, day)
    except NoData:
        return {"files": None}
    return {"files": len(listing.names), "names": _digest(listing.names)}


def _digest(names: Iterable[tuple[str, str, int, int]]) -> str:
    """One short text that differs when any name, size or time differs."""
    digest = hashlib.sha256()
    for item in names:
        digest.update(repr(item).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def fetch(options: Options, day: Day, folder: Path) -> dict[str, int]:
    """Write the manifest of the day's files.

    Returns
    -------
    dict of str to int
        Number of files.
    """
    names = _listing(options, day).names
    columns = list(zip(*names, strict=True)) if names else [(), (), (), ()]
    table = {
        "root": pa.array([os.fsencode(name) for name in columns[0]], pa.binary()),
        "name": pa.array([os.fsencode(name) for name in columns[1]], pa.binary()),
        "size": pa.array(columns[2], pa.int64()),
        "mtime_ns": pa.array(columns[3], pa.int64()),
    }
    pq.write_table(pa.table(table), folder / MANIFEST)
    return {"files": len(names)}


# Parse


def parse(options: Options, day: Day, folder: Path, findings: Findings) -> Iterator[LogBatch]:
    """The logs of the manifest, in batches of about `BATCH` records.

    Raises
    ------
    InputChanged
        A log is not as the manifest says.
    """
    files = pq.read_table(folder / MANIFEST).to_pylist()
    reader = _Reader()
    for file, name in zip(files, _unique_names(files), strict=True):
        reader.add(file, name)
        if reader.waiting >= BATCH or len(reader.logs) >= LOGS:
            yield reader.batch()
            reader = _Reader()
    yield reader.batch()


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _unique_names(files: list[dict[str, Any]]) -> list[str]:
    """Base names, or whole paths for base names that occur in two folders."""
    base = [_shown(os.path.basename(file["name"])) for file in files]
    count = Counter(base)
    return [name if count[name] == 1 else _shown(os.path.join(file["root"], file["name"])) for name, file in zip(base, files, strict=True)]


LOG_COLUMNS: dict[str, Any] = {
    "filename": object,
    "folder": object,
    "log_bytes": np.int64,
    "version": object,
    "lib_version": object,
    "start_time": np.float64,
    "end_time": np.float64,
    "walltime": np.float64,
    "nprocs": np.int64,
    "jobid": object,
    "uid": np.int64,
    "username": object,
    "exe": object,
    "exename": object,
    "cmdline": object,
    "modules": object,
    "partial_modules": object,
}
REJECT_COLUMNS: dict[str, Any] = {"filename": object, "folder": object, "log_bytes": np.int64, "reason": object}


def _table(rows: list[tuple[Any, ...]], columns: dict[str, Any]) -> dict[str, npt.NDArray[Any]]:
    by_column = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    return {name: np.array(values, dtype=dtype) for (name, dtype), values in zip(columns.items(), by_column, strict=True)}


class _Reader:
    """Reads logs one by one into one batch."""

    def __init__(self) -> None:
        self.logs: list[tuple[Any, ...]] = []
        self.rejects: list[tuple[Any, ...]] = []
        self.mounts: list[tuple[str, ...]] = []
        self.names: list[dict[int, str]] = []
        self.records: dict[str, list[tuple[int, npt.NDArray[Any]]]] = {module: [] for module in _libdarshan.MODULES}
        self.waiting = 0

    def add(self, file: dict[str, Any], name: str) -> None:
        """Read one log, or note why not."""
        path = Path(os.fsdecode(os.path.join(file["root"], file["name"])))
        folder = _shown(os.path.dirname(file["name"]))
        try:
            log = _read(path, file)
        except SourceError as error:
            self.rejects.append((name, folder, file["size"], str(error)))
            return
        for module, found in log.records.items():
            self.records[module].append((len(self.logs), found))
            self.waiting += len(found)
        self.logs.append((name, folder, file["size"], *_head(log, path.name)))
        self.mounts.append(log.mounts)
        self.names.append(log.names)

    def batch(self) -> LogBatch:
        """What was read."""
        records = {module: self._of(module, parts) for module, parts in self.records.items()}
        return LogBatch(_table(self.logs, LOG_COLUMNS), _table(self.rejects, REJECT_COLUMNS), tuple(self.mounts), tuple(self.names), records)

    @staticmethod
    def _of(module: str, parts: list[tuple[int, npt.NDArray[Any]]]) -> Records:
        found = np.concatenate([np.empty(0, _libdarshan.record_dtype(module)), *(part for _, part in parts)])
        log = np.repeat(np.array([number for number, _ in parts], dtype=np.int64), [len(part) for _, part in parts])
        return Records(module, *_libdarshan.counters(module), log, found["id"], found["counters"], found["fcounters"])


def _read(path: Path, file: dict[str, Any]) -> _libdarshan.Log:
    """Read a log that must be as the manifest says, before and after."""
    if file["size"] == 0:
        raise SourceError("empty file")
    try:
        with path.open("rb"):
            before = path.stat()
        log = _libdarshan.read(path)
        after = path.stat()
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}") from None
    for now in (before, after):
        if (now.st_size, now.st_mtime_ns) != (file["size"], file["mtime_ns"]):
            raise InputChanged(f"{path} changed since it was listed", hint="the next run reads it again")
    return log


def _head(log: _libdarshan.Log, filename: str) -> tuple[Any, ...]:
    """A log's row of the table from `version` on."""
    exe = log.exe.split(" ", 1)[0]
    user, job = log_identity(os.fsencode(filename).decode("utf-8", "backslashreplace"), os.path.basename(exe))
    partial = [module for module, is_partial in log.modules.items() if is_partial]
    return (
        log.version,
        log.metadata.get("lib_ver", ""),
        log.start,
        log.end,
        log.runtime,
        log.nprocs,
        str(log.jobid) if log.jobid else job,
        log.uid,
        user,
        exe,
        os.path.basename(exe),
        log.exe.strip(),
        ",".join(log.modules),
        ",".join(partial),
    )


def log_identity(filename: str, exename: str) -> tuple[str, str]:
    """User and job id in a log's file name, "" where it has none.

    Names are ``<user>_<exe>_id<jobid>[-<pid>]_<month>-<day>-<second>-<random>[_<n>].darshan``; both the
    user's and the program's name may hold underscores, so the program's is taken off first.
    """
    head, mark, tail = filename.rpartition("_id")
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    if not mark or not digits:
        return "", ""
    if exename and head.endswith(f"_{exename}"):
        return head[: -len(exename) - 1], digits
    return head.partition("_")[0], digits
