"""Metrics of an archive in Prometheus' text format, for node_exporter's textfile collector.

Names follow the conventions of Prometheus; a state is a label. The format is described in
Prometheus' documentation of exposition formats.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from archive_tools.core.vocabulary import AlertState, DayState, Product
from archive_tools.formats.alerts_file import Alert
from archive_tools.store.receipt_content import DamagedReceipt
from archive_tools.store.receipts import Receipts
from archive_tools.store.status import State

Sample = tuple[dict[str, str], float]


def last_runs(root: Path) -> list[dict[str, Any]]:
    """What the commands noted of their last runs; see `archive_tools.store.layout.LAST_RUN`."""
    found = []
    for path in sorted((root / "receipts").glob("last_*.json")):
        try:
            found.append(dict(json.loads(path.read_text("utf-8"))))
        except (
            OSError,
            ValueError,
            TypeError,
            RecursionError,
        ):
            continue  # damaged, or just being replaced by hand
    return found


def lacks(root: Path, found: Mapping[dt.date, Mapping[str, State]]) -> dict[str, tuple[float, int]]:
    """By instance, of the newest day that has a file of series: per cent of the expected cells that
    are missing, and how many components are missing altogether.
    """
    missing: dict[str, tuple[float, int]] = {}
    days = Receipts(root).days(found)
    for date in sorted(found, reverse=True):
        for instance in found[date]:
            receipt = days[date].good(instance, Product.TTS)
            if instance in missing or receipt is None:
                continue
            try:
                content = days[date].content(receipt)
            except DamagedReceipt:  # named by the state
                continue
            if "percent" in content:
                absent = content.get("missing_components", [])
                missing[instance] = round(100.0 - float(content["percent"]), 1), len(absent)
    return missing


def metrics(
    found: Mapping[dt.date, Mapping[str, State]],
    starts: Mapping[dt.date, int],
    runs: list[dict[str, Any]],
    missing: Mapping[str, tuple[float, int]] | None = None,
    alerts: tuple[int, Sequence[Alert]] | None = None,
) -> str:
    """The metrics of some days.

    Parameters
    ----------
    found : mapping
        Day and instance to state.
    starts : mapping of datetime.date to int
        First second of each day.
    runs : list of dict
        From `last_runs`.
    missing : mapping of str to (float, int)
        From `lacks`.
    alerts : tuple of int and sequence of Alert, optional
        First second of the newest day that was evaluated, and what its alerts say.
    """
    missing = missing or {}
    evaluated = [alerts] if alerts else []
    instances = list(dict.fromkeys(name for day in found.values() for name in day))
    states = {
        instance: {date: day[instance] for date, day in found.items()} for instance in instances
    }
    return "".join(
        [
            _metric(
                "tokio_archive_states",
                "How many days of the range that was looked at are in each state, by instance.",
                _days(states),
            ),
            _metric(
                "tokio_newest_complete_day_timestamp_seconds",
                "Start of the newest day that is complete.",
                _newest(states, starts),
            ),
            _metric(
                "tokio_archive_gaps",
                "How many days before the newest complete one that are neither complete nor marked"
                " empty.",
                _gaps(states),
            ),
            _metric(
                "tokio_rejected_logs", "Darshan logs that could not be read.", _rejected(states)
            ),
            _metric(
                "tokio_forgotten_in_seconds",
                "Time until the source begins to forget a day that the archive does not have.",
                _forgotten(states),
            ),
            _metric(
                "tokio_missing_percent",
                "Expected cells of the newest archived day that were not measured, per cent.",
                (({"instance": name}, percent) for name, (percent, _) in missing.items()),
            ),
            _metric(
                "tokio_missing_components",
                "Components that were expected on the newest archived day and not measured at all.",
                (({"instance": name}, float(absent)) for name, (_, absent) in missing.items()),
            ),
            _metric(
                "tokio_damaged_receipt",
                "A receipt that cannot be read; the next run of its day makes it again.",
                _damaged(states),
            ),
            _metric(
                "tokio_alert",
                "Whether an alert of site.json is beyond its threshold, on the newest day that was"
                " evaluated.",
                _alerts(evaluated, AlertState.FIRING, AlertState.QUIET),
            ),
            _metric(
                "tokio_alert_unknown",
                "An alert of site.json that could not be evaluated.",
                _alerts(evaluated, AlertState.UNKNOWN),
            ),
            _metric(
                "tokio_alerts_day_timestamp_seconds",
                "Start of the newest day whose alerts were evaluated.",
                (({}, float(start)) for start, _ in evaluated),
            ),
            _metric(
                "tokio_last_run_timestamp_seconds",
                "End of the last run.",
                _runs(runs, lambda run: dt.datetime.fromisoformat(run["ended"]).timestamp()),
            ),
            _metric(
                "tokio_last_run_duration_seconds",
                "How long the last run took.",
                _runs(runs, lambda run: float(run["seconds"])),
            ),
            _metric(
                "tokio_last_run_exit_code",
                "Exit code of the last run; -1 if it was stopped.",
                _runs(runs, _code),
            ),
        ]
    )


def _metric(name: str, about: str, samples: Iterator[Sample]) -> str:
    lines = [
        f"{name}{{{','.join(f'{key}={_quoted(value)}' for key, value in labels.items())}}}"
        f" {value!r}\n"
        for labels, value in samples
    ]
    return f"# HELP {name} {about}\n# TYPE {name} gauge\n" + "".join(lines) if lines else ""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


ByInstance = Mapping[str, Mapping[dt.date, State]]


def _days(states: ByInstance) -> Iterator[Sample]:
    for instance, days in states.items():
        counts = Counter(state.word for state in days.values())
        yield from (
            ({"instance": instance, "state": word}, float(counts[word])) for word in DayState
        )


def _newest(states: ByInstance, starts: Mapping[dt.date, int]) -> Iterator[Sample]:
    for instance, days in states.items():
        complete = [date for date, state in days.items() if state.word == DayState.COMPLETE]
        if complete:
            yield {"instance": instance}, float(starts[max(complete)])


def _gaps(states: ByInstance) -> Iterator[Sample]:
    for instance, days in states.items():
        newest = max(
            (date for date, state in days.items() if state.word == DayState.COMPLETE), default=None
        )
        yield (
            {"instance": instance},
            float(
                sum(
                    newest is None or date < newest
                    for date, state in days.items()
                    if state.word not in (DayState.COMPLETE, DayState.EMPTY)
                )
            ),
        )


def _rejected(states: ByInstance) -> Iterator[Sample]:
    for instance, days in states.items():
        counted = [state.rejected for state in days.values() if state.rejected is not None]
        if counted:
            yield {"instance": instance}, float(sum(counted))


def _forgotten(states: ByInstance) -> Iterator[Sample]:
    for instance, days in states.items():
        left = [state.forgotten_in for state in days.values() if state.forgotten_in is not None]
        if left:
            yield {"instance": instance}, round(min(left), 0)


def _damaged(states: ByInstance) -> Iterator[Sample]:
    for instance, days in states.items():
        for state in days.values():
            for sentence in state.damaged:
                yield {"instance": instance, "receipt": sentence}, 1.0


def _alerts(
    evaluated: Sequence[tuple[int, Sequence[Alert]]], *states: AlertState
) -> Iterator[Sample]:
    seen: dict[tuple[str, ...], float] = {}
    for _, alerts in evaluated:
        for one in alerts:
            if one.state in states:
                is_on = one.state is not AlertState.QUIET
                key = one.name, str(one.kind), one.instance, one.component if is_on else ""
                seen[key] = max(seen.get(key, 0.0), float(is_on))
    for labels, value in seen.items():
        yield dict(zip(("name", "kind", "instance", "component"), labels, strict=True)), value


def _runs(runs: list[dict[str, Any]], value: Any) -> Iterator[Sample]:
    for run in runs:
        try:
            yield {"command": str(run["command"])}, value(run)
        except (KeyError, TypeError, ValueError):
            continue


def _code(run: dict[str, Any]) -> float:
    return -1.0 if run["exit_code"] is None else float(run["exit_code"])
