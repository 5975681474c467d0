"""Which files are a day's logs, and which of its neighbours' may have touched it."""

from __future__ import annotations

import datetime as dt
import glob
import itertools
import os
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from archive_tools.core import links, log_files
from archive_tools.core.day import Day
from archive_tools.core.errors import NoData, SourceError
from pipeline.model import LONGEST_JOB_DAYS
from pipeline.sources._shared import rights
from pipeline.sources.darshan.options import Options

AT_ONCE = 1 << 20
"""Bytes of files that are compared at a time."""


class LogFile(NamedTuple):
    """One file of the manifest; `size` is -1 where it cannot be looked at, or read."""

    root: str
    name: str
    size: int
    mtime_ns: int
    own: bool


class Listing(NamedTuple):
    """The files of a day's folders.

    Attributes
    ----------
    files : list of LogFile
        Sorted.
    passed_over : mapping of FileRole to int
        How many of the day's own files are not taken for logs.
    """

    files: list[LogFile]
    passed_over: Mapping[log_files.FileRole, int]

    def counts(self) -> dict[str, int]:
        """As the receipt of a fetch has it: files passed over only where there are some."""
        return {
            "files": sum(file.own for file in self.files),
            **{f"{role}_files": count for role, count in sorted(self.passed_over.items())},
        }


def _folder_files(
    options: Options, day: Day, own: bool
) -> tuple[list[str], set[LogFile], dict[str, log_files.FileRole]]:
    """The folders of a day that are there, the logs in them, and what other files are there."""
    for template in options.templates:
        rights.check_folders(day.expand(template), follow_links=options.follow_links)
    roots: list[str] = []
    found: dict[str, LogFile] = {}
    others: dict[str, log_files.FileRole] = {}
    real_folders: dict[str, str] = {}
    for named, path in _named_paths(options.templates, day):
        roots.append(named)
        if not options.follow_links and links.is_behind_folder_link(named, path):
            found.setdefault(path, LogFile(named, os.path.relpath(path, named), -1, 0, own))
            continue
        root = path if os.path.isdir(path) else os.path.dirname(path)
        for name, status in log_files.files_below(
            path, follow_links=options.follow_links, is_named=path == named
        ):
            if own and status is None and name == path and os.path.isdir(path):
                raise _unlistable(path)
            size, time = (status.st_size, status.st_mtime_ns) if status else (-1, 0)
            if not os.access(name, os.R_OK, effective_ids=True):
                size = -1  # once it may be read, the inputs differ
            folder, base = os.path.split(name)
            if folder not in real_folders:
                real_folders[folder] = os.path.realpath(folder)
            real = os.path.join(real_folders[folder], base)
            role = log_files.role_of(name) if status else log_files.FileRole.LOG
            if role is not log_files.FileRole.LOG:
                others[real] = role
                continue
            found.setdefault(real, LogFile(root, os.path.relpath(name, root), size, time, own))
    return roots, set(found.values()), others


def _named_paths(templates: Iterable[str], day: Day) -> Iterator[tuple[str, str]]:
    """The folders and files of a day; and of each the folder that site.json names, in which a
    pattern found it. That folder may be a link: nobody but the operator makes it.
    """
    for template in templates:
        parts = Path(day.expand(template)).parts
        fixed = itertools.takewhile(lambda part: not glob.has_magic(part), parts)
        base = os.path.join("", *fixed)
        for path in log_files.paths_of([template], day.date):
            yield (path if path == day.expand(template) else base), path


def named_folders(options: Options, day: Day) -> set[str]:
    """The folders of a day that site.json names, or those in which its patterns look."""
    return {named for named, _ in _named_paths(options.templates, day)}


def _unlistable(folder: str) -> SourceError:
    """The error for a folder of the day that may not be opened: its logs are not no logs."""
    try:
        os.listdir(folder)
        why = "it changed"
    except OSError as error:
        why = error.strerror or str(error)
    return rights.may_not(folder, why, what="listed")


def listed_files(options: Options, day: Day) -> Listing:
    """The day's files, and those of its neighbours that may have touched it.

    Raises
    ------
    NoData
        None of the day's folders is there.
    SourceError
        One of them may not be opened.
    """
    roots, files, others = _folder_files(options, day, True)
    if not roots:
        folders = ", ".join(map(day.expand, options.templates))
        raise NoData(f"no Darshan log folder of {day}: {folders}")
    ours = {os.path.join(file.root, file.name) for file in files}
    listed = {day.expand(template) for template in options.templates}
    for distance in range(-options.neighbours, options.neighbours + 1):
        if distance:
            other = Day(day.date + dt.timedelta(days=distance), day.timezone)
            near = {
                file
                for file in _files_elsewhere(options, other, listed)
                if os.path.join(file.root, file.name) not in ours
                and may_touch(file, day, distance, options.timezone or day.timezone)
            }
            files |= _without_copies(near, files, options.follow_links)
    if options.neighbours:
        files |= _without_copies(_of_long_jobs(options, day), files, options.follow_links)
    return Listing(sorted(files), Counter(others.values()))


def _files_elsewhere(options: Options, other: Day, listed: Collection[str]) -> set[LogFile]:
    """The logs of another day that are not in folders which are listed already."""
    new = [template for template in options.templates if other.expand(template) not in listed]
    return _folder_files(options.model_copy(update={"logs": new}), other, False)[1]


def _without_copies(near: set[LogFile], files: set[LogFile], follow: bool) -> set[LogFile]:
    """Logs of other days' folders without those that are there already: of the same name, size and
    content.

    A log that is filed under two days would count twice on the days that it ran.
    """
    known: dict[tuple[str, int], list[LogFile]] = {}
    for file in sorted(files):
        known.setdefault((os.path.basename(file.name), file.size), []).append(file)
    kept: set[LogFile] = set()
    for file in sorted(near):
        alike = known.setdefault((os.path.basename(file.name), file.size), [])
        if not any(_are_equal(one, file, follow) for one in alike):
            kept.add(file)
            alike.append(file)
    return kept


def _are_equal(one: LogFile, other: LogFile, follow: bool) -> bool:
    """Whether two files of one size have the same content; not if that cannot be said."""
    if one.size <= 0:
        return False
    try:
        with (
            links.opened(one.root, one.name, follow=follow) as (_, first),
            links.opened(other.root, other.name, follow=follow) as (_, second),
            open(first, "rb") as content,
            open(second, "rb") as its,
        ):
            while piece := content.read(AT_ONCE):
                if piece != its.read(AT_ONCE):
                    return False
            return not its.read(1)
    except OSError:
        return False


def _of_long_jobs(options: Options, day: Day) -> set[LogFile]:
    """Logs of folders before the neighbours' that were written since the day began.

    A folder in which nothing changed since then is not listed. What was written so late that no job
    took so long is a copy, whose time does not say when the job ended.
    """
    found: set[LogFile] = set()
    known: set[str] = set()
    for distance in range(-options.neighbours, LONGEST_JOB_DAYS + 1):
        other = Day(day.date - dt.timedelta(days=distance), day.timezone)
        new = [one for one in options.templates if other.expand(one) not in known]
        known |= {other.expand(one) for one in new}
        if distance <= options.neighbours or not any(
            _changed(path, day.start) for path in log_files.paths_of(new, other.date)
        ):
            continue
        last = (other.end + LONGEST_JOB_DAYS * 86_400) * 10**9
        near = _folder_files(options.model_copy(update={"logs": new}), other, False)[1]
        found |= {file for file in near if day.start * 10**9 <= file.mtime_ns <= last}
    return found


def _changed(path: str, since: int) -> bool:
    """Whether a file, or a folder or one below it, changed since then (epoch seconds)."""
    try:
        status = os.stat(path)
        if status.st_mtime >= since:
            return True
        if not stat.S_ISDIR(status.st_mode) or status.st_nlink == 2:  # it has no folders
            return False
        with os.scandir(path) as entries:
            folders = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:  # it is gone, or no folder that may be listed has changed
        return False
    return any(_changed(folder, since) for folder in folders)


def may_touch(file: LogFile, day: Day, distance: int, timezone: str) -> bool:
    """Whether a log of another day's folder may be of a job that ran on the day, by what costs
    nothing to ask.

    A log of an earlier day was written when its job ended; one of a later day has the job's start
    in its name.
    """
    if distance < 0:
        return file.mtime_ns >= day.start * 10**9
    name = log_files.parse_name(os.path.basename(file.name))
    if not name or not name.started:
        return True
    month, day_of_month, second = name.started
    for date in (day.date + dt.timedelta(days=n) for n in range(distance + 2)):
        if (date.month, date.day) == (month, day_of_month):
            return (
                Day(date, timezone).start + second < day.end + 3600
            )  # an hour for a change of clocks
    return True
