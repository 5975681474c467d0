"""Rows of jobs in order: as one table, or of any number of days piece by piece.

What is too much for the memory is sorted in runs of `RUN` rows, which wait in a file without a
name, and is merged from there.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

RUN = 100_000
"""Rows that are sorted at a time: some 100 MB."""
PIECE = 4096
"""Rows of a run that are read at a time."""
PLACES = ("run of the row", "is the last that was read of its run")


def ordered(rows: pa.Table, order: str, limit: int | None = None) -> pa.Table:
    """The first rows of a table: largest first, unknown last; as they are where the table does not
    have what they are ordered by.
    """
    import pyarrow.compute as pc

    column = {
        "bytes": "bytes_moved",
        "read": "bytes_read",
        "written": "bytes_written",
        "start": "start_time",
    }.get(order, order)
    if column not in rows.column_names:
        return rows.slice(0, limit)
    places = pc.sort_indices(
        rows, sort_keys=[(column, "descending"), ("jobid", "ascending"), ("fsname", "ascending")]
    )
    return rows.take(places.slice(0, limit))


def ordered_pieces(tables: Iterable[pa.Table], order: str, schema: pa.Schema) -> Iterator[pa.Table]:
    """All rows of tables in the order of `ordered`, in pieces of some thousands; no more than a
    few runs' worth is held in memory, however many there are.

    Parameters
    ----------
    tables : iterable of pyarrow.Table
    order : str
    schema : pyarrow.Schema
        Of all of them: a column that one lacks is null.
    """
    import pyarrow as pa

    with contextlib.ExitStack() as stack:
        runs: list[_Run] = []
        held: list[pa.Table] = []
        for table in tables:
            held.append(_as(table, schema))
            if sum(one.num_rows for one in held) >= RUN:
                whole = ordered(pa.concat_tables(held), order)
                runs.append(stack.enter_context(_Run(whole)))
                held = []
        last = ordered(pa.concat_tables(held), order) if held else schema.empty_table()
        if not runs:
            for start in range(0, last.num_rows, PIECE):
                yield last.slice(start, PIECE)
            return
        if last.num_rows:
            runs.append(stack.enter_context(_Run(last)))
        del last, held
        yield from _merged(runs, order)


class _Run:
    """Sorted rows in a file, of which pieces are read one after the other."""

    def __init__(self, rows: pa.Table) -> None:
        import pyarrow as pa

        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __exit__)
        with pa.ipc.new_file(self._file, rows.schema) as writer:
            writer.write_table(rows.combine_chunks(), PIECE)
        self._file.seek(0)
        self._reader = pa.ipc.open_file(self._file)
        self.next = 0

    def __enter__(self) -> _Run:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def piece(self, number: int) -> pa.Table | None:
        """The next piece, with the run's number, and its last row marked where more follow."""
        import pyarrow as pa

        if self.next == self._reader.num_record_batches:
            return None
        rows = pa.Table.from_batches([self._reader.get_batch(self.next)])
        self.next += 1
        marks = [False] * rows.num_rows
        marks[-1] = self.next < self._reader.num_record_batches
        found = rows.append_column(PLACES[0], pa.array([number] * rows.num_rows, pa.int32()))
        return found.append_column(PLACES[1], pa.array(marks))


def _merged(runs: list[_Run], order: str) -> Iterator[pa.Table]:
    """What was read is in order up to the first mark: of that run, more may come after it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    held: list[Any] = [run.piece(number) for number, run in enumerate(runs)]
    while held:
        rows = ordered(pa.concat_tables([one for one in held if one is not None]), order)
        at = pc.index(rows[PLACES[1]], True).as_py()
        if at < 0:
            yield rows.drop_columns(list(PLACES))
            return
        yield rows.slice(0, at + 1).drop_columns(list(PLACES))
        number = rows[PLACES[0]][at].as_py()
        held = [rows.slice(at + 1), runs[number].piece(number)]


def _as(table: pa.Table, schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    columns = [
        table[field.name].cast(field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)
