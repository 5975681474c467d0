"""`tokio-pipeline invalidate`: have days fetched and built again."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Iterator, Sequence

from archive_tools.core.quantities import counted
from archive_tools.store import aside, files, lock
from archive_tools.store.receipts import PARTS, Receipt, Receipts
from pipeline.cli import common_options, exit_codes, site_options
from pipeline.site import Site

InstanceDays = Sequence[tuple[dt.date, str]]


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    site = site_options.loaded(options)
    dates = site_options.dates(options, site)
    instances = site_options.instances(options, site)
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
        found = [one for product in PARTS for one in days[date].of(instance, product)]
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
    count = sum(len(aside.put_aside(site.root, date, instance, PARTS)) for date, instance in wanted)
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
