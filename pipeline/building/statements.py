"""What operators said of an archive for good, in a file of it: a list of JSON objects, each with a
hash of what it says. Those of earlier versions have none.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from archive_tools.core.errors import ConfigError
from archive_tools.store import files
from archive_tools.store.receipts import fingerprint

Statement = TypeVar("Statement")
Statements = tuple[Mapping[str, Any], ...]
HASH = "hash"
"""Key of a statement's hash, which nobody but this module sees."""


def read(path: Path) -> Statements:
    """The statements in a file; none where it is not there. It is read again only when it changes:
    fingerprints need it.
    """
    try:
        status = path.stat()
        return _read(path, status.st_mtime_ns, status.st_ino)
    except FileNotFoundError:
        return ()


def typed(path: Path, make: Callable[[Mapping[str, Any]], Statement]) -> list[Statement]:
    """The statements in a file, as objects.

    Raises
    ------
    ConfigError
        The file cannot be read, or one of them lacks something.
    """
    try:
        return [make(one) for one in read(path)]
    except (TypeError, KeyError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise _damaged(path, str(error)) from error


@functools.lru_cache(maxsize=16)
def _read(path: Path, mtime_ns: int, inode: int) -> Statements:
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError, IsADirectoryError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise _damaged(path, "it is not a list of objects")
    for number, one in enumerate(found, 1):
        if one.pop(HASH, fingerprint(one)) != fingerprint(one):
            raise _damaged(path, f"statement {number} is not as it was written")
    return tuple(found)


def _damaged(path: Path, why: str) -> ConfigError:
    """What operators said decides which days are complete: nothing goes on without it."""
    return ConfigError(
        f"{path} cannot be read: {why}",
        hint="restore it from a copy, or remove it and say again what is retired or acknowledged",
    )


def write(path: Path, found: Iterable[Mapping[str, Any]]) -> None:
    """Replace the file, in the given order."""
    hashed = [{**one, HASH: fingerprint(one)} for one in found]
    files.write_text(path, json.dumps(hashed, indent=1) + "\n")
