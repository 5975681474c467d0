"""The days of a range: which there are, their rows, and what becomes of those that are damaged."""

from __future__ import annotations

import datetime as dt
import sys
import warnings
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, TypeVar

from archive_tools.core.errors import FormatError, InputChanged, NotFound, TokioError
from archive_tools.core.time_texts import local_date, utc_text
from archive_tools.formats.series import Series
from archive_tools.formats.series_file import damage_named
from archive_tools.reading import selection
from archive_tools.reading.days import DayError, DayRows, joined_rows, loaded, rows_of, union
from archive_tools.reading.requests import ReadRequest

if TYPE_CHECKING:
    from archive_tools.reading.archive import Archive

Result = TypeVar("Result")
LeftOut = Callable[[str, dt.date, TokioError], None]
"""Is given the instance, the day and the reason of a day that is left out."""
TRIES = 5
"""How often a range is read again, of which a run replaced a file meanwhile."""
LONG = 400 * 86400
"""Seconds of a range for which the archive is listed rather than each day's file looked for."""


class DamagedDay(UserWarning):
    """A day was left out because its file cannot be read."""


def dates_between(first: int, last: int, timezone: str) -> list[dt.date]:
    """The days of a zone that ``[first, last)`` touches, epoch seconds."""
    low, high = local_date(first, timezone), local_date(last - 1, timezone)
    return [low + dt.timedelta(days=n) for n in range((high - low).days + 1)]


def days_there(archive: Archive, instance: str, first: int, last: int) -> list[dt.date]:
    """The days that ``[first, last)`` touches and that there are files of."""
    if last - first > LONG:
        low, high = local_date(first, archive.timezone), local_date(last - 1, archive.timezone)
        return [date for date in archive.days(instance) if low <= date <= high]
    dates = dates_between(first, last, archive.timezone)
    return [date for date in dates if archive.path(instance, date).is_file()]


def day_rows(
    archive: Archive,
    request: ReadRequest,
    *,
    skipped: Collection[dt.date] = (),
    whole_chunks: int = 0,
    left_out: LeftOut | None = None,
) -> Iterator[DayRows]:
    """The rows of each day that has some, with the files closed again: each is opened once.

    Parameters
    ----------
    archive : Archive
    request : ReadRequest
    skipped : collection of datetime.date
        Days that are left out.
    whole_chunks : int
        See `archive_tools.formats.row_blocks.cut`.
    left_out : callable, optional
        What is done about a damaged day that may be skipped; default: `warn`.

    Raises
    ------
    NotFound
        There is no day at all, or none that has such a dataset, or one of the components.
    FormatError
        A day's file is damaged, and damaged days are not to be skipped.
    """
    instance, dataset = request.instance, request.stored
    there = days_there(archive, instance, request.start, request.end)
    if not there:
        span = f"{utc_text(request.start)} to {utc_text(request.end)}"
        raise archive.absent(instance, f"no day of {instance} from {span} is in {archive.root}")
    lacking: list[TokioError] = []
    names: set[str] = set()
    known = False
    for date in (date for date in there if date not in skipped):
        try:
            rows, columns = _rows_of_day(archive, request, date, whole_chunks)
        except NotFound as error:
            lacking.append(error)
            continue
        except FormatError as error:
            if request.damaged == "raise":
                raise
            (left_out or warn)(instance, date, error)
            lacking.append(error)
            continue
        names.update(columns)
        known = True
        yield rows
    span = f"{instance} from {there[0]} to {there[-1]}"
    if not known:
        raise lacking[0] if lacking else FormatError(f"no day of {span} can be read")
    if request.components is not None and (
        absent := selection.unmatched(names, request.components)
    ):
        raise selection.absent(names, absent, f"{dataset} of {span}")


def _rows_of_day(
    archive: Archive, request: ReadRequest, date: dt.date, whole_chunks: int
) -> tuple[DayRows, tuple[str, ...]]:
    """The rows of one day, and the names of all of its columns."""
    instance, dataset, day = request.instance, request.stored, archive.day(date)
    with damage_named(archive.path(instance, date)), archive.open(instance, date) as file:
        columns = file.columns(dataset)
        chosen = selection.chosen(columns, request.components)
        between = max(request.start, day.start), min(request.end, day.end)
        rows = rows_of(
            file,
            dataset,
            day,
            between,
            chosen,
            whole_chunks=whole_chunks,
            is_summed=request.is_by_day,
        )
        return rows, columns


def loaded_rows(request: ReadRequest, days: list[DayRows], columns: list[str]) -> Series:
    """The rows of some days as a series with these columns."""
    if request.step is None:
        return loaded(request.dataset, days, columns)
    return joined_rows(request.dataset, days, columns, request.step)


def read_range(archive: Archive, request: ReadRequest) -> Series:
    """What is requested; see `Archive.read`."""
    return without_damaged(
        archive,
        request,
        lambda days: loaded_rows(request, days, union(days, request.components)),
    )


def without_damaged(
    archive: Archive,
    request: ReadRequest,
    load: Callable[[list[DayRows]], Result],
    *,
    left_out: LeftOut | None = None,
) -> Result:
    """What `load` makes of the days, without those that turn out to be damaged where these may be
    skipped; for `left_out` see `day_rows`.
    """
    skipped: set[dt.date] = set()
    tries = 0
    while True:
        try:
            return load(list(day_rows(archive, request, skipped=skipped, left_out=left_out)))
        except DayError as error:
            if isinstance(error.reason, InputChanged) and tries < TRIES:
                tries += 1  # a run replaced the file: the new one is read
                continue
            if request.damaged == "raise":
                raise error.reason from None
            (left_out or warn)(request.instance, error.date, error.reason)
            skipped.add(error.date)


def warn(instance: str, date: dt.date, reason: TokioError) -> None:
    """Warn of a day that is left out, at the line of the user's code."""
    warnings.warn(
        f"{instance} of {date} is left out: {reason}", DamagedDay, stacklevel=_callers_level()
    )


def _callers_level() -> int:
    """The stack level, for `warn`, of the first frame that is not of this package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith("archive_tools"):
        level, frame = level + 1, frame.f_back
    return level
