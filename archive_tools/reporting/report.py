"""The day's page: what is complete, what was unusual, what was moved and by whom, what is missing;
then pictures and tables. It is made from the archive alone, and can be opened anywhere.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from archive_tools.core import quantities
from archive_tools.core.choices import HISTORY_DAYS
from archive_tools.core.day import Day
from archive_tools.core.errors import FormatError
from archive_tools.core.vocabulary import Severity
from archive_tools.formats import index_file
from archive_tools.reporting import charts, day_jobs, headlines, job_pages, measuring, rendering
from archive_tools.reporting.day_figures import (
    DayFigures,
    InstanceFigures,
    Moved,
    read_day_figures,
)
from archive_tools.reporting.figures_of_day import figures_of
from archive_tools.reporting.near_days import DAYS, days_before, days_with_figures, neighbours
from archive_tools.reporting.unusual import LEAST_DAYS, unusual
from archive_tools.store import job_page_files, layout, status
from archive_tools.store.about_file import read_about

FIRST_PROBLEMS = 4
"""Findings on the first screen."""
FEW_NAMES = 3
"""Datasets that a sentence names."""
UP = "../../"
RANKINGS = {"Users": "users", "Programs": "programs", "File systems": "file_systems"}


def write_report(
    root: Path,
    date: dt.date,
    target: Path,
    *,
    instances: Mapping[str, Sequence[str]],
    with_page: Collection[str] = (),
    coming: Collection[dt.date] = (),
    figures: DayFigures | None = None,
) -> dict[str, int]:
    """Write the page of a day.

    Parameters
    ----------
    root : pathlib.Path
        The archive.
    date : datetime.date
    target : pathlib.Path
        New HTML file.
    instances : mapping of str to sequence of str
        What the day should have: the products of each instance, each made from the one before.
    with_page : collection of str
        Names of the pages of single jobs, to which it leads.
    coming : collection of datetime.date
        Days that get their page in this run, to which it leads as if they had it.
    figures : DayFigures, optional
        Those that `figures_of` gives now, where they are known.

    Returns
    -------
    dict of str to int
        How many instances the page shows, how many have data, how many pages of jobs it leads to,
        and how many of the days that it is compared with, and its jobs, have figures.
    """
    site = str(read_about(root).get("site", ""))
    known = read_day_figures(root, days_before(date)).days
    # the figures of now, which are what is in figures.json where that could be written
    figures = figures or figures_of(root, date, instances=instances)
    day = Day(date, figures.timezone)
    sections = [
        _section(root, day, name, one, with_page) for name, one in figures.instances.items()
    ]
    compared = unusual(figures, known)
    page = rendering.render(
        "day.html",
        up=UP,
        links=_links(root, date, coming),
        site=site,
        day=day,
        weekday=f"{date:%A}",
        sections=sections,
        unusual=compared,
        least_days=LEAST_DAYS,
        is_live=rendering.is_live(),
        ticks=charts.ticks(day),
        **_words(figures),
    )
    target.write_text(page, encoding="utf-8")
    return {
        "instances": len(sections),
        "with_data": sum(1 for one in figures.instances.values() if one.datasets),
        "job_pages": len(with_page),
        "before": days_with_figures(root, date, DAYS),
        "history": days_with_figures(root, date, HISTORY_DAYS),
    }


def _links(root: Path, date: dt.date, coming: Collection[dt.date]) -> list[rendering.Link]:
    before, after = neighbours(root, date, coming)
    return [
        ("All days", f"{UP}{layout.INDEX_PAGE}"),
        (f"{date:%B %Y}", f"{UP}{layout.MONTH_PAGE.format(date=date)}"),
        *(
            (f"{label}: {one}", f"{UP}{layout.REPORT.format(date=one)}")
            if one
            else (f"{label}: none", None)
            for label, one in (("Before", before), ("After", after))
        ),
    ]


def _words(figures: DayFigures) -> dict[str, Any]:
    """The first screen."""
    incomplete = [
        name
        for name, one in figures.instances.items()
        if headlines.severity(one.state) != Severity.GOOD
    ]
    many = len(figures.instances)
    headline = (
        headlines.completeness({name: one.state for name, one in figures.instances.items()})
        if not incomplete
        else f"Not complete: {len(incomplete)} of {quantities.counted(many, 'source')}:"
        f" {', '.join(incomplete)}."
    )
    problems = [
        f"{name}: {problem.sentence}"
        for name, one in figures.instances.items()
        for problem in one.problems
    ]
    return {
        "incomplete": incomplete,
        "headline": headline if many else "No source is configured.",
        "look": headlines.look(one.state for one in figures.instances.values()),
        "moved": list(_moved(figures)),
        "missing": [
            f"{name}: {said}"
            for name, one in figures.instances.items()
            if name not in incomplete and (said := missing_of(one))
        ],
        "first_problems": problems[:FIRST_PROBLEMS],
        "more_problems": max(0, len(problems) - FIRST_PROBLEMS),
    }


def missing_of(one: InstanceFigures) -> str:
    """What an instance lacks, as a whole day may lack some cells; "" for nothing."""
    if headlines.severity(one.state) != Severity.GOOD:
        return f"{one.state} {one.detail}".rstrip()
    shares = {name: dataset.missing or 0.0 for name, dataset in one.datasets.items()}
    most = max((share for share in shares.values() if share < 100), default=0.0)
    said = [f"{quantities.fixed(most, '%')} of a dataset at most."] if most > 0 else []
    if idle := sorted(name for name, share in shares.items() if share >= 100):
        said.append(f"Of {_few(idle)} there is no sample, and none was expected.")
    return " ".join(said)


def _few(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - FEW_NAMES
    first = ", ".join(names[:FEW_NAMES])
    return f"{first} and {more} more" if more > 0 else first


def _moved(figures: DayFigures) -> list[tuple[str, list[tuple[str, str]]]]:
    """Sentences, each with the names and amounts that it ends with."""
    said: list[tuple[str, list[tuple[str, str]]]] = []
    for name, one in figures.instances.items():
        read, written = one.moved()
        if read is not None or written is not None:
            said.append((f"{name}: {headlines.amounts(read, written)}.", []))
        if one.users:
            whom = [
                (user.name or quantities.NONE, headlines.amounts(user.read, user.written))
                for user in one.users[:3]
            ]
            said.append((f"By {name}'s logs:", whom))
    return said


def _section(
    root: Path, day: Day, instance: str, figures: InstanceFigures, with_page: Collection[str]
) -> dict[str, Any]:
    section: dict[str, Any] = {
        "instance": instance,
        "state": {"word": figures.state, "detail": figures.detail},
        "products": _products(root, day.date, instance),
        "charts": [],
        "jobs": [],
        "job_lists": [],
        "rankings": [
            (title, [_moved_row(row) for row in getattr(figures, field)])
            for title, field in RANKINGS.items()
            if getattr(figures, field)
        ],
        "slow": [
            (one.name, f"{100 * one.share:.0f} %", f"{one.deviations:.1f}")
            for one in figures.slow_targets
        ],
        "datasets": [
            (
                name,
                str(one.components),
                quantities.quantity(one.total, one.unit),
                quantities.quantity(one.mean, one.unit),
                quantities.quantity(one.peak, one.unit),
                quantities.fixed(one.missing, "%"),
            )
            for name, one in figures.datasets.items()
        ],
        "problems": figures.problems,
    }
    try:
        path = layout.path(root, layout.TTS, day.date, instance)
        if path.is_file():
            section["charts"] = charts.charts_of(measuring.measured(path, day), instance)
        index = layout.path(root, layout.INDEX, day.date, instance)
        if index.is_file():
            with index_file.connected(index) as connection:
                jobs = day_jobs.jobs_of(connection)
            section |= _jobs(instance, day, jobs, with_page)
    except FormatError:
        pass  # which the figures' problems say
    return section


def _jobs(
    instance: str, day: Day, jobs: Sequence[day_jobs.DayJob], with_page: Collection[str]
) -> dict[str, Any]:
    """The largest and the slowest jobs, with where their pages are."""

    def hrefs(some: Sequence[day_jobs.DayJob]) -> list[str | None]:
        names = (job_pages.name_of(instance, job) for job in some)
        return [f"{job_page_files.FOLDER}/{name}" if name in with_page else None for name in names]

    first = day_jobs.largest(jobs, day_jobs.MOST_LISTED)
    last = day_jobs.slowest(jobs, day_jobs.MOST_SLOW)
    return {
        "jobs": list(zip(day_jobs.bars(first, day), hrefs(first), strict=True)),
        "job_lists": [
            (title, day_jobs.rows(some, day), hrefs(some))
            for title, some in (("Jobs by bytes", first), ("Slowest jobs", last))
            if some
        ],
    }


def _moved_row(one: Moved) -> tuple[str, str, str, str]:
    amounts = (quantities.quantity(amount, "bytes") for amount in (one.read, one.written))
    return one.name or quantities.NONE, f"{one.logs:,}", next(amounts), next(amounts)


def _products(root: Path, date: dt.date, instance: str) -> list[tuple[str, str]]:
    paths = [layout.path(root, template, date, instance) for template in status.FILES.values()]
    return [
        (path.name, quantities.quantity(path.stat().st_size, "bytes"))
        for path in paths
        if path.is_file()
    ]
