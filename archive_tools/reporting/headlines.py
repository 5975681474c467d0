"""What headlines of pages say of the states of a day's sources, and how they look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from archive_tools.core import quantities
from archive_tools.core.vocabulary import DayState, Severity


def completeness(states: Mapping[str, str]) -> str:
    """The sentence of a day on which no instance lacks anything; what is marked as empty has no
    data, and is named.
    """
    empty = [name for name, state in states.items() if state == DayState.EMPTY]
    if not empty:
        return "Complete: every source."
    if len(empty) == len(states):
        return "No data: every source is marked as empty."
    return f"Complete: every source; marked as empty: {', '.join(empty)}."


def amounts(read: float | None, written: float | None) -> str:
    """Bytes that were read and written."""
    both = (quantities.quantity(one, "bytes") for one in (read, written))
    return f"{next(both)} read, {next(both)} written"


def look(states: Iterable[str]) -> str:
    """The class of a headline: that of the worst state; a day without any data is neither good nor
    bad.
    """
    known = set(states)
    worst = max(map(severity, known), default=Severity.GOOD)
    if worst is Severity.BAD:
        return str(DayState.FAILED)
    if worst is Severity.INCOMPLETE:
        return str(DayState.PARTIAL)
    return "" if known <= {DayState.EMPTY} else str(DayState.COMPLETE)


def severity(state: str) -> Severity:
    """How much a state needs a person; a word that is not known needs one."""
    return next((one.severity for one in DayState if one == state), Severity.BAD)
