"""Exit codes of the commands that run, and how states of days lead to them."""

from __future__ import annotations

from collections.abc import Iterable

from archive_tools.store.status import State

COMPLETE, FAILED, USAGE, PARTIAL, BUSY = 0, 1, 2, 3, 4
SEVERITY = (COMPLETE, PARTIAL, FAILED)
BAD, SOSO = {"failed", "missing", "expired"}, {"partial", "late", "stale"}
"""States that make the exit code `FAILED`, and those that make it `PARTIAL`."""


def worst(codes: Iterable[int]) -> int:
    """The exit code of several days."""
    return max(codes, key=SEVERITY.index, default=COMPLETE)


def exit_code(states: Iterable[State]) -> int:
    """The exit code that the states of days ask for."""
    words = {state.word for state in states}
    return FAILED if words & BAD else PARTIAL if words & SOSO else COMPLETE
