"""Darshan logs read in processes of their own, so that a hostile log costs itself and nothing else.

`run` starts a reader (`log_reader`), gives it a job, and gets the results of its batches. The
reader is small and has one thread, so it may fork: its children (`log_child`) read the logs. What
they hand over is parsed by declared types (`packing`), never unpickled.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import pickle
import subprocess
import sys
import tempfile
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Generic, TypeVar

from archive_tools.core import packing
from archive_tools.core.child_environment import without_secrets
from archive_tools.core.errors import SourceError
from archive_tools.core.printable import clean
from pipeline.processes import wire
from pipeline.processes.costs import handle_of

BATCH_LOGS = 1024
"""Logs of a batch; after a death `CAUTIOUS_LOGS`, then twice as many each time."""
BATCH_RECORDS = 50_000
"""Records of a batch, more or less: some 40 MB."""
READER = "pipeline.processes.log_reader"
"""The module that is run as a program."""


@dataclass(frozen=True)
class Limits:
    """What one log may cost.

    Attributes
    ----------
    seconds : float
        Time without finishing a log.
    memory : int
        Bytes of address space beyond what the reader has when it starts.
    owner_seconds, run_seconds : float
        What logs that reach a limit may cost together: those of one owner, and all of a run.
        `seconds` shrinks with it.
    """

    seconds: float = 300.0
    memory: int = 4 * 2**30
    owner_seconds: float = 600.0
    run_seconds: float = 3600.0


Result = TypeVar("Result")


@dataclass(frozen=True)
class IsolatedRead(Generic[Result]):
    """Files to read, in order.

    Attributes
    ----------
    files : sequence of (file, name)
        As `pipeline.sources.darshan` makes them of the manifest: a file has its folder `root` and
        its `name` below it, as bytes.
    new_batch : callable
        Makes an object with `add(file, name)`, `reject(file, name, reason)`, `batch()` and
        `waiting`. It may have `add_essential(file, name)`, for a log of which readers died, and
        `is_last`: whether no other log is to be read in the same process.
    reduce : callable
        From a batch to what is handed over. It may have `check(result, names)`, which raises
        ValueError where a result is not of the logs of these names.
    limits : Limits
    form : type
        What `reduce` gives: of plain types, dataclasses and arrays.
    run : str
        Jobs of one name in a process share what logs have cost; "" shares with none.
    """

    files: Sequence[Any]
    new_batch: Callable[[], Any]
    reduce: Callable[[Any], Result]
    limits: Limits
    form: Any = Any
    run: str = ""


def form_of(reduce: Callable[[Any], Any]) -> Any:
    """What a function, or an object that is called like one, is annotated to return."""
    function = reduce if inspect.isroutine(reduce) else type(reduce).__call__
    return typing.get_type_hints(function).get("return", Any)


def run(job: IsolatedRead[Result]) -> list[Result]:
    """Run a job in a reader of its own; the results of its batches, in order.

    Raises
    ------
    SourceError
        The reader itself could not run, or died.
    InputChanged
        A log changed since it was listed.
    """
    costs = handle_of(job.run)
    command = [sys.executable, "-P", "-m", READER, str(costs)]  # -P: nothing of the current folder
    with (
        os.fdopen(costs, "rb"),
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env=environment(os.environ),
            pass_fds=[costs],
        ) as reader,
    ):
        assert reader.stdin is not None
        assert reader.stdout is not None
        _running.add(reader)
        try:
            pickle.dump(job, reader.stdin, pickle.HIGHEST_PROTOCOL)
            reader.stdin.flush()
            return _results(reader.stdout, job)
        except (EOFError, BrokenPipeError, packing.BadMessage) as error:
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


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that a reader gets: no secrets. The libraries' own threads are left out."""
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return {**without_secrets(variables), **threads}


def _results(stream: IO[bytes], job: IsolatedRead[Result]) -> list[Result]:
    results: list[Result] = []
    while True:
        message = wire.read(stream, job.limits.memory)
        if message.kind == "end":
            return results
        if message.kind == "error":
            raise packing.error_of(packing.decode(message.content, list[str]))
        results.append(packing.decode(message.content, job.form))


def _last_words(said: IO[bytes]) -> str:
    said.seek(max(0, said.seek(0, os.SEEK_END) - 300))
    return clean(" ".join(said.read().decode("utf-8", "backslashreplace").split()))


_running: set[subprocess.Popen[bytes]] = set()


def stop() -> None:
    """Kill the readers of this process: a caller that waits for them gets an error at once."""
    for reader in list(_running):
        reader.kill()
