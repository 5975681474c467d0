"""Errors that people read: what is wrong, where, what was expected, what was found, what to do.

Every error raised on purpose is a `TokioError`; the command lines print its text and no traceback.
"""

from __future__ import annotations


class TokioError(Exception):
    """Base of all errors that the system raises on purpose.

    Parameters
    ----------
    what : str
        One sentence that says what is wrong and where.
    expected, got : str, optional
        What is allowed there, and what was found instead.
    hint : str, optional
        What the reader can do about it.
    """

    def __init__(self, what: str, *, expected: str = "", got: str = "", hint: str = "") -> None:
        parts = [what]
        if expected:
            parts.append(f"expected: {expected}")
        if got:
            parts.append(f"got: {got}")
        if hint:
            parts.append(f"to do: {hint}")
        super().__init__("; ".join(parts))


class ConfigError(TokioError):
    """`site.json`, a source map or the catalogue says something that is not allowed."""


class SourceError(TokioError):
    """A source cannot be reached or read: the day stays as it is and is tried again."""


class Unreachable(SourceError):
    """A source does not answer at all: whatever else it were asked for now would not come
    either.
    """


class NoData(TokioError):
    """The source has nothing for the day. Not a file of zeros: no product is written."""


class InputChanged(TokioError):
    """An input changed while it was read; the next run reads it again."""


class FormatError(TokioError):
    """A file is not what its name or its attributes say."""


class NotFound(TokioError, KeyError):
    """A dataset, an instance or a day that does not exist was asked for."""

    __str__ = Exception.__str__


class Busy(TokioError):
    """Another run holds the days that are asked for."""


class ArchiveError(TokioError):
    """The archive cannot be written: no space, no right, a read-only file system. What is archived
    stands.
    """
