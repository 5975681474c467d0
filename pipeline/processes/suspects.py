"""Which logs of a job are suspicious, how each of them is read next, and which share a process."""

from __future__ import annotations

import enum
import os
import signal
from collections.abc import Sequence
from typing import Any, NamedTuple

from archive_tools.core.errors import SourceError
from archive_tools.core.vocabulary import RejectReason
from pipeline.processes.costs import Costs, Identity

CAUTIOUS_LOGS = 16
"""Logs of the batch after a death."""
OUT_OF_MEMORY = 77
"""Exit code of a child for which the limit of memory was too low."""
TO_DO = "try darshan-parser on the log; it is damaged, or shows a fault of the library"

LIMITS = (RejectReason.TIME_LIMIT, RejectReason.MEMORY_LIMIT, RejectReason.KILLED)
SAME_FILE = "it reached a limit in this run under another name; raise the limit, or remove the link"


class Treatment(enum.IntEnum):
    """How a log that a child died of, or that the library complained about, is read next."""

    ALONE = 1
    """As others, by a child that reads no other log."""
    ESSENTIAL = 2
    REJECTED = 3


class Suspect(NamedTuple):
    """What a log is to be treated as, and what its last child died of."""

    treatment: Treatment
    reason: str = ""


class Suspects:
    """The suspicious logs of a job, and the owners of logs that did harm.

    Parameters
    ----------
    files : sequence of (file, name)
        Of the job; a file has its folder `root` and its `name` in it.
    """

    def __init__(self, files: Sequence[tuple[Any, str]]) -> None:
        self.files = files
        self.bad: dict[int, Suspect] = {}
        self._status: dict[int, os.stat_result | None] = {}
        self._owners: set[int] = set()
        self.last: int | None = None
        """The log that the last child died of."""

    def owner(self, number: int) -> int:
        """The user who has put a log where it is; -1 where nobody can say."""
        if number not in self._status:
            file = self.files[number][0]
            try:
                self._status[number] = os.lstat(os.path.join(file.root, file.name))
            except OSError:
                self._status[number] = None
        status = self._status[number]
        return -1 if status is None else status.st_uid

    def stop(self, at: int) -> int:
        """Before which log the child ends that begins with log `at`.

        A suspicious log has a child of its own, also one that is only to be rejected: so nobody
        else can die in its place. Logs of an owner of whom one did harm do not share a child with
        those of others.
        """
        if at in self.bad:
            return at + 1
        for number in range(at + 1, len(self.files)):
            if number in self.bad or (
                self._owners
                and self.owner(number) != self.owner(at)
                and not self._owners.isdisjoint((self.owner(number), self.owner(at)))
            ):
                return number
        return len(self.files)

    def _identity(self, number: int) -> Identity | None:
        file = self.files[number][0]
        try:
            return Identity.of(os.stat(os.path.join(file.root, file.name)))
        except OSError:
            return None

    def reject_known(self, at: int, costs: Costs) -> None:
        """Reject the logs from `at` on that reached a limit under another name."""
        for number in range(at, len(self.files)):
            identity = None if number in self.bad else self._identity(number)
            if identity and costs.is_known(identity):
                reason = RejectReason.TIME_LIMIT.sentence(SAME_FILE, fact="the same file")
                self.bad[number] = Suspect(Treatment.REJECTED, reason)

    def note_cost(self, number: int, seconds: float, costs: Costs) -> None:
        """Add what a log has cost that reached a limit."""
        treatment, reason = self.bad[number]
        if RejectReason.read(reason) in LIMITS:
            is_final = treatment is Treatment.REJECTED
            file = self._identity(number) if is_final else None
            costs.add(self.owner(number), seconds, file)

    def distrust(self, number: int) -> None:
        """Note that the library complained about a log."""
        self._owners.add(self.owner(number))

    def confirm(self, number: int) -> None:
        """Have a log read once more by a child of its own."""
        self.distrust(number)
        self.bad[number] = Suspect(Treatment.ALONE)

    def blame(self, place: int, at: int, size: int, reason: str) -> int:
        """Note which log a child died of, and say how many logs the next batch may have.

        A death while a batch was reduced (`place` below 0) is nobody's yet, unless the batch was of
        one log.
        """
        self.last = None
        if place < 0 and size > 1:
            return 1
        culprit = at if place < 0 else max(at, place)
        before = self.bad[culprit].treatment if culprit in self.bad else 0
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
        self.distrust(culprit)
        self.last = culprit
        self.bad[culprit] = Suspect(Treatment(before + 1), reason)
        return CAUTIOUS_LOGS


def reason_of(status: int) -> str:
    """What a child died of, as the table of rejects has it."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGABRT:
            return RejectReason.ABORTED.sentence(TO_DO)
        if number == signal.SIGKILL:
            return RejectReason.KILLED.sentence()
        if number == signal.SIGXCPU:
            return RejectReason.TIME_LIMIT.sentence()
        return RejectReason.CRASHED.sentence(TO_DO, fact=signal.Signals(number).name)
    if os.WEXITSTATUS(status) == OUT_OF_MEMORY:
        return RejectReason.MEMORY_LIMIT.sentence()
    return RejectReason.READER_ENDED.sentence(fact=f"exit code {os.WEXITSTATUS(status)}")
