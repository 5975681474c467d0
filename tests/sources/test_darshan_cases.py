"""Small Darshan logs that were once archived wrongly: what each must give."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive_tools.core import log_files
from archive_tools.core.arrays import Float64
from archive_tools.core.day import Day
from archive_tools.core.vocabulary import FindingKind, Product
from archive_tools.store.receipts import Receipts
from pipeline.cli.main import COMPLETE, main
from pipeline.sources.darshan import listing, modules
from tests.support import darshan_day, paths
from tests.support.darshan_day import Reduced
from tests.support.darshan_source import options
from tests.support.nights import FOREVER

Site = Callable[..., Path]
DAY = Day(dt.date(2026, 11, 22))
TOTAL = 201_326_592
"""Bytes that each log wrote on /scratch."""
HALF, QUARTER = TOTAL // 2, TOTAL // 4


@pytest.fixture(scope="module")
def cases() -> Path:
    """The folder of the cases."""
    return paths.cases("darshan")


def reduced(cases: Path, name: str, folder: Path) -> Reduced:
    """What a day with one case among its logs comes to."""
    (folder / "logs").mkdir()
    shutil.copy(cases / f"{name}.darshan", folder / "logs")
    return darshan_day.reduced(options(folder / "logs"), folder / "raw", DAY)


def written(day: Reduced) -> Float64:
    """Bytes written on scratch in each minute."""
    (grid,) = [grid for grid in day.series if grid.dataset == "datatargets/writebytes"]
    assert grid.values.sum() == TOTAL
    return grid.values[:, grid.columns.index("scratch")]


def test_trace_of_half_the_files(cases: Path, tmp_path: Path) -> None:
    values = written(reduced(cases, "trace_of_half_the_files", tmp_path))
    assert (values[480], values[495], values.sum()) == (HALF, HALF, TOTAL)


def test_heat_widths(cases: Path, tmp_path: Path) -> None:
    values = written(reduced(cases, "heat_widths", tmp_path))
    assert values[480] == 3 * QUARTER - 3000
    assert values[498] + values[499] == QUARTER + 3000, "the job ends with minute 499"


def test_trace_overflow(cases: Path, tmp_path: Path) -> None:
    day = reduced(cases, "trace_overflow", tmp_path)
    assert written(day).sum() == TOTAL
    assert day.merger.placed == {"dxt": 0, "heatmap": TOTAL, "even": 0}
    assert day.findings.total(FindingKind.TRACES_CONTRADICT) == 12
    (event,) = [one for one in day.findings.events() if one.kind == FindingKind.TRACES_CONTRADICT]
    assert event.detail == "files of 1 logs, such as trace_overflow.darshan"


def test_a_late_log_leaves_the_finding(cases: Path, tmp_path: Path, site: Site) -> None:
    """What was reduced of the log is kept, and says it again."""
    (tmp_path / "logs").mkdir()
    shutil.copy(cases / "trace_overflow.darshan", tmp_path / "logs")
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, **FOREVER)
    for name in ("heat_widths", "trace_of_half_the_files"):
        assert main(["nightly", "--date", f"{DAY}"]) == COMPLETE
        receipt = Receipts(tmp_path / "archive").day(DAY.date).good("darshan", Product.TTS)
        assert receipt
        found = Receipts(tmp_path / "archive").day(DAY.date).content(receipt)["findings"]
        assert any("files of 1 logs, such as trace_overflow.darshan" in one for one in found)
        shutil.copy(cases / f"{name}.darshan", tmp_path / "logs")


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_heat_maps_of_ranks_in_any_order(order: tuple[int, ...]) -> None:
    """Two widths, other numbers of bins, a bin below 0, a sum that no number holds."""
    widths = [6.4, 12.8, 6.4, 12.8]
    bins = [[1, -5, 3], [2**62, 1], [10], [2**62, 1, 7]]
    ranks = [
        struct.pack(f">Qqdq16x{2 * len(values)}q", 1, rank, width, len(values), *values, *values)
        for rank, (width, values) in enumerate(zip(widths, bins, strict=True))
    ]
    content = bytearray().join(ranks[place] for place in order)
    found = modules.heat_maps(content, ">", {1: "heatmap:POSIX"})
    assert [(one.width, one.written.tolist()) for one in found["POSIX"]] == [
        (6.4, [11, 0, 3]),
        (12.8, [2**62 - 1, 2, 7]),
    ]


def written_by_day(logs: Path, folder: Path, **keys: int) -> list[float]:
    """Megabytes on three days, of folders that are named by the day of the month."""
    found = []
    for number in (21, 22, 23):
        (logs / str(number)).mkdir(parents=True, exist_ok=True)
        day = Day(dt.date(2026, 11, number))
        result = darshan_day.reduced(options(logs / "%d", **keys), folder / str(number), day)
        (grid,) = [grid for grid in result.series if grid.dataset == "datatargets/writebytes"]
        found.append(round(float(grid.values.sum()) / 1e6, 1))
    return found


@pytest.fixture
def log_of_48_hours(cases: Path, tmp_path: Path) -> Path:
    """In the folder of the day on which the job began; written when it ended."""
    (tmp_path / "logs/21").mkdir(parents=True)
    (tmp_path / "raw").mkdir()
    copied = shutil.copy(cases / "job_of_48_hours.darshan", tmp_path / "logs/21")
    written_at(Path(copied), dt.datetime(2026, 11, 23, 18, 0, 10, tzinfo=dt.UTC))
    return Path(copied)


def written_at(log: Path, when: dt.datetime) -> None:
    for path in (log, log.parent):
        os.utime(path, (when.timestamp(), when.timestamp()))


def test_job_of_48_hours(log_of_48_hours: Path, tmp_path: Path) -> None:
    assert written_by_day(tmp_path / "logs", tmp_path / "raw") == [25.2, 100.7, 75.5]


def test_a_long_jobs_log_in_a_users_folder(log_of_48_hours: Path, tmp_path: Path) -> None:
    """The folder of the day did not change since then, the one in it did."""
    below = log_of_48_hours.parent / "user01"
    below.mkdir()
    moved = log_of_48_hours.rename(below / log_of_48_hours.name)
    written_at(moved, dt.datetime(2026, 11, 23, 18, 0, 10, tzinfo=dt.UTC))
    first = dt.datetime(2026, 11, 21, 1, tzinfo=dt.UTC).timestamp()
    os.utime(below.parent, (first, first))
    assert written_by_day(tmp_path / "logs", tmp_path / "raw") == [25.2, 100.7, 75.5]


def test_a_log_that_is_filed_under_several_days_counts_once_on_each(
    log_of_48_hours: Path, tmp_path: Path
) -> None:
    """On each day that the job touched, and not once for each of the folders."""
    for day in (22, 23):
        (tmp_path / f"logs/{day}").mkdir()
        shutil.copy2(log_of_48_hours, tmp_path / f"logs/{day}")
    assert written_by_day(tmp_path / "logs", tmp_path / "raw") == [25.2, 100.7, 75.5]


def test_logs_of_one_name_and_size_that_differ_are_listed(
    log_of_48_hours: Path, tmp_path: Path
) -> None:
    """A user who files a log under the name of another's cannot make that one go."""
    content = bytearray(log_of_48_hours.read_bytes())
    content[-1] ^= 1
    (tmp_path / "logs/22").mkdir()
    other = tmp_path / "logs/22" / log_of_48_hours.name
    other.write_bytes(content)
    found = listing.listed_files(options(tmp_path / "logs/%d"), Day(dt.date(2026, 11, 22))).files
    assert [(file.own, Path(file.root).name) for file in found] == [(False, "21"), (True, "22")]


def test_without_neighbours_only_the_days_own_folder_counts(
    log_of_48_hours: Path, tmp_path: Path
) -> None:
    raw = tmp_path / "raw"
    assert written_by_day(tmp_path / "logs", raw, neighbours=0) == [25.2, 0.0, 0.0]


def test_folders_that_did_not_change_and_copies_are_passed_over(
    log_of_48_hours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, listed = log_of_48_hours.parent, []
    real = log_files.files_below

    def noted(path: str, **how: bool) -> Any:
        listed.append(path)
        return real(path, **how)

    monkeypatch.setattr(log_files, "files_below", noted)
    third = Day(dt.date(2026, 11, 23))
    (tmp_path / "logs/23").mkdir()
    keys = options(tmp_path / "logs/%d")
    assert [file.name for file in listing.listed_files(keys, third).files] == [log_of_48_hours.name]
    written_at(log_of_48_hours, dt.datetime(2027, 3, 1, tzinfo=dt.UTC))
    assert listing.listed_files(keys, third).files == []
    listed.clear()
    written_at(log_of_48_hours, dt.datetime(2026, 11, 21, 20, tzinfo=dt.UTC))
    assert listing.listed_files(keys, third).files == []
    assert str(folder) not in listed
