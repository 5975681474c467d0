"""How commands write: text that is only text, tables, JSON, files that an option names."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from archive_tools.cli import tables
from archive_tools.cli.exit_codes import WrongCommand
from archive_tools.core import printable
from archive_tools.core.errors import NotFound, TokioError
from archive_tools.store import files


def local(second: int | None, timezone: str) -> str:
    """An epoch second as local time with its offset from UTC; – for none, and the number for one
    that no calendar has.
    """
    if second is None:
        return "–"
    try:
        return (
            dt.datetime.fromtimestamp(second, ZoneInfo(timezone)).isoformat().replace("+00:00", "Z")
        )
    except (ValueError, OverflowError, OSError):
        return str(second)


# Output

PICTURES = (".png", ".svg")


def target(output: Path, endings: Collection[str] = ()) -> Path:
    """The file that an option names, before anything is read for it.

    Parameters
    ----------
    output : pathlib.Path
    endings : collection of str
        Of names, lower case; none allows all.

    Returns
    -------
    pathlib.Path
        The file that is replaced, or not there yet; links are followed.

    Raises
    ------
    WrongCommand
        Its name ends otherwise, or it is not a file.
    NotFound
        Its folder is not there.
    """
    if endings and output.suffix.lower() not in endings:
        raise WrongCommand(
            f"{output} has an unknown ending",
            expected=", ".join(endings),
            got=output.suffix or "none",
        )
    path = output.resolve()
    if path.exists() and not path.is_file():
        raise WrongCommand(f"{output} is not a file")
    if not path.parent.is_dir():
        raise NotFound(
            f"no folder {path.parent}", hint=f"make it before {output.name} is written to it"
        )
    return path


@contextlib.contextmanager
def writing(output: Path) -> Iterator[None]:
    """Write `output`: errors name it, not the temporary file beside it; at the end it is reported
    to be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or not str(error.filename or files.TEMPORARY).endswith(
            files.TEMPORARY
        ):
            raise  # an error of reading
        raise TokioError(f"{output} cannot be written: {error.strerror or error}") from error
    note(f"{output} written")


def say(text: str = "") -> None:
    """Write a line to standard output; what cannot be printed in it is escaped."""
    tables.write(sys.stdout, f"{printable.clean(text)}\n")


def note(text: str) -> None:
    """Write a line to standard error."""
    tables.write(sys.stderr, f"{printable.clean(text)}\n")


def show(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, left: Collection[int] = (0,)
) -> None:
    """Write a table to standard output."""
    tables.table(sys.stdout, header, rows, left=left)


def show_json(content: Any) -> None:
    """Write JSON to standard output: ASCII, and null for what is not a number."""
    tables.write(sys.stdout, f"{json.dumps(_finite(content), indent=1, default=_plain)}\n")


def show_json_of_many(items: Iterable[Any]) -> int:
    """Write a list as `show_json` does, one item after the other; the number of items."""
    count = 0
    for count, item in enumerate(items, 1):
        text = json.dumps([_finite(item)], indent=1, default=_plain)[1:-2]
        tables.write(sys.stdout, ("[" if count == 1 else ",") + text)
    tables.write(sys.stdout, "\n]\n" if count else "[]\n")
    return count


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(key): _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and content - content != 0 else content


def _plain(value: Any) -> Any:
    """What HDF5 attributes may hold, as JSON."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return _finite(value.tolist()) if hasattr(value, "tolist") else str(value)
