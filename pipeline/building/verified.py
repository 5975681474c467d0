"""Whether raw data are those that were fetched: nothing is built on other bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archive_tools.core import threads
from archive_tools.core.printable import clean
from archive_tools.store import digest


def hashes(folder: Path) -> dict[str, list[Any]]:
    """Size and SHA-256 of the files of a raw folder, by their names in it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    found = threads.in_order(digest.sha256, paths)
    return {
        str(path.relative_to(folder)): [path.stat().st_size, one]
        for path, one in zip(paths, found, strict=True)
    }


def damaged_files(folder: Path, content: Mapping[str, Any], *, deep: bool = True) -> dict[str, str]:
    """The files of raw data that are not those that were fetched, and why.

    Parameters
    ----------
    folder : pathlib.Path
        Of the raw data.
    content : mapping
        Of their receipt, which has size and hash of each file; those of early versions have none.
    deep : bool
        Also hash the files; else their sizes alone are compared.
    """
    listed = digest.facts_of_raw(content.get("files", {}))

    def why(item: tuple[str, dict[str, Any]]) -> str:
        name, facts = item
        return digest.damage(folder / name, facts, deep=deep)

    reasons = threads.in_order(why, listed.items()) if deep else map(why, listed.items())
    return {name: reason for name, reason in zip(listed, reasons, strict=True) if reason}


def sentence(folder: Path, damaged: Mapping[str, str]) -> str:
    """What is wrong with raw data, in one sentence."""
    name, reason = next(iter(damaged.items()))
    more = f" (and {len(damaged) - 1} more files)" if len(damaged) > 1 else ""
    return f"raw data {clean(str(folder / name))}{more}: {reason}"
