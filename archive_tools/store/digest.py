"""Whether a file is the one that its receipt is of: its size, and the hash of its bytes.

SHA-256, as of raw data: 1.3 GB/s a core here, more than any other that Python has (BLAKE2b 0.7).
The interpreter is free meanwhile, so threads hash side by side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

OTHER_BYTES = "its bytes are not those of the receipt"


def sha256(path: Path) -> str:
    """The hash of a file's bytes, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def facts(path: Path) -> dict[str, Any]:
    """What a receipt says of a file: ``bytes`` and ``sha256``."""
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}


def damage(path: Path, content: Mapping[str, Any], *, deep: bool = True) -> str:
    """Why a file is not the one that a receipt is of, "" if it is, as far as the receipt says.

    Parameters
    ----------
    path : pathlib.Path
    content : mapping
        Of the receipt, or another object with ``bytes`` and ``sha256``; receipts of earlier
        versions lack the hash.
    deep : bool
        Also hash the file; else its size alone is compared.
    """
    try:
        if not path.is_file():
            return "it is not there" if not path.exists() else "it is not a file"
        size, expected = path.stat().st_size, content.get("bytes")
        if expected is not None and size != expected:
            return f"it has {size:,} bytes, {expected:,} by the receipt"
        wrong = deep and "sha256" in content and sha256(path) != content["sha256"]
    except PermissionError:  # not of the file's bytes
        raise
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    return OTHER_BYTES if wrong else ""


def facts_of_raw(listed: Mapping[str, Sequence[Any]]) -> dict[str, dict[str, Any]]:
    """What the receipt of raw data says of each of their files, which it has as size and hash."""
    return {
        name: {"bytes": known[0], "sha256": known[1]}
        for name, known in listed.items()
        if len(known) == 2
    }
