"""What commands share: which archive is meant, which range of time, how output is written."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from archive_tools.cli import printing
from archive_tools.cli.exit_codes import WrongCommand
from archive_tools.core import date_words, quantities, time_texts
from archive_tools.core.errors import NotFound, TokioError
from archive_tools.store import layout
from archive_tools.store.site_file import ENVIRONMENT, SiteFile, find_site_file, read_site_file

if TYPE_CHECKING:
    from archive_tools.public import Archive
    from archive_tools.reading.archive_folder import ArchiveFolder

ARCHIVE = "TOKIO_ARCHIVE"
SITE = ENVIRONMENT

MOST = 2**63 - 1
"""The largest number that is taken."""


# Which archive


def add_archive(parser: argparse.ArgumentParser) -> None:
    """The option ``--archive``."""
    parser.add_argument(
        "--archive",
        default="",
        metavar="DIR",
        help=(
            f"archive folder (default: ${ARCHIVE}, else that of ${SITE} or ./site.json, else"
            " ./archive)"
        ),
    )


def archive_folder(given: str = "") -> Path:
    """The archive's folder: `given`, else $TOKIO_ARCHIVE, else what the site file says, else
    ./archive.
    """
    if named := given or os.environ.get(ARCHIVE, ""):
        return Path(named)
    path = find_site_file()
    return read_site_file(path).root if path else Path("archive")


def site_file(given: str = "") -> SiteFile:
    """The site file that is meant, as far as readers need it.

    Raises
    ------
    NotFound
        There is none.
    """
    path = find_site_file(given)
    if path is None:
        raise NotFound("no site file ./site.json", hint=f"give --site FILE, or set {SITE}")
    return read_site_file(path)


def open_archive(given: str) -> Archive:
    """The archive that is meant."""
    from archive_tools.public import Archive

    return Archive(_folder_there(given))


def open_folder(given: str) -> ArchiveFolder:
    """The archive that is meant, for what names of files say."""
    from archive_tools.reading.archive_folder import ArchiveFolder

    return ArchiveFolder(_folder_there(given))


def instances_named(archive: Archive, names: Sequence[str]) -> list[str]:
    """The instances that are named, each of which the archive has.

    Raises
    ------
    WrongCommand
        It has not, and the name is that of a day.
    NotFound
        It has not.
    """
    for name in names:
        if name not in archive.instances():
            if _is_day(name):
                raise WrongCommand(
                    f"{name.strip()} is not an instance", hint=f"--start {name.strip()}"
                )
            raise archive.absent(name, f"no instance of {archive.root} is called {name}")
    return list(names)


def _is_day(text: str) -> bool:
    try:
        date_words.parse_when(text)
    except ValueError:
        return False
    return True


def _folder_there(given: str) -> Path:
    folder = archive_folder(given)
    if not folder.is_dir():
        raise NotFound(f"no archive folder {folder}", hint=f"name it by --archive DIR or {ARCHIVE}")
    return folder


def add_accounts(parser: argparse.ArgumentParser) -> None:
    """The options ``--account`` and ``--partition``."""
    for name, whose in (("account", "of these accounts"), ("partition", "of these partitions")):
        parser.add_argument(
            f"--{name}",
            default="",
            metavar="PATTERN",
            help=f"{whose}, by the scheduler; '*' and '?' stand for any characters",
        )


def unreadable(root: Path) -> list[Path]:
    """Folders of an archive's days that cannot be listed; whether there are days in them is not
    known.
    """
    if not _listable(root):
        return [root]
    years = [(year, _listable(year)) for year in sorted(root.glob("[0-9][0-9][0-9][0-9]"))]
    closed = [year for year, is_open in years if not is_open]
    return closed or [folder for _, folder in layout.day_folders(root) if not _listable(folder)]


def _listable(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)


# Which time


def date_or_time(text: str) -> date_words.When:
    """A date, a time or a word for days out of an argument."""
    with contextlib.suppress(ValueError):
        return date_words.parse_when(text)
    raise argparse.ArgumentTypeError(
        f"{date_words.shown(text)} is not a date or a time; expected: {date_words.FORMS}"
    )


def count(text: str) -> int:
    """A whole number that is not below zero, out of an argument."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
    if not 0 <= number <= MOST:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number; expected: 0 or more, in digits"
        )
    return number


def add_range(
    parser: argparse.ArgumentParser,
    *,
    positional: bool = True,
    whole_days: bool = False,
    is_open: bool = False,
) -> None:
    """The arguments START and STOP, and the options ``--start`` and ``--stop``, which say the same.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    positional : bool
        Whether they are arguments, too.
    whole_days : bool
        Times are refused, see `whole_days`: the help says so.
    is_open : bool
        Bounds may be left out: the help says what that means.
    """
    begin = (
        "a day or days: 2026-11-22, yesterday, last-week, 2026-11, 2026-W47, -7d"
        if whole_days
        else "a date (the whole day), a word for days (yesterday, last-week, 2026-11, 2026-W47,"
        " -7d) or a time; the site's unless it says its zone"
    )
    end = "the last day" if whole_days else "a date (the last day) or a time (excluded)"
    if is_open:
        begin, end = (
            f"{begin}; default: from the first day",
            f"{end}; default: the days of START, or the last day if START is left out",
        )
    else:
        end = f"{end}; default: the days of START"
    if positional:
        parser.add_argument("first", nargs="?", type=date_or_time, metavar="START", help=begin)
        parser.add_argument("last", nargs="?", type=date_or_time, metavar="STOP", help=end)
    parser.add_argument(
        "--start", type=date_or_time, metavar="WHEN", help="START" if positional else begin
    )
    parser.add_argument(
        "--stop", type=date_or_time, metavar="WHEN", help="STOP" if positional else end
    )


def given_range(
    options: argparse.Namespace,
) -> tuple[date_words.When | None, date_words.When | None]:
    """START and STOP, however they were given."""
    pairs = (
        (getattr(options, "first", None), options.start, "START"),
        (getattr(options, "last", None), options.stop, "STOP"),
    )
    twice = [
        name for positional, option, name in pairs if positional is not None and option is not None
    ]
    if twice:
        raise WrongCommand(
            f"{twice[0]} is given twice", hint=f"give it as an argument or as --{twice[0].lower()}"
        )
    start, stop = (
        positional if positional is not None else option for positional, option, _ in pairs
    )
    return start, stop


def between(
    start: date_words.When | None, stop: date_words.When | None, timezone: str
) -> tuple[int, int]:
    """The range from START to STOP.

    Parameters
    ----------
    start, stop : date, datetime, DateWord or None
        Dates and words are whole days, the last included. Without a stop, the days of the start,
        which must then not be a time.
    timezone : str
        Of dates, and of times that do not say theirs.

    Returns
    -------
    tuple of int
        ``[start, end)`` in epoch seconds.
    """
    start, stop = date_words.resolved(start, stop, timezone)
    if start is None:
        raise WrongCommand(
            "the time is missing",
            expected=(
                "a day or a range, such as 2026-11-22, yesterday, or"
                " 2026-11-22T07:50 2026-11-22T08:00"
            ),
        )
    if stop is None and isinstance(start, dt.datetime):
        raise WrongCommand(
            f"the range from {start} has no end", expected="START and STOP, or a date"
        )
    first, last = _first_second(start, timezone), _end(start if stop is None else stop, timezone)
    if last <= first:
        raise WrongCommand(
            "the range is empty", expected="START before STOP", got=f"{start} to {stop}"
        )
    return first, last


def dates_between(
    start: date_words.When | None, stop: date_words.When | None, timezone: str
) -> tuple[dt.date, dt.date]:
    """The first and the last day that a range touches: START alone is that day, STOP alone all
    until then, and neither all days.
    """
    start, stop = date_words.resolved(start, stop, timezone)
    if start is None:
        return dt.date.min, (
            dt.date.max if stop is None else date_of(_end(stop, timezone) - 1, timezone)
        )
    first, end = between(start, stop, timezone)
    return date_of(first, timezone), date_of(end - 1, timezone)


def one_day(when: date_words.When, timezone: str) -> dt.date:
    """A day, where no more than one is known at a time."""
    first, last = whole_days(when, None, timezone)
    if first != last:
        raise WrongCommand(
            f"{when} is more than one day",
            expected="one, such as 2026-11-22 or yesterday",
            got=f"{first} to {last}",
        )
    return first


def whole_days(
    start: date_words.When | None, stop: date_words.When | None, timezone: str
) -> tuple[dt.date, dt.date]:
    """As `dates_between`, for what is known of whole days only: times are refused."""
    for when in (start, stop):
        if isinstance(when, dt.datetime):
            raise WrongCommand(
                "whole days only", expected="dates, such as 2026-11-22", got=str(when)
            )
    return dates_between(start, stop, timezone)


def seconds_between(
    start: date_words.When | None, stop: date_words.When | None, timezone: str
) -> tuple[int, int] | None:
    """The range in epoch seconds, ``[start, end)``; None for whole days."""
    start, stop = date_words.resolved(start, stop, timezone)
    if start is None:
        return (-MOST, _first_second(stop, timezone)) if isinstance(stop, dt.datetime) else None
    has_times = isinstance(start, dt.datetime) or isinstance(stop, dt.datetime)
    return between(start, stop, timezone) if has_times else None


def _first_second(when: time_texts.Written, timezone: str) -> int:
    local = when if isinstance(when, dt.datetime) else dt.datetime(when.year, when.month, when.day)
    return int((local if local.tzinfo else local.replace(tzinfo=ZoneInfo(timezone))).timestamp())


def _end(when: time_texts.Written, timezone: str) -> int:
    return _first_second(
        when if isinstance(when, dt.datetime) else when + dt.timedelta(days=1), timezone
    )


def days_of(first: int, end: int, timezone: str) -> int:
    """How many days ``[first, end)`` touches."""
    return (date_of(end - 1, timezone) - date_of(first, timezone)).days + 1


def note_absent_days(there: int, requested: int) -> None:
    """Say on standard error how many days of a range are in the archive, where some are not."""
    if there < requested:
        printing.note(f"{there} of {quantities.counted(requested, 'day')} are in the archive")


def check_step(given: str | None, timezone: str) -> None:
    """Refuse a step of resampled rows that is none, before anything is written."""
    from archive_tools.reading.resample import Step

    try:
        Step.parse(given or "1d", timezone)
    except TokioError as error:
        raise WrongCommand(str(error)) from None


def date_of(second: int, timezone: str) -> dt.date:
    """The day of a zone that an epoch second is in."""
    return dt.datetime.fromtimestamp(second, ZoneInfo(timezone)).date()
