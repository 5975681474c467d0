"""`tokio-pipeline invalidate`: have days fetched and built again."""

from __future__ import annotations

import argparse

from archive_tools.store import lock
from archive_tools.store.receipts import Receipts
from pipeline.commands import _common
from pipeline.tasks.nightly import Nightly

HELP = "have days fetched and built again"
ABOUT = """Forget that days are complete, or that they were marked empty: the next run fetches and
builds them again, also where the source has less than the archive. The products stay until they are
replaced."""
EXAMPLES = ("--start 2026-11-20 --stop 2026-11-20 --instance cscratch",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    _common.add_site(parser)
    _common.add_range(parser)
    _common.add_instances(parser)
    _common.add_wait(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    site = _common.loaded(options)
    dates, instances = _common.span(options.start, options.stop), _common.instances(options, site)
    receipts = Receipts(site.root)
    with lock.holding(site.root, dates, patience=options.wait):
        count = sum(
            receipts.remove(date, instance, product)
            for date in dates
            for instance in instances
            for product in Nightly.parts
        )
    print(f"{count} receipts removed; the products stay until the next run replaces them")
    return _common.COMPLETE
