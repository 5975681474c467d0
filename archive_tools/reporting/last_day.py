"""What the index says above all else: of the last day that is over, and of its week."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from archive_tools.core import quantities
from archive_tools.core.vocabulary import DayState
from archive_tools.reporting import headlines
from archive_tools.reporting.day_figures import FiguresOfDays
from archive_tools.reporting.unusual import unusual
from archive_tools.store.status import State

MOST_DAYS, MOST_UNUSUAL = 3, 3
"""Days and sentences that are named; the others are counted."""
States = Mapping[str, State]


@dataclass(frozen=True)
class Said:
    """Sentences about days.

    Attributes
    ----------
    text : str
    look : str
        Class of the text: the worst state.
    more : tuple of str
        Sentences below it.
    """

    text: str
    look: str
    more: tuple[str, ...] = ()


def of_last_day(date: dt.date, states: States) -> Said:
    """Whether the last day is complete."""
    look = headlines.look(state.word for state in states.values())
    if bad := _not_complete(states):
        return Said(f"{date}: not complete: {bad}", look)
    said = headlines.completeness({name: state.word for name, state in states.items()})
    return Said(f"{date}: {said[:1].lower()}{said[1:].replace(':', ',', 1)}", look)


def of_days_before(last: dt.date, states: Mapping[dt.date, States]) -> Said | None:
    """What is not complete of the days before the last one, newest first; None if all are.

    Parameters
    ----------
    last : datetime.date
    states : mapping
        Of the days to look at; later ones are passed over.
    """
    bad = {
        date: said
        for date in sorted(states, reverse=True)
        if date < last and (said := _not_complete(states[date], in_short=True))
    }
    if not bad:
        return None
    first = [f"{date}: {said}" for date, said in list(bad.items())[:MOST_DAYS]]
    rest = len(bad) - len(first)
    tail = f"; and {quantities.counted(rest, 'day')} more, below" if rest else ""
    words = [state.word for date in bad for state in states[date].values()]
    return Said(f"Days before, not complete: {'; '.join(first)}{tail}", headlines.look(words))


def of_amounts(last: dt.date, found: FiguresOfDays) -> Said | None:
    """How much was moved on the last day, and what was unusual; None if nothing is known.

    Parameters
    ----------
    last : datetime.date
    found : FiguresOfDays
        Those of the last day, and of four weeks before.
    """
    today = found.days.get(last)
    if today is None:
        return None
    moved, is_nothing = [], False
    for name, one in today.instances.items():
        read, written = one.moved()
        if read is not None or written is not None:
            is_nothing |= not read and not written
            moved.append(f"{name} {headlines.amounts(read, written)}")
    compared = unusual(today, found.days)
    sentences = compared.sentences[:MOST_UNUSUAL]
    rest = len(compared.sentences) - len(sentences) + compared.more
    more = [f"Unusual: {one}" for one in sentences]
    more += [f"And {rest} more, on the page of the day."] if rest else []
    if not moved and not more:
        return None
    look = str(DayState.PARTIAL) if is_nothing or sentences else ""
    return Said(f"Moved: {'; '.join(moved) or 'nothing is known'}.", look, tuple(more))


def _not_complete(states: States, *, in_short: bool = False) -> str:
    """The instances that are not complete, with their states, of which the reasons may be left
    out.
    """
    return "; ".join(
        f"{name} {state.short if in_short else state}"
        for name, state in states.items()
        if state.word.severity
    )
