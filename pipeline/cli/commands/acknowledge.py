"""`tokio-pipeline acknowledge`: outages of which nothing will ever be measured."""

from __future__ import annotations

import argparse
import time

from archive_tools.cli import printing
from archive_tools.core import times
from archive_tools.core.errors import BadArgument, ConfigError
from archive_tools.store import files
from pipeline import sources
from pipeline.building import outages
from pipeline.building.archive_identity import check as check_archive
from pipeline.building.provenance import now
from pipeline.cli import common_options, exit_codes
from pipeline.site import Site

HELP = "say that an outage is known and will not be filled"
ABOUT = """Say that nothing was measured of an instance, or of some of its components, from one time
to another, and that nobody will ever have it. Days that it touches are complete without it, and
status says why. They are made again by the next run or by backfill, from the raw data that are
kept. Times without a zone are the site's. --recall takes it back; --list shows what is
acknowledged. For whole days without any data there is mark-empty."""
EXAMPLES = (
    "scratch --from 2026-11-22T03:00 --until 2026-11-22T05:00 --why maintenance",
    "scratch --from 2026-11-22 --until 2026-11-24T12:00 --components fs-OST0001 --why 'new disks'",
    "scratch --from 2026-11-22T03:00 --until 2026-11-22T05:00 --recall",
    "--list",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_site(parser)
    parser.add_argument("instance", nargs="?", default="", metavar="INSTANCE")
    parser.add_argument("--from", dest="start", metavar="TIME", help="first time of the outage")
    parser.add_argument(
        "--until", dest="end", metavar="TIME", help="first time at which it is over"
    )
    parser.add_argument(
        "--components",
        nargs="+",
        default=[],
        metavar="NAME",
        help="only these components, or GROUP/DATASET (default: all)",
    )
    common_options.add_statement(
        parser, "show what is acknowledged", "expect what was not measured again"
    )


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    site = common_options.loaded(options)
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
        raise ConfigError("--from or --until is missing", expected="two times, " + times.FORMS)
    try:
        start, end = times.seconds_between(options.start, options.end, site.timezone)
    except BadArgument as error:
        raise ConfigError(error.what, expected=error.expected, got=error.got) from None
    names = tuple(sorted(set(options.components)))
    who, why = common_options.who(options), options.why
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
    last = times.local_date(outage.end - 1, site.timezone)
    common_options.check_names(site, outage.instance, outage.names, last)
