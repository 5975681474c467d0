"""Time limits for work that may hang: a database that does not answer, a file system that is away.

The work runs in a thread of its own, because neither a library that waits in C nor a dead file system can be
interrupted. Whoever waits gets an error in time; the thread is left behind, and ends with the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from pipeline.errors import Unreachable

Result = TypeVar("Result")

_waiting: set[threading.Event] = set()


def within(seconds: float, what: str, work: Callable[[], Result], *, hint: str = "") -> Result:
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
    threading.Thread(target=run, name=f"within {seconds:g} s", daemon=True).start()
    try:
        in_time = ended.wait(seconds)
    except BaseException:  # the process was told to stop
        give_up()
        raise
    finally:
        _waiting.discard(ended)
    if not results:
        give_up()  # what the work itself waits for
        raise Unreachable(f"{what} took longer than {seconds:g} s" if not in_time else f"{what} was given up", hint=hint)
    result, failure = results[0]
    if failure is not None:
        raise failure
    return result  # type: ignore[no-any-return]


def give_up() -> None:
    """Have everybody in this process who waits get an error at once."""
    for ended in list(_waiting):
        ended.set()
