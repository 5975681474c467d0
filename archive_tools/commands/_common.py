"""What commands share: which archive is meant, which range of time, how output is written."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from archive_tools import tables
from pipeline.errors import ConfigError, NotFound, TokioError

if TYPE_CHECKING:
    from archive_tools.archive import Archive

ARCHIVE = "TOKIO_ARCHIVE"
SITE = "TOKIO_SITE"
DONE, NOT_THERE, WRONG = 0, 1, 2
"""Exit codes: done; not there or cannot be read (or `check` found problems); wrong command."""

Moment = dt.date | dt.datetime
"""As typed: a date is a whole day."""


class WrongCommand(TokioError):
    """The arguments do not go together."""


# Which archive


def add_archive(parser: argparse.ArgumentParser) -> None:
    """The option ``--archive``."""
    parser.add_argument(
        "--archive", default="", metavar="DIR", help=f"archive folder (default: ${ARCHIVE}, else that of ${SITE} or ./site.json, else ./archive)"
    )


def archive_folder(given: str = "") -> Path:
    """The archive's folder: `given`, else $TOKIO_ARCHIVE, else what the site file says, else ./archive."""
    named = given or os.environ.get(ARCHIVE, "")
    return Path(named) if named else _archive_of_site() or Path("archive")


def _archive_of_site() -> Path | None:
    """What the key `archive` of the site file says; the other keys are not looked at, so that no reader needs them."""
    given = os.environ.get(SITE, "")
    path = Path(given or "site.json")
    if not path.is_file():
        if given:
            raise NotFound(f"no site file {path}", hint=f"set {SITE} or {ARCHIVE}, or give --archive DIR")
        return None
    try:
        named = json.loads(path.read_text("utf-8"))["archive"]
        return (path.absolute().parent / Path(named).expanduser()).absolute()
    except (ValueError, LookupError, TypeError) as error:
        raise ConfigError(f"{path} names no archive: {error}", hint="tokio-pipeline check-config") from error


def open_archive(given: str) -> Archive:
    """The archive that is meant."""
    from archive_tools.archive import Archive

    return Archive(archive_folder(given))


# Which time


def moment(text: str) -> Moment:
    """A date or a time out of an argument."""
    for parse in (dt.date.fromisoformat, dt.datetime.fromisoformat):
        try:
            return parse(text.strip())
        except ValueError:
            continue
    raise argparse.ArgumentTypeError(f"{text!r} is no date and no time; expected: 2026-11-22, 2026-11-22T07:50:00 or 2026-11-22T07:50:00Z")


def add_range(parser: argparse.ArgumentParser, *, positional: bool = True) -> None:
    """The arguments START and STOP, and the options ``--start`` and ``--stop``, which say the same."""
    told = "a date (the whole day) or a time; the site's unless it says its zone"
    if positional:
        parser.add_argument("first", nargs="?", type=moment, metavar="START", help=told)
        parser.add_argument("last", nargs="?", type=moment, metavar="STOP", help="a date (the last day) or a time (excluded); default: the day START")
    parser.add_argument("--start", type=moment, metavar="WHEN", help="START" if positional else f"{told}; default: the first there is")
    parser.add_argument(
        "--stop", type=moment, metavar="WHEN", help="STOP" if positional else "a date (the last day) or a time (excluded); default: the last there is"
    )


def given_range(options: argparse.Namespace) -> tuple[Moment | None, Moment | None]:
    """START and STOP, however they were given."""
    pairs = ((getattr(options, "first", None), options.start, "START"), (getattr(options, "last", None), options.stop, "STOP"))
    twice = [name for positional, option, name in pairs if positional is not None and option is not None]
    if twice:
        raise WrongCommand(f"{twice[0]} is given twice", hint=f"give it as an argument or as --{twice[0].lower()}")
    start, stop = (positional if positional is not None else option for positional, option, _ in pairs)
    return start, stop


def between(start: Moment | None, stop: Moment | None, timezone: str) -> tuple[int, int]:
    """The range from START to STOP.

    Parameters
    ----------
    start, stop : date, datetime or None
        Dates are whole days, the last included. Without a stop, the day of the start, which must then be a date.
    timezone : str
        Of dates, and of times that do not say theirs.

    Returns
    -------
    tuple of int
        ``[start, end)`` in epoch seconds.
    """
    if start is None:
        raise WrongCommand("the time is missing", expected="a day or a range, such as 2026-11-22, or 2026-11-22T07:50 2026-11-22T08:00")
    if stop is None and isinstance(start, dt.datetime):
        raise WrongCommand(f"the range from {start} has no end", expected="START and STOP, or a date")
    first, last = _first_second(start, timezone), _end(start if stop is None else stop, timezone)
    if last <= first:
        raise WrongCommand("the range is empty", expected="START before STOP", got=f"{start} to {stop}")
    return first, last


def dates_between(start: Moment | None, stop: Moment | None, timezone: str) -> tuple[dt.date, dt.date]:
    """The first and the last day that a range touches; what is not given has no bound."""
    low = date_of(_first_second(start, timezone), timezone) if start is not None else dt.date.min
    high = date_of(_end(stop, timezone) - 1, timezone) if stop is not None else dt.date.max
    if high < low:
        raise WrongCommand("the range is empty", expected="START before STOP", got=f"{start} to {stop}")
    return low, high


def _first_second(when: Moment, timezone: str) -> int:
    local = when if isinstance(when, dt.datetime) else dt.datetime(when.year, when.month, when.day)
    return int((local if local.tzinfo else local.replace(tzinfo=ZoneInfo(timezone))).timestamp())


def _end(when: Moment, timezone: str) -> int:
    return _first_second(when if isinstance(when, dt.datetime) else when + dt.timedelta(days=1), timezone)


def date_of(second: int, timezone: str) -> dt.date:
    """The day of a zone that an epoch second is in."""
    return dt.datetime.fromtimestamp(second, ZoneInfo(timezone)).date()


def local(second: int | None, timezone: str) -> str:
    """An epoch second as local time with its offset from UTC; – for none."""
    return "–" if second is None else dt.datetime.fromtimestamp(second, ZoneInfo(timezone)).isoformat().replace("+00:00", "Z")


# Output


def say(text: str = "") -> None:
    """Write a line to standard output; what cannot be printed in it is escaped."""
    tables.write(sys.stdout, f"{tables.clean(text)}\n")


def note(text: str) -> None:
    """Write a line to standard error."""
    tables.write(sys.stderr, f"{tables.clean(text)}\n")


def show(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: Collection[int] = (0,)) -> None:
    """Write a table to standard output."""
    tables.table(sys.stdout, header, rows, left=left)


def show_json(content: Any) -> None:
    """Write JSON to standard output: ASCII, and null for what is no number."""
    tables.write(sys.stdout, f"{json.dumps(_finite(content), indent=1, default=_plain)}\n")


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
