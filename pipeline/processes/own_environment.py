"""Secrets in variables of this process: out of its environment, before others are made of it.

What a process is started with can be read in ``/proc/PID/environ`` as long as it runs, whatever
becomes of its variables, and processes that are forked from it show the same. So the bytes are
overwritten. In the memory of this process, and of those that are forked from it, secrets remain.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

ENV_START = 50
"""Number of the field of ``/proc/PID/stat``; its end is the next one."""
_taken: dict[str, str] = {}


def take(names: Iterable[str]) -> None:
    """Keep some variables where `variable` finds them, and nobody else."""
    found = {name: os.environ[name] for name in names if name in os.environ}
    if not found:
        return
    _overwrite({os.fsencode(name) for name in found})
    for name in found:
        del os.environ[name]
    _taken.update(found)


def variable(name: str) -> str | None:
    """The value of a variable, also of one that was taken; None if there is none."""
    return os.environ.get(name, _taken.get(name))


def forget() -> None:
    """Forget what was taken: for tests."""
    _taken.clear()


def _overwrite(names: set[bytes]) -> None:
    """Have zeros in place of the values in the memory that the system shows as the environment."""
    stat = Path("/proc/self/stat").read_bytes()
    after_name = stat.rpartition(b")")[2].split()  # field 3 and what follows
    place, end = (int(field) for field in after_name[ENV_START - 3 : ENV_START - 1])
    for entry in ctypes.string_at(place, end - place).split(b"\0"):
        name, _, value = entry.partition(b"=")
        if name in names:
            ctypes.memset(place + len(name) + 1, 0, len(value))
        place += len(entry) + 1
