"""The Slurm source against a real Slurm: slurmctld, slurmd and slurmdbd of one node, started by
this test in a temporary folder.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from archive_tools.core import node_lists
from archive_tools.formats.records_file import read_records
from archive_tools.jobs.job_tables import JobFilter, find_jobs
from pipeline.cli.main import PARTIAL, main
from pipeline.sources.slurm import sacct
from tests.support.paths import needed
from tests.support.slurm_cluster import PROGRAMS, SYSTEM, USERS, Cluster
from tests.support.waiting import until

pytestmark = pytest.mark.server

NAME = "a|b\n999|alpha|nobody"
"""A name that would be a line of its own."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    lacking = [name for name in PROGRAMS if not shutil.which(name, path=SYSTEM)]
    if lacking or os.geteuid():
        needed("root, and Slurm (Debian: slurm-wlm slurmdbd munge mariadb-server)")
    folder = Path(tempfile.mkdtemp(prefix="tokio-slurm-"))
    running = Cluster(folder)
    try:
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


def noon_zone() -> str:
    """A zone in which it is about noon, so that no midnight comes while the test runs."""
    ahead = 12 - dt.datetime.now(dt.UTC).hour
    return f"Etc/GMT{-ahead:+d}"


def run_jobs(cluster: Cluster) -> dict[str, str]:
    """A dozen jobs of two users and accounts, until all are over but the one that is to run on; the
    ids of those that are looked for.
    """
    one, other = USERS
    physics, biology = "--account=physics", "--account=biology"
    ids = {
        "late": cluster.submit(one, "sleep 300", physics, "--time=1", "--job-name=late"),
        "again": cluster.submit(one, "sleep 300", physics, "--requeue", "--job-name=again"),
        "stopped": cluster.submit(other, "sleep 300", biology, "--job-name=stopped"),
        "runs": cluster.submit(other, "sleep 300", biology, "--partition=debug"),
        "array": cluster.submit(one, "exit $SLURM_ARRAY_TASK_ID", physics, "--array=0-3"),
        "failed": cluster.submit(other, "exit 7", biology, f"--job-name={NAME}"),
        "steps": cluster.submit(one, "srun -n1 true; srun -n1 true", physics, "--comment=x|y"),
        "never": cluster.submit(one, "true", physics, "--begin=now+1hour"),
    }
    running = ("late", "again", "stopped", "runs")
    until(
        lambda: {f"{ids[name]} RUNNING" for name in running} <= set(cluster.states()),
        f"four running jobs: {cluster.states()}",
        look=0.2,
    )
    cluster.run("scontrol", "update", f"JobId={ids['late']}", "EndTime=now+1")
    cluster.run("scontrol", "requeue", ids["again"])
    cluster.run("scancel", "--user=games", ids["stopped"])
    cluster.run("scancel", ids["never"])
    until(
        lambda: f"{ids['again']} PENDING" in cluster.states(), "the job that is requeued", look=0.2
    )
    until(lambda: runs_again(cluster, ids["again"]), "the job that runs again", look=0.5)
    cluster.run("scancel", ids["again"])
    ids["waits"] = cluster.submit(other, "true", biology, "--time=120", "--job-name=waits")
    left = {f"{ids['runs']} RUNNING", f"{ids['waits']} PENDING"}
    until(lambda: set(cluster.states()) == left, f"{left}", look=0.2)
    return ids


def runs_again(cluster: Cluster, job: str) -> bool:
    """Whether a requeued job runs; else it is to start now, which Slurm forgets where the first run
    has not quite ended.
    """
    if f"{job} RUNNING" in cluster.states():
        return True
    with contextlib.suppress(AssertionError):  # it has begun meanwhile
        cluster.run("scontrol", "update", f"JobId={job}", "StartTime=now")
    return False


def answers(cluster: Cluster, field: str) -> dict[tuple[str, str, str], str]:
    """What sacct says of one field: by id, submit and start, times as it prints them."""
    words = ["--duplicates", "--allocations", "--allusers", "--noheader", "--parsable2"]
    words += ["--starttime=now-12hours", "--endtime=now+12hours"]
    keys = "JobIDRaw,Submit,Start"
    said = cluster.run("sacct", *words, "--noconvert", "--delimiter=~", f"--format={keys},{field}")
    rows = [line.split("~") for line in said.replace(NAME, "\0").splitlines()]
    return {(row[0], row[1], row[2]): row[3].replace("\0", NAME) for row in rows}


def seconds(stamp: str) -> int | None:
    """Of a stamp as sacct prints it, by this machine's zone."""
    if stamp in ("Unknown", "None"):
        return None
    return int(dt.datetime.fromisoformat(stamp).astimezone().timestamp())


def number(text: str) -> int | None:
    return int(text) if text else None


def text(cell: str) -> str | None:
    return cell or None


FIELDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "cluster": ("Cluster", text),
    "account": ("Account", text),
    "user": ("User", text),
    "uid": ("UID", number),
    "partition": ("Partition", text),
    "qos": ("QOS", text),
    "state": ("State", lambda cell: cell.split(" by ")[0]),
    "cancelled_by": ("State", lambda cell: int(cell.split(" by ")[1]) if " by " in cell else None),
    "exit_code": ("ExitCode", lambda cell: int(cell.split(":")[0])),
    "exit_signal": ("ExitCode", lambda cell: int(cell.split(":")[1])),
    "eligible": ("Eligible", seconds),
    "end": ("End", seconds),
    "suspended": ("Suspended", lambda cell: {"00:00:00": 0}.get(cell, cell)),
    "timelimit": ("TimelimitRaw", lambda cell: int(cell) * 60 if cell.isdigit() else None),
    "nodes": ("NNodes", number),
    "nodelist": ("NodeList", lambda cell: None if cell == "None assigned" else cell),
    "cpus": ("AllocCPUS", number),
    "jobid_shown": ("JobID", text),
    "name": ("JobName", text),
}


def test_a_night_archives_what_sacct_says_of_every_job(
    cluster: Cluster,
    tmp_path: Path,
    site: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Live, and of saved output; every field of every job, requested one by one."""
    ids = run_jobs(cluster)
    zone = noon_zone()
    today = dt.datetime.now(ZoneInfo(zone)).date()
    words = ["--allusers", "--duplicates", "--parsable2", "--noconvert"]
    words += ["--starttime=now-12hours", "--endtime=now+12hours"]
    saved = cluster.run("sacct", *words, f"--format={sacct.FIELDS}")
    (tmp_path / f"{today}.txt").write_text(saved)
    monkeypatch.setenv("SLURM_CONF", cluster.environment["SLURM_CONF"])
    site(
        {
            "live": {"kind": "slurm", "command": ["sacct"], "timezone": zone},
            "saved": {"kind": "slurm", "files": "%Y-%m-%d.txt", "timezone": _here()},
        },
        timezone=zone,
        late_days=1000,
        raw_days=1000,
    )
    assert main(["nightly", "--date", str(today)]) == PARTIAL, "the day is not over"
    folder = tmp_path / f"archive/{today:%Y}/{today}"
    live, kept = (
        read_records(folder / f"{name}_jobs.parquet").to_pylist() for name in ("live", "saved")
    )
    states = {row["jobid"]: row["state"] for row in live}
    assert states[ids["late"]] == "TIMEOUT"
    assert states[ids["failed"]] == "FAILED"
    assert states[ids["stopped"]] == states[ids["never"]] == "CANCELLED"
    assert states[ids["runs"]] == "RUNNING"
    assert states[ids["waits"]] == "PENDING"
    assert len([row for row in live if row["jobid"] == ids["again"]]) == 2, "each start"
    assert sorted(row["array_task"] for row in live if row["array_task"] is not None) == [*range(4)]
    assert {row["array_jobid"] for row in live} == {None, int(ids["array"])}
    assert {row["user"] for row in live} == set(USERS)
    (failed,) = [row for row in live if row["jobid"] == ids["failed"]]
    assert failed["name"] == NAME
    (stepped,) = [row for row in live if row["jobid"] == ids["steps"]]
    assert stepped["steps"] == 3
    check_fields(cluster, live)
    check_saved(live, kept)
    jobs = find_jobs(tmp_path / "archive", today, today, JobFilter(job=ids["again"]), limit=0)
    assert jobs["starts"].to_pylist() == [2, 2], "one job, by each of the two instances"


def _here() -> str:
    """The zone in which sacct prints stamps."""
    return os.environ.get("TZ") or "UTC"


def check_fields(cluster: Cluster, live: list[dict[str, Any]]) -> None:
    by_key = {(row["jobid"], row["submit"]): [] for row in live}  # type: ignore[var-annotated]
    for row in live:
        by_key[row["jobid"], row["submit"]].append(row)
    compared = 0
    for column, (field, meant) in FIELDS.items():
        found = answers(cluster, field)
        assert len(found) == len(live)
        for (jobid, submit, start), cell in found.items():
            rows = by_key[jobid, seconds(submit)]
            (row,) = [one for one in rows if len(rows) == 1 or one["start"] == seconds(start)]
            assert row[column] == meant(cell), f"{column} of {jobid}"
            compared += 1
    assert compared == len(live) * len(FIELDS)
    for row in live:
        if row["start"] is not None and row["end"] is not None:
            assert row["node_seconds"] == row["nodes"] * (row["end"] - row["start"])
        if row["nodelist"]:
            assert node_lists.count(row["nodelist"]) == row["nodes"]


def check_saved(live: list[dict[str, Any]], kept: list[dict[str, Any]]) -> None:
    """The same of saved output; but there a name can look like lines, and what ran went on."""
    moving = {"seen", "elapsed", "node_seconds", "node_seconds_day"}
    for one, other in zip(live, kept, strict=True):
        wanted = {
            k: v for k, v in one.items() if k not in (moving if one["end"] is None else {"seen"})
        }
        if one["name"] == NAME:
            wanted["name"] = NAME.partition("\n")[0]
        assert wanted == {name: other[name] for name in wanted}
