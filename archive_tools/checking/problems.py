"""What a check finds, and what the place of a file in the archive says of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import h5py

from archive_tools.core.errors import TokioError
from archive_tools.formats.identity import DAMAGE

CLOSED = "cannot be opened"
"""The kind of a file or folder that may not be read."""


@dataclass(frozen=True)
class Problem:
    """Something that is not as it should be.

    Attributes
    ----------
    kind : str
        One or two words, the same for the same rule.
    where : str
        File, and dataset or table in it.
    what : str
    is_note : bool
        Whether the next run mends it by itself, as what a killed run left: it is shown and not
        counted.
    """

    kind: str
    where: str
    what: str
    is_note: bool = False


@dataclass(frozen=True)
class Expected:
    """What the place of a file in the archive says of it.

    Attributes
    ----------
    date : datetime.date
    timezone, instance : str
    measured : mapping of str to int
        Measured cells of datasets, as the receipt records them; only those are compared.
    """

    date: dt.date
    timezone: str
    instance: str
    measured: Mapping[str, int] = field(default_factory=dict)


def unreadable(path: Path) -> Iterator[Problem]:
    """A file that cannot be opened at all."""
    try:
        path.open("rb").close()
    except OSError as error:
        yield Problem("cannot be opened", str(path), error.strerror or str(error))


Rule = Callable[[Path, h5py.File, Expected | None], Iterator[Problem]]


def guarded(
    rule: Rule, path: Path, file: h5py.File, expected: Expected | None
) -> Iterator[Problem]:
    """Problems by one rule; what damage makes HDF5 raise is a problem, too."""
    try:
        yield from rule(path, file, expected)
    except DAMAGE as error:
        subject = rule.__name__.strip("_").replace("_", " ")
        yield Problem("damaged", str(path), f"{subject} cannot be checked: {error_text(error)}")


def error_text(error: Exception) -> str:
    """What HDF5 or the archive's readers say; not what Python says of values that are of no use,
    nor what is to be done next.
    """
    if isinstance(error, TokioError):
        return error.facts
    if isinstance(error, OSError | KeyError | RuntimeError):
        return str(error)
    return "attributes or values are not what they should be"
