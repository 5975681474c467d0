"""The day's index of logs and its table of jobs, made from `darshan.hdf5`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from archive_tools import schemas
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import Product
from archive_tools.jobs import server_days
from archive_tools.store import layout
from archive_tools.store.receipts import Receipt, derived, follows
from pipeline import site as sites
from pipeline.building.made import Made
from pipeline.sources import registry as sources
from pipeline.sources.contract import LogSource
from pipeline.tasks.base import ArchiveTask
from pipeline.tasks.build import Build


class Index(ArchiveTask):
    """The day's SQLite index of logs, made from `darshan.hdf5` and from what the archive has of the
    servers at that time.

    It requires `darshan.hdf5` alone: servers that cannot be fetched stop no index. For Luigi it is
    complete when it was made from the `darshan.hdf5` that is there; `up_to_date` looks at the keys
    and the servers' files of now too, and `Nightly` sees to it.
    """

    product = Product.INDEX

    @functools.cached_property
    def _build(self) -> Build:
        return Build(date=self.date, instance=self.instance, site=self.site)

    def needs(self) -> list[ArchiveTask]:
        """`darshan.hdf5`."""
        return [self._build]

    def path(self) -> Path:
        """The index."""
        return layout.path(self.config.root, layout.INDEX, self.date, self.instance)

    def is_complete(self) -> bool:
        """Whether the index is made from the `darshan.hdf5` that is there, which is complete."""
        made, source = self.receipt(), self.day_receipts().good(self.instance, Product.TTS)
        follows_from_it = (
            made
            and source
            and made.version == self.version
            and follows(made.fingerprint, source.fingerprint)
            and not self.damage(deep=False)
        )
        return bool(follows_from_it) and self._build.complete()

    def fingerprint(self) -> str | None:
        """Of `darshan.hdf5`, and of the servers' files that the logs are joined with."""
        receipt = self.day_receipts().good(self.instance, Product.TTS)
        if receipt is None:
            return None
        behind = {fsname: found.model_dump() for fsname, found in self._servers().items()}
        return derived(
            receipt.fingerprint,
            schemas.index_ddl(),
            server_days.VERSION,
            behind,
            self._others(receipt),
        )

    def _servers(self) -> dict[str, sites.Servers]:
        """The servers behind the file systems that have a name."""
        where = self.where
        mounts: Mapping[str, str] = {}
        if isinstance(where.source, LogSource):
            mounts = where.source.mount_to_fsname(where.options)
        names = [*self.config.fsname_to_instance, *mounts.values()]
        return {
            name: found
            for name in sorted(set(names))
            if (found := sources.servers_of(self.config, name))
        }

    def _others(self, receipt: Receipt) -> list[tuple[str, str, str]]:
        """The other files that the index is made from: day, instance, fingerprint."""
        span = self.day_receipts().content(receipt).get("span", [self.day.start, self.day.start])
        instances = sorted({self.instance, *(found.instance for found in self._servers().values())})
        days = self.receipts.days(server_days.dates(self.day, *span))
        files = (
            (str(date), name, day.good(name, Product.TTS))
            for date, day in days.items()
            for name in instances
        )
        return [
            (date, name, good.fingerprint) for date, name, good in files if good and good != receipt
        ]

    def make(self, temporary: Path) -> Made:
        """Write the index."""
        from archive_tools.jobs import index, server_join
        from archive_tools.reading.archive import Archive

        findings = Findings()
        archive = Archive(self.config.root, hdf5_files=self.config.older_files())
        around = server_join.Around(archive, self.day, self.instance, self._servers(), findings)
        return Made(index.write_index(self._build.path(), temporary, around), findings)


class Jobs(ArchiveTask):
    """The day's table of jobs and file systems, made from the index."""

    product = Product.JOBS

    @functools.cached_property
    def index(self) -> Index:
        """The task that makes the index."""
        return Index(date=self.date, instance=self.instance, site=self.site)

    def needs(self) -> list[ArchiveTask]:
        """The index."""
        return [self.index]

    def path(self) -> Path:
        """The table."""
        return layout.path(self.config.root, layout.JOBS, self.date, self.instance)

    def fingerprint(self) -> str | None:
        """Of the index, and of the query that makes the table."""
        receipt = self.day_receipts().good(self.instance, Product.INDEX)
        return derived(receipt.fingerprint, schemas.jobs_query()) if receipt else None

    def make(self, temporary: Path) -> Made:
        """Write the table."""
        from archive_tools.formats import jobs_file

        findings = Findings()
        counts = jobs_file.write_jobs(self.index.path(), temporary, str(self.date), findings)
        return Made(counts, findings)
