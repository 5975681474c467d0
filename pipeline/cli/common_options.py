"""What commands share of their arguments, and of their summaries."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import sys
import unicodedata
from collections.abc import Sequence

from archive_tools.core import date_words

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


def confirmed(question: str) -> bool:
    """Whether a person at a terminal says yes; without a terminal nobody is asked: yes."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    try:
        return input(f"{question}? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def listed(lines: Sequence[str], more: str) -> list[str]:
    """The first of some lines, and how many more there are."""
    return [
        *lines[:LISTED],
        *([f"and {len(lines) - LISTED} more; {more}"] if len(lines) > LISTED else []),
    ]
