"""What a run shows: plain lines for cron, a bar and coloured lines on a terminal.

The bar counts what the receipts say, so it is right whatever process does the work.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Iterator

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from pipeline.tasks.base import ArchiveTask

log = logging.getLogger("tokio")
INTERVAL = 0.5
"""Seconds between two looks at the receipts."""


class Shown:
    """Where a run says things."""

    def say(self, text: str) -> None:
        log.info("%s", text)


def all_tasks(task: ArchiveTask) -> list[ArchiveTask]:
    """A task and all that it requires, each once."""
    found: dict[str, ArchiveTask] = {}

    def walk(one: ArchiveTask) -> None:
        if one.task_id not in found:
            found[one.task_id] = one
            for other in one.needs():
                walk(other)

    walk(task)
    return list(found.values())


@contextlib.contextmanager
def showing(task: ArchiveTask) -> Iterator[Shown]:
    """Show the progress of a task and of what it requires, until the block is left."""
    console = Console(stderr=True)
    handler: logging.Handler = RichHandler(console=console, show_path=False, markup=False) if console.is_terminal else logging.StreamHandler(sys.stderr)
    if not console.is_terminal:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    try:
        if console.is_terminal:
            with _bar(console, all_tasks(task)):
                yield Shown()
        else:
            yield Shown()
    finally:
        log.removeHandler(handler)


@contextlib.contextmanager
def _bar(console: Console, tasks: list[ArchiveTask]) -> Iterator[None]:
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    done = threading.Event()
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(str(tasks[0].date), total=len(tasks))

        def watch() -> None:
            while not done.wait(INTERVAL):
                progress.update(bar, completed=sum(task.standing().good(task.instance, task.product) is not None for task in tasks))

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
