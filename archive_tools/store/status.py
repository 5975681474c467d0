"""What of a day is in the archive, from the names of receipts and of files.

One listing a month and one a day's folder answer. Only of receipts that record why, or how many
logs, the content is read, of few days that of all; no product is opened.
"""

from __future__ import annotations

import datetime as dt
import functools
import gc
import itertools
import multiprocessing
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from archive_tools.core.errors import NoData
from archive_tools.core.quantities import counted
from archive_tools.core.threads import cores
from archive_tools.core.vocabulary import DayState, Product, ReceiptState
from archive_tools.schemas import BUILD_VERSION
from archive_tools.store import layout
from archive_tools.store.receipt_content import DamagedReceipt
from archive_tools.store.receipts import DayReceipts, Receipt, Receipts, follows

FILES: dict[str, str] = {
    Product.TTS: layout.TTS,
    Product.INDEX: layout.INDEX,
    Product.JOBS: layout.JOBS,
}
"""Where each product of an instance is."""


MadeHow = Sequence[tuple[str, str]]
"""From which date on (ISO, ascending), and the half of a TTS file's fingerprint that says how it is
made; see `archive_tools.store.receipts.made_how`.
"""


@functools.lru_cache(maxsize=1024)
def _name(product: str, instance: str) -> str:
    """Name of a product's file in its day's folder."""
    return FILES[product].rpartition("/")[2].format(instance=instance)


@dataclass(frozen=True)
class State:
    """Of one instance and day.

    Attributes
    ----------
    word : DayState
    detail : str
        Per cent of a partial day, the last error of a failed one.
    percent : int or None
        Of a partial day: how much of it is there.
    logs, rejected : int or None
        Darshan logs of the day, and how many of them could not be read.
    forgotten_in : float or None
        Seconds until the source begins to forget a day that the archive does not have.
    kept : bool
        The source has fewer rows now than are archived.
    all_measured : bool
        Of a partial day: it has every cell that is expected, and lacks something else.
    damaged : tuple of str
        The receipts that cannot be read, a sentence each.
    acknowledged : bool
        An operator said of a part of the day that nobody will ever have it.
    """

    word: DayState
    detail: str = ""
    percent: int | None = None
    logs: int | None = None
    rejected: int | None = None
    forgotten_in: float | None = None
    kept: bool = False
    all_measured: bool = False
    damaged: tuple[str, ...] = ()
    acknowledged: bool = False

    def __str__(self) -> str:
        return f"{self.word}{':' if self.all_measured else ''} {self.detail}".strip()

    def with_more(self, detail: str) -> State:
        """The state, with more to say."""
        return replace(self, detail="; ".join(filter(None, [self.detail, detail])))

    @property
    def short(self) -> str:
        """For a table: per cent, and whether an outage is acknowledged."""
        has_percent = self.percent is not None and not self.all_measured
        percent = f" {self.detail.partition(':')[0]}" if has_percent else ""
        return f"{self.word}{percent}{', acknowledged' if self.acknowledged else ''}"


OWN = "own"
"""The kind of instance whose series `archive_tools.write_series` wrote."""
OTHER_KEYS = "made with other keys of site.json, or by other rows of the source's table"
_WHOLE = State(DayState.COMPLETE)
MANY = 1000
"""Days from which on it pays to share them out."""
READ_DAYS = 62
"""So many days at most have all of their receipts read; of more, those that are needed are."""


def files_of(root: Path, date: dt.date) -> set[str]:
    """Names of the files in a day's folder."""
    try:
        with os.scandir(os.path.dirname(f"{root}/{layout.REPORT.format(date=date)}")) as there:
            return {entry.name for entry in there if entry.is_file()}
    except (FileNotFoundError, NotADirectoryError):
        return set()


def state_of(
    files: Collection[str],
    day: DayReceipts,
    date: dt.date,
    instance: str,
    products: Sequence[str],
    how: MadeHow = (),
) -> State:
    """State of an instance that shall have `products`, each made from the one before and the first
    from the raw data; `how` the keys of the site have TTS files made, where that is known. A
    receipt that cannot be read is as if it were not there, and is named.
    """
    while True:
        try:
            state = _state_of(files, day, date, instance, products, how)
        except DamagedReceipt as error:
            damaged = Receipt.parse(error.path.name)
            if damaged is None:
                raise
            day = day.without(damaged, error.reason)
            continue
        named = tuple(map(str, day.damaged_of(instance)))
        if not named:
            return state
        return replace(state.with_more("; ".join(named)), damaged=named)


def _state_of(
    files: Collection[str],
    day: DayReceipts,
    date: dt.date,
    instance: str,
    products: Sequence[str],
    how: MadeHow,
) -> State:
    as_now = _is_made_as_now(day, date, instance, how)
    if as_now and _is_as_it_should_be(files, day, instance, products):  # nearly every day
        return _complete(day, instance, products)
    good = {product: day.good(instance, product) for product in products}
    there = {
        product: receipt
        for product, receipt in good.items()
        if receipt and _name(product, instance) in files
    }
    return (
        (None if there else _marked_empty(day, instance))
        or _failed(day, instance, products, bool(there))
        or _lacking(there, products)
        or _stale(day, instance, list(there.values()))
        or (None if as_now else State(DayState.STALE, OTHER_KEYS))
        or _partial(day, there.values())
        or _complete(day, instance, products)
    )


def _marked_empty(day: DayReceipts, instance: str) -> State | None:
    """That an operator said that there are no data for good, with the reason."""
    empty = day.other(instance, Product.RAW, ReceiptState.EMPTY)
    if not empty:
        return None
    content = day.content(empty[0])
    written = str(content.get("written", ""))[:10]
    reason = f"{content.get('why', '')} ({content.get('who', 'nobody')}, {written})"
    return State(DayState.EMPTY, reason)


def _failed(
    day: DayReceipts, instance: str, products: Sequence[str], has_any: bool
) -> State | None:
    """What the first of the receipts of failures says."""
    failures = (
        receipt
        for product in (Product.RAW, *products)
        for receipt in day.other(instance, product, ReceiptState.FAILED)
    )
    first = next(failures, None)
    if first is None:
        return None
    content = day.content(first)
    has_no_data = content.get("kind") == NoData.__name__ and not has_any
    word = DayState.MISSING if has_no_data else DayState.FAILED
    return State(word, str(content.get("error", "")))


def _lacking(there: Mapping[str, Receipt], products: Sequence[str]) -> State | None:
    absent = sorted(set(products) - set(there))
    if not absent:
        return None
    return State(DayState.MISSING, f"no {', '.join(absent)}" if there else "")


def _stale(day: DayReceipts, instance: str, made: Sequence[Receipt]) -> State | None:
    if any(receipt.version != BUILD_VERSION for receipt in made):
        return State(DayState.STALE, "made by an older version")
    if any(day.content(one).get("configuration", {}).get("kind") == OWN for one in made):
        return None  # a site's own series are not made of raw data
    chain = [day.good(instance, Product.RAW), *made]
    if all(
        before and after and follows(after.fingerprint, before.fingerprint)
        for before, after in itertools.pairwise(chain)
    ):
        return None
    return State(DayState.STALE, "not made from the data that were fetched last")


def _is_made_as_now(day: DayReceipts, date: dt.date, instance: str, how: MadeHow) -> bool:
    """Whether the TTS file is made as the site's keys say now; so is one that cannot be made again,
    because its raw data are pruned.
    """
    now = [half for since, half in how if since <= date.isoformat()]
    receipt = day.good(instance, Product.TTS) if now else None
    if receipt is None or receipt.fingerprint[8:] == now[-1]:
        return True
    raw = day.good(instance, Product.RAW)
    if raw is None:
        return True
    folder = layout.RAW.format(date=date, instance=instance, fingerprint=raw.fingerprint)
    return not os.path.isdir(f"{day.folder.parents[2]}/{folder}")


def _partial(day: DayReceipts, made: Iterable[Receipt]) -> State | None:
    """How much there is, and what is missing, as the receipt records it."""
    partial = [receipt for receipt in made if receipt.state == ReceiptState.PARTIAL]
    if not partial:
        return None
    least = min(partial, key=lambda receipt: receipt.percent)
    content = day.content(least)
    percent = content.get("percent", least.percent)
    share = f"{percent:g} %" if least.percent else "<1 %"
    why = str(content.get("why", ""))
    if why and percent == 100:
        return State(DayState.PARTIAL, why, least.percent, all_measured=True)
    return State(DayState.PARTIAL, f"{share}: {why}" if why else share, least.percent)


def _is_as_it_should_be(
    files: Collection[str], day: DayReceipts, instance: str, products: Sequence[str]
) -> bool:
    """Whether each product has one receipt, which says that it is complete, and follows from the
    one before.
    """
    before = day.of(instance, Product.RAW)
    for product in products:
        found = day.of(instance, product)
        if (
            len(before) != 1
            or len(found) != 1
            or found[0].state != ReceiptState.COMPLETE
            or found[0].version != BUILD_VERSION
            or not before[0].good
        ):
            return False
        if _name(product, instance) not in files or not follows(
            found[0].fingerprint, before[0].fingerprint
        ):
            return False
        before = found
    return True


def _complete(day: DayReceipts, instance: str, products: Sequence[str]) -> State:
    """Complete, and what else there is to say."""
    receipts = day.other(instance, Product.RAW, ReceiptState.KEPT)
    kept = bool(receipts)
    said = [_why_kept(day, receipts[-1])] if kept else []
    receipt = day.good(instance, Product.TTS)
    if Product.INDEX not in products or receipt is None:
        return State(DayState.COMPLETE, "; ".join(said), kept=kept) if kept else _WHOLE
    counts = day.content(receipt).get("counts", {})
    logs, rejected = int(counts.get("logs", 0)), int(counts.get("rejects", 0))
    return State(
        DayState.COMPLETE,
        "; ".join([f"{counted(logs, 'log')}, {rejected:,} rejected", *said]),
        logs=logs,
        rejected=rejected,
        kept=kept,
    )


def _why_kept(day: DayReceipts, receipt: Receipt) -> str:
    """Why an archived day is kept: raw data that are damaged, or the source has less."""
    content = day.content(receipt)
    damaged = bool(content.get("damaged"))
    return str(content.get("reason", "")) if damaged else "source has fewer rows now"


def wanted_products(
    root: Path, instances: Iterable[str], dates: Iterable[dt.date] = ()
) -> dict[str, list[str]]:
    """What each instance shall have, for `states`, where the site's keys are not known: whatever a
    receipt of the newest days, or of some others, is of; a failed try has one, too.
    """
    newest = [date for date, _ in layout.day_folders(root)][-READ_DAYS:]
    days = Receipts(root).days({*newest, *dates}).values()
    seen = {one.key for day in days for one in day.all if one.product in (Product.RAW, *FILES)}
    names = sorted({*instances, *(name for name, _ in seen)})
    found = {name: [one for one in FILES if (name, one) in seen] for name in names}
    return {name: products or [Product.TTS] for name, products in found.items()}


def states(
    root: Path,
    dates: Iterable[dt.date],
    products: Mapping[str, Sequence[str]],
    how: Mapping[str, MadeHow] | None = None,
) -> dict[dt.date, dict[str, State]]:
    """States of the instances in `products`, day by day; many days on all cores. For `how` see
    `state_of`.
    """
    wanted = sorted(set(dates))
    if len(wanted) < MANY or cores() == 1:
        return _states(root, products, how or {}, wanted)
    size = -(-len(wanted) // cores())
    parts = [wanted[first : first + size] for first in range(0, len(wanted), size)]
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(
        len(parts), mp_context=fork, initializer=gc.disable
    ) as pool:  # nothing that they make goes before they end
        found = pool.map(functools.partial(_states, root, products, how or {}), parts)
        return {date: states for part in found for date, states in part.items()}


def _states(
    root: Path,
    products: Mapping[str, Sequence[str]],
    how: Mapping[str, MadeHow],
    dates: Sequence[dt.date],
) -> dict[dt.date, dict[str, State]]:
    receipts = Receipts(root)
    days = receipts.read_days(dates) if len(dates) <= READ_DAYS else receipts.days(dates)
    found: dict[dt.date, dict[str, State]] = {}
    for date, day in days.items():
        files = files_of(root, date) if day.all else set()
        found[date] = {
            instance: state_of(files, day, date, instance, wanted, how.get(instance, ()))
            for instance, wanted in products.items()
        }
    return found
