"""Logs of a day that are copies of others: the same bytes under two names, or in two folders.

A log has no number of its own. What tells logs apart is the job, its user, program and times, the
size of the file, and what it says of bytes; two processes that did nothing in one second may agree
in all of it. Of such logs the files are compared, as far as they are there.
"""

from __future__ import annotations

import filecmp
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from archive_tools.core.arrays import Table
from archive_tools.core.findings import Findings, shortened
from archive_tools.core.vocabulary import FindingKind

IDENTITY = (
    "jobid",
    "uid",
    "cmdline",
    "nprocs",
    "start_time",
    "end_time",
    "log_bytes",
    "version",
    "modules",
    "posix_bytes_read",
    "posix_bytes_written",
    "stdio_bytes_read",
    "stdio_bytes_written",
    "posix_agg_time",
    "stdio_agg_time",
)
"""Columns of the table of logs in which copies agree."""
NAMED = 3
"""Pairs that a finding names."""


def tell_copies(logs: Table, paths: Mapping[str, Path], findings: Findings) -> None:
    """Note logs that are copies of others.

    Parameters
    ----------
    logs : mapping of column name to array
        `filename` of the day's logs, and what they have of `IDENTITY`.
    paths : mapping of str to pathlib.Path
        Where the files are, by their names in the table, as far as that is known.
    findings : Findings
    """
    pairs = [
        (first, other)
        for names in _alike(logs)
        for first, others in _by_content(names, paths).items()
        for other in others
    ]
    detail = shortened([f"{other} is {first}" for first, other in pairs], NAMED)
    findings.add(FindingKind.DUPLICATE_LOGS, len(pairs), detail=detail)


def _alike(logs: Table) -> Iterable[list[str]]:
    """Names of logs that agree, where there are several."""
    found: dict[tuple[str, ...], list[str]] = {}
    there = [logs[name].tolist() for name in IDENTITY if name in logs]
    columns = [map(str, column) for column in there]  # as text NaN is like NaN
    for name, *identity in zip(logs["filename"].tolist(), *columns, strict=True):
        found.setdefault(tuple(identity), []).append(name)
    return (names for names in found.values() if len(names) > 1)


def _by_content(names: Sequence[str], paths: Mapping[str, Path]) -> dict[str, list[str]]:
    """The first of each content, and its copies; a file that cannot be compared is a copy."""
    found: dict[str, list[str]] = {}
    for name in names:
        first = next((one for one in found if _are_equal(paths.get(one), paths.get(name))), None)
        if first is None:
            found[name] = []
        else:
            found[first].append(name)
    return found


def _are_equal(one: Path | None, other: Path | None) -> bool:
    try:
        return one is None or other is None or filecmp.cmp(one, other, shallow=False)
    except OSError:
        return True
