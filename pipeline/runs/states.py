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
from pipeline.building import outages, roster
from pipeline.building.instance_day import InstanceDay
from pipeline.site import Site
from pipeline.sources import registry as sources
from pipeline.tasks.build import made_of
from pipeline.tasks.fetch import Fetch
from pipeline.tasks.index import Jobs
from pipeline.tasks.nightly import products

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
    lasts = {instance: products(site, instance)[0] for instance in instances or site.sources}
    retention = {instance: sources.options(site, instance).retention_days for instance in lasts}
    found = status.states(
        site.root,
        dates,
        {instance: sources.products(site, instance) for instance in lasts},
        {instance: _made_how(site, instance) for instance in lasts},
    )
    oldest = site.yesterday() - dt.timedelta(days=site.late_days)
    invalidated = aside.days_aside(site.root)
    is_acknowledged = bool(outages.outages(site.root))
    for date, states in found.items():
        for instance, state in states.items():
            damaged = state.damaged
            if (date, instance) in invalidated and state.word.severity is Severity.BAD:
                states[instance] = state = _and(state, INVALIDATED)
            if ask and date >= oldest and state.word in (DayState.COMPLETE, DayState.PARTIAL):
                states[instance] = state = _young(
                    site, Fetch(date=date, instance=instance, site=given), lasts[instance], state
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
                named = _and(states[instance], "; ".join(damaged))
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
        (since, receipts.made_how(*made_of(InstanceDay(site, instance, day, options))))
        for since in sorted({dt.date.min.isoformat(), *dates})
        for day in [site.day(dt.date.fromisoformat(since))]
    ]


def _young(site: Site, fetch: Fetch, last: type, state: State) -> State:
    """The state of a day that late data may still come to."""
    why = sources.why_unusable(fetch.where.options.kind)
    if why:
        return replace(state, detail="; ".join(filter(None, [state.detail, why])))
    if not fetch.is_young():
        return state
    if not fetch.up_to_date():
        return State(DayState.LATE, "the source has other data than the archive")
    task = last(date=fetch.date, instance=fetch.instance, site=fetch.site)
    if not task.complete():
        return State(DayState.STALE, status.OTHER_KEYS)
    if isinstance(task, Jobs) and not task.index.up_to_date():
        return State(
            DayState.STALE,
            "the index is of other keys of site.json, or of other data of servers",
        )
    if time.time() < fetch.day.end and "so far" not in state.detail:
        return _and(state, "so far: the day is not over")
    return state


def _with_outages(site: Site, date: dt.date, instance: str, state: State) -> State:
    """The state, with the outages that an operator acknowledged."""
    day = site.day(date)
    found = [one.sentence(day) for one in outages.outages_on(site.root, day, instance)]
    if not found:
        return state
    return replace(_and(state, f"acknowledged {'; '.join(found)}"), acknowledged=True)


def _and(state: State, more: str) -> State:
    """The state, with more to say."""
    return replace(state, detail="; ".join(filter(None, [state.detail, more])))


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
    return replace(
        state, detail="; ".join(filter(None, [state.detail, left])), forgotten_in=max(first, 0.0)
    )
