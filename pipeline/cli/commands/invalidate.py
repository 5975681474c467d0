"""`tokio-pipeline invalidate`: have days fetched and built again."""

from __future__ import annotations

import argparse

from archive_tools.store import lock
from archive_tools.store.receipts import Receipts
from pipeline.cli import common_options, exit_codes
from pipeline.tasks.nightly import Nightly

HELP = "have days fetched and built again"
ABOUT = """Forget that days are complete, or that they were marked empty: the next run fetches and
builds them again, also where the source has less than the archive. The products stay until they are
replaced."""
EXAMPLES = ("--start 2026-11-20 --stop 2026-11-20 --instance cscratch",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_site(parser)
    common_options.add_range(parser)
    common_options.add_instances(parser)
    common_options.add_wait(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    site = common_options.loaded(options)
    dates, instances = (
        common_options.span(options.start, options.stop),
        common_options.instances(options, site),
    )
    receipts = Receipts(site.root)
    with lock.holding(site.root, dates, patience=options.wait):
        count = sum(
            receipts.remove(date, instance, product)
            for date in dates
            for instance in instances
            for product in Nightly.parts
        )
    print(f"{count} receipts removed; the products stay until the next run replaces them")
    return exit_codes.COMPLETE
