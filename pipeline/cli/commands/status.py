"""`tokio-pipeline status`: what is in the archive, a day by instance, and what needs somebody."""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

from archive_tools.core import date_words, printable
from archive_tools.core.accounts import account
from archive_tools.core.vocabulary import DayState, Severity
from archive_tools.store import files
from archive_tools.store.receipts import Receipts
from archive_tools.store.status import State
from pipeline.building.run_context import run_context
from pipeline.cli import common_options, exit_codes, site_options
from pipeline.runs import states
from pipeline.site import Site

Found = Mapping[dt.date, Mapping[str, State]]
DAYS = 14
"""Shown unless others are requested."""
TABLE_DAYS = 31
"""Of more days a calendar is shown."""
ANSWER_SECONDS = 20.0
"""How long a source may take to say what it has."""


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    site = site_options.loaded(options)
    start, stop = date_words.resolved(options.start, options.stop, site.timezone)
    stop = stop or site.yesterday()
    dates = site_options.span(start or _start(site, stop), stop)
    with run_context(longest_query=ANSWER_SECONDS):
        found = states.day_states(
            site,
            dates,
            options.site,
            instances=site_options.instances(options, site),
            ask=not options.no_ask,
        )
    if options.json:
        print(
            json.dumps(
                {
                    str(date): {instance: _reported(state) for instance, state in day.items()}
                    for date, day in found.items()
                },
                indent=1,
            )
        )
    else:
        _show(found)
    code = exit_codes.exit_code(state for day in found.values() for state in day.values())
    if options.textfile and not _write_metrics(site, found, Path(options.textfile).absolute()):
        code = exit_codes.worst([code, exit_codes.FAILED])
    return code


def _write_metrics(site: Site, found: Found, path: Path) -> bool:
    """Write the metrics file; one that cannot be written is said, and gives False."""
    from archive_tools.reporting import textfile
    from pipeline.runs import alerting

    starts = {date: site.day(date).start for date in found}
    runs, missing = textfile.last_runs(site.root), textfile.lacks(site.root, found)
    text = textfile.metrics(found, starts, runs, missing, alerting.newest(site, found))
    try:
        files.write_text(path, text)
        path.chmod(0o644)  # node_exporter runs as another user; it has names of instances only
    except OSError as error:
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        print(
            f"tokio-pipeline: the metrics file {path} cannot be written: {cause.strerror}; to do:"
            f" look at the folder and the rights of the account {account()}",
            file=sys.stderr,
        )
        return False
    return True


def _start(site: Site, stop: dt.date) -> dt.date:
    """The first day that is shown: of two weeks, the first of which the archive knows something."""
    dates = [stop - dt.timedelta(days=n) for n in range(DAYS - 1, -1, -1)]
    known = Receipts(site.root).days(dates)
    return next((date for date in dates if known[date].all), stop)


def _reported(state: State) -> dict[str, object]:
    """A state for JSON."""
    hours = None if state.forgotten_in is None else round(state.forgotten_in / 3600, 2)
    more = {
        "percent": state.percent,
        "logs": state.logs,
        "rejected": state.rejected,
        "forgotten_in_hours": hours,
    }
    return {"state": state.word, "detail": state.detail} | {
        key: value for key, value in more.items() if value is not None
    }


def _show(found: Found) -> None:
    """Show states, and then those that need somebody, the newest first."""
    console = Console(soft_wrap=True, highlight=False)
    if not console.is_terminal:
        print(
            "\n".join(
                [
                    *(
                        line.plain
                        for line in (
                            _table(found) if len(found) <= TABLE_DAYS else _calendar(found)
                        )
                    ),
                    *common_options.listed(_stretches(found), "--json has all"),
                ]
            )
        )
        return
    for line in _table(found) if len(found) <= TABLE_DAYS else _calendar(found):
        console.print(line)
    for text in common_options.listed(_stretches(found), "--json has all"):
        console.print(Text(text))


def _stretches(found: Found) -> list[str]:
    """What needs somebody, the newest first: days that follow each other with the same state are
    one line.
    """
    lines: list[tuple[dt.date, str]] = []
    for instance in dict.fromkeys(name for day in found.values() for name in day):
        for (needs, said), dates in itertools.groupby(
            found,
            key=lambda date: (_needs_somebody(found[date][instance]), _said(found[date][instance])),
        ):
            first, *others = dates
            if needs:
                span = f"{first} to {others[-1]}" if others else f"{first}"
                lines.append(
                    (
                        others[-1] if others else first,
                        f"{span}  {instance}: {said}"
                        + (f" ({1 + len(others)} days)" if others else ""),
                    )
                )
    return [
        printable.clean(text) for _, text in sorted(lines, key=lambda line: line[0], reverse=True)
    ]


def _needs_somebody(state: State) -> bool:
    return (
        state.word.severity is Severity.BAD
        or state.word in (DayState.LATE, DayState.STALE)
        or bool(state.rejected)
        or state.kept
    )


def _said(state: State) -> str:
    return f"{state.word}, {state.detail}" if state.detail else state.word


def _table(found: Found) -> list[Text]:
    """A line a day."""
    instances = list(dict.fromkeys(name for day in found.values() for name in day))
    widths = {i: max(len(i), *(len(_cell(day[i])) for day in found.values())) for i in instances}
    lines = [Text(("day         " + "  ".join(f"{i:{w}}" for i, w in widths.items())).rstrip())]
    for date, day in found.items():
        cells = [Text(f"{_cell(day[i]):{w}}", style=day[i].word.colour) for i, w in widths.items()]
        line = Text("  ").join([Text(str(date)), *cells])
        line.rstrip()
        lines.append(line)
    return lines


def _cell(state: State) -> str:
    rejected = f", {state.rejected} rejected" if state.rejected else ""
    return f"{state.short}{rejected}"


def _calendar(found: Found) -> list[Text]:
    """A line a month for each instance, a letter a day."""
    lines = []
    for instance in dict.fromkeys(name for day in found.values() for name in day):
        lines.append(Text(f"{instance:{len('2026-11')}}  1...5....10...15...20...25...30"))
        for month, dates in itertools.groupby(found, key=lambda date: f"{date:%Y-%m}"):
            line = Text(f"{month:{len(instance)}}  ")
            days = list(dates)
            line.append(" " * (days[0].day - 1))
            for word, same in itertools.groupby(found[date][instance].word for date in days):
                line.append(word.letter * len(list(same)), style=word.colour)
            lines.append(line)
        counts = Counter(day[instance].word for day in found.values())
        lines.append(
            Text(
                " " * max(len(instance), 7)
                + "  "
                + ", ".join(f"{count} {word}" for word, count in counts.most_common())
            )
        )
    return [
        *lines,
        Text(
            "# complete  + partial  ~ late or stale  ! failed  . missing  x expired  - marked empty"
        ),
    ]
