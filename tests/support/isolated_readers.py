"""Readers of logs in processes of their own, some of them hostile."""

from __future__ import annotations

import ctypes
import datetime as dt
import functools
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from archive_tools.core.day import Day
from archive_tools.core.vocabulary import RejectReason
from pipeline.processes import isolated
from pipeline.sources.darshan.listed_logs import Listed
from pipeline.sources.darshan.log_batches import BatchReader
from tests.support.paths import SITEDAY_LOGS
from tests.support.waiting import PATIENCE

DAY = Day(dt.date(2026, 11, 22))


_is_poisoned = False
"""Whether a log of this process has damaged its memory."""
_count = 0
"""Logs that this process has read."""


class Hostile(BatchReader):
    """Does to the process what a damaged log makes the library do, as its name says."""

    def add(self, file: Listed, name: str) -> None:
        global _count
        _count += 1
        if "not-first" in name and _count > 1:
            self.is_last = True
            self.reject(file, name, RejectReason.CORRUPT.sentence("says a damaged memory"))
        elif "complained" in name and _count > 1:
            os.write(2, b"corrupted")
            self.reject(file, name, "changed since it was listed")
        else:
            self._hurt(name)
            super().add(file, name)

    def add_essential(self, file: Listed, name: str) -> None:
        if not name.startswith("aux"):
            self._hurt(name)
        super().add_essential(file, name)

    def _hurt(self, name: str) -> None:
        global _is_poisoned
        if _is_poisoned:
            os.abort()
        _is_poisoned = "poison" in name
        self.is_last = "refused" in name
        if "abort" in name:
            os.abort()
        if "segv" in name:
            ctypes.string_at(8)
        if "hang" in name:
            time.sleep(3600)
        if "memory" in name:
            np.ones(2**40)
        if "environment" in name:
            raise ValueError(",".join(os.environ))
        if "error" in name:
            raise ValueError("what it says")
        if "exit" in name:
            os._exit(3)


def names_of(batch: Any) -> tuple[list[str], dict[str, str]]:
    """What was read, and what was rejected why."""
    return batch.logs["filename"].tolist(), dict(
        zip(batch.rejects["filename"].tolist(), batch.rejects["reason"].tolist(), strict=True)
    )


def listed(log: Path) -> Listed:
    """A log as a manifest has it."""
    status = log.stat()
    root, name = os.path.split(os.fsencode(log))
    return Listed(root, name, status.st_size, status.st_mtime_ns, True)


def run(
    names: list[str], seconds: float = PATIENCE, reduce: Any = None, owner_seconds: float = 600.0
) -> tuple[list[str], dict[str, str]]:
    """Read a log for each name: the same where the names are alike up to an "@"."""
    logs = sorted(SITEDAY_LOGS.iterdir())
    alike = sorted({name.partition("@")[0] for name in names})
    files = [(listed(logs[alike.index(name.partition("@")[0])]), name) for name in names]
    make = functools.partial(Hostile, DAY.start, DAY.end)
    job = isolated.IsolatedRead(
        files,
        make,
        reduce or names_of,
        isolated.Limits(seconds, 2**31, owner_seconds),
        tuple[list[str], dict[str, str]],
    )
    read: list[str] = []
    rejected: dict[str, str] = {}
    for some, reasons in isolated.run(job):
        read += some
        rejected |= reasons
    return read, rejected
