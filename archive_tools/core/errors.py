"""Errors that people read: what is wrong, where, what was expected, what was found, what to do.

Every error raised on purpose is a `TokioError`, and the builtin that a caller would catch. The
command lines print its text and no traceback; programs look at its class and fields, never at the
text.
"""

from __future__ import annotations

from typing import Any, Self

MEND = (
    "tokio-pipeline rebuild makes it again while its raw data are kept, else tokio-pipeline"
    " invalidate and nightly; or restore the file"
)
"""What to do about a damaged file of the archive."""


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

    Attributes
    ----------
    what, expected, got, hint : str
        As given; "" where not given.
    """

    def __init__(self, what: str, *, expected: str = "", got: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what, self.expected, self.got, self.hint = what, expected, got, hint

    def __str__(self) -> str:
        return self._joined(("to do", self.hint))

    @property
    def facts(self) -> str:
        """The text without what is to be done."""
        return self._joined()

    def _joined(self, *more: tuple[str, str]) -> str:
        said = [("expected", self.expected), ("got", self.got), *more]
        return "; ".join([self.what, *(f"{name}: {text}" for name, text in said if text)])

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (type(self), self.args, self.__dict__)


def _remade(kind: type[TokioError], args: tuple[Any, ...], fields: dict[str, Any]) -> TokioError:
    """An error that came from another process, with its fields."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(fields)
    return error


class ConfigError(TokioError, ValueError):
    """`site.json`, a source map or the catalogue says something that is not allowed."""


class BadArgument(TokioError, ValueError):
    """A caller gave what is not allowed: a time, a step, a choice, a name, an empty range."""


class SourceError(TokioError):
    """A source cannot be reached or read: the day stays as it is and is tried again."""


class Unreachable(SourceError, ConnectionError):
    """A source does not answer at all: other queries of this run would not be answered either."""


class NoData(TokioError, LookupError):
    """The source has nothing for the day. Not a file of zeros: no product is written."""


class InputChanged(TokioError):
    """An input changed while it was read; the next run reads it again."""


class FormatError(TokioError, ValueError):
    """A file is not what its name or its attributes say."""


class LessThanArchived(TokioError):
    """A product would have less than the archived one, made of the same: that one is kept."""


class NotFound(TokioError, LookupError):
    """A dataset, an instance or a day that does not exist was requested."""


class MissingPackage(TokioError, ImportError):
    """A package that this command or source needs is not installed; says which extra has it."""

    @classmethod
    def of(cls, what: str, extra: str) -> Self:
        """The error of something that needs the packages of an extra."""
        return cls(
            f"{what} needs packages that are not installed",
            hint=f"pip install 'tokio-archive[{extra}]'",
        )


class Busy(TokioError):
    """Another run holds the days that were requested."""


class ArchiveError(TokioError, OSError):
    """The archive cannot be written: no space, no right, a read-only file system. What is archived
    remains.
    """
