"""What is requested of a single file, which need not be in an archive."""

from __future__ import annotations

from archive_tools.core.day import Day
from archive_tools.core.time_texts import local_date
from archive_tools.formats.series import Series
from archive_tools.formats.series_file import SeriesFile
from archive_tools.reading import selection
from archive_tools.reading.days import rows_of
from archive_tools.reading.ranges import loaded_rows
from archive_tools.reading.requests import ReadRequest


def read_file(file: SeriesFile, request: ReadRequest) -> Series:
    """One dataset of an open file.

    Parameters
    ----------
    file : SeriesFile
    request : ReadRequest
        Its instance is not looked at.

    Raises
    ------
    NotFound
        There is no such dataset, or component.
    FormatError
        The file is damaged, or of another zone.
    """
    columns = file.columns(request.stored)
    if request.components is not None and (
        lacking := selection.unmatched(columns, request.components)
    ):
        raise selection.absent(columns, lacking, f"{request.stored} of {file.path}")
    chosen = selection.chosen(columns, request.components)
    day = Day(local_date(file.start, request.timezone), request.timezone)
    between = request.start, request.end
    rows = rows_of(file, request.stored, day, between, chosen, is_summed=request.is_by_day)
    return loaded_rows(request, [rows], chosen)
