"""Files that a source reads: which there are, copies of them, and what is in compressed files
and tarballs.

Nothing is ever unpacked to disk. A tarball is looked through before any of it is read, and is
refused whole when a member's name would leave a folder, when a member is not a plain file, or when
it expands to more than is allowed. A file that breaks off is read up to there.
"""

from __future__ import annotations

import contextlib
import glob
import io
import lzma
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, cast

from isal import isal_zlib

from archive_tools.core.day import Day
from archive_tools.core.errors import SourceError
from pipeline.schemas.site_types import Templates
from pipeline.site import Site
from pipeline.sources._shared import rights
from pipeline.sources._shared.unpackers import OPENERS, PIECE

BROKEN: tuple[type[BaseException], ...] = (
    OSError,
    EOFError,
    tarfile.TarError,
    zlib.error,
    cast(type[Exception], isal_zlib.error),
    lzma.LZMAError,
)
"""What reading a damaged file raises."""
TAR_BROKEN: tuple[type[BaseException], ...] = (*BROKEN, ValueError, RecursionError)
"""tarfile lets ValueError out where a header is damaged, and goes deeper with each header of a
header.
"""
LONG_HEADERS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
LONGEST_HEADER = 1 << 16
ALWAYS = 32 << 20
"""Bytes that any file may expand to."""
Problem = Callable[[str, str], None]
"""Called with the file (and member, line, ...) and what is wrong with it."""


class Member(NamedTuple):
    """One file's content: on its own, or out of a tarball.

    Attributes
    ----------
    name : str
        For messages: the file, and the member in it.
    path : str
        The file's own path, or the member's.
    stream : binary stream
        Ends where the file breaks off.
    """

    name: str
    path: str
    stream: IO[bytes]


def ignored(where: str, what: str) -> None:
    """A `Problem` of a file that was replaced since."""


def expanded(templates: Templates, day: Day) -> list[Path]:
    """Files and folders of a day: strftime templates, which may be glob patterns; sorted, each
    once. A folder on the way to them that may not be opened is an error.
    """
    found: list[str] = []
    for template in [templates] if isinstance(templates, str) else templates:
        pattern = day.expand(template)
        rights.check_folders(pattern)
        there = os.path.lexists(pattern)
        found += [pattern] if there else sorted(glob.glob(pattern, recursive=True))
    return [Path(name) for name in dict.fromkeys(found)]


def with_absolute_paths(templates: Templates, site: Site) -> list[str]:
    """Templates counted from site.json."""
    return [
        str(site.path(name)) for name in ([templates] if isinstance(templates, str) else templates)
    ]


def walked(paths: Sequence[Path]) -> list[Path]:
    """The files among paths and below the folders among them; hidden files, pipes and devices are
    left out. A folder that may not be opened is an error.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            found[path] = None
            continue
        for folder, folders, names in rights.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            found.update(
                dict.fromkeys(
                    Path(folder, name) for name in sorted(names) if not name.startswith(".")
                )
            )
    return [path for path in found if path.is_file() or not path.exists()]


def members(path: Path, name: str, allowed: Allowed | int, problem: Problem) -> Iterator[Member]:
    """What is in a file: itself, unpacked when it is compressed, or the members of a tarball.

    Parameters
    ----------
    path : Path
    name : str
        What the file is called: its ending says how it is packed, and problems name it.
    allowed : Allowed or int
        What it may expand to; a number is of bytes.
    problem : callable
        Called for a file or member that cannot be opened, is refused, or has another file's name.
    """
    rights.check_file(path)
    limit = allowed.of(path) if isinstance(allowed, Allowed) else allowed
    if is_tarball(name):
        try:
            _refuse_unsafe(path, name, limit)
        except SourceError as error:
            problem(name, str(error))
            return
        yield from _tarball(path, name, limit, problem)
        return
    try:
        stream = _opened(path, name, limit, problem)
    except BROKEN as error:
        problem(name, f"cannot be read: {error}")
        return
    with stream:
        yield Member(name, str(path), stream)


def content(member: Member) -> bytes:
    """All of a member, up to where it breaks off."""
    return member.stream.read()


def beginning(member: Member, size: int, problem: Problem) -> bytes:
    """The first `size` bytes of a member; `problem` is called for one that is longer."""
    found = member.stream.read(size + 1)
    if len(found) > size:
        problem(
            member.name,
            f"is larger than {size >> 20} MiB, more than a file of its kind is; the rest is not"
            " read",
        )
    return found[:size]


def _suffixes(name: str) -> list[str]:
    return PurePosixPath(name.lower()).suffixes[-2:]


def is_tarball(name: str) -> bool:
    endings = _suffixes(name)
    return endings[-1:] in ([".tar"], [".tgz"]) or (
        len(endings) == 2 and endings[0] == ".tar" and endings[1] in OPENERS
    )


class Allowed(NamedTuple):
    """What a file may expand to, by the source's keys.

    Attributes
    ----------
    megabytes : int
        `max_expanded_mb`.
    ratio : int
        `max_ratio`: times its size; `ALWAYS` bytes are allowed.
    """

    megabytes: int
    ratio: int

    def of(self, path: Path) -> int:
        """Bytes."""
        try:
            size = path.stat().st_size
        except OSError:
            size = 0
        return min(self.megabytes << 20, max(ALWAYS, self.ratio * size))


class _Budget:
    """Bytes that may still be expanded: of one file, or of all members of a tarball."""

    def __init__(self, left: int) -> None:
        self.left = left


class _Limited(io.RawIOBase):
    """A stream that ends where it breaks off, or where it would give more bytes than it may;
    `problem` is called.
    """

    def __init__(self, stream: Any, name: str, budget: _Budget, problem: Problem) -> None:
        self._stream, self._name, self._budget, self._problem = stream, name, budget, problem
        self.refused = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.refused:
            return 0
        try:
            piece = self._stream.read1(
                min(len(buffer), self._budget.left + 1)
            )  # read() would lose what came before the damage
        except BROKEN as error:
            self._problem(self._name, f"breaks off: {error}")
            return 0
        if len(piece) > self._budget.left:
            self.refused = True
            self._problem(
                self._name,
                "is refused: it expands to more than is allowed; to do: raise max_expanded_mb or"
                " max_ratio of the source if that is right",
            )
            return 0
        self._budget.left -= len(piece)
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _opened(path: Path, name: str, limit: int, problem: Problem) -> IO[bytes]:
    packed = _suffixes(name)[-1:]
    stream = OPENERS[packed[0]](path) if packed and packed[0] in OPENERS else path.open("rb")
    return io.BufferedReader(_Limited(stream, name, _Budget(limit), problem), PIECE)


class _Header(tarfile.TarInfo):
    """A header whose name or attributes are read only where they are of a sensible length."""

    def _proc_member(self, tar: tarfile.TarFile) -> Any:
        if self.type in LONG_HEADERS and self.size > LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        return super()._proc_member(tar)  # type: ignore[misc]


def _tar(stream: IO[bytes]) -> tarfile.TarFile:
    return tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header)


def _forget(tar: tarfile.TarFile) -> None:
    """The members that were seen: a tarball keeps them all, and may have millions."""
    tar.members.clear()  # type: ignore[attr-defined]


def _refuse_unsafe(path: Path, name: str, limit: int) -> None:
    """Look through a tarball, as far as it can be read.

    Raises
    ------
    SourceError
        A member may not be read; nothing of the tarball is.
    """
    reported: list[str] = []
    with (
        contextlib.suppress(*TAR_BROKEN),
        _opened(path, name, limit, lambda _, what: reported.append(what)) as stream,
        _tar(stream) as tar,
    ):
        for member in tar:
            _forget(tar)
            parts = PurePosixPath(member.name).parts
            if member.name.startswith("/") or ".." in parts:
                raise SourceError(
                    f"{name} is refused: member {member.name[:200]!r} would leave the folder",
                    hint="ask who made this tarball",
                )
            if not (member.isdir() or member.isreg()) or member.issparse():
                raise SourceError(
                    f"{name} is refused: member {member.name[:200]!r} is not a plain file",
                    hint="pack files and folders only",
                )
    if any("is refused" in what for what in reported):
        raise SourceError(f"{name} {reported[-1]}")


def _tarball(path: Path, name: str, limit: int, problem: Problem) -> Iterator[Member]:
    budget = _Budget(limit)
    try:
        with _opened(path, name, limit, problem) as stream, _tar(stream) as tar:
            for member in tar:
                _forget(tar)
                inside = (
                    tar.extractfile(member)
                    if member.isreg() and not PurePosixPath(member.name).name.startswith(".")
                    else None
                )
                if inside is not None:
                    where = f"{name}:{member.name}"
                    packed = _suffixes(member.name)[-1:]
                    opened = (
                        OPENERS[packed[0]](inside) if packed and packed[0] in OPENERS else inside
                    )
                    yield Member(
                        where,
                        member.name,
                        io.BufferedReader(_Limited(opened, where, budget, problem), PIECE),
                    )
    except TAR_BROKEN as error:
        problem(name, f"cannot be read: {error}")
