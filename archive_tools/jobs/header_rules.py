"""What a Darshan log can hold: figures that no job has are not available."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Table
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from archive_tools.schemas import limits

LATEST = int(dt.datetime(9999, 12, 31, tzinfo=dt.UTC).timestamp())
"""Epoch seconds: later times are in no calendar."""
MOST_REPORTED = 20
"""Logs that have a finding of their own; the others are one."""
DATASETS = {
    "bytes_read": "datatargets/readbytes",
    "bytes_written": "datatargets/writebytes",
    "reads": "datatargets/readops",
    "writes": "datatargets/writeops",
    "opens": "mdtargets/opens",
}
"""Sums of a log, and the datasets that they are in; what is not bytes is operations."""
NO_SUMS = {"log_id", "fs_id", "posix_files", "stdio_files"}

Mask = npt.NDArray[np.bool_]


def _is_time(values: Float64) -> Mask:
    return (values >= 0) & (values < LATEST)


def _is_start(logs: Table) -> Mask:
    return _is_time(logs["start_time"])


def _is_end(logs: Table) -> Mask:
    is_before = logs["end_time"] < np.floor(logs["start_time"])
    return _is_time(logs["end_time"]) & ~(_is_start(logs) & is_before)


RULES: dict[str, Callable[[Table], Mask]] = {
    "nprocs": lambda logs: (logs["nprocs"] >= 1) & (logs["nprocs"] <= limits.MOST_PROCESSES),
    "start_time": _is_start,
    "end_time": _is_end,
    "walltime": lambda logs: _is_time(logs["walltime"]) & _is_start(logs) & _is_end(logs),
}
"""By column of the table of logs: which rows have a value that a job can have."""


class PossibleFigures:
    """Tables of a day's logs without what no job can have.

    Parameters
    ----------
    findings : Findings
        Receives a finding for each log, which names it.
    largest : mapping of str to float, optional
        By dataset: what the site says that a file system can have in a second.
    """

    def __init__(self, findings: Findings, largest: Mapping[str, float] | None = None) -> None:
        self.findings, self.largest = findings, largest or {}
        self.reported = 0
        self.names: list[Table] = []

    def heads(self, logs: Table) -> Table:
        """The table of logs with NaN (times) and -1 (processes, bytes) for what no job can have."""
        clean, wrong = dict(logs), dict[int, list[str]]()
        for column, rule in RULES.items():
            if column in logs:
                self._clear(clean, column, ~rule(logs), wrong)
        processes = logs.get("nprocs", np.full(len(logs["log_id"]), -1))
        seconds = limits.job_seconds(logs["start_time"], logs["end_time"], logs["walltime"])
        for column in (name for name in logs if "_bytes_" in name):
            most = self._most(column.partition("_")[2], processes, seconds)
            self._clear(clean, column, logs[column] > most, wrong)
        self._report(logs["filename"], wrong)
        kept = {"log_id": logs["log_id"], "nprocs": processes, "seconds": seconds}
        self.names.append(kept)
        return clean

    def sums(self, summaries: Table) -> Table:
        """The table of sums, after all heads, with -1 for what no job can have."""
        clean = dict(summaries)
        if not len(summaries["log_id"]):
            return clean
        known = {name: np.concatenate([one[name] for one in self.names]) for name in self.names[0]}
        order = np.argsort(known["log_id"], kind="stable")
        row = order[np.searchsorted(known["log_id"][order], summaries["log_id"])]
        processes, seconds = known["nprocs"][row], known["seconds"][row]
        for column, values in summaries.items():
            if column not in NO_SUMS and values.dtype.kind == "i":
                clean[column] = np.where(
                    values > self._most(column, processes, seconds), np.int64(-1), values
                )
        return clean

    def _most(self, column: str, processes: npt.NDArray[np.int64], seconds: Float64) -> Float64:
        unit = "bytes" if column.startswith("bytes_") else "ops"
        given = self.largest.get(DATASETS.get(column, ""))
        return limits.largest_of_jobs(unit, processes, seconds, given)

    def _clear(
        self,
        table: dict[str, npt.NDArray[Any]],
        column: str,
        bad: Mask,
        wrong: dict[int, list[str]],
    ) -> None:
        values = table[column]
        missing = -1 if values.dtype.kind == "i" else np.nan
        table[column] = np.where(bad, np.array(missing, values.dtype), values)
        for row in np.flatnonzero(bad).tolist():
            wrong.setdefault(row, []).append(column)

    def _report(self, names: npt.NDArray[Any], wrong: Mapping[int, list[str]]) -> None:
        for row, columns in wrong.items():
            self.reported += 1
            detail = f"{names[row]}: {', '.join(sorted(columns))}"
            if self.reported > MOST_REPORTED:
                detail = "more logs"
            self.findings.add(FindingKind.LOGS_IMPOSSIBLE, 1, detail=detail)
