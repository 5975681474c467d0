"""Whole files or none: write under a unique temporary name, make it durable, then replace.

Whatever instant the process dies, a reader finds the old file or the new one. A temporary file that
it leaves says in its name who wrote it, so that the next run can tell it from one that is being
written.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from archive_tools.core.accounts import account
from archive_tools.core.errors import ArchiveError, TokioError

TEMPORARY = ".tmp"
_LEFT = re.compile(r"\..+\.(?P<host>[^.]*)\.(?P<pid>\d+)\.[0-9a-f]{8}\.tmp")
CLOCK_ERROR = 2.0
"""Seconds by which times of files and of processes may differ."""
FOREIGN_AGE = 86400.0
"""Seconds after which a temporary file of another host is taken for left over."""


def temporary_name(path: Path) -> Path:
    """A name beside `path` that no other process uses: ``.<name>.<host>.<pid>.<random>.tmp``."""
    return path.with_name(f".{path.name}.{_host()}.{os.getpid()}.{os.urandom(4).hex()}{TEMPORARY}")


def _host() -> str:
    return os.uname().nodename.partition(".")[0]


def sweep(folders: Iterable[Path]) -> list[Path]:
    """Remove temporary files and folders that dead processes left.

    Parameters
    ----------
    folders : iterable of pathlib.Path
        Looked through, without their subfolders; they need not be there.

    Returns
    -------
    list of pathlib.Path
        What was removed: of this host what no living process writes, of others what is a day old.
    """
    removed = []
    for folder in folders:
        try:
            names = os.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
        for name in names:
            path = folder / name
            if _is_left(path):
                (
                    shutil.rmtree(path, ignore_errors=True)
                    if path.is_dir() and not path.is_symlink()
                    else path.unlink(missing_ok=True)
                )
                removed.append(path)
    return removed


def _is_left(path: Path) -> bool:
    match = _LEFT.fullmatch(path.name)
    if not match:
        return False
    try:
        changed = path.lstat().st_mtime
    except FileNotFoundError:
        return False
    if match["host"] == _host():
        return not _may_write(int(match["pid"]), changed)
    return time.time() - changed > FOREIGN_AGE


def _may_write(pid: int, changed: float) -> bool:
    """Whether the process that wrote a file at that time is still there: not one that has ended and
    was not waited for, nor another one that has its number now.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        booted = time.time() - float(Path("/proc/uptime").read_text("ascii").split()[0])
    except (OSError, ValueError):
        return False
    started = booted + int(stat[19]) / os.sysconf("SC_CLK_TCK")
    return stat[0] not in "ZX" and started <= changed + CLOCK_ERROR


@contextlib.contextmanager
def permissions(mode: int) -> Iterator[None]:
    """Have files that are made meanwhile no more open than `mode`, and folders likewise; of the
    whole process.

    Parameters
    ----------
    mode : int
        Such as 0o640; who may read a file may enter a folder.
    """
    before = os.umask(0o777 & ~folder_mode(mode))
    try:
        yield
    finally:
        os.umask(before)


def folder_mode(mode: int) -> int:
    """The mode of folders whose files have `mode`."""
    return mode | (mode & 0o444) >> 2


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def replacing(path: Path, *, over_folder: bool = False) -> Iterator[Path]:
    """Give a temporary path to write to; on leaving without an error it becomes `path`, durably.

    Parameters
    ----------
    path : pathlib.Path
    over_folder : bool
        Whether a folder that is there is removed: one is never right in the place of an archive's
        file.

    Yields
    ------
    pathlib.Path
        In the same folder as `path`, which is made if it is not there. The file must be closed at
        the end.

    Raises
    ------
    ArchiveError
        There is no space, or no right to write; `path` is as it was.
    """
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_name(path)
        try:
            yield temporary
            _sync(temporary)
            (_replace if over_folder else os.replace)(temporary, path)
            _sync(path.parent)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


FULL = (errno.ENOSPC, errno.EDQUOT)
REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)
BROKEN = (errno.EIO, errno.ESTALE, errno.ENXIO, errno.ENOTCONN, errno.EMFILE, errno.ENFILE)
"""Of a disk, a server of files, a limit; such an error seldom names a file, and may be of one that
was read.
"""
_NUMBER = re.compile(r"\berr(?:no|or)[ =:]*(\d+)\b", re.IGNORECASE)


@contextlib.contextmanager
def writable(path: Path) -> Iterator[None]:
    """Turn what libraries raise when `path` cannot be written into an error that says so; other
    errors go through.

    Raises
    ------
    ArchiveError
        The file system is full, read-only or broken, a quota is used up, or a right is missing.
    """
    try:
        yield
    except TokioError:
        raise
    except Exception as error:
        number = _errno(error)
        if number in FULL or (number in REFUSED + BROKEN and _concerns(error, path)):
            said = "was not written" if number in BROKEN else "cannot be written"
            raise ArchiveError(
                f"{path} {said}: {os.strerror(number)}; what is archived is kept",
                hint=f"{_to_do(number)}; then run it again",
            ) from error
        raise


def _to_do(number: int) -> str:
    """What somebody can do about an error of the system."""
    if number in FULL:
        return "free some space, or move older years away"
    if number in REFUSED:
        return f"look at the mount options and the rights of the account {account()}"
    return "look at the file systems that are read and written, and at the limits of the account"


def _concerns(error: BaseException, path: Path) -> bool:
    """Whether an error is of `path`, of what is beside it, or of a folder that it is in; one that
    names nothing is.
    """
    name = getattr(error, "filename", None)
    if not isinstance(name, str | bytes):
        return True
    named = Path(os.fsdecode(name))
    return named.is_relative_to(path.parent) or path.is_relative_to(named)


def _errno(error: BaseException) -> int:
    """The system's number of an error, which HDF5, Arrow and SQLite only give in words; 0 if
    none.
    """
    number = getattr(error, "errno", None)
    if isinstance(number, int):
        return number
    text = str(error)
    if found := _NUMBER.search(text):
        return int(found[1])
    words = {
        "disk is full": errno.ENOSPC,
        "disk I/O error": errno.EIO,  # what SQLite says of most errors
        "unable to open database file": errno.EIO,
        "No space left": errno.ENOSPC,
        "readonly database": errno.EROFS,
        "Disk quota": errno.EDQUOT,
    }
    return next((number for word, number in words.items() if word in text), 0)


def replace_folder(new: Path, old: Path) -> None:
    """Put a folder in the place of another one, if that is there, also where another process does
    so at the same time; a process that has its files open goes on reading them.
    """
    while True:
        aside = temporary_name(old)
        with contextlib.suppress(FileNotFoundError):
            os.replace(old, aside)
        try:
            os.replace(new, old)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            return
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _replace(new: Path, path: Path) -> None:
    """Put a file in the place of another one, or of a folder that somebody made there."""
    try:
        os.replace(new, path)
    except IsADirectoryError:
        remove(path)
        os.replace(new, path)


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with what is in it; it need not be there.

    A folder is renamed first: whatever instant the process dies, it is whole or not there, and the
    rest of it is swept as other temporary files are.
    """
    try:
        path.unlink(missing_ok=True)
    except (IsADirectoryError, PermissionError):  # the second is what POSIX says of folders
        if path.is_symlink() or not path.is_dir():
            raise
        aside = temporary_name(path)
        with contextlib.suppress(FileNotFoundError):
            os.replace(path, aside)
        shutil.rmtree(aside, ignore_errors=True)


def write_text(path: Path, text: str, *, over_folder: bool = False) -> None:
    """Replace `path` by a file with `text`; see `replacing`."""
    with replacing(path, over_folder=over_folder) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sync_tree(folder: Path) -> None:
    """Make the files of a folder, and the folder, durable."""
    for file in folder.rglob("*"):
        _sync(file)
    _sync(folder)
