"""Darshan logs read in processes of their own, so that a hostile log costs itself and nothing else.

    python -m pipeline.processes.isolated

is a reader: it takes jobs from its standard input and gives their results on its standard output,
pickled. It is small and has one thread, so it may fork: a child reads the logs of a job one by one
and hands over what the job's `reduce` makes of every few of them. The number of the log that is
being read is in shared memory. When a child dies, a new one goes on from the last result: what was
read since then is read again. The log that it died of is tried once more in a child that has read
no other, since another log may have damaged the memory; then without what the library may have
died of, and that comes first where a child hangs; then it is rejected with the reason. So is one
that outgrows its memory, at once.

`run` is the caller's side: one job, one reader, wherever an executor runs it.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, Generic, TypeVar

from archive_tools.core.errors import InputChanged, MissingPackage, SourceError
from archive_tools.core.vocabulary import RejectReason
from pipeline.processes.limits import end_with_parent
from pipeline.processes.suspects import (
    OUT_OF_MEMORY,
    Suspect,
    Treatment,
    blame,
    is_to_be_first,
    reason_of,
)

BATCH_LOGS = 1024
"""Logs of a batch; after a death `CAUTIOUS_LOGS`, then twice as many each time."""
BATCH_RECORDS = 50_000
"""Records of a batch, more or less: some 40 MB."""


@dataclass(frozen=True)
class Limits:
    """What one log may cost.

    Attributes
    ----------
    seconds : float
        Time without finishing a log.
    memory : int
        Bytes of address space beyond what the reader has when it starts.
    """

    seconds: float = 300.0
    memory: int = 4 * 2**30


Result = TypeVar("Result")


@dataclass(frozen=True)
class IsolatedRead(Generic[Result]):
    """Files to read, in order.

    Attributes
    ----------
    files : sequence of (file, name)
        As `pipeline.sources.darshan` makes them of the manifest.
    new_batch : callable
        Makes an object with `add(file, name)`, `reject(file, name, reason)`, `batch()` and
        `waiting`. It may have `add_essential(file, name)`, for a log of which readers died, and
        `is_last`: whether no other log is to be read in the same process.
    reduce : callable
        From a batch to what is handed over.
    limits : Limits
    """

    files: Sequence[Any]
    new_batch: Callable[[], Any]
    reduce: Callable[[Any], Result]
    limits: Limits


# The caller's side


def run(job: IsolatedRead[Result]) -> list[Result]:
    """Run a job in a reader of its own; the results of its batches, in order.

    Raises
    ------
    SourceError
        The reader itself could not run, or died.
    InputChanged
        A log changed since it was listed.
    """
    command = [
        sys.executable,
        "-P",
        "-m",
        "pipeline.processes.isolated",
    ]  # -P: nothing of the current folder is run
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env=_environment(),
        ) as reader,
    ):
        assert reader.stdin is not None
        assert reader.stdout is not None
        _running.add(reader)
        try:
            pickle.dump(job, reader.stdin, pickle.HIGHEST_PROTOCOL)
            reader.stdin.flush()
            results: list[Result] = []
            while (item := pickle.load(reader.stdout)) is not None:
                if isinstance(item, Exception):
                    raise item
                results.append(item)
            return results
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
            raise SourceError(
                f"a reader of Darshan logs died (exit code {reader.wait()})", got=_last_words(said)
            ) from error
        finally:
            _running.discard(reader)
            reader.kill()
            with contextlib.suppress(
                BrokenPipeError
            ):  # closing writes what a dead reader did not take
                reader.stdin.close()


def _last_words(said: IO[bytes]) -> str:
    said.seek(max(0, said.seek(0, os.SEEK_END) - 300))
    return " ".join(said.read().decode("utf-8", "backslashreplace").split())


KEPT_VARIABLES = re.compile(
    "(PATH|HOME|LANG|LANGUAGE|TZ|TMPDIR|(LC|LD|PYTHON|DARSHAN|MALLOC|COV|COVERAGE)_?.*)"
)
"""Variables of the environment that a reader has."""


def _environment() -> dict[str, str]:
    """What a reader, which hostile bytes may take over, is given: no passwords of sources."""
    return {name: text for name, text in os.environ.items() if KEPT_VARIABLES.fullmatch(name)}


_running: set[subprocess.Popen[bytes]] = set()


def stop() -> None:
    """Kill the readers of this process: a caller that waits for them gets an error at once."""
    for reader in list(_running):
        reader.kill()


# The reader's side


_caller = 0
"""Process id of who started this reader."""


def main() -> None:
    """Serve jobs until standard input ends."""
    global _caller
    _caller = os.getppid()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints does not get among the results
    while True:
        try:
            job = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            for result in _results(job):
                pickle.dump(result, out, pickle.HIGHEST_PROTOCOL)
                out.flush()
            item: object = None
        except Exception as error:
            item = error
        pickle.dump(item, out, pickle.HIGHEST_PROTOCOL)
        out.flush()


def _results(job: IsolatedRead[Any]) -> Iterator[Any]:
    """Results of the batches of a job, whatever its logs do to the children."""
    at, bad, size = 0, dict[int, Suspect](), BATCH_LOGS
    place = mmap.mmap(-1, 8)
    nothing = job.reduce(job.new_batch().batch())  # loads here, once, what every child would load
    if not job.files:
        yield nothing
    while at < len(job.files):
        child, pipe = _fork(job, at, size, bad, place)
        why, is_over = "", False
        try:
            with os.fdopen(pipe, "rb") as results:
                for kind, upto, content in _messages(results, child, place, job.limits):
                    if kind == "raise":
                        raise content
                    if kind == "time":
                        why = content
                        break
                    if kind in ("smaller", "over"):
                        size, is_over = (1 if kind == "smaller" else size), True
                        break
                    yield content
                    at, size = upto, min(BATCH_LOGS, size * 2)
        finally:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        if at < len(job.files) and not is_over:
            size = blame(struct.unpack("q", place[:8])[0], at, size, why or reason_of(status), bad)


def _fork(
    job: IsolatedRead[Any], at: int, size: int, bad: dict[int, Suspect], place: mmap.mmap
) -> tuple[int, int]:
    """A child that reads from the log number `at` on; its process id and the pipe of its
    results.
    """
    read, write = os.pipe()
    place[:8] = struct.pack("q", at)
    child = os.fork()
    if child:
        os.close(write)
        return child, read
    code = 70
    try:
        os.close(read)
        end_with_parent()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        used = int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        most = used + job.limits.memory
        resource.setrlimit(
            resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
        )
        with os.fdopen(write, "wb") as results:
            _read_all(job, at, size, bad, place, results)
        code = 0
    except MemoryError:
        code = OUT_OF_MEMORY
    finally:
        os._exit(code)


def _read_all(
    job: IsolatedRead[Any],
    at: int,
    size: int,
    bad: dict[int, Suspect],
    place: mmap.mmap,
    results: BinaryIO,
) -> None:
    """The child's work: read, reduce, hand over."""

    def hand_over(kind: str, upto: int, content: Any) -> None:
        data = pickle.dumps((kind, upto, content), pickle.HIGHEST_PROTOCOL)
        results.write(struct.pack("q", len(data)))
        results.write(data)
        results.flush()

    batch, since = job.new_batch(), at
    for number in range(at, len(job.files)):
        place[:8] = struct.pack("q", number)
        file, name = job.files[number]
        try:
            _read_one(batch, file, name, bad.get(number))
        except (InputChanged, MissingPackage) as error:
            hand_over("raise", number, error)
            return
        except MemoryError:
            batch.reject(file, name, RejectReason.MEMORY_LIMIT.sentence())
        except Exception as error:
            batch.reject(file, name, RejectReason.UNREADABLE.sentence(_named(error)))
        is_over = getattr(batch, "is_last", False) or is_to_be_first(bad.get(number + 1))
        if (
            number + 1 - since >= size
            or batch.waiting >= BATCH_RECORDS
            or number + 1 == len(job.files)
            or is_over
        ):
            place[:8] = struct.pack("q", -1)
            try:
                result = job.reduce(batch.batch())
            except Exception as error:
                if number > since:
                    hand_over("smaller", since, None)
                    return
                batch = job.new_batch()
                batch.reject(file, name, _irreducible(error))
                result = job.reduce(batch.batch())
            hand_over("batch", number + 1, result)
            if is_over:
                hand_over("over", number + 1, None)
                return
            batch, since, size = job.new_batch(), number + 1, min(BATCH_LOGS, size * 2)


def _read_one(batch: Any, file: Any, name: str, suspect: Suspect | None) -> None:
    """Read a log, as a child died of it before or not."""
    if suspect is None or suspect.treatment is Treatment.ALONE:
        batch.add(file, name)
    elif suspect.treatment is Treatment.ESSENTIAL and hasattr(batch, "add_essential"):
        batch.add_essential(file, name)
    else:
        batch.reject(file, name, suspect.reason)


def _irreducible(error: Exception) -> str:
    """Why a log that was read is rejected all the same."""
    if isinstance(error, MemoryError):
        return RejectReason.MEMORY_LIMIT.sentence()
    return RejectReason.IRREDUCIBLE.sentence(_named(error))


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _messages(
    results: BinaryIO, child: int, place: mmap.mmap, limits: Limits
) -> Iterator[tuple[str, int, Any]]:
    """What a child hands over until it ends; "time" when a log takes too long."""
    handle = results.fileno()
    seen, since = place[:8], time.monotonic()
    buffer = b""
    while True:
        ready, _, _ = select.select([handle], [], [], min(1.0, limits.seconds))
        if ready:
            data = os.read(handle, 2**20)
            if not data:
                return
            buffer += data
            while len(buffer) >= 8 and len(buffer) >= 8 + struct.unpack_from("q", buffer)[0]:
                end = 8 + struct.unpack_from("q", buffer)[0]
                yield pickle.loads(buffer[8:end])
                buffer = buffer[end:]
        if place[:8] != seen:
            seen, since = place[:8], time.monotonic()
        elif time.monotonic() - since > limits.seconds:
            yield "time", 0, RejectReason.TIME_LIMIT.sentence(fact=f"{limits.seconds:g} s")
            return
        if os.getppid() != _caller:
            os.kill(child, signal.SIGKILL)
            os._exit(1)


if __name__ == "__main__":
    main()
