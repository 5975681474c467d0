"""The raw data of a day that the archive has: what they are of, and what is done with their folders
beside fetching.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archive_tools.core.day import Day
from archive_tools.store import files, layout
from archive_tools.store.receipts import fingerprint as fingerprint_of
from pipeline.building import verified
from pipeline.building.instance_day import InstanceDay
from pipeline.sources.contract import Inputs


@dataclass(frozen=True)
class ArchivedRaw:
    """Raw data of a day that the archive has.

    Attributes
    ----------
    fingerprint : str
        Of its receipt.
    content : mapping
        Of its receipt.
    folder : pathlib.Path
        It may be pruned.
    damaged : mapping of str to str
        Files that are not those that were fetched, and why: their pieces are as if they were not
        there.
    """

    fingerprint: str
    content: Mapping[str, Any]
    folder: Path
    damaged: Mapping[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many rows of what."""
        counts: Mapping[str, int] = self.content.get("counts", {})
        return counts

    def is_of(self, fingerprint: str, day: Day) -> bool:
        """Whether it is what the source had when its inputs had this fingerprint; of a day that is
        over, and was not when that was looked at, it is not.
        """
        if self.content.get("so_far") and time.time() >= day.end:
            return False
        return fingerprint in (self.fingerprint, self.content.get("seen"))


def fingerprint_of_inputs(where: InstanceDay, inputs: Inputs) -> str:
    """Of the inputs and of the window of time that is fetched."""
    options, day = where.options, where.day
    return fingerprint_of(
        options.kind, inputs, day.start, day.end, options.timestep, options.timezone
    )


def put_damaged_aside(folder: Path) -> None:
    """Rename a raw folder that nothing may be built on any more; it is pruned in its time, or when
    the day is fetched again.
    """
    if folder.is_dir():
        files.replace_folder(folder, folder.with_name(f"{folder.name}{layout.DAMAGED}"))


def recovered(folder: Path, fingerprint: str) -> ArchivedRaw | None:
    """Raw data whose receipt cannot be read, as they are: what a source gives again is added to
    them; None if they are not there.
    """
    if not folder.is_dir():
        return None
    content = {"files": verified.hashes(folder), "counts": {}}
    return ArchivedRaw(fingerprint, content, folder)


def remove_others(target: Path, instance: str) -> None:
    """Remove the raw data of an instance's day that are not those in `target`."""
    for other in _others(target, instance):
        with contextlib.suppress(OSError):
            files.remove(other)


def remove_older(target: Path, instance: str) -> None:
    """Remove what a run that was killed in `remove_others` left. Newer folders stay: another run
    may be about to write their receipt.
    """
    with contextlib.suppress(OSError):
        fetched = target.stat().st_mtime_ns
        for other in _others(target, instance):
            if other.stat().st_mtime_ns < fetched:
                files.remove(other)


def _others(target: Path, instance: str) -> Iterator[Path]:
    for other in target.parent.glob(f"{instance}.*"):
        if other != target and other.name != f"{instance}.{layout.REDUCED}":
            yield other
