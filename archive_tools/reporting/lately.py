"""What pages above the days list of some days: users and programs, slow targets, findings, by the
days' figures. Pure.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from archive_tools.core import quantities
from archive_tools.reporting.day_figures import FiguresOfDays
from archive_tools.store import layout

MOST = 10
MOST_PROBLEMS = 20


def ranked(
    found: FiguresOfDays, dates: Sequence[dt.date], field: str
) -> list[tuple[str, str, str, str, str]]:
    """Users or programs of some days by bytes, of those that are among a day's first."""
    sums: dict[tuple[str, str], list[int]] = {}
    for date in dates:
        day = found.days.get(date)
        for instance, one in day.instances.items() if day else ():
            for row in getattr(one, field):
                total = sums.setdefault((row.name, instance), [0, 0, 0])
                for place, value in enumerate((row.logs, row.read, row.written)):
                    total[place] += value
    ranked = sorted(sums.items(), key=lambda one: (-one[1][1] - one[1][2], one[0]))
    return [
        (
            name or quantities.NONE,
            instance,
            f"{logs:,}",
            quantities.quantity(read, "bytes"),
            quantities.quantity(written, "bytes"),
        )
        for (name, instance), (logs, read, written) in ranked[:MOST]
    ]


def slow(found: FiguresOfDays, dates: Sequence[dt.date]) -> list[tuple[str, str, str, str]]:
    """Targets that were slower than their peers, by the number of days."""
    days: dict[tuple[str, str], list[float]] = {}
    for date in dates:
        day = found.days.get(date)
        for instance, one in day.instances.items() if day else ():
            slow: dict[str, float] = {}
            for target in one.target_speeds:
                if target.is_slow:
                    slow[target.name] = min(target.share, slow.get(target.name, 1.0))
            for name, share in slow.items():
                days.setdefault((name, instance), []).append(share)
    ranked = sorted(days.items(), key=lambda one: (-len(one[1]), one[0]))
    return [
        (name, instance, str(len(shares)), f"{100 * min(shares):.0f} %")
        for (name, instance), shares in ranked[:MOST]
    ]


def problems(
    found: FiguresOfDays, dates: Sequence[dt.date], *, up: str = ""
) -> list[tuple[str, str, str]]:
    """Day, its page, and a problem, newest first."""
    listed = [
        (str(date), f"{up}{layout.REPORT.format(date=date)}", f"{name}: {problem.sentence}")
        for date in reversed(dates)
        if date in found.days
        for name, one in found.days[date].instances.items()
        for problem in one.problems
    ]
    return listed[:MOST_PROBLEMS]


def unknown(found: FiguresOfDays, dates: Sequence[dt.date]) -> str:
    """What is said of days without figures."""
    lacking = [date for date in dates if date not in found.days]
    if not lacking:
        return ""
    return (
        f"The figures of {quantities.counted(len(lacking), 'day')} are not known, {lacking[0]} the"
        f" first: tokio-pipeline rebuild --start {lacking[0]} --stop {lacking[-1]} makes them."
    )
