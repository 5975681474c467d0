"""Sources that do not answer: their time limit is waited for once in a run, not once a day and try.

What a run knows of them is in a file without a name, which the processes that Luigi forks have too.
A server that gives no answer when it is asked what it has is silent for all instances that it is
the server of; one that does not give the data in time, for the instance alone, for it may be its
day that is too large. The first query is made alone: others of the run wait for what comes of it.

A verdict holds for `HOLDS` times as long as it took, and `SILENCE` at least, so that a run of days
sees a server that is back, and waits for one that is not for a twentieth of its time at most.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import pickle
import tempfile
import time
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from archive_tools.core.errors import Unreachable
from pipeline.building.instance_day import InstanceDay

HOLDS = 20
SILENCE = 600.0
"""Seconds."""
_run: BinaryIO | None = None


def begin_run() -> None:
    """Forget what earlier runs of this process knew."""
    global _run
    if _run is not None:
        _run.close()
    _run = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (it is open as long as the run)
    fcntl.fcntl(_run, fcntl.F_SETFL, fcntl.fcntl(_run, fcntl.F_GETFL) | os.O_APPEND)


@contextlib.contextmanager
def waited_for_once(where: InstanceDay, key: str) -> Iterator[None]:
    """A query of a source; that it was not answered is remembered for the run.

    Parameters
    ----------
    where : InstanceDay
    key : str
        ``ask`` or ``fetch``: which of the source's limits it has.

    Raises
    ------
    Unreachable
        What was raised when the source did not answer before; nothing is waited for.
    """
    if _run is None:
        begin_run()
    assert _run is not None
    instance = f"{where.site.root} {where.instance}"
    server = where.options.shared_server or instance
    asked = f"{key} {server if key == 'ask' else instance}"
    with _alone(_run, asked):
        _raise_known(_run, {f"ask {server}", f"fetch {instance}"})
        began = time.monotonic()
        try:
            yield
        except Unreachable as error:
            holds = max(SILENCE, HOLDS * (time.monotonic() - began))
            _note(_run, asked, time.monotonic() + holds, error)
            raise
        _note(_run, asked, 0.0, None)


@contextlib.contextmanager
def _alone(run: BinaryIO, asked: str) -> Iterator[None]:
    """Let nobody else of the run ask, unless this was answered before."""
    if any(name == asked and error is None for name, _, error in _notes(run)):
        yield
        return
    place = zlib.crc32(asked.encode())
    fcntl.lockf(run, fcntl.LOCK_EX, 1, place)
    try:
        yield
    finally:
        fcntl.lockf(run, fcntl.LOCK_UN, 1, place)


def _raise_known(run: BinaryIO, names: set[str]) -> None:
    now = time.monotonic()
    for name, until, error in _notes(run):
        if error is not None and name in names and now < until:
            raise error


def _note(run: BinaryIO, asked: str, until: float, error: Unreachable | None) -> None:
    """Add a line, once for what was answered."""
    if error is None and any(name == asked and not known for name, _, known in _notes(run)):
        return
    pickled = base64.b64encode(pickle.dumps(error)).decode()
    run.write(f"{json.dumps([asked, until, pickled])}\n".encode())


def _notes(run: BinaryIO) -> list[tuple[str, float, Unreachable | None]]:
    written = os.pread(run.fileno(), os.fstat(run.fileno()).st_size, 0)
    whole = written[: written.rfind(b"\n") + 1]  # others write meanwhile
    found = [json.loads(line) for line in whole.splitlines()]
    return [(name, until, pickle.loads(base64.b64decode(error))) for name, until, error in found]
