"""Modules of a log to arrays: counters, heat maps, stripes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from archive_tools.core.sums import LARGEST
from pipeline.sources.darshan.library import damaged, record_dtype
from pipeline.sources.darshan.log_checks import RECORD_BYTES

HEAT = "Qqdq16x"
"""Before the bins of a heat map: id, rank, width of a bin, bins, room for two pointers."""
HEAT_BIN = 16
"""Bytes of a bin: written and read."""


@dataclass(frozen=True)
class Heatmap:
    """Bytes over time by one interface, summed over the ranks whose bins have this width.

    Attributes
    ----------
    width : float
        Seconds a bin.
    read, written : int64 (bins,)
    """

    width: float
    read: npt.NDArray[np.int64]
    written: npt.NDArray[np.int64]


def is_as_in_memory(module: str, version: int, order: str) -> bool:
    """Whether records of a version are in a log as the library gives them, byte for byte."""
    return order == "<" and RECORD_BYTES[module].get(version) == record_dtype(module).itemsize


def records_in(module: str, content: bytearray) -> npt.NDArray[Any]:
    """All records of a module for which `is_as_in_memory` holds, without a copy.

    Parameters
    ----------
    module : str
    content : bytearray
        Of its region: whole records.

    Returns
    -------
    structured array (records,)
        Of `record_dtype`.
    """
    dtype = record_dtype(module)
    return np.frombuffer(content, dtype, len(content) // dtype.itemsize)


def counter_records(
    ffi: Any, library: Any, handle: Any, module: str, index: int
) -> npt.NDArray[Any]:
    """All records of a module: the library fills slots of an array that doubles as it fills up."""
    dtype, get = record_dtype(module), library.darshan_log_get_record
    parts: list[npt.NDArray[Any]] = []
    size, slot = 64, ffi.new("void **")
    while True:
        records = np.zeros(size, dtype=dtype)
        base = ffi.cast("char *", records.ctypes.data)
        for count in range(size):
            slot[0] = base + count * dtype.itemsize
            code = get(handle, index, slot)
            if code <= 0:
                if code < 0:
                    number = count + sum(len(part) for part in parts)
                    raise damaged(f"record {number} of module {module} cannot be read")
                parts.append(records[:count])
                return np.concatenate(parts) if len(parts) > 1 else parts[0]
        parts.append(records)
        size = min(2 * size, 65_536)


def each_record(ffi: Any, library: Any, handle: Any, module: str, index: int, kind: str) -> Any:
    """Records that the library allocates itself, one after the other; each is freed when the next
    is requested.
    """
    count = 0
    while True:
        slot = ffi.new("void **")
        code = library.darshan_log_get_record(handle, index, slot)
        if code < 0:
            raise damaged(f"record {count} of module {module} cannot be read")
        if code == 0:
            return
        try:
            yield ffi.cast(kind, slot[0])
        finally:
            library.darshan_free(slot[0])
        count += 1


def heat_maps(
    content: bytearray, order: str, names: dict[int, str]
) -> dict[str, tuple[Heatmap, ...]]:
    """Heat maps by interface, one for each width of bins, in their order.

    A rank doubles its width when it runs out of bins, so ranks may differ. Ranks of one width are
    added up.

    Parameters
    ----------
    content : bytearray
        Of the module's region, version 1: records of `HEAT`, each followed by the bytes written in
        its bins and by those read.
    order : str
        Byte order: "<" or ">".
    names : dict of int to str
        Of the log's records.

    Raises
    ------
    SourceError
        A record has more bins than follow it.
    """
    found: dict[tuple[str, float], tuple[npt.NDArray[np.int64], ...]] = {}
    head, at = struct.Struct(order + HEAT), 0
    while at < len(content):
        if len(content) - at < head.size:
            raise damaged("module HEATMAP ends in the middle of a record")
        record, _, width, bins = head.unpack_from(content, at)
        at += head.size
        if not 0 <= bins <= (len(content) - at) // HEAT_BIN:
            raise damaged(f"module HEATMAP has fewer than the {bins:,} bins of a record")
        written, read = np.frombuffer(content, order + "i8", 2 * bins, at).reshape(2, bins)
        at += HEAT_BIN * bins
        if not bins or not 0 < width < float("inf"):
            continue
        key = names.get(record, "").removeprefix("heatmap:"), width
        before = found.get(key, (np.empty(0, np.int64),) * 2)
        found[key] = _added(before[0], read), _added(before[1], written)
    maps: dict[str, tuple[Heatmap, ...]] = {}
    for (interface, width), (read, written) in sorted(found.items(), key=lambda item: item[0]):
        maps[interface] = (*maps.get(interface, ()), Heatmap(width, read, written))
    return maps


def _added(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Sums of bins from the first on, cut at `LARGEST`; a bin below 0 counts as 0."""
    more = np.minimum(np.maximum(other, 0), LARGEST)
    if len(one) > len(more):
        one, more = more, one
    total = more.astype(np.int64)
    total[: len(one)] += one
    return np.minimum(total, LARGEST, out=total)


Stripes = tuple[int, int, int, tuple[int, ...]]
"""A file's record id, stripe size, stripe count and OST numbers."""


def lustre_stripes(ffi: Any, library: Any, handle: Any, index: int) -> Iterator[Stripes]:
    """Of each record. A negative number is not an OST."""
    for record in each_record(ffi, library, handle, "LUSTRE", index, "struct lustre *"):
        if record.components <= 0 or record.stripes < 0:
            continue
        counters_ = [list(record.comps[i].counters) for i in range(record.components)]
        osts = ffi.unpack(record.osts, record.stripes) if record.stripes else ()
        size, count = (max(counters[n] for counters in counters_) for n in (0, 1))
        known = tuple(ost for ost in osts if ost >= 0)
        yield record.base.id, size, count, known


def striped_files(records: Iterable[Stripes]) -> tuple[Stripes, ...]:
    """By file, OSTs sorted, each once. Ranks may have a record each for the same file: sizes and
    counts are then the largest, and the OSTs are those of all.
    """
    found: dict[int, tuple[int, int, set[int]]] = {}
    for file, size, count, osts in records:
        before = found.get(file, (size, count, set()))
        before[2].update(osts)
        found[file] = max(before[0], size), max(before[1], count), before[2]
    return tuple(
        (file, size, count, tuple(sorted(osts))) for file, (size, count, osts) in found.items()
    )
