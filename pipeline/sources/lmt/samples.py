"""Rows of LMT's tables to samples: times, components, figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from archive_tools.core.arrays import Int64
from archive_tools.core.cells import samples_event
from archive_tools.core.errors import SourceError
from archive_tools.core.findings import Findings, shortened
from archive_tools.core.vocabulary import FindingKind
from pipeline.model import Samples
from pipeline.sources._shared.local_time import utc_seconds
from pipeline.sources.lmt.table import Metric
from pipeline.sources.lmt.tables import NAMED_BY, STAMP, TABLES, UNKNOWN

BLOCK = 1 << 16
"""Rows that are looked up at a time: what is needed meanwhile stays in a core's cache."""


def raw_table(folder: Path, name: str, columns: list[str] | None = None) -> pa.Table:
    """A raw table, or some of its columns."""
    try:
        return pq.read_table(folder / f"{name}.parquet", columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(
            f"raw table {folder / name}.parquet cannot be read: {error}",
            hint="tokio-pipeline invalidate the day, and run it again",
        ) from error


class _Lookup:
    """Integer key to integer value, by a table when the keys are dense, else by bisection; -1 is
    unknown.
    """

    def __init__(self, keys: Int64, values: Int64) -> None:
        order = np.argsort(keys, kind="stable")
        self.keys, self.values = keys[order], values[order]
        span = int(self.keys[-1] - self.keys[0]) + 1 if len(keys) else 0
        self.table: Int64 | None = None
        if 0 < span <= 4 * len(keys) + 1_000_000:
            self.table = np.full(
                span + 2, -1, dtype=np.int64
            )  # one at each end, where all other keys go
            self.table[self.keys - self.keys[0] + 1] = self.values

    def __call__(self, wanted: Int64) -> Int64:
        if not len(self.keys):
            return np.full(len(wanted), -1, dtype=np.int64)
        if self.table is not None:
            found = np.empty(len(wanted), dtype=np.int64)
            for first in range(0, len(wanted), BLOCK):
                some = slice(first, first + BLOCK)
                place = wanted[some] - (self.keys[0] - 1)
                np.take(self.table, place, mode="clip", out=found[some])
            return found
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where(self.keys[place] == wanted, self.values[place], -1)


class Clock(_Lookup):
    """TS_ID to UTC second."""

    @classmethod
    def of(cls, stamps: pa.Table, timezone: str, findings: Findings) -> Clock:
        ids = _integers(stamps.column("TS_ID"))
        local, known = _local_seconds(stamps.column("TIMESTAMP"))
        known &= ids.valid
        findings.add(FindingKind.STAMPS_UNREADABLE, int((~known).sum()), "TIMESTAMP_INFO")
        order = np.argsort(ids.values[known], kind="stable")
        keys = ids.values[known][order]
        seconds, real = utc_seconds(local[known][order], timezone)
        findings.add(
            FindingKind.STAMPS_IMPOSSIBLE,
            int((~real).sum()),
            "TIMESTAMP_INFO",
            f"spring gap of {timezone}",
        )
        return cls(keys[real], seconds[real])


class _Column:
    """An Arrow column as NumPy: `values` (0 where null) and `valid`."""

    def __init__(self, values: npt.NDArray[Any], valid: npt.NDArray[np.bool_]) -> None:
        self.values, self.valid = values, valid
        self.all_valid = bool(valid.all())


def _integers(column: pa.ChunkedArray) -> _Column:
    return _numbers(column, np.int64)


def _numbers(column: pa.ChunkedArray, dtype: Any) -> _Column:
    valid = (
        np.ones(len(column), dtype=bool) if not column.null_count else column.is_valid().to_numpy()
    )
    if column.null_count:
        column = column.fill_null(0)
    values = column.to_numpy()
    if values.dtype == np.float32:
        values = as_shown(values)
    if values.dtype.kind == "f" and not np.isfinite(values.sum()):
        valid &= np.isfinite(values)
    return _Column(values.astype(dtype, copy=False), valid)


def as_shown(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """MySQL's FLOAT as the server shows it and LMT wrote it: six significant digits.

    The nearest float64 of that decimal, so that a FLOAT column and its dump as text are the same
    number.
    """
    exact = values.astype(np.float64)
    with np.errstate(divide="ignore"):
        digits = 5 - np.floor(np.log10(np.abs(exact)))
    digits = np.where(np.isfinite(digits), digits, 0.0)
    up, down = 10.0 ** np.maximum(digits, 0), 10.0 ** np.maximum(-digits, 0)
    return np.asarray(np.rint(exact * up / down) * down / up)


def _local_seconds(column: pa.ChunkedArray) -> tuple[Int64, npt.NDArray[np.bool_]]:
    """Local time stamps as if they were UTC, in seconds, and which could be read."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pc.strptime(
            pc.utf8_slice_codeunits(column, 0, 19), format=STAMP, unit="s", error_is_null=True
        )
    valid = column.is_valid().to_numpy()
    return (
        column.cast(pa.timestamp("s"), safe=False).cast(pa.int64()).fill_null(0).to_numpy(),
        valid,
    )


def _names(folder: Path, table: str, findings: Findings) -> tuple[tuple[str, ...], _Lookup, str]:
    """Component names of a data table, its lookup from id to position, and its id column."""
    key, info, by = NAMED_BY[table]
    if not (folder / f"{info}.parquet").is_file():
        findings.add(FindingKind.TABLES_ABSENT, 1, info)
        return (), _Lookup(np.empty(0, np.int64), np.empty(0, np.int64)), key
    rows = raw_table(folder, info).to_pylist()
    found: dict[int, str] = {}
    for row in sorted(
        (r for r in rows if r[key] is not None and r[by]),
        key=lambda r: (r[key], r[by]),
        reverse=True,
    ):
        found[row[key]] = _component(row, by, rows if table == "MDS_OPS_DATA" else [])
    findings.add(
        FindingKind.IDS_UNNAMED, sum(1 for row in rows if row[key] is None or not row[by]), info
    )
    names = tuple(found.values())
    keys = np.array(list(found), dtype=np.int64)
    return names, _Lookup(keys, np.arange(len(names), dtype=np.int64)), key


def _component(row: Mapping[str, Any], by: str, peers: list[dict[str, Any]]) -> str:
    """The row's component name: its host, or its own name where several targets share the host."""
    shared = sum(1 for peer in peers if peer[by] == row[by])
    return str(row["MDS_NAME"]) if shared > 1 and row["MDS_NAME"] else str(row[by])


def table_samples(
    folder: Path,
    table: str,
    metrics: list[Metric],
    clock: Clock,
    findings: Findings,
) -> Iterator[Samples]:
    """Samples of the metrics that one table has."""
    names, place, key = _names(folder, table, findings)
    operations = _operations(folder) if table == "MDS_OPS_DATA" else {}
    ids = [key, "TS_ID"] + (["OPERATION_ID"] if table == "MDS_OPS_DATA" else [])
    keys = {
        name: _integers(column)
        for name, column in zip(ids, raw_table(folder, table, ids).itercolumns(), strict=True)
    }
    time, column = clock(keys["TS_ID"].values), place(keys[key].values)
    known_time, known_name = (time >= 0) & keys["TS_ID"].valid, (column >= 0) & keys[key].valid
    findings.add(FindingKind.UNKNOWN_TS_ID, int((~known_time).sum()), table)
    unknown = known_time & ~known_name
    if unknown.any():
        ids_found = np.unique(keys[key].values[unknown & keys[key].valid]).tolist()
        findings.add(
            UNKNOWN[key],
            int(unknown.sum()),
            table,
            f"{{amount}} % of the rows; ids {shortened([str(one) for one in ids_found])}",
            float(f"{100.0 * unknown.mean():.3g}"),
            span=(int(time[unknown].min()), int(time[unknown].max())),
        )
    known = known_time & known_name
    if table == "MDS_OPS_DATA":
        findings.add(
            FindingKind.UNKNOWN_OPERATION_ID,
            int((~np.isin(keys["OPERATION_ID"].values, list(operations)) & known).sum()),
            table,
        )
    is_operation = {
        metric.dataset.name: known
        & keys["OPERATION_ID"].valid
        & np.isin(
            keys["OPERATION_ID"].values,
            [number for number, name in operations.items() if name == metric.find.operation],
        )
        for metric in (metrics if table == "MDS_OPS_DATA" else [])
    }
    del keys, known_time, known_name, unknown
    column = column.astype(np.int32)
    figures = _Figures(folder, table, metrics)
    whole: Samples | None = None
    for metric in metrics:
        wanted = is_operation.get(metric.dataset.name, known)
        value = figures.of(metric)
        if not value.all_valid:
            null = wanted & ~value.valid
            components, span = samples_event(names, column[null], time[null])
            findings.add(
                FindingKind.NULLS,
                int(null.sum()),
                metric.dataset.name,
                components=components,
                span=span,
            )
            wanted = wanted & value.valid
        if wanted.all():
            if whole is None:
                whole = Samples(metric.dataset.name, time, column, value.values, names)
            yield whole.beside(metric.dataset.name, value.values)
        else:
            yield Samples(
                metric.dataset.name, time[wanted], column[wanted], value.values[wanted], names
            )


def _operations(folder: Path) -> dict[int, str]:
    rows = (
        raw_table(folder, "OPERATION_INFO").to_pylist()
        if (folder / "OPERATION_INFO.parquet").is_file()
        else []
    )
    return {
        row["OPERATION_ID"]: str(row["OPERATION_NAME"])
        for row in rows
        if row["OPERATION_ID"] is not None
    }


class _Figures:
    """Columns of a table, and sums of several; a column that is wanted again is kept until then."""

    def __init__(self, folder: Path, table: str, metrics: list[Metric]) -> None:
        self.folder, self.table = folder, table
        self.wanted = Counter(field for metric in metrics for field in metric.find.field)
        self.kept: dict[str, _Column] = {}

    def _column(self, field: str) -> _Column:
        found = self.kept.pop(field, None)
        if found is None:
            dtype = np.int64 if TABLES[self.table][field] == "int64" else np.float64
            found = _numbers(raw_table(self.folder, self.table, [field]).column(field), dtype)
        self.wanted[field] -= 1
        if self.wanted[field]:
            self.kept[field] = found
        return found

    def of(self, metric: Metric) -> _Column:
        """The figure of a metric."""
        first, *others = [self._column(field) for field in metric.find.field]
        for other in others:
            first = _Column(_added(first.values, other.values), first.valid & other.valid)
        return first


def _added(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The sum; of integers whose sum is beyond int64 as float64, so that it does not wrap."""
    total: npt.NDArray[Any] = one + other
    if total.dtype.kind != "i" or not total.size:
        return total
    low, high = int(one.min()) + int(other.min()), int(one.max()) + int(other.max())
    fits = np.iinfo(np.int64).min <= low and high <= np.iinfo(np.int64).max
    if not fits and (((one ^ total) & (other ^ total)) < 0).any():
        total = one.astype(np.float64) + other
    return total
