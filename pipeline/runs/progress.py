"""What a run shows: plain lines for cron, a bar and coloured lines on a terminal.

The bar counts what the receipts say, so it is right whatever process does the work. Task processes
hand their lines to this one through a pipe: two processes that write to one terminal would write
into each other's lines.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from archive_tools.core import quantities
from pipeline.sources._shared.secrets import StruckFilter

log = logging.getLogger("tokio")
INTERVAL = 0.5
"""Seconds between two looks at the receipts."""
FORMAT = "%(asctime)s %(levelname)s %(message)s"


@contextlib.contextmanager
def showing(
    title: str,
    total: int,
    done: Callable[[], int],
    unit: str = "",
    *,
    quiet: bool = False,
) -> Iterator[None]:
    """Show log lines, and on a terminal how far a run is, until the block is left.

    Parameters
    ----------
    title : str
        Shown before the bar.
    total : int
        What there is to do.
    done : callable
        How much of it is done; called twice a second.
    unit : str
        The unit of the rate: ``days``.
    quiet : bool
        Show warnings and errors alone, each once.
    """
    console = Console(stderr=True)
    with contextlib.ExitStack() as stack:
        handler = (
            stack.enter_context(_on_terminal(console))
            if console.is_terminal
            else logging.StreamHandler(sys.stderr)
        )
        handler.setFormatter(logging.Formatter("%(message)s" if console.is_terminal else FORMAT))
        handler.addFilter(StruckFilter())
        handler.addFilter(_once)
        log.setLevel(logging.WARNING if quiet else logging.INFO)
        log.addHandler(handler)
        stack.callback(log.removeHandler, handler)
        if console.is_terminal and not quiet:
            stack.enter_context(_bar(console, title, total, done, unit))
        yield


@contextlib.contextmanager
def only_warnings() -> Iterator[None]:
    """Show warnings and errors on standard error, outside of `showing`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(StruckFilter())
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


_said: set[str] = set()


def begin_run() -> None:
    """Forget which warnings were shown: a new run shows them again."""
    _said.clear()


def _once(record: logging.LogRecord) -> bool:
    """Whether a line is to be shown: a warning is, the first time in a run."""
    if record.levelno != logging.WARNING:
        return True
    text = record.getMessage()
    is_new = text not in _said
    _said.add(text)
    return is_new


class _Lines(logging.Handler):
    """Lines of this process to the terminal, those of processes forked from it through a pipe."""

    def __init__(self, shown: RichHandler, pipe: int) -> None:
        super().__init__()
        self._shown, self._pipe, self._process = shown, pipe, os.getpid()

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802 (the name is logging's)
        super().setFormatter(fmt)
        self._shown.setFormatter(fmt)

    def emit(self, record: logging.LogRecord) -> None:
        if os.getpid() == self._process:
            self._shown.emit(record)
        else:
            line = " ".join(self.format(record).splitlines()).encode("utf-8", "backslashreplace")[
                :4000
            ]
            os.write(self._pipe, f"{record.levelno} ".encode() + line + b"\n")


@contextlib.contextmanager
def _on_terminal(console: Console) -> Iterator[_Lines]:
    """A handler for a terminal, and the thread that shows the lines of other processes."""
    shown = RichHandler(console=console, show_path=False, markup=False)
    read, write = os.pipe()

    def pass_on() -> None:
        with os.fdopen(read, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                level, _, text = line.rstrip("\n").partition(" ")
                if level == "0":  # the end: other processes may still have the pipe
                    return
                shown.emit(
                    logging.makeLogRecord(
                        {
                            "levelno": int(level),
                            "levelname": logging.getLevelName(int(level)),
                            "msg": text,
                        }
                    )
                )

    reader = threading.Thread(target=pass_on, daemon=True)
    reader.start()
    try:
        yield _Lines(shown, write)
    finally:
        os.write(write, b"0 \n")
        reader.join()
        os.close(write)


class _Rate(ProgressColumn):
    """How much is done a second, or a minute where that is less than one."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        rate = task.completed / task.elapsed if task.elapsed else 0.0
        if not rate:
            return Text("")
        return Text(quantities.per_time(rate, self._unit))


@contextlib.contextmanager
def _bar(
    console: Console, title: str, total: int, done: Callable[[], int], unit: str
) -> Iterator[None]:
    measured = (
        (_Rate(unit), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
        if unit
        else (TimeElapsedColumn(),)
    )
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *measured,
    )
    ended = threading.Event()
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(title, total=total)

        def watch() -> None:
            while not ended.wait(INTERVAL):
                progress.update(bar, completed=done())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
