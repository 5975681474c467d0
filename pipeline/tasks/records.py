"""The day's table of jobs of a source that knows them by name, made from the raw data."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from archive_tools.core.errors import NoData, SourceError
from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.store import layout
from archive_tools.store.receipts import derived, follows
from pipeline.building.made import Made
from pipeline.sources.contract import RecordSource
from pipeline.tasks.base import ArchiveTask
from pipeline.tasks.build import Build
from pipeline.tasks.fetch import Fetch


class Records(ArchiveTask):
    """The table of a day's jobs, made from the raw data after the TTS file: what that file lacks,
    the table lacks too, so it is as complete as that one.
    """

    product = Product.JOBS

    @functools.cached_property
    def _build(self) -> Build:
        return Build(date=self.date, instance=self.instance, site=self.site)

    def needs(self) -> list[ArchiveTask]:
        """The TTS file."""
        return [self._build]

    def path(self) -> Path:
        """The table."""
        return layout.path(self.config.root, layout.JOBS, self.date, self.instance)

    def fingerprint(self) -> str | None:
        """Of the TTS file, and of the table's columns."""
        receipt, source = self.day_receipts().good(self.instance, Product.TTS), self.where.source
        if receipt is None or not isinstance(source, RecordSource):
            return None
        return derived(receipt.fingerprint, str(source.schema))

    def up_to_date(self) -> bool:
        """As for all products; a table that cannot be made again, because its raw data are pruned,
        is what there is.
        """
        made, tts = self.receipt(), self.day_receipts().good(self.instance, Product.TTS)
        is_last = made and tts and follows(made.fingerprint, tts.fingerprint)
        if is_last and not self._raw().is_dir():
            return self.path().exists()
        return super().up_to_date()

    def _raw(self) -> Path:
        return Fetch(date=self.date, instance=self.instance, site=self.site).path()

    def make(self, temporary: Path) -> Made:
        """Write the table."""
        from archive_tools.formats import records_file
        from pipeline.building import pieces

        source, tts = self.where.source, self.day_receipts().good(self.instance, Product.TTS)
        if not isinstance(source, RecordSource) or tts is None:
            raise SourceError(f"{self.instance}: a source of kind {source.kind} has no records")
        raw = self._raw()
        if not raw.is_dir():
            raise NoData(
                f"raw data of {self.instance} for {self.date} are gone ({raw})",
                hint="tokio-pipeline invalidate the day to fetch it again",
            )
        batches = source.records(self.where.options, self.day, pieces.paths(raw))
        counts = records_file.write_records(
            batches, source.schema, temporary, date=str(self.date), kind=source.kind
        )
        said = self.day_receipts().content(tts)
        more: dict[str, Any] = {name: said[name] for name in ("percent", "why") if name in said}
        return Made(counts, state=ReceiptState(tts.state), percent=tts.percent, more=more)
