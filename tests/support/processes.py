"""Processes below this one."""

from __future__ import annotations

import contextlib

import psutil

from pipeline.processes import isolated


def readers() -> list[psutil.Process]:
    """The readers of logs below this process, and their children; not those that have ended."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if isolated.READER in process.cmdline():
                found.append(process)
    return found
