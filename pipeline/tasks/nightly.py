"""The nightly run of a day: every product, then the day's figures and the report."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import luigi

from archive_tools.core.choices import HISTORY_DAYS
from archive_tools.core.vocabulary import Product
from archive_tools.reporting import near_days
from archive_tools.schemas import FIGURES_VERSION, REPORT_VERSION
from archive_tools.store import digest, job_page_files, layout
from archive_tools.store.receipts import DAY, Receipts
from pipeline.building.archive_folder import write_about
from pipeline.building.made import Made
from pipeline.building.run_context import current, with_receipts
from pipeline.site import Site
from pipeline.sources import registry as sources
from pipeline.sources.contract import LOG_PRODUCTS, RECORD_PRODUCTS, SERIES_PRODUCTS
from pipeline.tasks.base import ArchiveTask
from pipeline.tasks.build import Build
from pipeline.tasks.index import Jobs
from pipeline.tasks.records import Records

if TYPE_CHECKING:
    from archive_tools.reporting.day_figures import DayFigures

LAST: Mapping[tuple[Product, ...], type[ArchiveTask]] = {
    SERIES_PRODUCTS: Build,
    RECORD_PRODUCTS: Records,
    LOG_PRODUCTS: Jobs,
}
"""The task that makes the last product of an instance, by all that it has."""


def products(site: Site, instance: str) -> list[type[ArchiveTask]]:
    """The last tasks of an instance: they require the others."""
    return [LAST[tuple(sources.products(site, instance))]]


def wanted_products(site: Site) -> dict[str, list[Product]]:
    """What a day should have: the products of each instance."""
    return {instance: list(sources.products(site, instance)) for instance in site.sources}


class DayTask(ArchiveTask):
    """What is made of a day as a whole, from whatever the archive has of it."""

    instance: str = luigi.Parameter(default=DAY, significant=False)

    def wanted(self) -> dict[str, list[Product]]:
        """What the day should have: the products of each instance."""
        return wanted_products(self.config)


class Figures(DayTask):
    """The figures of a day, which pages and alerts read.

    Parameters
    ----------
    date : datetime.date
    site : str
    """

    product = Product.FIGURES
    _made: tuple[str, DayFigures] | None = None

    def path(self) -> Path:
        return layout.path(self.config.root, layout.FIGURES, self.date)

    def fingerprint(self) -> str:
        return self.day_receipts().of_parts(FIGURES_VERSION)

    def make(self, temporary: Path) -> Made:
        """Write the figures."""
        from archive_tools.reporting import figures_of_day

        write_about(self.config)
        figures = figures_of_day.write_figures(
            self.config.root, self.date, temporary, instances=self.wanted()
        )
        self._made = self.fingerprint(), figures
        return Made(figures_of_day.counts_of(figures))

    def take(self) -> DayFigures | None:
        """The figures that were made in this run, once, if they are of the receipts of now."""
        made, self._made = self._made, None
        return made[1] if made and made[0] == self.fingerprint() else None


class Nightly(DayTask):
    """All products of a day of the site, its figures and its report.

    Parameters
    ----------
    date : datetime.date
    site : str
    """

    product = Product.REPORT

    @functools.cached_property
    def figures(self) -> Figures:
        """The task that makes the day's figures."""
        return Figures(date=self.date, site=self.site)

    @property
    def of_day(self) -> tuple[DayTask, ...]:
        """The tasks of what belongs to the day as a whole, in the order in which they are made."""
        return self.figures, self

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
        return self.day_receipts().of_parts(REPORT_VERSION, self.config.job_pages)

    def damage(self, *, deep: bool = True) -> str:
        """Why the report, or a page of a job that it leads to, is not the one that the receipt is
        of.
        """
        if why := super().damage(deep=deep):
            return why
        receipt = self.receipt()
        pages = job_page_files.in_receipt(self.day_receipts().content(receipt)) if receipt else {}
        folder = layout.path(self.config.root, layout.JOB_PAGES, self.date)
        for name, facts in pages.items():
            if why := digest.damage(folder / name, facts, deep=deep):
                return f"{folder / name}: {why}"
        return ""

    def up_to_date(self) -> bool:
        return super().up_to_date() and self.figures.up_to_date()

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
        """Write figures and report, of products that are those of their receipts."""
        for task in self.needs():
            task.try_to_mend()
        self.refresh_indexes()
        self.figures.take()  # those of an earlier try
        if not self.figures.up_to_date():
            self.figures.try_to_produce()
        self.produce()

    def make(self, temporary: Path) -> Made:
        """Write the pages of jobs, then the report that leads to them. The receipt of a page of the
        same products is removed before the page is replaced: it would not be of its bytes, if the
        run ended in between.
        """
        from archive_tools.reporting import job_pages, rendering, report

        root, before = self.config.root, self.receipt()
        rendering.write_assets(root)
        pages = job_pages.write_job_pages(root, self.date, self.config.job_pages)
        coming = current().coming_pages
        counts = report.write_report(
            root,
            self.date,
            temporary,
            instances=self.wanted(),
            with_page=pages,
            coming=coming,
            figures=self.figures.take(),
        )
        if before and before.fingerprint == self.fingerprint():
            self.receipts.remove(self.date, self.instance, self.product, before.state)
        return Made(counts, more={"links": self._links(coming), "job_pages": pages})

    def record(
        self, facts: Mapping[str, Any], made: Made, fingerprint: str, seconds: float
    ) -> None:
        """Remove the pages of jobs to which the report does not lead any more; then write the
        receipt.
        """
        job_page_files.remove_others(self.config.root, self.date, made.more["job_pages"])
        super().record(facts, made, fingerprint, seconds)

    def _links(self, coming: Collection[dt.date] = ()) -> list[str]:
        """The days that the page leads to."""
        both = near_days.neighbours(self.config.root, self.date, coming)
        return [str(date) for date in both if date]

    def page_lags(self) -> bool:
        """Whether there is a page that leads to other days than those that have one now, or was
        made when fewer of the days that it, or a job's page, is compared with had figures.
        """
        receipt = self.receipt()
        if receipt is None:
            return False
        content = self.day_receipts().content(receipt)
        then = content.get("counts", {})
        counted = [(int(then.get("before", 0)), near_days.DAYS)]
        if then.get("job_pages"):
            counted.append((int(then.get("history", 0)), HISTORY_DAYS))
        return content.get("links") != self._links() or any(
            seen < days and seen < near_days.days_with_figures(self.config.root, self.date, days)
            for seen, days in counted
        )

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
