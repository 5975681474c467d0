"""Series and tables as JSON, CSV or Arrow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from archive_tools.formats.series import Series
from archive_tools.reading.export import TIME, local_times

if TYPE_CHECKING:
    import pyarrow as pa

MEDIA_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8; header=present",
    "arrow": "application/vnd.apache.arrow.stream",
}
ROWS = 1000
"""Rows that are encoded at a time."""

Target = IO[bytes]
Facts = Mapping[str, Any]


def write_series(
    series: Series, timezone: str, form: str, layout: str, facts: Facts, target: Target
) -> None:
    """Write a series.

    Parameters
    ----------
    series : Series
    timezone : str
        Of the times in JSON and CSV, which have their offset; Arrow's are UTC.
    form : {'json', 'csv', 'arrow'}
        A missing cell is null in JSON and Arrow, and empty in CSV.
    layout : {'wide', 'long'}
        Wide: a row a time, a column a component; in JSON a row is a list. Long: a row a time and
        component; in JSON an object.
    facts : mapping
        What JSON has beside ``rows``, and Arrow in the metadata of its schema.
    target : binary file
    """
    stamps = series.timestamps.astype("datetime64[s]") if form == "arrow" else None
    times = local_times(series, timezone) if stamps is None else stamps
    if layout == "wide" and form == "json":
        found = zip(times, series.values.tolist(), strict=True)
        _write_json(([time, *row] for time, row in found), facts, target)
    elif layout == "wide":
        write_table(_wide(series, times), form, facts, target)
    else:
        write_table(_long(series, times), form, facts, target)


def _wide(series: Series, times: Any) -> pa.Table:
    import pyarrow as pa

    columns = [pa.array(column, from_pandas=True) for column in series.values.T]
    return pa.Table.from_arrays([pa.array(times), *columns], names=[TIME, *series.columns])


def _long(series: Series, times: Any) -> pa.Table:
    import pyarrow as pa

    rows, columns = series.values.shape
    names = pa.array(series.columns, pa.string())
    which = pa.array(np.tile(np.arange(columns, dtype=np.int32), rows))
    return pa.table(
        {
            TIME: pa.array(times).take(pa.array(np.repeat(np.arange(rows), columns))),
            "component": pa.DictionaryArray.from_arrays(which, names).cast(pa.string()),
            "value": pa.array(series.values.ravel(), from_pandas=True),
        }
    )


def write_table(table: pa.Table, form: str, facts: Facts, target: Target) -> None:
    """Write a table: its rows as objects in JSON."""
    _WRITERS[form](table, facts, target)


def _write_table_json(table: pa.Table, facts: Facts, target: Target) -> None:
    rows = (row for batch in table.to_batches(ROWS) for row in batch.to_pylist())
    _write_json(rows, facts, target)


def _write_csv(table: pa.Table, facts: Facts, target: Target) -> None:
    import pyarrow.csv

    pyarrow.csv.write_csv(table, target)


def _write_arrow(table: pa.Table, facts: Facts, target: Target) -> None:
    import pyarrow as pa

    about = {name: one if isinstance(one, str) else json.dumps(one) for name, one in facts.items()}
    table = table.replace_schema_metadata(about)
    with pa.ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table)


def _write_json(rows: Iterator[Any], facts: Facts, target: Target) -> None:
    import msgspec

    encode = msgspec.json.Encoder(enc_hook=str).encode
    target.write(json.dumps(dict(facts))[:-1].encode() + b', "rows": [')
    separator, held = b"\n", bytearray()
    for count, row in enumerate(rows, 1):
        held += separator + encode(row)
        separator = b",\n"
        if count % ROWS == 0:
            target.write(bytes(held))
            held.clear()
    target.write(bytes(held) + b"\n]}\n")


_WRITERS: dict[str, Callable[[pa.Table, Facts, Target], None]] = {
    "json": _write_table_json,
    "csv": _write_csv,
    "arrow": _write_arrow,
}
