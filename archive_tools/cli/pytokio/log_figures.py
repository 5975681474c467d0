"""What `summarize_job` says of the records of a log: pytokio's keys of the POSIX module, and the
interface that moved most. They are read from the log itself; the index has sums by mount point.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from archive_tools.core.errors import NotFound
from archive_tools.formats.darshan_log import DarshanLog, ModuleRecords

Record = dict[str, Any]
COUNTERS = (
    "BYTES_READ",
    "BYTES_WRITTEN",
    "READS",
    "WRITES",
    "F_META_TIME",
    "F_READ_TIME",
    "F_WRITE_TIME",
    "OPENS",
    "SEQ_READS",
    "SEQ_WRITES",
    "STATS",
    "FILE_NOT_ALIGNED",
    "MEM_NOT_ALIGNED",
)
"""Counters of POSIX whose sums, means, numbers, least and largest values are keys."""
STATISTICS = ("tot", "ave", "num", "min", "max")
WAYS = {"read": "BYTES_READ", "write": "BYTES_WRITTEN"}


def unknown() -> Record:
    """The keys of a log that cannot be read."""
    names = [f"darshan_{s}_{counter.lower()}_posix" for counter in COUNTERS for s in STATISTICS]
    names += [f"darshan_biggest_{way}_api{end}" for way in WAYS for end in ("", "_bytes", "_files")]
    return dict.fromkeys(names)


def of_log(log: DarshanLog) -> Record:
    """The keys of a log's records; None where the log does not have the module or the counter.

    A record is a file and rank, or a file of all ranks; values that Darshan had not are left out.
    """
    found = unknown()
    if posix := log.modules.get("POSIX"):
        for counter in COUNTERS:
            values = _values(posix, f"POSIX_{counter}")
            if len(values):
                figures = values.sum(), values.mean(), len(values), values.min(), values.max()
                for name, figure in zip(STATISTICS, figures, strict=True):
                    found[f"darshan_{name}_{counter.lower()}_posix"] = np.asarray(figure).item()
    for way, counter in WAYS.items():
        moved = {
            name.lower().replace("-", ""): bytes_moved[bytes_moved > 0]
            for name, records in log.modules.items()
            if len(bytes_moved := _values(records, f"{name.replace('-', '')}_{counter}"))
        }
        if moved:
            most = max(moved, key=lambda name: int(moved[name].sum()))
            found[f"darshan_biggest_{way}_api"] = most
            found[f"darshan_biggest_{way}_api_bytes"] = int(moved[most].sum())
            found[f"darshan_biggest_{way}_api_files"] = len(moved[most])
    return found


def _values(records: ModuleRecords, counter: str) -> Any:
    """The known values of a counter; none where the module has not got it."""
    try:
        values = records[counter]
    except NotFound:
        return np.empty(0)
    return values[values >= 0]
