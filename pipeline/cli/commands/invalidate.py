"""`tokio-pipeline invalidate`: have days fetched and built again."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Iterator, Sequence

from archive_tools.core.quantities import counted
from archive_tools.store import aside, files, lock
from archive_tools.store.receipts import Receipt, Receipts
from pipeline.cli import common_options, exit_codes
from pipeline.site import Site
from pipeline.tasks.nightly import Nightly

HELP = "have days fetched and built again"
ABOUT = """Forget that days are complete, or that they were marked empty: the next run fetches and
builds them again, also where the source has less than the archive. Receipts and raw data are put
aside until the day is built anew, and --undo takes it back until then. Where the source has nothing
of a day any more, the next run takes it back by itself. The products stay until they are replaced.
On a terminal the command asks before it does anything; --dry-run only lists what would go."""
EXAMPLES = (
    "--start 2026-11-20 --stop 2026-11-20 --instance cscratch --dry-run",
    "--start 2026-11-20 --stop 2026-11-20 --instance cscratch",
    "--start 2026-11-20 --stop 2026-11-20 --instance cscratch --undo",
)
InstanceDays = Sequence[tuple[dt.date, str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_site(parser)
    common_options.add_range(parser)
    common_options.add_instances(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="only list what would go")
    how.add_argument(
        "--undo", action="store_true", help="take it back, where no run built the day since"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask on a terminal")
    common_options.add_wait(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    site = common_options.loaded(options)
    dates = common_options.dates(options, site)
    instances = common_options.instances(options, site)
    wanted = [(date, instance) for date in dates for instance in instances]
    if options.dry_run:
        return _show(site, wanted)
    if not (options.undo or options.yes or _confirmed(site, wanted)):
        print("nothing was changed")
        return exit_codes.FAILED
    with (
        files.permissions(site.file_mode),
        lock.holding(site.root, dates, patience=options.wait),
    ):
        return _undo(site, wanted) if options.undo else _invalidate(site, wanted)


def _there(site: Site, wanted: InstanceDays) -> Iterator[tuple[dt.date, str, list[Receipt]]]:
    """What would go: days and instances with their receipts."""
    days = Receipts(site.root).days(date for date, _ in wanted)
    for date, instance in wanted:
        found = [one for product in Nightly.parts for one in days[date].of(instance, product)]
        if found:
            yield date, instance, found


def _show(site: Site, wanted: InstanceDays) -> int:
    """List what would go."""
    days, count = 0, 0
    for date, instance, found in _there(site, wanted):
        print(f"{date}  {instance:16} " + ", ".join(f"{one.product} {one.state}" for one in found))
        days, count = days + 1, count + len(found)
    print(f"{_amount(count, days)} would go; nothing was changed")
    return exit_codes.COMPLETE


def _amount(count: int, days: int) -> str:
    return f"{counted(count, 'receipt')} of {counted(days, 'instance day')}"


def _confirmed(site: Site, wanted: InstanceDays) -> bool:
    """Whether a person at a terminal agrees; without a terminal nobody is asked."""
    there = list(_there(site, wanted))
    count = sum(len(found) for _, _, found in there)
    return not count or common_options.confirmed(
        f"Fetch and build again: {_amount(count, len(there))}"
    )


def _invalidate(site: Site, wanted: InstanceDays) -> int:
    count = sum(
        len(aside.put_aside(site.root, date, instance, Nightly.parts)) for date, instance in wanted
    )
    print(
        f"{counted(count, 'receipt')} put aside with the raw data; the products stay until the next"
        " run replaces them, until then --undo takes it back"
    )
    return exit_codes.COMPLETE


def _undo(site: Site, wanted: InstanceDays) -> int:
    there = aside.days_aside(site.root).intersection(wanted)
    for date, instance in sorted(there):
        found = aside.take_back(site.root, date, instance)
        print(f"{date}  {instance:16} {counted(len(found), 'receipt')} back")
    if not there:
        print("nothing is put aside of these days; a run that built them cannot be taken back")
    return exit_codes.COMPLETE if there else exit_codes.FAILED
