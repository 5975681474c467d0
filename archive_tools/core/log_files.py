"""Which files are a day's Darshan logs, and what their names say.

A day's folders are named by strftime templates, which may be glob patterns. Every regular file
below them is looked at, but those whose own name, or whose folder's, begins with a dot; folders
that are links are not entered. `role_of` says which of them are logs.

The runtime names a log ``<user>_<program>_id<job>[-<pid>]_<month>-<day>-<second>-<random>[_<n>]``
followed by ``.darshan``. Users' and programs' names may both hold underscores. Later runtimes make
folders of these parts: ``<user>/<program>/id<job>/<host>/<pid>-<random>[_<n>].darshan``.
"""

from __future__ import annotations

import datetime as dt
import enum
import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from archive_tools.core import links

_NAME = re.compile(
    r"(?P<head>.*)_id(?P<job>\d+)(?:-\d+)?"
    r"(?:_(?P<month>\d{1,2})-(?P<day>\d{1,2})-(?P<second>\d{1,5})-)?",
    re.DOTALL,
)
_IN_FOLDERS = re.compile(
    r"(?:.*/)?(?P<user>[^/]+)/(?P<program>[^/]+)/id(?P<job>\d+)/[^/]+/\d+-\d+(?:_\d+)?\.darshan",
    re.DOTALL,
)
CUT = 8
"""Bytes of a user's name that the C library's `cuserid` gives to the runtime at most."""
LOG_MAGIC = (6567223).to_bytes(8, "little"), (6567223).to_bytes(8, "big")
"""At byte 8 of a log, in the byte order of the machine that wrote it (darshan-log-format.h)."""


class FileRole(enum.StrEnum):
    """What a file in a folder of logs is taken for."""

    LOG = "log"
    UNFINISHED = "unfinished"
    """A log that its job still writes, or was killed while it wrote it."""
    OTHER = "other"
    """Neither its name nor its content is a log's, such as a README."""


def role_of(path: str, opened_at: str = "") -> FileRole:
    """What a file is taken for: by its name, and where that is not a log's by its first bytes.

    One that may not be opened is a log, so that somebody hears of it.

    Parameters
    ----------
    path : str
    opened_at : str
        Another path of the same file, such as that of its descriptor.
    """
    name = os.path.basename(path)
    if name.endswith(".darshan_partial"):
        return FileRole.UNFINISHED
    is_log = ".darshan" in name or _begins_like_a_log(opened_at or path)
    return FileRole.LOG if is_log else FileRole.OTHER


def _begins_like_a_log(path: str) -> bool:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        return stat.S_ISREG(os.fstat(file).st_mode) and os.pread(file, 16, 0)[8:] in LOG_MAGIC
    except OSError:
        return True
    finally:
        os.close(file)


class LogName(NamedTuple):
    """What a log's name says.

    Attributes
    ----------
    head : str
        User and program, joined by an underscore.
    job : str
        Job id.
    started : tuple of int, or None
        Month, day of the month and second of the day of the job's start, in the local time of the
        machine that ran it; None where the name does not have them.
    program : str
        Where the name has it apart from the user.
    """

    head: str
    job: str
    started: tuple[int, int, int] | None
    program: str = ""

    def user(self, program: str = "", account: str = "") -> str:
        """The user's name, "" where it cannot be told.

        Parameters
        ----------
        program : str
            The program's name by the log's command line: it says where the user's name ends.
        account : str
            Name of the log's uid by the site's list of users. It completes a name that was cut,
            and decides where the command line does not.
        """
        for known in (self.program, program):
            if known and self.head.endswith(f"_{known}"):
                name = self.head[: -len(known) - 1]
                return account if account and name == cut(account) else name
        if account and self.is_of(account):
            return account
        return self.head.partition("_")[0] if self.head.count("_") == 1 else ""

    def is_of(self, user: str) -> bool:
        """Whether the log may be of this user."""
        if self.program:
            return self.head in (f"{name}_{self.program}" for name in (user, cut(user)))
        return self.head.startswith((f"{user}_", f"{cut(user)}_"))


def cut(user: str) -> str:
    """A user's name as the runtime may have cut it."""
    return user.encode("utf-8", "surrogateescape")[:CUT].decode("utf-8", "backslashreplace")


def parse_name(filename: str) -> LogName | None:
    """What a log's base name says; None where it is of no known form."""
    match = _NAME.match(filename)
    if not match:
        return None
    started = tuple(int(match[key]) for key in ("month", "day", "second") if match[key])
    return LogName(match["head"], match["job"], started if len(started) == 3 else None)


def parse_path(path: str) -> LogName | None:
    """What a log's name says, and its folders where these have user, program and job."""
    match = _IN_FOLDERS.fullmatch(path)
    if not match:
        return parse_name(os.path.basename(path))
    return LogName(f"{match['user']}_{match['program']}", match["job"], None, match["program"])


def paths_of(templates: Iterable[str], date: dt.date) -> Iterator[str]:
    """The folders and files of a day that strftime templates name and that are there; patterns
    sorted.
    """
    for template in templates:
        pattern = date.strftime(template)
        yield from [pattern] if os.path.isdir(pattern) else sorted(glob.glob(pattern))


def files_below(
    path: str, *, follow_links: bool = True, is_named: bool = True
) -> Iterator[tuple[str, os.stat_result | None]]:
    """The logs below a folder, or the file itself.

    Parameters
    ----------
    path : str
    follow_links : bool
        Whether links below it to files are followed. Otherwise only those are that lead to what
        everybody may read; the others are given without a status, as are links to folders.
    is_named : bool
        Whether the path itself is followed in any case.

    Yields
    ------
    str, and os.stat_result or None
        None for what is there and cannot be looked at.
    """
    waiting = [(path, is_named or follow_links)]
    while waiting:
        path, is_followed = waiting.pop()
        try:
            status = os.stat(path, follow_symlinks=is_followed)
            if stat.S_ISDIR(status.st_mode):
                with os.scandir(path) as entries:
                    waiting += [
                        (entry.path, follow_links)
                        for entry in entries
                        if not _is_passed_over(entry, follow_links)
                    ]
        except OSError:
            if os.path.lexists(path):
                yield path, None
            continue
        if stat.S_ISREG(status.st_mode):
            yield path, status
        elif stat.S_ISLNK(status.st_mode):
            yield path, links.status_for_everybody(path)


def _is_passed_over(entry: os.DirEntry[str], follow_links: bool) -> bool:
    if entry.name.startswith("."):
        return True
    try:
        return follow_links and entry.is_symlink() and entry.is_dir()
    except OSError:  # a link to itself costs itself
        return False
