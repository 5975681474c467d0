"""Logs of a day whose own times are of another day, or of none: each is in the tables of the day
under which it is filed, so a log that is filed under several days counts on each of them.
"""

from __future__ import annotations

import numpy as np

from archive_tools.core.arrays import Table
from archive_tools.core.day import Day
from archive_tools.core.findings import Findings, shortened
from archive_tools.core.vocabulary import FindingKind

LONGEST = 366 * 86400
"""Seconds: a job that says that it ran longer has times that are garbage."""
NAMED = 3
"""Logs that a finding names."""


def tell_mistimed(logs: Table, day: Day, findings: Findings) -> None:
    """Note logs that do not touch their day by their own times.

    Parameters
    ----------
    logs : mapping of column name to array
        `filename`, `start_time`, `end_time` (epoch seconds) and `walltime` (seconds, NaN where
        it is not known) of the logs that are filed under the day.
    day : Day
    findings : Findings
        Receives how many logs, and the names of the first.
    """
    first = np.asarray(logs["start_time"], dtype=np.float64)
    lasted = first + np.nan_to_num(np.asarray(logs["walltime"], dtype=np.float64))
    last = np.maximum(np.asarray(logs["end_time"], dtype=np.float64), lasted)
    touches = (first < day.end) & (last >= day.start) & (last - first <= LONGEST)
    names = sorted(np.asarray(logs["filename"])[~touches].tolist())
    findings.add(FindingKind.LOGS_MISTIMED, len(names), detail=shortened(names, NAMED))
