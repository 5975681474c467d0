"""What is to be said of the logs of a batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Table
from archive_tools.core.day import Day
from archive_tools.core.vocabulary import FindingKind
from pipeline.model import LogBatch, Remark

COUNTED = ("posix", "stdio", "dfs", "daos")
"""Interfaces whose bytes are in the series and in the sums by file system."""


def remarks(
    batch: LogBatch, good: npt.NDArray[np.bool_], day: Day, late_days: int
) -> dict[str, Remark]:
    """What the batch has already, and what its figures show.

    Parameters
    ----------
    batch : LogBatch
    good : bool (logs,)
        Whether the amounts of each log are believed.
    day : Day
    late_days : int
        Days that a log of an earlier day's folder may be late.
    """
    begun_long_before = batch.logs["start_time"] < day.start - late_days * 86_400
    found = {
        FindingKind.LOGS_TOO_LARGE: batch.own & ~good,
        FindingKind.MPIIO_ALONE: batch.own & _is_of_mpiio_alone(batch.logs),
        FindingKind.JOBS_LONGER: ~batch.own & begun_long_before,
    }
    known = {str(kind): Remark.of(names) for kind, names in batch.remarks.items()}
    names = batch.logs["filename"]
    return known | {
        kind: Remark.of(names[which].tolist()) for kind, which in found.items() if which.any()
    }


def _is_of_mpiio_alone(logs: Table) -> npt.NDArray[np.bool_]:
    """Logs in which MPI-IO moved bytes, and nothing below it was counted."""
    return np.asarray(_moved(logs, ["mpiio"]) & ~_moved(logs, COUNTED), dtype=bool)


def _moved(logs: Table, interfaces: Sequence[str]) -> npt.NDArray[np.bool_]:
    moved = np.zeros(len(logs["filename"]), bool)
    for interface in interfaces:
        for way in ("read", "written"):
            moved |= logs.get(f"{interface}_bytes_{way}", np.zeros(len(moved))) > 0
    return moved
