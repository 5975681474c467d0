"""States of days that late data may still come to: what their sources and keys say now. Of tasks,
and so of Luigi: a module that `states` loads only where there is such a day.
"""

from __future__ import annotations

import datetime as dt
import time

from archive_tools.core.vocabulary import DayState
from archive_tools.store import status
from archive_tools.store.status import State
from pipeline.site import Site
from pipeline.sources import registry as sources
from pipeline.tasks.fetch import Fetch
from pipeline.tasks.index import Jobs
from pipeline.tasks.nightly import products


def current_state(site: Site, date: dt.date, instance: str, given: str, state: State) -> State:
    """The state of a young day that the archive has.

    Parameters
    ----------
    site : Site
    date : datetime.date
    instance : str
    given : str
        Where the site is, for tasks.
    state : State
        What the receipts say.
    """
    fetch = Fetch(date=date, instance=instance, site=given)
    why = sources.why_unusable(fetch.where.options.kind)
    if why:
        return state.with_more(why)
    if not fetch.is_young():
        return state
    if not fetch.up_to_date():
        return State(DayState.LATE, "the source has other data than the archive")
    (last,) = products(site, instance)
    task = last(date=date, instance=instance, site=given)
    if not task.complete():
        return State(DayState.STALE, status.OTHER_KEYS)
    if isinstance(task, Jobs) and not task.index.up_to_date():
        return State(
            DayState.STALE,
            "the index is of other keys of site.json, or of other data of servers",
        )
    if time.time() < fetch.day.end and "so far" not in state.detail:
        return state.with_more("so far: the day is not over")
    return state
