"""Whether files have the bytes that their receipts say: products, and raw data that are kept.

Files are hashed side by side, as fast as the disk gives them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive_tools.checking.problems import Problem
from archive_tools.core import quantities, threads
from archive_tools.core.vocabulary import Product
from archive_tools.store import digest, job_page_files, layout
from archive_tools.store.receipts import DayReceipts
from archive_tools.store.status import FILES

OF_DAY: dict[str, str] = {Product.REPORT: layout.REPORT, Product.FIGURES: layout.FIGURES}
"""Where what belongs to the day as a whole is."""
PRODUCTS: dict[str, str] = FILES | OF_DAY
HINT = "tokio-pipeline rebuild makes it again where raw data are kept, else invalidate"
RAW_HINT = (
    "nothing is made from it; tokio-pipeline invalidate and nightly fetch it again, while the"
    " source has it"
)


@dataclass(frozen=True)
class StoredFile:
    """A file, and what a receipt says of it.

    Attributes
    ----------
    date : datetime.date
    instance : str
    path : pathlib.Path
    facts : mapping
        ``bytes`` and ``sha256``, as far as the receipt has them.
    product : str
    is_job_page : bool
        One of the files that the receipt of the day's page is also of.
    """

    date: dt.date
    instance: str
    path: Path
    facts: Mapping[str, Any]
    product: str
    is_job_page: bool = False

    def problem(self, *, deep: bool) -> Problem | None:
        """What is wrong with it; what is not there or may not be read is reported elsewhere, but
        for raw data and pages of jobs.
        """
        try:
            is_raw = self.product == Product.RAW
            is_elsewhere = not is_raw and not self.is_job_page
            if is_elsewhere and not self.path.is_file():
                return None
            why = digest.damage(self.path, self.facts, deep=deep)
        except PermissionError:
            return None
        to_do = RAW_HINT if is_raw else HINT
        kind = "raw data" if is_raw else "bytes"
        return Problem(kind, str(self.path), f"{why}: {to_do}") if why else None


def stored_files(
    root: Path,
    days: Mapping[dt.date, DayReceipts],
    instances: Collection[str] = (),
    *,
    deep: bool = False,
) -> Iterator[StoredFile]:
    """The files that good receipts are of; raw data only with `deep`.

    Parameters
    ----------
    root : pathlib.Path
    days : mapping
    instances : collection of str
        Only these; none is all.
    deep : bool
    """
    for date, day in days.items():
        for instance, product in dict.fromkeys(receipt.key for receipt in day.all):
            receipt = day.good(instance, product)
            if receipt is None or (instances and instance not in instances):
                continue
            if product in PRODUCTS:
                path = layout.path(root, PRODUCTS[product], date, instance)
                content = day.content(receipt)
                yield StoredFile(date, instance, path, content, product)
                if product == Product.REPORT:
                    folder = layout.path(root, layout.JOB_PAGES, date)
                    for name, facts in job_page_files.in_receipt(content).items():
                        yield StoredFile(
                            date, instance, folder / name, facts, product, is_job_page=True
                        )
            elif product == Product.RAW and deep:
                folder = layout.path(root, layout.RAW, date, instance, receipt.fingerprint)
                if folder.is_dir():
                    listed = day.content(receipt).get("files", {})
                    for name, facts in digest.facts_of_raw(listed).items():
                        yield StoredFile(date, instance, folder / name, facts, product)


def check_bytes(
    files: Iterator[StoredFile],
    *,
    deep: bool,
    progress: Callable[[str], None] = lambda what: None,
) -> Iterator[tuple[StoredFile, Problem]]:
    """The files whose bytes are not those of their receipts; with `deep` they are hashed."""
    done = 0

    def looked(file: StoredFile) -> tuple[StoredFile, Problem | None]:
        return file, file.problem(deep=deep)

    for file, problem in threads.in_order(looked, files) if deep else map(looked, files):
        done += int(file.facts.get("bytes", 0))
        if deep:
            progress(f"{file.date} {file.instance}: bytes, {quantities.quantity(done, 'bytes')}")
        if problem:
            yield file, problem
