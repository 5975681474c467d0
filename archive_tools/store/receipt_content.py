"""What is in a receipt, read with the types that readers rely on.

A receipt that cannot be read, or that has another type where one is relied on, is damaged: it is as
if it were not there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from archive_tools.core.errors import FormatError
from archive_tools.core.printable import clean

Shape = Any
"""A type, a tuple of types, ``[shape]`` (a list), ``{str: shape}`` (an object of whatever keys), or
an object of named keys, all of which must be there; or `COUNT`.
"""
SIZE = 2**63
"""Numbers of receipts are smaller."""

COUNT = "count"
"""The shape of numbers of rows; see `is_count`."""


def is_count(value: object) -> bool:
    """Whether a value is a number of rows; sources of other packages may have left it as text."""
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and len(value) < len(str(SIZE))
    return fits(value, int)


ROSTER = {"datasets": [str], "components": [str], "unmeasured": {str: int}}
PIECE = {"name": str, "fingerprint": str, "counts": {str: COUNT}}
SHAPES: dict[str, Shape] = {
    "bytes": int,
    "sha256": str,
    "counts": {str: COUNT},
    "findings": [str],
    "events": [{str: object}],
    "quality": {str: {"measured": int}},
    "percent": (int, float),
    "why": str,
    "who": str,
    "written": str,
    "error": str,
    "reason": str,
    "kind": str,
    "missing_components": [str],
    "roster": [ROSTER],
    "span": [(int, float)],
    "inputs": {str: object},
    "source": {str: object},
    "files": {str: [object]},
    "pieces": [PIECE],
    "seen": str,
    "so_far": bool,
}
"""The keys that readers rely on; others may be whatever they are."""


CHECKSUM = "checksum"
"""The last key of a receipt: SHA-256 of all that is before its line. Those of earlier versions do
not have it.
"""
_LAST = re.compile(rb',\n "checksum": "([0-9a-f]{64})"\n}\n\Z')


class DamagedReceipt(FormatError):
    """A receipt that cannot be read: it is as if it were not there."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"receipt {clean(str(path))} cannot be read: {reason}",
            hint="the next run of the day makes the product and the receipt again",
        )
        self.path, self.reason = path, reason


def read_content(path: Path) -> dict[str, Any]:
    """The content of a receipt.

    Raises
    ------
    FileNotFoundError
        It is not there.
    PermissionError
        It may not be read.
    DamagedReceipt
        It is damaged.
    """
    try:
        if reason := what_it_is(path.lstat()):
            raise DamagedReceipt(path, reason)
        data = path.read_bytes()
        content = json.loads(data)
    except (FileNotFoundError, PermissionError, DamagedReceipt):
        raise
    except OSError as error:
        raise DamagedReceipt(path, error.strerror or "input/output error") from error
    except (ValueError, RecursionError) as error:
        raise DamagedReceipt(path, f"it is not JSON ({clean(str(error))})") from error
    if not isinstance(content, dict):
        raise DamagedReceipt(path, "it is not a JSON object")
    if content.pop(CHECKSUM, None) is not None and not _is_as_written(data):
        raise DamagedReceipt(path, "its checksum is that of another content")
    for key, shape in SHAPES.items():
        if key in content and not fits(content[key], shape):
            raise DamagedReceipt(path, f"{key} is not of the type that it should be")
    return content


def with_checksum(content: Mapping[str, Any]) -> str:
    """The text of a receipt."""
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=True, default=_plain)
    if not content:
        return f"{text}\n"
    before = text.removesuffix("\n}")
    return f'{before},\n "{CHECKSUM}": "{_digest(before.encode())}"\n}}\n'


def _is_as_written(data: bytes) -> bool:
    found = _LAST.search(data)
    return found is not None and _digest(data[: found.start()]) == found[1].decode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _plain(value: Any) -> Any:
    """What JSON has no type for: NumPy's numbers as numbers, else as text."""
    return value.item() if hasattr(value, "item") else str(value)


def what_it_is(status: os.stat_result) -> str:
    """Why a file cannot be a receipt, by its status alone; "" if it can be one."""
    if stat.S_ISREG(status.st_mode):
        return "" if status.st_size else "it is empty"
    if stat.S_ISLNK(status.st_mode):
        return "it is a link"
    return "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is not a regular file"


def fits(value: object, shape: Shape) -> bool:
    """Whether a JSON value is of a shape."""
    if shape == COUNT:
        return is_count(value)
    if isinstance(shape, list):
        return isinstance(value, list) and _all_fit(value, shape[0])
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return False
        if str in shape:
            return _all_fit(value.values(), shape[str])
        return all(key in value and fits(value[key], its) for key, its in shape.items())
    if isinstance(value, bool):
        return shape in (bool, object)
    is_size = not isinstance(value, int | float) or abs(value) < SIZE
    return isinstance(value, shape) and is_size


def _all_fit(values: Collection[object], shape: Shape) -> bool:
    if shape is object or (shape is str and set(map(type, values)) <= {str}):
        return True  # nearly all values: many, and quickly seen
    return all(fits(value, shape) for value in values)
