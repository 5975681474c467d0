"""What a file keeps of its day is what its rows come to; where it is not, the rows are read."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archive_tools
from archive_tools import open_tts
from archive_tools.core.arrays import Float64
from archive_tools.core.day import Day
from archive_tools.core.grid import Grid
from archive_tools.formats import encoding, kept_summary, row_blocks
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.reading.day_summary import day_summary
from archive_tools.reading.summary import summarize, summarize_range
from archive_tools.schemas import catalogue
from archive_tools.store import layout

DAY = Day(dt.date(2026, 11, 22))
READ, LOAD = "datatargets/readbytes", "dataservers/cpuload"
RANGES = [(DAY.start, DAY.start + 3 * 86400), (DAY.start + 70, DAY.start + 3 * 86400 - 70)]
"""Whole days, and two that are cut."""


def write(
    path: Path,
    grids: Sequence[tuple[str, Float64]],
    missing: encoding.Missing = "nan",
    step: int = 60,
    day: Day = DAY,
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with TtsWriter(path, day, missing=missing, summarise=day_summary) as writer:
        for name, values in grids:
            columns = tuple(f"c{n}" for n in range(values.shape[1]))
            grid = Grid(name, columns, day.start, step, values)
            writer.write(grid, catalogue()[name], source="t", updated=0)
    return path


def without_kept(path: Path) -> Path:
    """A copy in which nothing is kept."""
    copy = path.with_name(f"rows-{path.name}")
    shutil.copyfile(path, copy)
    with h5py.File(copy, "r+") as file:
        for group in file.values():
            for item in group.values():
                for name in kept_summary.NAMES & item.attrs.keys():
                    del item.attrs[name]
    return copy


def is_kept(path: Path, name: str = READ) -> bool:
    with open_tts(path) as tts:
        kept = tts.kept(name)
    return kept is not None and kept.load() is not None


def random_cells(shape: tuple[int, int], seed: int, share: float) -> Float64:
    """Cells of all sizes, some missing, some columns and hours wholly."""
    random = np.random.default_rng(seed)
    values = np.where(random.random(shape) < 0.3, 0.0, random.lognormal(10, 5, shape))
    values[random.random(shape) < share] = np.nan
    values[:, random.random(shape[1]) < share / 2] = np.nan
    first = int(random.integers(0, shape[0]))
    values[first : first + int(shape[0] * share)] = np.nan
    return values


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 1440),
    columns=st.integers(1, 9),
    seed=st.integers(0, 999),
    share=st.sampled_from([0.0, 0.01, 0.4, 1.0]),
    missing=st.sampled_from(["nan", "negative_zero"]),
    blocks=st.sampled_from([1, 4000, 8 << 20]),
)
def test_with_and_without_are_equal(
    tmp_path_factory: pytest.TempPathFactory,
    rows: int,
    columns: int,
    seed: int,
    share: float,
    missing: encoding.Missing,
    blocks: int,
) -> None:
    cells = [
        (name, random_cells((rows, columns), seed + n, share))
        for n, name in enumerate((READ, LOAD))
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_blocks, "BLOCK_BYTES", blocks)
        path = write(tmp_path_factory.mktemp("kept") / "a.hdf5", cells, missing)
        copy = without_kept(path)
        assert (is_kept(path), is_kept(copy)) == (True, False)
        with open_tts(path) as kept, open_tts(copy) as read:
            for by_component in (False, True):
                assert summarize(kept, by_component=by_component) == summarize(
                    read, by_component=by_component
                )


def make_archive(root: Path) -> archive_tools.Archive:
    """Three days; of the second nothing is kept."""
    for n in range(3):
        date = DAY.date + dt.timedelta(days=n)
        path = layout.path(root, layout.TTS, date, "fs")
        write(path, [(READ, random_cells((8640, 5), n, 0.1))], step=10, day=Day(date))
        if n == 1:
            shutil.move(without_kept(path), path)
    return archive_tools.Archive(root)


@pytest.fixture
def archive(tmp_path: Path) -> archive_tools.Archive:
    return make_archive(tmp_path / "archive")


def test_a_range_takes_what_is_kept_of_whole_days_alone(archive: archive_tools.Archive) -> None:
    asked = {"wanted": READ, "by_component": True}
    found = [summarize_range(archive, "fs", *one, **asked) for one in RANGES]
    for path in archive.root.rglob("fs.hdf5"):
        shutil.move(without_kept(path), path)
    assert found == [summarize_range(archive, "fs", *one, **asked) for one in RANGES]


@pytest.mark.parametrize("rate", [False, True])
@pytest.mark.parametrize("blocks", [4000, 8 << 20])
def test_resampled_days_are_equal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: bool, blocks: int
) -> None:
    """By whole days, and by days of which the range has a part."""
    monkeypatch.setattr(row_blocks, "BLOCK_BYTES", blocks)
    archive = make_archive(tmp_path / "archive")

    def read() -> list[Float64]:
        return [
            archive.read("fs", READ, *one, resample=step, rate=rate, components=some).values
            for one in RANGES
            for step in ("1d", "1h")
            for some in (None, "c1")
        ]

    found = read()
    for path in archive.root.rglob("fs.hdf5"):
        shutil.move(without_kept(path), path)
    for one, other in zip(found, read(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_daily_totals_read_no_rows_where_they_are_kept(
    archive: archive_tools.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    load = row_blocks.ChunkBlock.load

    def noted(block: row_blocks.ChunkBlock, out: Float64 | None = None) -> Float64:
        read.append(Path(block.identity.path).parent.name)
        return load(block, out)

    monkeypatch.setattr(row_blocks.ChunkBlock, "load", noted)
    archive.read("fs", READ, *RANGES[0], resample="1d")
    assert set(read) == {"2026-11-23"}, "of which nothing is kept"
    read.clear()
    coverage = archive.coverage("fs", READ, *RANGES[0])
    assert set(read) == {"2026-11-23"}
    measured = ~archive.missing("fs", READ, *RANGES[0]).to_numpy().reshape(3, -1, 5)
    np.testing.assert_array_equal(coverage.to_numpy(), 100.0 * measured.sum(axis=1) / 8640)


def flipped(name: str) -> Callable[[h5py.Dataset], None]:
    def change(item: h5py.Dataset) -> None:
        values = item.attrs[name]
        values[1] += 1
        item.attrs[name] = values

    return change


def cell(item: h5py.Dataset) -> None:
    item[7, 1] += 1


def unit(item: h5py.Dataset) -> None:
    item.attrs["units"] = "KiB"


def rule(item: h5py.Dataset) -> None:
    item.attrs[kept_summary.CHECK] = item.attrs[kept_summary.CHECK] + [1, 0]


def columns(item: h5py.Dataset) -> None:
    item.attrs["summary_totals"] = item.attrs["summary_totals"][1:]


@pytest.mark.parametrize("change", [cell, unit, rule, columns, *map(flipped, kept_summary.NAMES)])
def test_what_does_not_fit_is_not_used(
    tmp_path: Path, change: Callable[[h5py.Dataset], None]
) -> None:
    path = write(tmp_path / "a.hdf5", [(READ, random_cells((1440, 3), 1, 0.1))])
    assert is_kept(path)
    with h5py.File(path, "r+") as file:
        change(file[READ])
    assert not is_kept(path)
    with open_tts(path) as kept, open_tts(without_kept(path)) as read:
        assert summarize(kept, by_component=True) == summarize(read, by_component=True)


def test_what_is_kept_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.hdf5", [(READ, np.array([[1.0, 2.0], [np.nan, 5.0]]))])

    def refuse(*_: object) -> None:
        raise AssertionError("rows are read")

    monkeypatch.setattr(row_blocks.ChunkBlock, "load", refuse)
    with open_tts(path) as tts:
        (found,) = summarize(tts, by_component=True)
    assert (found.total, found.peak, found.peak_at, found.missing) == (8, 5, DAY.start + 60, 25)
    first, second = found.components
    assert (first.total, first.peak_at, first.missing) == (1, DAY.start, 50)
    assert (second.total, second.peak, second.peak_at) == (7, 5, DAY.start + 60)


def test_too_many_columns_are_not_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "a.hdf5", [(READ, np.ones((2, 8000)))])
    assert not is_kept(path)


@pytest.mark.real
@pytest.mark.parametrize("ending", ["hdf5", "h5lmt"])
def test_a_real_day(tmp_path: Path, real: Path, ending: str) -> None:
    with open_tts(real / f"tts/snx11025_2018-01-28.{ending}") as tts:
        named = {name: tts.to_numpy(name) for name in tts.datasets() if name in catalogue()}
        step = min(tts.timestep(name) for name in named)
    path = write(tmp_path / "a.hdf5", list(named.items()), step=step)
    assert all(is_kept(path, name) for name in named)
    with open_tts(path) as kept, open_tts(without_kept(path)) as read:
        assert summarize(kept, by_component=True) == summarize(read, by_component=True)
