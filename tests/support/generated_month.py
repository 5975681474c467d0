"""A generated month of a file system and its users, with events of known size: what the morning's
pages and commands are measured on. All that is random follows from a seed.

Users' jobs request bytes: more by day and on working days, with sizes of a heavy tail, striped over
one target, some, or all. Targets work off what is requested as fast as they can, so that a slow one
moves as much as its peers, later. Nothing here is measured on a real site.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from archive_tools import OwnSeries, write_series
from archive_tools.core.arrays import Float64
from archive_tools.core.day import Day
from archive_tools.core.vocabulary import AlertKind, Product
from archive_tools.formats import index_file
from archive_tools.reporting import figures_of_day
from archive_tools.reporting.alerts import Rule
from archive_tools.schemas import index_ddl
from archive_tools.store import layout

ZONE = "America/New_York"
FIRST = dt.date(2026, 6, 1)
"""A Monday; no clock is changed in the month."""
DAYS = 30
STEP, FULL_STEP, ROWS = 60, 3600, 1440
TARGETS = tuple(f"scratch-OST{n:04x}" for n in range(16))
FASTEST = 2.0**30
"""Bytes/s of a target in each direction."""
CAPACITY = 400 * 2.0**40
USERS = tuple(f"user{n:02}" for n in range(30))
JOBS_A_DAY = 350
MEDIAN_JOB, SPREAD = 0.6 * 2.0**40, 1.2
"""Bytes of a job: the median, and the standard deviation of the logarithm."""
MEDIAN_RATE, RATE_SPREAD = 10 * 2.0**30, 0.7
"""Bytes/s that a job's nodes can move, likewise."""
RULES = (
    Rule("full", AlertKind.FULLNESS, 85.0),
    Rule("grows", AlertKind.GROWTH, 30.0),
    Rule("slow", AlertKind.SLOW_TARGET, 0.75),
    Rule("missing", AlertKind.MISSING, 1.0),
    Rule("user", AlertKind.USER, 150 * 2.0**40),
)
"""A site's alerts: users by an amount that is rare in a day."""
INSTANCES = {"scratch": [Product.TTS], "logs": [Product.TTS]}

SLOW_TARGET, SLOW_DAY = 6, 24
USER, USER_DAY = "user03", 25
GAP_DAY, GAP_ROW = 23, 13 * 60
FILLING_TARGET, FILLING_SINCE = 11, 21


@dataclass(frozen=True)
class Events:
    """What is put into a month; by default nothing.

    Attributes
    ----------
    speed : float
        Of a target on a day, by what it usually has.
    times : float
        Bytes of a user on a day, by the median of its days.
    points : float
        Per cents by which a target fills each day, beside what all do.
    minutes : int
        Of a day's early afternoon that nobody measured.
    """

    speed: float = 1.0
    times: float = 1.0
    points: float = 0.0
    minutes: int = 0


class Jobs(NamedTuple):
    """Jobs of a month: arrays (jobs,); `start` and `length` are in rows of the month."""

    user: np.ndarray[tuple[int], np.dtype[np.int64]]
    start: np.ndarray[tuple[int], np.dtype[np.int64]]
    length: np.ndarray[tuple[int], np.dtype[np.int64]]
    size: Float64
    is_read: np.ndarray[tuple[int], np.dtype[np.bool_]]


def dates() -> list[dt.date]:
    """The days of the month."""
    return [FIRST + dt.timedelta(days=n) for n in range(DAYS)]


def activity() -> Float64:
    """How busy each row of the month is, 0 to 1: (days, rows)."""
    hours = np.arange(ROWS) / 60
    weekdays = np.array([date.weekday() for date in dates()])
    by_day = np.where(weekdays >= 5, 0.4, 1.0)
    return np.asarray(by_day[:, None] * (0.35 + 0.65 * np.exp(-(((hours - 14) / 5) ** 2))))


def jobs_of(seed: int, events: Events) -> Jobs:
    """Draw the jobs of a month."""
    rng = np.random.default_rng([seed, 0])
    busy = activity()
    of_days = rng.poisson(JOBS_A_DAY * busy.sum(axis=1) / busy[0].sum())
    start = np.concatenate(
        [
            day * ROWS + np.sort(rng.choice(ROWS, count, p=busy[day] / busy[day].sum()))
            for day, count in enumerate(of_days)
        ]
    )
    shares = 1 / (2 + np.arange(len(USERS)))
    user = rng.choice(len(USERS), len(start), p=shares / shares.sum())
    size = MEDIAN_JOB * rng.lognormal(0, SPREAD, len(start))
    rates = MEDIAN_RATE * rng.lognormal(0, RATE_SPREAD, len(start))
    if events.times != 1:
        mine, days = user == USERS.index(USER), start // ROWS
        sums = np.bincount(days[mine], size[mine], DAYS)
        if not sums[USER_DAY]:  # it shall have a job on the day
            raise ValueError(f"{USER} of seed {seed} did nothing on the day of the event")
        size[mine & (days == USER_DAY)] *= events.times * np.median(sums) / sums[USER_DAY]
    length = np.maximum(size / rates / STEP, 1).astype(np.int64)
    return Jobs(user, start, length, size, rng.random(len(start)) < 0.5)


def moved(seed: int, jobs: Jobs, events: Events) -> tuple[Float64, Float64]:
    """Bytes that each target read and wrote: twice float64 (rows of the month, targets)."""
    rng = np.random.default_rng([seed, 1])
    rows, count = DAYS * ROWS, len(TARGETS)
    requested = np.zeros((2, rows, count))
    for start, length, size, is_read in zip(*jobs[1:], strict=True):
        stripes = 1 if size < 2.0**37 else int(rng.choice((4, count), p=(0.3, 0.7)))
        osts = rng.choice(count, stripes, replace=False)
        end = min(start + length, rows)
        requested[int(is_read), start:end, osts] += size / stripes / length
    small = rng.gamma(0.5, 2.0, requested.shape) * activity().reshape(-1, 1)
    requested += 0.01 * FASTEST * STEP * small
    speed = FASTEST * STEP * rng.normal(1.0, 0.04, count) * rng.lognormal(0, 0.08, (rows, count))
    here = slice(SLOW_DAY * ROWS, (SLOW_DAY + 1) * ROWS)
    speed[here, SLOW_TARGET] *= events.speed
    done, waiting = np.empty_like(requested), np.zeros((2, count))
    for row in range(rows):
        waiting += requested[:, row]
        np.minimum(waiting, speed[row], out=done[:, row])
        waiting -= done[:, row]
    return np.floor(done[1]), np.floor(done[0])


def fullness(seed: int, events: Events) -> Float64:
    """Share of each target that is used: float64 (hours of the month, targets). All grow, some
    days by much or little, and are purged once a week.
    """
    rng = np.random.default_rng([seed, 2])
    points = 0.1 + 0.15 * rng.standard_t(3, (DAYS, len(TARGETS)))
    points[6::7] -= 0.5
    points[FILLING_SINCE:, FILLING_TARGET] += events.points
    levels = rng.uniform(50, 58, len(TARGETS)) + np.cumsum(points, axis=0)
    hours = np.arange(DAYS * 24) / 24 + 1 / 24
    known = np.arange(DAYS + 1)
    ends = np.vstack([levels[:1] - points[:1], levels])
    found = [np.interp(hours, known, ends[:, n]) for n in range(len(TARGETS))]
    return np.clip(np.array(found).T / 100, 0.0, 1.0)


def write(root: Path, seed: int, events: Events = Events()) -> Path:
    """Write a month's archive: series, index and jobs of each day, their receipts and figures."""
    jobs = jobs_of(seed, events)
    read, written = moved(seed, jobs, events)
    used = np.floor(CAPACITY * fullness(seed, events))
    for number, date in enumerate(dates()):
        rows, hours = (slice(number * one, (number + 1) * one) for one in (ROWS, 24))
        amounts, levels = [read[rows].copy(), written[rows].copy()], used[hours].copy()
        if number == GAP_DAY and events.minutes:
            gap = slice(GAP_ROW, GAP_ROW + events.minutes)
            for values in amounts:  # its growth is in the last cell of the gap
                total = values[gap].sum(axis=0)
                values[gap] = np.nan
                values[gap.stop - 1] = total
        series = [
            OwnSeries("datatargets/readbytes", TARGETS, STEP, amounts[0]),
            OwnSeries("datatargets/writebytes", TARGETS, STEP, amounts[1]),
            OwnSeries("fullness/bytes", TARGETS, FULL_STEP, levels),
            OwnSeries("fullness/bytestotal", TARGETS, FULL_STEP, np.full_like(levels, CAPACITY)),
        ]
        write_series(root, "scratch", date, series, timezone=ZONE, site="generated month")
        _write_logs(root, date, number, jobs)
        path = layout.path(root, layout.FIGURES, date)
        figures_of_day.write_figures(root, date, path, instances=INSTANCES)
    return root


def _write_logs(root: Path, date: dt.date, number: int, jobs: Jobs) -> None:
    """The day's series of logs, index and table of jobs: a log a job."""
    chosen = np.flatnonzero(jobs.start // ROWS == number)
    started = np.bincount((jobs.start[chosen] - number * ROWS) * STEP // FULL_STEP, minlength=24)
    series = OwnSeries(
        "logs/started", ["scratch"], FULL_STEP, started[:, None], unit="logs", kind="delta"
    )
    write_series(root, "logs", date, [series])
    start = Day(date, ZONE).start + STEP * (jobs.start[chosen] - number * ROWS)
    size = jobs.size[chosen].astype(np.int64)
    read, written = np.where(jobs.is_read[chosen], size, 0), np.where(jobs.is_read[chosen], 0, size)
    names = [USERS[one] for one in jobs.user[chosen]]
    count = len(chosen)
    logs = {
        "log_id": np.arange(count),
        "filename": np.array([f"{one}.darshan" for one in chosen], object),
        "jobid": np.array([str(one) for one in chosen], object),
        "uid": 1000 + jobs.user[chosen],
        "username": np.array(names, object),
        "exename": np.array(["a.out"] * count, object),
        "start_time": start.astype(float),
        "end_time": (start + STEP * jobs.length[chosen]).astype(float),
    }
    moved_ = {"bytes_read": read, "bytes_written": written}
    path = layout.path(root, layout.INDEX, date, "logs")
    path.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(index_ddl())
        connection.execute("INSERT INTO mounts VALUES (0, '/scratch', 'scratch')")
        index_file.insert_table(connection, "headers", logs)
        rows = {"log_id": logs["log_id"], "fs_id": np.zeros(count, np.int64), **moved_}
        index_file.insert_table(connection, "summaries", rows)
    table = pa.table(
        {
            "date": [str(date)] * count,
            "jobid": list(logs["jobid"]),
            "uid": pa.array(logs["uid"], pa.int64()),
            "username": names,
            "exenames": ["a.out"] * count,
            "logs": pa.array([1] * count, pa.int64()),
            "nprocs": pa.array([64] * count, pa.int64()),
            "start_time": pa.array(start, pa.int64()),
            "end_time": pa.array(start + STEP * jobs.length[chosen], pa.int64()),
            "partial_modules": pa.nulls(count, pa.string()),
            "fsname": ["scratch"] * count,
            **{name: pa.array(values, pa.int64()) for name, values in moved_.items()},
        }
    )
    pq.write_table(table, layout.path(root, layout.JOBS, date, "logs"))
