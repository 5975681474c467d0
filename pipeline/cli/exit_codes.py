"""Exit codes of the commands that run, and how states of days lead to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from archive_tools.core.vocabulary import Severity

if TYPE_CHECKING:
    from archive_tools.store.status import State

COMPLETE, FAILED, USAGE, PARTIAL, BUSY = 0, 1, 2, 3, 4
OF_SEVERITY = {Severity.GOOD: COMPLETE, Severity.INCOMPLETE: PARTIAL, Severity.BAD: FAILED}
"""The exit code that the severity of a day's state leads to."""


def worst(codes: Iterable[int]) -> int:
    """The exit code of several days."""
    return max(codes, key=list(OF_SEVERITY.values()).index, default=COMPLETE)


def exit_code(states: Iterable[State]) -> int:
    """The exit code that the states of days ask for."""
    return OF_SEVERITY[max((state.word.severity for state in states), default=Severity.GOOD)]
