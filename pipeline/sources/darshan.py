"""A day's Darshan logs: every file of the day's folders is indexed, or rejected with a reason.

`fetch` writes a manifest: which files there are, their sizes and times. The logs themselves stay
where the site keeps them. `jobs` are to be read by `pipeline.sources._isolated`, wherever there are
processors.
"""

from __future__ import annotations

import datetime as dt
import functools
import glob
import hashlib
import importlib.metadata
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from archive_tools.core.day import Day
from archive_tools.core.errors import NoData
from archive_tools.schemas import BUILD_VERSION
from pipeline.model import LogBatch
from pipeline.site import Site, SourceOptions, Templates, Timestep
from pipeline.sources import _isolated
from pipeline.sources._darshan_log import LASTING, BatchReader, Listed

GIVES = LogBatch
run = _isolated.run
READER = (
    f"libdarshan-util of darshan {importlib.metadata.version('darshan')}, build {BUILD_VERSION}"
)
"""What reads the logs: another one may read what this one rejects."""
MANIFEST = "manifest.parquet"
CHUNK = 2_000
"""Logs of a job."""


class Options(SourceOptions):
    """Keys of a Darshan source.

    Attributes
    ----------
    logs : str or list of str
        Folders (read whole, with their subfolders) or glob patterns; strftime templates.
    timestep : int
        Seconds a row of the series; 60 unless given.
    neighbours : int
        Days before and after whose folders are searched for logs of jobs that ran over midnight.
    log_seconds, log_memory_mb
        What reading one log may cost; more, and it is rejected.
    mount_to_fsname : dict of str to str
        In place of the site's.
    """

    ORIGIN: ClassVar[frozenset[str]] = frozenset({"logs", "log_seconds", "log_memory_mb"})

    kind: Literal["darshan"]
    logs: Templates
    timestep: Timestep = 60
    neighbours: int = Field(default=1, ge=0, le=31)
    log_seconds: float = Field(default=300.0, gt=0)
    log_memory_mb: int = Field(default=4096, ge=64)
    mount_to_fsname: dict[str, str] = {}


def located(options: Options, site: Site) -> Options:
    """Paths counted from site.json; the site's time zone and `mount_to_fsname` where the source has
    none.
    """
    logs = [options.logs] if isinstance(options.logs, str) else options.logs
    update = {
        "logs": [str(site.path(name)) for name in logs],
        "timezone": options.timezone or site.timezone,
        "mount_to_fsname": options.mount_to_fsname or site.mount_to_fsname,
    }
    return options.model_copy(update=update)


# Fetch


class _File(NamedTuple):
    """One file of the manifest; `size` is -1 where it cannot be looked at."""

    root: str
    name: str
    size: int
    mtime_ns: int
    own: bool


def _files(path: str) -> Iterator[tuple[str, os.stat_result | None]]:
    """Regular files below a folder, or the file itself; a file that cannot be looked at has no
    status.
    """
    waiting = [path]
    while waiting:
        path = waiting.pop()
        try:
            status = os.stat(path)
            if stat.S_ISDIR(status.st_mode):
                with os.scandir(path) as entries:
                    waiting += [
                        entry.path
                        for entry in entries
                        if not entry.name.startswith(".")
                        and not (entry.is_symlink() and entry.is_dir())
                    ]
        except OSError:
            if os.path.lexists(path):
                yield path, None
            continue
        if stat.S_ISREG(status.st_mode):
            yield path, status


def _folder_files(options: Options, day: Day, own: bool) -> tuple[list[str], set[_File]]:
    """The folders of a day that are there, and their files."""
    templates = [options.logs] if isinstance(options.logs, str) else options.logs
    roots: list[str] = []
    found: dict[str, _File] = {}
    for template in templates:
        pattern = day.expand(template)
        for path in [pattern] if os.path.isdir(pattern) else sorted(glob.glob(pattern)):
            root = path if os.path.isdir(path) else os.path.dirname(path)
            roots.append(root)
            for name, status in _files(path):
                size, time = (status.st_size, status.st_mtime_ns) if status else (-1, 0)
                real = os.path.join(os.path.realpath(os.path.dirname(name)), os.path.basename(name))
                found.setdefault(real, _File(root, os.path.relpath(name, root), size, time, own))
    return roots, set(found.values())


def _listing(options: Options, day: Day) -> list[_File]:
    """The day's files, and those of its neighbours that may have touched it, sorted.

    Raises
    ------
    NoData
        None of the day's folders is there.
    """
    roots, files = _folder_files(options, day, True)
    if not roots:
        templates = [options.logs] if isinstance(options.logs, str) else options.logs
        raise NoData(
            f"no Darshan log folder of {day}: {', '.join(day.expand(t) for t in templates)}"
        )
    ours = {os.path.join(file.root, file.name) for file in files}
    for distance in range(-options.neighbours, options.neighbours + 1):
        if distance:
            other = Day(day.date + dt.timedelta(days=distance), day.timezone)
            near = _folder_files(options, other, False)[1]
            files |= {
                file
                for file in near
                if os.path.join(file.root, file.name) not in ours
                and _may_touch(file, day, distance, options.timezone or day.timezone)
            }
    return sorted(files)


STARTED = re.compile(r"_id\d+(?:-\d+)?_(\d{1,2})-(\d{1,2})-(\d{1,5})-")
"""Month, day and second of the day of the job's start in a log's name, in the machine's local time.
"""


def _may_touch(file: _File, day: Day, distance: int, timezone: str) -> bool:
    """Whether a log of another day's folder may be of a job that ran on the day, by what costs
    nothing to ask.

    A log of an earlier day was written when its job ended; one of a later day has the job's start
    in its name.
    """
    if distance < 0:
        return file.mtime_ns >= day.start * 10**9
    started = STARTED.search(file.name)
    if not started:
        return True
    for date in (day.date + dt.timedelta(days=n) for n in range(distance + 2)):
        if (date.month, date.day) == (int(started[1]), int(started[2])):
            return (
                Day(date, timezone).start + int(started[3]) < day.end + 3600
            )  # an hour for a change of clocks
    return True


def inputs(options: Options, day: Day) -> dict[str, Any]:
    """Names, sizes and times of the day's files."""
    try:
        files = _listing(options, day)
    except NoData:
        return {"files": None}
    digest = hashlib.sha256()
    for file in files:
        digest.update(repr(tuple(file)).encode("utf-8", "backslashreplace"))
    return {"files": sum(file.own for file in files), "names": digest.hexdigest()}


def about(options: Options, day: Day) -> dict[str, str]:
    """What will read the logs."""
    return {"reader": READER, "timezone": options.timezone}


def fetch(options: Options, day: Day, folder: Path) -> dict[str, int]:
    """Write the manifest of the day's files.

    Returns
    -------
    dict of str to int
        Number of files.
    """
    files = _listing(options, day)
    table = {
        "root": pa.array([os.fsencode(file.root) for file in files], pa.binary()),
        "name": pa.array([os.fsencode(file.name) for file in files], pa.binary()),
        "size": pa.array([file.size for file in files], pa.int64()),
        "mtime_ns": pa.array([file.mtime_ns for file in files], pa.int64()),
        "own": pa.array([file.own for file in files], pa.bool_()),
    }
    pq.write_table(pa.table(table), folder / MANIFEST)
    return {"files": sum(file.own for file in files)}


def gone(
    before: Mapping[str, int],
    now: Mapping[str, int],
    old: Path,
    new: Path,
    rejected: Collection[str],
) -> str:
    """Logs that are archived and no longer in the day's folders, in words; files that were rejected
    may go.
    """
    if not (old / MANIFEST).is_file():
        return (
            f"{now['files']} files are there, {before['files']} are archived"
            if now["files"] < before["files"]
            else ""
        )
    then, here = (
        {
            (row["root"], row["name"]): row["own"]
            for row in pq.read_table(folder / MANIFEST).to_pylist()
        }
        for folder in (old, new)
    )
    lost = sorted(
        name
        for (root, name), own in then.items()
        if (root, name) not in here and not (own and _shown(name) in rejected)
    )
    if not lost:
        return ""
    return (
        f"{len(lost)} archived logs are gone, such as {_shown(lost[0])};"
        f" {len(here.keys() - then.keys())} files are new and not archived"
    )


# Parse


Rejects = Mapping[tuple[str, int, int], str]
"""Name, size and mtime_ns of files that were rejected, and why."""


def jobs(
    options: Options,
    day: Day,
    folder: Path,
    reduce: Callable[[LogBatch], Any],
    known: Rejects | None = None,
) -> Iterator[_isolated.Job]:
    """The logs of the manifest as jobs for `pipeline.sources._isolated.run`.

    Parameters
    ----------
    options, day, folder
        As for `fetch`.
    reduce : callable
        From a `LogBatch` to what a job gives; must be picklable.
    known : mapping, optional
        Files that the same software rejected before: they are tried again only when they change.
    """
    known = {file: reason for file, reason in (known or {}).items() if reason.startswith(LASTING)}
    files = pq.read_table(folder / MANIFEST).to_pylist()
    names = _unique_names(files)
    limits = _isolated.Limits(options.log_seconds, options.log_memory_mb * 2**20)
    for first in range(0, max(1, len(files)), CHUNK):
        part = slice(first, first + CHUNK)
        pairs = zip(files[part], names[part], strict=True)
        listed = [
            (Listed(**file, known=known.get((name, file["size"], file["mtime_ns"]), "")), name)
            for file, name in pairs
        ]
        yield _isolated.Job(
            listed, functools.partial(BatchReader, day.start, day.end), reduce, limits
        )


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _unique_names(files: list[dict[str, Any]]) -> list[str]:
    """Base names, or whole paths for base names that occur in two folders."""
    base = [_shown(os.path.basename(file["name"])) for file in files]
    count = Counter(name for name, file in zip(base, files, strict=True) if file["own"])
    names = [
        name if count[name] <= 1 else _shown(os.path.join(file["root"], file["name"]))
        for name, file in zip(base, files, strict=True)
    ]
    taken = Counter(names)
    given: set[str] = set()
    for i, name in enumerate(names):  # bytes that are no UTF-8, and the text that they are shown as
        number, new = 1, name
        while new in given or (new != name and new in taken):
            number += 1
            new = f"{name}#{number}"
        given.add(new)
        names[i] = new
    return names
