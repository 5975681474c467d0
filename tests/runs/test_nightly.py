"""The night's run, as an operator runs it."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archive_tools
from archive_tools.core.findings import Findings
from archive_tools.store.lock import holding
from archive_tools.store.receipts import Receipts
from pipeline.building.logs import _lacks
from pipeline.building.run_context import current
from pipeline.cli.main import BUSY, COMPLETE, FAILED, PARTIAL, USAGE, main
from pipeline.tasks import Build, Fetch
from pipeline.tasks.base import ArchiveTask
from tests.support import stuck_builds
from tests.support.killed_runs import Kill, run_killed
from tests.support.lmtdb import LmtDb, every
from tests.support.nights import DATE, FOREVER, lmt_db, lmt_source, some_logs
from tests.support.paths import ROOT, SITEDAY_LOGS
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.system

Site = Callable[..., Path]
LMT_DAY = dt.date.fromisoformat(DATE)


def night(*more: str) -> int:
    return main(["nightly", "--date", DATE, *more])


def receipts(root: Path) -> dict[str, str]:
    """(instance, product) to receipt name."""
    return {f"{r.instance}.{r.product}": r.name for r in Receipts(root).day(LMT_DAY).all}


def written(root: Path) -> dict[str, int]:
    there = (root / "2026" / DATE).iterdir()
    return {path.name: path.stat().st_ino for path in there if path.is_file()}


def contents_of(root: Path) -> dict[str, bytes]:
    there = (root / "2026" / DATE).rglob("*")
    return {path.name: path.read_bytes() for path in there if path.is_file()}


def test_a_night_then_nothing_then_a_late_log(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    logs = tmp_path / "logs"
    shutil.copytree(SITEDAY_LOGS, logs)
    late = next(iter(sorted(logs.iterdir())))
    late.rename(tmp_path / late.name)
    lmt_db(tmp_path / "lmt.db")
    site(
        {"fs": lmt_source(tmp_path / "lmt.db"), "darshan": {"kind": "darshan", "logs": "logs"}},
        late_days=10**5,
        raw_days=10**5,
    )
    root = tmp_path / "archive"
    assert night() == COMPLETE
    shown = capsys.readouterr().out
    assert f"archive: {root}" in shown
    for name in (
        "fs.hdf5",
        "darshan.hdf5",
        "darshan_index.sqlite",
        "darshan_jobs.parquet",
        "figures.json",
        "report.html",
    ):
        assert name in shown
    first, before = receipts(root), written(root)

    caplog.clear()
    assert night() == COMPLETE
    assert "everything is complete, no task was run" in caplog.text
    assert receipts(root) == first
    assert written(root) == before

    (tmp_path / late.name).rename(logs / late.name)
    assert main(["status", "--start", DATE, "--stop", DATE]) == PARTIAL
    assert "late" in capsys.readouterr().out
    assert night() == COMPLETE
    after = receipts(root)
    assert {key for key in after if after[key] != first[key]} == {
        f"darshan.{p}" for p in ("raw", "tts", "index", "jobs")
    } | {"_day.figures", "_day.report"}
    assert written(root)["fs.hdf5"] == before["fs.hdf5"], "the other instance is left alone"
    with archive_tools.open_index(root / f"2026/{DATE}/darshan_index.sqlite") as index:
        assert index.execute("SELECT COUNT(*) FROM headers").fetchone() == (104,)
    index.close()


def test_a_fresh_build_gives_the_same_bytes(
    tmp_path: Path, site: Site, darshan_source: dict[str, Any]
) -> None:
    lmt_db(tmp_path / "lmt.db")
    contents = []
    for name in ("one", "two"):
        site({"fs": lmt_source(tmp_path / "lmt.db"), "darshan": darshan_source}, archive=name)
        assert night() == COMPLETE
        contents.append(contents_of(tmp_path / name))
    assert contents[0] == contents[1]


def test_one_source_that_fails_leaves_the_others_done(
    tmp_path: Path, site: Site, darshan_source: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    site({"fs": lmt_source(tmp_path / "none.db"), "darshan": darshan_source})
    assert night() == FAILED
    shown = capsys.readouterr().out
    assert "fs               failed no SQLite file" in shown
    assert "darshan          complete" in shown
    report = (tmp_path / f"archive/2026/{DATE}/report.html").read_text()
    assert "no SQLite file" in report
    assert main(["status", "--start", DATE, "--stop", DATE, "--json"]) == FAILED
    states = json.loads(capsys.readouterr().out)[DATE]
    assert (states["fs"]["state"], states["darshan"]["state"]) == ("failed", "complete")
    lmt_db(tmp_path / "none.db")
    assert night() == COMPLETE, "the next run mends it"
    assert "failed" not in " ".join(receipts(tmp_path / "archive").values())


def test_a_day_that_the_source_does_not_have(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")})
    assert main(["nightly", "--date", "2026-11-01"]) == FAILED
    assert "missing" in capsys.readouterr().out
    assert not (tmp_path / "archive/2026/2026-11-01/fs.hdf5").exists(), "no file of zeros"


def test_fewer_rows_never_replace_good_data(
    tmp_path: Path, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")}, late_days=10**5, raw_days=10**5)
    assert night() == COMPLETE
    file = tmp_path / f"archive/2026/{DATE}/fs.hdf5"
    good = file.read_bytes()
    lmt_db(tmp_path / "lmt.db", upto=100)
    assert night() == COMPLETE
    assert file.read_bytes() == good
    caplog.clear()
    assert night() == COMPLETE
    assert "no task was run" in caplog.text, "it is looked at once, not every night"
    assert main(["invalidate", "--start", DATE, "--stop", DATE]) == COMPLETE
    assert night() == PARTIAL, "replaced only when it is requested"
    assert file.read_bytes() != good


def test_a_target_that_comes_in_mid_day_and_another_order(tmp_path: Path, site: Site) -> None:
    """Archived again and again while targets come and change places: columns keep their data."""
    site({"fs": lmt_source(tmp_path / "lmt.db")}, late_days=10**5, raw_days=10**5)
    archive = None
    for osts, upto in [
        (("fs-OST0000", "fs-OST0001"), 50),
        (("fs-OST0001", "fs-OST0000"), 100),
        (("fs-OST0002", "fs-OST0001", "fs-OST0000"), 145),
    ]:
        lmt_db(tmp_path / "lmt.db", osts, upto=upto)
        assert night() == (COMPLETE if upto == 145 else PARTIAL)
        archive = archive_tools.Archive(tmp_path / "archive")
        frame = archive.to_dataframe("fs", "datatargets/readbytes", DATE, "2026-11-23")
        assert list(frame.columns) == sorted(osts)
        for name in osts:
            assert (frame[name].dropna() == 1000 * (1 + int(name[-4:]))).all()
            assert frame[name].notna().sum() == upto - 1


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
def test_the_hosts_zone_does_not_matter(tmp_path: Path, site: Site, zone: str) -> None:
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")})
    run = subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", "nightly", "--date", DATE],
        env=os.environ | {"TZ": zone},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert run.returncode == COMPLETE, run.stderr
    with archive_tools.open_tts(tmp_path / f"archive/2026/{DATE}/fs.hdf5") as tts:
        assert tts.start == int(dt.datetime(2026, 11, 22, tzinfo=dt.UTC).timestamp())
        assert not tts.missing("datatargets/readbytes").any()


def test_missing_as_pytokio_writes_it(tmp_path: Path, site: Site) -> None:
    import h5py

    lmt_db(tmp_path / "lmt.db", upto=100)
    site({"fs": lmt_source(tmp_path / "lmt.db")}, missing="negative_zero")
    assert night() == PARTIAL
    with h5py.File(tmp_path / f"archive/2026/{DATE}/fs.hdf5") as file:
        values = file["datatargets/readbytes"][...]
        assert not np.isnan(values).any()
        assert np.signbit(values[99:]).all()
    with archive_tools.open_tts(tmp_path / f"archive/2026/{DATE}/fs.hdf5") as tts:
        assert np.isnan(tts.to_numpy("datatargets/readbytes")[99:]).all()


def test_luigi_runs_it_too(tmp_path: Path, site: Site, darshan_source: dict[str, Any]) -> None:
    path = site({"darshan": darshan_source})
    command = [
        sys.executable,
        "-m",
        "luigi",
        "--module",
        "pipeline.tasks",
        "Nightly",
        "--date",
        DATE,
        "--local-scheduler",
    ]
    run = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TOKIO_SITE": str(path)},
    )
    assert run.returncode == 0, run.stderr
    assert (tmp_path / f"archive/2026/{DATE}/report.html").is_file()
    range_of = [
        *command[:5],
        "RangeDaily",
        "--of",
        "Nightly",
        "--start",
        "2026-11-21",
        "--stop",
        "2026-11-23",
        "--days-back",
        "20000",
        "--reverse",
    ]
    run = subprocess.run(
        [*range_of, "--local-scheduler"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TOKIO_SITE": str(path)},
    )
    assert (tmp_path / "archive/2026/2026-11-21/darshan_index.sqlite").is_file(), run.stderr


def test_a_failure_is_not_exit_0_for_luigi(site: Site) -> None:
    path = site({"darshan": {"kind": "darshan", "logs": "none"}})
    command = [
        sys.executable,
        "-m",
        "luigi",
        "--module",
        "pipeline.tasks",
        "Nightly",
        "--date",
        DATE,
        "--local-scheduler",
    ]
    run = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TOKIO_SITE": str(path)},
    )
    assert run.returncode == 30, run.stderr


def test_two_runs_at_once(
    tmp_path: Path, site: Site, darshan_source: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    site({"darshan": darshan_source})
    with holding(tmp_path / "archive", [LMT_DAY]):
        assert night() == BUSY
    assert "another run holds" in capsys.readouterr().err
    assert night() == COMPLETE


def test_a_wrong_configuration_comes_out_before_anything_runs(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site({"fs": {"kind": "lmt", "database": "sqlite:///x", "timestap": 5}})
    for command in (["nightly"], ["status"], ["check-config"]):
        assert main(command) == USAGE
        assert "timestap is not known" in capsys.readouterr().err
    assert not (tmp_path / "archive").exists()
    site({"fs": {"kind": "lmt", "database": "sqlite:///x"}})
    assert main(["check-config"]) == COMPLETE
    assert "fs: lmt, a row every 5 s" in capsys.readouterr().out


def test_status_of_days_without_receipts(
    site: Site, darshan_source: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    site({"darshan": darshan_source})
    assert main(["status", "--start", "2026-01-01", "--stop", "2026-01-03"]) == FAILED
    assert capsys.readouterr().out.count("missing") == 4


def test_raw_data_are_pruned_by_their_own_age(tmp_path: Path, site: Site) -> None:
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")}, late_days=1, raw_days=2)
    assert night() == COMPLETE
    (raw,) = (tmp_path / "archive/raw/2026" / DATE).iterdir()
    assert night() == COMPLETE
    assert raw.is_dir()
    old = time.time() - 3 * 86400
    os.utime(raw, (old, old))
    assert night() == COMPLETE
    assert not raw.exists()
    assert night() == COMPLETE, "the products stand without it"


def test_a_product_that_was_deleted_is_made_again(
    tmp_path: Path, site: Site, darshan_source: dict[str, Any]
) -> None:
    site({"darshan": darshan_source}, late_days=10**5, raw_days=10**5)
    assert night() == COMPLETE
    index = tmp_path / f"archive/2026/{DATE}/darshan_index.sqlite"
    before = index.read_bytes()
    index.unlink()
    assert night() == COMPLETE
    assert index.read_bytes() == before


def logs_in(root: Path) -> int:
    index = archive_tools.open_index(root / f"archive/2026/{DATE}/darshan_index.sqlite")
    try:
        return int(index.execute("SELECT COUNT(*) FROM headers").fetchone()[0])
    finally:
        index.close()


def test_a_product_of_older_data_is_not_complete(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that dies after fetching leaves an old product beside new raw data."""
    logs = some_logs(tmp_path / "logs", 6)
    logs[0].rename(tmp_path / "later")
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, **FOREVER)
    assert night() == COMPLETE
    (tmp_path / "later").rename(logs[0])
    current().answers.forget()
    Fetch(date=LMT_DAY, instance="darshan").run()
    assert main(["status", "--start", DATE, "--stop", DATE]) == PARTIAL
    assert "stale" in capsys.readouterr().out
    assert night() == COMPLETE
    assert logs_in(tmp_path) == 6


def test_changed_keys_make_a_day_stale(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    some_logs(tmp_path / "logs", 3)
    source = {"darshan": {"kind": "darshan", "logs": "logs"}}
    site(source, **FOREVER)
    assert night() == COMPLETE
    site(source, mount_to_fsname={"^/scratch": "other"}, **FOREVER)
    assert main(["status", "--start", DATE, "--stop", DATE]) == PARTIAL
    assert "stale" in capsys.readouterr().out
    assert night() == COMPLETE


def test_a_failure_that_is_over_is_forgotten(tmp_path: Path, site: Site) -> None:
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")}, **FOREVER)
    good = (tmp_path / "lmt.db").read_bytes()
    (tmp_path / "lmt.db").write_bytes(b"no database" * 1000)
    assert night() == FAILED
    assert "failed" in " ".join(receipts(tmp_path / "archive").values())
    (tmp_path / "lmt.db").write_bytes(good)
    assert night() == COMPLETE
    assert "failed" not in " ".join(receipts(tmp_path / "archive").values())


def test_a_folder_that_is_away_for_a_night(tmp_path: Path, site: Site) -> None:
    some_logs(tmp_path / "logs", 3)
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, **FOREVER)
    assert night() == COMPLETE
    (tmp_path / "logs").rename(tmp_path / "away")
    assert night() == COMPLETE, "the archived day is kept"
    (tmp_path / "away").rename(tmp_path / "logs")
    assert night() == COMPLETE
    assert logs_in(tmp_path) == 3


def test_a_source_that_forgets_the_day(tmp_path: Path, site: Site) -> None:
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")}, **FOREVER)
    assert night() == COMPLETE
    file = tmp_path / f"archive/2026/{DATE}/fs.hdf5"
    good = file.read_bytes()
    LmtDb(tmp_path / "lmt.db").stamps(every(600, "2026-11-25", 5))
    assert night() == COMPLETE
    assert file.read_bytes() == good


def test_raw_data_that_are_gone_cannot_be_added_to(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")}, **FOREVER)
    assert night() == COMPLETE
    file = tmp_path / f"archive/2026/{DATE}/fs.hdf5"
    good = file.read_bytes()
    (raw,) = (tmp_path / f"archive/raw/2026/{DATE}").glob("fs.*")
    shutil.rmtree(raw)
    lmt_db(tmp_path / "lmt.db", upto=100)
    assert night() == COMPLETE
    assert file.read_bytes() == good
    assert "200 OST_DATA, 290 are archived" in caplog.text
    assert "source has fewer rows now" in capsys.readouterr().out
    caplog.clear()
    assert night() == COMPLETE
    assert "no task was run" in caplog.text, "it is looked at once, not every night"


def test_a_log_that_arrives_during_the_run_is_for_the_next(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_logs(tmp_path / "logs", 3)
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, **FOREVER)
    make = Build.make

    late = sorted(SITEDAY_LOGS.iterdir())[3]

    def arriving(task: Build, temporary: Path) -> dict[str, Any]:
        if not (tmp_path / "logs" / late.name).exists():
            shutil.copy(late, tmp_path / "logs")
        return make(task, temporary)

    monkeypatch.setattr(Build, "make", arriving)
    assert night() == COMPLETE
    assert logs_in(tmp_path) == 3
    assert night() == COMPLETE
    assert logs_in(tmp_path) == 4


def test_archived_logs_that_are_purged_stay(tmp_path: Path, site: Site) -> None:
    logs = some_logs(tmp_path / "logs", 7)
    (tmp_path / "logs/junk").write_text("no log")
    for log in logs[5:]:
        log.rename(tmp_path / log.name)
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, **FOREVER)
    assert night() == COMPLETE
    (tmp_path / "logs/junk").unlink()
    (tmp_path / logs[5].name).rename(logs[5])
    assert night() == COMPLETE
    assert logs_in(tmp_path) == 6, "a rejected file may go away"
    logs[0].unlink()
    (tmp_path / logs[6].name).rename(logs[6])
    assert night() == COMPLETE
    assert logs_in(tmp_path) == 7, "what was read of an indexed one stays, beside the late one"


def test_purged_logs_of_which_nothing_was_kept_leave_the_archived_day(
    tmp_path: Path, site: Site
) -> None:
    """As days that an earlier version archived."""
    logs = some_logs(tmp_path / "logs", 7)
    logs[6].rename(tmp_path / logs[6].name)
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, **FOREVER)
    assert night() == COMPLETE
    shutil.rmtree(tmp_path / f"archive/raw/2026/{DATE}/darshan.reduced")
    logs[0].unlink()
    (tmp_path / logs[6].name).rename(logs[6])
    assert night() == COMPLETE
    assert logs_in(tmp_path) == 6
    assert "1 archived logs are gone" in (tmp_path / f"archive/2026/{DATE}/report.html").read_text()


def test_rejects_are_tried_again_only_when_they_change(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = some_logs(tmp_path / "logs", 3)
    good = logs[0].read_bytes()
    logs[0].write_bytes(good[:300])
    os.utime(logs[0], ns=(10**18, 10**18))
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, **FOREVER)
    assert night() == COMPLETE
    assert "2 logs, 1 rejected" in capsys.readouterr().out
    logs[0].write_bytes(
        good[:300][::-1]
    )  # other content behind the same size and time: it is not looked at
    os.utime(logs[0], ns=(10**18, 10**18))
    some_logs(tmp_path / "logs2", 4)[3].rename(tmp_path / "logs" / "late.darshan")
    assert night() == COMPLETE
    index = archive_tools.open_index(tmp_path / f"archive/2026/{DATE}/darshan_index.sqlite")
    assert index.execute("SELECT reason LIKE 'truncated%' FROM rejects").fetchall() == [(1,)]
    index.close()
    logs[0].write_bytes(good)
    assert night() == COMPLETE
    assert logs_in(tmp_path) == 4


def test_purged_logs_and_changed_keys_leave_the_archived_day(tmp_path: Path, site: Site) -> None:
    logs = some_logs(tmp_path / "logs", 4)
    source = {"kind": "darshan", "logs": "logs"}
    site({"darshan": source}, **FOREVER)
    assert night() == COMPLETE
    for log in logs[:3]:
        log.unlink()
    site({"darshan": source | {"timestep": 30}}, **FOREVER)
    assert main(["check-config", "--accept"]) == COMPLETE
    assert night() == FAILED
    assert logs_in(tmp_path) == 4


def test_neighbours_that_are_purged_do_not_take_their_bytes_along(
    tmp_path: Path, site: Site
) -> None:
    """Logs of jobs that ran on the day, in the folder of the day before."""
    folders = [tmp_path / f"logs/{day}" for day in (21, 22)]
    logs = sorted(SITEDAY_LOGS.iterdir())
    for folder, some in zip(folders, (logs[:52], logs[52:]), strict=True):
        folder.mkdir(parents=True)
        for log in some:
            shutil.copy(log, folder)
    site({"darshan": {"kind": "darshan", "logs": "logs/%d"}}, **FOREVER)
    assert night() == COMPLETE
    file = tmp_path / f"archive/2026/{DATE}/darshan.hdf5"
    with archive_tools.open_tts(file) as tts:
        whole = np.nansum(tts.to_numpy("datatargets/writebytes"))
    assert round(whole / 2**20) == 6452, "both folders' logs ran on this day"
    assert logs_in(tmp_path) == 52
    shutil.rmtree(folders[0])
    assert night() == COMPLETE
    with archive_tools.open_tts(file) as tts:
        assert np.nansum(tts.to_numpy("datatargets/writebytes")) == whole


def test_the_days_folder_that_cannot_be_listed_is_a_failure(
    tmp_path: Path,
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    some_logs(tmp_path / "logs", 2)
    scandir, listdir = os.scandir, os.listdir

    def refusing(real: Any) -> Any:
        def refused(path: str) -> Any:
            if str(path).endswith("/logs"):
                raise PermissionError(13, "Permission denied", path)
            return real(path)

        return refused

    monkeypatch.setattr(os, "scandir", refusing(scandir))
    monkeypatch.setattr(os, "listdir", refusing(listdir))
    site({"darshan": {"kind": "darshan", "logs": "logs"}})
    assert night() == FAILED
    assert "logs cannot be listed: Permission denied; to do: give the account" in (
        capsys.readouterr().out
    )


def test_a_link_to_itself_costs_no_other_log(tmp_path: Path, site: Site) -> None:
    some_logs(tmp_path / "logs", 2)
    (tmp_path / "logs/x").symlink_to("x")
    site({"darshan": {"kind": "darshan", "logs": "logs"}})
    assert night() == COMPLETE, "anyone can make one"
    assert logs_in(tmp_path) == 2


def test_logs_that_are_all_rejected_are_a_failure(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").mkdir()
    for name in "ab":
        (tmp_path / f"logs/{name}.darshan").write_text("not a log at all")
    site({"darshan": {"kind": "darshan", "logs": "logs"}})
    assert night() == FAILED
    assert "all 2 logs of" in capsys.readouterr().out
    assert not (tmp_path / f"archive/2026/{DATE}/darshan.hdf5").exists()


def test_a_folder_that_cannot_be_listed_is_a_reject(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_logs(tmp_path / "logs", 2)
    (tmp_path / "logs/private").mkdir()
    scandir = os.scandir

    def refusing(path: str) -> Any:
        if str(path).endswith("private"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    site({"darshan": {"kind": "darshan", "logs": "logs"}})
    assert night() == PARTIAL, "there may be logs in it"
    monkeypatch.undo()
    assert logs_in(tmp_path) == 2
    index = archive_tools.open_index(tmp_path / f"archive/2026/{DATE}/darshan_index.sqlite")
    assert [name for (name,) in index.execute("SELECT filename FROM rejects")] == ["private"]
    index.close()


def test_a_corrected_time_zone_fetches_the_right_window(tmp_path: Path, site: Site) -> None:
    db = LmtDb(tmp_path / "lmt.db")
    for n, ts in enumerate(db.stamps(every(600, "2026-11-21", 3 * 144))):
        db.ost(ts, 1, n * 1000)
    site({"fs": lmt_source(tmp_path / "lmt.db")}, **FOREVER)
    night()
    site({"fs": lmt_source(tmp_path / "lmt.db") | {"timezone": "America/Los_Angeles"}}, **FOREVER)
    night()
    with archive_tools.open_tts(tmp_path / f"archive/2026/{DATE}/fs.hdf5") as tts:
        assert not tts.missing("datatargets/readbytes")[:, 0].any()


def test_a_new_version_builds_from_raw_without_the_source(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")}, **FOREVER)
    assert night() == COMPLETE
    (tmp_path / "lmt.db").unlink()
    monkeypatch.setattr(ArchiveTask, "version", 99)
    monkeypatch.setattr("archive_tools.store.status.BUILD_VERSION", 99)
    assert main(["status", "--start", DATE, "--stop", DATE]) == PARTIAL
    assert night() == COMPLETE


def test_one_table_that_ends_early_is_not_a_whole_day(tmp_path: Path, site: Site) -> None:
    db = lmt_db(tmp_path / "lmt.db", upto=40)
    for ts in db.stamps(every(600, "2026-11-22T06:40", 105), first=500):
        db.add("OSS_DATA", (1, ts, 1.0, 2.0))
    site({"fs": lmt_source(tmp_path / "lmt.db")})
    assert night() == PARTIAL
    assert re.search(
        r"cells that were expected and not measured: [\d,]+ in [^(]*datatargets/readbytes",
        (tmp_path / f"archive/2026/{DATE}/report.html").read_text(),
    )


def test_without_a_date_young_days_are_looked_at_again(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipeline.site.Site.yesterday", lambda self: dt.date(2026, 11, 24))
    logs = {day: tmp_path / f"logs/2026/11/{day}" for day in (22, 23, 24)}
    for folder in logs.values():
        folder.parent.mkdir(parents=True, exist_ok=True)
        some_logs(folder, 2)
    site(
        {"darshan": {"kind": "darshan", "logs": "logs/%Y/%m/%d", "neighbours": 0}},
        late_days=10**3,
        raw_days=10**3,
    )
    assert night() == COMPLETE
    some_logs(logs[22], 3)
    capsys.readouterr()
    assert main(["nightly"]) == COMPLETE
    assert logs_in(tmp_path) == 3
    shown = capsys.readouterr().out
    lines = [shown.index(f"2026-11-{day}  darshan") for day in (24, 23, 22)]
    assert lines == sorted(lines), "yesterday, the night that was skipped, what came late"


def test_a_day_in_the_future_is_a_mistake(
    site: Site, darshan_source: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    site({"darshan": darshan_source})
    assert main(["nightly", "--date", "2199-01-01"]) == USAGE
    assert "is in the future" in capsys.readouterr().err


def test_sigterm_ends_a_run_cleanly(tmp_path: Path, site: Site) -> None:
    some_logs(tmp_path / "logs", 1)
    path = site({"darshan": {"kind": "darshan", "logs": "logs"}})
    run = subprocess.Popen(
        [sys.executable, "-m", "tests.support.stuck_builds", "nightly", "--date", DATE],
        cwd=ROOT,
        env=os.environ | {"TOKIO_SITE": str(path), stuck_builds.BUSY: str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: stuck_builds.at_work(tmp_path), "a build at work")
    run.terminate()
    _, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 143
    assert "stopped by signal 15" in err
    assert not list((tmp_path / "archive/receipts").rglob("*failed*"))
    assert not list((tmp_path / "archive/2026").rglob(".*.tmp"))


EVENTS = 40
"""A night from nothing has more."""


def _complete_or_absent(root: Path, expected: dict[str, bytes]) -> None:
    for path in (root / "2026" / DATE).glob("[!.]*"):
        if path.is_file() and path.name != "report.html":
            assert path.read_bytes() == expected[path.name], f"{path.name} is neither old nor new"


@pytest.mark.parametrize("seed", range(3))
def test_kill_9_at_any_instant(
    tmp_path: Path, site: Site, darshan_source: dict[str, Any], seed: int
) -> None:
    """Every file found afterwards is whole, and the next run ends as an undisturbed one does."""
    lmt_db(tmp_path / "lmt.db")
    sources = {"fs": lmt_source(tmp_path / "lmt.db"), "darshan": darshan_source}
    site(sources, archive="undisturbed")
    assert night() == COMPLETE
    expected = contents_of(tmp_path / "undisturbed")
    site(sources)
    archive = tmp_path / "archive"
    command = ["nightly", "--date", DATE, "--workers", str(1 + seed % 2)]
    random = np.random.default_rng(seed)
    landed = []
    for number in range(4):
        after = 0.0 if number == 0 else float(random.uniform(0.0, 0.1))
        kill = Kill(int(random.integers(1, EVENTS)), after=after)
        landed.append(run_killed(command, archive, tmp_path / "counts", kill).killed)
        _complete_or_absent(archive, expected)
    assert landed[0], "the kill came while something ran"
    assert night() == COMPLETE
    assert contents_of(archive) == expected


def test_a_day_of_which_most_logs_are_rejected_is_partial(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    some_logs(tmp_path / "logs", 2)
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, **FOREVER)
    for number, code in enumerate([COMPLETE, COMPLETE, PARTIAL]):
        (tmp_path / f"logs/{number}.darshan").write_text("not a log at all")
        assert night() == code
    assert "3 of 5 logs were rejected; see the table of rejects" in capsys.readouterr().out


def test_reasons_that_pass_are_shown_escaped() -> None:
    counts, findings = {"logs": 9, "rejects": 4}, Findings()
    passing = {"the reader ended: \x1b[2J\n300 s": 1, "cannot be read: Input/output error": 2}
    both = {"changed since it was listed: x": 1, "cannot be read (folder): x": 1}
    assert _lacks(counts, {}, passing | both, findings) == [
        "3 logs could not be read: cannot be read (Input/output error),"
        r" the reader ended (\x1b[2J\n300 s)"
    ]
