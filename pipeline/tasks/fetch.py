"""Fetching: the only tasks that look at sources."""

from __future__ import annotations

import datetime as dt
import logging
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from archive_tools import files, layout
from archive_tools.receipts import KEPT, Receipt
from archive_tools.receipts import fingerprint as fingerprint_of
from pipeline.errors import InputChanged, TokioError
from pipeline.model import Findings
from pipeline.schemas import BUILD_VERSION
from pipeline.tasks.base import ArchiveTask, kept

log = logging.getLogger("tokio")

FRESH = 30.0
"""Seconds for which an answer of a source about its inputs is taken as current: Luigi asks many times."""
_answers: dict[tuple[str, str, dt.date], tuple[float, Mapping[str, Any]]] = {}


class Fetch(ArchiveTask):
    """The raw data of one day and instance."""

    product = "raw"

    def path(self) -> Path:
        receipt = self.raw()
        return self.folder(receipt.fingerprint if receipt else "none")

    def folder(self, fingerprint: str) -> Path:
        return layout.path(self.config.root, layout.RAW, self.date, self.instance, fingerprint)

    def _inputs(self, fresh: bool = False) -> Mapping[str, Any]:
        key = str(self.config.root), self.instance, self.date
        asked, answer = _answers.get(key, (-FRESH, {}))
        if fresh or time.monotonic() - asked >= FRESH:
            answer = self.source.inputs(self.options, self.day)
            _answers[key] = time.monotonic(), answer
        return answer

    def fingerprint(self) -> str:
        return fingerprint_of(self.options.kind, self._inputs())

    def is_young(self) -> bool:
        """Whether late data may still come."""
        today = dt.datetime.now(ZoneInfo(self.config.timezone)).date()
        return (today - self.date).days <= self.config.late_days

    def up_to_date(self) -> bool:
        day = self.standing()
        receipt = day.good(self.instance, self.product)
        if receipt is None or receipt.version != BUILD_VERSION:
            return False
        if not self.is_young():
            return True
        try:
            now = self.fingerprint()
        except (TokioError, OSError) as error:
            log.warning("%s %s: inputs cannot be looked at again, the archived ones stand: %s", self.date, self.instance, error)
            return True
        return now == receipt.fingerprint or kept(day, self.instance, now)

    def run(self) -> None:
        if self.complete():
            return
        self.findings = Findings()
        began = time.monotonic()
        inputs = self._inputs(fresh=True)
        fingerprint = fingerprint_of(self.options.kind, inputs)
        target = self.folder(fingerprint)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = files.temporary_name(target)
        temporary.mkdir()
        try:
            counts = dict(self.source.fetch(self.options, self.day, temporary))
            self._compare(inputs)
            self.findings.add("fetched before the day was over", time.time() < self.day.end)
            told = {"inputs": inputs, "counts": counts}
            if fewer := self._fewer(counts):
                self._keep_archived(fingerprint, told, fewer)
                return
            if target.exists():
                shutil.rmtree(target)
            files.sync_tree(temporary)
            os.replace(temporary, target)
            self.record(told, fingerprint, time.monotonic() - began)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self._remove_others(target)

    def _compare(self, before: Mapping[str, Any]) -> None:
        """Inputs that changed while they were read are read again; of a day not yet over they always change."""
        if self._inputs(fresh=True) == before:
            return
        if time.time() >= self.day.end:
            raise InputChanged(f"the inputs of {self.instance} for {self.date} changed while they were read", hint="the next run reads them again")
        self.findings.add("inputs that grew while they were read", 1)

    def _fewer(self, counts: Mapping[str, int]) -> str:
        """Where the source has less than what is archived, in words; "" if nowhere."""
        day = self.standing()
        receipt = day.good(self.instance, self.product)
        if receipt is None:
            return ""
        before: dict[str, int] = day.content(receipt).get("counts", {})
        return ", ".join(f"{name} {counts.get(name, 0)} < {count}" for name, count in before.items() if counts.get(name, 0) < count)

    def _keep_archived(self, fingerprint: str, told: dict[str, Any], fewer: str) -> None:
        log.warning(
            "%s %s: the source has fewer rows than the archive (%s); the archived day is kept (tokio-pipeline invalidate replaces it)",
            self.date,
            self.instance,
            fewer,
        )
        told["reason"] = f"fewer rows than archived: {fewer}"
        self.receipts.write(Receipt(self.date, self.instance, self.product, BUILD_VERSION, fingerprint, KEPT), told)

    def _remove_others(self, target: Path) -> None:
        for other in target.parent.glob(f"{self.instance}.*"):
            if other != target:
                shutil.rmtree(other, ignore_errors=True)
