"""`tokio-pipeline check-config`: whether site.json is right."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from archive_tools.core.errors import MissingPackage
from archive_tools.core.extras import check_extra
from pipeline import site as sites
from pipeline import sources
from pipeline.cli import common_options, exit_codes
from pipeline.tasks.site_cache import load_checked

HELP = "check site.json"
ABOUT = (
    "Check every key of site.json, and that the packages that its sources need are installed;"
    " nothing is contacted."
)
EXAMPLES = ("", "--site /etc/tokio/site.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_site(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    path = sites.find(options.site)
    site = load_checked(options.site, strict=True)
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
    lacking = _lacking(site, checked)
    for line in lacking:
        print(line, file=sys.stderr)
    return exit_codes.FAILED if lacking else exit_codes.COMPLETE


def _lacking(site: sites.Site, checked: Mapping[str, sites.SourceOptions]) -> list[str]:
    """A line for each source, and for the engine, whose packages are not installed."""
    needed = [
        (found.needed_extra, f"{instance}: a source of kind {found.kind}")
        for instance, found in checked.items()
    ]
    if isinstance(site.engine, sites.DaskEngine):
        needed.append(("dask", "engine: Dask"))
    lines = []
    for extra, what in needed:
        try:
            if extra:
                check_extra(extra, what)
        except MissingPackage as error:
            lines.append(str(error))
    return lines
