"""Answers, whatever server sends them: bytes of a known length, what they are, and their ETag.

An answer is made as a whole before any of it is sent: what cannot be read is an error and never
half an answer. A large one is in a temporary file without a name, so that slow clients hold no
memory.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from archive_tools.core.errors import TokioError
from archive_tools.core.printable import clean
from archive_tools.serving.limits import Deadline, TooLarge

IN_MEMORY = 1 << 20
"""Bytes of an answer above which it is in a file."""
CHUNK = 1 << 17
"""Bytes that are sent at a time."""
JSON = "application/json"
PROBLEM = "application/problem+json"


@dataclass
class Answer:
    """What a client is sent.

    Attributes
    ----------
    file : binary file
        At its beginning.
    size : int
        Bytes in it.
    media_type : str
    etag : str
        With its quotes; "" where there is none.
    headers : dict of str to str
        More of them.
    status : int
        Of HTTP.
    """

    file: IO[bytes]
    size: int
    media_type: str
    etag: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200

    def chunks(self) -> Iterator[bytes]:
        """All of it, piece by piece; the file is closed at the end."""
        with self.file:
            while piece := self.file.read(CHUNK):
                yield piece


class Sink(tempfile.SpooledTemporaryFile[bytes]):
    """Takes an answer while it is made, until its time is over.

    Parameters
    ----------
    deadline : Deadline
    """

    def __init__(self, deadline: Deadline) -> None:
        super().__init__(max_size=IN_MEMORY)
        self._deadline = deadline

    def write(self, data: Any) -> int:
        self._deadline.check()
        return super().write(data)

    def answer(self, media_type: str, **more: Any) -> Answer:
        """What was written, as an answer."""
        size = self.tell()
        self.seek(0)
        return Answer(self, size, media_type, **more)


def json_answer(content: Any, deadline: Deadline, **more: Any) -> Answer:
    """An answer in JSON, its ETag made of its bytes."""
    sink, data = Sink(deadline), json.dumps(finite(content), default=str).encode() + b"\n"
    sink.write(data)
    return sink.answer(JSON, **{"etag": etag_of(data), **more})


def finite(content: Any) -> Any:
    """JSON-able content, with null for what is not a number."""
    if isinstance(content, dict):
        return {str(key): finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and content - content != 0 else content


def etag_of(*facts: Any) -> str:
    """An ETag that differs when any fact does."""
    text = json.dumps(facts, sort_keys=True, default=repr).encode()
    return f'"{hashlib.sha256(text).hexdigest()[:32]}"'


def file_facts(paths: Iterable[Path]) -> list[tuple[int, ...] | None]:
    """What changes when one of some files is replaced, appears or goes; nothing is opened."""
    return [_facts(path) for path in paths]


def _facts(path: Path) -> tuple[int, ...] | None:
    try:
        return status_facts(os.stat(path))
    except OSError:
        return None


def status_facts(status: os.stat_result) -> tuple[int, ...]:
    """What differs between a file and the one that takes its place."""
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size


def problem(
    status: int, error: TokioError, root: Path, headers: dict[str, str] | None = None
) -> Answer:
    """An error as a problem document (RFC 9457): what is wrong, the limit, what was found, what to
    do. The archive's folder is not named.
    """
    fields = {"detail": error.what, "expected": error.expected, "got": error.got}
    fields |= {"to_do": error.hint}
    if isinstance(error, TooLarge):
        fields |= {"limit": error.expected}
    said = {key: relative(text, root) for key, text in fields.items() if text}
    title = type(error).__name__
    data = json.dumps({"type": "about:blank", "title": title, "status": status} | said).encode()
    return Answer(io.BytesIO(data), len(data), PROBLEM, headers=headers or {}, status=status)


def relative(text: str, root: Path) -> str:
    """A sentence for people who may not know where the archive is: paths begin in its folder."""
    return clean(text.replace(f"{root}/", "").replace(str(root), "the archive"))
