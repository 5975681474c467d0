"""OSTs that go with slow files: figures as NumPy and SciPy have them of all files at once, file
systems apart, memory that does not grow with days.
"""

from __future__ import annotations

import tempfile
import tracemalloc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from archive_tools.core.errors import NotFound
from archive_tools.jobs.slow_osts import bad_osts
from archive_tools.jobs.speed_sums import SpeedSums
from archive_tools.jobs.striped_files import StripedFiles, striped_files

Columns = Mapping[str, Any]


def day(path: Path, **tables: Columns) -> Path:
    """A `darshan.hdf5` with some tables."""
    with h5py.File(path, "w") as file:
        for name, columns in tables.items():
            group = file.create_group(f"darshan/{name}")
            for column, values in columns.items():
                is_text = isinstance(values[0], str)
                dtype = h5py.string_dtype("utf-8") if is_text else np.asarray(values).dtype
                group.create_dataset(column, data=values, dtype=dtype)
            group["row"] = np.arange(len(next(iter(columns.values()))))
    return path


def stripes(speed: Sequence[float], osts: Sequence[Sequence[int]], **more: Any) -> Columns:
    count = len(speed)
    return {
        "log_id": np.arange(count),
        "bytes": np.asarray(speed, np.float64),
        "seconds": np.ones(count),
        "osts": [",".join(map(str, one)) for one in osts],
        **more,
    }


def plain(speed: Sequence[float], osts: Sequence[Sequence[int]]) -> dict[int, tuple[Any, ...]]:
    """Files, coefficient and slowdown by OST, out of whole arrays."""
    values, found = np.asarray(speed, np.float64), {}
    for ost in sorted({one for each in osts for one in each}):
        share = np.array([1 / len(each) if ost in each else 0.0 for each in osts])
        on_it = share > 0
        if (share != share[0]).any():
            slowdown = None
            if not on_it.all():
                slowdown = np.median(values[~on_it]) / np.median(values[on_it])
            result = stats.pearsonr(values, share)
            found[ost] = (int(on_it.sum()), result.statistic, result.pvalue, slowdown)
    return found


some_files = st.lists(
    st.tuples(
        st.floats(1e-3, 1e15, allow_nan=False) | st.sampled_from([1.0, 2.0, 1e9, 1e9 + 1]),
        st.lists(st.integers(0, 4), min_size=1, max_size=4),
    ),
    min_size=3,
    max_size=40,
)


@settings(max_examples=100)
@given(some_files, st.integers(1, 40))
def test_sums_give_what_all_files_at_once_do(
    files: list[tuple[float, list[int]]], cut: int
) -> None:
    """However the files come; also an OST that is twice in one file."""
    speed, osts = [one for one, _ in files], [its for _, its in files]
    if max(speed) - min(speed) < 1e-6 * max(speed):
        return
    with tempfile.TemporaryFile() as kept:
        sums = SpeedSums(kept)
        for low in range(0, len(speed), cut):
            part = osts[low : low + cut]
            counts = np.array([len(one) for one in part])
            numbers = np.concatenate([np.array(one) for one in part])
            sums.add(StripedFiles(None, np.array(speed[low : low + cut]), counts, numbers))
        found = sums.by_ost()
    expected = plain(speed, osts)
    assert list(found) == list(expected)
    for ost, one in found.items():
        count, coefficient, _, slowdown = expected[ost]
        assert (one.files, one.slowdown) == (count, slowdown)
        assert one.coefficient == pytest.approx(coefficient, abs=1e-6)


def test_figures_of_many_files_are_those_of_scipy(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    speed = random.lognormal(20, 0.3, 3000)
    osts = [random.choice(6, random.integers(1, 4), replace=False).tolist() for _ in speed]
    speed[[3 in one for one in osts]] /= 2
    paths = [
        day(tmp_path / f"{n}.hdf5", stripes=stripes(speed[n::5], osts[n::5])) for n in range(5)
    ]
    order = [n for first in range(5) for n in range(first, len(speed), 5)]
    expected = plain(speed[order].tolist(), [osts[n] for n in order])
    corrected = stats.false_discovery_control([one[2] for one in expected.values()])
    found = {one.ost: one for one in bad_osts(paths)}
    assert sorted(found) == list(expected)
    for (ost, one), adjusted in zip(expected.items(), corrected, strict=True):
        mine = found[ost]
        assert (mine.files, mine.slowdown, mine.file_system) == (one[0], one[3], None)
        assert (mine.coefficient, mine.p_value) == pytest.approx(one[1:3], rel=1e-9)
        assert mine.adjusted == pytest.approx(adjusted, rel=1e-9)


MOUNTS = {"fs_id": [0, 1, 2, 3], "fsname": ["fast", "slow", "home", "UNKNOWN"]}


def two_file_systems() -> tuple[list[float], list[list[int]], list[int]]:
    """Files on OSTs 0 to 3 of a fast file system, and on 0 and 1 of one that is ten times slower;
    each is alike within.
    """
    random = np.random.default_rng(3)
    at = [n % 2 for n in range(400)]
    osts = [[int(random.integers(0, 2 if one else 4))] for one in at]
    speed = [float(random.lognormal(18 if one else 20.3, 0.2)) for one in at]
    return speed, osts, at


def test_osts_of_two_file_systems_are_not_one(tmp_path: Path) -> None:
    """Their numbers are the same: together 0 and 1 would be slow."""
    speed, osts, at = two_file_systems()
    path = day(tmp_path / "a.hdf5", stripes=stripes(speed, osts))
    together = {one.ost: one for one in bad_osts([path])}
    assert together[0].is_slow(alpha=0.05, min_files=5, min_slowdown=1.2)
    path = day(tmp_path / "b.hdf5", stripes=stripes(speed, osts, fs_id=at), **tables(at))
    apart = bad_osts([path])
    assert {(one.file_system, one.ost) for one in apart} == {
        *(("fast", ost) for ost in range(4)),
        *(("slow", ost) for ost in range(2)),
    }
    assert not any(one.is_slow(alpha=0.05, min_files=5, min_slowdown=1.2) for one in apart)
    assert sum(one.files for one in apart) == len(speed)


def tables(at: Sequence[int]) -> dict[str, Columns]:
    """Each log has files on the file system of its file, and no name of a mount point; every tenth
    has some at home, too.
    """
    logs, mounts = list(range(len(at))), list(at)
    tenth = logs[::10]
    summaries = {
        "log_id": [*logs, *tenth, *logs],
        "fs_id": [*mounts, *(2 for _ in tenth), *(3 for _ in logs)],
        "posix_files": [1] * (2 * len(logs) + len(tenth)),
    }
    return {"mounts": MOUNTS, "summaries": summaries}


def test_files_of_earlier_days_are_where_their_logs_are(tmp_path: Path) -> None:
    """They do not say it: of a log with files on several file systems it is the one that other
    logs with stripes are on.
    """
    speed, osts, at = two_file_systems()
    new = day(tmp_path / "new.hdf5", stripes=stripes(speed, osts, fs_id=at), **tables(at))
    old = day(tmp_path / "old.hdf5", stripes=stripes(speed, osts), **tables(at))
    assert bad_osts([old]) == bad_osts([new])


def test_a_file_of_a_log_on_two_lustre_file_systems_is_of_none(tmp_path: Path) -> None:
    both = {"log_id": [0, 1, 2, 2], "fs_id": [0, 1, 0, 1], "posix_files": [1, 1, 1, 1]}
    path = day(
        tmp_path / "a.hdf5",
        stripes=stripes([1.0, 2.0, 3.0], [[0], [0], [1]]),
        mounts=MOUNTS,
        summaries=both,
    )
    found = {one.file_system: one.speed.tolist() for one in striped_files(path)}
    assert found == {"fast": [1.0], "slow": [2.0], None: [3.0]}


def test_too_few_files_of_each_file_system_are_not_tested(tmp_path: Path) -> None:
    at = [0, 0, 1, 1]
    table = stripes([1.0, 2.0, 3.0, 4.0], [[0], [1], [0], [1]], fs_id=at)
    path = day(tmp_path / "a.hdf5", stripes=table, **tables(at))
    with pytest.raises(NotFound, match="4 files with Lustre stripes"):
        bad_osts([path])


def test_memory_does_not_grow_with_days(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    speed = random.lognormal(20, 0.3, 5000)
    osts = [random.choice(8, random.integers(1, 3), replace=False).tolist() for _ in speed]
    path = day(tmp_path / "a.hdf5", stripes=stripes(speed.tolist(), osts))

    def peak(days: int) -> int:
        tracemalloc.start()
        bad_osts([path] * days)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1)
    assert peak(24) < 1.5 * peak(3)
