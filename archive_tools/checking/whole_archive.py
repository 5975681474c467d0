"""Whether an archive, and each file in it, is whole: rules that yield problems, one short function
each.

Nothing is changed, and no problem stops the rest. A file is held against what its format promises:
ours against `docs/format.md`, those of pytokio and pyLMT against the little that they say of
themselves. The rules of single files are in modules of their own; here are those of days, receipts
and what is left over.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive_tools.checking.alerts_rules import NAME as ALERTS
from archive_tools.checking.alerts_rules import alerts_problems
from archive_tools.checking.index_rules import check_index, check_jobs, same_jobs
from archive_tools.checking.page_rules import job_pages_problems, pages_problems
from archive_tools.checking.problems import CLOSED, Expected, Problem
from archive_tools.checking.series_files import check_series
from archive_tools.checking.stored_bytes import OF_DAY, PRODUCTS, check_bytes, stored_files
from archive_tools.checking.unfinished import Unfinished
from archive_tools.core import quantities
from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.reading.archive import Archive
from archive_tools.store import aside, files, job_page_files, layout
from archive_tools.store.receipts import DAY, DayReceipts, Receipt, Receipts

STALE_SECONDS = 3600
"""A temporary file that nobody has written to for so long is left over."""
Progress = Callable[[str], None]


@dataclass
class Looked:
    """How much was looked at so far."""

    days: int = 0
    files: int = 0


def check_file(path: Path, *, deep: bool = False) -> Iterator[Problem]:
    """Problems of one file, whatever it is: series, index or jobs."""
    rule = {".sqlite": check_index, ".db": check_index, ".parquet": check_jobs}.get(path.suffix)
    yield from rule(path) if rule else check_series(path, deep=deep)


def check_archive(
    archive: Archive,
    start: dt.date,
    stop: dt.date,
    *,
    instances: Iterable[str] = (),
    deep: bool = False,
    progress: Progress = lambda what: None,
    looked: Looked | None = None,
) -> Iterator[Problem]:
    """Problems of the days from `start` to `stop`, the last included.

    Parameters
    ----------
    archive : Archive
    start, stop : datetime.date
    instances : iterable of str
        Only these; none is all.
    deep : bool
        Also hash all files, read all values in both ways and compare them, and the numbers of
        measured cells with the receipts.
    progress : callable
        Called with what is looked at next.
    looked : Looked, optional
        Is added to.
    """
    wanted, looked = set(instances), looked or Looked()
    yield from _about(archive)
    yield from left_over(archive.root)
    try:
        found = days(archive, start, stop)
        receipts = Receipts(archive.root).read_days(found)
        if not wanted:
            yield from unknown_receipts(archive.root)
            yield from pages_problems(archive.root, deep=deep)
        put_aside = aside.days_aside(archive.root)
    except PermissionError as error:
        yield _closed(error)
        return
    unfinished = Unfinished(archive.root, put_aside)
    listed = stored_files(archive.root, receipts, wanted, deep=deep)
    for file, problem in check_bytes(listed, deep=deep, progress=progress):
        now = Receipts(archive.root).day(file.date).read()
        if now.all == receipts[file.date].all:  # else a run made it anew meanwhile
            yield unfinished.judged_file(problem, file, now)
    for date in found:
        looked.days += 1
        try:
            for instance in instances_of(archive, date, receipts[date]):
                if not wanted or instance in wanted:
                    progress(f"{date} {instance}")
                    looked.files += len(files_of(archive, date, instance))
                    for problem in settled(archive, date, instance, receipts[date], deep=deep):
                        yield unfinished.judged(problem, date, instance, receipts[date])
            if not wanted:
                yield from unknown_files(archive.root, date, receipts[date])
        except PermissionError as error:
            yield _closed(error)


def _closed(error: PermissionError) -> Problem:
    return Problem(CLOSED, str(error.filename), error.strerror or "may not be read")


def _about(archive: Archive) -> Iterator[Problem]:
    missing = [key for key in ("site", "timezone") if key not in archive.about]
    if missing:
        yield Problem(
            "archive.json",
            str(archive.root / layout.ABOUT),
            f"does not say {', '.join(missing)}: days are taken for those of {archive.timezone}",
        )


def days(archive: Archive, start: dt.date, stop: dt.date) -> list[dt.date]:
    """Days of the range that have a folder, a receipt, or a file elsewhere that belongs to the
    archive.
    """
    next(archive.root.iterdir(), None)  # what may not be read is not an archive without days
    found = {date for date, _ in layout.day_folders(archive.root)}
    with contextlib.suppress(PermissionError):  # `check_archive` reports such a folder
        found |= {
            receipt.date
            for folder in archive.root.glob("receipts/*/*")
            for receipt in map(Receipt.parse, _names(folder))
            if receipt
        }
    with contextlib.suppress(PermissionError):
        found |= {date for instance in archive.instances() for date in archive.days(instance)}
    return sorted(date for date in found if start <= date <= stop)


def _names(folder: Path) -> list[str]:
    return os.listdir(folder) if folder.is_dir() else []


def instances_of(archive: Archive, date: dt.date, receipts: DayReceipts) -> list[str]:
    """Instances for which a day has a file or a receipt; the report's is among them."""
    folder = layout.path(archive.root, layout.REPORT, date).parent
    named = {found[1] for name in _names(folder) if (found := product_of(date, name))}
    elsewhere: set[str] = set()
    with contextlib.suppress(PermissionError):  # another day may not be read
        elsewhere = {
            instance for instance in archive.instances() if archive.path(instance, date).is_file()
        }
    of_receipts = [*receipts.all, *(damaged.receipt for damaged in receipts.damaged)]
    return sorted(named | elsewhere | {receipt.instance for receipt in of_receipts})


def files_of(archive: Archive, date: dt.date, instance: str) -> list[Path]:
    """The files of an instance's products of one day that are there; what belongs to the day as a
    whole is of `DAY`.
    """
    if instance == DAY:
        there = [layout.path(archive.root, template, date) for template in OF_DAY.values()]
    else:
        there = [
            archive.path(instance, date),
            *(
                layout.path(archive.root, template, date, instance)
                for template in (layout.INDEX, layout.JOBS)
            ),
        ]
    return [path for path in there if path.is_file()]


_PRODUCT = re.compile(
    r"(?P<instance>[A-Za-z0-9][A-Za-z0-9_-]*?)(?P<end>\.hdf5|_index\.sqlite|_jobs\.parquet)"
)
_ENDS = {".hdf5": Product.TTS, "_index.sqlite": Product.INDEX, "_jobs.parquet": Product.JOBS}


def product_of(date: dt.date, name: str) -> tuple[str, str] | None:
    """Product and instance of a file in a day's folder; None if it is none of ours."""
    for product, template in OF_DAY.items():
        if name == layout.path(Path(), template, date).name:
            return product, DAY
    match = _PRODUCT.fullmatch(name)
    return (_ENDS[match["end"]], match["instance"]) if match else None


# A day of an instance


def settled(
    archive: Archive, date: dt.date, instance: str, receipts: DayReceipts, *, deep: bool
) -> list[Problem]:
    """Problems of an instance's products of one day, looked at again where a run made some of them
    meanwhile.
    """
    found = list(check_day(archive, date, instance, receipts, deep=deep))
    if found:
        now = Receipts(archive.root).day(date).read()
        if now.all != receipts.all:
            found = list(check_day(archive, date, instance, now, deep=deep))
    return found


def check_day(
    archive: Archive, date: dt.date, instance: str, receipts: DayReceipts, *, deep: bool
) -> Iterator[Problem]:
    """Problems of an instance's products of one day."""
    yield from failures(receipts, instance)
    yield from lacking_files(archive.root, date, instance, receipts)
    yield from lacking_receipts(archive.root, date, instance, receipts)
    path = archive.path(instance, date)
    own = path == layout.path(archive.root, layout.TTS, date, instance)
    if path.is_file():
        expected = (
            Expected(
                date, archive.timezone, instance, _measured(receipts, instance) if deep else {}
            )
            if own
            else None
        )
        yield from check_series(path, expected, deep=deep)
    index, jobs = (
        layout.path(archive.root, template, date, instance)
        for template in (layout.INDEX, layout.JOBS)
    )
    if index.is_file():
        yield from check_index(index, path if path.is_file() else None)
    if jobs.is_file():
        yield from check_jobs(jobs)
    if index.is_file() and jobs.is_file():
        yield from same_jobs(jobs, index)


def _measured(receipts: DayReceipts, instance: str) -> dict[str, int]:
    """Measured cells of each dataset, as the receipt records them."""
    quality = _content(receipts, receipts.good(instance, Product.TTS)).get("quality", {})
    return {str(name): int(reported["measured"]) for name, reported in quality.items()}


def _content(receipts: DayReceipts, receipt: Receipt | None) -> dict[str, Any]:
    try:
        return receipts.content(receipt) if receipt else {}
    except (ValueError, OSError):
        return {}


def failures(receipts: DayReceipts, instance: str) -> Iterator[Problem]:
    """Receipts that say that the last try failed, that cannot be read, or that have a newer one."""
    for damaged in receipts.damaged_of(instance):
        yield Problem("receipt", str(damaged.path), f"cannot be read: {damaged.reason}")
    for receipt in receipts.superseded():
        if receipt.instance == instance:
            place = str(receipts.folder / receipt.name)
            yield Problem("receipt", place, "the product has a newer one", is_note=True)
    for receipt in receipts.all:
        if receipt.instance == instance and receipt.state == ReceiptState.FAILED:
            error = _content(receipts, receipt).get("error", "the last try failed")
            yield Problem("failed", str(receipts.folder / receipt.name), str(error))


def lacking_files(
    root: Path, date: dt.date, instance: str, receipts: DayReceipts
) -> Iterator[Problem]:
    """Good receipts of products that are not there."""
    for receipt in receipts.all:
        if receipt.instance == instance and receipt.good and receipt.product in PRODUCTS:
            path = layout.path(root, PRODUCTS[receipt.product], date, instance)
            if not path.is_file():
                yield Problem(
                    "no file", str(path), f"receipt {receipt.name} says that it is {receipt.state}"
                )


def lacking_receipts(
    root: Path, date: dt.date, instance: str, receipts: DayReceipts
) -> Iterator[Problem]:
    """Products without a good receipt, or a damaged one."""
    damaged = {one.receipt.product for one in receipts.damaged_of(instance)}
    for product, template in PRODUCTS.items():
        path = layout.path(root, template, date, instance)
        if (
            product not in damaged
            and (product in OF_DAY) == (instance == DAY)
            and path.is_file()
            and receipts.good(instance, product) is None
        ):
            yield Problem(
                "no receipt", str(path), f"no receipt of {date} says that it is complete or partial"
            )


def unknown_files(root: Path, date: dt.date, receipts: DayReceipts) -> Iterator[Problem]:
    """What is in a day's folder and is neither a product nor its alerts; temporary files are
    reported by `left_over`."""
    folder = layout.path(root, layout.REPORT, date).parent
    for name in sorted(_names(folder)):
        if name == ALERTS:
            yield from alerts_problems(folder / name, date)
        elif name == job_page_files.FOLDER and (folder / name).is_dir():
            yield from job_pages_problems(
                folder / name, receipts.good(DAY, Product.REPORT), receipts
            )
        elif product_of(date, name) is None and not name.endswith(files.TEMPORARY):
            yield Problem("unknown file", str(folder / name), "is not a product of the pipeline")


def unknown_receipts(root: Path) -> Iterator[Problem]:
    """What is in the folders of receipts and has not the name of one."""
    for folder in sorted(root.glob("receipts/[0-9]*/*")):
        for name in sorted(_names(folder)):
            if Receipt.parse(name) is None and not name.endswith(files.TEMPORARY):
                yield Problem("unknown file", str(folder / name), "is not a receipt")


def left_over(root: Path, now: float | None = None) -> Iterator[Problem]:
    """Temporary files that nobody writes to any more."""
    for path in sorted(root.rglob(f".*{files.TEMPORARY}")):
        try:
            age = (time.time() if now is None else now) - path.stat().st_mtime
        except FileNotFoundError:
            continue
        if age > STALE_SECONDS:
            yield Problem(
                "left over",
                str(path),
                f"temporary, last written {quantities.rounded_duration(age)} ago: the next run of"
                " the day removes it",
                is_note=True,
            )
