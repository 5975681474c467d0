"""Runs of the pipeline that are killed at a counted event.

An event is a change of the archive that Python makes: a file opened for writing, renamed or
removed, a folder made. Audit hooks count them, over all processes of a run, so that a kill comes
when the run has got that far, however fast the machine is. HDF5, SQLite and Arrow write without
such events: a kill may come some milliseconds after one.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.support.forked_runs import Forker
from tests.support.waiting import until

COUNTED = "TOKIO_TEST_COUNTED"
"""Environment variable: the folder that is watched, the file of counts, the event of the kill, and
who is killed by it.
"""
EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink"}
NEVER = 10**9


@dataclass(frozen=True)
class Kill:
    """When, and whom.

    Attributes
    ----------
    event : int
        Number of the event, from 1.
    whole : bool
        The process group, or the parent alone.
    after : float
        Seconds after the event; 0 is just before what it announces is done.
    """

    event: int
    whole: bool = True
    after: float = 0.0


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes
    ----------
    killed : bool
        Whether it was killed, rather than ending by itself.
    code : int
    events : int
    """

    killed: bool
    code: int
    events: int


def run_killed(
    arguments: Sequence[str], watched: Path, counts: Path, kill: Kill | None = None
) -> Ended:
    """Run `tokio-pipeline`, kill it, and wait until no process of it is left.

    Parameters
    ----------
    arguments : sequence of str
    watched : pathlib.Path
        The folder whose changes are counted: the archive, or one of its folders.
    counts : pathlib.Path
        A file that is made for the counting.
    kill : Kill, optional
        None lets the run end by itself.

    Raises
    ------
    AssertionError
        A process of the run is left.
    """
    counts.write_bytes(b"")
    taken = counts.with_name(f"{counts.name}.taken")
    taken.unlink(missing_ok=True)
    inside = kill is not None and not kill.after
    event = kill.event if kill and inside else NEVER
    whom = "group" if kill and kill.whole else "parent"
    mark = "\n".join([str(watched), str(counts), str(event), whom])
    run = _forker().start(arguments, environment={COUNTED: mark}, hook=__name__)
    if kill and not inside:
        until(
            lambda: counts.stat().st_size >= kill.event or run.poll() is not None,
            f"event {kill.event} of the run",
            look=0.001,
        )
        time.sleep(kill.after)
        if run.poll() is None:
            (os.killpg if kill.whole else os.kill)(run.pid, signal.SIGKILL)
    code = run.wait()
    until(lambda: not _left(run.pid), "the end of all processes of the run")
    return Ended(code == -signal.SIGKILL, code, counts.stat().st_size)


@functools.cache
def _forker() -> Forker:
    forker = Forker()
    atexit.register(forker.close)
    return forker


def _left(session: int) -> list[int]:
    """Processes of a session that are not dead."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def install() -> None:
    """Count the events of this process and of those that it forks; kill at one."""
    watched, counts, number, whom = os.environ[COUNTED].split("\n")
    event = int(number)
    parent = os.getpid()
    handle = os.open(counts, os.O_WRONLY | os.O_APPEND)

    def hook(name: str, arguments: tuple[Any, ...]) -> None:
        if name not in EVENTS or not arguments or isinstance(arguments[0], int):
            return
        if name == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        # renames are of what they make
        path = os.fsdecode(arguments[1] if name == "os.rename" else arguments[0])
        if not path.startswith(watched):
            return
        os.write(handle, b".")
        if os.fstat(handle).st_size >= event:
            try:
                os.close(os.open(f"{counts}.taken", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return  # the kill was before
            (os.killpg if whom == "group" else os.kill)(parent, signal.SIGKILL)

    sys.addaudithook(hook)
