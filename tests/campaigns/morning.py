"""What a morning's pages, commands and alerts find of a month's events, by their size, and how
often they speak in months without any.

    python -m tests.campaigns.morning

prints the table of docs/pages.md. Seeds are fixed: the same table every time.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from archive_tools import Archive
from archive_tools.core.vocabulary import AlertState
from archive_tools.jobs import comparison, slow_targets, top
from archive_tools.reading import daily, growth
from archive_tools.reporting import alerts
from archive_tools.reporting.day_figures import read_day_figures
from archive_tools.reporting.report import missing_of
from archive_tools.reporting.unusual import LEAST_DAYS, days_before, unusual
from tests.support import generated_month
from tests.support.generated_month import TARGETS, USER, Events

SEEDS = (1, 2, 3)
SLOW, FILLING = (TARGETS[n] for n in (generated_month.SLOW_TARGET, generated_month.FILLING_TARGET))
DATES = generated_month.dates()
COMPARED = DATES[LEAST_DAYS:]
"""Days that have enough days before them."""
SIZES = (
    Events(speed=0.9, times=2.0, points=1.0, minutes=5),
    Events(speed=0.75, times=3.0, points=2.0, minutes=15),
    Events(speed=0.5, times=10.0, points=5.0, minutes=60),
)
LIMITS = slow_targets.Limits(alpha=0.05)


class Event(NamedTuple):
    """An event, the words that name it where it is found, and the days on which it is looked for.

    Attributes
    ----------
    title : str
    sizes : tuple of str
        The smallest first.
    word : str
    dates : sequence of datetime.date
    """

    title: str
    sizes: tuple[str, str, str]
    word: str
    dates: Sequence[dt.date]


OST = Event(
    "OST slow for a day, speed left",
    ("90 %", "75 %", "50 %"),
    SLOW,
    [DATES[generated_month.SLOW_DAY]],
)
USERS = Event("user's bytes of a day", ("×2", "×3", "×10"), USER, [DATES[generated_month.USER_DAY]])
FILL = Event(
    "OST that fills, points a day for nine days",
    ("1", "2", "5"),
    FILLING,
    DATES[generated_month.FILLING_SINCE :],
)
GAP = Event(
    "nothing measured",
    ("5 min", "15 min", "60 min"),
    "not measured",
    [DATES[generated_month.GAP_DAY]],
)

Finder = Callable[[Path, dt.date], Iterable[str]]
"""What a page or command accuses on a day: names of targets and users, or other words."""


def page(root: Path, date: dt.date) -> list[str]:
    """What the day's page says is unusual, and what it says is missing."""
    known = read_day_figures(root, [date, *days_before(date)]).days
    found = list(unusual(known.pop(date), known).sentences)
    return found + [
        f"{name}: {missing}, not measured"
        for name, one in read_day_figures(root, [date]).days[date].instances.items()
        if (missing := missing_of(one))
    ]


def index(root: Path, date: dt.date) -> list[str]:
    """Slow targets that the index and the month count on the day."""
    figures = read_day_figures(root, [date]).days[date].instances["scratch"]
    return [one.name for one in figures.target_speeds if one.is_slow]


def alert(root: Path, date: dt.date) -> list[str]:
    """Alerts that fire."""
    found = alerts.evaluate(root, date, generated_month.RULES)
    return [f"{one.component} {one.sentence}" for one in found if one.state is AlertState.FIRING]


def slow_osts(root: Path, date: dt.date) -> list[str]:
    """`tokio-archive slow-osts` of the day alone."""
    found = slow_targets.target_speeds(Archive(root), "scratch", [date], LIMITS)
    return [one.target for one in found if one.is_slow(LIMITS)]


def first_of_top(root: Path, date: dt.date) -> list[str]:
    """The first user of `tokio-archive top`."""
    return [top.top(root, date, date, "user").totals[0].name]


def first_of_compare(root: Path, date: dt.date) -> list[str]:
    """The user that changed most by `tokio-archive compare`, the day against the week before, if
    it moved at least four times as much.
    """
    week = [date - dt.timedelta(days=n) for n in range(7, 0, -1)]
    changes = comparison.compare(Archive(root), [date], week, ["scratch"]).changes
    first = next(one for one in changes if one.of == "user")
    return [first.name] if first.times and first.times >= 4 else []


def fullest_of_growth(root: Path, date: dt.date) -> list[str]:
    """The fullest target of `tokio-archive growth`."""
    (day,) = daily.daily(Archive(root), "scratch", [date])
    (period,) = growth.periods([day], "day")
    return [period.fullest[0]] if period.fullest else []


def measured_of_growth(root: Path, date: dt.date) -> list[str]:
    """Days that `growth` and `compare` show as not whole."""
    (day,) = daily.daily(Archive(root), "scratch", [date])
    return ["not measured"] if day.measured < comparison.WHOLE else []


FINDERS: dict[str, tuple[Finder, tuple[Event, ...]]] = {
    "day's page": (page, (OST, USERS, FILL, GAP)),
    "index, slow targets": (index, (OST,)),
    "alerts": (alert, (OST, USERS, FILL, GAP)),
    "`slow-osts` of the day": (slow_osts, (OST,)),
    "`top`, first user": (first_of_top, (USERS,)),
    "`compare` with the week before, first user, ×4": (first_of_compare, (USERS,)),
    "`growth`, fullest target": (fullest_of_growth, (FILL,)),
    "`growth`, `compare`: not whole": (measured_of_growth, (GAP,)),
}
"""What finds events, and which."""
LISTS = ("`top`, first user", "`growth`, fullest target")
"""Finders that always name one."""


def is_found(root: Path, finder: Finder, event: Event) -> bool:
    """Whether a finder names an event, on any of its days."""
    return any(event.word in said for date in event.dates for said in finder(root, date))


def speaks(root: Path, finder: Finder) -> int:
    """On how many of a month's compared days a finder says anything."""
    return sum(bool(list(finder(root, date))) for date in COMPARED)


def table() -> str:
    """The table, as Markdown."""
    found: dict[tuple[str, str, int], int] = {}
    spoken = {name: 0 for name in FINDERS if name not in LISTS}
    for seed in SEEDS:
        for size, events in enumerate((*SIZES, Events())):
            with tempfile.TemporaryDirectory() as folder:
                root = generated_month.write(Path(folder) / "archive", seed, events)
                for name, (finder, its) in FINDERS.items():
                    if events == Events():
                        if name in spoken:
                            spoken[name] += speaks(root, finder)
                        continue
                    for event in its:
                        key = name, event.title, size
                        found[key] = found.get(key, 0) + is_found(root, finder, event)
    lines = ["| event | found by | small | middle | large |", "|---|---|---|---|---|"]
    for event in (OST, USERS, FILL, GAP):
        for name, (_, its) in FINDERS.items():
            if event in its:
                cells = [
                    f"{event.sizes[n]}: {found[name, event.title, n]} of {len(SEEDS)}"
                    for n in range(3)
                ]
                lines.append(f"| {event.title} | {name} | {' | '.join(cells)} |")
    days = len(SEEDS) * len(COMPARED)
    lines += ["", "| without events | days on which it speaks |", "|---|---|"]
    lines += [f"| {name} | {number} of {days} |" for name, number in spoken.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
