"""What pieces of raw data were made of: files, or windows of documents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from pipeline.model import shown
from pipeline.sources._shared import source_files

MANIFEST = "held.json"
HEADS = (64, 256, 1024, 4096)
"""Lengths of a file's beginning by which a file that grew is told from another one under its name.
"""


class HeldFile(msgspec.Struct, frozen=True):
    """A file that was read.

    Attributes
    ----------
    name : str
        Bytes that are not UTF-8 as ``\\xNN``.
    size : int
    mtime_ns : int
    heads : list of str
        Digests of its beginnings of `HEADS` bytes, of those that it has.
    """

    name: str
    size: int
    mtime_ns: int
    heads: list[str]

    @classmethod
    def of(cls, path: Path) -> HeldFile:
        """As it is now; one that cannot be read has size -1."""
        name = shown(bytes(path))
        try:
            status = path.stat()
            return cls(name, status.st_size, status.st_mtime_ns, _heads(path))
        except OSError:
            return cls(name, -1, 0, [])

    @property
    def identity(self) -> tuple[str, int, int]:
        return self.name, self.size, self.mtime_ns

    def begins(self, newer: HeldFile) -> bool:
        """Whether a newer file of this name has grown out of this one, as far as the beginnings
        say.
        """
        return newer.size >= self.size and newer.heads[: len(self.heads)] == self.heads


class HeldWindow(msgspec.Struct):
    """A window of documents that was fetched.

    Attributes
    ----------
    begin : int
        Epoch second.
    documents : int
    first_ms, last_ms : int
        Stamps of the first and the last document.
    """

    begin: int
    documents: int = 0
    first_ms: int = 0
    last_ms: int = 0

    def reach(self, times: Iterable[int]) -> None:
        """Take stamps of documents in."""
        if known := list(times):
            first, last = min(known), max(known)
            self.first_ms = min(first, self.first_ms or first)
            self.last_ms = max(last, self.last_ms)

    def is_in(self, newer: HeldWindow) -> bool:
        """Whether a newer fetch of the window has at least as much, as early and as late."""
        return not self.documents or (
            newer.documents >= self.documents
            and newer.first_ms <= self.first_ms
            and newer.last_ms >= self.last_ms
        )


class Held(msgspec.Struct):
    """What a piece was made of; nothing is known of pieces of older versions."""

    files: list[HeldFile] = []
    windows: list[HeldWindow] = []

    @classmethod
    def of(cls, piece: Path) -> Held | None:
        """What a piece says of itself; None where it says nothing."""
        try:
            return msgspec.json.decode((piece / MANIFEST).read_bytes(), type=cls)
        except (OSError, msgspec.MsgspecError):
            return None

    @property
    def span(self) -> tuple[int, int] | None:
        """The first and the last second of the documents; None of files."""
        found = [window for window in self.windows if window.documents]
        if not found:
            return None
        first = min(window.first_ms for window in found) // 1000
        return first, max(window.last_ms for window in found) // 1000

    def write(self, piece: Path) -> None:
        (piece / MANIFEST).write_bytes(msgspec.json.encode(self))

    def file_at(self, place: str) -> str:
        """The file that was read in which a place is, of a tarball that of its member; "" if
        none.
        """
        return next((file.name for file in self.files if _is_in_file(place, file.name)), "")

    def is_in(self, newer: Held) -> bool:
        """Whether a newer piece was made of all that this one was made of."""
        files = {file.name: file for file in newer.files}
        windows = {window.begin: window for window in newer.windows}
        return all(
            file.name in files and file.begins(files[file.name]) for file in self.files
        ) and all(
            window.begin in windows and window.is_in(windows[window.begin])
            for window in self.windows
        )


def _is_in_file(place: str, name: str) -> bool:
    return place == name or (source_files.is_tarball(name) and place.startswith(f"{name}:"))


def _heads(path: Path) -> list[str]:
    with path.open("rb") as file:
        beginning = file.read(HEADS[-1])
    return [
        hashlib.sha256(beginning[:size]).hexdigest()[:16]
        for size in HEADS
        if len(beginning) >= size
    ]
