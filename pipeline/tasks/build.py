"""Building: raw data to the day's TTS file."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive_tools.core.vocabulary import Product
from archive_tools.store import aside
from archive_tools.store.receipts import Receipt, derived, follows
from pipeline.building import outages, provenance, roster
from pipeline.building.made import Made
from pipeline.tasks.base import ArchiveTask
from pipeline.tasks.fetch import Fetch

if TYPE_CHECKING:
    from pipeline.building.so_far import Earlier


class Build(ArchiveTask):
    """The TTS file of one day and instance."""

    product = Product.TTS
    priority = 10  # an index that is made after all of these need not be made again

    @functools.cached_property
    def _fetch(self) -> Fetch:
        return Fetch(date=self.date, instance=self.instance, site=self.site)

    def needs(self) -> list[ArchiveTask]:
        """The raw data."""
        return [self._fetch]

    def path(self) -> Path:
        """The TTS file."""
        return self.where.tts

    def fingerprint(self) -> str | None:
        """Of the raw data, and of all that says what is made of them."""
        raw = self.raw()
        if raw is None:
            return None
        return derived(raw.fingerprint, *provenance.made_of(self.where))

    def _retired(self) -> list[str]:
        """Names that an operator retired before the day or on it."""
        return roster.retired_on(self.config.root, self.date, self.instance)

    def up_to_date(self) -> bool:
        """As for all products; a file that cannot be made again, because its raw data are pruned,
        is what there is.
        """
        raw, receipt = self.raw(), self.receipt()
        is_last = raw and receipt and follows(receipt.fingerprint, raw.fingerprint)
        if is_last and not self._fetch.path().is_dir():
            return not self.damage(deep=False)
        return super().up_to_date()

    def work(self) -> None:
        """As for all products; raw data that are gone or damaged are fetched again. Where that
        cannot be, what is archived is what there is.
        """
        self._fetch.mend()
        if self._fetch.path().is_dir() or not self.up_to_date() or self.damage():
            self.produce()

    def produce(self) -> None:
        """As for all products; what `invalidate` put aside of the day is then over."""
        super().produce()
        aside.drop(self.config.root, self.date, self.instance)

    def make(self, temporary: Path) -> Made:
        """Write the file.

        Raises
        ------
        LessThanArchived
            Names what would be lost of an archived file.
        """
        from pipeline.building import tts

        receipt = self.raw()
        fetched = self.day_receipts().content(receipt) if receipt else {}
        is_archived = self.has_product() and not self.damage()
        request = tts.TtsRequest(
            self.where,
            self._fetch.path(),
            fetched,
            self.made_by(),
            is_archived=is_archived,
            roster=roster.roster_before(self.config.root, self.date, self.instance),
            retired=self._retired(),
            outages=outages.outages_on(self.config.root, self.day, self.instance),
            earlier=self._earlier() if is_archived else None,
        )
        made = tts.write_tts(request, temporary)
        before = self._replaced(fetched)
        if before:
            tts.refuse_less(self.path(), made.content(), self.day_receipts().content(before))
        return made

    def _earlier(self) -> Earlier | None:
        """The archived file, if it was made in the same way while the day went on."""
        from pipeline.building import so_far

        before, now = self.receipt(), self.fingerprint()
        if before is None or now is None or not self._is_made_alike(before, now):
            return None
        known = self.day_receipts().content(before).get(so_far.KEY)
        return so_far.Earlier(self.path(), known) if known else None

    def _is_made_alike(self, before: Receipt, now: str) -> bool:
        return before.version == self.version and before.fingerprint[8:] == now[8:]

    def _replaced(self, fetched: Mapping[str, Any]) -> Receipt | None:
        """The receipt of an archived file that is kept if it has more; None if there is none, or it
        was made of other inputs, or in another way.
        """
        raw, before, now = self.raw(), self.receipt(), self.fingerprint()
        if raw is None or before is None or now is None or not self.path().is_file():
            return None
        is_of_same = follows(before.fingerprint, raw.fingerprint) or "damaged" in fetched
        return before if self._is_made_alike(before, now) and is_of_same else None
