"""The alerts that nightly runs found, in the days' folders."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from archive_tools.core.errors import FormatError
from archive_tools.core.printable import clean
from archive_tools.core.vocabulary import AlertState
from archive_tools.formats import alerts_file
from archive_tools.formats.alerts_file import Alert, DayAlerts
from archive_tools.store import files, layout


@dataclass(frozen=True)
class AlertsOfDays:
    """The alerts of some days; `damaged` has the reason by day."""

    days: dict[dt.date, DayAlerts] = field(default_factory=dict)
    damaged: dict[dt.date, str] = field(default_factory=dict)


def said(alert: Alert) -> str:
    """An alert for people: where, and what."""
    return f"{alert.instance}: {alert.sentence}" if alert.instance else alert.sentence


def write(root: Path, date: dt.date, alerts: Sequence[Alert]) -> None:
    """Keep a day's alerts beside its products, where they are not those that are there."""
    path = layout.path(root, layout.ALERTS, date)
    content = alerts_file.encode(date, alerts)
    if not path.is_file() or path.read_bytes() != content:
        files.write_text(path, content.decode(), over_folder=True)


def read(root: Path, dates: Iterable[dt.date]) -> AlertsOfDays:
    """The alerts that nightly runs found.

    Parameters
    ----------
    root : pathlib.Path
        The archive.
    dates : iterable of datetime.date
        Days that were not evaluated are left out.
    """
    found = AlertsOfDays()
    for date in sorted(set(dates)):
        path = layout.path(root, layout.ALERTS, date)
        try:
            found.days[date] = alerts_file.decode(path.read_bytes(), path.name, date)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, FormatError) as error:
            found.damaged[date] = clean(str(error))
    return found


Row = tuple[str, str, str, str]
"""Day, rule, state, and what it says."""
NOT_EVALUATED = "no rule was evaluated, nightly runs do that"
NO_RULES = "no rules are left in site.json: nothing is evaluated any more"


def not_quiet(root: Path, dates: Sequence[dt.date], *, has_rules: bool = True) -> list[Row]:
    """The alerts of some days that are beyond their thresholds or not known, newest day first; of a
    file that cannot be read why not; and that the newest day was not evaluated, where others were.

    Parameters
    ----------
    root : pathlib.Path
        The archive.
    dates : sequence of datetime.date
    has_rules : bool
        Whether the site has rules now.
    """
    found = read(root, dates)
    rows = [
        (str(date), one.name, str(one.state), said(one))
        for date, day in found.days.items()
        for one in day.alerts
        if one.state is not AlertState.QUIET
    ]
    damaged = [(str(date), "", "damaged", why) for date, why in found.damaged.items()]
    newest = max(dates, default=None)
    if newest and found.days and newest not in {*found.days, *found.damaged}:
        why = NOT_EVALUATED if has_rules else NO_RULES
        rows.append((str(newest), "", str(AlertState.UNKNOWN), why))
    return sorted([*rows, *damaged], key=lambda row: row[0], reverse=True)
