"""What all tasks share: one task, one product, complete when its receipt says so.

A task decides from the names of the receipts; only `Fetch` looks at the inputs themselves. Every
task is safe to run twice, at the same time, anywhere: it checks again before it works, writes under
a unique name and replaces. A failure leaves a receipt that says why, and the product that was
there. The work itself is in `pipeline.building`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import luigi

from archive_tools.core.day import Day
from archive_tools.core.errors import NoData, TokioError
from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.schemas import BUILD_VERSION
from archive_tools.store import digest, files
from archive_tools.store.receipts import DayReceipts, Receipt, Receipts
from pipeline.building import provenance, run_context
from pipeline.building.instance_day import InstanceDay
from pipeline.building.made import Made
from pipeline.building.site_cache import load_options, load_site
from pipeline.processes.limits import end_with_parent
from pipeline.site import Site
from pipeline.sources._shared import secrets

log = logging.getLogger("tokio")
NO_FINGERPRINT = "0" * 16


class ProductFile(luigi.Target):
    """A file of the archive; it exists when its task says that it is complete."""

    def __init__(self, path: Path, task: ArchiveTask) -> None:
        self.path = path
        self._task = task

    def exists(self) -> bool:
        """Whether the task is complete."""
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

    product: ClassVar[Product]
    version: ClassVar[int] = BUILD_VERSION

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]

    @classmethod
    @functools.cache
    def get_params(cls) -> list[tuple[str, luigi.Parameter]]:
        """As Luigi's, which looks through all attributes of the class each time, four times a
        task.
        """
        return list(super().get_params())  # type: ignore[no-untyped-call]

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

    def make(self, temporary: Path) -> Made:
        """Write the product to `temporary`."""
        raise NotImplementedError

    # What follows from it

    @property
    def config(self) -> Site:
        """The site."""
        return load_site(self.site)

    @property
    def where(self) -> InstanceDay:
        """The day and instance, with its checked keys."""
        options = load_options(self.site, self.instance)
        return InstanceDay(self.config, self.instance, self.day, options)

    @property
    def day(self) -> Day:
        """The day in the site's time zone."""
        return self.config.day(self.date)

    @property
    def receipts(self) -> Receipts:
        """The archive's receipts."""
        return Receipts(self.config.root)

    def day_receipts(self) -> DayReceipts:
        """The day's receipts, as they are now; where the run has looked at them, as they were. What
        cannot be read is not among them.
        """
        root = self.config.root
        known = run_context.current().receipts.get((root, self.date))
        return known or Receipts(root).day(self.date).read()

    def receipt(self) -> Receipt | None:
        """The receipt that says that the product is in the archive."""
        return self.day_receipts().good(self.instance, self.product)

    def raw(self) -> Receipt | None:
        """Receipt of the raw data that products are made from."""
        return self.day_receipts().good(self.instance, Product.RAW)

    def requires(self) -> list[ArchiveTask]:
        """For Luigi: the tasks that this one needs."""
        return self.needs()

    def output(self) -> ProductFile:
        """For Luigi: the product."""
        return ProductFile(self.path(), self)

    def up_to_date(self) -> bool:
        """Whether the product is there, of this version and of what it is made from now."""
        return self.is_made_of(self.fingerprint())

    def is_made_of(self, fingerprint: str | None) -> bool:
        """Whether the product is there, of this version and this fingerprint."""
        receipt = self.receipt()
        return (
            receipt is not None
            and receipt.version == self.version
            and receipt.fingerprint == fingerprint
            and not self.damage(deep=False)
        )

    def damage(self, *, deep: bool = True) -> str:
        """Why the product is not the one that its receipt is of, "" if it is, or there is none.

        Parameters
        ----------
        deep : bool
            Also hash it; else its size alone is compared.
        """
        receipt = self.receipt()
        content = self.day_receipts().content(receipt) if receipt else {}
        why = digest.damage(self.path(), content, deep=deep) if receipt else ""
        return f"{self.path()}: {why}" if why else ""

    def is_whole(self) -> bool:
        """Whether the product is the one that its receipt is of."""
        return not self.damage()

    def has_product(self) -> bool:
        """Whether the archive has the product, of whatever version and inputs."""
        return self.receipt() is not None

    def clear_old_failures(self) -> None:
        """Remove receipts of failures that are over: what is complete now, and whole, did not
        fail.
        """
        if self.complete() and self.is_whole():
            self.receipts.remove(self.date, self.instance, self.product, ReceiptState.FAILED)

    def is_marked_empty(self) -> bool:
        """Whether an operator said that the day has no data for good."""
        return bool(self.day_receipts().other(self.instance, Product.RAW, ReceiptState.EMPTY))

    def complete(self) -> bool:
        """For Luigi: whether there is nothing to do, for this task and all that it needs."""
        with self.at_one_time():
            return self.is_complete() or self.is_marked_empty()

    def has_nothing_to_do(self) -> bool:
        """Whether there is nothing to do for this task itself; that what it needs is there, Luigi
        has seen.
        """
        return self.up_to_date()

    def at_one_time(self) -> contextlib.AbstractContextManager[None]:
        """Have this day's receipts looked at once."""
        return run_context.with_receipts(self.config.root, {self.date: self.day_receipts()})

    def is_complete(self) -> bool:
        """Whether this product and all that it is made from are up to date."""
        return all(task.complete() for task in self.needs()) and self.up_to_date()

    def run(self) -> None:
        """For Luigi: make the product, unless it was made meanwhile."""
        _end_with_parent()
        with files.permissions(self.config.file_mode):
            with self.at_one_time():
                made_meanwhile = self.has_nothing_to_do() or self.is_marked_empty()
            if not made_meanwhile:
                self.work()

    def work(self) -> None:
        """What `run` does when the product is not complete: nothing is built on bytes that are not
        those of a receipt.
        """
        for task in self.needs():
            task.mend()
        self.produce()

    def mend(self) -> None:
        """Make the product again, if it is damaged.

        Raises
        ------
        Exception
            It is, and cannot be made again.
        """
        why = self.damage()
        if why:
            log.warning("%s; it is made again", why)
            self.work()

    def try_to_mend(self) -> None:
        """Make again what is damaged of the product and of those that it is made from, but for raw
        data; that it cannot be done is noted as its failure.
        """
        for task in self.needs():
            task.try_to_mend()
        try:
            self.mend()
        except Exception as error:
            self.on_failure(error)

    def produce(self) -> None:
        """Make the product, replace the one that is there, then write the receipt."""
        began = time.monotonic()
        # made from what the fingerprint is of, also where that is replaced meanwhile
        with self.at_one_time():
            fingerprint = self.fingerprint()
            if fingerprint is None:
                raise TokioError(f"{self}: what it is made from is not complete")
            with files.replacing(self.path(), over_folder=True) as temporary:
                made = self.make(temporary)
                facts = digest.facts(temporary)
        self.record(facts, made, fingerprint, time.monotonic() - began)

    def try_to_produce(self) -> bool:
        """Make the product; a failure is noted, stops nothing else, and gives False."""
        try:
            self.work()
        except Exception as error:
            self.on_failure(error)
            return False
        self.clear_old_failures()
        return True

    def made_by(self) -> dict[str, Any]:
        """What makes the product; see `pipeline.building.provenance.made_by`."""
        is_of_instance = self.instance in self.config.sources
        where = self.where if is_of_instance else None
        return provenance.made_by(self.config, self.version, where)

    def record(
        self, facts: Mapping[str, Any], made: Made, fingerprint: str, seconds: float
    ) -> None:
        """Write the receipt of the product, and one line to the log; `facts` has its ``bytes``, and
        ``sha256`` of a file.
        """
        content = made.content() | dict(facts) | self.made_by()
        receipt = Receipt(
            *(self.date, self.instance, self.product, self.version),
            *(fingerprint, made.state, made.percent),
        )
        self.receipts.write(receipt, secrets.struck_in(content | provenance.circumstances(seconds)))
        self._log_made(made, seconds, int(facts["bytes"]))

    def _log_made(self, made: Made, seconds: float, size: int) -> None:
        """One line to look for with grep: first what every task has, then its own counts."""
        line = {
            "state": made.state,
            "seconds": f"{seconds:.2f}",
            "rows": made.rows,
            "bytes": size,
            "findings": len(made.findings.events()),
        }
        line |= {name: count for name, count in made.counts.items() if name not in line}
        pairs = " ".join(f"{name}={value}" for name, value in line.items())
        log.info("%s %s", self._called(), pairs)

    def _called(self) -> str:
        return f"day={self.date} instance={self.instance} product={self.product}"

    def on_failure(self, exception: BaseException) -> str:
        """Leave a receipt that says why; never hide the failure itself."""
        content = provenance.failure(exception)
        if isinstance(exception, NoData):  # summaries say what is missing
            log.info("%s state=missing: %s", self._called(), content["error"])
        else:
            log.error("%s state=failed: %s", self._called(), content["error"])
        self.write_other(ReceiptState.FAILED, NO_FINGERPRINT, content)
        return str(content["error"])

    def write_other(self, state: ReceiptState, fingerprint: str, content: dict[str, Any]) -> None:
        """Write a receipt that does not say that the product is there; that it cannot be written is
        logged.
        """
        receipt = Receipt(self.date, self.instance, self.product, self.version, fingerprint, state)
        try:
            self.receipts.write(receipt, secrets.struck_in(content))
        except (OSError, TokioError) as error:
            log.error("%s: the failure could not be noted: %s", self._called(), error)


def _end_with_parent() -> None:
    """In a process that Luigi made for one task: end when the parent ends, however that is, and
    when it says so.

    A process that stops at once leaves at most temporary files, which the parent or the next run
    sweeps; one that would first finish what it is in may never end.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: it reaches the parent too
    end_with_parent()
    if os.getppid() != parent.pid:
        os._exit(1)
