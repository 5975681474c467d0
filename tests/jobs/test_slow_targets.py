"""Targets that are slower than their peers are named, others are not, as rarely as it is said."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from archive_tools import Archive
from archive_tools.cli.main import main
from archive_tools.core.arrays import Float64
from archive_tools.formats.records_file import write_records
from archive_tools.formats.series import Series
from archive_tools.jobs import slow_targets
from archive_tools.store import layout
from tests.support.generated_days import FIRST, Generated

Capture = pytest.CaptureFixture[str]
LIMITS = slow_targets.Limits()
TARGETS, STEP = 24, 60
RUNS = int(os.environ.get("TOKIO_SLOW_RUNS", "25"))
"""Generated days without a slow target."""


def loads(rng: np.random.Generator, rows: int, correlation: float) -> Float64:
    """Bytes/s that are requested: each target's own, and the whole file system's, both for long."""
    own = rng.normal(size=(rows, TARGETS)) * (1 - correlation**2) ** 0.5
    common = 0.14 * rng.normal(size=(rows, 1))
    for row in range(1, rows):
        own[row] += correlation * own[row - 1]
        common[row] += 0.99 * common[row - 1]
    return np.asarray(np.exp(own + common) * 2.0**28)


def found(rates: Float64) -> list[slow_targets.TargetSpeed]:
    stamps = np.arange(len(rates), dtype=np.int64) * STEP
    names = tuple(f"t{n}" for n in range(TARGETS))
    seconds = np.full(len(rates), STEP, dtype=np.int64)
    series = Series("d", "bytes", "delta", names, stamps, seconds, rates * STEP)
    hours = slow_targets.by_hour(series, LIMITS.rate)
    figures = {
        (name, "read"): hours[np.isfinite(hours[:, n]), n].tolist() for n, name in enumerate(names)
    }
    return slow_targets.compared("fs", figures, LIMITS)


@pytest.mark.parametrize("correlation", [0.9, 0.98])
def test_days_without_a_slow_target_name_one_no_more_often_than_alpha(correlation: float) -> None:
    """At 5 %, more of `RUNS` than this are a matter of less than one in a thousand."""
    rng = np.random.default_rng(3)
    named = sum(
        any(one.is_slow(LIMITS) for one in found(loads(rng, 1440, correlation)))
        for _ in range(RUNS)
    )
    assert named <= stats.binom.ppf(0.999, RUNS, LIMITS.alpha)


@pytest.mark.parametrize(("days", "share"), [(2, 0.25), (3, 0.5)])
def test_a_slow_target_is_named_also_where_each_has_its_own_load(days: int, share: float) -> None:
    rng = np.random.default_rng(0)
    limit = np.where(np.arange(TARGETS) == 3, share * 2.0**30, 2.0**30)
    rates = np.minimum(loads(rng, 1440 * days, 0.98), limit)
    slow = [one for one in found(rates) if one.is_slow(LIMITS)]
    assert slow[0].target == "t3"
    assert len(slow) <= 2
    assert 1.25 <= slow[0].slowdown < 1.5 / share


def test_a_target_that_nobody_uses_is_not_slow_while_all_are_idle() -> None:
    assert found(np.full((1440, TARGETS), 100.0)) == []


def test_holm_is_what_it_is_by_hand() -> None:
    assert slow_targets.holm([0.01, 0.04, 0.03, 0.5]) == [0.04, 0.09, 0.09, 0.5]
    assert slow_targets.holm([]) == []


def test_missing_cells_take_no_part() -> None:
    rng = np.random.default_rng(6)
    rates = loads(rng, 3 * 1440, 0.9)
    rates[:, 5] = np.nan
    rates[200:400] = np.nan
    assert "t5" not in {one.target for one in found(rates)}
    assert len(found(rates)) == TARGETS - 1


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("slow")
    slow = {"scratch-OST0003": 0.4}
    return {
        "slow": Generated(7, targets=12, slow=slow).write(folder / "slow"),
        "good": Generated(7, targets=12).write(folder / "good"),
    }


def test_the_command_names_it_by_rates_and_by_files(
    archives: dict[str, Path], capsys: Capture
) -> None:
    assert main(["slow-osts", "--archive", str(archives["slow"]), "--json"]) == 0
    reported = json.loads(capsys.readouterr().out)
    slow = {(one["target"], one["by"]) for one in reported["targets"] if one["slow"]}
    assert slow == {
        ("scratch-OST0003", "bytes read"),
        ("scratch-OST0003", "bytes written"),
        ("OST0003", "files"),
    }
    assert {one["slowdown"] > 1.5 for one in reported["targets"] if one["slow"]} == {True}
    assert reported["alpha"] == 0.025, "shared by rates and files"
    assert main(["slow-osts", "--archive", str(archives["slow"])]) == 0
    assert "2 slow targets" in capsys.readouterr().out


def test_the_command_accuses_none_where_nothing_shows(
    archives: dict[str, Path], capsys: Capture
) -> None:
    assert main(["slow-osts", "scratch", "--archive", str(archives["good"])]) == 0
    assert "no slow target" in capsys.readouterr().out


def test_jobs_of_a_scheduler_are_not_files_of_logs(tmp_path: Path, capsys: Capture) -> None:
    """An instance of Slurm has a table of jobs and no logs: it is not damage."""
    root = Generated(1, targets=12).write(tmp_path / "archive")
    series = layout.path(root, layout.TTS, FIRST, "scratch")
    shutil.copy(series, layout.path(root, layout.TTS, FIRST, "slurm"))
    table = layout.path(root, layout.JOBS, FIRST, "slurm")
    write_records([], pa.schema([("jobid", pa.string())]), table, kind="slurm", date=str(FIRST))
    assert main(["slow-osts", "scratch", "--archive", str(root)]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("named", "code", "words"),
    [
        ("2026-11-22", 2, "to do: --start 2026-11-22"),
        ("-7d", 2, "to do: --start -7d"),
        ("scratc", 1, "did you mean scratch?"),
    ],
)
@pytest.mark.parametrize("command", ["slow-osts", "growth"])
def test_what_is_not_an_instance_is_not_a_quiet_one(
    archives: dict[str, Path], capsys: Capture, command: str, named: str, code: int, words: str
) -> None:
    assert main([command, "scratch", named, "--archive", str(archives["good"])]) == code
    assert words in capsys.readouterr().err


def test_figures_equal_a_plain_loop(archives: dict[str, Path]) -> None:
    """The median of the hours' ratios, hour by hour and row by row."""
    archive = Archive(archives["slow"])
    date = FIRST + dt.timedelta(days=2)
    speeds = slow_targets.target_speeds(archive, "scratch", [date], LIMITS)
    series = archive.read(
        "scratch", "datatargets/readbytes", date, date + dt.timedelta(days=1), rate=True
    )
    sums = np.nan_to_num(series.values).mean(axis=1)
    busy = sums >= np.median(sums[sums >= LIMITS.rate])
    ratios = []
    for hour in sorted(set((series.timestamps // 3600).tolist())):
        rows = series.values[busy & (series.timestamps // 3600 == hour)]
        if len(rows) >= 3:
            best = [np.quantile(rows[:, n], 0.9) for n in range(12)]
            ratios.append(np.median(best) / best[3])
    (one,) = [s for s in speeds if (s.target, s.direction) == ("scratch-OST0003", "read")]
    assert (one.hours, one.slowdown) == (len(ratios), pytest.approx(np.median(ratios)))


def test_nothing_that_can_be_tested_is_said(tmp_path: Path, capsys: Capture) -> None:
    root = Generated(1, targets=2, jobs=0).write(tmp_path / "archive")
    assert main(["slow-osts", "--archive", str(root)]) == 1
    shown = capsys.readouterr()
    assert "nothing could be tested" in shown.err
    assert "no slow target" in shown.out


def test_a_day_that_cannot_be_read_is_named(tmp_path: Path, capsys: Capture) -> None:
    root = Generated(2, targets=6, jobs=0).write(tmp_path / "archive")
    path = layout.path(root, layout.TTS, FIRST, "scratch")
    path.write_bytes(b"not HDF5")
    assert main(["slow-osts", "scratch", "--archive", str(root)]) == 1
    assert str(path) in capsys.readouterr().err
