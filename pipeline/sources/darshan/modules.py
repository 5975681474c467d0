"""Modules of a log to arrays: counters, traces, heat maps, stripes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.sources.darshan.library import damaged, record_dtype


@dataclass(frozen=True)
class Heatmap:
    """Bytes over time by one interface, summed over the ranks.

    Attributes
    ----------
    width : float
        Seconds a bin.
    read, written : int64 (bins,)
    """

    width: float
    read: npt.NDArray[np.int64]
    written: npt.NDArray[np.int64]


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


TRACE = np.dtype([("offset", "<i8"), ("length", "<i8"), ("begin", "<f8"), ("end", "<f8")])
SEGMENT = np.dtype(
    [("id", "<u8"), ("write", "?"), ("length", "<i8"), ("begin", "<f8"), ("end", "<f8")]
)


def traced_segments(
    ffi: Any, library: Any, handle: Any, module: str, index: int
) -> npt.NDArray[Any]:
    """Segments of a DXT module: structured array of `SEGMENT`."""
    parts = [np.empty(0, SEGMENT)]
    size = ffi.sizeof("struct dxt")
    for record in each_record(ffi, library, handle, module, index, "struct dxt *"):
        count = record.write_count + record.read_count
        if record.write_count < 0 or record.read_count < 0:
            raise damaged(f"module {module} has a negative number of segments")
        trace = np.frombuffer(
            ffi.buffer(ffi.cast("char *", record) + size, count * TRACE.itemsize), dtype=TRACE
        )
        part = np.empty(count, SEGMENT)
        part["id"] = record.base.id
        part["write"] = np.arange(count) < record.write_count
        for name in ("length", "begin", "end"):
            part[name] = trace[name]
        parts.append(part)
    return np.concatenate(parts)


def heat_maps(
    ffi: Any, library: Any, handle: Any, index: int, names: dict[int, str]
) -> dict[str, Heatmap]:
    """Heat maps by interface, summed over the ranks."""
    found: dict[str, Heatmap] = {}
    for record in each_record(ffi, library, handle, "HEATMAP", index, "struct heatmap *"):
        interface = names.get(record.base.id, "").removeprefix("heatmap:")
        if record.bins <= 0 or not 0 < record.width < float("inf"):
            continue
        read, written = (
            np.frombuffer(ffi.buffer(bins, record.bins * 8), dtype="<i8")
            for bins in (record.read, record.write)
        )
        before = found.get(interface)
        if before and before.width == record.width and len(before.read) >= len(read):
            before.read[: len(read)] += read
            before.written[: len(read)] += written
        else:
            read, written = read.copy(), written.copy()
            if before and before.width == record.width:
                read[: len(before.read)] += before.read
                written[: len(before.read)] += before.written
            found[interface] = Heatmap(record.width, read, written)
    return found


def lustre_stripes(ffi: Any, library: Any, handle: Any, index: int) -> Any:
    """By file: id, stripe size, stripe count, OST numbers."""
    for record in each_record(ffi, library, handle, "LUSTRE", index, "struct lustre *"):
        if record.components <= 0 or record.stripes < 0:
            continue
        counters_ = [list(record.comps[i].counters) for i in range(record.components)]
        osts = tuple(ffi.unpack(record.osts, record.stripes)) if record.stripes else ()
        yield record.base.id, max(c[0] for c in counters_), max(c[1] for c in counters_), osts
