"""Copies of a source's files, as they were: what `fetch` keeps of a source that is files.

Files are known by their names, sizes and times. One that grew is copied again; the copy before it
is then a beginning of the new one, and is passed over. One that became another under the same name,
as a log that is rotated, has both copies.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from archive_tools.core.errors import NoData, SourceError
from pipeline.sources._shared import rights
from pipeline.sources.contract import Fetched

MANIFEST = "files.json"
BLOCK = 1 << 20
Identity = list[str | int]
"""Name, size and time of a file."""


def inputs(paths: Sequence[Path]) -> dict[str, list[Identity]]:
    """What shows whether files changed: their names, sizes and times."""
    return {"files": [identity(path) for path in paths]}


def identity(path: Path) -> Identity:
    """What a file is known by."""
    try:
        status = path.stat()
    except OSError:
        return [str(path), -1, 0]
    return [str(path), status.st_size, status.st_mtime_ns]


def copy(paths: Sequence[Path], folder: Path, held: Sequence[Path] = ()) -> Fetched:
    """Copy files that no piece in `held` has into `folder` as they are, numbered, beside a list of
    what they are; counts files and bytes. A file's size and time are those that it has when it has
    been copied.

    Raises
    ------
    NoData
        There are none, or none that are not held.
    SourceError
        A file cannot be read.
    """
    if not paths:
        raise NoData(
            "there is no file of the day",
            hint="check where site.json says that the source's files are",
        )
    known = {tuple(one) for piece in held for one in _listed(piece)}
    size = 0
    copied: list[Identity] = []
    seen: list[Identity] = []
    for path in paths:
        if tuple(now := identity(path)) in known:
            seen.append(now)
            continue
        target = folder / f"{len(copied):05d}"
        try:
            shutil.copyfile(path, target)
        except OSError as error:
            raise rights.cannot_read(path, error) from error
        copied.append(identity(path))
        seen.append(copied[-1])
        size += target.stat().st_size
    if not copied:
        raise NoData("no file has changed")
    (folder / MANIFEST).write_text(json.dumps(copied), "utf-8")
    return Fetched({"files": len(copied), "bytes": size}, {"files": seen})


def _listed(piece: Path) -> list[Any]:
    """The list that `copy` wrote: of older ones, names alone.

    Raises
    ------
    SourceError
        It cannot be read.
    """
    try:
        found = json.loads((piece / MANIFEST).read_text("utf-8"))
        return [one if isinstance(one, list) else [str(one), -1, 0] for one in found]
    except (OSError, ValueError, TypeError) as error:
        raise SourceError(
            f"raw files in {piece} cannot be read: {error}",
            hint="tokio-pipeline invalidate the day, and run it again",
        ) from error


class Copy(NamedTuple):
    """A file that `copy` wrote.

    Attributes
    ----------
    path : Path
    name : str
        The name that it had.
    is_newest : bool
        Whether no newer piece has a file of this name: what is wrong with it is then current.
    """

    path: Path
    name: str
    is_newest: bool


def copies(pieces: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """As `copies_of_pieces`: paths, and the names that the files had."""
    for path, name, _ in copies_of_pieces(pieces):
        yield path, name


def copies_of_pieces(pieces: Sequence[Path]) -> Iterator[Copy]:
    """The files that `copy` wrote, without copies of which another one has all.

    Parameters
    ----------
    pieces : sequence of Path
        The newest first.

    Raises
    ------
    SourceError
        A list cannot be read.
    """
    given: dict[str, list[Path]] = {}
    for piece in pieces:
        newer_names = set(given)
        for number, (name, *_) in enumerate(_listed(piece)):
            path = piece / f"{number:05d}"
            if not any(_begins(newer, path) for newer in given.get(name, [])):
                given.setdefault(name, []).append(path)
                yield Copy(path, name, name not in newer_names)


def times(piece: Path) -> dict[Path, int]:
    """When each file of a piece was last changed, as its copy was made: epoch seconds."""
    return {
        piece / f"{number:05d}": int(mtime_ns) // 10**9
        for number, (_, _, mtime_ns) in enumerate(_listed(piece))
    }


def contains(newer: Path, older: Path) -> bool:
    """Whether a piece has all files of an older one, from their beginnings on."""
    there = {name: newer / f"{number:05d}" for number, (name, *_) in enumerate(_listed(newer))}
    return all(
        name in there and _begins(there[name], older / f"{number:05d}")
        for number, (name, *_) in enumerate(_listed(older))
    )


def _begins(whole: Path, part: Path) -> bool:
    """Whether a file begins with all of another one."""
    size = part.stat().st_size
    if whole.stat().st_size < size:
        return False
    with whole.open("rb") as long, part.open("rb") as short:
        while block := short.read(BLOCK):
            if long.read(len(block)) != block:
                return False
    return True
