"""`tokio-pipeline collect`: today so far, for sources that forget within a day or two."""

from __future__ import annotations

import argparse
import datetime as dt
import logging

from archive_tools.cli import printing
from archive_tools.core.errors import NoData
from archive_tools.core.vocabulary import DayState, Product
from archive_tools.store import lock
from archive_tools.store.receipts import Receipts
from pipeline.building.run_context import current
from pipeline.cli import exit_codes, site_options
from pipeline.runs import execution, progress, recording, states
from pipeline.site import Site
from pipeline.tasks.nightly import products

log = logging.getLogger("tokio")


def run(options: argparse.Namespace) -> int:
    """Run the command. Days that another run holds are left to it."""
    site = site_options.loaded(options)
    instances = site_options.instances(options, site)
    today = site.yesterday() + dt.timedelta(days=1)
    unclosed = _unclosed(site, site.yesterday(), instances)
    wanted = {site.yesterday(): unclosed, today: instances} if unclosed else {today: instances}
    with (
        recording.writing(site, "collect") as codes,
        lock.free(site.root, list(wanted), patience=options.wait) as held,
        execution.swept(site, held),
    ):
        for date in sorted(set(wanted) - set(held)):
            log.warning("%s: another run has this day", date)
        found = [_one(site, options, date, wanted[date]) for date in sorted(held)]
        codes.append(exit_codes.worst(found) if found else exit_codes.BUSY)
    return codes[-1]


def _unclosed(site: Site, date: dt.date, instances: list[str]) -> list[str]:
    """Instances of which a day was fetched, but not after its end."""
    day = Receipts(site.root).day(date).read()
    raw = {instance: day.good(instance, Product.RAW) for instance in instances}
    return [name for name, one in raw.items() if one and day.content(one).get("so_far")]


def _one(site: Site, options: argparse.Namespace, date: dt.date, instances: list[str]) -> int:
    """Bring a day up to date, as far as it has come; 1 if anything of it failed, or a source could
    not be queried: what it forgets until the next time is lost.
    """
    tasks = [
        task(date=date, instance=instance, site=options.site)
        for instance in instances
        for task in products(site, instance)
    ]
    everything = [one for last in tasks for one in execution.everything(last)]
    with progress.showing(
        str(date),
        len(everything),
        lambda: sum(task.has_product() for task in everything),
        quiet=options.quiet,
    ):
        execution.by_luigi([task for task in tasks if not task.complete()], options.workers)
    for task in everything:
        task.clear_old_failures()
    found = states.day_states(site, [date], options.site, instances=instances)[date]
    silent = {name: why for name in instances if (why := _not_queried(site, name, date))}
    for instance, state in found.items():
        if not options.quiet or state.word == DayState.FAILED or instance in silent:
            why = f"; nothing was added: {silent[instance]}" if instance in silent else ""
            printing.say(f"{date}  {instance:16} {state}{why}")
    failed = silent or any(state.word == DayState.FAILED for state in found.values())
    return exit_codes.FAILED if failed else exit_codes.COMPLETE


def _not_queried(site: Site, instance: str, date: dt.date) -> str:
    """Why this run could not query a source; "" if it could, or had no need to. A source that has
    nothing of the day was queried.
    """
    failure = current().answers.failure((str(site.root), instance, date))
    return "" if failure is None or isinstance(failure, NoData) else str(failure)
