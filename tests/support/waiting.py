"""Waiting for what other processes do: by looking, not by guessing how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 300.0
"""Seconds after which something is taken for broken: far more than a busy machine needs."""


def until(happened: Callable[[], object], what: str, *, look: float = 0.02) -> None:
    """Return when something has happened; the test fails if it never does."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(look)
