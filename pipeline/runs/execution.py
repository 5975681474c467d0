"""Running days: their tasks by Luigi's local scheduler, then what needs all of them.

Used by `tokio-pipeline nightly`, `backfill` and `rebuild`. The caller holds the lock of the days.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import luigi

from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.store import files, layout
from archive_tools.store.receipts import Receipts
from pipeline.building import archived_raw
from pipeline.building.run_context import with_coming_pages
from pipeline.site import Site
from pipeline.tasks import makers
from pipeline.tasks.base import ArchiveTask
from pipeline.tasks.nightly import Nightly

log = logging.getLogger("tokio")


def by_luigi(tasks: Sequence[luigi.Task], workers: int) -> bool:
    """Run tasks by the local scheduler; True if all of them went well."""
    if workers > 1 and tasks:
        makers.load()  # once, not in each of the processes that Luigi forks
    configuration = luigi.configuration.get_config()  # type: ignore[no-untyped-call]
    configuration.set("core", "no_configure_logging", "true")
    configuration.set("worker", "check_complete_on_run", "true")
    configuration.set("worker", "wait_interval", "0.05")
    configuration.set("worker", "timeout", "0")
    for name in ("luigi", "luigi-interface", "luigi.scheduler"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return bool(luigi.build(list(tasks), local_scheduler=True, workers=workers, no_lock=True))  # type: ignore[no-untyped-call]


def everything(task: ArchiveTask) -> list[ArchiveTask]:
    """A task and all that it requires, each once, what is required first."""
    found: dict[str, ArchiveTask] = {}

    def walk(one: ArchiveTask) -> None:
        if one.task_id not in found:
            for other in one.needs():
                walk(other)
            found[one.task_id] = one

    walk(task)
    return list(found.values())


def bring_up(tasks: Sequence[ArchiveTask], nightlies: Sequence[Nightly], workers: int) -> bool:
    """Run tasks of some days, forget failures that are over, and write the days' reports. A report
    leads to the other days' also where it is the first: each is written once, but for one beside a
    report that then cannot be written, which `pages.finish_pages` mends.

    Returns
    -------
    bool
        Whether all tasks went well, and all reports could be written.
    """
    with with_coming_pages(nightly_run.date for nightly_run in nightlies):
        return _bring_up(tasks, nightlies, workers)


def _bring_up(tasks: Sequence[ArchiveTask], nightlies: Sequence[Nightly], workers: int) -> bool:
    well = by_luigi(tasks, workers) if tasks else True
    if nightlies:
        days = Receipts(nightlies[0].config.root).read_days(
            [nightly_run.date for nightly_run in nightlies]
        )
        noted = {
            (date, *receipt.key)
            for date, day in days.items()
            for receipt in day.all
            if not receipt.good
        }
        for one in (one for task in [*tasks, *nightlies] for one in everything(task)):
            if (one.date, one.instance, one.product) in noted:
                one.clear_old_failures()
    are_written = [finish(nightly_run) for nightly_run in nightlies]
    return well and all(are_written)


def finish(nightly_run: Nightly) -> bool:
    """Make indexes again that other servers' files came after, and the report, which says what
    failed; whether the report is written.

    Returns
    -------
    bool
        Whether the report is there; one that cannot be written is noted as its failure.
    """
    if nightly_run.refresh_indexes() or not nightly_run.up_to_date():
        return nightly_run.try_to_produce()
    return True


@contextlib.contextmanager
def swept(site: Site, dates: Sequence[dt.date]) -> Iterator[None]:
    """Remove what dead processes left in the folders of the days, before and after, and say which
    receipts cannot be read.
    """
    for day in Receipts(site.root).read_days(dates).values():
        for damaged in day.damaged:
            log.warning("receipt %s: it is as if it were not there", damaged)
    sweep(site.root, dates)
    try:
        yield
    finally:
        sweep(site.root, dates)


def sweep(root: Path, dates: Sequence[dt.date]) -> None:
    """Remove temporary files of dead processes from the folders of some days, raw data of which
    others are newer, and receipts of which another one is, or that cannot be read and are of
    nothing that is there.
    """
    receipts = Receipts(root)
    folders = {
        layout.path(root, template, date, "any").parent
        for date in dates
        for template in (layout.REPORT, layout.RAW)
    }
    kept = {path for folder in folders for path in folder.glob(f"*.{layout.REDUCED}")}
    kept |= {layout.path(root, layout.JOB_PAGES, date) for date in dates}
    years = {folder.parent for folder in folders}
    removed = files.sweep(
        [
            *(root, root / layout.ASSETS, *sorted(years | folders | kept)),
            *sorted({receipts.folder(date) for date in dates}),
        ]
    )
    for day in receipts.read_days(dates).values():
        for old in day.superseded():
            files.remove(day.folder / old.name)
        for raw in (receipt for receipt in day.all if receipt.product == Product.RAW):
            if raw == day.good(*raw.key):
                where = layout.path(root, layout.RAW, raw.date, raw.instance, raw.fingerprint)
                archived_raw.remove_older(where, raw.instance)
        for damaged in day.damaged:
            if damaged.receipt.state == ReceiptState.FAILED or day.good(*damaged.receipt.key):
                files.remove(damaged.path)
    if removed:
        log.info(
            "%d temporary files that a killed run left were removed, such as %s",
            len(removed),
            removed[0],
        )
