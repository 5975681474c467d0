"""The site's alerts: evaluated when a day's products are there, kept, and said."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable

from archive_tools.core.errors import TokioError
from archive_tools.core.vocabulary import AlertKind, AlertState
from archive_tools.formats.alerts_file import Alert
from archive_tools.reporting import alerts, kept_alerts
from archive_tools.reporting.alerts import Rule
from archive_tools.reporting.near_days import DAYS
from archive_tools.store import files, layout
from pipeline.site import Site

log = logging.getLogger("tokio")


def rules(site: Site) -> list[Rule]:
    """The rows of site.json."""
    return [
        Rule(**{**one.model_dump(), "kind": AlertKind(one.kind)})  # a word of the same name
        for one in site.alerts
    ]


def evaluate_day(site: Site, date: dt.date) -> list[Alert]:
    """Evaluate and keep the alerts of a day; where the site has none, what rules of then said of it
    is kept no longer.
    """
    if not site.alerts:
        files.remove(layout.path(site.root, layout.ALERTS, date))
        return []
    found = alerts.evaluate(site.root, date, rules(site))
    kept_alerts.write(site.root, date, found)
    return found


def is_evaluated(site: Site, date: dt.date) -> bool:
    """Whether the archive has alerts of a day, though none may fire."""
    return layout.path(site.root, layout.ALERTS, date).is_file()


def evaluate_again(site: Site, dates: Iterable[dt.date]) -> bool:
    """Evaluate the alerts of days that were made again, where a nightly run had evaluated them, of
    the weeks that the index shows; of others nobody wants an alert now. Whether all could be kept;
    what could not is logged.
    """
    well, first = True, site.yesterday() - dt.timedelta(days=DAYS)
    for date in dates if site.alerts else ():
        if date > first and is_evaluated(site, date):
            try:
                evaluate_day(site, date)
            except (TokioError, OSError) as error:
                log.error("the alerts of %s are not kept: %s", date, error)
                well = False
    return well


def newest(site: Site, dates: Iterable[dt.date]) -> tuple[int, list[Alert]] | None:
    """The alerts of the newest of some days that was evaluated, and its first second; rules that it
    did not have are unknown. None where the site has no alerts.
    """
    if not site.alerts:
        return None
    found = kept_alerts.read(site.root, dates)
    known = found.days[max(found.days)].alerts if found.days else []
    there = {one.name for one in site.alerts}
    shown = [one for one in known if one.name in there]
    evaluated = {one.name for one in shown}
    shown += [
        Alert(one.name, one.kind, AlertState.UNKNOWN, sentence="no nightly run has evaluated it")
        for one in rules(site)
        if one.name not in evaluated
    ]
    return (site.day(max(found.days)).start if found.days else 0), shown
