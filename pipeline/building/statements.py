"""What operators said of an archive for good, in a file of it: a list of JSON objects."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from archive_tools.store import files

Statements = tuple[Mapping[str, Any], ...]


def read(path: Path) -> Statements:
    """The statements in a file; none where it is not there. It is read again only when it changes:
    fingerprints need it.
    """
    try:
        status = path.stat()
        return _read(path, status.st_mtime_ns, status.st_ino)
    except FileNotFoundError:
        return ()


@functools.lru_cache(maxsize=16)
def _read(path: Path, mtime_ns: int, inode: int) -> Statements:
    return tuple(json.loads(path.read_text("utf-8")))


def write(path: Path, found: Iterable[Mapping[str, Any]]) -> None:
    """Replace the file, in the given order."""
    files.write_text(path, json.dumps(list(found), indent=1) + "\n")
