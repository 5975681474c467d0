"""The servers' account of a day: what Lustre's job_stats say of each job and file system, all
targets together.

A table has a row a job and target, millions of them: they are read in pieces, and summed piece by
piece.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from archive_tools.jobs.table_files import JOB_STATS, DayTables, named

if TYPE_CHECKING:
    import pyarrow as pa

SUMS = ("bytes_read", "bytes_written", "reads", "writes", "opens")
KEYS = ("fsname", "job", "jobid", "uid", "exe")
SEEN = {"first_seen": "min", "last_seen": "max"}
PIECE = 1 << 19
"""Rows that are read at a time."""
FEW = 1 << 18
"""Sums that wait before they are summed again."""


def read_served(
    day: DayTables, lustre_to_fsname: Mapping[str, str], ids: Collection[str] = ()
) -> pa.Table:
    """What the servers did for each job and file system.

    Parameters
    ----------
    day : DayTables
    lustre_to_fsname : mapping of str to str
        Lustre's name of a file system to that which logs have.
    ids : collection of str
        Only jobs of these ids; default all.

    Returns
    -------
    pyarrow.Table
        `instance`, `KEYS` (jobid null: an id that names no job), `SUMS`, `SEEN`. Null is what no
        target counts.
    """
    import pyarrow as pa

    found = [
        _renamed(_summed(path, ids), name, lustre_to_fsname)
        for name, path in day.of(JOB_STATS).items()
    ]
    return pa.concat_tables(found, promote_options="default") if found else schema().empty_table()


def schema() -> pa.Schema:
    """The columns of `read_served`."""
    import pyarrow as pa

    texts = {"instance", "fsname", "job", "jobid", "exe"}
    names = ("instance", *KEYS, *SUMS, *SEEN)
    return pa.schema([(name, pa.string() if name in texts else pa.int64()) for name in names])


def totals(rows: pa.Table, keys: Collection[str]) -> pa.Table:
    """Rows with the same keys as one: sums, the first and the last time."""
    import pyarrow.compute as pc

    known = pc.ScalarAggregateOptions(min_count=1)
    how = [(name, "sum", known) for name in SUMS]
    found = rows.group_by(list(keys)).aggregate([*how, *SEEN.items()])
    new = {f"{name}_{one}": name for name, one in [*((n, "sum") for n in SUMS), *SEEN.items()]}
    return found.rename_columns([new.get(name, name) for name in found.column_names])


def _summed(path: Path, ids: Collection[str]) -> pa.Table:
    import pyarrow as pa

    held: list[pa.Table] = []
    with named(path):
        for piece in _pieces(path, ids):
            held.append(totals(piece, KEYS))
            if sum(one.num_rows for one in held) > FEW:
                held = [totals(pa.concat_tables(held), KEYS)]
        if not held:
            return schema().remove(0).empty_table()
        found = totals(pa.concat_tables(held), KEYS).select([*KEYS, *SUMS, *SEEN])
        return found.cast(schema().remove(0))


def _pieces(path: Path, ids: Collection[str]) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(PIECE, columns=[*KEYS, *SUMS, *SEEN]):
            piece = pa.Table.from_batches([batch])
            if ids:
                plain = pc.replace_substring_regex(piece["jobid"], r"\..*", "")
                given = pa.array(list(ids), pa.string())
                piece = piece.filter(
                    pc.or_(pc.is_in(piece["jobid"], given), pc.is_in(plain, given))
                )
            yield piece


def _renamed(rows: pa.Table, instance: str, lustre_to_fsname: Mapping[str, str]) -> pa.Table:
    import pyarrow as pa

    names = [lustre_to_fsname.get(name, name) for name in rows["fsname"].to_pylist()]
    place = rows.schema.get_field_index("fsname")
    rows = rows.set_column(place, "fsname", pa.array(names, pa.string()))
    of_instance = pa.array([instance] * rows.num_rows, pa.string())
    return rows.add_column(0, "instance", of_instance).cast(schema())
