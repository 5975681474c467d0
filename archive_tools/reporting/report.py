"""The day's report: one HTML page, from the archive alone, that can be opened anywhere. Without
matplotlib it has no pictures, and says so.

Every name in it came from users and is escaped by the template engine.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archive_tools import plotting
from archive_tools.core import quantities
from archive_tools.core.day import Day
from archive_tools.core.errors import FormatError
from archive_tools.core.extras import absent_packages
from archive_tools.core.findings import events_of
from archive_tools.core.printable import clean
from archive_tools.core.sums import sql_sum
from archive_tools.formats import index_file
from archive_tools.formats.series_file import SeriesFile, damage_named
from archive_tools.formats.tts_read import open_tts
from archive_tools.jobs import users
from archive_tools.reading import summary
from archive_tools.schemas.panels import panels
from archive_tools.store import layout, status
from archive_tools.store.receipts import DayReceipts, Receipts

VERSION = 2
"""Raised when the page changes: older reports are made again."""
MOST = 10
"""Rows of a table of users or programs."""


def write_report(
    root: Path, date: dt.date, target: Path, *, instances: Mapping[str, Sequence[str]]
) -> dict[str, int]:
    """Write the report of a day.

    Parameters
    ----------
    root : pathlib.Path
        The archive.
    date : datetime.date
    target : pathlib.Path
        New HTML file.
    instances : mapping of str to sequence of str
        What the day should have: the products of each instance, each made from the one before.

    Returns
    -------
    dict of str to int
        How many instances the page shows, and how many have data.
    """
    import jinja2

    about = (
        json.loads((root / layout.ABOUT).read_text("utf-8"))
        if (root / layout.ABOUT).is_file()
        else {}
    )
    day = Day(date, about.get("timezone", "UTC"))
    receipts = Receipts(root).day(date).read()
    sections = [
        _section(root, day, receipts, instance, wanted) for instance, wanted in instances.items()
    ]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("archive_tools.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        finalize=_shown,
    )
    page = environment.get_template("report.html").render(
        site=about.get("site", ""), day=day, sections=sections, pictures=not _undrawable()
    )
    target.write_text(page, encoding="utf-8")
    return {
        "instances": len(sections),
        "with_data": sum(1 for section in sections if section["datasets"]),
    }


def _shown(value: Any) -> Any:
    """What a page shows: text of users and files without control characters; pictures as they
    are.
    """
    return clean(value) if type(value) is str else value


def _section(
    root: Path, day: Day, receipts: DayReceipts, instance: str, wanted: Sequence[str]
) -> dict[str, Any]:
    path = layout.path(root, layout.TTS, day.date, instance)
    has_index = layout.path(root, layout.INDEX, day.date, instance).is_file()
    section: dict[str, Any] = {
        "instance": instance,
        "state": status.state_of(
            status.files_of(root, day.date), receipts, day.date, instance, wanted
        ),
        "products": _products(root, day.date, instance),
        "datasets": [],
        "plots": [],
        "tables": [],
        "findings": _findings(receipts, instance, day.timezone),
    }
    try:
        if path.is_file():
            with damage_named(path), open_tts(path) as tts:
                section["datasets"] = [_row(item) for item in summary.summarize(tts)]
                section["plots"] = [
                    plotting.svg(figure) for figure in ([] if _undrawable() else _figures(tts, day))
                ]
        if has_index:
            section["tables"] = _rankings(layout.path(root, layout.INDEX, day.date, instance))
    except FormatError as error:
        section["findings"] = [str(error), *section["findings"]]
    return section


def _products(root: Path, date: dt.date, instance: str) -> list[tuple[str, str]]:
    paths = [layout.path(root, template, date, instance) for template in status.FILES.values()]
    return [
        (path.name, quantities.quantity(path.stat().st_size, "bytes"))
        for path in paths
        if path.is_file()
    ]


def _findings(receipts: DayReceipts, instance: str, timezone: str) -> list[str]:
    found = []
    for receipt in receipts.all:
        if receipt.instance == instance:
            content = receipts.content(receipt)
            sentences = [*_sentences(content, timezone), *_reported(content)]
            found += [f"{receipt.product}: {sentence}" for sentence in sentences]
    return found


def _sentences(content: Mapping[str, Any], timezone: str) -> list[str]:
    """The findings by the site's clock; older receipts have no more than sentences."""
    try:
        found = [event.sentence(timezone) for event in events_of(content)]
    except (ValueError, OverflowError, OSError):  # times that no calendar has
        found = []
    return found or [str(sentence) for sentence in content.get("findings", [])]


def _reported(content: dict[str, Any]) -> list[str]:
    return [str(content[key]) for key in ("error", "reason") if key in content]


def _row(item: summary.DatasetSummary) -> dict[str, str]:
    shown = dataclasses.asdict(item)
    for name in ("total", "mean", "peak"):
        shown[name] = quantities.quantity(shown[name], item.unit)
    return shown | {"missing": quantities.fixed(item.missing, "%")}


def _undrawable() -> bool:
    """Whether the package that draws is not installed."""
    return bool(absent_packages("plots"))


def _figures(tts: SeriesFile, day: Day) -> list[Any]:
    """A picture of each panel of which the file has anything."""
    there = set(tts.datasets())
    shown = [[tts.to_series(name) for name in names if name in there] for names in _drawn()]
    return [plotting.lines(series, timezone=day.timezone) for series in shown if series]


def _drawn() -> list[tuple[str, ...]]:
    """The datasets of the panels, as far as they are drawn here."""
    return [panel.datasets for panel in panels().report[:3]]


RANKINGS = {
    "Users": (users.UID, "username"),
    "Programs": ("NULL", "exename"),
    "File systems": ("NULL", "fsname"),
}
"""Title to uid and name, by which rows are told apart."""


def _rankings(path: Path) -> list[dict[str, Any]]:
    """Who moved most bytes, from the index."""
    with index_file.connected(path) as connection:
        return _tables_of(connection)


def _tables_of(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    tables = []
    read, written = sql_sum("bytes_read"), sql_sum("bytes_written")
    for title, (uid_, name_) in RANKINGS.items():
        rows = connection.execute(
            f"""SELECT {uid_}, {name_}, COUNT(DISTINCT log_id), {read}, {written}
                FROM summaries JOIN headers USING (log_id) JOIN mounts USING (fs_id)
                GROUP BY 1, 2 ORDER BY {read} + {written} DESC, 2, 1"""
        ).fetchall()
        named = users.shown_users((uid, name) for uid, name, *_ in rows)
        shown = [
            (
                named[uid, name] or "–",
                logs,
                *(quantities.quantity(amount, "bytes") for amount in amounts),
            )
            for uid, name, logs, *amounts in rows[:MOST]
        ]
        tables.append({"title": title, "rows": shown})
    return tables
