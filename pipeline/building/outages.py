"""Outages that an operator acknowledged: what nobody measured then is not expected.

They are in one file of the archive, and part of the fingerprint of the days that they touch.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from archive_tools.core import time_texts
from archive_tools.core.day import Day
from archive_tools.core.findings import shortened
from pipeline.building import statements

ACKNOWLEDGED = "acknowledged.json"
"""File of the archive that has the outages."""


@dataclass(frozen=True)
class Outage:
    """A time in which an instance, or some of its components, were not measured, for good.

    Attributes
    ----------
    instance : str
    start, end : int
        Epoch seconds; the end is not in it.
    names : tuple of str
        Components and datasets; () is all.
    who, why, written : str
    """

    instance: str
    start: int
    end: int
    names: tuple[str, ...]
    who: str
    why: str
    written: str

    def touches(self, day: Day) -> bool:
        """Whether any of it is on the day."""
        return self.start < day.end and self.end > day.start

    def sentence(self, day: Day) -> str:
        """What is acknowledged of a day: ``03:00-05:00: maintenance (kim@login01)``."""
        first, last = max(self.start, day.start), min(self.end, day.end)
        until = "24:00" if last == day.end else _clock(last, day.timezone)
        whose = f" of {shortened(self.names)}" if self.names else ""
        return f"{_clock(first, day.timezone)}-{until}{whose}: {self.why} ({self.who})"

    def line(self, timezone: str) -> str:
        """All of it, for a list."""
        first, last = (
            dt.datetime.fromtimestamp(second, ZoneInfo(timezone)).isoformat(timespec="minutes")
            for second in (self.start, self.end)
        )
        names = " ".join(self.names) or "all"
        return f"{self.instance}  {first} to {last}  {names}  {self.why} ({self.who})"


def _clock(second: int, timezone: str) -> str:
    return f"{dt.datetime.fromtimestamp(second, ZoneInfo(timezone)):%H:%M}"


def outages(root: Path) -> list[Outage]:
    """All that operators acknowledged."""
    return statements.typed(
        root / ACKNOWLEDGED, lambda one: Outage(**{**one, "names": tuple(one["names"])})
    )


def outages_on(root: Path, day: Day, instance: str) -> list[Outage]:
    """The outages of an instance that touch a day."""
    return [one for one in outages(root) if one.instance == instance and one.touches(day)]


def made_of(root: Path, day: Day, instance: str) -> list[Any]:
    """What of the outages decides what is made of a day, for its fingerprint; nothing where none
    touches it.
    """
    return [["outage", one.start, one.end, *one.names] for one in outages_on(root, day, instance)]


def turns(root: Path, instance: str, timezone: str) -> set[dt.date]:
    """Days on which another set of outages begins to count."""
    found = set()
    for one in outages(root):
        if one.instance == instance:
            last = time_texts.local_date(one.end - 1, timezone)
            found |= {time_texts.local_date(one.start, timezone), last + dt.timedelta(days=1)}
    return found


def acknowledge(root: Path, outage: Outage) -> None:
    """Add an outage; one of the same instance, time and names is replaced."""
    _write(root, [*_without(root, outage), outage])


def recall(root: Path, outage: Outage) -> bool:
    """Remove the outage of the same instance, time and names; whether there was one."""
    keep = _without(root, outage)
    if len(keep) == len(outages(root)):
        return False
    _write(root, keep)
    return True


def _key(one: Outage) -> tuple[str, int, int, tuple[str, ...]]:
    return one.instance, one.start, one.end, one.names


def _without(root: Path, outage: Outage) -> list[Outage]:
    return [one for one in outages(root) if _key(one) != _key(outage)]


def _write(root: Path, found: Iterable[Outage]) -> None:
    statements.write(root / ACKNOWLEDGED, [asdict(one) for one in sorted(found, key=_key)])
