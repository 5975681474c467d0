"""The table of a day's jobs that a source knows by name (Parquet): one row a job, or a job and a
target. Which columns it has is the source's; metadata of the file say which kind that was.

It has the name of the tables of jobs that are made of logs, and is told from them by its metadata.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from archive_tools.core.errors import FormatError, TokioError

if TYPE_CHECKING:
    import pyarrow as pa

KIND = b"tokio_records"
"""Key of the metadata: the kind of the source."""


def write_records(
    batches: Iterable[pa.RecordBatch | pa.Table],
    schema: pa.Schema,
    target: Path,
    *,
    date: str,
    kind: str,
) -> dict[str, int]:
    """Write the rows of a day, batch by batch.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch or pyarrow.Table
        Of `schema`.
    schema : pyarrow.Schema
    target : pathlib.Path
        New Parquet file; its first column is `date`.
    date : str
    kind : str
        Of the source.

    Returns
    -------
    dict of str to int
        The number of rows.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    dated = schema.insert(0, pa.field("date", pa.string())).with_metadata({KIND: kind.encode()})
    rows = 0
    with pq.ParquetWriter(target, dated, compression="zstd") as writer:
        for batch in batches:
            days = pa.repeat(pa.scalar(date), batch.num_rows)
            columns = [batch.column(name) for name in schema.names]
            writer.write_table(pa.Table.from_arrays([days, *columns], schema=dated))
            rows += batch.num_rows
    return {"rows": rows}


def kind_of_records(path: Path) -> str:
    """The kind of the source of a table of records; "" for a table of another sort, or what cannot
    be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, ValueError, pa.ArrowException):
        return ""
    return str(metadata.get(KIND, b"").decode("utf-8", "replace"))


def read_records(path: Path) -> pa.Table:
    """All rows of a table of records.

    Raises
    ------
    FormatError
        It is not one.
    TokioError
        It may not be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = pq.read_table(path)
    except PermissionError as error:
        raise TokioError(f"{path} cannot be read: {error}") from error
    except (OSError, pa.ArrowException) as error:
        raise FormatError(
            f"{path} is not a table of jobs: {error}",
            hint="tokio-archive check; the next run makes it again",
        ) from error
    if KIND not in (found.schema.metadata or {}):
        raise FormatError(
            f"{path} is a table of jobs that is made of logs", expected="one of a source of records"
        )
    return found
