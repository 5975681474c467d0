"""The pages above the days: `index.html` of an archive, and a page a month. They are made from
receipts' names and the days' figures alone; no HDF5 file is opened.

A page is written when what it shows differs from what it was made of, which `receipts/pages.json`
has, with the hash of its bytes and of the scripts'.
"""

from __future__ import annotations

import calendar
import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from archive_tools.core import date_words, quantities
from archive_tools.core.errors import TokioError
from archive_tools.core.vocabulary import DayState
from archive_tools.reporting import (
    charts,
    drawing,
    fullness_trend,
    kept_alerts,
    last_day,
    lately,
    rendering,
)
from archive_tools.reporting.day_figures import FiguresOfDays, InstanceFigures, read_day_figures
from archive_tools.store import digest, files, layout, status
from archive_tools.store.about_file import read_about
from archive_tools.store.digest import OTHER_BYTES
from archive_tools.store.receipts import Receipts
from archive_tools.store.receipts import fingerprint as fingerprint_of

VERSION = 6
"""Raised when the pages change."""
YEAR, WEEK, WEEKS = 366, 7, 28

Products = Mapping[str, Sequence[str]]


def write_pages(
    root: Path, instances: Products, *, has_rules: bool = True, deep: bool = False
) -> list[str]:
    """Write the index and the pages of months, as far as they are not what they would be.

    Parameters
    ----------
    root : pathlib.Path
        The archive.
    instances : mapping of str to sequence of str
        What days should have: the products of each instance.
    has_rules : bool
        Whether the site has rules for alerts now.
    deep : bool
        Also write those with other bytes of the same number.

    Returns
    -------
    list of str
        Names of the pages that were written.
    """
    dates = [date for date, _ in layout.day_folders(root)]
    if not dates:
        return []
    receipts = Receipts(root).days(dates)
    told = {
        date: fingerprint_of([receipt.name for receipt in receipts[date].all]) for date in dates
    }
    by_month: dict[tuple[int, int], list[dt.date]] = {}
    for date in dates:
        by_month.setdefault((date.year, date.month), []).append(date)
    months, days_of = sorted(by_month), {}
    now = rendering.write_assets(root, deep=deep)
    facts = [VERSION, dict(instances), read_about(root), sorted(now)]
    known, written = _known(root), []
    recent = [date for date in dates if (dates[-1] - date).days < YEAR]
    last = _last_that_is_over(root, dates)
    over = [date for date in recent if date <= last]
    said = kept_alerts.not_quiet(root, over[-WEEKS:], has_rules=has_rules)
    lately = [told[date] for date in recent]
    wanted = {layout.INDEX_PAGE: fingerprint_of(facts, months, lately, said, str(last))}
    for number, month in enumerate(months):
        near, page = months[max(0, number - 1) : number + 2], _month_page(month)
        days_of[page] = by_month[month]
        wanted[page] = fingerprint_of(facts, near, [told[date] for date in by_month[month]])
    for name, made_of in wanted.items():
        before = known.get(name, {})
        is_known = before.get("made_of") == made_of and not before.get("damaged")
        if is_known and not digest.damage(root / name, before, deep=deep):
            now[name] = before
            continue
        is_index = name == layout.INDEX_PAGE
        mine = recent if is_index else days_of[name]
        found = read_day_figures(root, mine)
        text = (
            _index(root, mine, found, last, months, instances, said)
            if is_index
            else _month(root, mine, found, dates, months, instances)
        )
        files.write_text(root / name, text, over_folder=True)
        now[name] = {"made_of": made_of, **digest.facts(root / name)}
        if others := [str(date) for date, why in found.damaged.items() if why == OTHER_BYTES]:
            now[name]["damaged"] = others  # they may be whole at the next run, by the same receipts
        written.append(name)
    if now != known:
        content = json.dumps(now, indent=1) + "\n"
        files.write_text(root / layout.PAGES, content, over_folder=True)
    return written


def _known(root: Path) -> dict[str, dict[str, Any]]:
    """What is known of the pages; nothing where that is not there or damaged."""
    try:
        found = json.loads((root / layout.PAGES).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    pages = found.items() if isinstance(found, dict) else ()
    return {name: one for name, one in pages if isinstance(one, dict)}


def _month_page(month: tuple[int, int]) -> str:
    return layout.MONTH_PAGE.format(date=dt.date(*month, 1))


def _last_that_is_over(root: Path, dates: Sequence[dt.date]) -> dt.date:
    """The newest day that is over at the site: of the one that goes on, `collect` may have brought
    some hours.
    """
    today = date_words.today_at(str(read_about(root).get("timezone", "UTC")))
    return max((date for date in dates if date < today), default=dates[-1])


def _index(
    root: Path,
    dates: Sequence[dt.date],
    found: FiguresOfDays,
    last: dt.date,
    months: Sequence[tuple[int, int]],
    instances: Products,
    said: Sequence[kept_alerts.Row],
) -> str:
    states = _states(root, dates, instances)
    week = [date for date in dates if 0 <= (last - date).days < WEEK]
    four = [date for date in dates if 0 <= (last - date).days < WEEKS]
    days = [last - dt.timedelta(days=number) for number in range(1, WEEKS)]
    before = [date for date in days if date >= dates[0]]
    page = layout.REPORT.format(date=last)
    years = sorted({year for year, _ in months}, reverse=True)
    return rendering.render(
        "index.html",
        up="",
        links=[
            ("All days", None),
            (f"Last day: {last}", page if (root / page).is_file() else None),
        ],
        site=str(read_about(root).get("site", "")),
        timezone=str(read_about(root).get("timezone", "UTC")),
        last=last,
        heads=[
            said
            for said in (
                last_day.of_last_day(last, states[last]),
                last_day.of_days_before(last, _states(root, before, instances)),
                last_day.of_amounts(last, found),
            )
            if said
        ],
        calendars=_calendars(root, dates, states, up=""),
        legend=[(word.letter, str(word)) for word in DayState],
        alerts=said,
        traffic=_traffic(found, dates, instances),
        fullness=fullness_trend.rows(found, instances),
        week=f"{week[0]} to {week[-1]}",
        rankings=[
            (title, lately.ranked(found, week, field))
            for title, field in (("Users", "users"), ("Programs", "programs"))
        ],
        slow=lately.slow(found, four),
        problems=lately.problems(found, four),
        four=f"{four[0]} to {four[-1]}",
        unknown=lately.unknown(found, [date for date in dates if date <= last]),
        years=[
            (
                year,
                [
                    (calendar.month_name[month], _month_page((year, month)))
                    for one, month in months
                    if one == year
                ],
            )
            for year in years
        ],
    )


def _month(
    root: Path,
    dates: Sequence[dt.date],
    found: FiguresOfDays,
    all_dates: Sequence[dt.date],
    months: Sequence[tuple[int, int]],
    instances: Products,
) -> str:
    month = dates[0].year, dates[0].month
    states = _states(root, dates, instances)
    last = _last_that_is_over(root, all_dates)
    place = months.index(month)
    before = months[place - 1] if place else None
    after = months[place + 1] if place + 1 < len(months) else None
    title = f"{calendar.month_name[month[1]]} {month[0]}"
    return rendering.render(
        "month.html",
        up="../",
        links=[
            ("All days", f"../{layout.INDEX_PAGE}"),
            *(
                (f"{label}: {one[0]}-{one[1]:02}", f"../{_month_page(one)}")
                if one
                else (f"{label}: none", None)
                for label, one in (("Before", before), ("After", after))
            ),
        ],
        site=str(read_about(root).get("site", "")),
        timezone=str(read_about(root).get("timezone", "UTC")),
        title=title,
        calendars=_calendars(root, dates, states, up="../"),
        legend=[(word.letter, str(word)) for word in DayState],
        traffic=_traffic(found, dates, instances),
        days=[_day_row(root, date, states[date], found) for date in dates],
        rankings=[
            (title, lately.ranked(found, dates, field))
            for title, field in (("Users", "users"), ("Programs", "programs"))
        ],
        slow=lately.slow(found, dates),
        problems=lately.problems(found, dates, up="../"),
        unknown=lately.unknown(found, [date for date in dates if date <= last]),
    )


def _states(
    root: Path, dates: Iterable[dt.date], instances: Products
) -> dict[dt.date, dict[str, status.State]]:
    """What receipts say now; a day whose receipts cannot be read is failed."""
    try:
        return status.states(root, dates, instances)
    except (TokioError, OSError) as error:
        failed = status.State(DayState.FAILED, str(error))
        return {date: dict.fromkeys(instances, failed) for date in dates}


def _calendars(
    root: Path,
    dates: Sequence[dt.date],
    states: Mapping[dt.date, Mapping[str, status.State]],
    *,
    up: str,
) -> list[tuple[str, list[dict[str, Any]]]]:
    """By instance: months with their weeks of squares, each with a letter."""
    found = []
    for instance in dict.fromkeys(name for one in states.values() for name in one):
        blocks = []
        for year, month in sorted({(date.year, date.month) for date in dates}):
            weeks = [
                [
                    _square(root, dt.date(year, month, day), states, instance, up) if day else None
                    for day in week
                ]
                for week in calendar.monthcalendar(year, month)
            ]
            href = _month_page((year, month)) if not up else None
            blocks.append(
                {"title": f"{calendar.month_abbr[month]} {year}", "weeks": weeks, "href": href}
            )
        found.append((instance, blocks))
    return found


def _square(
    root: Path,
    date: dt.date,
    states: Mapping[dt.date, Mapping[str, status.State]],
    instance: str,
    up: str,
) -> dict[str, Any]:
    state = states.get(date, {}).get(instance)
    if state is None:
        return {"letter": "", "word": "", "label": f"{date}: not in the archive", "href": None}
    has_page = layout.path(root, layout.REPORT, date).is_file()
    href = f"{up}{layout.REPORT.format(date=date)}" if has_page else None
    return {
        "letter": state.word.letter,
        "word": str(state.word),
        "label": f"{date}: {state}",
        "href": href,
    }


def _traffic(
    found: FiguresOfDays, dates: Sequence[dt.date], instances: Products
) -> list[charts.Chart]:
    """Bytes a day of each instance that has data targets."""
    made = []
    days = [dates[0] + dt.timedelta(days=n) for n in range((dates[-1] - dates[0]).days + 1)]
    for place, instance in enumerate(instances):
        rows = [_moved(found, date, instance) for date in days]
        amounts = [sum(one or 0.0 for one in row) for row in rows]
        top = max(amounts, default=0.0)
        if not top:
            continue
        largest = days[amounts.index(top)]
        made.append(
            charts.Chart(
                name=f"traffic-{place}",
                title=f"{instance}: bytes a day",
                unit="bytes",
                peak=quantities.quantity(top, "bytes"),
                legend=[("c0", "read"), ("c1", "written")],
                svg=drawing.stacked(
                    [[one or 0.0 for one in row] for row in rows], top, ["c0", "c1"]
                ),
                label=(
                    f"{days[0]} to {days[-1]}, most on {largest}:"
                    f" {quantities.quantity(top, 'bytes')}"
                ),
                ticks=[
                    (100 * number / len(days), str(day))
                    for number, day in enumerate(days)
                    if number % max(1, len(days) // 2) == 0 and number < 0.9 * len(days)
                ],
                header=["Day", "Read", "Written"],
                rows=[
                    [str(day), *(quantities.quantity(one, "bytes") for one in row)]
                    for day, row in zip(days, rows, strict=True)
                ],
                data={},
                height=110,
            )
        )
    return made


def _moved(found: FiguresOfDays, date: dt.date, instance: str) -> tuple[float | None, float | None]:
    figures = _figures(found, date, instance)
    return figures.moved() if figures else (None, None)


def _figures(found: FiguresOfDays, date: dt.date, instance: str) -> InstanceFigures | None:
    day = found.days.get(date)
    return day.instances.get(instance) if day else None


def _states_in_words(states: Mapping[str, status.State]) -> str:
    """What is not complete by name; the others by their word alone."""
    named = [f"{name} {state}" for name, state in states.items() if state.word.severity]
    words: dict[str, list[str]] = {}
    for name, state in states.items():
        if not state.word.severity:
            words.setdefault(state.word, []).append(name)
    if not named and len(words) == 1:
        return next(iter(words))
    return "; ".join([*named, *(f"{', '.join(names)} {word}" for word, names in words.items())])


def _day_row(
    root: Path, date: dt.date, states: Mapping[str, status.State], found: FiguresOfDays
) -> dict[str, Any]:
    both = [_moved(found, date, instance) for instance in states]
    read, written = (
        sum(known)
        if (known := [row[place] or 0.0 for row in both if row[place] is not None])
        else None
        for place in (0, 1)
    )
    href = f"../{layout.REPORT.format(date=date)}"
    return {
        "date": f"{date:%a} {date}",
        "href": href if (root / layout.REPORT.format(date=date)).is_file() else None,
        "states": _states_in_words(states),
        "read": quantities.quantity(read, "bytes"),
        "written": quantities.quantity(written, "bytes"),
    }
