"""The alerts of a day: one small JSON file beside the day's products, `alerts.json`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

from archive_tools.core.errors import FormatError
from archive_tools.core.printable import clean
from archive_tools.core.vocabulary import AlertKind, AlertState

LAYOUT = 1
"""Raised when a field gets another meaning."""


class Alert(msgspec.Struct, frozen=True):
    """What a rule says of an instance, or one of its components, on a day.

    Attributes
    ----------
    name : str
        Of the rule.
    kind : AlertKind
    state : AlertState
    instance, component : str
        "" where it is of all.
    value, threshold : float or None
        None where it is not known, or endless.
    sentence : str
    """

    name: str
    kind: AlertKind
    state: AlertState
    instance: str = ""
    component: str = ""
    value: float | None = None
    threshold: float | None = None
    sentence: str = ""


class DayAlerts(msgspec.Struct, frozen=True):
    """What a nightly run found: the alerts of all rules, each at least once."""

    layout: int
    date: dt.date
    alerts: list[Alert]


def encode(date: dt.date, alerts: Sequence[Alert]) -> bytes:
    """Alerts as the file has them."""
    return msgspec.json.format(msgspec.json.encode(DayAlerts(LAYOUT, date, list(alerts))))


def decode(content: bytes, where: str, date: dt.date) -> DayAlerts:
    """The alerts of a file of a day.

    Raises
    ------
    FormatError
        It is not one, or is of another day or of a later layout.
    """
    try:
        found = msgspec.json.decode(content, type=DayAlerts)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise FormatError(
            f"{where} is not a file of alerts: {clean(str(error))}",
            hint="the next nightly run of the day writes it anew",
        ) from error
    if (found.layout, found.date) != (LAYOUT, date):
        raise FormatError(
            f"{where} is of another day or layout",
            expected=f"{date}, layout {LAYOUT}",
            got=f"{found.date}, layout {found.layout}",
        )
    return found
