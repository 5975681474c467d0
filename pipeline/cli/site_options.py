"""What the options of a command come to at a site: the site itself, its days and instances, and who
gives the command.
"""

from __future__ import annotations

import argparse
import datetime as dt
import difflib
import getpass
import platform
from collections.abc import Iterable

from archive_tools.core import date_words, printable
from archive_tools.core.errors import ConfigError
from pipeline.building import roster, silence
from pipeline.building.run_context import current
from pipeline.building.site_cache import load_checked
from pipeline.runs import progress
from pipeline.site import Site


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


def who(options: argparse.Namespace) -> str:
    """Who gives the command: the option ``--who``, else this account."""
    return options.who or printable.clean(f"{getpass.getuser()}@{platform.node()}")


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
