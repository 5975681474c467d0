"""A dataset over a range of time as CSV, JSON or Parquet: written piece by piece, so that a long
range takes no more memory than a day.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from archive_tools.core.arrays import Float64
from archive_tools.core.components import component_order
from archive_tools.core.errors import NotFound
from archive_tools.formats.series import Series
from archive_tools.formats.series_file import damage_named
from archive_tools.reading import selection
from archive_tools.reading.archive import Archive
from archive_tools.reading.resample import Step
from archive_tools.reading.selection import Components

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("csv", "json", "parquet")
TIME = "timestamp"
"""Name of the column of times."""


@dataclass(frozen=True)
class Request:
    """What shall be written.

    Attributes
    ----------
    instance, dataset : str
    start, end : int
        Rows whose start is in ``[start, end)``, epoch seconds.
    components, rate, resample
        As `Archive.read` takes them.
    """

    instance: str
    dataset: str
    start: int
    end: int
    components: Components | None = None
    rate: bool = False
    resample: str | None = None


def columns(archive: Archive, request: Request) -> list[str]:
    """Components of all days of the range together, in the order in which `Archive.read` gives
    them.

    Raises
    ------
    NotFound
        No day of the range is there; no day has such a dataset or component.
    """
    by_day = {
        tuple(selection.chosen(names, request.components))
        for _, _, names in _days(archive, request)
    }
    every = {name for names in by_day for name in names}
    if not every:
        return list(_read(archive, request, request.start, request.end).columns)
    if len(by_day) == 1:
        return list(*by_day)
    return (
        sorted(every, key=component_order)
        if request.components is None
        else selection.chosen(every, request.components)
    )


def pieces(archive: Archive, request: Request) -> Iterator[Series]:
    """The rows of the range, some at a time, in order; together they are what `Archive.read` gives.

    Cuts are made between joined rows, so that none is in two pieces.
    """
    days = list(_days(archive, request))
    edges = sorted(
        {request.start, request.end, *_cuts(archive, request, [start for start, _, _ in days])}
    )
    for low, high in itertools.pairwise(edges):
        touched = [names for start, end, names in days if start < high and end > low]
        if any(selection.chosen(names, request.components) for names in touched):
            yield _read(archive, request, low, high)
        elif touched:  # rows in which none of the components was measured
            yield _read(archive, dataclasses.replace(request, components=None), low, high)


def _cuts(archive: Archive, request: Request, starts: Sequence[int]) -> list[int]:
    """Starts of days, each moved back to the start of the joined row that it is in."""
    step = Step.parse(request.resample, archive.timezone) if request.resample else None
    moved = [
        int(step.starts(np.array([start], dtype=np.int64))[0]) if step else start
        for start in starts
    ]
    return [cut for cut in moved if request.start < cut < request.end]


def _days(archive: Archive, request: Request) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Start, end and components of each day of the range that has the dataset."""
    for date in archive.days(request.instance):
        day = archive.day(date)
        if day.start < request.end and day.end > request.start:
            with (
                damage_named(archive.path(request.instance, date)),
                archive.open(request.instance, date) as file,
            ):
                try:
                    yield (
                        max(day.start, request.start),
                        min(day.end, request.end),
                        file.columns(request.dataset),
                    )
                except NotFound:
                    continue


def _read(archive: Archive, request: Request, start: int, end: int) -> Series:
    options: dict[str, Any] = {
        "components": request.components,
        "rate": request.rate,
        "resample": request.resample,
    }
    return archive.read(request.instance, request.dataset, start, end, **options)


def widened(series: Series, names: Sequence[str]) -> Float64:
    """Values with a column for each name, and no other: float64 (rows, names), NaN where the series
    does not have it.
    """
    if list(series.columns) == list(names):
        return series.values
    place = {name: number for number, name in enumerate(series.columns)}
    there = [number for number, name in enumerate(names) if name in place]
    values = np.full((len(series.timestamps), len(names)), np.nan)
    values[:, there] = series.values[:, [place[names[number]] for number in there]]
    return values


def local_times(series: Series, timezone: str) -> list[str]:
    """Starts of the rows as ISO times of a zone, with the offset from UTC."""
    zone = ZoneInfo(timezone)
    return [
        dt.datetime.fromtimestamp(second, zone).isoformat() for second in series.timestamps.tolist()
    ]


def write(archive: Archive, request: Request, form: str, target: IO[bytes]) -> None:
    """Write what is requested.

    Parameters
    ----------
    archive : Archive
    request : Request
    form : {'csv', 'json', 'parquet'}
        CSV: the first column is the start of the row, local time with its offset; a missing cell is
        empty. JSON: one object, whose ``rows`` begin with that time; a missing cell, and one that
        is no number, is null. Parquet: ``timestamp`` in UTC and a column a component; a missing
        cell is null.
    target : binary file

    Raises
    ------
    NotFound, FormatError
        As `Archive.read`.
    """
    names = columns(archive, request)
    found = pieces(archive, request)
    first = next(found)  # what cannot be read is known before anything is written
    _WRITERS[form](names, itertools.chain([first], found), _about(archive, request), target)


def _about(archive: Archive, request: Request) -> dict[str, str]:
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
            _arrow(local_times(series, about["timezone"]), widened(series, names)), target, plain
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
            told = about | {
                "dataset": series.dataset,
                "unit": series.unit,
                "kind": series.kind,
                "columns": list(names),
            }
            target.write(json.dumps(told)[:-1].encode() + b', "rows": [')
        for time, row in zip(
            local_times(series, about["timezone"]), widened(series, names).tolist(), strict=True
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
    told = about | {"dataset": first.dataset, "unit": first.unit, "kind": first.kind}
    schema = pa.schema(
        [(TIME, pa.timestamp("ms", "UTC")), *((name, pa.float64()) for name in names)],
        metadata=told,
    )
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for series in itertools.chain([first], found):
            table = _arrow(
                series.timestamps.astype("datetime64[s]").astype("datetime64[ms]"),
                widened(series, names),
            )
            writer.write_table(
                pa.Table.from_arrays(
                    [table[0].cast(schema[0].type), *table.columns[1:]], schema=schema
                )
            )


_WRITERS = {"csv": _write_csv, "json": _write_json, "parquet": _write_parquet}
