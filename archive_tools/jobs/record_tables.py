"""Tables of jobs of sources that know them by name, over many days."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from archive_tools.core.errors import NotFound
from archive_tools.formats.records_file import read_records
from archive_tools.store import layout

if TYPE_CHECKING:
    import pyarrow as pa


def read_days(root: Path, instance: str, start: dt.date, stop: dt.date) -> pa.Table:
    """The rows of the days from `start` to `stop`, the last included; a job that is of several days
    has a row on each.

    Raises
    ------
    NotFound
        The archive has no such table of these days.
    FormatError
        One is not a table of a source of records.
    """
    import pyarrow as pa

    days = ((layout.path(root, layout.JOBS, date, instance)) for date in _dates(start, stop))
    there = [path for path in days if path.is_file()]
    if not there:
        raise NotFound(
            f"no table of jobs of {instance} from {start} to {stop} is in {root}",
            hint="tokio-archive ls says which days there are",
        )
    return pa.concat_tables(map(read_records, there), promote_options="default")


def _dates(start: dt.date, stop: dt.date) -> list[dt.date]:
    return [start + dt.timedelta(days=n) for n in range((stop - start).days + 1)]
