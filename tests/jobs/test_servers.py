"""What servers did while jobs ran: hand-made archives with known figures, properties, ten real
minutes, the night's run.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_tools.core.day import Day
from archive_tools.core.errors import ConfigError
from archive_tools.core.findings import Findings
from archive_tools.core.grid import Grid
from archive_tools.formats import darshan_tables, index_file, jobs_file
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.jobs import (
    index,
    intervals,
    scoreboards,
    server_days,
    server_join,
    server_series,
    servers,
)
from archive_tools.reading.archive import Archive
from archive_tools.schemas import catalogue
from archive_tools.store import layout
from archive_tools.store.receipts import Receipts
from pipeline import site as sites
from pipeline.cli.main import COMPLETE, FAILED, PARTIAL, main
from pipeline.site import Servers
from pipeline.sources import registry as sources
from tests.support.collectd_day import SITEDAY
from tests.support.nights import FOREVER, lmt_db, lmt_source, some_logs
from tests.support.paths import ROOT
from tests.support.prometheus_server import SAVED

DATE = dt.date(2026, 11, 22)
DAY = Day(DATE)
NEXT = DATE + dt.timedelta(days=1)
STEP = 600
ROWS = DAY.rows(STEP)
READ, WRITTEN = "datatargets/readbytes", "datatargets/writebytes"
Site = Callable[..., Path]


# Archives made by hand


def tts(
    root: Path,
    instance: str,
    date: dt.date,
    datasets: Mapping[str, Mapping[str, Sequence[float]]],
    step: int = STEP,
) -> Path:
    """A day of an instance: dataset to component to values."""
    path = layout.path(root, layout.TTS, date, instance)
    path.parent.mkdir(parents=True, exist_ok=True)
    with TtsWriter(path, Day(date)) as writer:
        for name, columns in datasets.items():
            values = np.column_stack(
                [np.asarray(column, dtype=float) for column in columns.values()]
            )
            writer.write(
                Grid(name, tuple(columns), Day(date).start, step, values),
                catalogue()[name],
                source="test",
                updated=0,
            )
    return path


def flat(value: float, rows: int = ROWS) -> list[float]:
    return [value] * rows


def moving(osts: Mapping[str, Sequence[float]]) -> dict[str, Mapping[str, Sequence[float]]]:
    return {READ: osts, WRITTEN: osts}


def log(
    first: float, last: float, *, job: str = "1", fs: str = "fs", read: int = 0, written: int = 0
) -> dict[str, Any]:
    return {"first": first, "last": last, "job": job, "fs": fs, "read": read, "written": written}


def darshan(
    root: Path,
    found: Sequence[dict[str, Any]],
    date: dt.date = DATE,
    series: Mapping[str, Sequence[float]] | None = None,
) -> Path:
    """A day of logs; every one has files on one file system, and `series` is what all moved."""
    names = sorted({one["fs"] for one in found}) or ["fs"]
    columns = series or {name: flat(0) for name in names}
    path = tts(root, "darshan", date, moving(columns))
    size = len(found)
    text, numbers = (
        (lambda *values: np.array(values, dtype=object)),
        np.arange(size, dtype=np.int64),
    )
    import h5py

    with h5py.File(path, "r+") as file:
        tables = darshan_tables.TableWriter(file)
        first, last = (
            np.array([one[key] for one in found], dtype=float) for key in ("first", "last")
        )
        tables.append(
            "logs",
            {
                "log_id": numbers,
                "filename": text(*(f"log{n}" for n in range(size))),
                "start_time": first,
                "end_time": last,
                "walltime": last - first,
                "jobid": text(*(one["job"] for one in found)),
                "uid": np.zeros(size, np.int64),
                "username": text(*("user" for _ in found)),
                "exename": text(*("exe" for _ in found)),
            },
        )
        tables.append(
            "mounts",
            {
                "fs_id": np.arange(len(names)),
                "mountpt": text(*(f"/{name}" for name in names)),
                "fsname": text(*names),
            },
        )
        own = {
            f"bytes_{what}": np.array([one[what] for one in found], dtype=np.int64)
            for what in ("read", "written")
        }
        tables.append(
            "summaries",
            {
                "log_id": numbers,
                "fs_id": np.array([names.index(one["fs"]) for one in found], dtype=np.int64),
                **own,
            },
        )
        tables.append(
            "rejects",
            {
                "filename": text(),
                "folder": text(),
                "log_bytes": np.empty(0, np.int64),
                "reason": text(),
            },
        )
        tables.close()
    return path


def joined(
    root: Path, behind: Mapping[str, Servers] | None = None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of both tables, in the order of logs and of jobs."""
    target = root / "index.sqlite"
    target.unlink(missing_ok=True)
    known = {"fs": Servers(instance="servers")} if behind is None else behind
    around = server_join.Around(Archive(root), DAY, "darshan", known, Findings())
    index.write_index(layout.path(root, layout.TTS, DATE, "darshan"), target, around)
    return rows_of(target)


def rows_of(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    with closing(index_file.open_index(path)) as connection:
        connection.row_factory = sqlite3.Row
        orders = {"servers": "log_id, fsname", "job_servers": "jobid, fsname"}
        found = [
            [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY {order}")]
            for table, order in orders.items()
        ]
    return found[0], found[1]


def at(row: float, date: dt.date = DATE) -> float:
    """The time of a row, and of parts of it."""
    return Day(date).start + row * STEP


def test_the_rows_that_are_taken_and_what_they_come_to(tmp_path: Path) -> None:
    """The log touches rows 10 to 12; row 9 counts too."""
    one, two = flat(0), flat(0)
    one[8:14] = [1, 2, 4, 8, 16, 32]
    two[8:14] = [100, 200, 400, 800, 1600, 3200]
    cpu = flat(10)
    cpu[11] = 90
    tts(
        tmp_path,
        "servers",
        DATE,
        moving({"a": one, "b": two})
        | {
            "datatargets/readops": {"a": flat(3), "b": flat(4)},
            "datatargets/writeops": {"a": flat(0), "b": flat(0)},
        }
        | {
            "dataservers/cpuload": {"oss1": cpu, "oss2": flat(20)},
            "mdservers/cpuload": {"mds": flat(5)},
        }
        | {"mdtargets/opens": {"mdt": one}, "mdtargets/getattrs": {"mdt": flat(7)}},
    )
    darshan(tmp_path, [log(at(10.5), at(12.5), written=1515, read=3030)])
    (found,), (job,) = joined(tmp_path)
    assert (found["fs_instance"], found["fs_start"], found["fs_end"]) == ("servers", at(9), at(13))
    assert (found["fs_bytes_read"], found["fs_bytes_written"]) == (3030, 3030)
    assert (found["fs_reads"], found["fs_writes"]) == (28, 0)
    assert found["fs_peak_read_rate"] == found["fs_peak_write_rate"] == 1616 / STEP
    assert (found["fs_oss_cpu_mean"], found["fs_oss_cpu_peak"]) == ((10 * 3 + 90 + 20 * 4) / 8, 90)
    assert (found["fs_mds_cpu_mean"], found["fs_mds_cpu_peak"]) == (5, 5)
    assert (found["fs_opens"], found["fs_getattrs"], found["fs_closes"]) == (30, 28, None)
    assert (found["coverage_read"], found["coverage_written"]) == (1.0, 0.5)
    assert found["fs_missing"] == 0
    assert {key: job[key] for key in job if key in found} == {
        key: found[key] for key in found if key != "log_id"
    }


@pytest.mark.parametrize(("last", "end"), [(10.99, 11), (11, 12)])
def test_an_end_on_a_boundary_touches_the_next_row(tmp_path: Path, last: float, end: int) -> None:
    tts(tmp_path, "servers", DATE, moving({"a": flat(1)}))
    darshan(tmp_path, [log(at(10), at(last))])
    (found,), _ = joined(tmp_path)
    assert (found["fs_start"], found["fs_end"], found["fs_bytes_read"]) == (at(9), at(end), end - 9)


def test_missing_is_not_zero(tmp_path: Path) -> None:
    nan = float("nan")
    part, none = flat(1), flat(1)
    part[10], none[9:12] = nan, [nan] * 3
    tts(
        tmp_path,
        "servers",
        DATE,
        {READ: {"a": part, "b": none}, WRITTEN: {"b": none}}
        | {"dataservers/cpuload": {"oss": none}},
    )
    darshan(
        tmp_path,
        [log(at(10), at(10.5), read=4, written=5), log(at(11), at(11.5)), log(at(20), at(20.5))],
    )
    (first, second, third), _ = joined(tmp_path)
    assert (first["fs_bytes_read"], first["fs_bytes_written"], first["coverage_written"]) == (
        1,
        None,
        None,
    )
    assert (first["fs_oss_cpu_mean"], first["fs_peak_write_rate"]) == (None, None)
    assert first["fs_missing"] == pytest.approx(100 * (3 / 4 + 1) / 2)
    assert second["fs_missing"] == pytest.approx(100 * (3 / 4 + 1) / 2)
    assert (third["fs_missing"], third["fs_bytes_written"], third["fs_oss_cpu_mean"]) == (0, 2, 1)


def test_the_growth_of_a_gap_is_no_rate(tmp_path: Path) -> None:
    values = flat(60)
    values[8:10], values[10] = [float("nan")] * 2, 180
    tts(tmp_path, "servers", DATE, moving({"a": values}))
    darshan(tmp_path, [log(at(10), at(11.5)), log(at(10), at(10.5))])
    (longer, shorter), _ = joined(tmp_path)
    assert (longer["fs_bytes_read"], longer["fs_peak_read_rate"]) == (240, 60 / STEP)
    assert (shorter["fs_bytes_read"], shorter["fs_peak_read_rate"]) == (180, None)


def test_over_midnight_with_and_without_the_next_day(tmp_path: Path) -> None:
    """Three rows of this day; the next has another timestep and another target. An absent day is
    missing, not 0.
    """
    tts(tmp_path, "servers", DATE, moving({"a": flat(1)}))
    darshan(
        tmp_path, [log(at(ROWS - 2), at(1.5, NEXT), written=6)], series={"fs": [*flat(0)[:-1], 6]}
    )
    (found,), _ = joined(tmp_path)
    assert (found["fs_start"], found["fs_end"]) == (at(ROWS - 3), at(1.5, NEXT) + 1)
    assert (found["fs_bytes_written"], found["coverage_written"], found["share_written"]) == (
        3,
        2,
        None,
    )
    assert found["fs_missing"] == pytest.approx(100 * 901 / 2701)
    tts(
        tmp_path,
        "servers",
        NEXT,
        moving({"a": flat(1, 2 * ROWS), "b": flat(1, 2 * ROWS)}),
        step=STEP // 2,
    )
    darshan(tmp_path, [], NEXT, series={"other": flat(1)})
    (found,), (job,) = joined(tmp_path)
    assert (found["fs_start"], found["fs_end"]) == (at(ROWS - 3), at(2, NEXT))
    assert (found["fs_bytes_written"], found["fs_missing"]) == (
        3 + 2 * 4,
        0,
    ), "a target that comes is not missing before"
    assert found["share_written"] == 1.0
    assert job["fs_bytes_written"] == found["fs_bytes_written"]


def test_jobs_longer_than_the_archive(tmp_path: Path) -> None:
    tts(tmp_path, "servers", DATE, moving({"a": flat(1)}))
    darshan(tmp_path, [log(DAY.start - 5 * 86400, DAY.end + 4 * 86400 - 1)])
    (found,), _ = joined(tmp_path)
    assert found["fs_bytes_read"] == ROWS
    assert found["fs_missing"] == pytest.approx(100 * (1 - ROWS / (10 * ROWS + 1))), (
        "a row before the first counts"
    )


def test_a_day_without_servers_is_missing_throughout(tmp_path: Path) -> None:
    darshan(tmp_path, [log(at(1), at(2), read=5)], series={"fs": flat(5)})
    (found,), _ = joined(tmp_path)
    assert found["fs_missing"] == 100.0
    assert found["share_read"] == 0.5
    assert {
        found[key] for key in found if key.startswith("fs_bytes_") or key.startswith("coverage")
    } == {None}


def test_no_servers_known(tmp_path: Path) -> None:
    """Nothing is said of servers; what follows from the logs is."""
    tts(tmp_path, "servers", DATE, moving({"a": flat(1)}))
    darshan(
        tmp_path,
        [log(at(1), at(1.5), read=5), log(at(1.5), at(3.5), job="2")],
        series={"fs": flat(10)},
    )
    (first, second), jobs = joined(tmp_path, {})
    assert {first[key] for key in first if key.startswith(("fs_", "coverage"))} == {None}
    assert [
        (row["share_read"], row["other_logs"], row["other_jobs"]) for row in (first, second)
    ] == [(0.5, 1, 1), (0.0, 1, 1)]
    assert len(jobs) == 2


def test_two_file_systems_on_one_server_by_patterns(tmp_path: Path) -> None:
    tts(
        tmp_path,
        "servers",
        DATE,
        moving({"oss:sda": flat(1), "oss:sdb": flat(10), "oss:sdb2": flat(100)}),
    )
    darshan(
        tmp_path,
        [
            log(at(5), at(5.5), fs="one"),
            log(at(5), at(5.5), fs="two"),
            log(at(5), at(5.5), fs="three"),
        ],
    )
    behind = {
        name: Servers(instance="servers", datatargets=f"oss:{device}")
        for name, device in {"one": "sda", "two": "sdb", "three": "sdc"}.items()
    }
    found = {row["fsname"]: row for row in joined(tmp_path, behind)[0]}
    assert {name: row["fs_bytes_read"] for name, row in found.items()} == {
        "one": 2,
        "two": 20,
        "three": None,
    }, "whole names count"
    assert found["three"]["fs_missing"] == 100.0


def test_fullness_at_the_start(tmp_path: Path) -> None:
    """The state measured last at or before the first row, up to an hour old; targets of unknown
    size do not count.
    """
    nan = float("nan")
    a, b = flat(nan), flat(nan)
    a[20], b[20], a[23] = 10, 60, 99
    used = {"a": a, "b": b, "c": flat(5)}
    tts(
        tmp_path,
        "servers",
        DATE,
        moving({"a": flat(1)})
        | {
            "fullness/bytes": used,
            "fullness/bytestotal": {"a": flat(100), "b": flat(100), "c": flat(0)},
        },
    )
    darshan(tmp_path, [log(at(row), at(row + 3)) for row in (21, 23, 24, 26, 30, 10)])
    found, _ = joined(tmp_path)
    assert [(row["fs_bytes_full"], row["fs_bytes_fullest"]) for row in found] == [
        (35, 60),
        (35, 60),
        (99, 99),
        (99, 99),
        (None, None),
        (None, None),
    ]
    assert {row["fs_inodes_full"] for row in found} == {None}


def test_logs_with_garbage_for_times_stop_nothing(tmp_path: Path) -> None:
    tts(tmp_path, "servers", DATE, moving({"a": flat(1)}))
    darshan(
        tmp_path,
        [
            log(0, 0),
            log(at(3), at(1)),
            log(at(1), at(1) + 1e12, job="2"),
            log(at(5), at(5.5), job="3", read=2),
        ],
    )
    found, jobs = joined(tmp_path)
    assert [row["fs_bytes_read"] for row in found] == [None, None, None, 2]
    assert [row["other_logs"] for row in found] == [None, None, None, 0]
    assert [row["fs_missing"] for row in jobs] == [None, None, 0]


def test_a_damaged_day_is_missing_and_a_finding(tmp_path: Path) -> None:
    tts(tmp_path, "servers", DATE, moving({"a": flat(1)})).write_bytes(b"no HDF5")
    darshan(tmp_path, [log(at(5), at(5.5))])
    findings = Findings()
    around = server_join.Around(
        Archive(tmp_path), DAY, "darshan", {"fs": Servers(instance="servers")}, findings
    )
    index.write_index(
        layout.path(tmp_path, layout.TTS, DATE, "darshan"), tmp_path / "index.sqlite", around
    )
    assert rows_of(tmp_path / "index.sqlite")[0][0]["fs_missing"] == 100.0
    assert findings.total("days of servers that cannot be read") > 0


def test_a_job_is_its_whole_time_and_shares_are_of_whole_rows(tmp_path: Path) -> None:
    """Two logs of job 1 with a gap in which job 2 runs."""
    tts(tmp_path, "servers", DATE, moving({"a": flat(10)}))
    series = flat(0)
    series[10], series[14], series[20] = 30, 20, 50
    found = [
        log(at(10), at(10.5), read=20),
        log(at(20), at(20.5), read=50),
        log(at(14), at(14.5), job="2", read=20),
        log(at(10.1), at(10.2), job="3", read=10),
    ]
    darshan(tmp_path, found, series={"fs": series})
    by_log, (one, two, three) = joined(tmp_path)
    assert [row["share_read"] for row in by_log] == [20 / 30, 1.0, 1.0, 10 / 30]
    assert [(row["other_logs"], row["other_jobs"]) for row in by_log] == [
        (1, 1),
        (0, 0),
        (0, 0),
        (1, 1),
    ]
    assert (one["fs_bytes_read"], one["coverage_read"], one["share_read"]) == (120, 70 / 120, 0.7)
    assert (one["other_logs"], one["other_jobs"]) == (2, 2)
    assert (two["share_read"], three["share_read"]) == (1.0, 10 / 30)


def test_parquet_has_the_figures_of_jobs(tmp_path: Path) -> None:
    tts(tmp_path, "servers", DATE, moving({"a": flat(10)}))
    darshan(
        tmp_path,
        [log(at(5), at(5.5), job="2", written=10), log(at(5), at(5.5), job="1", fs="none")],
    )
    _, jobs = joined(tmp_path)
    assert jobs_file.write_jobs(
        tmp_path / "index.sqlite", tmp_path / "jobs.parquet", str(DATE)
    ) == {"rows": 2}
    table = pq.read_table(tmp_path / "jobs.parquet").to_pylist()
    for row, expected in zip(table, jobs, strict=True):
        assert {key: row[key] for key in expected} == expected
    assert [row["coverage_written"] for row in table] == [None, 0.5]


def test_an_index_without_the_tables_can_be_read(tmp_path: Path) -> None:
    darshan(tmp_path, [log(at(5), at(5.5), written=10)])
    joined(tmp_path)
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as connection:
        connection.executescript("DROP TABLE servers; DROP TABLE job_servers")
    assert [
        (score.name, score.written)
        for score in scoreboards.scoreboard([tmp_path / "index.sqlite"], "fs")
    ] == [("fs", 10)]


# Properties


@st.composite
def axes(draw: st.DrawFn) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Rows with gaps between them."""
    seconds = np.array(draw(st.lists(st.integers(1, 5), min_size=1, max_size=30)))
    gaps = np.array(
        draw(st.lists(st.sampled_from([0, 0, 0, 7]), min_size=len(seconds), max_size=len(seconds)))
    )
    return np.cumsum(seconds + gaps) - seconds, seconds


def pairs(least: int, most: int, *, minimum: int = 0) -> st.SearchStrategy[list[tuple[int, int]]]:
    return st.lists(
        st.tuples(st.integers(least, most), st.integers(0, 40)).map(lambda p: (p[0], p[0] + p[1])),
        min_size=minimum,
        max_size=25,
    )


@given(axes(), pairs(-20, 120, minimum=1), st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_rows_and_what_they_come_to_equal_the_naive_loop(
    axis: Any, wanted: list[tuple[int, int]], before: bool, random: Any
) -> None:
    stamps, seconds = axis
    values = np.array([[random.randint(-9, 9), random.random()] for _ in stamps], dtype=float)
    first, last = np.array(wanted).T
    taken = intervals.rows_taken(stamps, seconds, first, last, before=before)
    sums, tops = (
        intervals.Pieces.of(taken, len(stamps)).reduced(values, how) for how in (np.add, np.maximum)
    )
    for n, (a, b) in enumerate(wanted):
        step = (
            seconds[max([i for i in range(len(stamps)) if stamps[i] <= a], default=0)]
            if before
            else 0
        )
        rows = [
            i for i in range(len(stamps)) if stamps[i] <= b and stamps[i] + seconds[i] > a - step
        ]
        assert list(range(taken.low[n], taken.high[n])) == rows
        np.testing.assert_allclose(sums[n], values[rows].sum(axis=0), rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(
            tops[n], values[rows].max(axis=0) if rows else [-np.inf, -np.inf]
        )
        assert taken.start[n] <= a - step
        assert taken.end[n] > b
        assert all(
            taken.start[n] <= stamps[i] and stamps[i] + seconds[i] <= taken.end[n] for i in rows
        )


@given(axes(), st.data())
@settings(deadline=None)
def test_disjoint_intervals_come_to_the_whole(axis: Any, data: st.DataObject) -> None:
    """Cut at starts of rows, no row is lost and none counts twice."""
    stamps, seconds = axis
    values = np.arange(1.0, len(stamps) + 1)[:, None]
    cuts = sorted(
        data.draw(st.sets(st.sampled_from(stamps.tolist()), min_size=1)) | {int(stamps[0])}
    )
    first, last = np.array(cuts), np.array([*cuts[1:], int(stamps[-1] + seconds[-1])]) - 1
    taken = intervals.rows_taken(stamps, seconds, first, last, before=False)
    assert intervals.Pieces.of(taken, len(stamps)).reduced(values, np.add).sum() == values.sum()


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 60), st.integers(0, 10)), max_size=40),
    pairs(-5, 70, minimum=1),
)
@settings(max_examples=200, deadline=None)
def test_who_else_was_there_equals_the_naive_loop(
    found: list[tuple[int, int, int]], windows: list[tuple[int, int]]
) -> None:
    owner, first = (np.array([one[n] for one in found], dtype=np.int64) for n in (0, 1))
    last = first + np.array([one[2] for one in found], dtype=np.int64)
    start, end = np.array(windows).T
    end = end + 1
    touching = [
        [o for o, a, b in zip(owner, first, last, strict=True) if a < e and b >= s]
        for s, e in zip(start, end, strict=True)
    ]
    assert intervals.overlapping(first, last, start, end).tolist() == [
        len(some) for some in touching
    ]
    assert intervals.owners_overlapping(owner, first, last, start, end).tolist() == [
        len(set(some)) for some in touching
    ]


@given(pairs(-50, 50), pairs(-50, 50, minimum=1))
def test_gaps_around_windows_equal_the_naive_loop(
    gaps: list[tuple[int, int]], windows: list[tuple[int, int]]
) -> None:
    left, right = (np.array([gap[n] for gap in gaps], dtype=np.int64) for n in (0, 1))
    start, end = np.array(windows).T
    assert intervals.around(left, right, start, end).tolist() == [
        sum(a < s and b >= e for a, b in gaps) for s, e in windows
    ]


@pytest.mark.parametrize(
    ("zone", "first", "last", "dates"),
    [
        ("UTC", DAY.start + 3600, DAY.end - 1, ["2026-11-22"]),
        ("UTC", DAY.start + 3599, DAY.end, ["2026-11-21", "2026-11-22", "2026-11-23"]),
        (
            "America/Los_Angeles",
            Day(DATE, "America/Los_Angeles").start + 3600,
            DAY.end,
            ["2026-11-22"],
        ),
    ],
)
def test_days_that_logs_reach_into(zone: str, first: int, last: int, dates: list[str]) -> None:
    assert [str(date) for date in server_days.dates(Day(DATE, zone), first, last)] == dates


def test_garbage_reaches_no_farther_than_a_month() -> None:
    found = server_days.dates(DAY, -1e18, 1e18)
    assert (str(found[0]), str(found[-1])) == ("2026-10-22", "2026-12-24")


# Ten real minutes

KEYS = {"scratch": "oss01:loop0", "project": "oss01:loop1"}
MOUNTS = {"mount_to_fsname": {"^/scratch": "scratch", "^/project": "project"}}
WAYS = {
    "prometheus": {
        "kind": "prometheus",
        "answers": SAVED,
        "host_label": "host",
        "devices": "loop[01]",
        "timestep": 5,
    },
    "csv": {
        "kind": "collectd",
        "form": "csv",
        "files": [str(SITEDAY / "csv.tar.gz")],
        "devices": "loop[01]",
        "timestep": 5,
    },
    "write_http": {
        "kind": "collectd",
        "form": "write_http",
        "files": [str(SITEDAY / "write_http.jsonl.gz")],
        "store_rates": True,
        "devices": "loop[01]",
        "timestep": 5,
    },
}
BEHIND = {name: {"instance": "servers", "datatargets": device} for name, device in KEYS.items()}


def night() -> int:
    return main(["nightly", "--date", str(DATE)])


@pytest.fixture(params=WAYS)
def siteday(
    request: pytest.FixtureRequest, tmp_path: Path, site: Site, darshan_source: dict[str, Any]
) -> Iterator[sqlite3.Connection]:
    site(
        {"servers": WAYS[request.param], "darshan": darshan_source},
        fsname_to_instance=BEHIND,
        **MOUNTS,
    )
    assert night() == PARTIAL
    connection = index_file.open_index(tmp_path / f"archive/2026/{DATE}/darshan_index.sqlite")
    yield connection
    connection.close()


@pytest.mark.system
def test_bytes_that_are_forced_to_the_device_are_all_covered(siteday: sqlite3.Connection) -> None:
    """dd with O_DIRECT, fpp and mpiio with fsync: everything that they wrote is in the rows that
    are taken, whatever the way.

    The servers count 4 KiB blocks and the journal too, so that they have at least as much; 0.1 % is
    for the rates of write_http, which are of intervals some milliseconds longer or shorter than 5
    s.
    """
    query = """SELECT coverage_written, other_logs, fs_missing, fs_bytes_written, bytes_written
               FROM servers JOIN headers USING (log_id) JOIN mounts USING (fsname) JOIN summaries
                   USING (log_id, fs_id)
               WHERE exename IN ('dd', 'fpp', 'mpiio') AND bytes_written > 0"""
    found = siteday.execute(query).fetchall()
    assert len(found) == 40
    assert all(row[0] <= 1.001 for row in found)
    assert all(row[3] >= row[4] * 0.999 for row in found)


@pytest.mark.system
def test_what_the_servers_wrote_is_the_logs_own_and_their_neighbours(
    siteday: sqlite3.Connection,
) -> None:
    """No more than what the logs wrote that ran in the rows, or in the row after (a sample is taken
    up to 5 s late).

    The 8 MiB are what small programs (cp, tar, gzip, sqlite3: 6.5 MiB a round) left in the page
    cache, written out later.
    """
    query = """SELECT fs_bytes_written, (
                   SELECT SUM(other.bytes_written) FROM summaries AS other JOIN headers AS log
                       USING (log_id) JOIN mounts USING (fs_id)
                   WHERE mounts.fsname = servers.fsname AND log.start_time < fs_end + 5 AND
                       log.end_time >= fs_start
               ) FROM servers JOIN headers USING (log_id) WHERE exename IN ('dd', 'fpp', 'mpiio')"""
    found = siteday.execute(query).fetchall()
    assert len(found) == 48
    assert all(moved <= known + 8 * 2**20 for moved, known in found)


@pytest.mark.system
def test_reads_from_the_device_are_covered_and_those_from_the_page_cache_are_not(
    siteday: sqlite3.Connection,
) -> None:
    """dd reads with O_DIRECT; mpiio reads what it has just written. In the rows of most mpiio logs
    there is another log's reading, too.
    """
    query = """SELECT coverage_read FROM servers JOIN headers USING (log_id) JOIN mounts USING
        (fsname) JOIN summaries USING (log_id, fs_id)
               WHERE exename = ? AND bytes_read > 1048576"""
    direct, cached = (
        [row[0] for row in siteday.execute(query, (name,))] for name in ("dd", "mpiio")
    )
    assert direct == pytest.approx([1.0] * 8, rel=0.001)
    assert len(cached) == 16
    assert sum(value is None or value > 1.001 for value in cached) >= 5


@pytest.mark.system
def test_shares_are_parts_of_one(siteday: sqlite3.Connection) -> None:
    shares = siteday.execute(
        "SELECT share_read, share_written FROM servers UNION ALL SELECT share_read, share_written"
        " FROM job_servers"
    ).fetchall()
    known = [share for row in shares for share in row if share is not None]
    assert len(known) > 300
    assert all(0 <= share <= 1 for share in known)


# The configuration


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"fs": "nowhere"}, ["fsname_to_instance: fs: 'nowhere'", "lmt"]),
        (
            {"fs": "darshan"},
            ["fsname_to_instance: fs: 'darshan' is not an instance that watches servers"],
        ),
        (
            {"fs": {"instance": "lmt", "datatargets": "("}},
            ["fsname_to_instance: fs", "datatargets", "not a regular expression"],
        ),
        (
            {"fs": {"instance": "lmt", "datatarget": "x"}},
            ["datatarget is not known", "did you mean datatargets?"],
        ),
        ({"fs": {"datatargets": "x"}}, ["fsname_to_instance: fs", "key instance is missing"]),
        ({"fs": 7}, ["fsname_to_instance: fs", "got: 7"]),
        (["fs"], ["fsname_to_instance"]),
    ],
)
def test_wrong_keys_are_named(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str], value: Any, words: list[str]
) -> None:
    path = site(
        {"lmt": lmt_source(tmp_path / "x"), "darshan": {"kind": "darshan", "logs": "x"}},
        fsname_to_instance=value,
    )
    with pytest.raises(ConfigError) as caught:
        sources.check(sites.load(str(path)))
    for word in words:
        assert re.sub(r"\s+", " ", word) in re.sub(r"\s+", " ", str(caught.value))
    assert main(["check-config"]) == 2


def test_who_stands_behind_a_file_system(tmp_path: Path, site: Site) -> None:
    keys = {"lmt": lmt_source(tmp_path / "x"), "darshan": {"kind": "darshan", "logs": "x"}}
    found = sites.load(
        str(
            site(
                keys,
                fsname_to_instance={
                    "scratch": "lmt",
                    "home": {"instance": "lmt", "mdtargets": "mdt1"},
                },
            )
        )
    )
    assert sources.servers_of(found, "scratch") == Servers(instance="lmt")
    assert sources.servers_of(found, "home") == Servers(instance="lmt", mdtargets="mdt1")
    assert sources.servers_of(found, "lmt") == Servers(instance="lmt"), (
        "the instance of the same name"
    )
    assert sources.servers_of(found, "darshan") is None
    assert sources.servers_of(found, "project") is None


# The night's run


def receipts(root: Path, date: dt.date = DATE) -> dict[str, str]:
    return {f"{r.instance}.{r.product}": r.name for r in Receipts(root).day(date).all}


def written_by_servers(
    root: Path, fsname: str = "scratch", date: dt.date = DATE
) -> list[int | None]:
    with closing(index_file.open_index(root / f"2026/{date}/darshan_index.sqlite")) as connection:
        return [
            value
            for (value,) in connection.execute(
                "SELECT DISTINCT fs_bytes_written FROM servers WHERE fsname = ?", (fsname,)
            )
        ]


@pytest.mark.system
@pytest.mark.parametrize("names", [("aaa", "darshan"), ("darshan", "zzz")])
@pytest.mark.parametrize("workers", ["1", "3"])
def test_servers_are_joined_whatever_the_order(
    tmp_path: Path,
    site: Site,
    caplog: pytest.LogCaptureFixture,
    names: tuple[str, str],
    workers: str,
) -> None:
    """Also where several tasks run at the same time; a second run has nothing to do."""
    some_logs(tmp_path / "logs", 20)
    lmt_db(tmp_path / "lmt.db")
    known = {"darshan": {"kind": "darshan", "logs": "logs"}}
    behind = next(name for name in names if name != "darshan")
    sources = {name: known.get(name, lmt_source(tmp_path / "lmt.db")) for name in names}
    site(sources, fsname_to_instance={"scratch": behind}, **MOUNTS, **FOREVER)
    command = [
        sys.executable,
        "-m",
        "pipeline.cli.main",
        "nightly",
        "--date",
        str(DATE),
        "--workers",
        workers,
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == COMPLETE, run.stderr
    assert None not in written_by_servers(tmp_path / "archive")
    before = receipts(tmp_path / "archive")
    assert night() == COMPLETE
    assert "no task was run" in caplog.text
    assert receipts(tmp_path / "archive") == before


@pytest.mark.system
def test_servers_that_fail_and_come_later(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    some_logs(tmp_path / "logs", 20)
    root = tmp_path / "archive"
    sources = {
        "darshan": {"kind": "darshan", "logs": "logs"},
        "scratch": lmt_source(tmp_path / "lmt.db"),
    }
    site(sources, **MOUNTS, **FOREVER)
    assert night() == FAILED
    assert "darshan          complete" in capsys.readouterr().out
    assert written_by_servers(root) == [None]
    before = receipts(root)
    lmt_db(tmp_path / "lmt.db")
    assert night() == COMPLETE, "the instance of the same name stands behind it"
    assert None not in written_by_servers(root)
    after = receipts(root)
    assert after["darshan.tts"] == before["darshan.tts"]
    assert after["darshan.index"] != before["darshan.index"]
    table = pq.read_table(root / f"2026/{DATE}/darshan_jobs.parquet").to_pylist()
    assert {row["fs_bytes_written"] is None for row in table if row["fsname"] == "scratch"} == {
        False
    }
    assert {row["fs_instance"] for row in table if row["fsname"] == "project"} <= {None}


@pytest.mark.system
def test_status_says_that_the_keys_of_servers_changed(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    some_logs(tmp_path / "logs", 20)
    lmt_db(tmp_path / "lmt.db")
    sources = {
        "darshan": {"kind": "darshan", "logs": "logs"},
        "fs": lmt_source(tmp_path / "lmt.db"),
    }
    site(sources, **MOUNTS, **FOREVER)
    assert night() == COMPLETE
    assert written_by_servers(tmp_path / "archive") == [None]
    site(sources, fsname_to_instance={"scratch": "fs"}, **MOUNTS, **FOREVER)
    capsys.readouterr()
    assert main(["status", "--start", str(DATE), "--stop", str(DATE), "--json"]) == PARTIAL
    found = json.loads(capsys.readouterr().out)[str(DATE)]
    assert (found["darshan"]["state"], found["fs"]["state"]) == ("stale", "complete")
    assert "other data of servers" in found["darshan"]["detail"]
    assert night() == COMPLETE
    assert None not in written_by_servers(tmp_path / "archive")


@pytest.mark.system
def test_an_index_that_cannot_be_made_again_is_a_failure(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index that stands stays, the report is made, and the next run tries again."""
    some_logs(tmp_path / "logs", 5)
    sources = {
        "darshan": {"kind": "darshan", "logs": "logs"},
        "fs": lmt_source(tmp_path / "lmt.db"),
    }
    lmt_db(tmp_path / "lmt.db")
    site(sources, **MOUNTS, **FOREVER)
    assert night() == COMPLETE
    site(sources, fsname_to_instance={"scratch": "fs", "project": "fs"}, **MOUNTS, **FOREVER)
    with monkeypatch.context() as broken:
        broken.setattr(index, "write_index", lambda *_: 1 / 0)
        assert night() == FAILED
    root = tmp_path / "archive"
    assert written_by_servers(root) in ([None], [])
    assert "ZeroDivisionError" in (root / f"2026/{DATE}/report.html").read_text()
    assert night() == COMPLETE
    assert "failed" not in " ".join(receipts(root).values())


@pytest.mark.system
def test_a_neighbours_servers_make_an_index_stale_only_where_its_logs_reach(
    tmp_path: Path, site: Site
) -> None:
    """Of an hour before midnight, too: the fullness measured last may be in it."""
    task_keys = {
        "darshan": {"kind": "darshan", "logs": "logs"},
        "scratch": lmt_source(tmp_path / "lmt.db"),
    }
    some_logs(tmp_path / "logs", 5)
    lmt_db(tmp_path / "lmt.db", upto=3 * 144 + 1)
    site(task_keys, **MOUNTS, **FOREVER)
    assert night() == COMPLETE
    root = tmp_path / "archive"
    from pipeline.tasks import Build, Fetch, Nightly

    receipt = Receipts(root).day(DATE).good("darshan", "tts")
    assert receipt is not None
    content = Receipts(root).day(DATE).content(receipt)
    first, last = content["span"]
    assert at(0) < first < last < at(0, NEXT)
    Fetch(date=NEXT, instance="scratch").run()
    Build(date=NEXT, instance="scratch").run()
    assert Nightly(date=DATE).indexes_current()
    Receipts(root).write(receipt, content | {"span": [first, DAY.end]})
    assert not Nightly(date=DATE).indexes_current()
    before = receipts(root)["darshan.index"]
    Nightly(date=DATE).work()
    assert receipts(root)["darshan.index"] != before
    assert Nightly(date=DATE).complete()


@pytest.mark.system
def test_servers_of_an_earlier_day_that_come_in_the_same_run(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Logs in the folder of the 23rd that ran on the 22nd, which is handled later: the index is
    made again in the same run.
    """
    monkeypatch.setattr("pipeline.site.Site.yesterday", lambda self: NEXT)
    (tmp_path / "logs").mkdir()
    some_logs(tmp_path / "logs/23", 20)
    some_logs(tmp_path / "logs/22", 1)
    sources = {
        "darshan": {"kind": "darshan", "logs": "logs/%d", "neighbours": 0},
        "scratch": lmt_source(tmp_path / "lmt.db"),
    }
    site(sources, **MOUNTS, **FOREVER)
    assert night() == FAILED, "no database yet"
    lmt_db(tmp_path / "lmt.db", upto=3 * 144 + 1)
    capsys.readouterr()
    assert main(["nightly"]) == COMPLETE
    assert None not in written_by_servers(tmp_path / "archive", date=NEXT)
    assert capsys.readouterr().out.count(f"{NEXT}  darshan") == 2, "it is reported again"


def test_a_row_of_the_next_day_in_an_older_file_counts_once(tmp_path: Path) -> None:
    """H5LMT files have the first step of the next day; so do files by their pattern here."""
    root = tmp_path / "archive"
    root.mkdir()
    days = [Day(dt.date(2026, 1, n)) for n in (1, 2)]
    for day in days:
        with h5py.File(tmp_path / f"{day}.hdf5", "w") as file:
            file.attrs.update({"version": "1", "start": day.start, "end": day.end})
            file["datatargets/timestamps"] = day.start + 10 * np.arange(8641)
            for name in ("readbytes", "writebytes"):
                item = file.create_dataset(f"datatargets/{name}", data=np.full((8641, 1), 100.0))
                item.attrs["columns"] = np.array([b"a"])
    archive = Archive(root, hdf5_files={"fs": f"{tmp_path}/%Y-%m-%d.hdf5"})
    source = server_series.ServerSeries(
        archive, "fs", lambda _: re.compile(".*"), [day.date for day in days], Findings()
    )
    figures, start, end = servers.figures(
        source, np.array([days[1].start - 30]), np.array([days[1].start + 19])
    )
    expected = archive.read("fs", "datatargets/writebytes", int(start[0]), int(end[0])).values.sum()
    assert figures["fs_bytes_written"].tolist() == [expected] == [600]
