"""Where the chunks of a large job run: threads of this process, each driving a reader, or a Dask
cluster.

Both are `concurrent.futures.Executor`s. The results come in the order of the jobs, and only some
jobs are under way at a time, so that neither side has to hold a day.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

from archive_tools.core.errors import SourceError
from archive_tools.core.extras import needs_extra
from pipeline.processes.isolated import stop
from pipeline.site import DaskEngine, LocalEngine

AHEAD = 2
"""Jobs under way for each worker."""
PATIENCE = 30.0
"""Seconds that a scheduler, and its first worker, may take to answer."""


@contextlib.contextmanager
def executor(engine: LocalEngine | DaskEngine) -> Iterator[tuple[Executor, int]]:
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
                yield pool, AHEAD * workers
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
    with client, client.get_executor(retries=3) as pool:  # type: ignore[no-untyped-call]
        yield pool, AHEAD * max(1, sum(client.nthreads().values()))  # type: ignore[no-untyped-call]


Job = TypeVar("Job")
Result = TypeVar("Result")


def in_order(
    where: tuple[Executor, int], work: Callable[[Job], Result], jobs: Iterable[Job]
) -> Iterator[Result]:
    """Results of the jobs, in their order."""
    pool, most = where
    waiting: deque[Future[Any]] = deque()
    try:
        for job in jobs:
            waiting.append(pool.submit(work, job))
            if len(waiting) >= most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
