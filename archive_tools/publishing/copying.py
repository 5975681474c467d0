"""A copy of an archive for others, file by file: each appears whole, a copy that was interrupted
goes on, and what is there already is left alone.

What the original has of a day is written where the copy has nothing of it, or something else; its
receipt comes after it. A file with anything that is not known is refused by name, and the rest goes
on. Raw data, what was put aside, reports, and receipts without a file are not copied.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archive_tools.checking.whole_archive import product_of
from archive_tools.core.errors import ArchiveError, BadArgument, TokioError
from archive_tools.core.vocabulary import Product
from archive_tools.formats.jobs_file import write_jobs
from archive_tools.formats.records_file import kind_of_records
from archive_tools.publishing import facts, products, records
from archive_tools.publishing.columns import refused
from archive_tools.publishing.names import Names
from archive_tools.store import files, job_page_files, layout
from archive_tools.store.receipts import DAY, DayReceipts, Receipt, Receipts
from archive_tools.store.status import FILES

TRIES = 3
"""How often a day is begun again that a nightly run makes anew meanwhile."""
ORDER = (Product.TTS, Product.INDEX, Product.JOBS)
"""The table of jobs is made from the published index."""
Progress = Callable[[str], None]


@dataclass
class Copied:
    """What became of the files.

    Attributes
    ----------
    written, current : int
        Written now; there already, of the same original.
    refused : list of str
        Why each of the others is not there.
    """

    written: int = 0
    current: int = 0
    refused: list[str] = field(default_factory=list)


def check_places(root: Path, out: Path, key: Path) -> None:
    """Refuse an archive within the copy, a copy within the archive, and a key in either's hands.

    Raises
    ------
    BadArgument
        Says which.
    """
    old, new, secret = (path.resolve() for path in (root, out, key))
    if new.is_relative_to(old) or old.is_relative_to(new):
        raise BadArgument(
            f"{out} and the archive {root} are within each other",
            hint="publish into a folder elsewhere",
        )
    if secret.is_relative_to(new):
        raise BadArgument(f"the key {key} would be published with {out}", hint="keep it elsewhere")


def publish(
    root: Path,
    about: dict[str, Any],
    out: Path,
    names: Names,
    start: dt.date,
    stop: dt.date,
    *,
    site: str = "",
    progress: Progress = lambda what: None,
) -> Copied:
    """Write what is known of the days from `start` to `stop`, the last included.

    Parameters
    ----------
    root : pathlib.Path
        The archive.
    about : dict
        Its `archive.json`.
    out : pathlib.Path
        The copy: a folder of an earlier call with the same key, an empty one, or none yet.
    names : Names
    start, stop : datetime.date
    site : str
        The site's name in the copy; its hash unless given.
    progress : callable
        Called with what is looked at next.

    Raises
    ------
    BadArgument
        `out` is another archive, or was made with another key.
    """
    site = site or names.hashed("site", str(about.get("site", "")))
    _check_out(out, names)
    files.sweep([out])  # names of left temporary files have that of this host
    content = facts.published_about(root, about, names, site)
    text = json.dumps(content, indent=1) + "\n"
    if not (out / layout.ABOUT).is_file() or (out / layout.ABOUT).read_text("utf-8") != text:
        files.write_text(out / layout.ABOUT, text)
    copied = Copied()
    for date, folder in layout.day_folders(root):
        if start <= date <= stop:
            progress(str(date))
            _publish_day(_Day(root, out, date, names, site), folder, copied)
    return copied


def _check_out(out: Path, names: Names) -> None:
    if out.exists() and not out.is_dir():
        raise BadArgument(f"{out} is not a folder")
    if not out.exists() or not any(out.iterdir()):
        return
    try:
        about = json.loads((out / layout.ABOUT).read_text("utf-8"))
        key = about["published"]["key"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadArgument(
            f"{out} holds other things than a published copy", hint="name an empty folder"
        ) from None
    if key != names.key_id:
        raise BadArgument(
            f"{out} was made with another key, or with other names hashed",
            hint="name the key and the options of then, or another folder",
        )


@dataclass(frozen=True)
class _Day:
    """One day of both archives."""

    root: Path
    out: Path
    date: dt.date
    names: Names
    site: str

    def receipts(self) -> DayReceipts:
        return Receipts(self.root).day(self.date)

    def source(self, product: str, instance: str) -> Path:
        return layout.path(self.root, FILES[product], self.date, instance)

    def target(self, product: str, instance: str) -> Path:
        return layout.path(self.out, FILES[product], self.date, self.names.instance(instance))


def _publish_day(day: _Day, folder: Path, copied: Copied) -> None:
    files.sweep([layout.path(day.out, layout.REPORT, day.date).parent])
    files.sweep([Receipts(day.out).folder(day.date)])
    found: dict[str, set[str]] = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(files.TEMPORARY) or name == layout.ALERTS.rpartition("/")[2]:
            continue  # alerts name users and targets
        if name == job_page_files.FOLDER:
            continue  # as all pages
        known = product_of(day.date, name)
        if known is None:
            copied.refused.append(str(refused(folder / name, "it is not a product that is known")))
        elif known[1] != DAY:
            found.setdefault(known[1], set()).add(known[0])
    for instance, there in sorted(found.items()):
        for _ in range(TRIES):
            before = day.receipts().all
            done = Copied()
            for product in ORDER:
                if product in there:
                    _publish_file(day, instance, product, done)
            if day.receipts().all == before:
                break
        copied.written += done.written
        copied.current += done.current
        copied.refused += done.refused


def _publish_file(day: _Day, instance: str, product: str, done: Copied) -> None:
    """Write one file and its receipt, unless they are there."""
    source, target = day.source(product, instance), day.target(product, instance)
    receipts = day.receipts()
    receipt = receipts.good(instance, product)
    if receipt is None:
        done.refused.append(str(refused(source, "no receipt says that it is complete or partial")))
        return
    new = facts.published_receipt(receipt, day.names)
    if _is_current(day, new, target):
        done.current += 1
        return
    try:
        with files.replacing(target) as temporary:
            _make(day, instance, product, source, temporary)
            size = temporary.stat().st_size
        content = facts.receipt_content(receipts.content(receipt), size)
        Receipts(day.out).write(new, content)
        done.written += 1
    except ArchiveError:
        raise  # the copy cannot be written
    except (TokioError, sqlite3.Error, OSError, ValueError, LookupError, RuntimeError) as error:
        text = str(error) if isinstance(error, TokioError) else str(refused(source, str(error)))
        done.refused.append(text)


def _make(day: _Day, instance: str, product: str, source: Path, target: Path) -> None:
    if product == Product.TTS:
        products.publish_series(source, target, day.names, day.site)
    elif product == Product.INDEX:
        products.publish_index(source, target, day.names)
    elif kind_of_records(source):
        records.publish_records(source, target, day.names, str(day.date))
    else:
        index = day.target(Product.INDEX, instance)
        if not index.is_file():
            raise refused(source, "the index that it is made from is not published")
        write_jobs(index, target, str(day.date))


def _is_current(day: _Day, receipt: Receipt, target: Path) -> bool:
    """Whether the copy has a file, whole, that was made from the present original."""
    there = Receipts(day.out).day(day.date)
    if receipt not in there.all or not target.is_file():
        return False
    return bool(there.content(receipt).get("bytes") == target.stat().st_size)
