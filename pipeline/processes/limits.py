"""Time limits for work that may hang: a database that does not answer, a file system that is away.

Neither a library that waits in C nor a dead file system can be interrupted, so the work runs
elsewhere: in a thread, which is left behind when it takes too long and ends with the process, or in
a process of its own, which is killed. The process is for libraries that do not bear a fork:
connectorx, once it was used, hangs in processes that are forked afterwards, such as those that
Luigi makes for its tasks. So it is never used in this one.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import select
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from archive_tools.core.errors import SourceError, Unreachable

Result = TypeVar("Result")

_waiting: set[threading.Event] = set()
_is_own_process = False
PR_SET_PDEATHSIG = 1
LOOK = 0.2
"""Seconds between two looks whether somebody gave up."""


def run_in_thread(
    seconds: float, what: str, work: Callable[[], Result], *, hint: str = ""
) -> Result:
    """The result of `work`.

    Parameters
    ----------
    seconds : float
        How long it may take.
    what : str
        What is waited for, for the message.
    work : callable

    Raises
    ------
    Unreachable
        It takes longer, or `give_up` was called.
    """
    ended = threading.Event()
    results: list[tuple[Any, BaseException | None]] = []

    def run() -> None:
        try:
            results.append((work(), None))
        except BaseException as error:
            results.append((None, error))
        ended.set()

    _waiting.add(ended)
    threading.Thread(target=run, name=f"at most {seconds:g} s", daemon=True).start()
    try:
        in_time = ended.wait(seconds)
    except BaseException:  # the process was ordered to stop
        give_up()
        raise
    finally:
        _waiting.discard(ended)
    if not results:
        give_up()  # what the work itself waits for
        raise Unreachable(
            f"{what} took longer than {seconds:g} s" if not in_time else f"{what} was given up",
            hint=hint,
        )
    result, failure = results[0]
    if failure is not None:
        raise failure
    return result  # type: ignore[no-any-return]


def give_up() -> None:
    """Have everybody in this process who waits get an error at once."""
    for ended in list(_waiting):
        ended.set()


def run_in_process(
    seconds: float, what: str, work: Callable[[], Result], *, hint: str = ""
) -> Result:
    """The result of `work`, done by a process of its own: what it leaves in memory is gone
    afterwards.

    Parameters
    ----------
    seconds, what
        As for `run_in_thread`.
    work : callable
        Its result, or what it raises, must be picklable.

    Raises
    ------
    Unreachable
        It takes longer, or `give_up` was called.
    SourceError
        The process died.
    """
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        _work(work, write)
    os.close(write)
    ended = threading.Event()
    _waiting.add(ended)
    try:
        with os.fdopen(read, "rb") as results:
            answer = _answer(results.fileno(), time.monotonic() + seconds, ended)
    finally:
        _waiting.discard(ended)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if answer is None:
        raise Unreachable(
            f"{what} was given up" if ended.is_set() else f"{what} took longer than {seconds:g} s",
            hint=hint,
        )
    if not answer:
        raise SourceError(
            f"{what}: the process that did it died ({_reason(status)})",
            hint="was it memory? See the system's log",
        )
    result, failure = pickle.loads(answer)
    if failure is not None:
        raise failure
    return result  # type: ignore[no-any-return]


def end_with_parent() -> None:
    """Have the system kill this process when the thread that made it ends, however that is."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def is_own_process() -> bool:
    """Whether `run_in_process` made this process: nothing will be forked from it afterwards."""
    return _is_own_process


def _work(work: Callable[[], Any], write: int) -> None:
    """The process' side: work, hand over what came out, and end."""
    global _is_own_process
    _is_own_process = True
    try:
        end_with_parent()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            answer = pickle.dumps((work(), None))
        except BaseException as error:
            try:
                answer = pickle.dumps((None, error))
                pickle.loads(answer)
            except Exception:
                answer = pickle.dumps((None, SourceError(f"{type(error).__name__}: {error}")))
        with os.fdopen(write, "wb") as results:
            results.write(answer)
    finally:
        os._exit(0)


def _answer(handle: int, until: float, ended: threading.Event) -> bytes | None:
    """All that is handed over; None if it is not whole in time."""
    pieces: list[bytes] = []
    while (left := until - time.monotonic()) > 0 and not ended.is_set():
        if select.select([handle], [], [], min(left, LOOK))[0]:
            piece = os.read(handle, 1 << 20)
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
    return None


def _reason(status: int) -> str:
    return (
        signal.Signals(os.WTERMSIG(status)).name
        if os.WIFSIGNALED(status)
        else f"exit code {os.WEXITSTATUS(status)}"
    )
