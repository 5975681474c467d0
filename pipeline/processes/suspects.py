"""Which log a reader's child died of, and how that log is read next."""

from __future__ import annotations

import enum
import os
import signal
from typing import NamedTuple

from archive_tools.core.errors import SourceError
from archive_tools.core.vocabulary import RejectReason

CAUTIOUS_LOGS = 16
"""Logs of the batch after a death."""
OUT_OF_MEMORY = 77
"""Exit code of a child for which the limit of memory was too low."""


class Treatment(enum.IntEnum):
    """How a log that a child died of is read next."""

    ALONE = 1
    """As others, by a child that has read no other log."""
    ESSENTIAL = 2
    REJECTED = 3


class Suspect(NamedTuple):
    """What a log is to be treated as, and what its last child died of."""

    treatment: Treatment
    reason: str


def blame(place: int, at: int, size: int, reason: str, bad: dict[int, Suspect]) -> int:
    """Note which log a child died of, and say how many logs the next batch may have.

    A death while a batch was reduced (`place` below 0) is nobody's yet, unless the batch was of one
    log.
    """
    if place < 0 and size > 1:
        return 1
    culprit = at if place < 0 else max(at, place)
    before = bad[culprit].treatment if culprit in bad else 0
    if before == Treatment.REJECTED:
        raise SourceError(
            f"a reader of Darshan logs dies whatever it reads: {reason}",
            hint="look at the limits of the account, such as ulimit -v",
        )
    kind = RejectReason.read(reason)
    if kind in (RejectReason.MEMORY_LIMIT, RejectReason.KILLED):
        before = Treatment.ESSENTIAL
    elif kind is RejectReason.TIME_LIMIT and not before:
        before = Treatment.ALONE
    bad[culprit] = Suspect(Treatment(before + 1), reason)
    return CAUTIOUS_LOGS


TO_DO = "try darshan-parser on the log; it is damaged, or shows a fault of the library"


def is_to_be_first(suspect: Suspect | None) -> bool:
    """Whether a log is to be read by a child that has read no other."""
    return suspect is not None and suspect.treatment is not Treatment.REJECTED


def reason_of(status: int) -> str:
    """What a child died of, as the table of rejects has it."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGABRT:
            return RejectReason.ABORTED.sentence(TO_DO)
        if number == signal.SIGKILL:
            return RejectReason.KILLED.sentence()
        return RejectReason.CRASHED.sentence(TO_DO, fact=signal.Signals(number).name)
    if os.WEXITSTATUS(status) == OUT_OF_MEMORY:
        return RejectReason.MEMORY_LIMIT.sentence()
    return RejectReason.READER_ENDED.sentence(fact=f"exit code {os.WEXITSTATUS(status)}")
