"""`tokio-pipeline check-config`: whether site.json is right."""

from __future__ import annotations

import argparse

from pipeline import site as sites
from pipeline import sources
from pipeline.cli import common_options, exit_codes
from pipeline.tasks.site_cache import load_checked

HELP = "check site.json"
ABOUT = "Check every key of site.json; nothing is contacted."
EXAMPLES = ("", "--site /etc/tokio/site.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_site(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    path = sites.find(options.site)
    site = load_checked(options.site)
    checked = sources.check(site)
    print(f"{path}: good")
    print(f"site {site.site}, days of {site.timezone}, archive {site.root}")
    for instance, found in checked.items():
        print(
            f"{instance}: {found.kind}, a row every {found.timestep} s"
            + (
                f", kept by the source for {found.retention_days:g} days"
                if found.retention_days
                else ""
            )
        )
    return exit_codes.COMPLETE
