"""The night's work: every product of a day, then its report."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import luigi

from archive_tools.core.vocabulary import Product
from archive_tools.reporting import report
from archive_tools.store import files, layout
from archive_tools.store.receipts import Receipts
from archive_tools.store.receipts import fingerprint as fingerprint_of
from pipeline import sources
from pipeline.site import Site
from pipeline.tasks.base import ArchiveTask, load_site, standing_as
from pipeline.tasks.build import Build
from pipeline.tasks.index import Jobs

DAY = "_day"
"""Instance name of what belongs to the day as a whole."""
LAST: Mapping[Product, type[ArchiveTask]] = {Product.TTS: Build, Product.JOBS: Jobs}
"""The task that makes the last product of an instance."""


def products(site: Site, instance: str) -> list[type[ArchiveTask]]:
    """The last tasks of an instance: they require the others."""
    return [LAST[sources.products(site, instance)[-1]]]


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
            [receipt.name for receipt in self.standing().all if receipt.product in self.parts],
        )

    def made_of_servers(self) -> list[ArchiveTask]:
        """The indexes and what is made from them, in the order in which they are made."""
        return [
            task for last in self.needs() if isinstance(last, Jobs) for task in (last.index, last)
        ]

    def joined(self) -> bool:
        """Whether every index for which there is a `darshan.hdf5` is of the servers' files of
        now.
        """
        return not any(_is_stale(task) for task in self.made_of_servers())

    def is_complete(self) -> bool:
        return super().is_complete() and self.joined()

    def is_made(self) -> bool:
        return self.up_to_date() and self.joined()

    def join(self) -> bool:
        """Bring the indexes up to date with servers that were archived after them; whether that was
        needed.
        """
        needed = False
        for task in self.made_of_servers():
            if _is_stale(task):
                needed = True
                task.produced()
        return needed

    def work(self) -> None:
        self.join()
        self.produce()

    def make(self, temporary: Path) -> dict[str, Any]:
        _write_about(self.config)
        site = self.config
        wanted = {instance: sources.products(site, instance) for instance in site.sources}
        counts = report.write_report(site.root, self.date, temporary, instances=wanted)
        return {"counts": counts}

    @classmethod
    def bulk_complete(cls, parameter_tuples: Iterable[Any]) -> list[Any]:
        """The dates that are complete, for RangeDaily: by one listing a month."""
        given = list(parameter_tuples)
        nights = [cls(date=date if isinstance(date, dt.date) else date[0]) for date in given]
        if not nights:
            return []
        root = nights[0].config.root
        with standing_as(root, Receipts(root).days([night.date for night in nights])):
            return [one for one, night in zip(given, nights, strict=True) if night.complete()]


def _is_stale(task: ArchiveTask) -> bool:
    with task.at_one_moment():
        fingerprint = task.fingerprint()
        return fingerprint is not None and not task.stands_as(fingerprint)


def _write_about(site: Site) -> None:
    """`archive.json`: what readers need to know of the site; written only when it changes."""
    path = site.root / layout.ABOUT
    names = sorted({*site.fsname_to_instance, *site.mount_to_fsname.values()})
    behind = {
        name: found.model_dump() for name in names if (found := sources.servers_of(site, name))
    }
    about = {
        "site": site.site,
        "timezone": site.timezone,
        "hdf5_files": site.older_files(),
        "fsname_to_instance": behind,
        "layout": 1,
    }
    text = json.dumps(about, indent=1) + "\n"
    if not path.is_file() or path.read_text("utf-8") != text:
        files.write_text(path, text)


def load_check(given: str) -> Site:
    """The site, with every source's keys checked; tasks that were made before are forgotten, for
    they may be of other keys.
    """
    luigi.task_register.Register.clear_instance_cache()  # type: ignore[no-untyped-call]
    site = load_site(given)
    sources.check(site)
    for template in itertools.chain.from_iterable(site.older_files().values()):
        layout.template_patterns(template)
    return site
