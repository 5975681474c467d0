"""The nightly run of a day: every product, then the report."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import luigi

from archive_tools.core.vocabulary import Product
from archive_tools.reporting import report
from archive_tools.store import layout
from archive_tools.store.receipts import Receipts
from archive_tools.store.receipts import fingerprint as fingerprint_of
from pipeline import sources
from pipeline.building.archive_folder import write_about
from pipeline.building.made import Made
from pipeline.site import Site
from pipeline.sources.contract import LOG_PRODUCTS, RECORD_PRODUCTS, SERIES_PRODUCTS
from pipeline.tasks.base import ArchiveTask
from pipeline.tasks.build import Build
from pipeline.tasks.context import with_receipts
from pipeline.tasks.index import Jobs
from pipeline.tasks.records import Records

DAY = "_day"
"""Instance name of what belongs to the day as a whole."""
LAST: Mapping[tuple[Product, ...], type[ArchiveTask]] = {
    SERIES_PRODUCTS: Build,
    RECORD_PRODUCTS: Records,
    LOG_PRODUCTS: Jobs,
}
"""The task that makes the last product of an instance, by all that it has."""


def products(site: Site, instance: str) -> list[type[ArchiveTask]]:
    """The last tasks of an instance: they require the others."""
    return [LAST[tuple(sources.products(site, instance))]]


class Nightly(ArchiveTask):
    """All products of a day of the site, and the report of the day.

    Parameters
    ----------
    date : datetime.date
    site : str
    """

    instance: str = luigi.Parameter(default=DAY, significant=False)
    product = Product.REPORT
    parts: ClassVar[tuple[str, ...]] = (Product.RAW, Product.TTS, Product.INDEX, Product.JOBS)

    def needs(self) -> list[ArchiveTask]:
        return self._lasts

    @functools.cached_property
    def _lasts(self) -> list[ArchiveTask]:
        site = self.config
        return [
            task(date=self.date, instance=instance, site=self.site)
            for instance in site.sources
            for task in products(site, instance)
        ]

    def path(self) -> Path:
        return layout.path(self.config.root, layout.REPORT, self.date)

    def fingerprint(self) -> str:
        """Of all receipts of the day's parts, whatever they say."""
        return fingerprint_of(
            report.VERSION,
            [receipt.name for receipt in self.day_receipts().all if receipt.product in self.parts],
        )

    def made_of_servers(self) -> list[ArchiveTask]:
        """The indexes and what is made from them, in the order in which they are made."""
        return [
            task for last in self.needs() if isinstance(last, Jobs) for task in (last.index, last)
        ]

    def indexes_current(self) -> bool:
        """Whether every index for which there is a `darshan.hdf5` is of the servers' files of
        now.
        """
        return not any(_is_stale(task) for task in self.made_of_servers())

    def is_complete(self) -> bool:
        return super().is_complete() and self.indexes_current()

    def has_nothing_to_do(self) -> bool:
        return self.up_to_date() and self.indexes_current()

    def refresh_indexes(self) -> bool:
        """Bring the indexes up to date with servers that were archived after them; whether that was
        needed.
        """
        needed = False
        for task in self.made_of_servers():
            if _is_stale(task):
                needed = True
                task.try_to_produce()
        return needed

    def work(self) -> None:
        """Write the report, of products that are those of their receipts."""
        for task in self.needs():
            task.try_to_mend()
        self.refresh_indexes()
        self.produce()

    def make(self, temporary: Path) -> Made:
        """Write the report."""
        site = self.config
        write_about(site)
        wanted = {instance: sources.products(site, instance) for instance in site.sources}
        return Made(report.write_report(site.root, self.date, temporary, instances=wanted))

    @classmethod
    def bulk_complete(cls, parameter_tuples: Iterable[Any]) -> list[Any]:
        """The dates that are complete, for RangeDaily: by one listing a month."""
        given = list(parameter_tuples)
        nightlies = [cls(date=date if isinstance(date, dt.date) else date[0]) for date in given]
        if not nightlies:
            return []
        root = nightlies[0].config.root
        with with_receipts(root, Receipts(root).read_days([one.date for one in nightlies])):
            return [
                one for one, nightly in zip(given, nightlies, strict=True) if nightly.complete()
            ]


def _is_stale(task: ArchiveTask) -> bool:
    with task.at_one_time():
        fingerprint = task.fingerprint()
        return fingerprint is not None and not task.is_made_of(fingerprint)
