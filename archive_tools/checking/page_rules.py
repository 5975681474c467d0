"""Whether the pages above the days, and the scripts of all, are those that the last run wrote."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from archive_tools.checking.problems import Problem
from archive_tools.store import digest, files, job_page_files, layout
from archive_tools.store.receipts import DayReceipts, Receipt

PAGE = re.compile(r"index\.html|\d{4}/\d{4}-\d{2}\.html|assets/\w[\w.-]*", re.ASCII)
NEXT_RUN = "the next nightly run writes it again"


def pages_problems(root: Path, *, deep: bool) -> Iterator[Problem]:
    """Pages that are not there or have other bytes. What the next run sees is a note; it looks at
    sizes alone.
    """
    path = root / layout.PAGES
    try:
        known = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError, RecursionError):
        known = None
    if not isinstance(known, dict):
        yield Problem("damaged", str(path), f"it is not a list of pages: {NEXT_RUN}", is_note=True)
        return
    for name, facts in known.items():
        if not PAGE.fullmatch(name) or not isinstance(facts, dict):
            continue
        if why := digest.damage(root / name, facts, deep=False):
            yield Problem("bytes", str(root / name), f"{why}: {NEXT_RUN}", is_note=True)
        elif deep and (why := digest.damage(root / name, facts)):
            what = f"{why}: tokio-pipeline rebuild of any day writes it again"
            yield Problem("bytes", str(root / name), what)


def job_pages_problems(
    folder: Path, receipt: Receipt | None, receipts: DayReceipts
) -> Iterator[Problem]:
    """What is among the pages of a day's jobs, and is none of those of the receipt."""
    known = job_page_files.in_receipt(receipts.content(receipt)) if receipt else {}
    for name in sorted(os.listdir(folder)):
        if name in known or name.endswith(files.TEMPORARY):
            continue
        if job_page_files.NAME.fullmatch(name):
            if receipt is None:  # a run of the day is not over, which is said of the day's page
                continue
            what = "no receipt has it: the next run that writes the day's page removes it"
            yield Problem("no receipt", str(folder / name), what, is_note=True)
        else:
            yield Problem("unknown file", str(folder / name), "is not a page of a job")
