"""What the head of a Darshan log can hold: figures that no job has are not available."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Table
from archive_tools.core.findings import Findings
from archive_tools.core.sums import LARGEST
from archive_tools.core.vocabulary import FindingKind

LATEST = int(dt.datetime(9999, 12, 31, tzinfo=dt.UTC).timestamp())
"""Epoch seconds: later times are in no calendar."""
MOST_PROCESSES = 2**31 - 1
"""MPI counts processes with 32 bits."""

Mask = npt.NDArray[np.bool_]


def _is_time(values: Float64) -> Mask:
    return (values >= 0) & (values < LATEST)


def _is_start(logs: Table) -> Mask:
    return _is_time(logs["start_time"])


def _is_end(logs: Table) -> Mask:
    is_before = logs["end_time"] < np.floor(logs["start_time"])
    return _is_time(logs["end_time"]) & ~(_is_start(logs) & is_before)


RULES: dict[str, Callable[[Table], Mask]] = {
    "nprocs": lambda logs: (logs["nprocs"] >= 1) & (logs["nprocs"] <= MOST_PROCESSES),
    "start_time": _is_start,
    "end_time": _is_end,
    "walltime": lambda logs: _is_time(logs["walltime"]) & _is_start(logs) & _is_end(logs),
}
"""By column of the table of logs: which rows have a value that a job can have."""


def possible_heads(logs: Table, findings: Findings) -> Table:
    """The table of logs with NaN (times) and -1 (processes) for what no job can have.

    Parameters
    ----------
    logs : mapping of str to array
    findings : Findings
        Receives a finding for each log, which names it, and one for each log whose sums were cut
        at `LARGEST`.
    """
    clean, names = dict(logs), logs["filename"]
    wrong: dict[int, list[str]] = {}
    for column, rule in RULES.items():
        if column not in logs:
            continue
        bad = ~rule(logs)
        missing = -1 if logs[column].dtype.kind == "i" else np.nan
        clean[column] = np.where(bad, np.array(missing, logs[column].dtype), logs[column])
        for row in np.flatnonzero(bad).tolist():
            wrong.setdefault(row, []).append(column)
    for column in (name for name in logs if "_bytes_" in name):
        for row in np.flatnonzero(logs[column] >= LARGEST).tolist():
            wrong.setdefault(row, []).append(column)
    for row, columns in wrong.items():
        findings.add(
            FindingKind.LOGS_IMPOSSIBLE, 1, detail=f"{names[row]}: {', '.join(sorted(columns))}"
        )
    return clean
