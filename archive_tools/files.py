"""Whole files or none: write under a unique temporary name, make it durable, then replace.

Whatever instant the process dies, a reader finds the old file or the new one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = ".tmp"


def temporary_name(path: Path) -> Path:
    """A name beside `path` that no other process uses: ``.<name>.<host>.<pid>.<random>.tmp``."""
    host = os.uname().nodename.partition(".")[0]
    return path.with_name(f".{path.name}.{host}.{os.getpid()}.{os.urandom(4).hex()}{TEMPORARY}")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; on leaving without an error it becomes `path`, durably.

    Yields
    ------
    pathlib.Path
        In the same folder as `path`, which is made if it is not there. The file must be closed at the end.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace `path` by a file with `text`."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sync_tree(folder: Path) -> None:
    """Make the files of a folder, and the folder, durable."""
    for file in folder.iterdir():
        _sync(file)
    _sync(folder)
