"""What the archive says of days, with what only the site's keys and the sources know: late, stale,
expired.

"Late" is looked for in young days alone: no other day's source is queried.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import replace

from archive_tools.core import quantities
from archive_tools.core.vocabulary import DayState, Severity
from archive_tools.store import aside, receipts, status
from archive_tools.store.status import State
from pipeline.building import outages, provenance, roster
from pipeline.building.instance_day import InstanceDay
from pipeline.site import Site
from pipeline.sources import registry as sources

INVALIDATED = "invalidated, and not built since; invalidate --undo takes it back"


def day_states(
    site: Site,
    dates: Sequence[dt.date],
    given: str,
    *,
    instances: Sequence[str] = (),
    ask: bool = True,
) -> dict[dt.date, dict[str, State]]:
    """States of instances, day by day.

    Parameters
    ----------
    site : Site
    dates : sequence of datetime.date
    given : str
        Where the site is, for tasks.
    instances : sequence of str
        Default all.
    ask : bool
        Whether sources of young days are queried for what they have now.
    """
    wanted = {name: sources.products(site, name) for name in instances or site.sources}
    retention = {instance: sources.options(site, instance).retention_days for instance in wanted}
    found = status.states(
        site.root,
        dates,
        wanted,
        {instance: _made_how(site, instance) for instance in wanted},
    )
    oldest = site.yesterday() - dt.timedelta(days=site.late_days)
    invalidated = aside.days_aside(site.root)
    is_acknowledged = bool(outages.outages(site.root))
    for date, states in found.items():
        for instance, state in states.items():
            damaged = state.damaged
            if (date, instance) in invalidated and state.word.severity is Severity.BAD:
                states[instance] = state = state.with_more(INVALIDATED)
            if ask and date >= oldest and state.word in (DayState.COMPLETE, DayState.PARTIAL):
                from pipeline.runs import young_days  # of tasks, and so of Luigi

                states[instance] = state = young_days.current_state(
                    site, date, instance, given, state
                )
            if retention[instance] and state.word in (
                DayState.MISSING,
                DayState.FAILED,
                DayState.LATE,
            ):
                states[instance] = state = _kept_by_source(site, date, state, retention[instance])
            if is_acknowledged and state.word in (DayState.COMPLETE, DayState.PARTIAL):
                states[instance] = _with_outages(site, date, instance, state)
            if damaged and not states[instance].damaged:
                named = states[instance].with_more("; ".join(damaged))
                states[instance] = replace(named, damaged=damaged)
    return found


def _made_how(site: Site, instance: str) -> status.MadeHow:
    """How the files of an instance are made now; nothing where its kind cannot be used."""
    options = sources.options(site, instance)
    if sources.why_unusable(options.kind):
        return ()
    dates = {one.since for one in roster.retirements(site.root) if one.instance == instance}
    dates |= {str(date) for date in outages.turns(site.root, instance, site.timezone)}
    return [
        (since, receipts.made_how(*provenance.made_of(InstanceDay(site, instance, day, options))))
        for since in sorted({dt.date.min.isoformat(), *dates})
        for day in [site.day(dt.date.fromisoformat(since))]
    ]


def _with_outages(site: Site, date: dt.date, instance: str, state: State) -> State:
    """The state, with the outages that an operator acknowledged."""
    day = site.day(date)
    found = [one.sentence(day) for one in outages.outages_on(site.root, day, instance)]
    if not found:
        return state
    return replace(state.with_more(f"acknowledged {'; '.join(found)}"), acknowledged=True)


def _kept_by_source(site: Site, date: dt.date, state: State, retention_days: float) -> State:
    """A day that the archive does not have as it should: how long the source still has it."""
    day, now = site.day(date), time.time()
    first, last = day.start + retention_days * 86400 - now, day.end + retention_days * 86400 - now
    if last <= 0:
        return (
            state
            if state.word == DayState.LATE
            else State(
                DayState.EXPIRED,
                "; ".join(filter(None, ["the source keeps it no longer", state.detail])),
            )
        )
    left = (
        f"the source forgets it in {quantities.rounded_duration(first)}"
        if first > 0
        else f"the source is forgetting it, the last of it in {quantities.rounded_duration(last)}"
    )
    return replace(state.with_more(left), forgotten_in=max(first, 0.0))
