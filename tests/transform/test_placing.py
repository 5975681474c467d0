"""Bytes stand where they happened, and none is lost or made."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tools.core.day import Day
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from pipeline.model import TRACE, Heat, LogBatch, Records
from pipeline.sources import registry as sources
from pipeline.transform.darshan import DayMerger, Reduction, reduce_batch
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
    time stamps); file n is on /fs<n % 2>. The offset of a traced segment may be left out.
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
        np.array([(*one, 0)[: len(TRACE)] for one in traces], dtype=TRACE),
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


WRITTEN = [0, 0, 0, 0, 100.0, 3500.0, 0, 0]
NO_BYTES = np.zeros(60, np.int64)


def written(size: int) -> list[int]:
    return [0, size, 0, 10, 0]


def minutes(**values: int) -> np.ndarray:
    """Bins of a minute: m3=50 is 50 in the fourth."""
    bins = NO_BYTES.copy()
    for name, value in values.items():
        bins[int(name[1:])] = value
    return bins


def in_minutes(part: Any, dataset: str = "datatargets/writebytes") -> dict[int, int]:
    """Minutes of the day with what is in them."""
    values = series(part, dataset)
    return {int(row): int(values[row]) for row in np.flatnonzero(values)}


HALF_TRACED = [(0, 2, written(1000), WRITTEN), (0, 4, written(1000), WRITTEN)]
"""Of two files of 1,000 bytes the tests trace the first."""


def test_what_is_not_traced_goes_where_the_heat_map_has_more_than_the_trace() -> None:
    heat = [Heat(0, "POSIX", 60.0, NO_BYTES, minutes(m3=1000, m40=1000))]
    part = reduce(batch(HALF_TRACED, [DAY.start], [(0, 2, True, 1000, 185.0, 186.0)], heat))
    assert in_minutes(part) == {3: 1000, 40: 1000}
    assert in_minutes(part, "datatargets/writeops") == {3: 1, 40: 19}
    assert part.placed == {"dxt": 1000, "heatmap": 1000, "even": 0}


def test_traced_bytes_that_a_map_lacks_are_taken_from_the_nearest_bins() -> None:
    """The trace is of minutes 2 to 4, the map has the same bytes in minute 3."""
    heat = [Heat(0, "POSIX", 60.0, NO_BYTES, minutes(m3=1000, m40=1000))]
    part = reduce(batch(HALF_TRACED, [DAY.start], [(0, 2, True, 1000, 150.0, 270.0)], heat))
    assert in_minutes(part) == {2: 250, 3: 500, 4: 250, 40: 1000}


def test_what_is_more_than_is_left_of_the_map_goes_by_the_whole_map() -> None:
    heat = [Heat(0, "POSIX", 60.0, NO_BYTES, minutes(m3=1000, m40=200))]
    part = reduce(batch(HALF_TRACED, [DAY.start], [(0, 2, True, 1000, 185.0, 186.0)], heat))
    assert in_minutes(part) == {3: 1000 + 666, 40: 200 + 134}, "200, and 800 as 5 to 1"


def test_where_the_trace_explains_the_whole_map_it_goes_by_the_map() -> None:
    heat = [Heat(0, "POSIX", 60.0, NO_BYTES, minutes(m3=600, m40=400))]
    traces = [(0, 2, True, 600, 185.0, 186.0), (0, 2, True, 400, 2405.0, 2406.0)]
    part = reduce(batch(HALF_TRACED, [DAY.start], traces, heat))
    assert in_minutes(part) == {3: 1200, 40: 800}


def test_the_traces_of_one_log_and_direction_explain_no_other() -> None:
    bins = minutes(m3=1000, m40=1000)
    heat = [Heat(log, "POSIX", 60.0, bins, bins) for log in (0, 1)]
    rows = [(log, 2, [2000, 2000, 0, 0, 0], READ) for log in (0, 1)]
    traces = [(0, 2, True, 1000, 185.0, 186.0)]
    part = reduce(batch(rows, [DAY.start] * 2, traces, heat))
    assert in_minutes(part) == {3: 1000 + 1000, 40: 1000 + 1000}
    assert in_minutes(part, "datatargets/readbytes") == {3: 2000, 40: 2000}


def test_maps_with_several_widths_are_all_used() -> None:
    """Bins of 50 s and of 120 s: the third bin of 50 s lies in two of the wide ones."""
    narrow, wide = NO_BYTES.copy(), NO_BYTES.copy()
    narrow[0], narrow[2], wide[10] = 100, 50, 50
    heat = [Heat(0, "POSIX", 50.0, NO_BYTES, narrow), Heat(0, "POSIX", 120.0, NO_BYTES, wide)]
    what = [(0, 2, written(400), WRITTEN)]
    part = reduce(batch(what, [DAY.start], (), heat), 10)
    found = sum(values for (name, _), values in part.series.items() if name.endswith("writebytes"))
    assert found[:5].sum() == 200
    assert found[10:15].tolist() == [20] * 5
    assert found[120:132].sum() == 100


def test_the_last_bin_ends_with_the_job() -> None:
    bins = np.zeros(2, np.int64)
    bins[1] = 600
    heat = [Heat(0, "POSIX", 3000.0, NO_BYTES[:2], bins)]
    start = DAY.end - 3600.0
    part = reduce(batch([(0, 2, written(600), WRITTEN)], [start], (), heat))
    assert in_minutes(part) == dict.fromkeys(range(1430, 1440), 60)
    assert part.outside == {}


def test_no_interval_is_longer_than_the_job() -> None:
    late = [0, 0, 0, 0, 3540.0, 9000.0, 0, 0]
    start = DAY.end - 3600.0
    traces = [(0, 2, True, 100, 3590.0, 90_000.0), (0, 2, True, 100, -90_000.0, 10.0)]
    rows = [(0, 2, written(200), WRITTEN), (0, 4, written(60), late)]
    part = reduce(batch(rows, [start], traces))
    assert in_minutes(part) == {1380: 100, 1439: 160}
    assert part.outside == {}


NAN = float("nan")


@pytest.mark.parametrize(
    "segments",
    [
        [(1001, 5.0, 6.0, 0)],
        [(600, 5.0, 6.0, 0), (600, 5.0, 6.0, 0)],
        [(500, 5.0, 6.0, 0), (-1, 5.0, 6.0, 0)],
        [(500, NAN, 6.0, 0)],
        [(500, 5.0, float("inf"), 0)],
        [(500, 5.0, 6.0, -8)],
        [(500, 5.0, 6.0, 600)],
        [(500, 5.0, 6.0, 2**63 - 1)],
        [(2**61, 5.0, 6.0, 0)] * 8,
        [(2**63 - 1, 5.0, 6.0, 0)] * 3,
    ],
)
def test_a_trace_that_contradicts_the_counters_of_its_file_is_not_used(segments: Any) -> None:
    traces = [(0, 2, True, *segment) for segment in segments]
    rows = [(0, 2, written(1000), WRITTEN), (0, 4, written(1000), WRITTEN)]
    what = batch(rows, [DAY.start], [*traces, (0, 4, True, 1000, 65.0, 66.0)])
    counters = what.records["POSIX"]
    most = np.full((len(counters), 1), 999)
    what.records["POSIX"] = dataclasses.replace(  # type: ignore[index]
        counters,
        counters=(*counters.counters, "POSIX_MAX_BYTE_WRITTEN"),
        integers=np.hstack((counters.integers, most)),
    )
    part = reduce(what)
    assert part.placed == {"dxt": 1000, "heatmap": 0, "even": 1000}
    assert part.contradicted == {"log0": 1}
    assert series(part, "datatargets/writebytes").sum() == 2000


def test_traces_that_contradict_the_heat_map_are_not_used() -> None:
    """A heat map counts every call: where it has nothing, nothing was moved. The reads of the same
    file, the other log and the log without a heat map are not concerned.
    """
    rows = [(log, 2, [500, 1000, 1, 1, 1], [*READ[:4], *WRITTEN[4:]]) for log in range(3)]
    traces = [(log, 2, True, 1000, 5.0, 6.0) for log in range(3)]
    traces += [(log, 2, False, 500, 600.0, 606.0) for log in range(3)]
    heat = [
        Heat(0, "POSIX", 60.0, minutes(m10=500), minutes(m20=1000)),
        Heat(1, "POSIX", 60.0, minutes(m10=500), minutes(m0=1000)),
    ]
    part = reduce(batch(rows, [DAY.start] * 3, traces, heat))
    assert part.placed == {"dxt": 3 * 500 + 2 * 1000, "heatmap": 1000, "even": 0}
    assert part.contradicted == {"log0": 1}
    written_ = series(part, "datatargets/writebytes")
    assert (written_[0], written_[20], written_.sum()) == (2000, 1000, 3000)


@pytest.mark.parametrize(
    ("minute", "in_place", "is_used"),
    [
        *((minute, 1000, minute in (1, 2, 3)) for minute in (0, 1, 2, 3, 4, 9)),
        (2, 250, True),
        (2, 249, False),
        (3, 251, True),
    ],
)
def test_a_quarter_of_the_traced_bytes_are_in_the_heat_map_near_their_time(
    minute: int, in_place: int, is_used: bool
) -> None:
    """Bins may be cut otherwise than calls, and whole bytes are lost at their edges."""
    heat = minutes(m30=1000 - in_place) + minutes(**{f"m{minute}": in_place})
    part = reduce(
        batch(
            [(0, 2, written(1000), WRITTEN)],
            [DAY.start],
            [(0, 2, True, 1000, 130.0, 140.0)],
            [Heat(0, "POSIX", 60.0, minutes(), heat)],
        )
    )
    assert part.placed["dxt"] == (1000 if is_used else 0)
    assert part.contradicted == ({} if is_used else {"log0": 1})


def test_traces_that_contradict_are_a_finding_that_names_a_log() -> None:
    bad = [(log, file, True, 2000, 5.0, 6.0) for log, file in [(0, 2), (1, 2), (1, 4), (2, 2)]]
    rows = [(log, file, written(1000), WRITTEN) for log in range(3) for file in (2, 4)]
    merger = DayMerger(DAY, 60, {}, METRICS, lambda name, rows: None)
    merger.add(reduce(batch(rows, [DAY.start] * 3, bad, own=[True, True, False])))
    findings = Findings()
    merger.finish(findings)
    assert findings.total(FindingKind.TRACES_CONTRADICT) == 3
    (event,) = [one for one in findings.events() if one.kind == FindingKind.TRACES_CONTRADICT]
    assert event.detail == "files of 2 logs, such as log0"


def test_counters_that_no_file_has_do_not_overflow() -> None:
    huge = [2**62] * 5
    heat = [Heat(0, "POSIX", 60.0, minutes(m1=2**62, m2=2**62), minutes(m1=2**62, m2=2**62))]
    traces = [(0, 2, True, 2**62, 5.0, 6.0), (0, 2, False, 2**62, 5.0, 6.0)]
    rows = [(0, file, huge, [*READ[:4], *WRITTEN[4:]]) for file in (2, 2, 4, 6)]
    part = reduce(batch(rows, [DAY.start], traces, heat))
    for name in ("readbytes", "writebytes", "readops", "writeops", "opens"):
        dataset = "mdtargets/opens" if name == "opens" else f"datatargets/{name}"
        assert (series(part, dataset) >= 0).all()
        assert series(part, dataset).sum() == pytest.approx(2.0**64)
    assert 0 < part.placed["even"] < 2**63


some_rows = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 5),
        st.lists(st.integers(0, 2**48), min_size=5, max_size=5),
        st.just(READ) | st.just(WRITTEN) | st.just(NEVER),
    ),
    max_size=12,
)
lengths = st.integers(0, 2**48) | st.integers(0, 1000) | st.sampled_from([-1, 2**62, 2**63 - 1])
seconds = st.floats(-10, 90_000) | st.floats()
segment = st.tuples(
    st.integers(0, 2), st.integers(0, 7), st.booleans(), lengths, seconds, seconds, lengths
)
heats = st.lists(
    st.builds(
        lambda log, width, values: Heat(
            log, "POSIX", width, np.array(values, np.int64), np.array(values[::-1], np.int64)
        ),
        st.integers(0, 2),
        st.floats(0.1, 900.0) | st.floats(1e-300, 1e300),
        st.lists(st.integers(-1, 2**40) | st.just(2**62), min_size=1, max_size=20),
    ),
    max_size=6,
)


def totals(rows: Any) -> dict[str, int]:
    names = ["readbytes", "writebytes", "readops", "writeops"]
    return {
        f"datatargets/{name}": sum(counters[column] for _, _, counters, _ in rows)
        for column, name in enumerate(names)
    }


@given(some_rows, st.lists(segment, max_size=20), heats, st.integers(-50_000, 86_400))
def test_every_byte_and_operation_is_conserved(
    rows: Any, traces: Any, heat: Any, offset: int
) -> None:
    what = batch(rows, [DAY.start + offset] * 3, traces, heat)
    part = reduce(what)
    for dataset, total in totals(rows).items():
        assert int(series(part, dataset).sum()) + part.outside.get(dataset, 0) == total
        if 0 <= offset <= 86_400 - 3600:
            assert int(series(part, dataset).sum()) == total, "on the day that the jobs touch"
    assert sum(part.placed.values()) == sum(counters[0] + counters[1] for _, _, counters, _ in rows)
    assert all((values >= 0).all() for values in part.series.values())


@given(some_rows, st.lists(segment, max_size=20), heats, st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(
    rows: Any, traces: Any, heat: Any, chance: Any
) -> None:
    one = reduce(batch(rows, [DAY.start] * 3, traces, heat))
    mixed = [chance.sample(items, len(items)) for items in (rows, traces, heat)]
    other = reduce(batch(mixed[0], [DAY.start] * 3, *mixed[1:]))
    assert (one.mounts, one.placed, one.contradicted) == (
        other.mounts,
        other.placed,
        other.contradicted,
    )
    assert one.series.keys() == other.series.keys()
    for key, values in one.series.items():
        np.testing.assert_array_equal(values, other.series[key])


@given(some_rows, st.lists(segment, max_size=20), heats)
def test_a_log_is_placed_as_if_it_were_alone(rows: Any, traces: Any, heat: Any) -> None:
    together = reduce(batch(rows, [DAY.start] * 3, traces, heat))
    alone = [
        reduce(
            batch(
                [row for row in rows if row[0] == log],
                [DAY.start] * 3,
                [one for one in traces if one[0] == log],
                [one for one in heat if one.log == log],
            )
        )
        for log in range(3)
    ]
    for dataset in totals(rows):
        np.testing.assert_array_equal(
            series(together, dataset), sum(series(part, dataset) for part in alone)
        )


@given(
    st.lists(
        st.tuples(st.integers(0, 2**50), st.lists(st.integers(1, 2**58), min_size=1, max_size=9)),
        min_size=1,
        max_size=8,
    )
)
def test_portions_add_up(owners: list[tuple[int, list[int]]]) -> None:
    amount = np.array([a for a, _ in owners], dtype=np.int64)
    owner = np.repeat(np.arange(len(owners)), [len(weights) for _, weights in owners])
    piece = portions(amount, owner, np.array([w for _, weights in owners for w in weights]))
    assert (piece >= 0).all()
    np.testing.assert_array_equal(np.bincount(owner, weights=piece, minlength=len(owners)), amount)


# Logs whose amounts no job can have


def job(what: Any, processes: list[int]) -> Any:
    """The batch with the numbers of processes of its logs, which took an hour."""
    return dataclasses.replace(what, logs={**what.logs, "nprocs": np.array(processes)})


def sum_of(part: Any) -> int:
    return int(series(part, "datatargets/readbytes").sum())


def rows_of(*amounts: int) -> list[Any]:
    return [(log, 2, [amount, 0, 1, 0, 1], READ) for log, amount in enumerate(amounts)]


def test_a_log_that_no_job_can_have_adds_nothing_and_is_named() -> None:
    """10.7 PiB of one process in an hour: 3.0 TiB/s."""
    too_much = int(10.7 * 2**50)
    part = reduce(job(batch(rows_of(1000, too_much, 5), [DAY.start] * 3), [1, 1, 1]))
    assert sum_of(part) == 1005
    assert part.remarks == {FindingKind.LOGS_TOO_LARGE: (1, ("log1",))}
    assert part.placed["even"] == 1005
    assert int(part.summaries["bytes_read"].max()) == too_much, "the counters stay as they are"


def test_what_so_many_processes_can_have_is_believed() -> None:
    most = 2**37 * 3600
    for amount, processes, good in ((most, 1, True), (most + 2**20, 1, False), (2 * most, 2, True)):
        part = reduce(job(batch(rows_of(amount), [DAY.start]), [processes]))
        assert (sum_of(part) == amount) is good
        assert bool(part.remarks) is not good


@pytest.mark.parametrize("processes", [4 * 10**18, -5, 0])
def test_processes_that_no_job_has_count_as_one(processes: int) -> None:
    for amount, good in ((2**40, True), (2**37 * 3600 + 2**20, False)):
        part = reduce(job(batch(rows_of(amount), [DAY.start]), [processes]))
        assert (sum_of(part) == amount) is good


@pytest.mark.parametrize("end", [2.0**63, 0.0, -1.0, float("nan"), float("inf")])
def test_times_that_no_job_has_count_as_a_second(end: float) -> None:
    what = job(batch(rows_of(2**37 + 1), [DAY.start]), [1])
    what.logs["end_time"][0], what.logs["walltime"][0] = end, end - DAY.start
    assert sum_of(reduce(what)) == 0


def test_the_site_says_what_its_file_systems_can_have() -> None:
    what = job(batch(rows_of(10**12), [DAY.start]), [10_000])
    for most, good in ((1e9, True), (1e8, False)):
        how = Reduction(DAY, 60, {}, METRICS, {"datatargets/readbytes": most})
        assert (sum_of(reduce_batch(what, how)) == 10**12) is good


def test_operations_have_a_limit_too() -> None:
    row = (0, 2, [1000, 0, 10**15, 0, 1], READ)
    assert reduce(job(batch([row], [DAY.start]), [1])).remarks


def test_a_log_of_another_day_is_that_days_finding() -> None:
    part = reduce(job(batch(rows_of(2**60), [DAY.start], own=[False]), [1]))
    assert sum_of(part) == 0
    assert not part.remarks


def by_file_system(part: Any, dataset: str) -> dict[str, dict[int, int]]:
    """Minutes of the day with what is in them, by mount point."""
    return {
        part.mounts[mount]: {int(n): int(values[n]) for n in np.flatnonzero(values)}
        for (name, mount), values in part.series.items()
        if name == dataset
    }


def between(first: float, last: float) -> list[float]:
    """Writes between two times."""
    return [0, 0, 0, 0, first, last, 0, 0]


def test_file_systems_that_are_used_in_turn_have_their_own_bins_of_a_heat_map() -> None:
    """Bytes and operations; the one of few bytes has many operations."""
    heat = [Heat(0, "POSIX", 60.0, NO_BYTES, minutes(m5=1000, m50=3000))]
    rows = [
        (0, 2, [0, 1000, 0, 400, 0], between(301.0, 350.0)),
        (0, 3, [0, 3000, 0, 3, 0], between(3001.0, 3050.0)),
    ]
    part = reduce(batch(rows, [DAY.start], (), heat))
    its = by_file_system(part, "datatargets/writebytes")
    assert its == {"/fs0": {5: 1000}, "/fs1": {50: 3000}}
    its = by_file_system(part, "datatargets/writeops")
    assert its == {"/fs0": {5: 400}, "/fs1": {50: 3}}


def test_a_file_that_is_open_all_the_time_has_the_bins_in_which_no_other_was_written() -> None:
    heat = [Heat(0, "POSIX", 60.0, NO_BYTES, minutes(m5=1000, m20=500, m50=3000))]
    rows = [
        (0, 2, written(1500), between(1.0, 3599.0)),
        (0, 3, written(3000), between(3000.0, 3059.0)),
    ]
    its = by_file_system(reduce(batch(rows, [DAY.start], (), heat)), "datatargets/writebytes")
    assert its["/fs1"] == {50: 3000}
    assert its["/fs0"].keys() >= {5, 20}
    assert its["/fs0"][5] == pytest.approx(1000, rel=0.01)
    assert its["/fs0"][20] == pytest.approx(500, rel=0.01)


def test_records_whose_times_are_in_no_bin_keep_their_bytes() -> None:
    heat = [Heat(0, "POSIX", 60.0, NO_BYTES, minutes(m5=1000))]
    rows = [
        (0, 2, written(700), between(3000.0, 3001.0)),
        (0, 3, written(10**15), between(-4e300, 5e300)),
    ]
    its = by_file_system(reduce(batch(rows, [DAY.start], (), heat)), "datatargets/writebytes")
    assert its == {"/fs0": {5: 700}, "/fs1": {5: 10**15}}


CALLS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 59), st.integers(1, 10**6)), min_size=1
)
"""File, minute and bytes."""


@given(CALLS)
def test_bins_of_a_heat_map_have_their_bytes_however_many_file_systems_share_them(
    calls: list[tuple[int, int, int]],
) -> None:
    """The log's bytes by minute are as its map, and by file system as its counters; at most as
    many are in the wrong place as if each file system had its part of every bin.
    """
    true, files = np.zeros((2, 60)), {}
    for file, minute, size in calls:
        true[file % 2, minute] += size
        first, last, amount = files.get(file, (minute, minute, 0))
        files[file] = (min(first, minute), max(last, minute), amount + size)
    total = true.sum(axis=0)
    rows = [
        (0, file, written(amount), between(first * 60 + 1.0, last * 60 + 59.0))
        for file, (first, last, amount) in sorted(files.items())
    ]
    heat = [Heat(0, "POSIX", 60.0, NO_BYTES, total.astype(np.int64))]
    part = reduce(batch(rows, [DAY.start], (), heat))
    found = np.zeros((2, 1440))
    for (name, mount), values in part.series.items():
        if name == "datatargets/writebytes":
            found[int(part.mounts[mount][-1])] = values
    assert found.sum(axis=1).tolist() == true.sum(axis=1).tolist()
    assert np.abs(found[:, :60].sum(axis=0) - total).sum() <= 0.02 * total.sum() + 60
    alike = np.outer(true.sum(axis=1), total / total.sum())
    assert (
        np.abs(found[:, :60] - true).sum() <= np.abs(alike - true).sum() + 0.02 * total.sum() + 60
    )


def test_what_would_be_missing_silently_is_a_remark() -> None:
    """Bytes of MPI-IO without POSIX below it, and a job that began before the days that are looked
    at again; not those whose POSIX has bytes, and not the day's own.
    """
    long_ago = DAY.start - 8 * 86_400.0
    starts = [float(DAY.start), float(DAY.start), long_ago, long_ago]
    what = batch([(0, 2, [0, 7, 0, 1, 0], WRITTEN)], starts, own=[True, True, False, True])
    what.logs["posix_bytes_written"] = np.array([7, 0, 0, 0])
    what.logs["mpiio_bytes_written"] = np.array([7, 7, 7, 0])
    part = reduce_batch(what, Reduction(DAY, 60, {}, METRICS, late_days=7))
    assert part.remarks == {
        FindingKind.MPIIO_ALONE: (1, ("log1",)),
        FindingKind.JOBS_LONGER: (1, ("log2",)),
    }
    assert FindingKind.JOBS_LONGER not in reduce(what).remarks
