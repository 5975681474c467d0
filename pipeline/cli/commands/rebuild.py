"""`tokio-pipeline rebuild`: products anew from the raw data that are kept, without the sources."""

from __future__ import annotations

import argparse
import datetime as dt
import logging
from collections.abc import Sequence

from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.store import aside, files, lock
from archive_tools.store.receipts import Receipts
from pipeline.building.run_context import Mode, run_context
from pipeline.cli import exit_codes, site_options
from pipeline.runs import alerting, execution, pages, plan, progress, recording
from pipeline.runs.plan import DayPlan
from pipeline.site import Site
from pipeline.tasks.base import ArchiveTask
from pipeline.tasks.fetch import Fetch
from pipeline.tasks.nightly import DayTask

log = logging.getLogger("tokio")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    site = site_options.loaded(options)
    dates, instances = (
        site_options.dates(options, site),
        site_options.instances(options, site),
    )
    with run_context(mode=Mode.RAW_ONLY):
        _back(site, [(date, name) for date in dates for name in instances], options)
        planned = plan.plan_days(
            site,
            dates,
            options.site,
            instances,
            wanted=_is_wanted if options.all else _is_damaged,
            expired=False,
        )
        days = [(day, [task for task in day.todo if _can_be_made(task)]) for day in planned.days]
        days = [(day, tasks) for day, tasks in days if tasks or _is_report_due(day)]
        if options.dry_run:
            for day, tasks in days:
                print(
                    f"{day.date}  "
                    + "  ".join(f"{task.instance}: {task.product}" for task in _shown(day, tasks))
                )
            print(f"{len(days)} days, {sum(len(_shown(*one)) for one in days)} products")
            return exit_codes.COMPLETE
        made = failed = 0
        with recording.writing(site, "rebuild") as codes:
            with progress.showing("rebuild", len(days), lambda: made, "days"):
                for day, tasks in days:
                    with (
                        lock.holding(site.root, [day.date], patience=options.wait),
                        execution.swept(site, [day.date]),
                    ):
                        failed += sum(not task.try_to_produce() for task in tasks)
                        for task in day.nightly_run.of_day:
                            if task.damage():
                                files.remove(task.path())
                        failed += not execution.finish(day.nightly_run)
                    made += 1
            failed += not alerting.evaluate_again(site, [day.date for day, _ in days])
            failed += not pages.finish_pages(site, dates, options.site, deep=True)
            print(f"{made} days made anew from raw data, {failed} products failed")
            codes.append(exit_codes.FAILED if failed else exit_codes.COMPLETE)
    return codes[-1]


def _is_report_due(day: DayPlan) -> bool:
    """Whether the report is to be made of a day of which the archive knows something; sources that
    failed are not in the way.
    """
    return day.report_is_due and bool(day.nightly_run.day_receipts().all)


def _shown(day: DayPlan, tasks: Sequence[ArchiveTask]) -> list[ArchiveTask]:
    """What is made of a day: its report alone where that is all that it lacks."""
    return list(tasks) or [day.nightly_run]


def _back(site: Site, wanted: Sequence[tuple[dt.date, str]], options: argparse.Namespace) -> None:
    """Take back what `invalidate` put aside of days that no run has built since: no source is
    queried here. Days that somebody marked as empty since stay so.
    """
    receipts = Receipts(site.root)
    for date, instance in sorted(aside.days_aside(site.root).intersection(wanted)):
        if receipts.day(date).other(instance, Product.RAW, ReceiptState.EMPTY):
            continue
        if options.dry_run:
            print(f"{date}  {instance}: what invalidate put aside would be taken back")
        else:
            with lock.holding(site.root, [date], patience=options.wait):
                aside.take_back(site.root, date, instance)
            log.warning("%s %s: what invalidate put aside is the day's again", date, instance)


def _has_raw(task: ArchiveTask) -> bool:
    """Whether the raw data that lead to a product are kept."""
    return Fetch(date=task.date, instance=task.instance, site=task.site).path().is_dir()


def _is_wanted(task: ArchiveTask) -> bool:
    """Whether a product is made again by --all; what is made of the day follows from the rest."""
    return _is_damaged(task) if isinstance(task, DayTask) else _has_raw(task)


def _is_damaged(task: ArchiveTask) -> bool:
    """Whether a product that can be made again is not the one that its receipt is of."""
    return (isinstance(task, DayTask) or _can_be_made(task)) and bool(task.damage())


def _can_be_made(task: ArchiveTask) -> bool:
    """Whether a product can be made here: from raw data that are kept, or as indexes and tables of
    jobs are, from a product that is there and whole.
    """
    if isinstance(task, Fetch):
        return False
    if _has_raw(task):
        return True
    made_from = [one for one in task.needs() if not isinstance(one, Fetch)]
    return bool(made_from) and all(
        _can_be_made(one) or (one.has_product() and not one.damage()) for one in made_from
    )
