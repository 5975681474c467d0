"""Darshan records to sums and series."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.transform.mounts import UNKNOWN, FileSystems, mount_of
from pipeline.transform.records import STAMPS, SUMS, Amounts, amounts, spread, summaries
from tests.support.darshan_records import NEVER, records


def plain(amount: Any, begin: Any, end: Any, column: Any) -> Amounts:
    """Amounts whose logs and files do not matter."""
    size = len(amount)
    return Amounts(
        np.array(amount, np.int64),
        np.array(begin, float),
        np.array(end, float),
        np.array(column, np.int64),
        np.zeros(size, np.int64),
        np.zeros(size, np.uint64),
    )


def row_of(table: dict[str, Any], **keys: int) -> dict[str, Any]:
    where = np.logical_and.reduce([table[name] == value for name, value in keys.items()])
    assert where.sum() == 1
    return {name: column[where][0] for name, column in table.items()}


def test_sums_minima_maxima_and_files() -> None:
    posix = records(
        "POSIX",
        [
            (0, 7, [10, 1, 1, -1], [0.5, 0.6, 0, 0, 2.0, 3.0, 0, 0]),
            (0, 7, [20, 2, 1, -1], [0.3, 0.4, 0, 0, 1.0, 5.0, 0, 0]),  # another rank, the same file
            (0, 8, [40, 4, 1, 2], NEVER),
            (2, 9, [1, 1, 0, -1], NEVER),
        ],
    )
    stdio = records("STDIO", [(0, 7, [100, 0, 1], NEVER), (0, 5, [0, 7, 1], NEVER)])
    found = summaries([posix, stdio], [np.array([0, 0, 0, 1]), np.array([0, 1])])
    assert set(found) == {"log_id", "fs_id", *SUMS, "posix_files", "stdio_files", *STAMPS}
    assert list(zip(found["log_id"].tolist(), found["fs_id"].tolist(), strict=True)) == [
        (0, 0),
        (0, 1),
        (2, 1),
    ]
    first = row_of(found, log_id=0, fs_id=0)
    assert (first["bytes_read"], first["bytes_written"], first["opens"]) == (170, 7, 4)
    assert first["mmaps"] == 2, "-1 is not a number"
    assert (first["posix_files"], first["stdio_files"]) == (2, 1), "files, not records"
    assert (first["f_open_start_timestamp"], first["f_write_end_timestamp"]) == (0.3, 5.0)
    assert np.isnan(first["f_read_start_timestamp"]), "never is not 0"
    last = row_of(found, log_id=2, fs_id=1)
    assert last["mmaps"] == -1, "not available in any record"


def test_no_records_no_rows() -> None:
    found = summaries([records("POSIX", []), records("STDIO", [])], [np.empty(0, np.int64)] * 2)
    assert {len(column) for column in found.values()} == {0}


def test_intervals_of_records_without_time_stamps_are_the_jobs() -> None:
    posix = records(
        "POSIX",
        [
            (0, 1, [5, 0, 0, 0], NEVER),
            (0, 2, [6, 0, 0, 0], [0, 0, 2.0, 3.0, 0, 0, 0, 0]),
            (0, 3, [0, 9, 0, 0], NEVER),
        ],
    )
    found = amounts(
        posix,
        np.array([0, 1, 0]),
        "POSIX_BYTES_READ",
        "READ",
        np.array([1000.0]),
        np.array([1100.0]),
    )
    assert found.amount.tolist() == [5, 6]
    assert (found.begin.tolist(), found.end.tolist()) == ([1000, 1002], [1100, 1003])
    assert found.column.tolist() == [0, 1]


def spread_one(
    amount: int, begin: float, end: float, rows: int = 6
) -> tuple[list[float], int, int]:
    values, before, after = spread(plain([amount], [begin], [end], [0]), 0, 10, rows, 1)
    return values[:, 0].tolist(), before, after


def test_spread_by_hand() -> None:
    assert spread_one(60, 0, 60) == ([10] * 6, 0, 0)
    assert spread_one(10, 5, 15) == ([5, 5, 0, 0, 0, 0], 0, 0)
    assert spread_one(7, 12, 12) == ([0, 7, 0, 0, 0, 0], 0, 0)
    assert spread_one(80, -20, 60) == ([10] * 6, 20, 0)
    assert spread_one(80, 0, 80) == ([10] * 6, 0, 20)
    assert spread_one(5, -20, -10) == ([0] * 6, 5, 0)
    assert spread_one(5, 70, 80) == ([0] * 6, 0, 5)


intervals = st.lists(
    st.tuples(st.integers(1, 2**50), st.floats(-200, 200), st.floats(0, 300), st.integers(0, 2)),
    max_size=40,
)


@given(intervals, st.integers(1, 40))
def test_every_byte_is_conserved(rows: list[tuple[int, float, float, int]], at_once: int) -> None:
    import pipeline.transform.records as module

    what = plain(
        [r[0] for r in rows],
        [r[1] for r in rows],
        [r[1] + r[2] for r in rows],
        [r[3] for r in rows],
    )
    values, before, after = spread(what, 0, 10, 6, 3)
    assert int(values.sum()) + before + after == sum(r[0] for r in rows)
    assert (values >= 0).all()
    normal, module.AT_ONCE = module.AT_ONCE, at_once
    try:
        np.testing.assert_array_equal(spread(what, 0, 10, 6, 3)[0], values)
    finally:
        module.AT_ONCE = normal


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/scratch1/u/f", "/scratch1"),
        ("/scratch10/u/f", "/scratch10"),
        ("/scratch100/u/f", "/"),
        ("/scratch1", "/scratch1"),
        ("/global/cscratch1/sd/x", "/global/cscratch1"),
        ("/global/other", "/global"),
        ("/etc/hosts", "/"),
        ("<STDOUT>", UNKNOWN),
        ("relative/name", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_mounts_match_whole_components_longest_first(path: str, mount: str) -> None:
    assert mount_of(path, {"/", "/scratch1", "/scratch10", "/global", "/global/cscratch1"}) == mount


def test_no_root_mount() -> None:
    assert mount_of("/elsewhere/f", {"/scratch"}) == UNKNOWN
    assert mount_of("/scratch2", {"/scratch"}) == UNKNOWN


def test_file_systems() -> None:
    names = FileSystems(
        {"^/scratch1": "one", r"^/bb/.*_striped_scratch": "bb", "^/scratch\\d": "digit"}
    )
    assert names["/scratch1"] == "one"
    assert names["/scratch10"] == "/scratch10", "a pattern does not match half a component"
    assert names["/scratch2/sub"] == "digit"
    assert names["/bb/123/x_striped_scratch"] == "bb"
    assert names["/home"] == "/home"
    assert names[UNKNOWN] == UNKNOWN
    assert names.configured("/scratch1")
    assert not names.configured("/scratch10")
