"""What the next run makes again by itself: problems of it are notes."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from archive_tools.checking.problems import Problem
from archive_tools.checking.stored_bytes import StoredFile
from archive_tools.core.vocabulary import Product
from archive_tools.schemas import FIGURES_VERSION
from archive_tools.store import layout
from archive_tools.store.receipts import DAY, DayReceipts, follows

MENDED = {"no receipt", "rows", "sums", "measured"}
"""Kinds of what a run leaves that was killed between a product and its receipt, or between products
that are made from each other. Bytes that are not those of a receipt are judged file by file.
"""


@dataclass(frozen=True)
class Unfinished:
    """What the next run makes again by itself.

    Attributes
    ----------
    root : pathlib.Path
    put_aside : set of (datetime.date, str)
        Days and instances that were invalidated, and not built since.
    """

    root: Path
    put_aside: set[tuple[dt.date, str]]

    def judged(
        self, problem: Problem, date: dt.date, instance: str, receipts: DayReceipts
    ) -> Problem:
        """The problem; a note where the next run mends it."""
        is_note = problem.kind in MENDED and any(self._remade(date, instance, receipts))
        return replace(problem, is_note=True) if is_note else problem

    def judged_file(self, problem: Problem, file: StoredFile, receipts: DayReceipts) -> Problem:
        """The problem of a file's bytes; a note where the next run makes that file, or looks at it
        before it makes another one from it.
        """
        remade = self._remade(file.date, file.instance, receipts)
        is_note = file.product in set(remade)
        return replace(problem, is_note=True) if is_note else problem

    def _remade(self, date: dt.date, instance: str, receipts: DayReceipts) -> Iterator[Product]:
        """The products that the next run makes again, or looks at whole."""
        if instance == DAY:
            yield from self._of_day(date, receipts)
            return
        index, jobs = (
            layout.path(self.root, template, date, instance).exists()
            or receipts.of(instance, product)
            for product, template in ((Product.INDEX, layout.INDEX), (Product.JOBS, layout.JOBS))
        )
        products = [Product.TTS, *([Product.INDEX, Product.JOBS] if index or jobs else [])]
        if (date, instance) in self.put_aside:
            yield from products
            return
        raw = receipts.good(instance, Product.RAW)
        if raw is None:
            return
        folder = layout.path(self.root, layout.RAW, date, instance, raw.fingerprint)
        if not folder.is_dir():
            return
        chain = [raw, *(receipts.good(instance, product) for product in products)]
        for number, (before, made) in enumerate(itertools.pairwise(chain)):
            if not (before and made and follows(made.fingerprint, before.fingerprint)):
                yield from products[max(0, number - 1) :]  # the one before is looked at
                return

    def _of_day(self, date: dt.date, receipts: DayReceipts) -> Iterator[Product]:
        """Of what belongs to the day as a whole. The page is written after the figures; where the
        archive has no figures, it is of an earlier version.
        """
        page, figures = (receipts.good(DAY, one) for one in (Product.REPORT, Product.FIGURES))
        if figures is None:
            if layout.path(self.root, layout.FIGURES, date).exists():
                yield from (Product.FIGURES, Product.REPORT)
            elif page is None:
                yield Product.REPORT
            return
        versions = range(1, FIGURES_VERSION + 1)
        if figures.fingerprint not in map(receipts.of_parts, versions):
            yield from (Product.FIGURES, Product.REPORT)
        elif page is None or receipts.is_older(page, figures):
            yield Product.REPORT
