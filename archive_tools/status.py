"""What of a day is in the archive, from the names of receipts and the presence of files.

Only of receipts that tell why, or how many logs, the content is read; no product is opened.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from archive_tools import layout
from archive_tools.receipts import FAILED, KEPT, PARTIAL, DayReceipts, Receipts, follows
from pipeline.schemas import BUILD_VERSION

FILES = {"tts": layout.TTS, "index": layout.INDEX, "jobs": layout.JOBS}
"""Where each product of an instance is."""


@dataclass(frozen=True)
class State:
    """Of one instance and day.

    Attributes
    ----------
    word : {'complete', 'partial', 'missing', 'late', 'failed', 'stale'}
        Stale: made by an older version, or from older data. Late: the source has data that the archive has not.
    detail : str
        Per cent of a partial day, the last error of a failed one.
    """

    word: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.word} {self.detail}".strip()

    @property
    def short(self) -> str:
        """For a table: only per cent are told."""
        return str(self) if self.word == "partial" else self.word


def state_of(root: Path, day: DayReceipts, date: dt.date, instance: str, products: Sequence[str]) -> State:
    """State of an instance that shall have `products`, each made from the one before and the first from the raw data."""
    failures = [receipt for product in ("raw", *products) for receipt in day.other(instance, product, FAILED)]
    good = {product: day.good(instance, product) for product in products}
    there = {product: receipt for product, receipt in good.items() if receipt and layout.path(root, FILES[product], date, instance).is_file()}
    if failures:
        content = day.content(failures[0])
        word = "missing" if content.get("kind") == "NoData" and not there else "failed"
        return State(word, str(content.get("error", "")))
    if len(there) < len(products):
        return State("missing", "" if not there else "no " + ", ".join(sorted(set(products) - set(there))))
    if any(receipt.version != BUILD_VERSION for receipt in there.values()):
        return State("stale", "made by an older version")
    chain = [day.good(instance, "raw"), *(there[product] for product in products)]
    if not all(before and follows(after.fingerprint, before.fingerprint) for before, after in itertools.pairwise(chain) if after):
        return State("stale", "not made from the data that were fetched last")
    partial = [receipt for receipt in there.values() if receipt.state == PARTIAL]
    if partial:
        percent = min(receipt.percent for receipt in partial)
        return State("partial", f"{percent} %" if percent else "<1 %")
    said = ["source has fewer rows now"] if day.other(instance, "raw", KEPT) else []
    if "index" in products and (receipt := day.good(instance, "tts")):
        counts = day.content(receipt).get("counts", {})
        said.insert(0, f"{counts.get('logs', 0)} logs, {counts.get('rejects', 0)} rejected")
    return State("complete", "; ".join(said))


def states(root: Path, dates: Iterable[dt.date], products: Mapping[str, Sequence[str]]) -> dict[dt.date, dict[str, State]]:
    """States of the instances in `products`, day by day."""
    days = Receipts(root).days(dates)
    return {date: {instance: state_of(root, day, date, instance, wanted) for instance, wanted in products.items()} for date, day in days.items()}
