"""What `invalidate` puts aside of a day: its receipts and its raw data, until it is built anew; and
`mark-empty` after it: the files that were made of them.

    aside/2018/2018-01-28/cscratch/                          receipts, under their names
                                   raw/cscratch.<fingerprint>/
                                   files/cscratch.hdf5

Everything is moved within the archive's file system, one name at a time. A command that is killed
leaves the rest where it was, and the same command again goes on.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
from collections.abc import Collection
from pathlib import Path

from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.store import files, layout
from archive_tools.store.receipt_content import DamagedReceipt
from archive_tools.store.receipts import DayReceipts, Receipt, Receipts
from archive_tools.store.status import FILES

RAW = "raw"
"""Folder of the raw data that are put aside."""
MADE = "files"
"""Folder of the products that are put aside."""


def _folder(root: Path, date: dt.date, instance: str) -> Path:
    return layout.path(root, layout.ASIDE, date, instance)


def _receipts_in(folder: Path) -> list[Receipt]:
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    return [receipt for name in names if (receipt := Receipt.parse(name))]


def days_aside(root: Path) -> set[tuple[dt.date, str]]:
    """Days and instances of which something is put aside."""
    found = set()
    for folder in root.glob("aside/[0-9]*/*-*-*/*"):
        with contextlib.suppress(ValueError):  # not ours
            found.add((dt.date.fromisoformat(folder.parent.name), folder.name))
    return found


def has_raw(root: Path, date: dt.date, instance: str) -> bool:
    """Whether raw data of the day are put aside, with their receipt."""
    folder = _folder(root, date, instance)
    return any(
        receipt.product == Product.RAW
        and receipt.good
        and (folder / RAW / f"{instance}.{receipt.fingerprint}").is_dir()
        for receipt in _receipts_in(folder)
    )


def put_aside(root: Path, date: dt.date, instance: str, products: Collection[str]) -> list[Receipt]:
    """Put aside all receipts of a day's products, and the raw data; the archive then knows nothing
    of them.

    Of a product of which a good receipt is aside already, because no run succeeded since, that one
    is kept and the newer removed.

    Returns
    -------
    list of Receipt
        Those that were there.
    """
    day, folder = Receipts(root).day(date).read(), _folder(root, date, instance)
    found = [one for product in products for one in day.of(instance, product)]
    for damaged in day.damaged_of(instance):
        files.remove(damaged.path)
    earlier = {receipt.product for receipt in _receipts_in(folder) if receipt.good}
    for receipt in sorted(found, key=lambda receipt: receipt.product != Product.RAW):
        if receipt.product in earlier:
            (day.folder / receipt.name).unlink(missing_ok=True)
            continue
        folder.mkdir(parents=True, exist_ok=True)
        if receipt.product == Product.RAW and receipt.good:
            for name in (receipt.fingerprint, layout.REDUCED):
                raw = layout.path(root, layout.RAW, date, instance, name)
                if raw.is_dir():
                    (folder / RAW).mkdir(exist_ok=True)
                    _move(raw, folder / RAW / raw.name)
        _move(day.folder / receipt.name, folder / receipt.name)
    return found


def put_products_aside(root: Path, date: dt.date, instance: str) -> None:
    """Put aside the files of a day without receipts: no reader takes them for the day's."""
    for template in FILES.values():
        path = layout.path(root, template, date, instance)
        if path.is_file():
            folder = _folder(root, date, instance) / MADE
            folder.mkdir(parents=True, exist_ok=True)
            _move(path, folder / path.name)


def take_back(root: Path, date: dt.date, instance: str) -> list[Receipt]:
    """Give a day back what was put aside: it is again what it was. A product that a run replaced
    meanwhile is not taken for the old one.

    Returns
    -------
    list of Receipt
        Those that are there again.
    """
    receipts, folder = Receipts(root), _folder(root, date, instance)
    for template in FILES.values():
        path = layout.path(root, template, date, instance)
        if (folder / MADE / path.name).is_file() and not path.exists():
            _move(folder / MADE / path.name, path)
    found = [one for one in _receipts_in(folder) if _is_as_then(root, folder, one)]
    _raw_data_back(root, date, folder)
    for receipt in receipts.day(date).all:
        if receipt.instance == instance and receipt.state == ReceiptState.FAILED:
            receipts.remove(date, instance, receipt.product, ReceiptState.FAILED)
    for product in dict.fromkeys(receipt.product for receipt in found):
        receipts.remove(date, instance, product)
    receipts.folder(date).mkdir(parents=True, exist_ok=True)
    for receipt in sorted(found, key=lambda receipt: receipt.product == Product.RAW):
        _move(folder / receipt.name, receipts.folder(date) / receipt.name)
    drop(root, date, instance)
    return found


def drop(root: Path, date: dt.date, instance: str) -> None:
    """Remove what is put aside: the day was built anew."""
    folder = _folder(root, date, instance)
    if folder.is_dir():
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # other instances are there
            folder.parent.rmdir()


def _raw_data_back(root: Path, date: dt.date, folder: Path) -> None:
    for raw in sorted((folder / RAW).glob("*.*")):
        instance, _, fingerprint = raw.name.rpartition(".")
        home = layout.path(root, layout.RAW, date, instance, fingerprint)
        with files.writable(home):
            home.parent.mkdir(parents=True, exist_ok=True)
            files.replace_folder(raw, home)


def _is_as_then(root: Path, folder: Path, receipt: Receipt) -> bool:
    """Whether the file that a receipt is of is the one that it was written for, by its size."""
    if not receipt.good or receipt.product not in FILES:
        return True
    path = layout.path(root, FILES[receipt.product], receipt.date, receipt.instance)
    try:
        size = DayReceipts(folder, ()).content(receipt).get("bytes")
        return size is None or path.stat().st_size == size
    except (FileNotFoundError, DamagedReceipt):
        return False


def _move(old: Path, new: Path) -> None:
    with files.writable(new):
        os.replace(old, new)
