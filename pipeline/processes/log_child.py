"""The process that reads logs: forked from a reader, without rights, and never trusted.

It reads logs one by one and hands over what the job's `reduce` makes of every few of them. As soon
as the library refuses a log, or complains about one, its memory may be damaged: the log that did it
is then read once more by a fresh process, and so are those since the last batch.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
from typing import Any

import msgspec

from archive_tools.core import packing
from archive_tools.core.errors import InputChanged
from archive_tools.core.vocabulary import RejectReason
from pipeline.processes import confined, wire
from pipeline.processes.isolated import BATCH_LOGS, BATCH_RECORDS, IsolatedRead
from pipeline.processes.limits import end_with_parent
from pipeline.processes.suspects import OUT_OF_MEMORY, Suspect, Treatment

FAILED = 70
"""Exit code of a child whose own code failed."""


class Place:
    """The number of the log that is being read, which the reader sees too; -1 between batches."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)

    def set(self, number: int) -> None:
        self._memory[:8] = struct.pack("q", number)

    def get(self) -> int:
        return int(struct.unpack("q", self._memory[:8])[0])


def fork(
    job: IsolatedRead[Any],
    span: range,
    size: int,
    bad: dict[int, Suspect],
    place: Place,
    rules: int,
) -> tuple[int, int]:
    """A child that reads the logs of a span; its process id and the pipe of its results."""
    read, write = os.pipe()
    place.set(span.start)
    child = os.fork()
    if child:
        os.close(write)
        return child, read
    code = FAILED
    try:
        end_with_parent()
        said = _without_streams()
        confined.confine(rules, job.limits.memory, {0, 1, 2, said, write})
        _Child(job, size, bad, place, write, said).read(span)
        code = 0
    except MemoryError:
        code = OUT_OF_MEMORY
    finally:
        os._exit(code)


def _without_streams() -> int:
    """Have what is printed go into a pipe; its other end."""
    said, printed = os.pipe2(os.O_NONBLOCK)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (printed, 1), (printed, 2)):
        os.dup2(source, target)
    return said


class _Child:
    """The child's work: read, reduce, hand over."""

    def __init__(
        self,
        job: IsolatedRead[Any],
        size: int,
        bad: dict[int, Suspect],
        place: Place,
        write: int,
        said: int,
    ) -> None:
        self.job, self.size, self.bad, self.place = job, size, bad, place
        self.write, self.said = write, said

    def read(self, span: range) -> None:
        batch, since = self.job.new_batch(), span.start
        for number in span:
            self.place.set(number)
            confined.limit_processor(self.job.limits.seconds)
            try:
                is_trusted = self._read_one(batch, number)
            except MemoryError:
                if number == span.start:
                    raise
                is_trusted = False
            except InputChanged:
                self._hand_over(wire.Message("gone", number))
                return
            if not is_trusted and number > span.start:
                self._hand_over(wire.Message("again", number))
                return
            if (
                not is_trusted
                or number + 1 - since >= self.size
                or batch.waiting >= BATCH_RECORDS
                or number + 1 == span.stop
            ):
                self.place.set(-1)
                try:
                    result = packing.encode(self.job.reduce(batch.batch()))
                except Exception as error:
                    if number > span.start:
                        kind: wire.Kind = "smaller" if number > since else "again"
                        self._hand_over(wire.Message(kind, number))
                        return
                    result = self._irreducible(number, error)
                message = wire.Message("batch", number + 1, not is_trusted, msgspec.Raw(result))
                self._hand_over(message)
                if not is_trusted:
                    return
                batch, since = self.job.new_batch(), number + 1
                self.size = min(BATCH_LOGS, self.size * 2)
                self._has_complaint()

    def _hand_over(self, message: wire.Message) -> None:
        data = memoryview(wire.frame(message))
        while data:
            data = data[os.write(self.write, data) :]

    def _read_one(self, batch: Any, number: int) -> bool:
        """Read a log, as a child died of it before or not; whether this process is still trusted
        afterwards.
        """
        file, name = self.job.files[number]
        suspect = self.bad.get(number)
        try:
            if suspect is None or suspect.treatment is Treatment.ALONE:
                batch.add(file, name)
            elif suspect.treatment is Treatment.ESSENTIAL and hasattr(batch, "add_essential"):
                batch.add_essential(file, name)
            else:
                batch.reject(file, name, suspect.reason)
        except (InputChanged, MemoryError):
            raise
        except Exception as error:
            batch.reject(file, name, RejectReason.UNREADABLE.sentence(_named(error)))
            return False
        return not (self._has_complaint() or getattr(batch, "is_last", False))

    def _has_complaint(self) -> bool:
        """Whether something was printed since the last call."""
        with contextlib.suppress(BlockingIOError):
            return bool(os.read(self.said, 2**20))
        return False

    def _irreducible(self, number: int, error: Exception) -> bytes:
        """What is handed over of a log that was read and is rejected all the same."""
        batch = self.job.new_batch()
        reason = (
            RejectReason.MEMORY_LIMIT.sentence()
            if isinstance(error, MemoryError)
            else RejectReason.IRREDUCIBLE.sentence(_named(error))
        )
        batch.reject(*self.job.files[number], reason)
        return packing.encode(self.job.reduce(batch.batch()))


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
