"""Lines of JSON that all have the same form, decoded column by column without an object a value.

Only what is as it should be is read here: documents of Elasticsearch a line, rates, each with what
names it. Whatever else a block has, the whole block is for `forms`, which says what is wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from pipeline.sources.collectd.spool import FIELDS

EXACT = float(1 << 53)
"""Whole numbers from here on may be rounded."""
AROUND = b'"_source"'
"""What a hit of a search has, and a document alone has not."""
UNUSUAL = (b'"hits"', b'"sort"')
"""Fields that regular documents do not have."""
TEXTS = (
    *("@timestamp", "hostname", "plugin", "plugin_instance"),
    *("collectd_type", "type_instance"),
)
DOCUMENT = [
    *((name, pa.string()) for name in TEXTS),
    ("tags", pa.list_(pa.string())),
    *((name, pa.float64()) for name in FIELDS),
]
Columns = dict[str, pa.Array]


class _Irregular(Exception):
    """A block has something that is not regular."""


def regular(
    block: bytes, plugins: Collection[str], not_a_number: str
) -> list[tuple[str, Columns]] | None:
    """Plugin and value lists of a block of lines, columns as `pipeline.sources.collectd.spool` has
    them; None if not every document is regular.

    Parameters
    ----------
    block : bytes
        Whole lines.
    plugins : collection of str
        Those that are wanted.
    not_a_number : str
        The tag of documents whose value is none; they are left out.
    """
    if any(name in block for name in UNUSUAL):
        return None
    try:
        return list(_of_table(_table(block), plugins, not_a_number))
    except (_Irregular, pa.ArrowException, ValueError):
        return None


def _table(block: bytes) -> pa.Table:
    """The documents; `_Irregular` if these are not one a line."""
    breaks = block.rstrip(b"\n").count(b"\n")
    if not block.startswith(b"{") or block.count(b"}\n{") != breaks:
        raise _Irregular  # pyarrow must not see a first line `null`: it crashes
    has_around = AROUND in block
    inner = pa.struct(DOCUMENT)
    table = pyarrow.json.read_json(
        pa.BufferReader(block),
        pyarrow.json.ReadOptions(use_threads=False, block_size=len(block) + 1),
        pyarrow.json.ParseOptions(
            explicit_schema=pa.schema(
                [("_id", pa.string()), ("_source", inner)] if has_around else DOCUMENT
            ),
            unexpected_field_behavior="ignore",
        ),
    )
    if table.num_rows != breaks + 1:
        raise _Irregular
    if has_around:
        documents = table.column("_source").combine_chunks()
        if documents.null_count:
            raise _Irregular
        table = pa.Table.from_struct_array(documents)
    table.validate(full=True)  # that texts are UTF-8
    return table


def _of_table(
    table: pa.Table, plugins: Collection[str], not_a_number: str
) -> Iterator[tuple[str, Columns]]:
    tags = pc.list_flatten(table.column("tags"))
    if len(tags) and pc.any(pc.equal(tags, not_a_number)).as_py():
        raise _Irregular
    plugin = table.column("plugin")
    for name in plugins:
        wanted = pc.fill_null(pc.equal(plugin, name), False)
        some = table if pc.all(wanted).as_py() else table.filter(wanted)
        if some.num_rows:
            yield name, _columns(some)


def _columns(table: pa.Table) -> Columns:
    host, kind = table.column("hostname"), table.column("collectd_type")
    for column in (host, kind, table.column("@timestamp")):
        if column.null_count or pc.any(pc.equal(column, "")).as_py():
            raise _Irregular
    fields = {name: table.column(name).combine_chunks() for name in FIELDS}
    for values in fields.values():
        largest: Any = pc.max(pc.abs(values)).as_py()
        if largest is not None and not largest < EXACT:
            raise _Irregular
        if pc.any(pc.is_nan(values)).as_py():  # no JSON
            raise _Irregular
    stamps = table.column("@timestamp").cast(pa.timestamp("ns", "UTC")).cast(pa.int64())
    return {
        "time_ms": pa.array(np.floor_divide(stamps.to_numpy(), 1_000_000)),
        "host": host.combine_chunks(),
        "instance": pc.fill_null(table.column("plugin_instance"), "").combine_chunks(),
        "type": kind.combine_chunks(),
        "type_instance": pc.fill_null(table.column("type_instance"), "").combine_chunks(),
        **fields,
    }
