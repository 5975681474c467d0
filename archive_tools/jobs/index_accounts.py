"""The scheduler's account and partition of the jobs of an index, as functions of its SQL."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from archive_tools.jobs.belonging import Belonging
from archive_tools.jobs.job_tables import KEY, JobFilter, days_of, read_day
from archive_tools.store import layout

FUNCTIONS = {"account": "account_of", "partition": "partition_of"}
"""Functions of jobid, uid and username, by the column that they give; NULL is not known."""
Known = Mapping[tuple[object, ...], tuple[str | None, ...]]


def add_functions(connection: sqlite3.Connection, index: Path) -> None:
    """Let the queries of an index call `FUNCTIONS`; of one that is in no archive nothing is
    known.
    """
    known = accounts_of(index)
    for place, name in enumerate(FUNCTIONS.values()):
        connection.create_function(name, len(KEY), _Lookup(known, place))


class _Lookup:
    """One of the functions."""

    def __init__(self, known: Known, place: int) -> None:
        self._known, self._place = known, place

    def __call__(self, *job: object) -> str | None:
        found = self._known.get(job)
        return None if found is None else found[self._place]


def accounts_of(index: Path) -> Known:
    """Account and partition of each job of an index that a scheduler knows."""
    index = index.absolute()
    instance = index.name.removesuffix("_index.sqlite")
    try:
        root, date = index.parents[2], dt.date.fromisoformat(index.parent.name)
    except (IndexError, ValueError):
        return {}
    days = days_of(root, date, date)
    if layout.path(root, layout.INDEX, date, instance) != index or not days:
        return {}
    if not days[0].has_records:
        return {}
    rows = read_day(days[0], Belonging.of(root), JobFilter(), logs_alone=True)
    columns = (*KEY, *FUNCTIONS, "logs_instance")
    found = zip(*(rows[name].to_pylist() for name in columns), strict=True)
    return {
        tuple(key): (account, partition)
        for *key, account, partition, logs in found
        if logs == instance
    }
