"""Pieces of raw data: what each fetch of a day added to it.

A day of one piece has its files in the raw folder itself; of several, each has a folder
``piece-0001`` of its own in there, numbered as they came. A piece is never changed: a new raw
folder has links to the files of those that remain.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archive_tools.core.day import Day
from archive_tools.core.findings import Findings
from archive_tools.store import files
from archive_tools.store.receipts import fingerprint
from pipeline.building.instance_day import InstanceDay
from pipeline.model import Samples
from pipeline.sources.contract import SeriesSource
from pipeline.transform.union import united

PREFIX = "piece-"
Span = tuple[int, int]


@dataclass(frozen=True)
class Piece:
    """A piece of the raw data of a day.

    Attributes
    ----------
    path : pathlib.Path
        Its folder.
    about : mapping
        What the receipt says of it: ``fingerprint`` of the inputs when it was fetched, ``fetched``,
        ``counts``, ``span``, ``source``.
    """

    path: Path
    about: Mapping[str, Any]

    @property
    def number(self) -> int:
        """Its place among the pieces of the day; 1 for the only one."""
        name = self.path.name
        return int(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else 1

    @property
    def span(self) -> Span | None:
        """The first and the last second of what it has, where the source knew."""
        found = self.about.get("span")
        return (int(found[0]), int(found[1])) if found else None


def paths(raw: Path) -> list[Path]:
    """Folders of the pieces of a raw folder, the newest first."""
    found = sorted((path for path in raw.glob(f"{PREFIX}*") if path.is_dir()), reverse=True)
    return found or [raw]


def held(raw: Path, content: Mapping[str, Any], raw_fingerprint: str) -> list[Piece]:
    """The pieces of an archived raw folder, oldest first; none where it was pruned.

    Parameters
    ----------
    raw : pathlib.Path
    content : mapping
        Of its receipt.
    raw_fingerprint : str
        Of its receipt: that of the only piece, where the receipt lists none.
    """
    if not raw.is_dir():
        return []
    alone = {"fingerprint": raw_fingerprint, "counts": content.get("counts", {})}
    listed = {about.get("name", ""): about for about in content.get("pieces", [])}
    return [
        Piece(path, listed.get("" if path == raw else path.name, alone))
        for path in reversed(paths(raw))
    ]


def remaining(
    where: InstanceDay, old: Sequence[Piece], new: Path, span: Span | None = None
) -> list[Piece]:
    """The pieces that a new one, of this span, does not contain."""
    return [
        piece
        for piece in old
        if not _is_within(piece.span, span) or not contains(where, new, piece.path)
    ]


def is_in_any(
    where: InstanceDay, new: Path, old: Sequence[Piece], span: Span | None = None
) -> bool:
    """Whether a new piece of series, of this span, brings nothing that an old one has not. A list
    of logs is kept: it says which are there now.
    """
    return isinstance(where.source, SeriesSource) and any(
        _is_within(span, piece.span) and contains(where, piece.path, new) for piece in old
    )


def _is_within(inner: Span | None, outer: Span | None) -> bool:
    """Whether one span can be a part of another, as far as both are known."""
    if inner is None or outer is None:
        return True
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def contains(where: InstanceDay, newer: Path, older: Path) -> bool:
    """Whether a piece has all that an older one has."""
    source = where.source
    known = source.contains(newer, older)
    if known is not None or not isinstance(source, SeriesSource):
        return bool(known)
    there, wanted = (_measured(where, source, path) for path in (newer, older))
    return all(
        name in there and not len(np.setdiff1d(times, there[name]))
        for name, times in wanted.items()
    )


def _measured(where: InstanceDay, source: SeriesSource[Any], piece: Path) -> dict[Any, Any]:
    """The times of each component of each dataset in a piece."""
    found: dict[tuple[str, str], list[Any]] = {}
    for samples in source.parse(where.options, where.day, piece, Findings()):
        order = np.argsort(samples.column, kind="stable")
        column, time = samples.column[order], samples.time[order]
        edges = np.searchsorted(column, np.arange(len(samples.names) + 1))
        for n, name in enumerate(samples.names):
            found.setdefault((samples.dataset, name), []).append(time[edges[n] : edges[n + 1]])
    return {key: np.concatenate(times) for key, times in found.items()}


def fingerprint_of_pieces(pieces: Sequence[str], *, so_far: bool) -> str:
    """Of the raw data of a day: that of the inputs of its only piece, or of all of them."""
    if len(pieces) == 1 and not so_far:
        return pieces[0]
    return fingerprint("pieces", list(pieces), *(["so far"] if so_far else []))


def assembled(folder: Path, old: Sequence[Piece], new: Path | None) -> list[str]:
    """Make `folder` the raw folder of some pieces: links to the files of old ones, and a new one
    that is in it already, moved to its place.

    Returns
    -------
    list of str
        Names of the pieces, in their order; "" for the only one.
    """
    if not old and new:
        for path in list(new.iterdir()):
            path.rename(folder / path.name)
        new.rmdir()
        return [""]
    if len(old) == 1 and not new:
        _link_tree(old[0].path, folder)
        return [""]
    names = [f"{PREFIX}{piece.number:04d}" for piece in old]
    for name, piece in zip(names, old, strict=True):
        _link_tree(piece.path, folder / name)
    if new:
        names.append(f"{PREFIX}{max(piece.number for piece in old) + 1:04d}")
        new.rename(folder / names[-1])
    return names


def _link_tree(source: Path, target: Path) -> None:
    """The files of a folder in another one, as links where the file system has them."""
    target.mkdir(exist_ok=True)
    for path in source.iterdir():
        if path.is_dir():
            if not path.name.startswith(PREFIX):
                _link_tree(path, target / path.name)
            continue
        try:
            os.link(path, target / path.name)
        except OSError:
            shutil.copy2(path, target / path.name)


@contextlib.contextmanager
def new_folder(raw_parent: Path, instance: str) -> Iterator[Path]:
    """A temporary folder beside the raw folders of a day; removed if it is still there."""
    raw_parent.mkdir(parents=True, exist_ok=True)
    temporary = files.temporary_name(raw_parent / instance)
    temporary.mkdir()
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def samples(
    source: SeriesSource[Any],
    options: Any,
    day: Day,
    newest_first: Sequence[Path],
    findings: Findings,
) -> Iterator[Samples]:
    """The samples of a day, out of all its pieces, each component and stamp once.

    Parameters
    ----------
    source : SeriesSource
    options : SourceOptions
    day : Day
    newest_first : sequence of pathlib.Path
        Folders of the pieces.
    findings : Findings
        Of the source's parsing.
    """
    if len(newest_first) == 1:
        return source.parse(options, day, newest_first[0], findings)
    together = source.parse_pieces(options, day, newest_first, findings)
    if together is not None:
        return together
    order = {metric.dataset.name: number for number, metric in enumerate(source.metrics())}
    return united([source.parse(options, day, path, findings) for path in newest_first], order)
