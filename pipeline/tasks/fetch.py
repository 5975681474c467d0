"""Fetching: the only tasks that look at sources."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from archive_tools.core.errors import FormatError, NoData
from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.store import aside, files
from archive_tools.store.receipts import Damaged, Receipt
from pipeline.building import archived_raw, source_queries, verified
from pipeline.building.archive_folder import size_of
from pipeline.building.run_context import Answer, Key, Mode, current
from pipeline.schemas.source_maps import RAW_VERSION
from pipeline.sources._shared import secrets
from pipeline.sources.contract import Inputs
from pipeline.tasks.base import ArchiveTask

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
            inputs = source_queries.query_inputs(self.where, run.longest_query)
        except Exception as error:  # whatever a source's code raises
            run.answers.keep_failure(self._key(), error)
            raise
        run.answers.keep(self._key(), Answer(inputs, receipt.fingerprint if receipt else ""))
        return inputs

    def fingerprint(self) -> str:
        """Of what the source has, by the answer of this run."""
        answer = current().answers.get(self._key())
        return archived_raw.fingerprint_of_inputs(
            self.where, answer.inputs if answer else self._query()
        )

    def is_young(self) -> bool:
        """Whether late data may still come."""
        today = dt.datetime.now(ZoneInfo(self.config.timezone)).date()
        return (today - self.date).days <= self.config.late_days

    def up_to_date(self) -> bool:
        """Whether the raw data are those that the source has, as far as this run queries it."""
        mode, receipt = current().mode, self.receipt()
        if receipt is None or (receipt.version != self.version and mode is not Mode.RAW_ONLY):
            return False
        if mode is not Mode.RAW_ONLY and self.path().is_dir() and self.damage(deep=False):
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
        return fetched_since or self._is_of(receipt, now) or self._was_kept(now)

    def _is_of(self, receipt: Receipt, fingerprint: str) -> bool:
        """Whether the raw data are what the source had when its inputs had this fingerprint."""
        return self._archived(receipt).is_of(fingerprint, self.day)

    def _was_kept(self, fingerprint: str) -> bool:
        """Whether inputs of this fingerprint were seen and the archived ones kept."""
        kept = self.day_receipts().other(self.instance, self.product, ReceiptState.KEPT)
        return any(receipt.fingerprint == fingerprint for receipt in kept)

    def damage(self, *, deep: bool = True) -> str:
        """Why nothing can be built on the raw data: they are gone, or files are not those that were
        fetched.
        """
        receipt, folder = self.raw(), self.path()
        if receipt is None:
            return ""
        if not folder.is_dir():
            return f"{folder}: the raw data are gone"
        found = verified.damaged_files(folder, self.day_receipts().content(receipt), deep=deep)
        return verified.sentence(folder, found) if found else ""

    def is_whole(self) -> bool:
        """Raw data may be pruned, and are hashed when something is built on them."""
        return True

    def mend(self) -> None:
        """Fetch the raw data again, if they are gone or damaged."""
        if self.damage():
            self.work()

    def try_to_mend(self) -> None:
        """Raw data are looked at when something is built on them, and not before."""

    def clear_old_failures(self) -> None:
        """As for all tasks; what was kept is over when the source has again what is archived."""
        super().clear_old_failures()
        receipt, answer = self.raw(), current().answers.get(self._key())
        if receipt and answer and self.is_young() and self._is_of(receipt, self.fingerprint()):
            self.receipts.remove(self.date, self.instance, self.product, ReceiptState.KEPT)

    def work(self) -> None:
        """Add what the source has to what is archived; where that cannot be, keep what is
        archived.
        """
        if current().mode is Mode.RAW_ONLY:
            damage = self.damage() if self.path().is_dir() else ""
            raise (FormatError if damage else NoData)(
                damage or f"no raw data of {self.instance} for {self.date} are kept",
                hint="tokio-pipeline backfill fetches them, while the source has them",
            )
        try:
            self._fetch()
        except NoData as error:
            if not aside.has_raw(self.config.root, self.date, self.instance):
                raise
            aside.take_back(self.config.root, self.date, self.instance)
            log.warning(
                "%s %s: the source has nothing of the day any more: what invalidate put aside is"
                " the day's again (%s)",
                self.date,
                self.instance,
                error.facts,
            )

    def _fetch(self) -> None:
        from pipeline.building import raw

        began, where, archived = time.monotonic(), self.where, self._archived_now()
        try:
            inputs = self._query()
        except NoData as error:
            if archived is None or not (archived.damaged or self.raw() is None):
                raise
            inputs = {}
            log.warning("%s %s: %s", self.date, self.instance, error.facts)
        with files.writable(where.raw_folder("none")):
            found = raw.fetch_raw(where, inputs, archived)
            before = archived.fingerprint if archived else ""
            current().answers.keep(self._key(), Answer(found.made.more["inputs"], before))
            if found.lost:
                damaged = dict(archived.damaged) if archived else {}
                content = found.made.content() | {"damaged": damaged}
                self._keep_archived(found.fingerprint, content, found.lost)
                if archived and damaged:
                    archived_raw.put_damaged_aside(archived.folder)
                return
            target = where.raw_folder(found.fingerprint)
            facts = {"bytes": size_of(target)}
            self.record(facts, found.made, found.fingerprint, time.monotonic() - began)
            archived_raw.remove_others(target, self.instance)

    def _archived_now(self) -> archived_raw.ArchivedRaw | None:
        """The raw data that the archive has, each file as it was fetched."""
        day = self.day_receipts()
        receipt = day.good(self.instance, self.product)
        if receipt is None:
            return next(filter(None, map(self._recovered, day.damaged_of(self.instance))), None)
        archived = self._archived(receipt)
        if not archived.folder.is_dir():
            return archived
        damaged = verified.damaged_files(archived.folder, archived.content)
        if damaged:
            said = verified.sentence(archived.folder, damaged)
            log.warning("%s %s: %s; it is fetched again", self.date, self.instance, said)
        return dataclasses.replace(archived, damaged=damaged)

    def _recovered(self, damaged: Damaged) -> archived_raw.ArchivedRaw | None:
        """The raw data of a receipt that cannot be read."""
        receipt = damaged.receipt
        if receipt.product != self.product or not receipt.good:
            return None
        log.warning("%s %s: %s; the raw data are used", self.date, self.instance, damaged)
        return archived_raw.recovered(
            self.where.raw_folder(receipt.fingerprint), receipt.fingerprint
        )

    def _archived(self, receipt: Receipt) -> archived_raw.ArchivedRaw:
        content = self.day_receipts().content(receipt)
        return archived_raw.ArchivedRaw(
            receipt.fingerprint, content, self.where.raw_folder(receipt.fingerprint)
        )

    def _keep_archived(self, fingerprint: str, content: dict[str, Any], lost: str) -> None:
        log.warning(
            "%s %s: %s; the archived day is kept (tokio-pipeline invalidate replaces it)",
            self.date,
            self.instance,
            lost,
        )
        content = {
            name: content[name] for name in ("inputs", "counts", "source", "files", "damaged")
        }
        content["reason"] = f"the archived day is kept: {lost}"
        receipt = Receipt(
            *(self.date, self.instance, self.product, self.version),
            *(fingerprint, ReceiptState.KEPT),
        )
        self.receipts.write(receipt, secrets.struck_in(content))
