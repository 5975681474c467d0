"""What is on the axes of pictures: ticks of local time, what a step is, and text that is only
text. Numbers and units are those of `archive_tools.core.quantities`.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from archive_tools.core import quantities

CLOCK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FONT = "DejaVu Sans"
"""Comes with matplotlib: the same picture everywhere."""

Tick = tuple[int, str]
"""Epoch second and label."""


def plain(text: str, most: int) -> str:
    """Text that can be drawn, is drawn as it is, and is not too long.

    Parameters
    ----------
    text : str
        Of users: may hold anything. What cannot be printed, or is not in the font, is escaped
        (``\\n``, ``\\u4e2d``); ``$`` begins no formula.
    most : int
        Longer texts lose their middle.
    """
    shown = "".join(
        c if _drawable(c) else c.encode("unicode_escape").decode()
        for c in text[: 2 * most] + text[2 * most :][-2 * most :]
    )
    if len(shown) > most:
        shown = f"{shown[: most - most // 2 - 1]}…{shown[-(most // 2) :]}"
    # matplotlib leaves out names that begin with "_"
    return f" {shown}".replace("$", r"\$") if shown.startswith("_") else shown.replace("$", r"\$")


def _drawable(character: str) -> bool:
    return character.isprintable() and _font().get_char_index(ord(character)) != 0


@functools.cache
def _font() -> Any:
    from matplotlib import font_manager

    return font_manager.get_font(font_manager.findfont(FONT))


def time_ticks(start: int, end: int, zone: ZoneInfo, *, most: int = 9) -> list[Tick]:
    """Ticks at round local times.

    Parameters
    ----------
    start, end : int
        Epoch seconds, both included.
    zone : zoneinfo.ZoneInfo
    most : int
        About how many. A day on which the clocks change has an hour less or more.

    Returns
    -------
    list of tuple of int and str
        The date, or the year, is in a second line where it is new; where the clocks were
        changed, the zone's new short name does.
    """
    step = next((step for step in CLOCK_STEPS if end - start <= most * step), None)
    if step:
        return list(_clock(start, end, zone, step))
    days = next((days for days in (1, 2, 7, 14) if end - start <= most * days * 86400), None)
    dates = _days(start, end, zone, days) if days else _months(start, end, zone, most)
    return list(_dated(dates, zone, start, end))


def _clock(start: int, end: int, zone: ZoneInfo, step: int) -> Iterator[Tick]:
    """Times of day. Offsets of zones are multiples of a quarter of an hour, so that steps of one
    meet all of them.
    """
    before: tuple[dt.date, str] | None = None
    stride = min(step, 900)
    for stamp in range(-(-start // stride) * stride, end + 1, stride):
        local = dt.datetime.fromtimestamp(stamp, zone)
        if (local.hour * 3600 + local.minute * 60 + local.second) % step:
            continue
        now = local.date(), local.strftime("%Z")
        news = (
            ""
            if now == before
            else now[1]
            if before and now[0] == before[0]
            else now[0].isoformat()
        )
        yield stamp, f"{local:%H:%M:%S}\n{news}" if step < 60 else f"{local:%H:%M}\n{news}"
        before = now


def _days(start: int, end: int, zone: ZoneInfo, step: int) -> Iterator[tuple[dt.date, str]]:
    first, last = (
        dt.datetime.fromtimestamp(stamp, zone).date().toordinal() for stamp in (start, end)
    )
    for ordinal in range(first, last + 1):
        if (ordinal - 1) % step == 0:
            date = dt.date.fromordinal(ordinal)
            yield date, f"{date.day} {MONTHS[date.month - 1]}"


def _months(start: int, end: int, zone: ZoneInfo, most: int) -> Iterator[tuple[dt.date, str]]:
    first, last = (dt.datetime.fromtimestamp(stamp, zone).date() for stamp in (start, end))
    count = 12 * (last.year - first.year) + last.month - first.month + 1
    step = next(
        step
        for step in (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 12 * 10**4)
        if count <= most * step
    )
    for month in range(12 * first.year + first.month - 1, 12 * last.year + last.month):
        if month % step == 0:
            date = dt.date(month // 12, month % 12 + 1, 1)
            yield date, MONTHS[date.month - 1] if step < 12 else str(date.year)


def _dated(
    dates: Iterator[tuple[dt.date, str]], zone: ZoneInfo, start: int, end: int
) -> Iterator[Tick]:
    year = None
    for date, label in dates:
        stamp = int(dt.datetime(date.year, date.month, date.day, tzinfo=zone).timestamp())
        if start <= stamp <= end:
            yield (
                stamp,
                (
                    label
                    if label == str(date.year)
                    else f"{label}\n{'' if date.year == year else date.year}"
                ),
            )
            year = date.year


def zone_label(zone: ZoneInfo, stamps: list[int]) -> str:
    """The zone's name with the short names that it has at some times: ``Europe/Berlin (CEST,
    CET)``.
    """
    short = dict.fromkeys(dt.datetime.fromtimestamp(stamp, zone).strftime("%Z") for stamp in stamps)
    names = [f"UTC{name}" if name[0] in "+-" else name for name in short if name != zone.key]
    return f"{zone.key} ({', '.join(names)})" if names else zone.key


def steps(alone: Sequence[int], resampled: Sequence[int]) -> str:
    """What the steps of lines are: rows alone, or means of rows that were resampled; their lengths
    in seconds.
    """
    of_rows = (
        f"a step is {quantities.duration(alone[0])}"
        if len(alone) == 1 and not resampled
        else f"steps of {_listed(alone)}"
        if alone
        else ""
    )
    return " and ".join(
        part for part in (of_rows, f"means of {_listed(resampled)}" if resampled else "") if part
    )


def _listed(lengths: Sequence[int]) -> str:
    *others, last = map(quantities.duration, lengths)
    return " and ".join(filter(None, (", ".join(others), last)))
