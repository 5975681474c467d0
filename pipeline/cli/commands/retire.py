"""`tokio-pipeline retire`: components and datasets that nobody expects any more."""

from __future__ import annotations

import argparse

from archive_tools.cli import printing
from archive_tools.core.errors import ConfigError
from pipeline.building import roster
from pipeline.building.provenance import now
from pipeline.cli import exit_codes, site_options


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    site = site_options.loaded(options)
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
    since = site_options.one_date(options.since, site) if options.since else site.yesterday()
    site_options.check_names(site, options.instance, options.names, since)
    roster.retire(
        site.root,
        [
            roster.Retirement(
                options.instance,
                name,
                since.isoformat(),
                site_options.who(options),
                options.why,
                now(),
            )
            for name in options.names
        ],
    )
    print(f"{', '.join(options.names)} of {options.instance}: not expected from {since} on")
    return exit_codes.COMPLETE
