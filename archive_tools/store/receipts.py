"""Receipts: one small JSON file for each product, whose name alone says what is complete.

    receipts/2018/01/2018-01-28.cscratch.tts.v1.3f2a9c1d7e4b5a60.complete.json

A product is complete when its receipt says so for this version and this fingerprint of the inputs.
One listing of a month's folder answers for the month; no product is opened. The content has the
rest: inputs, counts, findings, durations.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from archive_tools.core.printable import clean
from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.store import files, layout
from archive_tools.store.receipt_content import (
    DamagedReceipt,
    read_content,
    what_it_is,
    with_checksum,
)

_NAME = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})\.(?P<instance>[A-Za-z0-9_-]+)\.(?P<product>[a-z]+)"
    r"\.v(?P<version>\d{1,9})\.(?P<fingerprint>[0-9a-f]{16})"
    rf"\.(?P<state>{'|'.join(ReceiptState)})(?P<percent>\d{{0,3}})\.json",
    re.ASCII,
)
DAY = "_day"
"""The instance that the report and the figures belong to."""
PARTS = (Product.RAW, Product.TTS, Product.INDEX, Product.JOBS)
"""What the day as a whole is made of."""
_STATES = {state.value: state for state in ReceiptState}


def fingerprint(*parts: Any) -> str:
    """16 hexadecimal digits that differ when any part differs; parts are JSON-able."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


def derived(upstream: str, *config: Any) -> str:
    """Fingerprint of a product: one half of what it is made from, the other of how.

    So the names of receipts alone say whether a product follows from what is there now.
    """
    return fingerprint(upstream)[:8] + made_how(*config)


def made_how(*config: Any) -> str:
    """The half of a product's fingerprint that says how it is made."""
    return fingerprint(*config)[:8]


def _half(upstream: str) -> str:
    """The beginning of ``fingerprint(upstream)``; computed for every product when ten years are
    looked at.
    """
    return hashlib.sha256(b'["%s"]' % upstream.encode("ascii")).hexdigest()[:8]


def follows(product: str, upstream: str) -> bool:
    """Whether a product's fingerprint was derived from that of `upstream`."""
    return product[:8] == _half(upstream)


class Receipt(NamedTuple):
    """The facts in a receipt's name. `percent` is how much of the day is there when `state` is
    partial.
    """

    date: dt.date
    instance: str
    product: str
    version: int
    fingerprint: str
    state: ReceiptState
    percent: int = 100

    @property
    def name(self) -> str:
        percent = f"{self.percent:03d}" if self.state == ReceiptState.PARTIAL else ""
        what = f"{self.date}.{self.instance}.{self.product}.v{self.version}"
        return f"{what}.{self.fingerprint}.{self.state}{percent}.json"

    @property
    def key(self) -> tuple[str, str]:
        return self.instance, self.product

    @property
    def good(self) -> bool:
        """Whether it is of a product in the archive."""
        return self.state.is_good

    @classmethod
    @functools.lru_cache(maxsize=1 << 16)
    def parse(cls, name: str) -> Receipt | None:
        """The receipt of that file name; None for any other file, such as one of a day that no
        calendar has.
        """
        match = _NAME.fullmatch(name)
        if not match:
            return None
        date, instance, product, version, of, state, percent = match.groups()
        try:
            day = dt.date.fromisoformat(date)
        except ValueError:
            return None
        share = int(percent or 100)
        return cls(day, instance, product, int(version), of, _STATES[state], share)


@dataclass(frozen=True)
class Damaged:
    """A receipt that cannot be read: it is as if it were not there.

    Attributes
    ----------
    receipt : Receipt
        What its name says.
    path : pathlib.Path
    reason : str
    """

    receipt: Receipt
    path: Path
    reason: str

    def __str__(self) -> str:
        where = clean("/".join(self.path.parts[-4:]))
        return f"{where} cannot be read: {self.reason}"


@dataclass(frozen=True)
class DayReceipts:
    """The receipts of one day.

    Attributes
    ----------
    folder : pathlib.Path
    all : tuple of Receipt
        Those that are there, as far as that was looked at.
    damaged : tuple of Damaged
        Those that cannot be read, as far as that was looked at.
    """

    folder: Path
    all: tuple[Receipt, ...]
    damaged: tuple[Damaged, ...] = ()

    @functools.cached_property
    def _by_key(self) -> dict[tuple[str, str], list[Receipt]]:
        found: dict[tuple[str, str], list[Receipt]] = {}
        for receipt in self.all:
            found.setdefault(receipt.key, []).append(receipt)
        return found

    def of(self, instance: str, product: str) -> list[Receipt]:
        """All receipts of a product, whatever they say."""
        return self._by_key.get((instance, product), [])

    def good(self, instance: str, product: str) -> Receipt | None:
        """The receipt of the product in the archive, if there is one."""
        found = [receipt for receipt in self.of(instance, product) if receipt.good]
        if len(found) > 1:  # a run died between writing the new one and removing the old one
            return max(found, key=self._when)
        return found[0] if found else None

    def _when(self, receipt: Receipt) -> tuple[bool, str, int, str]:
        """When a receipt was written, to compare: by what it says, for copies have other times."""
        try:
            written = str(self.content(receipt).get("written", ""))
            changed = os.stat(self.folder / receipt.name).st_mtime_ns
        except (OSError, DamagedReceipt):
            return False, "", 0, receipt.name
        return True, written, changed, receipt.name

    def of_parts(self, *made_by: Any) -> str:
        """The fingerprint of all receipts of the day's parts, whatever they say: what is made of
        the day as a whole has it.
        """
        return fingerprint(*made_by, [one.name for one in self.all if one.product in PARTS])

    def is_older(self, receipt: Receipt, other: Receipt) -> bool:
        """Whether a receipt was written before another one."""
        return self._when(receipt) < self._when(other)

    def superseded(self) -> Iterator[Receipt]:
        """Good receipts of products that have a newer one."""
        for key in self._by_key:
            newest = self.good(*key)
            yield from (one for one in self.of(*key) if one.good and one != newest)

    def damaged_of(self, instance: str) -> tuple[Damaged, ...]:
        """The receipts of an instance that cannot be read."""
        return tuple(one for one in self.damaged if one.receipt.instance == instance)

    def content(self, receipt: Receipt) -> dict[str, Any]:
        """What the receipt records; nothing if another run has just replaced it.

        Raises
        ------
        DamagedReceipt
            It cannot be read.
        """
        try:
            return read_content(self.folder / receipt.name)
        except FileNotFoundError:
            return {}

    def other(self, instance: str, product: str, state: str) -> list[Receipt]:
        """Receipts without a product: kept or failed."""
        return [receipt for receipt in self.of(instance, product) if receipt.state == state]

    def without(self, receipt: Receipt, reason: str) -> DayReceipts:
        """The receipts, of which one turned out to be damaged."""
        damaged = Damaged(receipt, self.folder / receipt.name, reason)
        others = tuple(one for one in self.all if one != receipt)
        return DayReceipts(self.folder, others, (*self.damaged, damaged))

    def read(self) -> DayReceipts:
        """The receipts, with the content of each read: what is damaged is not among them."""
        found = self
        for receipt in self.all:
            try:
                status = os.stat(self.folder / receipt.name)
            except OSError:  # removed meanwhile
                continue
            reason = _damage(
                self.folder / receipt.name, status.st_ino, status.st_mtime_ns, status.st_size
            )
            if reason:
                found = found.without(receipt, reason)
        return found


@functools.lru_cache(maxsize=1 << 16)
def _damage(path: Path, inode: int, mtime_ns: int, size: int) -> str:
    """Why a receipt cannot be read, "" if it can be; looked at again only when it changes."""
    try:
        read_content(path)
    except FileNotFoundError:
        pass
    except DamagedReceipt as error:
        return error.reason
    return ""


def _day(folder: Path, entries: list[tuple[str, str]]) -> DayReceipts:
    """The receipts among the files of a folder: their names, and why they cannot be receipts."""
    good, damaged = [], []
    for name, reason in sorted(entries):
        receipt = Receipt.parse(name)
        if receipt is None:
            continue
        if reason:
            damaged.append(Damaged(receipt, folder / name, reason))
        else:
            good.append(receipt)
    return DayReceipts(folder, tuple(good), tuple(damaged))


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """A folder, open: names in it are looked up there, not from the root of the file system."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield handle
    finally:
        os.close(handle)


class Receipts:
    """The receipts of an archive."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, date: dt.date) -> Path:
        return layout.path(self.root, layout.RECEIPTS, date)

    def day(self, date: dt.date) -> DayReceipts:
        """The receipts of a day, by one listing of its month."""
        return self.days([date])[date]

    def days(self, dates: Iterable[dt.date]) -> dict[dt.date, DayReceipts]:
        """The receipts of many days, by one listing a month: names, and whether these are of files
        that are not empty. No receipt is read.
        """
        wanted = sorted(set(dates))
        entries: dict[str, list[tuple[str, str]]] = {str(date): [] for date in wanted}
        folders = {(date.year, date.month): self.folder(date) for date in wanted}
        for folder in folders.values():
            try:
                with _opened(folder) as handle:
                    for name in os.listdir(handle):
                        if (of_day := entries.get(name[:10])) is not None:
                            try:
                                status = os.stat(name, dir_fd=handle, follow_symlinks=False)
                            except OSError:  # removed meanwhile
                                continue
                            of_day.append((name, what_it_is(status)))
            except (FileNotFoundError, NotADirectoryError):
                continue
        return {date: _day(folders[date.year, date.month], entries[str(date)]) for date in wanted}

    def read_days(self, dates: Iterable[dt.date]) -> dict[dt.date, DayReceipts]:
        """The receipts of days, with the content of each read: for runs, which make again what a
        damaged receipt is of.
        """
        return {date: day.read() for date, day in self.days(dates).items()}

    def write(self, receipt: Receipt, content: Mapping[str, Any]) -> Path:
        """Write a receipt, then remove those of the same product that it replaces.

        A good receipt replaces all others of its product, a kept one those that are kept or failed,
        a failed one the failed.
        """
        path = self.folder(receipt.date) / receipt.name
        before = self.day(receipt.date)
        files.write_text(
            path,
            with_checksum(content),
            over_folder=True,
        )
        for old in before.all:
            replaced = (
                receipt.good
                or old.state == ReceiptState.FAILED
                or old.state == receipt.state == ReceiptState.KEPT
            )
            if old.key == receipt.key and old.name != receipt.name and replaced:
                (path.parent / old.name).unlink(missing_ok=True)
        for damaged in before.damaged:
            is_of_it = damaged.receipt.key == receipt.key and damaged.path != path
            if is_of_it and (receipt.good or not damaged.receipt.good):
                files.remove(damaged.path)
        return path

    def remove(self, date: dt.date, instance: str, product: str, *states: str) -> int:
        """Remove a product's receipts (only those of `states`, when given); returns how many there
        were.
        """
        day = self.day(date)
        wanted = [
            receipt
            for receipt in (*day.all, *(one.receipt for one in day.damaged))
            if receipt.key == (instance, product) and (not states or receipt.state in states)
        ]
        for receipt in wanted:
            files.remove(day.folder / receipt.name)
        return len(wanted)
