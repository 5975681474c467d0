"""`tokio-pipeline retire`: components and datasets that nobody expects any more."""

from __future__ import annotations

import argparse

from archive_tools.cli import printing
from archive_tools.core.errors import ConfigError
from pipeline.building import roster
from pipeline.building.provenance import now
from pipeline.cli import common_options, exit_codes

HELP = "say that components are gone for good"
ABOUT = """Say that components of an instance (OSTs, servers, ...) or datasets are gone for good. A
day is complete without them from the given date on; what was measured of them stays in the
archive. Days that were archived without them are made again by the next run or by backfill.
--recall takes it back; --list shows what is retired."""
EXAMPLES = (
    "fs-OST0001 fs-OST0002 --instance fs --since 2026-11-22 --why 'drained and removed'",
    "--list",
    "fs-OST0001 --instance fs --recall",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_site(parser)
    parser.add_argument("names", nargs="*", metavar="NAME", help="component, or GROUP/DATASET")
    parser.add_argument("--instance", default="", help="the instance that had them")
    parser.add_argument(
        "--since",
        type=common_options.days,
        metavar="DATE",
        help="the first day without them (default: yesterday at the site)",
    )
    common_options.add_statement(parser, "show what is retired", "expect the names again")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    site = common_options.loaded(options)
    if options.list:
        for one in roster.retirements(site.root):
            printing.say(f"{one.instance}  {one.name}  since {one.since}  {one.why} ({one.who})")
        return exit_codes.COMPLETE
    if options.instance not in site.sources:
        raise ConfigError(
            f"--instance {options.instance!r} is not an instance", expected=", ".join(site.sources)
        )
    if not options.names:
        raise ConfigError("no name is given", expected="a component, such as fs-OST0001")
    if options.recall:
        found = roster.recall(site.root, options.instance, options.names)
        print(f"expected again: {', '.join(found) or 'nothing was retired'}")
        return exit_codes.COMPLETE if found else exit_codes.FAILED
    if not options.why:
        raise ConfigError("--why is missing", expected="the reason, in a few words")
    since = common_options.one_date(options.since, site) if options.since else site.yesterday()
    common_options.check_names(site, options.instance, options.names, since)
    roster.retire(
        site.root,
        [
            roster.Retirement(
                options.instance,
                name,
                since.isoformat(),
                common_options.who(options),
                options.why,
                now(),
            )
            for name in options.names
        ],
    )
    print(f"{', '.join(options.names)} of {options.instance}: not expected from {since} on")
    return exit_codes.COMPLETE
