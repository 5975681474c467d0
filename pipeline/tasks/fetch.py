"""Fetching: the only tasks that look at sources."""

from __future__ import annotations

import datetime as dt
import logging
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from archive_tools.core.errors import NoData
from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.store import files
from archive_tools.store.receipts import Receipt
from pipeline.building import raw
from pipeline.schemas.source_maps import RAW_VERSION
from pipeline.sources.contract import Inputs
from pipeline.tasks.base import ArchiveTask
from pipeline.tasks.context import Answer, Key, Mode, current

log = logging.getLogger("tokio")


class Fetch(ArchiveTask):
    """The raw data of one day and instance."""

    product = Product.RAW
    version = RAW_VERSION

    def path(self) -> Path:
        """The folder of the raw data."""
        receipt = self.raw()
        return self.where.raw_folder(receipt.fingerprint if receipt else "none")

    def _key(self) -> Key:
        return str(self.config.root), self.instance, self.date

    def _query(self) -> Inputs:
        """What the source has now, remembered with the raw data that the archive had then."""
        run, receipt = current(), self.raw()
        run.answers.raise_failure(self._key())
        try:
            inputs = raw.query_inputs(self.where, run.longest_query)
        except Exception as error:  # whatever a source's code raises
            run.answers.keep_failure(self._key(), error)
            raise
        run.answers.keep(self._key(), Answer(inputs, receipt.fingerprint if receipt else ""))
        return inputs

    def fingerprint(self) -> str:
        """Of what the source has, by the answer of this run."""
        answer = current().answers.get(self._key())
        return raw.fingerprint_of_inputs(self.where, answer.inputs if answer else self._query())

    def is_young(self) -> bool:
        """Whether late data may still come."""
        today = dt.datetime.now(ZoneInfo(self.config.timezone)).date()
        return (today - self.date).days <= self.config.late_days

    def up_to_date(self) -> bool:
        """Whether the raw data are those that the source has, as far as this run queries it."""
        mode, receipt = current().mode, self.receipt()
        if receipt is None or (receipt.version != self.version and mode is not Mode.RAW_ONLY):
            return False
        return mode is not Mode.SOURCES or not self.is_young() or self._is_as_in_source(receipt)

    def _is_as_in_source(self, receipt: Receipt) -> bool:
        try:
            now = self.fingerprint()
        except Exception as error:
            log.warning(
                "%s %s: inputs cannot be looked at again, the archived ones remain: %s",
                self.date,
                self.instance,
                error,
            )
            return True
        answer = current().answers.get(self._key())
        fetched_since = answer is not None and answer.fingerprint != receipt.fingerprint
        return fetched_since or now == receipt.fingerprint or self._was_kept(now)

    def _was_kept(self, fingerprint: str) -> bool:
        """Whether inputs of this fingerprint were seen and the archived ones kept."""
        kept = self.day_receipts().other(self.instance, self.product, ReceiptState.KEPT)
        return any(receipt.fingerprint == fingerprint for receipt in kept)

    def clear_old_failures(self) -> None:
        """As for all tasks; what was kept is over when the source has again what is archived."""
        super().clear_old_failures()
        receipt, answer = self.raw(), current().answers.get(self._key())
        if receipt and answer and self.is_young() and self.fingerprint() == receipt.fingerprint:
            self.receipts.remove(self.date, self.instance, self.product, ReceiptState.KEPT)

    def work(self) -> None:
        """Fetch; where data are lost in the source, keep what is archived."""
        if current().mode is Mode.RAW_ONLY:
            raise NoData(
                f"no raw data of {self.instance} for {self.date} are kept",
                hint="tokio-pipeline backfill fetches them, while the source has them",
            )
        began, where, inputs = time.monotonic(), self.where, self._query()
        fingerprint = raw.fingerprint_of_inputs(where, inputs)
        target = where.raw_folder(fingerprint)
        with files.writable(target):
            found = raw.fetch_raw(where, target, inputs, self._archived())
            if found.lost:
                self._keep_archived(fingerprint, found.made.content(), found.lost)
                return
            self.record(target, found.made, fingerprint, time.monotonic() - began)
            raw.remove_others(target, self.instance)

    def _archived(self) -> raw.ArchivedRaw | None:
        receipt = self.raw()
        if receipt is None:
            return None
        counts = self.day_receipts().content(receipt).get("counts", {})
        return raw.ArchivedRaw(counts, self.path())

    def _keep_archived(self, fingerprint: str, content: dict[str, Any], lost: str) -> None:
        log.warning(
            "%s %s: %s; the archived day is kept (tokio-pipeline invalidate replaces it)",
            self.date,
            self.instance,
            lost,
        )
        content = {name: content[name] for name in ("inputs", "counts", "source", "files")}
        content["reason"] = f"the archived day is kept: {lost}"
        receipt = Receipt(
            *(self.date, self.instance, self.product, self.version),
            *(fingerprint, ReceiptState.KEPT),
        )
        self.receipts.write(receipt, content)
