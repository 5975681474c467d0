"""What commands share of their arguments, and of their summaries."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import difflib
import getpass
import platform
import sys
import unicodedata
from collections.abc import Iterable, Sequence

from archive_tools.core import date_words, printable
from archive_tools.core.errors import ConfigError
from pipeline.building import roster, silence
from pipeline.runs import progress
from pipeline.site import Site
from pipeline.tasks.context import current
from pipeline.tasks.site_cache import load_checked

LISTED = 20
"""Things that a summary names one by one."""
LONGEST_SHOWN = 60
"""Characters of a refused text that a message shows."""
NOT_IN_STATEMENTS = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of Unicode that a terminal may obey, or that are not text: controls, marks that format
or turn text around, surrogates, ends of lines and paragraphs.
"""


def days(text: str) -> date_words.When:
    """A date, or a word for days, out of an argument."""
    with contextlib.suppress(ValueError):
        found = date_words.parse_when(text)
        if not isinstance(found, dt.datetime):
            return found
    raise argparse.ArgumentTypeError(
        f"{date_words.shown(text)} is not a day; expected: {date_words.DAY_FORMS}"
    )


def positive(text: str) -> int:
    """A number from 1 on out of an argument."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**6):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number; expected: 1 or more")
    return int(text)


def seconds(text: str) -> float:
    """A time that is not below zero out of an argument."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time; expected: seconds")
    return found


def statement(text: str) -> str:
    """A text of a person out of an argument: a line without control characters."""
    bad = next((c for c in text if unicodedata.category(c) in NOT_IN_STATEMENTS), "")
    if bad:
        raise argparse.ArgumentTypeError(
            f"{shortened_text(text)!a} has a control character, {bad!a}; expected: one"
            " line of plain text"
        )
    return text


def shortened_text(text: str) -> str:
    """The beginning of a text, for a message."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def add_site(parser: argparse.ArgumentParser) -> None:
    """The option ``--site``."""
    parser.add_argument(
        "--site",
        default="",
        metavar="FILE",
        help="site file (default: $TOKIO_SITE, else ./site.json)",
    )


def add_quiet(parser: argparse.ArgumentParser, what: str) -> None:
    """The option of a run that says only what needs a person."""
    parser.add_argument(
        "--quiet", action="store_true", help=f"print nothing but what needs a person: {what}"
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    """The options of commands that run tasks."""
    parser.add_argument(
        "--workers",
        type=positive,
        default=1,
        metavar="N",
        help="tasks at the same time (default: 1; a task of logs uses all cores)",
    )
    add_wait(parser)


def add_wait(parser: argparse.ArgumentParser) -> None:
    """The option ``--wait``."""
    parser.add_argument(
        "--wait",
        type=seconds,
        default=5.0,
        metavar="SECONDS",
        help="how long to wait for days that another run holds (default: 5)",
    )


def add_range(parser: argparse.ArgumentParser) -> None:
    """The options ``--start`` and ``--stop``."""
    parser.add_argument(
        "--start",
        type=days,
        required=True,
        metavar="DATE",
        help="first day: 2026-11-22, or a word for days: yesterday, last-week, 2026-11, -7d",
    )
    parser.add_argument(
        "--stop", type=days, metavar="DATE", help="last day (default: the days of --start)"
    )


def add_instances(parser: argparse.ArgumentParser) -> None:
    """The option ``--instance``."""
    parser.add_argument(
        "--instance",
        "--instances",
        action="append",
        default=[],
        metavar="NAME",
        help="only this instance (may be given again, or several by commas)",
    )


def add_reason(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """The options ``--why`` and ``--who``."""
    parser.add_argument(
        "--why",
        type=statement,
        default="",
        required=required,
        metavar="WHY",
        help="the reason, for those who ask later",
    )
    parser.add_argument(
        "--who",
        type=statement,
        default="",
        metavar="WHO",
        help="who says so (default: this account)",
    )


def add_statement(parser: argparse.ArgumentParser, list_help: str, recall_help: str) -> None:
    """The options of commands by which somebody says something of the archive for good: ``--why``,
    ``--who``, and ``--list`` or ``--recall`` in their place.
    """
    add_reason(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--list", action="store_true", help=list_help)
    how.add_argument("--recall", action="store_true", help=recall_help)


def dates(options: argparse.Namespace, site: Site) -> list[dt.date]:
    """The days that ``--start`` and ``--stop`` say; ``--start`` alone is its days.

    Raises
    ------
    ConfigError
        The first is after the last.
    """
    start, stop = date_words.resolved(options.start, options.stop, site.timezone)
    assert start
    return span(start, stop or start)


def one_date(when: date_words.When, site: Site) -> dt.date:
    """A day, where no more than one is meant.

    Raises
    ------
    ConfigError
        They are several.
    """
    first, last = date_words.resolved(when, None, site.timezone)
    assert first
    if last not in (None, first):
        raise ConfigError(
            f"{when} is more than one day",
            expected="one, such as 2026-11-22 or yesterday",
            got=f"{first} to {last}",
        )
    return first


def span(start: dt.date, stop: dt.date) -> list[dt.date]:
    """The days from `start` to `stop`, both included.

    Raises
    ------
    ConfigError
        `start` is after `stop`.
    """
    if start > stop:
        raise ConfigError("--start is after --stop", got=f"{start} to {stop}")
    return [start + dt.timedelta(days=n) for n in range((stop - start).days + 1)]


def confirmed(question: str) -> bool:
    """Whether a person at a terminal says yes; without a terminal nobody is asked: yes."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    try:
        return input(f"{question}? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def who(options: argparse.Namespace) -> str:
    """Who gives the command: the option ``--who``, else this account."""
    return options.who or printable.clean(f"{getpass.getuser()}@{platform.node()}")


def loaded(options: argparse.Namespace) -> Site:
    """The site, checked; sources are queried again from here on, and warnings shown again."""
    current().answers.forget()
    silence.begin_run()
    progress.begin_run()
    return load_checked(options.site)


def instances(options: argparse.Namespace, site: Site) -> list[str]:
    """The instances that ``--instance`` names, or all.

    Raises
    ------
    ConfigError
        One is not in site.json.
    """
    named = [name for given in options.instance for name in given.split(",") if name]
    unknown = set(named) - set(site.sources)
    if unknown:
        raise ConfigError(
            f"instance {', '.join(sorted(unknown))} is not in site.json",
            expected=", ".join(site.sources),
        )
    return list(dict.fromkeys(named)) or list(site.sources)


def check_names(site: Site, instance: str, names: Iterable[str], upto: dt.date) -> None:
    """Refuse names that an instance does not have on a day and those before: misspelt ones.

    Raises
    ------
    ConfigError
        Names those that are near.
    """
    after = upto + dt.timedelta(days=1)
    known = roster.roster_before(site.root, after, instance).days
    there = set(known).union(*known.values())
    unknown = [name for name in names if name not in there]
    if unknown:
        near = difflib.get_close_matches(unknown[0], there, 3)
        raise ConfigError(
            f"{instance} has no {', '.join(unknown)} in the days up to {upto}",
            expected=", ".join(near) or "a component or dataset, as status names it",
        )


def listed(lines: Sequence[str], more: str) -> list[str]:
    """The first of some lines, and how many more there are."""
    return [
        *lines[:LISTED],
        *([f"and {len(lines) - LISTED} more; {more}"] if len(lines) > LISTED else []),
    ]
