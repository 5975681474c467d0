"""Threads that read for requests: a few at the same time, some waiting, the others refused at once,
so that a slow request delays others by a bounded time and memory stays bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from archive_tools.serving.limits import Deadline, Limits, TooBusy

Result = TypeVar("Result")


class Workers:
    """A pool of threads with a short queue.

    Parameters
    ----------
    limits : Limits
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="serve")
        self._under_way: set[Future[object]] = set()

    async def run(self, work: Callable[[Deadline], Result]) -> Result:
        """What `work` returns, or raises; it is given the time by which it must be done.

        A thread cannot be stopped: what took too long goes on until it looks at its deadline, and
        keeps its place until then.

        Raises
        ------
        TooBusy
            Too many are waiting, or it took too long.
        """
        self._under_way = {one for one in self._under_way if not one.done()}
        most = self._limits.threads + self._limits.waiting
        if len(self._under_way) >= most:
            raise TooBusy(
                "too many requests are being answered",
                expected=f"at most {most}",
                hint="try again in some seconds",
            )
        deadline = self._limits.deadline()
        future = self._pool.submit(work, deadline)
        self._under_way.add(future)  # type: ignore[arg-type]
        found = asyncio.wrap_future(future)
        await asyncio.wait({found}, timeout=deadline.left)
        if not found.done():
            found.cancel()
            raise deadline.error()
        return found.result()
