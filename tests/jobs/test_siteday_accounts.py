"""The real ten minutes of siteday by three accounts, through the nightly run.

Its jobs had no scheduler, and its file systems were not Lustre: the answer of sacct is made here of
the logs' times, and the snapshots of job_stats of the logs' bytes, spread over two targets. What
logs and the devices' counters say is as it was recorded.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from archive_tools import Archive
from archive_tools.cli.main import main
from pipeline.cli.main import main as pipeline
from tests.support.job_stats_text import ost, text
from tests.support.paths import ROOT
from tests.support.sacct_answers import answer, job

DATE = "2026-11-22"
MIB = 2**20
ACCOUNTS = {"user01": "physics", "user02": "biology"}
EVERY = 60
"""Seconds between snapshots."""


def sacct(rows: list[dict[str, Any]]) -> str:
    """The answer for the jobs of some logs: a node each, from the first log to the last."""
    known = {row["jobid"]: row for row in rows}
    return answer(
        job(
            int(jobid),
            row["start_time"],
            row["end_time"] + 1,
            User=row["username"],
            UID=row["uid"],
            Account=ACCOUNTS[row["username"]],
            NNodes=1,
            NodeList="oss01",
            Cluster="siteday",
        )
        for jobid, row in known.items()
    )


def write_job_stats(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Snapshots of two targets of each file system: after a job's end its bytes, halved."""
    folder.mkdir()
    first = min(row["start_time"] for row in rows) - EVERY
    last = max(row["end_time"] for row in rows) + 2 * EVERY
    for stamp in range(first, last, EVERY):
        for fsname in ("scratch", "project"):
            ended = [row for row in rows if row["fsname"] == fsname and row["end_time"] <= stamp]
            for part in range(2):
                entries = [
                    ost(
                        row["jobid"],
                        stamp,
                        (row["bytes_read"] + part) // 2,
                        (row["bytes_written"] + part) // 2,
                    )
                    for row in ended
                ]
                target = f"{fsname}-OST000{part}"
                (folder / f"{target}.{stamp}").write_text(text(entries, target))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    root = tmp_path_factory.mktemp("siteday")
    ignored = shutil.ignore_patterns("archive")
    shutil.copytree(ROOT / "examples/siteday", root / "siteday", ignore=ignored)
    shutil.copytree(ROOT / "examples/site/darshan", root / "site/darshan")
    site = root / "siteday/site.json"
    nightly = ["nightly", "--quiet", "--site", str(site), "--date", DATE]
    assert pipeline(nightly) == 3, "ten minutes are not a day"
    folder = root / "siteday/archive/2026" / DATE
    before = (folder / "darshan_jobs.parquet").read_bytes()
    rows = pq.read_table(folder / "darshan_jobs.parquet").to_pylist()
    (root / "siteday/sacct.txt").write_text(sacct(rows))
    write_job_stats(root / "siteday/job_stats", rows)
    content = json.loads(site.read_text())
    content["sources"] |= {
        "slurm": {"kind": "slurm", "files": "sacct.txt"},
        "job-stats": {"kind": "job_stats", "files": "job_stats", "timestep": EVERY},
    }
    site.write_text(json.dumps(content))
    assert pipeline(nightly) == 3
    assert (folder / "darshan_jobs.parquet").read_bytes() == before, "logs' tables stay as they are"
    return Archive(root / "siteday/archive")


def test_every_job_is_known_by_all_that_saw_it(archive: Archive) -> None:
    frame = archive.jobs(DATE, dt.date(2026, 11, 23))
    used = frame[frame.fsname.isin(["scratch", "project"])]
    assert set(used.known_by) == {"logs,servers,scheduler"}
    idle = frame[frame.fsname.isna()]
    assert set(idle.known_by) == {"logs,scheduler"}
    assert frame.jobid.nunique() == 104
    assert idle.jobid.nunique() == 8, "jobs without I/O, see the record of the day"
    is_whole = used.partial_modules.isna()
    assert (~is_whole).sum() == 8, "grep opened more files than Darshan could record"
    for name in ("difference_read", "difference_written"):
        assert (used[is_whole][name] == 0).all()
        assert used[~is_whole][name].isna().all(), "partial logs are not compared"


def test_bytes_as_application_servers_and_inference_see_them(archive: Archive) -> None:
    """MiB written: what the record of the day says of the applications and of the devices."""
    frame = archive.jobs(DATE, dt.date(2026, 11, 23), fs=["scratch", "project"])
    by_logs = frame.groupby("fsname").bytes_written.sum() / MIB
    by_job_stats = frame.groupby("fsname").server_bytes_written.sum() / MIB
    assert by_logs["scratch"] == pytest.approx(4133.1, abs=0.05)
    assert by_logs["project"] == pytest.approx(2319.1, abs=0.05)
    assert by_job_stats.to_dict() == by_logs.to_dict(), "made of the logs"
    devices = archive.summarize(
        "servers", DATE, "2026-11-23", datasets="datatargets/writebytes", by_component=True
    )["total"]
    by_device = {name: amount / MIB for (_, name), amount in devices.items()}
    assert by_device["oss01:loop0"] == pytest.approx(4148.0, abs=0.05)
    assert by_device["oss01:loop1"] == pytest.approx(2321.9, abs=0.05)
    inferred = frame[frame.fs_bytes_written.notna() & (frame.bytes_written > 0)]
    ratio = inferred.bytes_written / inferred.fs_bytes_written
    assert ratio.tolist() == pytest.approx(inferred.coverage_written.tolist())
    assert len(inferred) > 50


def test_node_hours_by_account_are_those_of_the_answer(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = archive.jobs(DATE, dt.date(2026, 11, 23)).drop_duplicates("jobid")
    seconds = (frame.job_end - frame.job_start).groupby(frame.account).sum()
    arguments = ["--by", "account", "--json", "--archive", str(archive.root)]
    assert main(["jobs", DATE, *arguments]) == 0
    totals = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert {name: row["node_seconds"] for name, row in totals.items()} == seconds.to_dict()
    assert {name: row["jobs"] for name, row in totals.items()} == {"physics": 52, "biology": 52}


def test_the_command_job_shows_three_views_and_no_claim_without_a_history(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["job", "9100003", "--archive", str(archive.root)]) == 0
    said = capsys.readouterr().out
    assert "account physics" in said
    assert "difference" in said
    assert "is not known, because" in said.splitlines()[-1]


def test_scoreboards_know_accounts(archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    def board(*arguments: str, code: int = 0) -> Any:
        assert main(["scoreboard", "--json", "--archive", str(archive.root), *arguments]) == code
        return json.loads(capsys.readouterr().out)

    by_user = {ACCOUNTS[row["name"]]: row for row in board("--by", "user")["user"]}
    for row in board("--by", "account")["account"]:
        assert row == {"name": row["name"]} | {
            key: by_user[row["name"]][key] for key in ("logs", "read", "written")
        }
    (user,) = board("--by", "user", "--account", "phys*")["user"]
    assert user["name"] == "user01"
    assert [row["name"] for row in board("--by", "partition")["partition"]] == ["batch"]
    board("--by", "user", "--partition", "gpu", code=1)
    elsewhere = archive.root.parent / "copy_index.sqlite"
    shutil.copy(archive.root / f"2026/{DATE}/darshan_index.sqlite", elsewhere)
    (unknown,) = board(str(elsewhere), "--by", "account")["account"]
    assert unknown["name"] == "", "an index alone has no scheduler"


@pytest.mark.parametrize("by", ["account", "partition", "user"])
def test_top_jobs_and_scoreboard_agree(
    archive: Archive, capsys: pytest.CaptureFixture[str], by: str
) -> None:
    def said(command: str, *arguments: str) -> Any:
        more = ("--by", by, "--json", "--limit", "0", "--archive", str(archive.root))
        assert main([command, *arguments, *more]) == 0
        return json.loads(capsys.readouterr().out)

    day = ("--start", str(DATE), "--stop", str(DATE))
    ranked, counted = said("top", *day)["top"], said("jobs", *day)
    moved = {one["name"]: (one["read"], one["written"]) for one in ranked}
    assert moved == {one["name"]: (one["bytes_read"], one["bytes_written"]) for one in counted}
    assert moved == {
        one["name"] or None: (one["read"], one["written"]) for one in said("scoreboard", *day)[by]
    }
    assert {one["name"]: (one["jobs"], one["node_hours"]) for one in ranked} == {
        one["name"]: (one["jobs"], one["node_seconds"] / 3600) for one in counted
    }
