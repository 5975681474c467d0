"""Fetching: the only tasks that look at sources."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from archive_tools.core.errors import InputChanged, NoData, TokioError, Unreachable
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind, Product, ReceiptState
from archive_tools.formats import darshan_tables
from archive_tools.store import files, layout
from archive_tools.store.receipts import Receipt
from archive_tools.store.receipts import fingerprint as fingerprint_of
from pipeline.processes.limits import apart, within
from pipeline.schemas.source_maps import RAW_VERSION
from pipeline.sources.contract import Fetched, LogSource
from pipeline.tasks.base import ArchiveTask, kept

log = logging.getLogger("tokio")
Result = TypeVar("Result")

FRESH = 6 * 3600.0
"""Seconds for which an answer of a source about its inputs holds: one run works on one answer, and
what comes later is for the next run. `forget_answers` begins a run.
"""
_answers: dict[tuple[str, str, dt.date], tuple[float, Mapping[str, Any], str]] = {}


SILENCE = 600.0
"""Seconds for which a failure to ask holds; of a source that does not answer at all, for all days.
"""
_failures: dict[tuple[str, str, dt.date | None], tuple[float, Exception]] = {}
_most: list[float] = []


def forget_answers() -> None:
    """Ask the sources anew."""
    _answers.clear()
    _failures.clear()


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Wait no longer than this for what a source says of its inputs."""
    _most.append(seconds)
    try:
        yield
    finally:
        _most.pop()


_by_receipts: list[bool] = []


@contextlib.contextmanager
def by_receipts(*, fetching: bool) -> Iterator[None]:
    """Have days count as fetched when their receipts say so, whatever the sources have now.

    Parameters
    ----------
    fetching : bool
        Whether days that were not fetched may be; otherwise no source is asked for anything.
    """
    _by_receipts.append(fetching)
    try:
        yield
    finally:
        _by_receipts.pop()


class Fetch(ArchiveTask):
    """The raw data of one day and instance."""

    product = Product.RAW
    version = RAW_VERSION

    def path(self) -> Path:
        receipt = self.raw()
        return self.folder(receipt.fingerprint if receipt else "none")

    def folder(self, fingerprint: str) -> Path:
        return layout.path(self.config.root, layout.RAW, self.date, self.instance, fingerprint)

    def _ask(self) -> Mapping[str, Any]:
        """What the source has now, remembered with the receipt that stood when it was asked."""
        receipt = self.raw()
        self._raise_if_known()
        try:
            answer = self._inputs()
        except (TokioError, OSError) as error:
            _failures[
                (*self._key()[:2], None) if isinstance(error, Unreachable) else self._key()
            ] = time.monotonic(), error
            raise
        _answers[self._key()] = time.monotonic(), answer, receipt.fingerprint if receipt else ""
        return answer

    def _limited(self, seconds: float, what: str, work: Callable[[], Result], key: str) -> Result:
        """What the source gives, in time or not at all."""
        limited = apart if self.options.apart else within
        hint = f"look at the source; raise {key}_seconds of the source if it needs that long"
        return limited(seconds, f"{self.instance}: {what} of {self.date}", work, hint=hint)

    def _raise_if_known(self) -> None:
        """Do not wait again for a source that has just not answered."""
        for key in (self._key(), (*self._key()[:2], None)):
            failed, error = _failures.get(key, (-SILENCE, None))
            if error is not None and time.monotonic() - failed < SILENCE:
                raise error

    def _inputs(self) -> Mapping[str, Any]:
        options, day = self.options, self.day
        found: Mapping[str, Any] = self._limited(
            min([options.ask_seconds, *_most]),
            "what the source has",
            lambda: self.source.inputs(options, day),
            "ask",
        )
        return found

    def _key(self) -> tuple[str, str, dt.date]:
        return str(self.config.root), self.instance, self.date

    def _fingerprint_of(self, inputs: Mapping[str, Any]) -> str:
        """Of the inputs and of the window of time that is fetched."""
        options, day = self.options, self.day
        return fingerprint_of(
            options.kind, inputs, day.start, day.end, options.timestep, options.timezone
        )

    def fingerprint(self) -> str:
        asked, answer, _ = _answers.get(self._key(), (-FRESH, {}, ""))
        return self._fingerprint_of(answer if time.monotonic() - asked < FRESH else self._ask())

    def is_young(self) -> bool:
        """Whether late data may still come."""
        today = dt.datetime.now(ZoneInfo(self.config.timezone)).date()
        return (today - self.date).days <= self.config.late_days

    def up_to_date(self) -> bool:
        day = self.standing()
        receipt = day.good(self.instance, self.product)
        if receipt is None or (receipt.version != self.version and _by_receipts[-1:] != [False]):
            return False
        if _by_receipts or not self.is_young():
            return True
        try:
            now = self.fingerprint()
        except (TokioError, OSError) as error:
            log.warning(
                "%s %s: inputs cannot be looked at again, the archived ones stand: %s",
                self.date,
                self.instance,
                error,
            )
            return True
        fetched_since = _answers[self._key()][2] != receipt.fingerprint
        return fetched_since or now == receipt.fingerprint or kept(day, self.instance, now)

    def settle(self) -> None:
        super().settle()
        receipt = self.raw()
        if (
            receipt
            and self.is_young()
            and self._key() in _answers
            and self.fingerprint() == receipt.fingerprint
        ):
            self.receipts.remove(self.date, self.instance, self.product, ReceiptState.KEPT)

    def work(self) -> None:
        if _by_receipts[-1:] == [False]:
            raise NoData(
                f"no raw data of {self.instance} for {self.date} are kept",
                hint="tokio-pipeline backfill fetches them, while the source has them",
            )
        self.findings = Findings()
        began = time.monotonic()
        inputs = self._ask()
        fingerprint = self._fingerprint_of(inputs)
        target = self.folder(fingerprint)
        with files.writable(target):
            self._replace(target, fingerprint, inputs, began)

    def _replace(
        self, target: Path, fingerprint: str, inputs: Mapping[str, Any], began: float
    ) -> None:
        """Fetch into a folder beside `target`, which becomes `target`, unless archived data are
        gone from the source.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = files.temporary_name(target)
        temporary.mkdir()
        try:
            fetched = self._fetched(temporary)
            counts = dict(fetched.counts)
            told = {
                "inputs": inputs,
                "counts": counts,
                "source": self._about(),
                "files": _hashes(temporary),
            }
            if gone := self._gone(counts, temporary):
                self._keep_archived(fingerprint, told, gone)
                return
            self._compare(inputs, fetched.inputs)
            self.findings.add(FindingKind.FETCHED_EARLY, time.time() < self.day.end)
            files.sync_tree(temporary)
            files.replace_folder(temporary, target)
            self.record(target, told, fingerprint, time.monotonic() - began)
            self._remove_others(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _fetched(self, folder: Path) -> Fetched:
        """Fetch into `folder`; where the day is archived, a source that forgot it has zero rows."""
        options, day = self.options, self.day
        try:
            return self._limited(
                options.fetch_seconds,
                "the data",
                lambda: self.source.fetch(options, day, folder),
                "fetch",
            )
        except NoData:
            if self.raw() is None:
                raise
            return Fetched({})

    def _about(self) -> dict[str, str]:
        """What the source says of itself: versions, time zones; it may say nothing."""
        options, day = self.options, self.day
        try:
            return self._limited(
                options.ask_seconds,
                "the version",
                lambda: dict(self.source.server_info(options, day)),
                "ask",
            )
        except (TokioError, OSError) as error:
            return {"error": str(error)}

    def _compare(self, before: Mapping[str, Any], seen: Mapping[str, Any] | None) -> None:
        """Inputs that changed while they were read are read again; of a day not yet over they
        always change. The source is asked again where the fetch could not say what it saw.
        """
        if (self._inputs() if seen is None else seen) == before:
            return
        if time.time() >= self.day.end:
            raise InputChanged(
                f"the inputs of {self.instance} for {self.date} changed while they were read",
                hint="the next run reads them again",
            )
        self.findings.add(FindingKind.INPUTS_GREW, 1)

    def _gone(self, counts: Mapping[str, int], folder: Path) -> str:
        """What is archived and no longer in the source, in words; "" if nothing."""
        day = self.standing()
        receipt = day.good(self.instance, self.product)
        if receipt is None:
            return ""
        before: dict[str, int] = day.content(receipt).get("counts", {})
        if not counts:
            return "the source has nothing of the day any more"
        return self.source.lost_inputs(before, counts, self.path(), folder, self._rejected())

    def _rejected(self) -> set[str]:
        """Paths, below their folders, of archived files that could not be read: these may go
        away.
        """
        path = layout.path(self.config.root, layout.TTS, self.date, self.instance)
        if not isinstance(self.source, LogSource) or not path.is_file():
            return set()
        rejects = darshan_tables.read_table(path, "rejects")
        return {
            os.path.join(folder, os.path.basename(name))
            for folder, name in zip(rejects["folder"], rejects["filename"], strict=True)
        }

    def _keep_archived(self, fingerprint: str, told: dict[str, Any], gone: str) -> None:
        log.warning(
            "%s %s: %s; the archived day is kept (tokio-pipeline invalidate replaces it)",
            self.date,
            self.instance,
            gone,
        )
        told["reason"] = f"the archived day is kept: {gone}"
        self.receipts.write(
            Receipt(
                self.date, self.instance, self.product, self.version, fingerprint, ReceiptState.KEPT
            ),
            told,
        )

    def _remove_others(self, target: Path) -> None:
        for other in target.parent.glob(f"{self.instance}.*"):
            if other != target:
                shutil.rmtree(other, ignore_errors=True)


def _hashes(folder: Path) -> dict[str, list[Any]]:
    """Size and SHA-256 of the files that were fetched."""
    found: dict[str, list[Any]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            found[str(path.relative_to(folder))] = [
                path.stat().st_size,
                hashlib.file_digest(file, "sha256").hexdigest(),
            ]
    return found
