"""Raw data: kept for some days, and as long as a product that shall be made from them is not
there.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from archive_tools.core.vocabulary import Product
from archive_tools.schemas import BUILD_VERSION
from archive_tools.store import files, lock
from archive_tools.store.receipts import DayReceipts, Receipts, follows
from pipeline.site import Site
from pipeline.sources import registry as sources

log = logging.getLogger("tokio")


def prune(site: Site) -> int:
    """Remove raw data that are older than `raw_days` and whose products are all there, of this
    version and made from them.

    A folder is renamed before it is removed: whatever instant the process dies, no raw folder lacks
    files. Days that another run holds, and instances that site.json does not know any more, are
    left alone.

    Returns
    -------
    int
        How many folders were removed.
    """
    removed = 0
    for date, instance, folder in list(_old(site)):
        with lock.free(site.root, [date], patience=0) as held:
            if (
                held
                and instance in site.sources
                and _is_made(site, Receipts(site.root).day(date).read(), instance, folder)
            ):
                try:
                    files.remove(folder)
                except OSError as error:
                    log.warning("%s cannot be removed: %s", folder, error.strerror)
                    continue
                removed += 1
                log.info("day=%s instance=%s product=raw state=pruned", date, instance)
    files.sweep({left.parent for left in (site.root / "raw").glob("[0-9]*/*-*-*/.*.tmp")})
    return removed


def _old(site: Site) -> Iterator[tuple[dt.date, str, Path]]:
    """Raw folders that were fetched more than `raw_days` ago."""
    for folder in (site.root / "raw").glob("[0-9]*/*-*-*/[!.]*.*"):
        try:
            date = dt.date.fromisoformat(folder.parent.name)
        except ValueError:  # not ours
            continue
        with contextlib.suppress(FileNotFoundError):  # another run removed it
            if time.time() - folder.stat().st_mtime <= site.raw_days * 86400:
                continue
            yield date, folder.name.partition(".")[0], folder


def _is_made(site: Site, day: DayReceipts, instance: str, folder: Path) -> bool:
    """Whether all products of an instance follow from the raw data in `folder`."""
    before = day.good(instance, Product.RAW)
    if before is None or folder.name != f"{instance}.{before.fingerprint}":
        return before is not None  # of an earlier fetch: nothing will be made from it
    for product in sources.products(site, instance):
        made = day.good(instance, product)
        if (
            made is None
            or made.version != BUILD_VERSION
            or not follows(made.fingerprint, before.fingerprint)
        ):
            return False
        before = made
    return True
