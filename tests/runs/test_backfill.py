"""Backfills: the plan is what runs, what was stopped goes on, what fails stops nothing else."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from archive_tools.store import lock
from archive_tools.store.receipts import Receipts
from pipeline.cli.main import BUSY, COMPLETE, FAILED, PARTIAL, USAGE, main
from tests.support.killed_runs import Kill, run_killed
from tests.support.paths import ROOT
from tests.support.small_days import FILE_SYSTEMS, write_days, write_lmt, write_site

pytestmark = pytest.mark.system

FIRST = dt.date(2025, 3, 1)
Capture = pytest.CaptureFixture[str]
Made = set[tuple[dt.date, str, str]]


def days(count: int) -> list[dt.date]:
    return [FIRST + dt.timedelta(days=n) for n in range(count)]


def backfill(folder: Path, count: int, *more: str) -> int:
    return main(
        [
            "backfill",
            "--site",
            str(folder / "site.json"),
            "--start",
            str(FIRST),
            "--stop",
            str(days(count)[-1]),
            *more,
        ]
    )


def made(folder: Path, count: int) -> dict[tuple[dt.date, str, str], int]:
    """What stands, but for what is of days as a whole, and when it was written."""
    found = Receipts(folder / "archive").days(days(count))
    return {
        (date, *r.key): os.stat(day.folder / r.name).st_mtime_ns
        for date, day in found.items()
        for r in day.all
        if r.good and r.instance != "_day"
    }


def contents(folder: Path) -> dict[str, bytes]:
    """All products but pages."""
    files = (
        path
        for path in (folder / "archive/2025").rglob("*")
        if path.is_file() and path.suffix != ".html"
    )
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def planned(shown: str) -> Made:
    """What a dry run says."""
    found: Made = set()
    for line in shown.splitlines()[:-1]:
        date, *parts = line.split("  ")
        for part in parts:
            instance, _, products = part.partition(": ")
            found |= {
                (dt.date.fromisoformat(date), instance, product) for product in products.split()
            }
    return found


def test_the_plan_is_what_runs(tmp_path: Path, capsys: Capture) -> None:
    write_days(tmp_path, days(4))
    assert backfill(tmp_path, 4, "--dry-run") == COMPLETE
    plan = planned(capsys.readouterr().out)
    assert not list((tmp_path / "archive").rglob("*.json")), "a dry run writes nothing"
    assert backfill(tmp_path, 4) == COMPLETE
    assert "12 complete" in capsys.readouterr().out
    assert set(made(tmp_path, 4)) == plan
    assert len(plan) == 4 * 8
    assert all((tmp_path / f"archive/2025/{date}/report.html").is_file() for date in days(4))

    before = made(tmp_path, 4)
    (tmp_path / f"archive/2025/{FIRST}/home.hdf5").unlink()
    for receipt in Receipts(tmp_path / "archive").day(days(4)[2]).all:
        if receipt.key == ("darshan", "raw"):
            Receipts(tmp_path / "archive").remove(receipt.date, *receipt.key)
    assert backfill(tmp_path, 4, "--dry-run") == COMPLETE
    plan = planned(capsys.readouterr().out)
    assert plan == {
        (FIRST, "home", "tts"),
        *((days(4)[2], "darshan", product) for product in ("raw", "tts", "index", "jobs")),
    }
    assert backfill(tmp_path, 4) == COMPLETE
    after = made(tmp_path, 4)
    assert {key for key in after if after[key] != before.get(key)} == {
        (FIRST, "home", "tts"),
        (days(4)[2], "darshan", "raw"),
    }, "what was fetched anew is what was fetched before: nothing else had to be made"


@pytest.mark.parametrize(
    "more",
    [
        ("--newest-first",),
        ("--workers", "2"),
        ("--instance", "home", "--instance", "scratch,darshan"),
    ],
)
def test_ways_that_give_the_same(tmp_path: Path, more: tuple[str, ...]) -> None:
    write_days(tmp_path, days(3))
    assert backfill(tmp_path, 3) == COMPLETE
    expected = contents(tmp_path)
    shutil.rmtree(tmp_path / "archive")
    assert backfill(tmp_path, 3, *more) == COMPLETE
    assert contents(tmp_path) == expected


def test_one_instance_alone(tmp_path: Path) -> None:
    write_days(tmp_path, days(2))
    assert backfill(tmp_path, 2, "--instance", "home") == COMPLETE
    assert {instance for _, instance, _ in made(tmp_path, 2)} == {"home"}
    assert backfill(tmp_path, 2) == COMPLETE
    assert len(made(tmp_path, 2)) == 16


def test_a_day_that_fails_stops_no_other_and_is_tried_again(
    tmp_path: Path, capsys: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    write_days(tmp_path, days(4))
    (tmp_path / f"lmt/home_{days(4)[1]}.sqlite3").write_bytes(b"no database" * 1000)
    (tmp_path / f"lmt/scratch_{days(4)[2]}.sqlite3").unlink()
    assert backfill(tmp_path, 4, "--tries", "3") == FAILED
    shown = capsys.readouterr().out
    assert "10 complete, 2 failed" in shown
    assert f"{days(4)[1]}  home             failed" in shown
    assert (
        len(
            [
                record
                for record in caplog.records
                if "instance=home product=raw state=failed" in record.message
            ]
        )
        == 3
    )
    write_lmt(tmp_path / f"lmt/home_{days(4)[1]}.sqlite3", days(4)[1])
    write_lmt(tmp_path / f"lmt/scratch_{days(4)[2]}.sqlite3", days(4)[2])
    assert backfill(tmp_path, 4) == COMPLETE


def test_days_of_another_run_are_left_to_it(
    tmp_path: Path, capsys: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    write_days(tmp_path, days(3))
    with lock.holding(tmp_path / "archive", [days(3)[1]]):
        assert backfill(tmp_path, 3, "--wait", "0") == FAILED
        assert (
            main(
                [
                    "nightly",
                    "--site",
                    str(tmp_path / "site.json"),
                    "--date",
                    str(days(3)[1]),
                    "--wait",
                    "0",
                ]
            )
            == BUSY
        )
        assert (
            main(["nightly", "--site", str(tmp_path / "site.json"), "--date", str(days(3)[0])])
            == COMPLETE
        ), "other days are free"
    assert "another run has them" in caplog.text
    assert {date for date, _, _ in made(tmp_path, 3)} == {days(3)[0], days(3)[2]}
    assert backfill(tmp_path, 3) == COMPLETE


def test_what_the_source_keeps_no_longer_is_not_asked_for(tmp_path: Path, capsys: Capture) -> None:
    path = write_days(tmp_path, days(2))
    site = json.loads(path.read_text())
    site["sources"]["home"]["retention_days"] = 30
    path.write_text(json.dumps(site))
    assert backfill(tmp_path, 2, "--dry-run") == COMPLETE
    assert f"{FIRST}  home: expired" in capsys.readouterr().out
    assert backfill(tmp_path, 2) == FAILED
    assert "2 expired" in capsys.readouterr().out
    assert backfill(tmp_path, 2, "--expired") == COMPLETE


def test_logs_that_ran_on_a_day_that_comes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Newest first, a day at a time: the index of the 23rd is made before the servers of the 22nd
    are archived, and again after.
    """
    from pipeline.cli.commands import backfill as command

    monkeypatch.setattr(command, "CHUNK", 1)
    dates = [dt.date(2026, 11, 22), dt.date(2026, 11, 23)]
    path = write_days(tmp_path, dates, late_days=0)
    for log in (tmp_path / f"darshan/{dates[0]}").iterdir():  # all of these logs ran on the 22nd
        shutil.copy(log, tmp_path / f"darshan/{dates[1]}")
    span = ["--site", str(path), "--start", str(dates[0]), "--stop", str(dates[1])]
    assert main(["backfill", *span, "--newest-first"]) == COMPLETE
    capsys.readouterr()
    assert main(["backfill", *span, "--dry-run"]) == COMPLETE
    assert "0 days to do, 0 products; nothing to do for 2 days" in capsys.readouterr().out


def test_wrong_ranges(tmp_path: Path, capsys: Capture) -> None:
    write_site(tmp_path)
    assert (
        main(
            [
                "backfill",
                "--site",
                str(tmp_path / "site.json"),
                "--start",
                "2025-03-02",
                "--stop",
                "2025-03-01",
            ]
        )
        == USAGE
    )
    assert (
        main(
            [
                "backfill",
                "--site",
                str(tmp_path / "site.json"),
                "--start",
                "2025-03-02",
                "--stop",
                "2199-03-01",
            ]
        )
        == USAGE
    )
    assert (
        main(
            [
                "backfill",
                "--site",
                str(tmp_path / "site.json"),
                "--start",
                "2025-03-02",
                "--stop",
                "2025-03-02",
                "--instance",
                "hom",
            ]
        )
        == USAGE
    )
    assert "not over yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["--start", "2025-02"], "28 days to do"),
        (["--start", "2025-W09"], "7 days to do"),
        (["--start", "2025-W09", "--stop", "2025-03"], "36 days to do"),
        (["--start", "2025-03-01"], "1 days to do"),
        (["--start", "-3d"], "3 days to do"),
        (["--start", "yesterday"], "1 days to do"),
    ],
)
def test_words_for_days_are_planned(
    tmp_path: Path, capsys: Capture, given: list[str], shown: str
) -> None:
    site = str(write_site(tmp_path))
    assert main(["backfill", "--site", site, "--dry-run", "--instance", "home", *given]) == COMPLETE
    assert shown in capsys.readouterr().out


def test_days_that_are_not_over_are_refused_also_as_words(tmp_path: Path, capsys: Capture) -> None:
    site = str(write_site(tmp_path))
    assert main(["backfill", "--site", site, "--start", "today"]) == USAGE
    assert (
        main(["mark-empty", "--site", site, "--start", "today", "--instance", "home", "--why", "x"])
        == USAGE
    )
    assert main(["nightly", "--site", site, "--date", "last-week"]) == USAGE
    assert "last-week is more than one day" in capsys.readouterr().err


@pytest.mark.parametrize("workers", ["1", "2"])
def test_killed_twice_and_resumed(tmp_path: Path, workers: str) -> None:
    count = 5
    write_days(tmp_path, days(count))
    command = ["backfill", "--site", str(tmp_path / "site.json"), "--workers", workers]
    command += ["--start", str(FIRST), "--stop", str(days(count)[-1])]
    random = np.random.default_rng(int(workers))
    receipts = tmp_path / "archive/receipts/2025"
    for _ in range(2):
        kill = Kill(event=int(random.integers(15, 35)))
        assert run_killed(command, receipts, tmp_path / "counts", kill).killed
    rank = made(tmp_path, count)
    assert 0 < len(rank) < count * 8
    assert backfill(tmp_path, count) == COMPLETE
    after = made(tmp_path, count)
    assert len(after) == count * 8
    assert all(after[key] == when for key, when in rank.items()), (
        "what was complete was not done again"
    )
    assert not list((tmp_path / "archive").rglob("*.tmp"))
    resumed = contents(tmp_path)
    shutil.rmtree(tmp_path / "archive")
    assert backfill(tmp_path, count) == COMPLETE
    assert contents(tmp_path) == resumed


def test_luigis_own_range(tmp_path: Path) -> None:
    path = write_days(tmp_path, days(3))
    (tmp_path / "luigi.cfg").symlink_to(ROOT / "luigi.cfg")
    span = [
        "--start",
        str(FIRST),
        "--stop",
        str(days(4)[-1]),
        "--days-back",
        "20000",
        "--reverse",
        "--task-limit",
        "50",
    ]
    command = [
        sys.executable,
        "-m",
        "luigi",
        "--module",
        "pipeline.tasks",
        "RangeDaily",
        "--of",
        "Nightly",
        *span,
        "--local-scheduler",
    ]
    env = os.environ | {"TOKIO_SITE": str(path), "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True, timeout=300)
    assert len(made(tmp_path, 3)) == 24
    before = made(tmp_path, 3)
    again = subprocess.run(
        command, cwd=tmp_path, env=env, check=True, capture_output=True, text=True, timeout=300
    )
    assert made(tmp_path, 3) == before
    assert "state=" not in again.stderr


# Late and changed data


def test_a_change_rebuilds_what_depends_on_it_and_only_that(
    tmp_path: Path, capsys: Capture
) -> None:
    """The result equals a fresh build, byte for byte."""
    write_days(tmp_path, days(2), late_days=10**5, raw_days=10**5)
    for date in days(2):
        write_lmt(tmp_path / f"lmt/home_{date}.sqlite3", date, upto=100)
    assert backfill(tmp_path, 2) == PARTIAL
    before, old = made(tmp_path, 2), contents(tmp_path)
    write_lmt(tmp_path / f"lmt/home_{FIRST}.sqlite3", FIRST)
    site = ["--site", str(tmp_path / "site.json")]
    capsys.readouterr()
    assert (
        main(["status", *site, "--start", str(FIRST), "--stop", str(days(2)[-1]), "--json"])
        == PARTIAL
    )
    states = json.loads(capsys.readouterr().out)
    assert states[str(FIRST)]["home"]["state"] == "late"
    partial = states[str(days(2)[1])]["home"]
    assert (partial["state"], partial["percent"]) == ("partial", 68)
    assert partial["detail"].startswith("68.7 %: fullness/bytes")
    assert "not measured since 16:40" in partial["detail"]
    assert main(["nightly", *site, "--date", str(FIRST)]) == COMPLETE
    after = made(tmp_path, 2)
    changed = {key for key in after if after[key] != before[key]}
    assert {(date, instance) for date, instance, _ in changed} <= {
        (FIRST, "home"),
        (FIRST, "darshan"),
    }
    assert {key for key in changed if key[1] == "home"} == {
        (FIRST, "home", "raw"),
        (FIRST, "home", "tts"),
    }
    assert (
        FIRST,
        "darshan",
        "tts",
    ) not in changed, "only what is joined with servers is made again"
    new = contents(tmp_path)
    assert {name for name in new if new[name] != old[name] and "home.hdf5" in name} == {
        f"archive/2025/{FIRST}/home.hdf5"
    }
    shutil.rmtree(tmp_path / "archive")
    assert backfill(tmp_path, 2) == PARTIAL
    assert contents(tmp_path) == new


def test_a_new_version_is_rebuilt_from_raw_without_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    write_days(tmp_path, days(2), raw_days=10**5)
    assert backfill(tmp_path, 2) == COMPLETE
    site = [
        "--site",
        str(tmp_path / "site.json"),
        "--start",
        str(FIRST),
        "--stop",
        str(days(2)[-1]),
    ]
    assert main(["rebuild", *site]) == COMPLETE
    assert "0 days made anew" in capsys.readouterr().out
    shutil.rmtree(tmp_path / "lmt")
    import archive_tools.store.status
    import pipeline.tasks.base

    for module in (archive_tools.store.status, pipeline.tasks.base):
        monkeypatch.setattr(module, "BUILD_VERSION", 99)
    for task in (pipeline.tasks.Build, pipeline.tasks.Index, pipeline.tasks.Jobs):
        monkeypatch.setattr(task, "version", 99)
    assert main(["status", *site]) == PARTIAL
    assert "made by an older version" in capsys.readouterr().out
    before = made(tmp_path, 2)
    shutil.rmtree(next((tmp_path / f"archive/raw/2025/{FIRST}").glob("home.*")))
    assert main(["rebuild", *site, "--dry-run"]) == COMPLETE
    assert (
        f"{FIRST}  scratch: tts  darshan: tts  darshan: index  darshan: jobs"
        in capsys.readouterr().out
    )
    assert main(["rebuild", *site]) == COMPLETE
    after = made(tmp_path, 2)
    kept = {key for key in after if after[key] == before[key]}
    assert kept == {
        (FIRST, "home", "tts"),
        *((date, instance, "raw") for date in days(2) for instance in (*FILE_SYSTEMS, "darshan")),
    }
    assert main(["status", *site]) == PARTIAL, "one day has no raw data to make it from"


def test_mark_empty_refuses_what_cannot_be_known(tmp_path: Path, capsys: Capture) -> None:
    write_days(tmp_path, days(1))
    site = ["--site", str(tmp_path / "site.json"), "--instance", "home"]
    future = str(dt.date.today() + dt.timedelta(days=2))
    assert main(["mark-empty", *site, "--start", future, "--stop", future, "--why", "x"]) == USAGE
    assert "is not over" in capsys.readouterr().err
    there = ["--start", "2020-01-01", "--stop", "2020-01-01"]
    assert main(["mark-empty", *site, *there, "--why", "  "]) == USAGE
    assert "--why is empty" in capsys.readouterr().err


def test_mark_empty_and_take_it_back(tmp_path: Path, capsys: Capture) -> None:
    write_days(tmp_path, days(2))
    (tmp_path / f"lmt/home_{FIRST}.sqlite3").unlink()
    assert backfill(tmp_path, 2) == FAILED
    site = ["--site", str(tmp_path / "site.json"), "--start", str(FIRST), "--stop", str(FIRST)]
    assert main(["mark-empty", *site, "--why", "down"]) == USAGE
    assert main(["mark-empty", *site, "--instance", "scratch", "--why", "down"]) == USAGE, (
        "there are data"
    )
    assert "there are data" in capsys.readouterr().err
    assert (
        main(
            ["mark-empty", *site, "--instance", "home", "--why", "LMT's disk broke", "--who", "kim"]
        )
        == COMPLETE
    )
    assert main(["status", *site]) == COMPLETE
    assert main(["status", *site, "--json"]) == COMPLETE
    capsys.readouterr()
    assert main(["status", *site, "--json"]) == COMPLETE
    reported = json.loads(capsys.readouterr().out)[str(FIRST)]["home"]
    assert (reported["state"], reported["detail"][:22]) == ("empty", "LMT's disk broke (kim,")
    write_lmt(tmp_path / f"lmt/home_{FIRST}.sqlite3", FIRST)
    assert backfill(tmp_path, 2) == COMPLETE
    assert (FIRST, "home", "raw") not in made(tmp_path, 2), "the source is not asked"
    assert main(["nightly", *site[:2], "--date", str(FIRST)]) == COMPLETE
    assert "LMT's disk broke" in json.dumps(
        [p.read_text() for p in (tmp_path / "archive/receipts").rglob("*home.raw*empty*")]
    )
    assert main(["invalidate", *site, "--instance", "home"]) == COMPLETE
    assert backfill(tmp_path, 2) == COMPLETE
    assert (FIRST, "home", "tts") in made(tmp_path, 2)


def test_raw_data_stay_until_their_products_are_made(tmp_path: Path) -> None:
    path = write_days(tmp_path, days(1), raw_days=0, late_days=0)
    (tmp_path / "archive").mkdir()
    database = sqlite3.connect(tmp_path / f"lmt/home_{FIRST}.sqlite3")
    database.execute("DELETE FROM OST_DATA")  # rows of time stamps alone: nothing can be built
    database.execute("DELETE FROM OSS_DATA")
    database.commit()
    database.close()
    assert main(["nightly", "--site", str(path), "--date", str(FIRST)]) == FAILED
    kept = {
        folder.name.partition(".")[0]
        for folder in (tmp_path / "archive/raw/2025" / str(FIRST)).iterdir()
    }
    assert kept == {"home"}, "of the others there are products, and raw_days is 0"
