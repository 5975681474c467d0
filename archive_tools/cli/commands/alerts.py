"""`tokio-archive alerts`: what the site's alerts said of each day."""

from __future__ import annotations

import argparse

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.core import quantities
from archive_tools.core.errors import NotFound
from archive_tools.core.vocabulary import AlertState
from archive_tools.formats.alerts_file import Alert
from archive_tools.reporting import kept_alerts
from archive_tools.store import layout


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    archive = common_options.open_archive(options.archive)
    start, stop = common_options.whole_days(*common_options.given_range(options), archive.timezone)
    dates = [date for date, _ in layout.day_folders(archive.root) if start <= date <= stop]
    found = kept_alerts.read(archive.root, dates)
    for date, reason in found.damaged.items():
        printing.note(f"the alerts of {date} cannot be read: {reason}")
    if not found.days:
        raise NotFound(
            "no day of the range was evaluated",
            hint="nightly runs evaluate the rows of alerts in site.json",
        )
    if absent := len(dates) - len(found.days) - len(found.damaged):
        printing.note(f"{quantities.counted(absent, 'day')} of the range were not evaluated")
    rows = [
        (date, one)
        for date, day in sorted(found.days.items(), reverse=True)
        for one in day.alerts
        if (options.all or one.state is not AlertState.QUIET) and options.name in ("", one.name)
    ]
    if options.json:
        shown = ("name", "kind", "state", "instance", "component", "value", "threshold", "sentence")
        printing.show_json(
            [{"date": str(date)} | {key: getattr(one, key) for key in shown} for date, one in rows]
        )
    elif rows:
        printing.show(
            ["day", "alert", "state", "instance", "threshold", "what"],
            [
                [str(date), one.name, one.state, one.instance or "–", _threshold(one), one.sentence]
                for date, one in rows
            ],
            left=(0, 1, 2, 3, 5),
        )
    else:
        printing.say(f"{quantities.counted(len(found.days), 'day')}, no alert")
    return exit_codes.NOT_THERE if found.damaged else exit_codes.DONE


def _threshold(alert: Alert) -> str:
    return "–" if alert.threshold is None else f"{alert.threshold:,g}"
