"""Making the figures of a day: from its receipts, its files of series and its indexes.

What cannot be read is a problem of the day, and stops nothing else.
"""

from __future__ import annotations

import datetime as dt
import functools
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archive_tools.core.arrays import Float64
from archive_tools.core.day import Day
from archive_tools.core.errors import FormatError
from archive_tools.core.sums import sql_sum
from archive_tools.formats import index_file
from archive_tools.jobs import slow_targets as slow_targets_by_rates
from archive_tools.jobs import users
from archive_tools.reading.archive import Archive
from archive_tools.reporting import measuring
from archive_tools.reporting.day_figures import (
    LAYOUT,
    DatasetFigures,
    DayFigures,
    Full,
    InstanceFigures,
    Moved,
    Problem,
    TargetSpeed,
    TargetUnderLoad,
    encode,
)
from archive_tools.reporting.judging import deviation
from archive_tools.reporting.problems import problems_of
from archive_tools.store import layout, status
from archive_tools.store.about_file import read_about
from archive_tools.store.receipts import DayReceipts, Receipts

MOST = 10
"""Users, programs and file systems that are named."""
MOST_SLOW = 5
LEAST_SCORE = -1000.0
"""In place of that of a target that was as slow in every hour."""
RANKINGS = {
    "users": (users.UID, "username"),
    "programs": ("NULL", "exename"),
    "file_systems": ("NULL", "fsname"),
}
"""Field to uid and name, by which rows are told apart."""


def write_figures(
    root: Path, date: dt.date, target: Path, *, instances: Mapping[str, Sequence[str]]
) -> DayFigures:
    """Write the figures of a day, and return them.

    Parameters
    ----------
    root : pathlib.Path
        The archive.
    date : datetime.date
    target : pathlib.Path
        New JSON file.
    instances : mapping of str to sequence of str
        What the day should have: the products of each instance, each made from the one before.
    """
    figures = figures_of(root, date, instances=instances)
    target.write_bytes(encode(figures))
    return figures


def counts_of(figures: DayFigures) -> dict[str, int]:
    """How many instances there are, how many have data, and how many problems."""
    found = figures.instances
    return {
        "instances": len(found),
        "with_data": sum(1 for one in found.values() if one.datasets),
        "problems": sum(len(one.problems) for one in found.values()),
    }


def figures_of(root: Path, date: dt.date, *, instances: Mapping[str, Sequence[str]]) -> DayFigures:
    """The figures of a day; `write_figures` has the parameters."""
    day = Day(date, read_about(root).get("timezone", "UTC"))
    receipts = Receipts(root).day(date).read()
    found = {
        instance: _instance(root, day, receipts, instance, wanted)
        for instance, wanted in instances.items()
    }
    return DayFigures(LAYOUT, date, day.timezone, day.start, day.end, found)


def _instance(
    root: Path, day: Day, receipts: DayReceipts, instance: str, wanted: Sequence[str]
) -> InstanceFigures:
    state = status.state_of(status.files_of(root, day.date), receipts, day.date, instance, wanted)
    problems = problems_of(receipts, instance, day)
    fields: dict[str, Any] = {}
    try:
        path = layout.path(root, layout.TTS, day.date, instance)
        index = layout.path(root, layout.INDEX, day.date, instance)
        if path.is_file():
            fields |= _of_series(measuring.measured(path, day))
        if path.is_file() and not index.is_file():  # targets of logs are file systems
            facts = path.stat()
            known = facts.st_ino, facts.st_mtime_ns, facts.st_size
            fields["target_speeds"] = _target_speeds(root, instance, day.date, known)
        if index.is_file():
            with index_file.connected(index) as connection:
                fields |= rankings(connection)
    except FormatError as error:
        problems = [Problem(str(error), [], [str(error)]), *problems]
    return InstanceFigures(
        str(state.word), state.detail, state.percent, problems=problems, **fields
    )


def _of_series(found: measuring.Measured) -> dict[str, Any]:
    return {
        "datasets": {name: _dataset(one) for name, one in found.datasets.items()},
        "fullness": {
            name: {target: Full(*both) for target, both in level.last.items()}
            for name, level in found.levels.items()
        },
        "slow_targets": slow_targets(found),
    }


def _dataset(one: measuring.Dataset) -> DatasetFigures:
    hours = one.hours
    return DatasetFigures(
        one.unit,
        one.kind,
        len(one.columns),
        total=one.total,
        mean=one.mean,
        peak=one.peak,
        peak_at=one.peak_at,
        missing=one.missing,
        hours=_listed(hours.amount) if hours else [],
        hours_peak=_listed(hours.peak) if hours else [],
        hours_measured=np.round(hours.measured, 4).tolist() if hours else [],
    )


def _listed(values: Float64) -> list[float | None]:
    """Numbers to six digits; what is none is None."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values.tolist()]


def slow_targets(found: measuring.Measured) -> list[TargetUnderLoad]:
    """The targets that moved least in the busier half of the day; none where fewer than four
    targets were measured, or they moved nothing.
    """
    maps = [
        one.by_component
        for name in ("datatargets/readbytes", "datatargets/writebytes")
        if (one := found.datasets.get(name)) and one.by_component is not None
    ]
    if not maps or maps[0].shape[1] < 4 or any(one.shape != maps[0].shape for one in maps):
        return []
    both = np.array(maps)
    moved = np.nansum(both, axis=0)
    measured = np.count_nonzero(~np.isnan(both), axis=0) > 0
    busy = moved.sum(axis=1)
    chosen = busy >= (np.median(busy[busy > 0]) if (busy > 0).any() else np.inf)
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = moved[chosen].sum(axis=0) / measured[chosen].sum(axis=0)
    known = rates[np.isfinite(rates)]
    middle = float(np.median(known)) if len(known) else 0.0
    if middle <= 0:
        return []
    spread = deviation(known, middle) or middle / 100
    names = found.datasets["datatargets/readbytes"].columns
    least = [place for place in np.argsort(rates).tolist() if np.isfinite(rates[place])]
    return [
        TargetUnderLoad(
            names[place],
            round(float(rates[place]) / middle, 4),
            round((float(rates[place]) - middle) / spread, 2),
        )
        for place in least[:MOST_SLOW]
        if rates[place] < middle
    ]


@functools.lru_cache(maxsize=8)
def _target_speeds(
    root: Path, instance: str, date: dt.date, _identity: tuple[int, ...]
) -> list[TargetSpeed]:
    """The targets that were most surely slower than their peers; none where nothing was under
    load for some hours. Of the last few files they are remembered.
    """
    limits = slow_targets_by_rates.Limits()
    hours = slow_targets_by_rates.hours_of(Archive(root), instance, [date], limits)
    paces = slow_targets_by_rates.paces(hours, limits.hours)
    return [
        TargetSpeed(
            one.target,
            one.direction,
            round(1 / one.slowdown, 4),
            one.hours,
            round(max(one.score, LEAST_SCORE), 2),
        )
        for one in sorted(paces, key=lambda one: (one.score, -one.slowdown))[:MOST_SLOW]
        if one.score < 0
    ]


def rankings(connection: sqlite3.Connection) -> dict[str, list[Moved]]:
    """Who moved most bytes, from a day's index."""
    found = {}
    read, written = sql_sum("bytes_read"), sql_sum("bytes_written")
    for field, (uid_, name_) in RANKINGS.items():
        rows = connection.execute(
            f"""SELECT {uid_}, {name_}, COUNT(DISTINCT log_id), {read}, {written}
                FROM summaries JOIN headers USING (log_id) JOIN mounts USING (fs_id)
                GROUP BY 1, 2 ORDER BY {read} + {written} DESC, 2, 1"""
        ).fetchall()
        named = users.shown_users((uid, name) for uid, name, *_ in rows)
        found[field] = [
            Moved(named[uid, name], logs, int(amounts[0] or 0), int(amounts[1] or 0))
            for uid, name, logs, *amounts in rows[:MOST]
        ]
    return found
