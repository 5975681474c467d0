"""One job by all accounts, with and without logs, and who else was there."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from archive_tools import Archive
from archive_tools.cli.main import main
from archive_tools.core.errors import NotFound
from archive_tools.jobs.job_lookup import find_job, jobs_of_day
from tests.support.job_accounts import (
    DATE,
    DAY,
    HOUR,
    MIB,
    NOON,
    logged,
    scheduled,
    served,
    write_day,
)

Capture = pytest.CaptureFixture[str]


def test_a_job_without_logs_is_shown_by_slurm_and_job_stats(
    tmp_path: Path, capsys: Capture
) -> None:
    write_day(
        tmp_path,
        slurm={
            "slurm": [
                scheduled("7", NOON, NOON + HOUR, nodelist="n[1-4]", nodes=4),
                scheduled("8", NOON + 60, NOON + 90, nodelist="n[4-5]", user="bob", uid=2),
                scheduled("9", NOON - 90, NOON - 60, user="early"),
            ]
        },
        stats={"stats": [served("7", NOON + 60, NOON + HOUR + 60, bytes_written=3 * MIB)]},
    )
    (job,) = find_job(tmp_path, "7")
    assert (job.known_by, job.logs, job.instance) == ("scheduler,servers", [], "")
    assert (job.username, job.start_time, job.end_time) == ("ann", NOON, NOON + HOUR)
    assert job.account["account"] == "physics"
    (other,) = job.others
    assert (other["jobid"], other["username"], other["shared_nodes"]) == ("8", "bob", 1)
    more = ("--archive", str(tmp_path))
    assert main(["job", "7", *more]) == 0
    text = capsys.readouterr().out
    assert "no logs" in text
    assert "account physics, partition batch, COMPLETED, 4 nodes" in text
    assert "3.0 MiB" in text
    assert text.splitlines()[-1].startswith("Whether the file system slowed it down is not known")
    assert main(["job", "7", "--json", *more]) == 0
    (said,) = json.loads(capsys.readouterr().out)
    assert said["file_systems"][0]["server_bytes_written"] == 3 * MIB
    assert said["verdict"]["kind"] == "not known"
    assert "no logs" in said["verdict"]["because"]
    assert main(["umami", "7", *more]) == 1
    assert "has no logs" in capsys.readouterr().err


def test_a_job_that_only_slurm_knows_and_that_still_runs(tmp_path: Path, capsys: Capture) -> None:
    write_day(
        tmp_path,
        slurm={
            "slurm": [
                scheduled("7", NOON, None),
                scheduled("8", NOON + HOUR, None, nodelist="nid[2-3]"),
            ]
        },
    )
    (job,) = find_job(tmp_path, "7")
    assert [row["jobid"] for row in job.others] == ["8"]
    assert main(["job", "7", "--archive", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "RUNNING, 2 nodes, 2026-11-22T12:00:00Z to not known" in text
    frame = Archive(tmp_path).jobs(NOON + HOUR + 5, NOON + HOUR + 6)
    assert set(frame["jobid"]) == {"7", "8"}, "jobs without an end run"


def test_the_id_of_two_jobs_of_a_day_shows_both_and_an_account_chooses(tmp_path: Path) -> None:
    rows = [
        scheduled("7", NOON, NOON + 9, account="old"),
        scheduled("7", NOON + HOUR, NOON + HOUR + 9, account="new"),
    ]
    write_day(tmp_path, slurm={"slurm": rows})
    assert len(find_job(tmp_path, "7")) == 2
    (job,) = find_job(tmp_path, "7", account="n*")
    assert job.start_time == NOON + HOUR
    with pytest.raises(NotFound):
        find_job(tmp_path, "7", partition="gpu")


def test_the_day_before_does_not_show_a_job_twice_nor_count_its_nodes_twice(
    tmp_path: Path,
) -> None:
    """A range with a time looks at the day before for logs: what Slurm has is on each day."""
    job = scheduled("7", DAY.end - HOUR, DAY.end + HOUR)
    write_day(tmp_path, slurm={"slurm": [job]})
    write_day(tmp_path, date=DATE + dt.timedelta(days=1), slurm={"slurm": [job]})
    frame = Archive(tmp_path).jobs(DAY.end, DAY.end + 60)
    assert frame["date"].tolist() == ["2026-11-23"]


def test_others_are_by_logs_by_job_stats_and_by_slurm(tmp_path: Path, capsys: Capture) -> None:
    write_day(
        tmp_path,
        logs={
            "darshan": [
                logged("7", NOON, NOON + 600),
                logged("1", NOON, NOON + 9, bytes_read=5),
                logged("2", NOON, NOON + 9, fsname="home", bytes_read=5),
            ]
        },
        slurm={"slurm": [scheduled(n, NOON, NOON + 600) for n in ("7", "1", "3")]},
        stats={"stats": [served("cp.5", NOON, NOON + 60, bytes_read=7)]},
    )
    (job,) = find_job(tmp_path, "7")
    names = [(row["jobid"] or row["server_job"], row["known_by"]) for row in job.others]
    assert names == [("cp.5", "servers"), ("1", "logs,scheduler"), ("3", "scheduler")]
    assert job.others[0]["shared_nodes"] is None, "no scheduler says where it ran"
    assert main(["job", "7", "--archive", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if line.startswith("who else")).endswith("seconds together")


def test_earlier_runs_of_an_account_alone(tmp_path: Path, capsys: Capture) -> None:
    accounts = {"1": "a", "2": "b", "3": "a"}
    for n in range(1, 4):
        start = DAY.start + n * HOUR
        times: dict[str, Any] = {"first_write": start, "last_write": start + 10.0}
        write_day(
            tmp_path,
            date=DATE - dt.timedelta(days=3 - n),
            logs={"darshan": [logged(str(n), start, start + 10, bytes_written=10 * n, **times)]},
            slurm={"slurm": [scheduled(str(n), start, start + 10, account=accounts[str(n)])]},
        )
    job = Archive(tmp_path).job("3")
    assert [row["jobid"] for row in job.history().records] == ["1", "2", "3"]
    assert [row["jobid"] for row in job.history(account="a").records] == ["1", "3"]
    assert [row["jobid"] for row in job.history(like=["exe", "account"]).records] == ["1", "3"]
    arguments = ["umami", "3", "--account", "a", "--json", "--archive", str(tmp_path)]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)[0]["values"] == [1.0, 3.0]
    assert main([*arguments[:3], "b", *arguments[4:]]) == 1, "job 3 is not of account b"


@pytest.mark.parametrize("with_slurm", [True, False])
def test_jobs_that_are_read_together_are_those_of_each(tmp_path: Path, with_slurm: bool) -> None:
    """With and without limit to the others that are listed: a job of two file systems, two jobs
    that moved the same, an id that is two jobs.
    """
    at = NOON, NOON + HOUR
    write_day(
        tmp_path,
        logs={
            "darshan": [
                *(logged(str(n), *at, bytes_written=n * MIB) for n in (1, 2, 3, 4)),
                *(logged("5", *at, bytes_written=3 * MIB, fsname=name) for name in ("one", "two")),
                logged("4", *at, bytes_written=9 * MIB, username="other", uid=77),
            ]
        },
        **({"slurm": {"slurm": [scheduled("3", NOON, NOON + HOUR)]}} if with_slurm else {}),
    )
    ids = ["5", "4", "1"]
    alone = {one: find_job(tmp_path, one) for one in ids}
    together = jobs_of_day(tmp_path, DATE, ids)
    assert [len(alone[one]) for one in ids] == [1, 2, 1]
    assert sorted(map(repr, together)) == sorted(repr(job) for one in ids for job in alone[one])
    assert [job.others_count for job in together] == [len(job.others) for job in together]
    for most in (0, 1, 2, 3, 99):
        few = jobs_of_day(tmp_path, DATE, ids, most)
        assert [job.others for job in few] == [job.others[:most] for job in together]
        assert [job.others_count for job in few] == [job.others_count for job in together]
