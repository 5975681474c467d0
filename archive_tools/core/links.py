"""Files that a link leads to, and files that stay the same between a look at them and their
opening.

A folder that every user writes to may hold links to whatever the reader may read and the user may
not. What everybody may read shows nothing to anyone that was not open before.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePath

LOOK = os.O_PATH | os.O_CLOEXEC
"""Opens nothing: the descriptor stands for a file, whatever its name leads to later."""


class IsLink(OSError):
    """The path goes through a link that may not be followed."""


def status_for_everybody(path: str) -> os.stat_result | None:
    """The status of the regular file that a path leads to, if everybody may read it; else None,
    whether it is there or not.
    """
    try:
        with _closed_after(os.open(path, LOOK)) as file:
            return os.fstat(file) if _is_for_everybody(file) else None
    except OSError:
        return None


def _is_for_everybody(file: int) -> bool:
    """Whether the mode of a regular file lets everybody read it, and those of all its folders let
    everybody enter.
    """
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode) or not status.st_mode & stat.S_IROTH:
        return False
    folders = Path(_name_of(file)).readlink().parents
    return all(os.stat(folder).st_mode & stat.S_IXOTH for folder in folders)


def is_behind_folder_link(base: str, path: str) -> bool:
    """Whether a path goes through a link to a folder, or is one, below a folder `base` of it."""
    below = PurePath(path).relative_to(base).parts
    paths = [Path(one) for one in itertools.accumulate(below, os.path.join, initial=base)]
    return any(one.is_symlink() and one.is_dir() for one in paths[1:])


@contextlib.contextmanager
def opened(root: str, name: str, *, follow: bool = True) -> Iterator[tuple[int, str]]:
    """A regular file, open for reading; nothing else is opened.

    Parameters
    ----------
    root : str
        A folder; it may be a link.
    name : str
        Path of the file below it.
    follow : bool
        Whether links below `root` are followed. Otherwise they are only to what everybody may
        read, and not through folders.

    Yields
    ------
    int, str
        The descriptor, and a path that leads to this very file, whatever happens to its name.

    Raises
    ------
    IsLink
        It is behind a link that is not followed.
    OSError
        It cannot be opened.
    """
    with _closed_after(_look(root, name, follow)) as seen:
        kind = stat.S_IFMT(os.fstat(seen).st_mode)
        if kind not in (stat.S_IFREG, stat.S_IFDIR):  # to open a device may move a tape
            raise OSError(errno.EINVAL, "it is not a regular file")
        file = os.open(_name_of(seen), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with _closed_after(file):
        if kind == stat.S_IFDIR:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        yield file, _name_of(file)


def _look(root: str, name: str, follow: bool) -> int:
    if follow:
        return os.open(os.path.join(root, name), LOOK)
    with contextlib.ExitStack() as folders:
        folder = folders.enter_context(_closed_after(os.open(root or ".", LOOK)))
        *through, base = PurePath(name).parts
        for part in through:
            file = os.open(part, LOOK | os.O_NOFOLLOW, dir_fd=folder)
            folder = folders.enter_context(_closed_after(file))
            if stat.S_ISLNK(os.fstat(folder).st_mode):
                raise IsLink
        file = os.open(base, LOOK | os.O_NOFOLLOW, dir_fd=folder)
        if not stat.S_ISLNK(os.fstat(file).st_mode):
            return file
        os.close(file)
        return _public(base, folder)


def _public(base: str, folder: int) -> int:
    """The file that a link in a folder leads to."""
    try:
        file = os.open(base, LOOK, dir_fd=folder)
    except OSError:
        raise IsLink from None
    if _is_for_everybody(file):
        return file
    os.close(file)
    raise IsLink


def _name_of(file: int) -> str:
    return f"/proc/self/fd/{file}"


@contextlib.contextmanager
def _closed_after(file: int) -> Iterator[int]:
    try:
        yield file
    finally:
        os.close(file)
