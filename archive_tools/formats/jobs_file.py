"""The file of a day's jobs (Parquet): one row a job and file system, made from the index."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from archive_tools import schemas
from archive_tools.core.errors import MEND, FormatError
from archive_tools.core.findings import Findings
from archive_tools.core.sums import sql_sum
from archive_tools.core.vocabulary import FindingKind
from archive_tools.formats.index_file import PIECE, connected

if TYPE_CHECKING:
    import pyarrow as pa

LOG_KEYS, JOB_KEYS = ("log_id", "fsname"), ("jobid", "uid", "username", "fsname")
SETS = ("exenames", "partial_modules")
"""Columns of names, comma-separated: each once, sorted, so that the same ones are the same text."""
SUMMARY_KEYS = ("log_id", "fs_id")
TIMES = ("first_read", "last_read", "first_write", "last_write")


def write_jobs(
    source: Path, target: Path, date: str, findings: Findings | None = None
) -> dict[str, int]:
    """Write what each job did on each file system as Parquet.

    Parameters
    ----------
    source : pathlib.Path
        The day's index.
    target : pathlib.Path
        New Parquet file: one row a job and file system, sorted. Sums over the job's logs and the
        file system's mount points are null where nothing was available; times are epoch seconds,
        null for never. The columns of `job_servers` follow, null where nothing is known of the
        servers.
    date : str
        Written into the column ``date``.
    findings : Findings, optional
        Receives the jobs of which a sum is larger than an int64: it is null.

    Returns
    -------
    dict of str to int
        The number of rows.
    """
    import pyarrow.parquet as pq

    with _damage_named(source), connected(source) as connection:
        columns = _Columns.of(connection)
        schema, count = columns.schema(), 0
        found = Findings() if findings is None else findings
        cursor = connection.execute(columns.query())
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            while rows := cursor.fetchmany(PIECE):
                writer.write_table(_table(date, rows, schema, found))
                count += len(rows)
        return {"rows": count}


@contextlib.contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Turn what an index of other columns or values raises into a FormatError that names it."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, KeyError) as error:
        raise FormatError(f"{path} is damaged: {error}", hint=MEND) from error


@functools.cache
def schema() -> pa.Schema:
    """The columns of a table that is made today."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(schemas.new_index_sql())
        return _Columns.of(connection).schema()


class _Columns(NamedTuple):
    """The columns of the table that the index decides: sums of logs, figures of servers and their
    types in SQL.
    """

    sums: list[str]
    servers: dict[str, str]

    @classmethod
    def of(cls, connection: sqlite3.Connection) -> _Columns:
        summaries, servers = (
            {row[1]: row[2] for row in connection.execute(f"PRAGMA table_info({table})")}
            for table in ("summaries", "job_servers")
        )
        return cls(
            [name for name in summaries if name not in SUMMARY_KEYS and not name.startswith("f_")],
            {name: kind for name, kind in servers.items() if name not in JOB_KEYS},
        )

    def query(self) -> str:
        return schemas.jobs_query().format(
            sums=", ".join(f"{sql_sum(name)} AS {name}" for name in self.sums),
            names=", ".join(self.sums),
            servers=", ".join(self.servers),
        )

    def schema(self) -> pa.Schema:
        import pyarrow as pa

        arrow = {"INTEGER": pa.int64(), "REAL": pa.float64(), "TEXT": pa.string()}
        types = {"date": pa.string(), "jobid": pa.string(), "uid": pa.int64()}
        types |= {"username": pa.string(), "exenames": pa.string()}
        types |= dict.fromkeys(["logs", "nprocs", "start_time", "end_time"], pa.int64())
        types |= {"partial_modules": pa.string(), "fsname": pa.string()}
        types |= dict.fromkeys(self.sums, pa.int64()) | dict.fromkeys(TIMES, pa.float64())
        types |= {name: arrow[kind] for name, kind in self.servers.items()}
        return pa.schema(list(types.items()))


def _table(
    date: str, rows: list[tuple[Any, ...]], schema: pa.Schema, findings: Findings
) -> pa.Table:
    """Rows of the query as a table."""
    import pyarrow as pa

    columns = [[date] * len(rows), *zip(*rows, strict=True)]
    jobs = columns[schema.get_field_index("jobid")]
    arrays = []
    for column, field in zip(columns, schema, strict=True):
        values: Sequence[Any] = column
        if field.name in SETS:
            values = [names and ",".join(sorted(set(names.split(",")))) for names in column]
        elif field.type == pa.int64():
            values = [None if isinstance(value, float) else value for value in column]
            for job, value in zip(jobs, column, strict=True):
                if isinstance(value, float):
                    findings.add(FindingKind.SUMS_TOO_LARGE, 1, field.name, f"job {job}")
        arrays.append(pa.array(values, field.type))
    return pa.Table.from_arrays(arrays, schema=schema)
