"""The pages of an archive at the end of a run: once, however many days the run had."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable

from archive_tools.core.errors import TokioError
from archive_tools.reporting import near_days, site_pages
from archive_tools.store import files, layout, lock
from pipeline.site import Site
from pipeline.tasks.nightly import Nightly, wanted_products

log = logging.getLogger("tokio")


def finish_pages(site: Site, dates: Iterable[dt.date], given: str, *, deep: bool = False) -> bool:
    """Write again the pages of a run's days, and of those beside them, that lead to other days or
    were compared with fewer days than there are now; then the index and the months.

    Parameters
    ----------
    site : Site
    dates : iterable of datetime.date
        The days that the run was asked for, also those that were complete: a run before it may have
        been killed at its end. Their locks are taken here; a day that another run has is its to
        write.
    given : str
        Where the site is, for tasks.
    deep : bool
        Also write an index and months whose bytes are not those that were written.

    Returns
    -------
    bool
        Whether all could be written; what could not is logged.
    """
    dates = set(dates)
    years = {layout.path(site.root, layout.REPORT, date).parent.parent for date in dates}
    files.sweep([site.root, *sorted(years)])
    mine = [date for date in dates if layout.path(site.root, layout.REPORT, date).is_file()]
    beside = {one for date in mine for one in near_days.neighbours(site.root, date) if one}
    well = True
    for date in sorted(beside.union(mine)):
        nightly_run = Nightly(date=date, site=given)
        if nightly_run.page_lags():
            with lock.free(site.root, [date], patience=0.0) as held:
                well &= not held or nightly_run.try_to_produce()
    try:
        written = site_pages.write_pages(
            site.root, wanted_products(site), has_rules=bool(site.alerts), deep=deep
        )
    except (OSError, TokioError) as error:
        log.error("pages: %s", error)
        return False
    if written:
        log.info("pages=%d first=%s", len(written), written[0])
    return well
