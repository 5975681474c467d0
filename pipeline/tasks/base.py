"""What all tasks share: one task, one product, complete when its receipt says so.

A task decides from the names of the receipts; only `Fetch` looks at the inputs themselves. Every task is safe
to run twice, at the same time, anywhere: it checks again before it works, writes under a unique name and
replaces. A failure leaves a receipt that says why, and the product that was there.
"""

from __future__ import annotations

import datetime as dt
import functools
import logging
import platform
import time
import traceback
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

import luigi

from archive_tools import files
from archive_tools.receipts import COMPLETE, FAILED, KEPT, DayReceipts, Receipt, Receipts
from pipeline import site as sites
from pipeline import sources
from pipeline.errors import TokioError
from pipeline.model import Day, Findings
from pipeline.schemas import BUILD_VERSION

log = logging.getLogger("tokio")
NO_FINGERPRINT = "0" * 16


@functools.lru_cache(maxsize=8)
def _site(path: str, mtime_ns: int) -> sites.Site:
    return sites.load(path)


def load_site(given: str) -> sites.Site:
    """The site file, read again only when it changed."""
    path = sites.find(given)
    return _site(str(path), path.stat().st_mtime_ns)


def software() -> str:
    """Name and version of this software."""
    try:
        return f"tokio-archive {version('tokio-archive')}"
    except PackageNotFoundError:
        return "tokio-archive (not installed)"


class Product(luigi.Target):
    """A file of the archive; it exists when its task says that it is complete."""

    def __init__(self, path: Path, task: ArchiveTask) -> None:
        self.path = path
        self._task = task

    def exists(self) -> bool:
        return self._task.complete()


class ArchiveTask(luigi.Task):
    """One product of one day and instance.

    Parameters
    ----------
    date : datetime.date
        Day of the site.
    instance : str
        Name in site.json's `sources`.
    site : str
        Site file; "" means TOKIO_SITE or ./site.json.
    """

    date: dt.date = luigi.DateParameter()
    instance: str = luigi.Parameter()
    site: str = luigi.Parameter(default="")

    product: ClassVar[str]
    version: ClassVar[int] = BUILD_VERSION

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self.findings = Findings()

    # What a task says

    def needs(self) -> list[ArchiveTask]:
        """The tasks whose products this one is made from."""
        return []

    def path(self) -> Path:
        """Where the product is."""
        raise NotImplementedError

    def fingerprint(self) -> str | None:
        """Of what the product is made from; None while that is not complete."""
        raise NotImplementedError

    def make(self, temporary: Path) -> dict[str, Any]:
        """Write the product to `temporary`; returns what the receipt shall tell: `counts`, `inputs`, ..."""
        raise NotImplementedError

    # What follows from it

    @property
    def config(self) -> sites.Site:
        return load_site(self.site)

    @property
    def options(self) -> Any:
        return sources.options(self.config, self.instance)

    @property
    def source(self) -> Any:
        return sources.find(self.options.kind)

    @property
    def day(self) -> Day:
        return self.config.day(self.date)

    @property
    def receipts(self) -> Receipts:
        return Receipts(self.config.root)

    def standing(self) -> DayReceipts:
        """The day's receipts, as they are now."""
        return self.receipts.day(self.date)

    def raw(self) -> Receipt | None:
        """Receipt of the raw data that products are made from."""
        return self.standing().good(self.instance, "raw")

    def requires(self) -> list[ArchiveTask]:
        return self.needs()

    def output(self) -> Product:
        return Product(self.path(), self)

    def up_to_date(self) -> bool:
        """Whether the product is there, of this version and of what it is made from now."""
        receipt = self.standing().good(self.instance, self.product)
        return receipt is not None and receipt.version == self.version and receipt.fingerprint == self.fingerprint() and self.path().exists()

    def settle(self) -> None:
        """Forget failures that are over: what is complete now did not fail."""
        if self.complete():
            self.receipts.remove(self.date, self.instance, self.product, FAILED)

    def complete(self) -> bool:
        return all(task.complete() for task in self.needs()) and self.up_to_date()

    def run(self) -> None:
        if not self.complete():
            self.produce()

    def produce(self) -> None:
        """Make the product and replace what stands, then write its receipt."""
        self.findings = Findings()
        began = time.monotonic()
        fingerprint = self.fingerprint()
        if fingerprint is None:
            raise TokioError(f"{self}: what it is made from is not complete")
        with files.replacing(self.path()) as temporary:
            told = self.make(temporary)
        self.record(told, fingerprint, time.monotonic() - began)

    def record(self, told: dict[str, Any], fingerprint: str, seconds: float) -> None:
        """Write the receipt of a product that stands in the archive, and one line to the log."""
        state, percent = told.pop("state", COMPLETE), told.pop("percent", 100)
        receipt = Receipt(self.date, self.instance, self.product, self.version, fingerprint, state, percent)
        self.receipts.write(receipt, told | self._circumstances(seconds))
        self._say(state, seconds, told.get("counts", {}))

    def _say(self, state: str, seconds: float, counts: dict[str, int]) -> None:
        counted = " ".join(f"{name}={count}" for name, count in counts.items())
        log.info("%s %s %s %s %.2fs %s findings=%d", self.date, self.instance, self.product, state, seconds, counted, len(self.findings))

    def _circumstances(self, seconds: float) -> dict[str, Any]:
        return {
            "findings": [str(finding) for finding in self.findings],
            "seconds": round(seconds, 3),
            "written": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "software": software(),
            "host": platform.node(),
        }

    def on_failure(self, exception: BaseException) -> str:
        """Leave a receipt that says why; never hide the failure itself."""
        text = str(exception) if isinstance(exception, TokioError) else f"{type(exception).__name__}: {exception}"
        log.error("%s %s %s failed: %s", self.date, self.instance, self.product, text)
        content = {"error": text, "kind": type(exception).__name__, "written": dt.datetime.now(dt.UTC).isoformat(timespec="seconds")}
        if not isinstance(exception, TokioError):
            content["traceback"] = "".join(traceback.format_exception(exception))
        try:
            self.receipts.write(Receipt(self.date, self.instance, self.product, self.version, NO_FINGERPRINT, FAILED), content)
        except (OSError, TokioError) as error:
            log.error("%s %s %s: the failure could not be noted: %s", self.date, self.instance, self.product, error)
        return text


def kept(day: DayReceipts, instance: str, fingerprint: str) -> bool:
    """Whether inputs of this fingerprint were looked at and the archived ones kept."""
    return any(receipt.fingerprint == fingerprint for receipt in day.other(instance, "raw", KEPT))
