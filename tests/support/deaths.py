"""Which logs the library dies of, and how: each log that a process dies of is tried once more in
one that has read no other.
"""

from __future__ import annotations

import faulthandler
import mmap
import os
import resource
import signal
import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECONDS = 60
"""A log that takes longer hangs."""
OUT_OF_MEMORY = 77
HEALTHY = "none"


@dataclass
class Deaths:
    """What became of the processes that read some logs.

    Attributes
    ----------
    of : dict of str to str
        Name of a log to the signal that ended a process that had read no other.
    later : collections.Counter
        By signal: processes that ended at a log which is harmless alone; another log had damaged
        their memory.
    """

    of: dict[str, str] = field(default_factory=dict)
    later: Counter[str] = field(default_factory=Counter)


def deaths(files: Sequence[tuple[Any, str]], new_batch: Callable[[], Any], memory: int) -> Deaths:
    """Read files one by one as a reader's child does, and start again after each death."""
    found, place, at, before = Deaths(), mmap.mmap(-1, 8), 0, HEALTHY
    while at < len(files):
        child = os.fork()
        if not child:
            _read(files, at, new_batch, memory, place)
        _, status = os.waitpid(child, 0)
        number = struct.unpack("q", place[:8])[0]
        if before != HEALTHY and (status == 0 or number > at):
            found.later[before] += 1
        if status == 0:
            return found
        before = HEALTHY
        if number == at:
            found.of[files[at][1]] = _signal(status)
            at += 1
        else:
            at, before = number, _signal(status)
    return found


def _signal(status: int) -> str:
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return "time" if name == "SIGALRM" else name
    return "memory" if os.WEXITSTATUS(status) == OUT_OF_MEMORY else "other"


def _read(
    files: Sequence[tuple[Any, str]],
    at: int,
    new_batch: Callable[[], Any],
    memory: int,
    place: mmap.mmap,
) -> None:
    """The child's work; it does not return."""
    code = 1
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        used = int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE
        resource.setrlimit(resource.RLIMIT_AS, (used + memory, resource.RLIM_INFINITY))
        faulthandler.disable()
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        for number in range(at, len(files)):
            place[:8] = struct.pack("q", number)
            signal.alarm(SECONDS)
            try:
                new_batch().add(*files[number])
            except MemoryError:
                raise
            except Exception:  # a reject, as a reader has it
                pass
        code = 0
    except MemoryError:
        code = OUT_OF_MEMORY
    finally:
        os._exit(code)


def table(kinds: Mapping[str, str], found: Deaths, rejected: set[str]) -> str:
    """A line for each kind of mutant: how many, how many the library died of by signal, and how
    many were rejected.
    """
    signals = sorted({*found.of.values()})
    lines = [["kind", "mutants", *signals, "rejected"]]
    for kind in [*sorted({*kinds.values()}), "all"]:
        names = {name for name, one in kinds.items() if kind in (one, "all")}
        died = Counter(signal for name, signal in found.of.items() if name in names)
        counts = [len(names), *(died[signal] for signal in signals), len(names & rejected)]
        lines.append([kind, *map(str, counts)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join([*shown, f"at a later log, harmless alone: {dict(found.later) or 'none'}"])
