"""Some days against others: what file systems moved, and who moved it, with how much of each side
is known.

Amounts are compared by the second, so that a day may be held against a week. A change is only given
the rank of a change where both sides are whole: at least `WHOLE` of the cells measured, of logs all
days complete.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from archive_tools.core.errors import FormatError, NotFound
from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.jobs import top
from archive_tools.jobs.job_tables import tables_of
from archive_tools.reading.archive import Archive
from archive_tools.reading.daily import DayFigures, daily
from archive_tools.store.receipts import DayReceipts, Receipts

WHOLE = 0.99
"""Share from which on a side counts as whole."""
FLOOR = 0.01
"""Of the largest amount of its kind: what is smaller on both sides does not count as a change."""
AMOUNTS = ("read", "written", "operations", "metadata")
PEAKS = ("peak_read", "peak_written")
PEOPLE = ("user", "program")
UNITS = {
    "read": "bytes",
    "written": "bytes",
    "moved": "bytes",
    "operations": "ops",
    "metadata": "ops",
    "peak_read": "bytes/s",
    "peak_written": "bytes/s",
    "fullness": "%",
}


@dataclass(frozen=True)
class Change:
    """One figure on both sides.

    Attributes
    ----------
    of : str
        ``file system``, ``user`` or ``program``.
    name, figure, unit : str
    one, other : float or None
        Totals, peaks, or per cents; None is not known. What a user did of whom no log is there is
        0.
    share_one, share_other : float
        How much of each side is known, 0 to 1: of the cells, or of the days with logs.
    times : float or None
        The first by the other, amounts by the second; None where one is not known, or the other
        is 0.
    rank : float
        How much it changed, in doublings; 0 where a side is not whole, or both are small.
    """

    of: str
    name: str
    figure: str
    unit: str
    one: float | None
    other: float | None
    share_one: float
    share_other: float
    times: float | None
    rank: float = 0.0

    @property
    def is_whole(self) -> bool:
        """Whether both sides are whole."""
        return min(self.share_one, self.share_other) >= WHOLE


@dataclass(frozen=True)
class Side:
    """Some days.

    Attributes
    ----------
    dates : tuple of datetime.date
    complete : dict of str to int
        By instance: on how many of them the archive says that it is complete.
    lacking : dict of str to tuple of str
        By instance: what is not whole, a text a day.
    """

    dates: tuple[dt.date, ...]
    seconds: int
    complete: dict[str, int]
    lacking: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Comparison:
    """Both sides and all changes, the largest first; then those that are not whole."""

    one: Side
    other: Side
    changes: tuple[Change, ...]
    damaged: tuple[FormatError, ...] = ()


def compare(
    archive: Archive,
    one: Sequence[dt.date],
    other: Sequence[dt.date],
    instances: Sequence[str],
) -> Comparison:
    """Hold some days against others.

    Parameters
    ----------
    one, other : sequence of datetime.date
    instances : sequence of str
        File systems' servers.

    Raises
    ------
    NotFound
        Nothing of a side is in the archive.
    """
    damaged: list[FormatError] = []
    figures = [
        {name: list(daily(archive, name, dates, damaged=damaged)) for name in instances}
        for dates in (one, other)
    ]
    logs = _logs(archive, one, other)
    for dates, found, there in zip((one, other), figures, logs, strict=True):
        if not any(day.measured or day.full for days in found.values() for day in days) and not any(
            state for states in there.values() for state in states.values()
        ):
            raise NotFound(
                f"nothing of {dates[0]} to {dates[-1]} is in {archive.root}",
                hint="tokio-archive ls says which days there are",
            )
    seconds = [
        sum(archive.day(date).end - archive.day(date).start for date in dates)
        for dates in (one, other)
    ]
    changes = [
        *_of_servers(figures, seconds, instances),
        *_of_people(archive, (one, other), logs, seconds, damaged),
    ]
    sides = [
        _side(archive, dates, length, found, there)
        for dates, length, found, there in zip((one, other), seconds, figures, logs, strict=True)
    ]
    return Comparison(sides[0], sides[1], tuple(_ranked(changes, seconds)), tuple(damaged))


# File systems


def _of_servers(
    figures: Sequence[dict[str, list[DayFigures]]], seconds: Sequence[int], instances: Iterable[str]
) -> list[Change]:
    found = []
    for name in instances:
        sides = [side[name] for side in figures]
        shares = [
            sum(day.measured * day.seconds for day in days) / length
            for days, length in zip(sides, seconds, strict=True)
        ]
        for figure in AMOUNTS:
            values = [_total([getattr(day, figure) for day in days]) for days in sides]
            found.append(_change("file system", name, figure, values, shares, seconds))
        for figure in PEAKS:
            values = [_largest([getattr(day, figure) for day in days]) for days in sides]
            found.append(_change("file system", name, figure, values, shares, None))
        found.append(_fullness(name, sides))
    return [one for one in found if (one.one, one.other) != (None, None)]


def _fullness(name: str, sides: Sequence[Sequence[DayFigures]]) -> Change:
    """Of the last days that have it; a side that lacks targets that the other has is not whole."""
    known = [[day for day in days if day.fullness is not None] for days in sides]
    values = [days[-1].fullness if days else None for days in known]
    targets = [set(days[-1].full or ()) if days else set() for days in known]
    every = len(targets[0] | targets[1]) or 1
    shares = [
        len(some) / len(days) * len(here) / every
        for some, days, here in zip(known, sides, targets, strict=True)
    ]
    return _change("file system", name, "fullness", values, shares, None)


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _largest(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _change(
    of: str,
    name: str,
    figure: str,
    values: Sequence[float | None],
    shares: Sequence[float],
    seconds: Sequence[int] | None,
) -> Change:
    """A figure on both sides; with `seconds` an amount of so long times."""
    one, other = values
    longer = seconds[1] / seconds[0] if seconds else 1.0
    times = one / other * longer if one is not None and other else None
    return Change(of, name, figure, UNITS[figure], one, other, shares[0], shares[1], times)


# Users and programs

Logs = dict[str, dict[dt.date, str]]
"""By instance of logs and day: its state; "" where it has no table of jobs."""


def _logs(archive: Archive, *sides: Sequence[dt.date]) -> list[Logs]:
    """What the archive says of the logs of each side: of all instances that have any on one."""
    there = {
        (date, name)
        for dates in sides
        for date, name, _ in tables_of(archive.root, dates[0], dates[-1])
    }
    names = sorted({name for _, name in there})
    return [_states(Receipts(archive.root).days(dates), names, there) for dates in sides]


def _states(
    days: Mapping[dt.date, DayReceipts], names: Iterable[str], there: set[tuple[dt.date, str]]
) -> Logs:
    return {
        name: {date: _state(day, name, (date, name) in there) for date, day in days.items()}
        for name in names
    }


def _state(day: DayReceipts, instance: str, has_table: bool) -> str:
    empty = any(one.state is ReceiptState.EMPTY for one in day.of(instance, Product.RAW))
    if empty:
        return ReceiptState.COMPLETE
    receipt = day.good(instance, Product.TTS)
    return "" if not has_table else receipt.state if receipt else "no receipt"


def _share(logs: Logs, dates: Sequence[dt.date], names: Iterable[str]) -> float:
    """Share of the days of which all logs are complete."""
    known = [
        all(logs.get(name, {}).get(date) == ReceiptState.COMPLETE for name in names)
        for date in dates
    ]
    return sum(known) / len(known)


def _of_people(
    archive: Archive,
    dates: tuple[Sequence[dt.date], Sequence[dt.date]],
    logs: Sequence[Logs],
    seconds: Sequence[int],
    damaged: list[FormatError],
) -> list[Change]:
    names = {*logs[0], *logs[1]}
    if not names:
        return []
    shares = [_share(found, days, names) for found, days in zip(logs, dates, strict=True)]
    changes = []
    for by in PEOPLE:
        sides, names_of = list[dict[int | str, int | None]](), dict[int | str, str]()
        absent = list[int | None]()
        for days in dates:
            try:
                found = top.top(archive.root, days[0], days[-1], by)
            except NotFound:
                found = top.Top()
            damaged += [error for error in found.damaged if str(error) not in map(str, damaged)]
            nothing = 0 if found.days else None
            absent.append(nothing)
            moved = {_who(one): nothing if one.moved is None else one.moved for one in found.totals}
            sides.append(moved)
            names_of |= {_who(one): one.name for one in found.totals}
        for key in sorted(names_of, key=lambda one: (names_of[one], str(one))):
            values = [side.get(key, nothing) for side, nothing in zip(sides, absent, strict=True)]
            name = names_of[key] or "not known"
            changes.append(_change(by, name, "moved", values, shares, seconds))
    return changes


def _who(one: top.Total) -> int | str:
    """The same on both sides, whatever a user is called on each."""
    return one.name if one.uid is None else one.uid


# The whole


def _ranked(changes: Sequence[Change], seconds: Sequence[int]) -> list[Change]:
    """With their ranks, the largest change first; what is not whole last."""
    largest: dict[tuple[str, str], float] = {}
    for one in changes:
        key = one.of, one.figure
        largest[key] = max(largest.get(key, 0.0), one.one or 0.0, one.other or 0.0)
    found = []
    for one in changes:
        rank = 0.0
        if one.is_whole and one.one is not None and one.other is not None:
            floor = FLOOR * largest[one.of, one.figure] or 1.0
            is_amount = one.figure not in (*PEAKS, "fullness")
            longer = seconds[1] / seconds[0] if is_amount else 1.0
            rank = abs(math.log2((one.one * longer + floor) / (one.other + floor)))
        found.append(dataclasses.replace(one, rank=rank))
    return sorted(found, key=lambda one: (not one.is_whole, -one.rank))


def _side(
    archive: Archive,
    dates: Sequence[dt.date],
    seconds: int,
    figures: dict[str, list[DayFigures]],
    logs: Logs,
) -> Side:
    receipts = Receipts(archive.root).days(dates)
    complete = {
        name: sum(
            receipt is not None and receipt.state is ReceiptState.COMPLETE
            for receipt in (receipts[date].good(name, Product.TTS) for date in dates)
        )
        for name in [*figures, *logs]
    }
    lacking = {
        name: tuple(
            f"{day.date}: {100 * day.measured:.1f} % measured"
            if day.measured
            else f"{day.date}: nothing measured"
            for day in days
            if day.measured < WHOLE
        )
        for name, days in figures.items()
    } | {
        name: tuple(
            f"{date}: {f'logs {state}' if state else 'no logs'}"
            for date, state in states.items()
            if state != ReceiptState.COMPLETE
        )
        for name, states in logs.items()
    }
    return Side(tuple(dates), seconds, complete, {k: v for k, v in lacking.items() if v})
