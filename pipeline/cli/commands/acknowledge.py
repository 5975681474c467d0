"""`tokio-pipeline acknowledge`: outages of which nothing will ever be measured."""

from __future__ import annotations

import argparse
import time

from archive_tools.cli import printing
from archive_tools.core import time_texts, times
from archive_tools.core.errors import BadArgument, ConfigError
from archive_tools.store import files
from pipeline.building import outages
from pipeline.building.archive_identity import check as check_archive
from pipeline.building.provenance import now
from pipeline.cli import exit_codes, site_options
from pipeline.site import Site
from pipeline.sources import registry as sources


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    site = site_options.loaded(options)
    if options.list:
        for one in outages.outages(site.root):
            printing.say(one.line(site.timezone))
        return exit_codes.COMPLETE
    outage = _outage(site, options)
    check_archive(site)
    with files.permissions(site.file_mode):
        if options.recall:
            there = outages.recall(site.root, outage)
            print("expected again" if there else "no such outage is acknowledged; --list has all")
            return exit_codes.COMPLETE if there else exit_codes.FAILED
        if not options.why.strip():
            raise ConfigError("--why is missing", expected="the reason, in a few words")
        _check(site, outage)
        outages.acknowledge(site.root, outage)
    printing.say(f"not expected: {outage.line(site.timezone)}")
    return exit_codes.COMPLETE


def _outage(site: Site, options: argparse.Namespace) -> outages.Outage:
    """The outage that the arguments name.

    Raises
    ------
    ConfigError
        The instance or a time is missing.
    BadArgument
        A time is none, or the end is not after the start.
    """
    if options.instance not in site.sources:
        raise ConfigError(
            f"{options.instance!r} is not an instance", expected=", ".join(site.sources)
        )
    if not (options.start and options.end):
        raise ConfigError("--from or --until is missing", expected="two times, " + time_texts.FORMS)
    try:
        start, end = times.seconds_between(options.start, options.end, site.timezone)
    except BadArgument as error:
        raise ConfigError(error.what, expected=error.expected, got=error.got) from None
    names = tuple(sorted(set(options.components)))
    who, why = site_options.who(options), options.why
    return outages.Outage(options.instance, start, end, names, who, why, now())


def _check(site: Site, outage: outages.Outage) -> None:
    """Refuse what is not over, instances of which no rows are expected, and misspelt names."""
    if outage.end > time.time():
        raise ConfigError(f"the outage is not over: {outage.line(site.timezone)}")
    if not sources.watches_servers(site, outage.instance):
        raise ConfigError(
            f"{outage.instance} has logs: no rows are expected of it",
            hint="mark-empty is for days without logs",
        )
    last = time_texts.local_date(outage.end - 1, site.timezone)
    site_options.check_names(site, outage.instance, outage.names, last)
