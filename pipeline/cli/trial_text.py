"""Trials of sources as text and as JSON. Names come from the sources: what a terminal would obey in
them is escaped.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from archive_tools.cli import printing
from archive_tools.core import quantities
from archive_tools.core.findings import shortened
from archive_tools.core.vocabulary import Severity
from pipeline.building.trial import Trial
from pipeline.cli import common_options

MOST_NAMES = 8
CLOCK_SECONDS = 2.0
"""A clock that is further off is worth a word."""
HALF_HOUR = 1800


def severity(trial: Trial) -> Severity:
    """How much a source needs a person: bad where it cannot be read, or has nothing of the day."""
    if trial.error:
        return Severity.BAD
    return Severity.INCOMPLETE if trial.unreadable else Severity.GOOD


def as_json(trial: Trial) -> dict[str, Any]:
    """A trial for JSON."""
    return dataclasses.asdict(trial) | {"good": severity(trial) is Severity.GOOD}


def show(trial: Trial) -> None:
    """Write a trial to standard output."""
    printing.say(f"{trial.instance}: {trial.kind}, {trial.day}")
    for line in _lines(trial):
        printing.say(f"  {line}")


def _lines(trial: Trial) -> Iterator[str]:
    if trial.source:
        yield ", ".join(f"{name} {value}" for name, value in trial.source.items())
    if trial.counts:
        counts = ", ".join(f"{name} {count:,}" for name, count in trial.counts.items())
        yield f"there: {counts}; raw data {quantities.quantity(float(trial.bytes), 'bytes')}"
    if trial.seconds:
        yield "took: " + ", ".join(f"{step} {took:.1f} s" for step, took in trial.seconds.items())
    yield from _clock(trial)
    if trial.logs_read or trial.logs_rejected:
        yield f"read: {trial.logs_read:,} logs, {trial.logs_rejected:,} rejected"
    for group in dict.fromkeys([*trial.components, *trial.silent]):
        names = trial.components.get(group, [])
        yield f"{group}: {_counted(names)}"
        if silent := trial.silent.get(group):
            yield f"{group} without any sample: {_counted(silent)}"
    for match in trial.matches:
        found = _counted(match.names) if match.names else "nothing matches"
        yield f"{match.key} {match.pattern!r}: {found}"
    if trial.unmapped:
        yield f"mount points that mount_to_fsname does not know: {_counted(trial.unmapped)}"
    if trial.found or trial.absent:
        yield f"datasets: {len(trial.found)} found" + (
            f", absent: {_absent(trial)}" if trial.absent else ""
        )
    yield from common_options.listed(
        [f"finding: {sentence}" for sentence in trial.findings], "--json has all"
    )
    if trial.error:
        yield f"{'nothing' if trial.has_nothing else 'CANNOT BE READ'}: {trial.error}"


def _absent(trial: Trial) -> str:
    """The absent datasets, those of a group that is absent as a whole by its name."""
    here = {name.partition("/")[0] for name in trial.found}
    return ", ".join(
        dict.fromkeys(
            name if (group := name.partition("/")[0]) in here else f"all of {group}"
            for name in trial.absent
        )
    )


def _counted(names: Sequence[str]) -> str:
    return f"{len(names)}: {shortened(names, MOST_NAMES)}"


def _clock(trial: Trial) -> Iterator[str]:
    """How the source's clock differs, and how old its newest sample is."""
    ahead = trial.clock_ahead
    if trial.clock_error:
        yield f"clock: not known: {trial.clock_error}"
    elif ahead is not None and abs(ahead) < CLOCK_SECONDS:
        yield "clock: as here"
    elif ahead is not None:
        off = quantities.rounded_duration(abs(ahead)) if abs(ahead) >= 60 else f"{abs(ahead):.0f} s"
        zone = "; is timezone right?" if abs(ahead) > HALF_HOUR else ""
        yield f"clock: {off} {'ahead of' if ahead > 0 else 'behind'} this machine's{zone}"
    if trial.newest_age is not None:
        yield f"newest sample: {trial.newest_age:,.0f} s old"
