"""What all tasks share: one task, one product, complete when its receipt says so.

A task decides from the names of the receipts; only `Fetch` looks at the inputs themselves. Every
task is safe to run twice, at the same time, anywhere: it checks again before it works, writes under
a unique name and replaces. A failure leaves a receipt that says why, and the product that was
there.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import grp
import json
import logging
import multiprocessing
import os
import platform
import shutil
import signal
import stat
import time
import traceback
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

import luigi

from archive_tools.core.day import Day
from archive_tools.core.errors import ArchiveError, TokioError
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.schemas import BUILD_VERSION, SCHEMA_VERSION
from archive_tools.store import files
from archive_tools.store.receipts import DayReceipts, Receipt, Receipts
from pipeline import site as sites
from pipeline import sources
from pipeline.processes.limits import end_with_parent
from pipeline.sources.contract import AnySource

log = logging.getLogger("tokio")
NO_FINGERPRINT = "0" * 16
ROWS = ("rows", "samples", "logs", "headers", "files")
"""Counts that say how large a product is, the first that it has; else all of its counts together.
"""


_standing: dict[tuple[Path, dt.date], DayReceipts] = {}


@contextlib.contextmanager
def standing_as(root: Path, days: Mapping[dt.date, DayReceipts]) -> Iterator[None]:
    """Have tasks of this process take these receipts for those of their days: one answer about many
    tasks, of one moment.
    """
    new = {
        (root, date): receipts for date, receipts in days.items() if (root, date) not in _standing
    }
    _standing.update(new)
    try:
        yield
    finally:
        for key in new:
            del _standing[key]


@functools.lru_cache(maxsize=8)
def _site(path: str, mtime_ns: int) -> sites.Site:
    site = sites.load(path)
    sources.check_servers(site, path)
    return site


@functools.lru_cache(maxsize=64)
def _options(path: str, mtime_ns: int, instance: str) -> sites.SourceOptions:
    return sources.options(_site(path, mtime_ns), instance)


@functools.lru_cache(maxsize=8)
def _found(given: str, named: str, folder: str) -> str:
    return str(sites.find(given))


def _file(given: str) -> tuple[str, int]:
    """The site file, and when it changed last: it is read again only then. Asked for many times a
    task.
    """
    path = _found(given, os.environ.get(sites.ENVIRONMENT, ""), os.getcwd())  # noqa: PTH109 (Path.cwd is slow)
    try:
        return path, os.stat(path).st_mtime_ns
    except OSError:
        return str(sites.find(given)), 0  # says what is wrong


def load_site(given: str) -> sites.Site:
    """The site file."""
    return _site(*_file(given))


def load_options(given: str, instance: str) -> sites.SourceOptions:
    """The checked keys of an instance."""
    return _options(*_file(given), instance)


@functools.cache
def software() -> str:
    """Name and version of this software."""
    try:
        return f"tokio-archive {version('tokio-archive')}"
    except PackageNotFoundError:
        return "tokio-archive (not installed)"


def now() -> str:
    """This second in UTC, for receipts."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def prepared(site: sites.Site) -> None:
    """See to it that the archive's folder is there, and of the site's group, which all that is made
    in it then has too.

    Raises
    ------
    ArchiveError
        It cannot be made, or the group is not known or not ours.
    """
    new = not site.root.exists()
    try:
        site.root.mkdir(parents=True, exist_ok=True)
        if not site.group:
            return
        status = site.root.stat()
        if new or status.st_gid != grp.getgrnam(site.group).gr_gid:
            shutil.chown(site.root, group=site.group)
            if not new:
                log.warning(
                    "%s has group %s from now on; what is in it already has not: chgrp -R and chmod"
                    " g+s its folders",
                    site.root,
                    site.group,
                )
        if not status.st_mode & stat.S_ISGID:
            site.root.chmod(stat.S_IMODE(status.st_mode) | stat.S_ISGID)
    except LookupError:
        raise ArchiveError(
            f"the group {site.group!r} of site.json is not known on this host",
            hint="check the key group, or make the group",
        ) from None
    except OSError as error:
        raise ArchiveError(
            f"{site.root} cannot be made ready: {error.strerror or error}",
            hint="look at its rights, and whether the account is in the group of site.json",
        ) from error


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


class ProductFile(luigi.Target):
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

    def make(self, temporary: Path) -> dict[str, Any]:
        """Write the product to `temporary`; returns what the receipt shall tell: `counts`,
        `inputs`, ...
        """
        raise NotImplementedError

    # What follows from it

    @property
    def config(self) -> sites.Site:
        return load_site(self.site)

    @property
    def options(self) -> Any:
        return load_options(self.site, self.instance)

    @property
    def source(self) -> AnySource:
        return sources.find(self.options.kind)

    @property
    def day(self) -> Day:
        return self.config.day(self.date)

    @property
    def receipts(self) -> Receipts:
        return Receipts(self.config.root)

    def standing(self) -> DayReceipts:
        """The day's receipts, as they are now; within `standing_as` as they were."""
        root = self.config.root
        return _standing.get((root, self.date)) or Receipts(root).day(self.date)

    def raw(self) -> Receipt | None:
        """Receipt of the raw data that products are made from."""
        return self.standing().good(self.instance, Product.RAW)

    def requires(self) -> list[ArchiveTask]:
        return self.needs()

    def output(self) -> ProductFile:
        return ProductFile(self.path(), self)

    def up_to_date(self) -> bool:
        """Whether the product is there, of this version and of what it is made from now."""
        return self.stands_as(self.fingerprint())

    def stands_as(self, fingerprint: str | None) -> bool:
        """Whether the product is there, of this version and this fingerprint."""
        receipt = self.standing().good(self.instance, self.product)
        return (
            receipt is not None
            and receipt.version == self.version
            and receipt.fingerprint == fingerprint
            and self.path().exists()
        )

    def stands(self) -> bool:
        """Whether a product stands in the archive, of whatever."""
        return self.standing().good(self.instance, self.product) is not None

    def settle(self) -> None:
        """Forget failures that are over: what is complete now did not fail."""
        if self.complete():
            self.receipts.remove(self.date, self.instance, self.product, ReceiptState.FAILED)

    def empty(self) -> bool:
        """Whether somebody said that the day has no data for good."""
        return bool(self.standing().other(self.instance, Product.RAW, ReceiptState.EMPTY))

    def complete(self) -> bool:
        with self.at_one_moment():
            return self.is_complete() or self.empty()

    def is_made(self) -> bool:
        """Whether there is nothing to do for this task itself; that what it needs is there, Luigi
        has seen.
        """
        return self.up_to_date()

    def at_one_moment(self) -> contextlib.AbstractContextManager[None]:
        """Have this day's receipts looked at once."""
        return standing_as(self.config.root, {self.date: self.standing()})

    def is_complete(self) -> bool:
        """Whether this product and all that it is made from are up to date."""
        return all(task.complete() for task in self.needs()) and self.up_to_date()

    def run(self) -> None:
        _end_with_parent()
        with files.permissions(self.config.file_mode):
            with self.at_one_moment():
                made_meanwhile = self.is_made() or self.empty()
            if not made_meanwhile:
                self.work()

    def work(self) -> None:
        """What `run` does when the product is not complete."""
        self.produce()

    def produce(self) -> None:
        """Make the product and replace what stands, then write its receipt."""
        self.findings = Findings()
        began = time.monotonic()
        # made from what the fingerprint is of, also where that is replaced meanwhile
        with self.at_one_moment():
            fingerprint = self.fingerprint()
            if fingerprint is None:
                raise TokioError(f"{self}: what it is made from is not complete")
            with files.replacing(self.path()) as temporary:
                told = self.make(temporary)
        self.record(self.path(), told, fingerprint, time.monotonic() - began)

    def produced(self) -> bool:
        """Make the product; a failure is noted, stops nothing else, and gives False."""
        try:
            self.produce()
        except Exception as error:
            self.on_failure(error)
            return False
        self.settle()
        return True

    def record(self, path: Path, told: dict[str, Any], fingerprint: str, seconds: float) -> None:
        """Write the receipt of the product that stands at `path`, and one line to the log."""
        state, percent = told.pop("state", ReceiptState.COMPLETE), told.pop("percent", 100)
        receipt = Receipt(
            self.date, self.instance, self.product, self.version, fingerprint, state, percent
        )
        told["bytes"] = size_of(path)
        self.receipts.write(receipt, told | self._circumstances(seconds))
        self._say(state, seconds, told["bytes"], told.get("counts", {}))

    def _say(self, state: str, seconds: float, size: int, counts: dict[str, int]) -> None:
        """One line to look for with grep: first what every task has, then its own counts."""
        rows = next((counts[name] for name in ROWS if name in counts), sum(counts.values()))
        told = {
            "state": state,
            "seconds": f"{seconds:.2f}",
            "rows": rows,
            "bytes": size,
            "findings": len(self.findings),
        }
        told |= {name: count for name, count in counts.items() if name not in told}
        log.info(
            "%s %s", self._called(), " ".join(f"{name}={value}" for name, value in told.items())
        )

    def _called(self) -> str:
        return f"day={self.date} instance={self.instance} product={self.product}"

    def made_by(self) -> dict[str, Any]:
        """What makes products: the software, the version of the format, and the keys that matter.
        The same whenever and wherever it runs.
        """
        configuration = {"timezone": self.config.timezone, "missing": self.config.missing}
        if self.instance in self.config.sources:
            configuration |= json.loads(self.options.made_of())
        return {
            "software": software(),
            "schema": SCHEMA_VERSION,
            "version": self.version,
            "configuration": configuration,
        }

    def _circumstances(self, seconds: float) -> dict[str, Any]:
        findings = [str(finding) for finding in self.findings]
        return self.made_by() | {
            "findings": findings,
            "seconds": round(seconds, 3),
            "written": now(),
            "host": platform.node(),
        }

    def on_failure(self, exception: BaseException) -> str:
        """Leave a receipt that says why; never hide the failure itself."""
        text = (
            str(exception)
            if isinstance(exception, TokioError)
            else f"{type(exception).__name__}: {exception}"
        )
        log.error("%s state=failed: %s", self._called(), text)
        content = {
            "error": text,
            "kind": type(exception).__name__,
            "written": now(),
            "host": platform.node(),
        }
        if not isinstance(exception, TokioError):
            content["traceback"] = "".join(traceback.format_exception(exception))
        try:
            self.receipts.write(
                Receipt(
                    self.date,
                    self.instance,
                    self.product,
                    self.version,
                    NO_FINGERPRINT,
                    ReceiptState.FAILED,
                ),
                content,
            )
        except (OSError, TokioError) as error:
            log.error("%s: the failure could not be noted: %s", self._called(), error)
        return text


def size_of(path: Path) -> int:
    """Bytes of a file, or of the files in a folder."""
    return (
        sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        if path.is_dir()
        else path.stat().st_size
    )


def kept(day: DayReceipts, instance: str, fingerprint: str) -> bool:
    """Whether inputs of this fingerprint were looked at and the archived ones kept."""
    return any(
        receipt.fingerprint == fingerprint
        for receipt in day.other(instance, Product.RAW, ReceiptState.KEPT)
    )
