"""`summarize_job`: figures that are in no index, against numbers computed by hand; logs that are
still there, and those that cannot be read.
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archive_tools import OwnSeries, write_series
from archive_tools.cli.pytokio.summarize_job import summarize_job
from pipeline.cli.main import main as pipeline_main
from tests.support.paths import SITEDAY_LOGS

Capture = pytest.CaptureFixture[str]
STEP = 60
ROWS = 1440
FIRST = 600
"""The row in which the time that is looked at begins: 10:00."""
WHEN = ["--start-time", "2026-11-22 10:00:00", "--end-time", "2026-11-22 10:05:00", "-f", "fast"]


def cells(columns: int, rows: dict[int, list[float]], rest: float = 0.0) -> Any:
    values = np.full((ROWS, columns), rest)
    for row, figures in rows.items():
        values[FIRST + row] = figures
    return values


def series(dataset: str, values: Any, *columns: str) -> OwnSeries:
    return OwnSeries(dataset, columns, STEP, values)


OSTS = ("fs-OST0000", "fs-OST000a", "fs-OST0010")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Servers of file system "fast", and another instance that knows where its OSTs are."""
    missing = np.nan
    read = {-1: [60, 60], 0: [120, 0], 1: [missing, 60], 2: [6e6, 60], 3: [60, 0], 4: [600, 600]}
    opens = {-1: [60.0, 60], 0: [60, 120], 1: [missing, 0], 2: [6e6, 180], 3: [60, 60], 4: [90, 60]}
    used = cells(3, {}, rest=missing)
    used[FIRST - 7] = np.array([50, 10, 80]) * 1024.0
    used[FIRST + 1] = np.array([0, 0, 0]) * 1024.0
    written = [
        series("datatargets/readbytes", cells(2, read), *OSTS[:2]),
        series("datatargets/writebytes", cells(2, {}), *OSTS[:2]),
        series("mdtargets/opens", cells(2, opens, rest=60.0), "mds1", "mds2"),
        series("fullness/bytes", used, *OSTS),
        series("fullness/bytestotal", np.full((ROWS, 3), 100 * 1024.0), *OSTS),
    ]
    moved = cells(4, {}, rest=missing)
    moved[FIRST - 5] = [1, 0, 0, 1]
    write_series(tmp_path, "fs", "2026-11-22", written, timezone="UTC")
    elsewhere = series("failover/datatargets", moved, *OSTS, "other-OST0000")
    write_series(tmp_path, "targets", "2026-11-22", [elsewhere])
    about = json.loads((tmp_path / "archive.json").read_text())
    about["fsname_to_instance"] = {"fast": {"instance": "fs"}}
    (tmp_path / "archive.json").write_text(json.dumps(about))
    return tmp_path


def shown(capsys: Capture, *arguments: str, archive: Path) -> dict[str, Any]:
    assert summarize_job([*arguments, "--json", "--archive", str(archive)]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    return dict(record)


def test_least_rates_are_of_rows_that_were_measured_whole(archive: Path, capsys: Capture) -> None:
    """Not of the row with a missing cell, nor of the one after it, which has all of the gap."""
    record = shown(capsys, *WHEN, archive=archive)
    assert record["fs_min_bytes_read_per_sec"] == 1.0
    assert record["fs_min_gibs_read_per_sec"] == 1.0 / 2**30
    assert record["fs_min_bytes_written_per_sec"] == 0.0
    assert record["fs_frac_zero_read"] == 2 / 11, "of six rows, the one before among them"
    assert record["fs_frac_zero_written"] == 1.0
    assert record["fs_max_open_ops_per_sec"] == 3.0
    assert record["fs_min_open_ops_per_sec"] == 0.0
    assert record["fs_max_close_ops_per_sec"] is None


def test_targets_are_those_of_the_last_row_before_the_start(archive: Path, capsys: Capture) -> None:
    record = shown(capsys, *WHEN, archive=archive)
    health = {key.removeprefix("fshealth_ost_"): value for key, value in record.items()}
    assert (health["count"], health["avg_full_kib"]) == (3, 46)
    least = [health[f"least_full_{what}"] for what in ("kib", "pct", "name", "id")]
    assert least == [10, 10.0, "OST000a", 10]
    most = [health[f"most_full_{what}"] for what in ("kib", "pct", "name", "id")]
    assert most == [80, 80.0, "OST0010", 16]
    assert health["fullness_lead_secs"] == 7 * STEP
    assert health["requested_timestamp"] - health["actual_timestamp"] == 7 * STEP
    assert health["next_timestamp"] - health["actual_timestamp"] == STEP
    assert health["overloaded_ost_count"] == 1, "of this file system's OSTs"
    assert health["overloaded_pct"] == pytest.approx(100 / 3)
    assert health["failures_lead_secs"] == 5 * STEP


def test_a_time_takes_the_id_of_a_job(archive: Path, capsys: Capture) -> None:
    assert shown(capsys, *WHEN, "--slurm-jobid", "77", archive=archive)["_jobid"] == "77"


def test_csv_has_the_sites_dates(archive: Path, capsys: Capture) -> None:
    assert summarize_job([*WHEN, "--archive", str(archive)]) == 0
    (row,) = csv.DictReader(capsys.readouterr().out.splitlines())
    assert row["_datetime_start"] == "2026-11-22 10:00:00"
    assert row["_datetime_end"] == "2026-11-22 10:05:00"


LOG, OTHER = (next(SITEDAY_LOGS.glob(f"*_id{job}-*.darshan")) for job in (9100003, 9100004))


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with two logs."""
    root = tmp_path_factory.mktemp("logged")
    folder = root / "darshan/2026/11/22"
    folder.mkdir(parents=True)
    for log in (LOG, OTHER):
        shutil.copy(log, folder)
    source = {"kind": "darshan", "logs": "darshan/%Y/%-m/%-d"}
    site = {"site": "x", "archive": "archive", "sources": {"darshan": source}}
    (root / "site.json").write_text(json.dumps(site))
    given = ["nightly", "--site", str(root / "site.json"), "--date", "2026-11-22"]
    assert pipeline_main(given) == 0
    return root / "archive"


def test_records_of_a_log_that_is_there(logged: Path, capsys: Capture) -> None:
    """Against the library's own tables."""
    darshan = pytest.importorskip("darshan")
    record = shown(capsys, str(LOG), archive=logged)
    report = darshan.DarshanReport(str(LOG), read_all=True)
    frames = report.records["POSIX"].to_df()
    for name in ("BYTES_READ", "OPENS", "F_META_TIME", "FILE_NOT_ALIGNED", "MEM_NOT_ALIGNED"):
        values = frames["fcounters" if name.startswith("F_") else "counters"][f"POSIX_{name}"]
        key = f"{name.lower()}_posix"
        assert record[f"darshan_tot_{key}"] == pytest.approx(values.sum())
        assert record[f"darshan_ave_{key}"] == pytest.approx(values.mean())
        assert record[f"darshan_num_{key}"] == len(values)
        assert record[f"darshan_min_{key}"] == values.min()
        assert record[f"darshan_max_{key}"] == values.max()
    written = frames["counters"]["POSIX_BYTES_WRITTEN"]
    assert record["darshan_biggest_write_api"] == "posix"
    assert record["darshan_biggest_write_api_bytes"] == written.sum() > 0
    assert record["darshan_biggest_write_api_files"] == (written > 0).sum()


def test_a_log_that_is_gone_or_another_one_has_no_records(
    logged: Path, tmp_path: Path, capsys: Capture
) -> None:
    gone = shown(capsys, f"/purged/{LOG.name}", archive=logged)
    assert gone["darshan_tot_opens_posix"] is None
    assert gone["darshan_tot_bytes_written_posix"] > 0, "the index has it"
    shutil.copy(OTHER, tmp_path / LOG.name)
    assert summarize_job([str(tmp_path / LOG.name), "--json", "--archive", str(logged)]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)[0]["darshan_tot_opens_posix"] is None
    assert "is not the log of that name" in err


def test_a_log_that_cannot_be_read_is_named_unless_errors_are_silent(
    logged: Path, tmp_path: Path, capsys: Capture
) -> None:
    broken = tmp_path / LOG.name
    broken.write_bytes(LOG.read_bytes()[:200])
    given = [str(broken), str(OTHER), "--json", "--archive", str(logged)]
    assert summarize_job(given) == 0
    out, err = capsys.readouterr()
    first, second = json.loads(out)
    assert first["darshan_tot_opens_posix"] is None
    assert second["darshan_tot_opens_posix"] > 0
    assert err.startswith("summarize_job: ")
    assert summarize_job([*given, "--silent-errors"]) == 0
    again, err = capsys.readouterr()
    assert (again, err) == (out, "")


def test_a_job_and_logs_are_not_given_together(logged: Path, capsys: Capture) -> None:
    given = [str(LOG), "--slurm-jobid", "9100003", "--archive", str(logged)]
    assert summarize_job(given) == 2
    assert "logs are named, and a job" in capsys.readouterr().err
