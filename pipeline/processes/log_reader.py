"""A reader of logs:

    python -P -m pipeline.processes.log_reader COSTS

takes jobs from its standard input and gives their results on its standard output. Children that it
forks read the logs; it looks at what they hand over, and at nothing of the logs itself.

The number of the log that is being read is in shared memory. When a child dies, a new one goes on
from the last result: what was read since then is read again. The log that it died of is tried once
more in a child that reads no other, since another log may have damaged the memory; then without
what the library may have died of, and that comes first where a child hangs; then it is rejected
with the reason. So is one that outgrows its memory, at once. A message that is not of the expected
form is as if its child had died.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from archive_tools.core import packing
from archive_tools.core.errors import InputChanged
from archive_tools.core.printable import clean
from archive_tools.core.vocabulary import RejectReason
from pipeline.processes import confined, log_child, wire
from pipeline.processes.costs import Costs
from pipeline.processes.isolated import BATCH_LOGS, IsolatedRead
from pipeline.processes.suspects import CAUTIOUS_LOGS, Suspects, reason_of

LOOK = 1.0
"""Seconds between two looks at a child that does not say anything, at most."""

SHORTER = "shorter than log_seconds, as other logs reached limits; see owner_seconds, run_seconds"

_caller = 0
"""Process id of who started this reader."""


def main() -> None:
    """Serve jobs until standard input ends."""
    global _caller
    _caller = os.getppid()
    costs = Costs(int(sys.argv[1]))
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints does not get among the results
    while True:
        try:
            job = pickle.load(sys.stdin.buffer)  # of the caller, who is trusted
        except EOFError:
            return
        try:
            for result in _JobRead(job, costs).results():
                out.write(wire.frame(wire.Message("batch", content=result)))
                out.flush()
            last = wire.Message("end")
        except Exception as error:
            fields = packing.encode(packing.error_fields(error))
            last = wire.Message("error", content=msgspec.Raw(fields))
        out.write(wire.frame(last))
        out.flush()


class _Over(Exception):
    """A child is at its end, and nothing is wrong with it."""


class _JobRead:
    """One job, whatever its logs do to the children.

    Attributes
    ----------
    at : int
        The first log that is not handed over yet.
    size : int
        Logs of the next batch, at most.
    """

    def __init__(self, job: IsolatedRead[Any], costs: Costs) -> None:
        self.job, self.costs, self.at, self.size = job, costs, 0, BATCH_LOGS
        self._since = 0.0
        self.suspects = Suspects(job.files)
        self.place = log_child.Place()
        # loads here, once, what every child would load
        self.nothing = job.reduce(job.new_batch().batch())
        gc.freeze()  # what is loaded is garbage in no child: looking at it there would copy it

    def results(self) -> Iterator[msgspec.Raw]:
        """What the batches come to, in the form in which the children handed it over."""
        if not self.job.files:
            yield msgspec.Raw(packing.encode(self.nothing))
            return
        rules = confined.readable((file.root, file.name) for file, _ in self.job.files)
        while self.at < len(self.job.files):
            if self.costs:
                self.suspects.reject_known(self.at, self.costs)
            span = range(self.at, self.suspects.stop(self.at))
            child, pipe = log_child.fork(
                self.job, span, self.size, self.suspects.bad, self.place, rules
            )
            why = ""
            try:
                for message in self._messages(pipe, child):
                    if (result := self._taken(message, span)) is not None:
                        yield result
            except _Over:
                continue
            except TimeoutError as error:
                why = str(error)
            except packing.BadMessage as error:
                why = RejectReason.READER_ENDED.sentence(clean(str(error)))
            finally:
                os.close(pipe)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                _, status = os.waitpid(child, 0)
            if self.at < span.stop:
                place = self.place.get()
                place = place if place in span else -1
                self.size = self.suspects.blame(place, self.at, self.size, why or reason_of(status))
                if self.suspects.last is not None:
                    seconds = time.monotonic() - self._since
                    self.suspects.note_cost(self.suspects.last, seconds, self.costs)

    def _taken(self, message: wire.Message, span: range) -> msgspec.Raw | None:
        """The result in a message; None where there is none.

        Raises
        ------
        _Over
            The child reads nothing more.
        packing.BadMessage
            No child that works as it should says this.
        InputChanged
            A log is gone.
        """
        if message.kind == "batch" and self.at < message.upto <= span.stop:
            self._check(message)
            first, self.at = self.at, message.upto
            self.size = min(BATCH_LOGS, self.size * 2)
            if message.is_over:
                self.suspects.distrust(first)
                self.size = CAUTIOUS_LOGS
            return message.content
        if message.kind == "again" and max(self.at, span.start + 1) <= message.upto < span.stop:
            self.suspects.confirm(message.upto)
            self.size = CAUTIOUS_LOGS
            raise _Over
        if message.kind == "smaller" and self.size > 1:
            self.size = 1
            raise _Over
        if message.kind == "gone" and message.upto in span:
            file, _ = self.job.files[message.upto]
            path = Path(os.fsdecode(os.path.join(file.root, file.name)))
            if not path.exists():
                raise InputChanged(
                    f"{clean(str(path))} is gone since it was listed",
                    hint="what is archived stays as it is",
                )
        raise packing.BadMessage(f"message {message.kind} of log {message.upto} of {span}")

    def _check(self, message: wire.Message) -> None:
        """Refuse a result that is not of the logs that it is handed over for."""
        found = packing.decode(message.content, self.job.form)
        wire.check_form(found, self.nothing)
        check = getattr(self.job.reduce, "check", None)
        if check:
            names = [name for _, name in self.job.files[self.at : message.upto]]
            try:
                check(found, names)
            except ValueError as error:
                raise packing.BadMessage(str(error)) from None

    def _limit(self, number: int) -> float:
        """Seconds that a log may take, or the sum of a batch."""
        limits = self.job.limits
        if not self.costs:
            return limits.seconds
        number = min(max(number, self.at), len(self.job.files) - 1)  # whatever the child wrote
        owner = self.suspects.owner(number)
        return self.costs.seconds(limits.seconds, owner, limits.owner_seconds, limits.run_seconds)

    def _messages(self, pipe: int, child: int) -> Iterator[wire.Message]:
        """What a child hands over until it ends.

        Raises
        ------
        TimeoutError
            A log takes too long.
        """
        buffer, most = bytearray(), self.job.limits.memory
        furthest = seen = self.place.get()
        self._since = time.monotonic()
        while True:
            limit = self._limit(seen)
            ready, _, _ = select.select([pipe], [], [], min(LOOK, limit))
            if ready:
                data = os.read(pipe, 2**20)
                if not data:
                    return
                buffer += data
                yield from wire.messages(buffer, most)
            now = self.place.get()
            if now > furthest or (now < 0 <= seen):  # nothing else is progress, whatever it writes
                furthest, seen, self._since = max(furthest, now), now, time.monotonic()
            elif time.monotonic() - self._since > limit:
                detail = "" if limit == self.job.limits.seconds else SHORTER
                fact = f"{limit:.3g} s"
                raise TimeoutError(RejectReason.TIME_LIMIT.sentence(detail, fact=fact))
            if os.getppid() != _caller:
                os.kill(child, signal.SIGKILL)
                os._exit(1)


if __name__ == "__main__":
    main()
