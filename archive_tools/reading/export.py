"""A dataset over a range of time as CSV, JSON or Parquet: written piece by piece, so that a long
range takes no more memory than a day.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from archive_tools.core.arrays import Float64
from archive_tools.formats.series import Series
from archive_tools.reading.archive import Archive
from archive_tools.reading.days import DayError, DayRows, union
from archive_tools.reading.ranges import day_rows, loaded_rows
from archive_tools.reading.requests import ReadRequest

if TYPE_CHECKING:
    import pyarrow as pa

TIME = "timestamp"
"""Name of the column of times."""


def pieces(archive: Archive, request: ReadRequest) -> tuple[list[str], Iterator[Series]]:
    """What is requested, some rows at a time: together they are what `Archive.read` gives.

    Each day's file is opened once. Cuts are made between days, and between resampled rows, so that
    none is in two pieces.

    Returns
    -------
    list of str
        Components of all days of the range together; each piece has a column for each.
    iterator of Series

    Raises
    ------
    NotFound, FormatError
        As `Archive.read`.
    """
    days = list(day_rows(archive, request))
    columns = union(days, request.components)
    return columns, _pieces(archive, request, days, columns)


def _pieces(
    archive: Archive, request: ReadRequest, days: Sequence[DayRows], columns: list[str]
) -> Iterator[Series]:
    spans = [(archive.day(rows.date), rows) for rows in days]
    edges = sorted({request.start, request.end, *_cuts(request, [day.start for day, _ in spans])})
    for low, high in itertools.pairwise(edges):
        some = [
            rows.between(low, high) for day, rows in spans if day.start < high and day.end > low
        ]
        if some:
            try:
                yield loaded_rows(request, some, columns)
            except DayError as error:
                raise error.reason from None


def _cuts(request: ReadRequest, starts: Sequence[int]) -> list[int]:
    """Starts of days, each moved back to the start of the resampled row that it is in."""
    step = request.step
    moved = [
        int(step.starts(np.array([start], dtype=np.int64))[0]) if step else start
        for start in starts
    ]
    return [cut for cut in moved if request.start < cut < request.end]


def local_times(series: Series, timezone: str) -> list[str]:
    """Starts of the rows as ISO times of a zone, with the offset from UTC."""
    zone = ZoneInfo(timezone)
    return [
        dt.datetime.fromtimestamp(second, zone).isoformat() for second in series.timestamps.tolist()
    ]


def write(archive: Archive, request: ReadRequest, form: str, target: IO[bytes]) -> None:
    """Write what is requested.

    Parameters
    ----------
    archive : Archive
    request : ReadRequest
    form : {'csv', 'json', 'parquet'}
        CSV: the first column is the start of the row, local time with its offset; a missing cell is
        empty. JSON: one object, whose ``rows`` begin with that time; a missing cell, and one that
        is not a number, is null. Parquet: ``timestamp`` in UTC and a column a component; a missing
        cell is null.
    target : binary file

    Raises
    ------
    NotFound, FormatError
        As `Archive.read`.
    """
    names, found = pieces(archive, request)
    first = next(found)  # what cannot be read is known before anything is written
    _WRITERS[form](names, itertools.chain([first], found), _about(archive, request), target)


def _about(archive: Archive, request: ReadRequest) -> dict[str, str]:
    return {"instance": request.instance, "timezone": archive.timezone}


def _write_csv(
    names: Sequence[str], found: Iterator[Series], about: dict[str, str], target: IO[bytes]
) -> None:
    import pyarrow.csv

    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerow([TIME, *names])
    target.write(header.getvalue().encode())
    plain = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    for series in found:
        pyarrow.csv.write_csv(
            _arrow(local_times(series, about["timezone"]), series.values), target, plain
        )


def _arrow(times: Any, values: Float64) -> pa.Table:
    """A table of times and values; missing cells are null."""
    import pyarrow as pa

    return pa.Table.from_arrays(
        [pa.array(times), *(pa.array(column, from_pandas=True) for column in values.T)],
        names=[TIME, *map(str, range(values.shape[1]))],
    )


def _write_json(
    names: Sequence[str], found: Iterator[Series], about: dict[str, str], target: IO[bytes]
) -> None:
    import msgspec

    separator = b""
    for series in found:
        if not separator:
            reported = about | {
                "dataset": series.dataset,
                "unit": series.unit,
                "kind": series.kind,
                "columns": list(names),
            }
            target.write(json.dumps(reported)[:-1].encode() + b', "rows": [')
        for time, row in zip(
            local_times(series, about["timezone"]), series.values.tolist(), strict=True
        ):
            target.write(separator + b"\n" + msgspec.json.encode([time, *row]))
            separator = b","
        separator = separator or b" "
    target.write(b"\n]}\n")


def _write_parquet(
    names: Sequence[str], found: Iterator[Series], about: dict[str, str], target: IO[bytes]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = next(found)
    reported = about | {"dataset": first.dataset, "unit": first.unit, "kind": first.kind}
    schema = pa.schema(
        [(TIME, pa.timestamp("ms", "UTC")), *((name, pa.float64()) for name in names)],
        metadata=reported,
    )
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for series in itertools.chain([first], found):
            table = _arrow(
                series.timestamps.astype("datetime64[s]").astype("datetime64[ms]"),
                series.values,
            )
            writer.write_table(
                pa.Table.from_arrays(
                    [table[0].cast(schema[0].type), *table.columns[1:]], schema=schema
                )
            )


_WRITERS = {"csv": _write_csv, "json": _write_json, "parquet": _write_parquet}
