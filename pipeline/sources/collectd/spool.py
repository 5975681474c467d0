"""Value lists on disk: a folder of Parquet files, one a plugin and bucket of hosts.

All that a host measured is in one bucket, so that a reader can take the hosts of one bucket after
the other and never holds a day of all of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

BUCKETS = 16
FLUSH = 100_000
"""Rows that are held before they are written: some 10 MB."""

NAMES = ("host", "instance", "type", "type_instance")
FIELDS = ("read", "write", "rx", "tx", "value")
"""Data sources of the types that are kept."""


def schema(counters: bool) -> pa.Schema:
    """Columns of a spool; counters are integers of 64 bits, so that none is rounded."""
    number = pa.int64() if counters else pa.float64()
    return pa.schema(
        [("time_ms", pa.int64()), ("interval_ms", pa.int32()), ("arrival_ms", pa.int64())]
        + [(name, pa.string()) for name in NAMES]
        + [(name, number if name != "value" else pa.float64()) for name in FIELDS]
    )


def bucket(host: str) -> int:
    """The bucket that a host is in."""
    return zlib.crc32(host.encode("utf-8", "surrogatepass")) % BUCKETS


def _whole(value: float | None, name: str, problem: Callable[[str], None]) -> int | None:
    if value is None or value != value:
        return None
    if abs(value) < 1 << 63 and value == int(value):
        return int(value)
    problem(
        f"{name} {value} is not a counter; where collectd stores rates, set store_rates to true"
    )
    return None


class Spool:
    """Writes value lists below a folder; use as a context manager.

    Attributes
    ----------
    rows : dict of str to int
        Value lists of each plugin so far.
    """

    def __init__(self, folder: Path, counters: bool) -> None:
        self._folder, self._schema = folder, schema(counters)
        self._held: dict[str, list[pa.Table]] = {}
        self._writers: dict[tuple[str, int], pq.ParquetWriter] = {}
        self._buckets: dict[str, int] = {}
        self.rows: dict[str, int] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                for plugin in list(self._held):
                    self._flush(plugin)
        finally:
            for writer in self._writers.values():
                writer.close()
            pa.default_memory_pool().release_unused()

    def add(
        self,
        plugin: str,
        columns: Mapping[str, Sequence[Any] | pa.Array],
        problem: Callable[[str], None],
    ) -> None:
        """Add value lists of a plugin: by column of `schema`; a column that is not given is null.

        `problem` is called for values that cannot be kept, such as a counter that is not a whole
        number.
        """
        count = len(columns["time_ms"])
        if not count:
            return
        try:
            arrays = [self._array(field, columns, count, problem) for field in self._schema]
        except (pa.ArrowException, ValueError, OverflowError, TypeError) as error:
            if count == 1:
                problem(
                    f"a value list of host {str(columns['host'][0])[:40]!r} cannot be kept: {error}"
                )
            else:  # halves, until the one that is wrong is found
                for part in (slice(None, count // 2), slice(count // 2, None)):
                    self.add(
                        plugin, {name: column[part] for name, column in columns.items()}, problem
                    )
            return
        held = self._held.setdefault(plugin, [])
        held.append(pa.Table.from_arrays(arrays, schema=self._schema))
        self.rows[plugin] = self.rows.get(plugin, 0) + count
        if sum(table.num_rows for table in held) >= FLUSH:
            self._flush(plugin)

    def _array(
        self,
        field: pa.Field,
        columns: Mapping[str, Sequence[Any] | pa.Array],
        count: int,
        problem: Callable[[str], None],
    ) -> pa.Array:
        if field.name not in columns:
            return pa.nulls(count, field.type)
        values = columns[field.name]
        if isinstance(values, pa.Array):
            return values.cast(field.type)
        if (
            field.name in FIELDS
            and pa.types.is_integer(field.type)
            and any(type(value) is float for value in values)
        ):
            values = [_whole(value, field.name, problem) for value in values]
        return pa.array(values, field.type)

    def _flush(self, plugin: str) -> None:
        table = pa.concat_tables(self._held.pop(plugin)).combine_chunks()
        hosts = table.column("host").combine_chunks().dictionary_encode()
        of_host = [
            self._buckets.setdefault(host, bucket(host)) for host in hosts.dictionary.to_pylist()
        ]
        of_row = pa.array(of_host, pa.int32()).take(hosts.indices).to_numpy()
        for number in sorted(set(of_host)):
            self._writer(plugin, number).write_table(table.filter(pa.array(of_row == number)))

    def _writer(self, plugin: str, number: int) -> pq.ParquetWriter:
        key = plugin, number
        if key not in self._writers:
            path = self._folder / f"{plugin}-{number:02d}.parquet"
            self._writers[key] = pq.ParquetWriter(
                path, self._schema, compression="lz4", use_dictionary=list(NAMES)
            )
        return self._writers[key]
