"""Bytes stand where they happened, and none is lost or made."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from archive_tools.core.day import Day
from pipeline import sources
from pipeline.model import TRACE, Heat, LogBatch, Records
from pipeline.transform.darshan import Reduction, reduce_batch
from pipeline.transform.placing import portions
from tests.support.darshan_records import NEVER, POSIX, STDIO, records

DAY = Day(dt.date(2026, 11, 22))
METRICS = sources.find("darshan").metrics()
COUNTERS = ("POSIX_BYTES_READ", "POSIX_BYTES_WRITTEN", "POSIX_READS", "POSIX_WRITES", "POSIX_OPENS")


def batch(
    rows: list[tuple[int, int, list[int], list[float]]],
    starts: list[float],
    traces: Any = (),
    heat: Any = (),
    own: list[bool] | None = None,
) -> LogBatch:
    """Logs that last an hour, with POSIX records (log, file, [read, written, reads, writes, opens],
    time stamps); file n is on /fs<n % 2>.
    """
    start = np.array(starts, dtype=float)
    size = len(start)
    posix = records(
        "POSIX", [(log, file, [0] * len(POSIX), stamps) for log, file, _, stamps in rows]
    )
    full = Records(
        "POSIX",
        COUNTERS,
        posix.fcounters,
        posix.log,
        posix.file,
        np.array([c for _, _, c, _ in rows], dtype=np.int64).reshape(-1, len(COUNTERS)),
        posix.floats,
    )
    stdio = records("STDIO", [])
    stdio = Records(
        "STDIO",
        (*STDIO, "STDIO_READS", "STDIO_WRITES"),
        stdio.fcounters,
        stdio.log,
        stdio.file,
        np.empty((0, 5), np.int64),
        stdio.floats,
    )
    logs = {
        "start_time": start,
        "end_time": start + 3600,
        "walltime": np.full(size, 3600.0),
        "filename": np.array([f"log{n}" for n in range(size)], dtype=object),
        "partial_modules": np.array([""] * size, dtype=object),
        "unreadable_modules": np.array([""] * size, dtype=object),
    }
    rejects = {
        name: np.array([], dtype=object) for name in ("filename", "folder", "log_bytes", "reason")
    }
    names = tuple(
        {file: f"/fs{file % 2}/file{file}" for _, file, _, _ in rows} for _ in range(size)
    )
    return LogBatch(
        logs,
        np.array(own if own is not None else [True] * size, dtype=bool),
        rejects,
        tuple(("/fs0", "/fs1") for _ in range(size)),
        names,
        {"POSIX": full, "STDIO": stdio},
        np.array(list(traces), dtype=TRACE),
        tuple(heat),
        {
            "log_id": np.empty(0, np.int64),
            "bytes": np.empty(0, np.int64),
            "seconds": np.empty(0),
            "osts": np.empty(0, object),
        },
    )


def reduce(what: LogBatch, timestep: int = 60) -> Any:
    return reduce_batch(what, Reduction(DAY, timestep, {}, METRICS))


def series(part: Any, dataset: str) -> np.ndarray:
    return sum(
        (values for (name, _), values in part.series.items() if name == dataset), np.zeros(1440)
    )


READ = [0, 0, 100.0, 3500.0, 0, 0, 0, 0]
"""Reads between 100 and 3,500 s."""


def test_traced_files_are_placed_by_their_segments() -> None:
    traces = [
        (0, 2, False, 300, 600.0, 601.0),
        (0, 2, False, 100, 1200.0, 1201.0),
        (0, 2, True, 999, 60.0, 61.0),
    ]
    part = reduce(
        batch(
            [
                (0, 2, [400, 0, 2, 0, 0], READ),
                (0, 4, [50, 0, 5, 0, 0], [0, 0, 120.0, 130.0, 0, 0, 0, 0]),
            ],
            [DAY.start],
            traces,
        )
    )
    placed = series(part, "datatargets/readbytes")
    assert (placed[10], placed[20], placed[2], placed.sum()) == (300, 100, 50, 450)
    ops = series(part, "datatargets/readops")
    assert (ops[10], ops[20], ops[2], ops.sum()) == (1, 1, 5, 7)
    assert part.placed == {"dxt": 400, "heatmap": 0, "even": 50}


def test_a_trace_that_is_cut_off_leaves_the_rest_to_the_next_method() -> None:
    traces = [(0, 2, False, 300, 600.0, 601.0)]
    part = reduce(batch([(0, 2, [1000, 0, 10, 0, 0], READ)], [DAY.start], traces))
    assert part.placed == {"dxt": 300, "heatmap": 0, "even": 700}
    assert series(part, "datatargets/readbytes").sum() == 1000
    assert series(part, "datatargets/readops").sum() == 10


def test_heat_maps_are_shared_out_by_file_system_and_rescaled() -> None:
    heat = [Heat(0, "POSIX", 60.0, np.array([0, 30, 0, 10]), np.zeros(4, np.int64))]
    part = reduce(
        batch(
            [(0, 2, [3000, 0, 4, 0, 0], READ), (0, 3, [1000, 7, 4, 1, 0], READ)],
            [DAY.start],
            (),
            heat,
        )
    )
    by_mount = {
        part.mounts[mount]: values
        for (name, mount), values in part.series.items()
        if name == "datatargets/readbytes"
    }
    assert by_mount["/fs0"][:5].tolist() == [0, 2250, 0, 750, 0]
    assert by_mount["/fs1"][:5].tolist() == [0, 750, 0, 250, 0]
    assert part.placed == {
        "dxt": 0,
        "heatmap": 4000,
        "even": 7,
    }, "the map has no writes: these are spread"


def test_logs_over_midnight_count_on_each_day_once() -> None:
    """Two days archived in any order: the series add up, the tables have the log once."""
    rows = [(0, 2, [86_400, 0, 0, 0, 0], [0, 0, 0.5, 3600.0, 0, 0, 0, 0])]
    start = [DAY.end - 1800.0]
    first = reduce(batch(rows, start))
    tomorrow = Day(dt.date(2026, 11, 23))
    second = reduce_batch(batch(rows, start, own=[False]), Reduction(tomorrow, 60, {}, METRICS))
    assert first.outside["datatargets/readbytes"] > 0
    assert second.outside.get("datatargets/readbytes", 0) == 0
    assert (
        series(first, "datatargets/readbytes").sum() + series(second, "datatargets/readbytes").sum()
        == 86_400
    )
    assert series(second, "datatargets/readbytes").sum() == first.outside["datatargets/readbytes"]
    assert (len(first.logs["filename"]), len(second.logs["filename"])) == (1, 0)
    assert (len(first.summaries["log_id"]), len(second.summaries["log_id"])) == (1, 0)
    assert second.neighbours == 1


some_rows = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 5),
        st.lists(st.integers(0, 2**48), min_size=5, max_size=5),
        st.just(READ) | st.just(NEVER),
    ),
    max_size=12,
)
segment = st.tuples(
    st.integers(0, 2),
    st.integers(0, 7),
    st.booleans(),
    st.integers(0, 2**48),
    st.floats(-10, 90_000),
    st.floats(-10, 90_000),
)
heats = st.lists(
    st.builds(
        lambda log, width, values: Heat(
            log, "POSIX", width, np.array(values, np.int64), np.array(values[::-1], np.int64)
        ),
        st.integers(0, 2),
        st.floats(0.1, 900.0),
        st.lists(st.integers(-1, 2**40), min_size=1, max_size=20),
    ),
    max_size=3,
    unique_by=lambda heat: heat.log,
)


@given(some_rows, st.lists(segment, max_size=20), heats, st.integers(-50_000, 86_400))
def test_every_byte_and_operation_is_conserved(
    rows: Any, traces: Any, heat: Any, offset: int
) -> None:
    what = batch(rows, [DAY.start + offset] * 3, traces, heat)
    part = reduce(what)
    for column, name in enumerate(["readbytes", "writebytes", "readops", "writeops"]):
        total = sum(counters[column] for _, _, counters, _ in rows)
        dataset = f"datatargets/{name}"
        assert int(series(part, dataset).sum()) + part.outside.get(dataset, 0) == total
    assert sum(part.placed.values()) == sum(counters[0] + counters[1] for _, _, counters, _ in rows)
    assert all((values >= 0).all() for values in part.series.values())


@given(
    st.lists(
        st.tuples(st.integers(0, 2**50), st.lists(st.floats(1e-3, 1e12), min_size=1, max_size=9)),
        min_size=1,
        max_size=8,
    )
)
def test_portions_add_up(owners: list[tuple[int, list[float]]]) -> None:
    amount = np.array([a for a, _ in owners], dtype=np.int64)
    owner = np.repeat(np.arange(len(owners)), [len(weights) for _, weights in owners])
    piece = portions(amount, owner, np.array([w for _, weights in owners for w in weights]))
    assert (piece >= 0).all()
    np.testing.assert_array_equal(np.bincount(owner, weights=piece, minlength=len(owners)), amount)
