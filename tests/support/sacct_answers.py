"""Answers as sacct writes them with --parsable2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

COLUMNS = [
    "JobIDRaw",
    "JobID",
    "Cluster",
    "Account",
    "User",
    "UID",
    "Partition",
    "QOS",
    "State",
    "ExitCode",
    "Submit",
    "Eligible",
    "Start",
    "End",
    "ElapsedRaw",
    "Suspended",
    "TimelimitRaw",
    "NNodes",
    "NodeList",
    "AllocCPUS",
    "MaxRSS",
    "TRESUsageInTot",
    "TRESUsageOutTot",
    "JobName",
]


def job(number: int | str, start: int, end: int | None, **cells: Any) -> dict[str, Any]:
    """A job's cells; of a step only what sacct gives of one."""
    return {
        "JobIDRaw": number,
        "JobID": number,
        "Cluster": "alpha",
        "Account": "physics",
        "User": "ann",
        "UID": 1001,
        "Partition": "batch",
        "QOS": "normal",
        "State": "RUNNING" if end is None else "COMPLETED",
        "ExitCode": "0:0",
        "Submit": start - 60,
        "Eligible": start - 60,
        "Start": start,
        "End": "Unknown" if end is None else end,
        "ElapsedRaw": "" if end is None else end - start,
        "Suspended": "00:00:00",
        "TimelimitRaw": 60,
        "NNodes": 2,
        "NodeList": "nid[00001-00002]",
        "AllocCPUS": 64,
        "JobName": "run",
        **cells,
    }


def step(number: str, start: int, end: int, **cells: Any) -> dict[str, Any]:
    return {
        "JobIDRaw": number,
        "JobID": number,
        "Cluster": "alpha",
        "State": "COMPLETED",
        "Start": start,
        "End": end,
        "MaxRSS": "2048K",
        "TRESUsageInTot": "cpu=00:00:01,energy=0,fs/disk=1000,mem=3M",
        "TRESUsageOutTot": "energy=0,fs/disk=500",
        **cells,
    }


def answer(
    rows: Iterable[Mapping[str, Any]], columns: Iterable[str] = COLUMNS, between: str = "|"
) -> str:
    """A header, and a line a row."""
    names = list(columns)
    lines = [names, *([str(row.get(name, "")) for name in names] for row in rows)]
    return "".join(f"{between.join(cells)}\n" for cells in lines)
