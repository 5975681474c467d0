"""Where the chunks of a large job run: threads of this process, each driving a reader, or a Dask
cluster.

Both are `concurrent.futures.Executor`s. The results come in the order of the jobs, and only some
jobs are under way at a time, so that neither side has to hold a day.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple, TypeVar

from archive_tools.core.errors import SourceError
from archive_tools.core.extras import needs_extra
from pipeline.processes.isolated import stop
from pipeline.site import DaskEngine, LocalEngine

AHEAD = 2
"""Jobs under way for each worker."""
PATIENCE = 30.0
"""Seconds that a scheduler, and its first worker, may take to answer."""


WITHOUT_WORKERS = 300.0
"""Seconds after which a cluster that has lost all its workers is given up."""
LOOK = 5.0
"""Seconds between two looks whether there are workers."""


class Where(NamedTuple):
    """Where jobs run.

    Attributes
    ----------
    pool : Executor
    most : int
        Jobs that may be under way.
    check : callable
        Called while a result is waited for; raises SourceError where none can come.
    """

    pool: Executor
    most: int
    check: Callable[[], None] = lambda: None


@contextlib.contextmanager
def executor(engine: LocalEngine | DaskEngine) -> Iterator[Where]:
    """The executor that the site names, and how many jobs may be under way.

    Raises
    ------
    SourceError
        The Dask scheduler cannot be reached.
    MissingPackage
        dask is not installed.
    """
    if isinstance(engine, LocalEngine):
        workers = engine.workers or len(os.sched_getaffinity(0))
        with ThreadPoolExecutor(workers, thread_name_prefix="reader") as pool:
            try:
                yield Where(pool, AHEAD * workers)
            except BaseException:  # leaving the pool waits for what is running
                pool.shutdown(wait=False, cancel_futures=True)
                stop()
                raise
        return
    with needs_extra("dask", "engine dask"):
        import distributed
    try:
        client = distributed.Client(engine.scheduler, timeout=PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise SourceError(
            f"engine dask: scheduler {engine.scheduler} does not answer: {error}"
        ) from None
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        client.close()  # type: ignore[no-untyped-call]
        raise SourceError(
            f"engine dask: scheduler {engine.scheduler} has no workers",
            hint="start some, or look whether their time is over",
        ) from None
    try:
        pool = client.get_executor(retries=3)  # type: ignore[no-untyped-call]
        most = AHEAD * max(1, sum(client.nthreads().values()))  # type: ignore[no-untyped-call]
        yield Where(pool, most, _WorkerWatch(engine.scheduler, client))
        pool.shutdown()
    finally:  # a pool of a cluster that is gone is not waited for
        client.close(timeout=PATIENCE)  # type: ignore[no-untyped-call]


class _WorkerWatch:
    """Notices that a cluster has been without workers for too long."""

    def __init__(self, scheduler: str, client: Any) -> None:
        self.scheduler, self.client, self.seen = scheduler, client, time.monotonic()

    def __call__(self) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            if self.client.nthreads():
                self.seen = time.monotonic()
        if time.monotonic() - self.seen > WITHOUT_WORKERS:
            raise SourceError(
                f"engine dask: scheduler {self.scheduler} has had no workers for"
                f" {WITHOUT_WORKERS:g} s",
                hint="start some, or look whether their time is over; the next run goes on",
            )


Job = TypeVar("Job")
Result = TypeVar("Result")


def in_order(where: Where, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
    """Results of the jobs, in their order.

    Raises
    ------
    SourceError
        The executor lost what runs the jobs.
    """
    pool, most, check = where
    waiting: deque[Future[Any]] = deque()
    try:
        for job in jobs:
            waiting.append(pool.submit(work, job))
            if len(waiting) >= most:
                yield _result(waiting[0], check)
                waiting.popleft()
        while waiting:
            yield _result(waiting[0], check)
            waiting.popleft()
    finally:
        for future in waiting:
            future.cancel()


def _result(future: Future[Any], check: Callable[[], None]) -> Any:
    while not future.done():
        wait([future], LOOK)
        if not future.done():
            check()
    return future.result()
