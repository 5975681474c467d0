"""Files and folders that the account may not read: an error that names both, never no data.

What lists files passes over folders that may not be opened, and a database library may wait long
for a file that may not be read; so rights are looked at before.
"""

from __future__ import annotations

import errno
import glob
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from archive_tools.core.accounts import account
from archive_tools.core.errors import SourceError
from archive_tools.core.links import is_behind_folder_link

REFUSED = (errno.EACCES, errno.EPERM)


def may_not(path: str | Path, why: str = "", *, what: str = "read") -> SourceError:
    """The error of a path that cannot be read or listed.

    Parameters
    ----------
    path : str or pathlib.Path
    why : str
        The system's words; default that permission is denied.
    what : str
        ``read`` for files, ``listed`` for folders.
    """
    return SourceError(
        f"{path} cannot be {what}: {why or os.strerror(errno.EACCES)}",
        hint=f"give the account {account()} the right to read it, and to enter its folders",
    )


def cannot_read(path: Path, error: OSError) -> SourceError:
    """The error of a path that the system does not let read, for whatever reason."""
    if error.errno in REFUSED:
        return may_not(path)
    return SourceError(f"{path} cannot be read: {error.strerror or error}")


def walk(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """As ``os.walk``; folders that are gone meanwhile are passed over.

    Raises
    ------
    SourceError
        Permission is denied for a folder.
    """

    def refuse(error: OSError) -> None:
        if error.errno in REFUSED:
            raise may_not(str(error.filename), what="listed") from error

    for found in os.walk(folder, onerror=refuse):
        if any(found[1:]) and not os.access(found[0], os.X_OK, effective_ids=True):
            raise may_not(found[0], what="entered")
        yield found


def check_file(path: Path) -> bool:
    """Whether there is a file, which then may be read.

    Raises
    ------
    SourceError
        Permission is denied: for the file, or for a folder that it is in.
    """
    try:
        with path.open("rb"):
            return path.is_file()
    except OSError as error:
        if error.errno in REFUSED:
            raise may_not(path) from error
        return False


def check_folders(pattern: str, *, follow_links: bool = True) -> None:
    """Look whether the folders that a glob pattern goes through may be entered, and listed where
    the pattern has to; the last part of the pattern is not looked at.

    Parameters
    ----------
    pattern : str
    follow_links : bool
        Whether folders behind links that a pattern found count: others than the operator may have
        made them.

    Raises
    ------
    SourceError
        Permission is denied for one of them.
    """
    parts = Path(pattern).parts
    fixed = itertools.takewhile(lambda part: not glob.has_magic(part), parts)
    base = os.path.join("", *fixed)
    for depth in range(1, len(parts)):
        before = os.path.join(*parts[:depth])
        is_listed = glob.has_magic(parts[depth])
        right = os.X_OK | os.R_OK if is_listed else os.X_OK
        folders = glob.iglob(before, recursive=True) if glob.has_magic(before) else [before]
        for folder in folders:
            if folder != before and not follow_links and is_behind_folder_link(base, folder):
                continue
            if os.path.isdir(folder) and not os.access(folder, right, effective_ids=True):
                raise may_not(folder, what="listed" if is_listed else "entered")
