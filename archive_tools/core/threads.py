"""Work side by side in threads: reading, deflating and inflating let go of the interpreter."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int = 0
) -> Iterator[Result]:
    """Results in the order of the items; a few of them are worked on at the same time, no more are
    held.

    Parameters
    ----------
    work : callable
    items : iterable
        Taken one by one, as they are needed.
    threads : int
        0 is one a core.
    """
    count = threads or cores()
    coming = iter(items)
    first = list(islice(coming, 2))
    if count == 1 or len(first) < 2:
        yield from map(work, first)
        yield from map(work, coming)
        return
    with ThreadPoolExecutor(count, thread_name_prefix="archive") as pool:
        waiting: list[Future[Result]] = [
            pool.submit(work, item) for item in [*first, *islice(coming, 2 * count)]
        ]
        try:
            while waiting:
                result = waiting.pop(0).result()
                waiting += [pool.submit(work, item) for item in islice(coming, 1)]
                yield result
        finally:
            for future in waiting:
                future.cancel()
