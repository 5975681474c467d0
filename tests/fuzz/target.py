"""What a fuzz target is, and what counts as a fault.

A target takes bytes as somebody outside may give them to one reader. It returns, or raises what the
reader documents. A fault is any other exception, a hang (by CPU time, so that a busy machine is not
taken for one), memory above a bound, a crash of the process, or a neighbour with other figures.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from archive_tools.core.errors import TokioError
from tests.support.mutants import mutated
from tests.support.paths import ROOT

HANG_SECONDS = 60
"""CPU seconds of one input: the seeds take below a second."""
MEMORY = 2**31
"""Bytes of address space that one input may add."""
LARGEST = 2**17
"""Bytes of an input at most."""
PACKAGES = ("archive_tools", "pipeline")


class Hang(BaseException):
    """An input took too long; no reader catches it."""


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes
    ----------
    read : callable
        Gives the bytes to the reader.
    seeds : callable
        Small inputs, by name.
    mutated : callable
        A mutant of an input, for those formats of which a changed byte is rarely read.
    documented : tuple of type
        What the reader may raise.
    """

    read: Callable[[bytes], None]
    seeds: Callable[[], Iterable[tuple[str, bytes]]]
    mutated: Callable[[bytes, random.Random], bytes] = mutated
    documented: tuple[type[Exception], ...] = (TokioError,)


@contextlib.contextmanager
def fresh_folder() -> Iterator[Path]:
    """An empty folder for one input, in memory where that is possible."""
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tokio-fuzz-", dir=shared) as name:
        yield Path(name)


def fault_of(target: Target, data: bytes) -> BaseException | None:
    """What a target raises of an input and should not; None for a good reader."""

    def too_long(number: int, frame: FrameType | None) -> None:
        raise Hang(f"an input of {len(data):,} bytes took {HANG_SECONDS} s of CPU time")

    before = signal.signal(signal.SIGPROF, too_long)
    signal.setitimer(signal.ITIMER_PROF, HANG_SECONDS)
    try:
        target.read(data)
    except target.documented:
        return None
    except (Exception, Hang) as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return None


def signature(error: BaseException) -> str:
    """Where an error came from: the same for the same fault, whatever the input says."""
    places = [
        f"{frame.filename.removeprefix(f'{ROOT}/')}:{frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(tuple(f"{ROOT}/{package}/" for package in PACKAGES))
    ]
    kind = type(error).__name__
    return " < ".join([kind, *(place for place in places[::-1][:3])])
