"""What the library's accumulators make of the records of a module."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.sources.darshan.library import CATEGORIES, loaded_library
from pipeline.sources.darshan.log_checks import MODULES


@dataclass(frozen=True)
class Derived:
    """What the library's accumulators make of the records of a module.

    Attributes
    ----------
    agg_perf_by_slowest : float
        MiB/s.
    agg_time_by_slowest, unique_io_time_by_slowest, shared_io_time_by_slowest : float
        Seconds.
    categories : dict of str to int
        Files of each kind of `CATEGORIES`.
    total_bytes : int
    unique_rw_time, unique_md_time : float
        Seconds.
    unique_slowest_rank : int
    total : structured scalar
        One record of the module, added up.
    """

    agg_perf_by_slowest: float
    agg_time_by_slowest: float
    unique_io_time_by_slowest: float
    shared_io_time_by_slowest: float
    categories: dict[str, int]
    total_bytes: int
    unique_rw_time: float
    unique_md_time: float
    unique_slowest_rank: int
    total: Any = field(repr=False)


MOST_PROCESSES = 2**31 - 1
"""Ranks of MPI are 32-bit integers; the library multiplies a larger number until it overflows."""


def derived(module: str, records: npt.NDArray[Any], nprocs: int) -> Derived | None:
    """The accumulators' results for all records of a module in one log; None where the library
    declines, or would abort.
    """
    ffi, library = loaded_library()
    accumulator = ffi.new("void **")
    if (
        not len(records)
        or not 0 < nprocs <= MOST_PROCESSES
        or records["rank"].max() >= nprocs  # the library asserts that no rank is
        or library.darshan_accumulator_create(MODULES[module], nprocs, accumulator) != 0
    ):
        return None
    try:
        records = np.ascontiguousarray(records)
        found, summary = ffi.new("struct derived *"), np.zeros(1, records.dtype)
        if (
            library.darshan_accumulator_inject(
                accumulator[0], ffi.cast("void *", records.ctypes.data), len(records)
            )
            != 0
        ):
            return None
        if (
            library.darshan_accumulator_emit(
                accumulator[0], found, ffi.cast("void *", summary.ctypes.data)
            )
            != 0
        ):
            return None
        counts = {name: found.categories[i].count for i, name in enumerate(CATEGORIES)}
        times = found.agg_perf, found.agg_time, found.unique_io, found.shared_io
        return Derived(
            *times,
            counts,
            found.total_bytes,
            found.unique_rw,
            found.unique_md,
            found.unique_slowest_rank,
            summary[0],
        )
    finally:
        library.darshan_accumulator_destroy(accumulator[0])
