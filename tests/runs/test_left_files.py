"""Which temporary files and raw data are left over, and which are being written."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import time
from pathlib import Path

from archive_tools.store import files
from pipeline.cli.main import COMPLETE, main
from tests.support.small_days import write_days
from tests.support.waiting import until


def left_by(pid: int, folder: Path, *, changed: float | None = None) -> Path:
    name = files.temporary_name(folder / "fs.hdf5").name.replace(f".{os.getpid()}.", f".{pid}.")
    path = folder / name
    path.write_text("half")
    if changed is not None:
        os.utime(path, (changed, changed))
    return path


def test_a_file_of_a_living_process_stays(tmp_path: Path) -> None:
    path = left_by(os.getpid(), tmp_path)
    assert files.sweep([tmp_path]) == []
    assert path.exists()


def test_a_process_that_has_ended_and_was_not_waited_for_writes_nothing(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as ended:
        stat = Path(f"/proc/{ended.pid}/stat")
        until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z", "its end")
        path = left_by(ended.pid, tmp_path)
        assert files.sweep([tmp_path]) == [path]


def test_another_process_of_the_same_number_did_not_write_it(tmp_path: Path) -> None:
    path = left_by(os.getpid(), tmp_path, changed=time.time() - 10**6)
    assert files.sweep([tmp_path]) == [path]


def test_older_raw_data_that_a_killed_run_left_go_and_newer_ones_stay(tmp_path: Path) -> None:
    date = dt.date(2025, 3, 1)
    run = ["nightly", "--site", str(write_days(tmp_path, [date])), "--date", str(date)]
    assert main(run) == COMPLETE
    folder = tmp_path / f"archive/raw/2025/{date}"
    (raw,) = folder.glob("home.*")
    older, newer = folder / "home.00000000000000aa", folder / "home.00000000000000bb"
    for other, later in ((older, -10), (newer, 10)):
        shutil.copytree(raw, other)
        changed = raw.stat().st_mtime + later
        os.utime(other, (changed, changed))
    assert main(run) == COMPLETE
    assert set(folder.glob("home.*")) == {raw, newer}


def test_a_backfill_that_finds_nothing_to_do_removes_pages_that_were_half_written(
    tmp_path: Path,
) -> None:
    date = dt.date(2025, 3, 1)
    site = ["--site", str(write_days(tmp_path, [date]))]
    run = ["backfill", *site, "--start", str(date), "--stop", str(date)]
    assert main(run) == COMPLETE
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    folders = tmp_path / "archive", tmp_path / "archive/2025"
    left = [left_by(ended.pid, folder) for folder in folders]
    assert main(run) == COMPLETE
    assert not any(path.exists() for path in left)
