"""The run that tasks are in: how it decides, and what it knows so far.

Luigi makes tasks from their parameters alone, so what a run has in common is one object for the
process: `current()`. A command sets it for its time by `run_context(...)`; processes that Luigi
forks inherit it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import enum
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from archive_tools.store.receipts import DayReceipts
from pipeline.sources.contract import Inputs

FRESH = 6 * 3600.0
"""Seconds for which an answer of a source about its inputs holds: one run works on one answer, and
what comes later is for the next run.
"""
FAILED = 600.0
"""Seconds for which a failed query of a day holds; see `pipeline.building.silence` for sources that
do not answer at all.
"""


class Mode(enum.Enum):
    """Whether sources are queried."""

    SOURCES = enum.auto()
    """Young days are compared with what their sources have now."""
    RECEIPTS = enum.auto()
    """Days count as fetched when their receipts say so; others are fetched."""
    RAW_ONLY = enum.auto()
    """No source is queried for anything."""


Key = tuple[str, str, dt.date]
"""Archive, instance, day."""


@dataclass(frozen=True)
class Answer:
    """What a source had when it was queried.

    Attributes
    ----------
    inputs : mapping
    fingerprint : str
        Of the raw data that the archive had then; "" for none.
    """

    inputs: Inputs
    fingerprint: str


class Answers:
    """What sources answered in this run, and which of them did not."""

    def __init__(self) -> None:
        self._answers: dict[Key, tuple[float, Answer]] = {}
        self._failures: dict[Key, tuple[float, Exception]] = {}

    def forget(self) -> None:
        """Query the sources anew."""
        self._answers.clear()
        self._failures.clear()

    def get(self, key: Key) -> Answer | None:
        """The answer, as long as it holds."""
        when, answer = self._answers.get(key, (-FRESH, None))
        return answer if time.monotonic() - when < FRESH else None

    def keep(self, key: Key, answer: Answer) -> None:
        """Keep an answer."""
        self._answers[key] = time.monotonic(), answer
        self._failures.pop(key, None)

    def keep_failure(self, key: Key, error: Exception) -> None:
        """Keep a failure of a day."""
        self._failures[key] = time.monotonic(), error

    def raise_failure(self, key: Key) -> None:
        """Do not query again what has just failed.

        Raises
        ------
        Exception
            What was raised then.
        """
        when, error = self._failures.get(key, (-FAILED, None))
        if error is not None and time.monotonic() - when < FAILED:
            raise error

    def failure(self, key: Key) -> Exception | None:
        """Why the last query of this run failed; None if it did not."""
        return self._failures.get(key, (0.0, None))[1]


@dataclass(frozen=True)
class RunContext:
    """What the tasks of a run have in common.

    Attributes
    ----------
    mode : Mode
    longest_query : float or None
        Seconds that a source may take to say what it has, where its own limit is longer.
    receipts : mapping
        Archive and day to the day's receipts as they were when the run looked: one answer for many
        tasks. Of other days they are read when they are needed.
    answers : Answers
    coming_pages : frozenset of datetime.date
        Days that get a page now: the pages that are made first lead to the others.
    """

    mode: Mode = Mode.SOURCES
    longest_query: float | None = None
    receipts: Mapping[tuple[Path, dt.date], DayReceipts] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)
    coming_pages: frozenset[dt.date] = frozenset()


_current = RunContext()


def current() -> RunContext:
    """The run that this process is in."""
    return _current


@contextlib.contextmanager
def run_context(*, mode: Mode | None = None, longest_query: float | None = None) -> Iterator[None]:
    """Set how the run decides, for some time; what it knows is kept."""
    with _changed(
        dataclasses.replace(
            _current,
            mode=_current.mode if mode is None else mode,
            longest_query=_current.longest_query if longest_query is None else longest_query,
        )
    ):
        yield


@contextlib.contextmanager
def with_coming_pages(dates: Iterable[dt.date]) -> Iterator[None]:
    """Have the pages of these days, which are made in this time, lead to each other."""
    with _changed(dataclasses.replace(_current, coming_pages=frozenset(dates))):
        yield


@contextlib.contextmanager
def with_receipts(root: Path, days: Mapping[dt.date, DayReceipts]) -> Iterator[None]:
    """Have tasks take these receipts for those of their days, for some time; receipts that an outer
    call set remain.
    """
    known = _current.receipts
    new = {(root, date): found for date, found in days.items() if (root, date) not in known}
    if not new:
        yield
        return
    with _changed(dataclasses.replace(_current, receipts={**known, **new})):
        yield


@contextlib.contextmanager
def _changed(context: RunContext) -> Iterator[None]:
    global _current
    before, _current = _current, context
    try:
        yield
    finally:
        _current = before
