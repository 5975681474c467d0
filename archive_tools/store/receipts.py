"""Receipts: one small JSON file for each product, whose name alone says what is complete.

    receipts/2018/01/2018-01-28.cscratch.tts.v1.3f2a9c1d7e4b5a60.complete.json

A product is complete when its receipt says so for this version and this fingerprint of the inputs.
One listing of a month's folder answers for the month; no product is opened. The content has the
rest: inputs, counts, findings, durations.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from archive_tools.core.vocabulary import ReceiptState
from archive_tools.store import files, layout

_NAME = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})\.(?P<instance>[A-Za-z0-9_-]+)\.(?P<product>[a-z]+)"
    r"\.v(?P<version>\d+)\.(?P<fingerprint>[0-9a-f]{16})"
    rf"\.(?P<state>{'|'.join(ReceiptState)})(?P<percent>\d{{0,3}})\.json"
)


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
        """The receipt of that file name; None for any other file."""
        match = _NAME.fullmatch(name)
        if not match:
            return None
        percent = int(match["percent"]) if match["percent"] else 100
        return cls(
            dt.date.fromisoformat(match["date"]),
            match["instance"],
            match["product"],
            int(match["version"]),
            match["fingerprint"],
            ReceiptState(match["state"]),
            percent,
        )


@dataclass(frozen=True)
class DayReceipts:
    """The receipts of one day."""

    folder: Path
    all: tuple[Receipt, ...]

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
            found.sort(key=lambda receipt: os.stat(self.folder / receipt.name).st_mtime_ns)
        return found[-1] if found else None

    def other(self, instance: str, product: str, state: str) -> list[Receipt]:
        """Receipts without a product: kept or failed."""
        return [receipt for receipt in self.of(instance, product) if receipt.state == state]

    def content(self, receipt: Receipt) -> dict[str, Any]:
        """What the receipt records; nothing if another run has just replaced it."""
        try:
            with open(f"{self.folder}/{receipt.name}", encoding="utf-8") as file:
                return dict(json.load(file))
        except FileNotFoundError:
            return {}


def _parsed(names: list[str]) -> tuple[Receipt, ...]:
    return tuple(receipt for name in sorted(names) if (receipt := Receipt.parse(name)))


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
        """The receipts of many days, by one listing a month."""
        wanted = sorted(set(dates))
        names: dict[str, list[str]] = {str(date): [] for date in wanted}
        folders = {(date.year, date.month): self.folder(date) for date in wanted}
        for folder in folders.values():
            try:
                there = os.listdir(folder)
            except FileNotFoundError:
                continue
            for name in there:
                if (of_day := names.get(name[:10])) is not None:
                    of_day.append(name)
        return {
            date: DayReceipts(folders[date.year, date.month], _parsed(names[str(date)]))
            for date in wanted
        }

    def write(self, receipt: Receipt, content: Mapping[str, Any]) -> Path:
        """Write a receipt, then remove those of the same product that it replaces.

        A good receipt replaces all others of its product, a kept one those that are kept or failed,
        a failed one the failed.
        """
        path = self.folder(receipt.date) / receipt.name
        before = self.day(receipt.date)
        files.write_text(
            path,
            json.dumps(content, indent=1, sort_keys=True, ensure_ascii=True, default=str) + "\n",
        )
        for old in before.all:
            replaced = (
                receipt.good
                or old.state == ReceiptState.FAILED
                or old.state == receipt.state == ReceiptState.KEPT
            )
            if old.key == receipt.key and old.name != receipt.name and replaced:
                (path.parent / old.name).unlink(missing_ok=True)
        return path

    def remove(self, date: dt.date, instance: str, product: str, *states: str) -> int:
        """Remove a product's receipts (only those of `states`, when given); returns how many there
        were.
        """
        day = self.day(date)
        wanted = [
            receipt
            for receipt in day.all
            if receipt.key == (instance, product) and (not states or receipt.state in states)
        ]
        for receipt in wanted:
            (day.folder / receipt.name).unlink(missing_ok=True)
        return len(wanted)
