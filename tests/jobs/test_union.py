"""Jobs as the application, the servers and the scheduler know them: which rows are of one job."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archive_tools import Archive
from archive_tools.cli.main import main
from archive_tools.core.errors import BadArgument, ConfigError, FormatError
from archive_tools.jobs import job_lookup, job_tables, top
from archive_tools.jobs.belonging import Belonging
from archive_tools.jobs.job_tables import JobFilter
from archive_tools.jobs.union import ADDED
from archive_tools.store import layout
from pipeline.building import archive_folder
from pipeline.site import Site
from pipeline.sources import registry as sources
from tests.support.job_accounts import (
    DATE,
    DAY,
    HOUR,
    MIB,
    NOON,
    logged,
    scheduled,
    served,
    write_about,
    write_day,
)

ALL = JobFilter()
NEXT = DATE + dt.timedelta(days=1)


def found(root: Path, wanted: JobFilter = ALL, stop: dt.date = DATE) -> list[dict[str, Any]]:
    return job_tables.find_jobs(root, DATE, stop, wanted, order="start").to_pylist()


def known(root: Path) -> dict[tuple[str | None, str | None], str]:
    """By id and file system: who knows it."""
    return {(row["jobid"], row["fsname"]): row["known_by"] for row in found(root)}


def test_a_job_that_all_three_know_is_one_row(tmp_path: Path) -> None:
    end = NOON + 600
    amounts = {"bytes_read": 3 * MIB, "bytes_written": 5 * MIB}
    write_day(
        tmp_path,
        logs={"darshan": [logged("7", NOON + 5, end - 5, bytes_written=8 * MIB, bytes_read=MIB)]},
        slurm={"slurm": [scheduled("7", NOON, end)]},
        stats={
            "stats": [
                served("7", NOON + 60, end + 60, target=f"fs-OST000{n}", **amounts)
                for n in range(2)
            ]
        },
    )
    (row,) = found(tmp_path)
    assert row["known_by"] == "logs,servers,scheduler"
    assert (row["account"], row["partition"], row["state"]) == ("physics", "batch", "COMPLETED")
    assert (row["cluster"], row["submit"], row["nodes"]) == ("alpha", NOON - 60, 2)
    assert row["node_seconds"] == 1200
    assert (row["bytes_read"], row["server_bytes_read"]) == (MIB, 6 * MIB)
    assert (row["bytes_written"], row["server_bytes_written"]) == (8 * MIB, 10 * MIB)
    assert (row["difference_read"], row["difference_written"]) == (5 * MIB, 2 * MIB)
    assert (row["start_time"], row["job_start"]) == (NOON + 5, NOON), "the logs', the scheduler's"
    assert row["bytes_moved"] == 9 * MIB, "by the logs where there are some"


def test_each_of_the_three_has_jobs_of_its_own(tmp_path: Path) -> None:
    write_day(
        tmp_path,
        logs={"darshan": [logged("1", NOON, NOON + 9)]},
        slurm={"slurm": [scheduled("2", NOON, NOON + 9, nodes=3)]},
        stats={"stats": [served("3", NOON, NOON + 9, bytes_read=4), served("cp.1001", NOON, NOON)]},
    )
    assert known(tmp_path) == {
        ("1", "fs"): "logs",
        ("2", None): "scheduler",
        ("3", "fs"): "servers",
        (None, "fs"): "servers",
    }
    by_name = {row["server_job"]: row for row in found(tmp_path)}
    assert by_name["3"]["bytes_read"] is None, "no log says it"
    assert by_name["3"]["bytes_moved"] == 4
    assert by_name["cp.1001"]["jobid"] is None, "no job is named by a program and a user"


def test_an_id_that_is_used_twice_in_a_day_is_two_jobs(tmp_path: Path) -> None:
    later = NOON + 6 * HOUR
    write_day(
        tmp_path,
        logs={
            "darshan": [
                logged("7", NOON + 1, NOON + 99, bytes_written=1),
                logged("7", later + 1, later + 99, bytes_written=2, username="ann ", exenames="b"),
            ]
        },
        slurm={
            "slurm": [
                scheduled("7", NOON, NOON + 100, account="old"),
                scheduled("7", later, later + 100, account="new"),
            ]
        },
        stats={"stats": [served("7", later + 50, later + 300, bytes_written=2)]},
    )
    rows = {row["account"]: row for row in found(tmp_path)}
    assert [rows[name]["bytes_written"] for name in ("old", "new")] == [1, 2]
    assert [rows[name]["server_bytes_written"] for name in ("old", "new")] == [None, 2]


def test_the_times_of_two_jobs_of_an_id_decide_within_the_clocks_of_logs(tmp_path: Path) -> None:
    """A log an hour after its id's only job is of another job, of which nothing is known."""
    write_day(
        tmp_path,
        logs={"darshan": [logged("7", NOON + 4000, NOON + 4100)]},
        slurm={"slurm": [scheduled("7", NOON, NOON + 100)]},
    )
    assert sorted(row["known_by"] for row in found(tmp_path)) == ["logs", "scheduler"]


def test_a_log_with_anothers_job_id_does_not_join_his_job(tmp_path: Path) -> None:
    """Everyone can set SLURM_JOB_ID: what a log says of its job counts with the owner's uid."""
    write_day(
        tmp_path,
        logs={"darshan": [logged("7", NOON, NOON + 9, uid=6666, username="eve")]},
        slurm={"slurm": [scheduled("7", NOON, NOON + 9)]},
    )
    rows = {row["known_by"]: row for row in found(tmp_path)}
    assert rows["logs"]["account"] is None
    assert rows["scheduler"]["username"] == "ann"


def test_two_clusters_are_not_guessed(tmp_path: Path) -> None:
    """Both have a job 7 at that time: without a word of the site its log is of neither."""
    tables = {
        "logs": {"darshan": [logged("7", NOON, NOON + 9)]},
        "stats": {"stats": [served("7", NOON, NOON + 9)]},
        "slurm": {
            "one": [scheduled("7", NOON, NOON + 9, account="a")],
            "two": [scheduled("7", NOON, NOON + 9, account="b", cluster="beta")],
        },
    }
    write_day(tmp_path, **tables)
    assert sorted(row["known_by"] for row in found(tmp_path)) == [
        "logs,servers",
        "scheduler",
        "scheduler",
    ]
    write_about(tmp_path, schedulers={"darshan": "two", "stats": "two"})
    rows = {row["account"]: row["known_by"] for row in found(tmp_path)}
    assert rows == {"a": "scheduler", "b": "logs,servers,scheduler"}


def two_clusters(root: Path, *, known: bool) -> None:
    """On both ann has a job 7, submitted in the same second, on the same file system; `known` to
    their schedulers, or their answers lack them.
    """
    of_one = [scheduled("7", NOON, NOON + 600, submit=1, account="a")] if known else []
    of_two = [
        scheduled("7", NOON, NOON + 600, submit=1, account="b", cluster="beta", nodes=3)
    ] * known
    write_day(
        root,
        logs={
            "logs-1": [logged("7", NOON, NOON + 500, bytes_written=MIB)],
            "logs-2": [logged("7", NOON, NOON + 500, bytes_written=10 * MIB)],
        },
        stats={
            "stats-2": [served("7", NOON, NOON + 600, bytes_written=20 * MIB)],
            "stats-1": [served("7", NOON, NOON + 600, bytes_written=2 * MIB)],
        },
        slurm={"one": of_one, "two": of_two},
    )
    schedulers = {
        f"{kind}-{n}": name for kind in ("logs", "stats") for n, name in ((1, "one"), (2, "two"))
    }
    write_about(root, schedulers=schedulers)


@pytest.mark.parametrize("known", [True, False])
def test_one_id_of_one_user_in_two_clusters_is_two_jobs(tmp_path: Path, known: bool) -> None:
    two_clusters(tmp_path, known=known)
    rows = {row["scheduler"]: row for row in found(tmp_path)}
    assert rows.keys() == {"one", "two"}
    for name, factor in (("one", 1), ("two", 10)):
        row = rows[name]
        assert (row["bytes_written"], row["server_bytes_written"]) == (
            factor * MIB,
            2 * factor * MIB,
        )
        assert row["known_by"] == "logs,servers" + ",scheduler" * known
    for by in ("user", "fs", "program"):
        (total,) = top.top(tmp_path, DATE, DATE, by).totals
        assert (total.jobs, total.written, total.server_bytes_written) == (2, 11 * MIB, 22 * MIB)
        assert total.node_seconds == (600 * (2 + 3) if known else None)


@pytest.mark.parametrize("known", [True, False])
def test_job_has_one_id_in_two_clusters_as_two_jobs(tmp_path: Path, known: bool) -> None:
    """Each is another job that was there while the other one ran."""
    two_clusters(tmp_path, known=known)
    jobs = {job.instance: job for job in job_lookup.find_job(tmp_path, "7")}
    assert jobs.keys() == {"logs-1", "logs-2"}
    for name, own, others in (("logs-1", 1, 10), ("logs-2", 10, 1)):
        assert [row["bytes_written"] for row in jobs[name].file_systems] == [own * MIB]
        assert [row["bytes_written"] for row in jobs[name].others] == [others * MIB]


def test_the_servers_of_one_cluster_are_not_joined_to_logs_of_another(tmp_path: Path) -> None:
    """Although both have the id, and no scheduler knows it."""
    write_day(
        tmp_path,
        logs={"logs-1": [logged("7", NOON, NOON + 9)]},
        stats={"stats-2": [served("7", NOON, NOON + 9)]},
        slurm={"one": [scheduled("8", NOON, NOON + 9)], "two": []},
    )
    write_about(tmp_path, schedulers={"logs-1": "one", "stats-2": "two"})
    known_by = sorted(row["known_by"] for row in found(tmp_path))
    assert known_by == ["logs", "scheduler", "servers"]
    (ann, unknown) = top.top(tmp_path, DATE, DATE, "user", order="jobs").totals
    assert (ann.name, ann.jobs, unknown.jobs) == ("ann", 2, 1)


def test_a_scheduler_that_the_day_lacks_is_not_replaced_by_the_other(tmp_path: Path) -> None:
    write_day(
        tmp_path,
        logs={"darshan": [logged("7", NOON, NOON + 9)]},
        slurm={"one": [scheduled("7", NOON, NOON + 9)]},
    )
    kinds = {"one": {"kind": "slurm"}, "two": {"kind": "slurm"}, "darshan": {"kind": "darshan"}}
    write_about(tmp_path, instances=kinds)
    assert sorted(row["known_by"] for row in found(tmp_path)) == ["logs", "scheduler"]


def test_one_answer_with_several_clusters_is_told_apart_by_time_alone(tmp_path: Path) -> None:
    rows = [
        scheduled("7", NOON, NOON + 9, cluster="alpha"),
        scheduled("7", NOON, NOON + 9, cluster="beta"),
    ]
    write_day(tmp_path, logs={"darshan": [logged("7", NOON, NOON + 9)]}, slurm={"slurm": rows})
    assert sorted(row["known_by"] for row in found(tmp_path)) == ["logs", "scheduler", "scheduler"]


def test_a_requeued_job_is_one_row_with_its_last_state(tmp_path: Path) -> None:
    first = scheduled("7", NOON, NOON + 100, state="NODE_FAIL")
    again = {**scheduled("7", NOON + HOUR, NOON + HOUR + 50), "submit": first["submit"]}
    write_day(tmp_path, slurm={"slurm": [first, again]})
    (row,) = found(tmp_path)
    assert (row["state"], row["starts"], row["node_seconds"]) == ("COMPLETED", 2, 300)
    assert (row["job_start"], row["job_end"]) == (NOON, NOON + HOUR + 50)


def test_what_slurm_submits_again_when_a_start_ends_is_the_same_job(tmp_path: Path) -> None:
    """As Slurm does: the second start has the submit time at which the first ended."""
    first = scheduled("7", NOON, NOON + 100, state="REQUEUED", submit=NOON - 60)
    again = scheduled("7", NOON + HOUR, NOON + HOUR + 50, submit=NOON + 100)
    write_day(
        tmp_path,
        logs={"darshan": [logged("7", NOON + 5, NOON + HOUR + 40, logs=2)]},
        slurm={"slurm": [again, first]},
        stats={"stats": [served("7", NOON + 60, NOON + HOUR + 60, bytes_written=MIB)]},
    )
    (row,) = found(tmp_path)
    assert (row["known_by"], row["account"]) == ("logs,servers,scheduler", "physics")
    assert (row["state"], row["starts"], row["node_seconds"]) == ("COMPLETED", 2, 300)
    assert (row["submit"], row["last_submit"]) == (NOON - 60, NOON + 100)
    assert (row["job_start"], row["job_end"]) == (NOON, NOON + HOUR + 50)


@pytest.mark.parametrize(
    ("submit", "cells", "jobs"),
    [
        (NOON + 100 + 300, {}, 1),
        (NOON + 100 + 301, {}, 2),
        (NOON - 1, {}, 2),
        (NOON + 100, {"uid": 1002}, 2),
        (NOON + 100, {"cluster": "beta"}, 2),
    ],
)
def test_an_id_that_is_used_again_is_another_job(
    tmp_path: Path, submit: int, cells: dict[str, Any], jobs: int
) -> None:
    again = scheduled("7", NOON + HOUR, NOON + HOUR + 50, submit=submit, **cells)
    write_day(tmp_path, slurm={"slurm": [scheduled("7", NOON, NOON + 100), again]})
    assert len(found(tmp_path)) == jobs


def test_a_job_that_still_runs_has_no_end_and_joins(tmp_path: Path) -> None:
    rows = [
        scheduled("7", NOON, NOON + 5, state="NODE_FAIL", submit=1),
        scheduled("7", NOON + 60, None, submit=1),
    ]
    write_day(
        tmp_path,
        logs={"darshan": [logged("7", NOON + 5 * HOUR, NOON + 6 * HOUR)]},
        slurm={"slurm": rows},
    )
    (row,) = found(tmp_path)
    assert (row["known_by"], row["job_end"]) == ("logs,scheduler", None)


def test_tasks_of_arrays_and_parts_of_jobs_go_to_their_job(tmp_path: Path) -> None:
    """Lustre may be given 100_3, 103 or 103.0; the job shows 100_3, its raw id is 103."""
    write_day(
        tmp_path,
        slurm={"slurm": [scheduled("103", NOON, NOON + 600, jobid_shown="100_3")]},
        stats={
            "stats": [
                served("100_3", NOON, NOON + 60, bytes_read=1),
                served("103", NOON + 60, NOON + 90, bytes_read=2),
                served("103.0", NOON + 120, NOON + 180, bytes_read=4),
            ]
        },
    )
    (row,) = found(tmp_path)
    assert row["server_bytes_read"] == 7
    assert (row["server_first_seen"], row["server_last_seen"]) == (NOON, NOON + 180)
    for job in ("100_3", "103"):
        assert [one["jobid_shown"] for one in found(tmp_path, JobFilter(job=job))] == ["100_3"]
        assert found(tmp_path, JobFilter(job=job))[0]["server_bytes_read"] == 7


def test_lustre_may_call_a_file_system_otherwise_than_its_users(tmp_path: Path) -> None:
    write_day(
        tmp_path,
        logs={"darshan": [logged("7", NOON, NOON + 9, fsname="scratch")]},
        stats={"stats": [served("7", NOON, NOON + 9, target="snx11025-OST0001")]},
    )
    assert len(found(tmp_path)) == 2
    write_about(tmp_path, lustre_to_fsname={"snx11025": "scratch"})
    (row,) = found(tmp_path)
    assert (row["fsname"], row["known_by"]) == ("scratch", "logs,servers")


@pytest.mark.parametrize(
    ("job", "log", "last_seen"),
    [
        ((NOON, DAY.end + 5), {}, NOON + 99),
        ((DAY.start - 5, NOON + 20), {}, NOON + 99),
        ((NOON, None), {}, NOON + 99),
        ((NOON, NOON + 20), {"partial_modules": "POSIX"}, NOON + 99),
        ((NOON, NOON + 20), {}, NOON + 3),
    ],
    ids=["ends tomorrow", "began yesterday", "still runs", "partial log", "not seen to its end"],
)
def test_what_is_not_of_the_same_is_not_compared(
    tmp_path: Path, job: tuple[int, int | None], log: dict[str, Any], last_seen: int
) -> None:
    write_day(
        tmp_path,
        logs={"darshan": [logged("7", NOON, NOON + 9, bytes_written=2, **log)]},
        slurm={"slurm": [scheduled("7", *job)]},
        stats={"stats": [served("7", NOON, last_seen, bytes_written=9)]},
    )
    (row,) = found(tmp_path)
    assert (row["server_bytes_written"], row["bytes_written"]) == (9, 2)
    assert row["difference_written"] is None


@pytest.mark.parametrize("limit", [None, 1])
def test_accounts_and_partitions_are_patterns(tmp_path: Path, limit: int | None) -> None:
    write_day(
        tmp_path,
        slurm={
            "slurm": [
                scheduled("1", NOON, NOON + 1, account="phys-a"),
                scheduled("2", NOON, NOON + 1, account="phys-b", partition="gpu"),
                scheduled("3", NOON, NOON + 1, account=None),
            ]
        },
        logs={"darshan": [logged("1", NOON, NOON + 1), logged("9", NOON, NOON + 1)]},
    )
    wanted = JobFilter(account="phys-?", partition=["g*", "debug"])
    assert [row["jobid"] for row in found(tmp_path, wanted)] == ["2"]
    assert {row["jobid"] for row in found(tmp_path, JobFilter(account="*"))} == {"1", "2"}
    _, count = job_tables.find_and_count(
        tmp_path, DATE, DATE, JobFilter(account="phys*"), limit=limit
    )
    assert count == 2
    with pytest.raises(BadArgument):
        found(tmp_path, JobFilter(account=[]))


def test_days_without_a_scheduler_have_no_accounts(tmp_path: Path) -> None:
    write_day(tmp_path, logs={"darshan": [logged("1", NOON, NOON + 1)]})
    assert found(tmp_path, JobFilter(account="*")) == []
    assert not set(ADDED) & set(found(tmp_path)[0]), "the columns are those of before"


def test_all_jobs_in_pieces_are_the_same_rows(tmp_path: Path) -> None:
    """Also over days of which one has no scheduler, and one nothing else."""
    write_day(
        tmp_path,
        logs={"darshan": [logged("1", NOON, NOON + 1)]},
        stats={"stats": [served("1", NOON, NOON + 1), served("2", NOON, NOON + 1)]},
    )
    write_day(tmp_path, date=NEXT, slurm={"slurm": [scheduled("3", DAY.end, DAY.end + 9)]})
    (tmp_path / "2026/2026-11-24").mkdir()
    write_day(tmp_path, date=dt.date(2026, 11, 24), logs={"darshan": [logged("4", NOON, NOON)]})
    stop = dt.date(2026, 11, 24)
    whole = job_tables.find_jobs(tmp_path, DATE, stop, ALL, order="start")
    pieces = pa.concat_tables(job_tables.all_jobs(tmp_path, DATE, stop, ALL, order="start"))
    assert [row["jobid"] for row in whole.to_pylist()] == ["3", "1", "2", "4"]
    assert pieces.select(whole.column_names).to_pylist() == whole.to_pylist()
    few = pa.concat_tables(
        job_tables.all_jobs(tmp_path, DATE, stop, ALL, order="start", columns=["account"])
    )
    assert few["account"].to_pylist() == ["physics", None, None, None]
    users = job_tables.users_of(tmp_path, DATE, stop, ALL)
    assert users == {(1001, "ann"), (None, None)}


def test_a_damaged_table_of_records_is_named(tmp_path: Path) -> None:
    write_day(tmp_path, slurm={"slurm": [scheduled("1", NOON, NOON + 1)]})
    path = layout.path(tmp_path, layout.JOBS, DATE, "slurm")
    content = path.read_bytes()
    path.write_bytes(b"PAR1" + bytes(200) + content[204:])
    with pytest.raises(FormatError, match=r"slurm_jobs\.parquet is not a table of jobs"):
        found(tmp_path)


@pytest.mark.parametrize(
    ("instance", "column"), [("slurm", "start"), ("stats", "bytes_read"), ("logs", "uid")]
)
def test_a_table_with_other_types_is_named(tmp_path: Path, instance: str, column: str) -> None:
    write_day(
        tmp_path,
        slurm={"slurm": [scheduled("1", NOON, NOON + 1)]},
        stats={"stats": [served("1", NOON, NOON + 1)]},
        logs={"logs": [logged("1", NOON, NOON + 1)]},
    )
    path = layout.path(tmp_path, layout.JOBS, DATE, instance)
    whole = pq.read_table(path)
    place = whole.schema.get_field_index(column)
    words = pa.array(["x"] * whole.num_rows)
    pq.write_table(whole.set_column(place, column, words), path)
    with pytest.raises(FormatError, match=rf"{instance}_jobs\.parquet is not a table of jobs"):
        found(tmp_path)


@pytest.mark.parametrize("zone", ["Nowhere/Nix", "../x", 5, None, ""])
def test_a_zone_that_is_none_is_not_guessed_from(tmp_path: Path, zone: object) -> None:
    write_about(tmp_path, timezone=zone)
    assert Belonging.of(tmp_path).timezone == "UTC"


# Totals


@pytest.mark.parametrize("schedulers", [{"one": "slurm", "two": "slurm"}, {}])
def test_targets_of_several_instances_are_one_job_on_a_file_system(
    tmp_path: Path, schedulers: dict[str, str]
) -> None:
    """Of each server an instance: the job that Slurm knows, and an id that it does not; a second
    scheduler, so that nothing is the same where the site says nothing.
    """
    end = NOON + 600
    stats = {
        name: [
            served(job, NOON, end + 60, target=f"fs-OST000{n}", bytes_written=n * MIB)
            for job in ("7", "9")
        ]
        for n, name in enumerate(("one", "two"), 1)
    }
    write_day(
        tmp_path,
        logs={"darshan": [logged("7", NOON, end, bytes_written=3 * MIB)]},
        slurm={"slurm": [scheduled("7", NOON, end)], "other": []},
        stats=stats,
    )
    write_about(tmp_path, schedulers={**schedulers, "darshan": "slurm"})
    written = sorted((row["jobid"], row["server_bytes_written"] or 0) for row in found(tmp_path))
    if schedulers:
        assert written == [("7", 3 * MIB), ("9", 3 * MIB)]
        assert [row["difference_written"] for row in found(tmp_path) if row["logs"]] == [0]
    else:
        apart = [(job, n * MIB) for job in ("7", "9") for n in (1, 2)]
        assert written == [("7", 0), *apart], "nothing is guessed"


def test_what_is_said_of_a_site_without_logs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of an unknown user, and what is lacking where no logs are archived."""
    write_day(
        tmp_path,
        slurm={"slurm": [scheduled("7", NOON, NOON + 60)]},
        stats={"stats": [served("9", NOON, NOON + 60)]},
    )
    write_about(tmp_path)
    assert main(["top", "--archive", str(tmp_path), str(DATE)]) == 0
    assert capsys.readouterr().err.startswith("logs of 0 of 1 day are in the archive: bytes, ")
    assert main(["job", "9", "--archive", str(tmp_path)]) == 0
    assert "job 9 of an unknown user: unknown program" in capsys.readouterr().out
    assert main(["job", "8", "--archive", str(tmp_path)]) == 1
    assert "expected: a job of 1 day;" in capsys.readouterr().err


def test_node_hours_of_an_account_count_each_job_once(tmp_path: Path) -> None:
    """On two file systems, on two days, twice started: the node-hours are the scheduler's."""
    over = {"submit": 1, "nodes": 10}
    long = scheduled("1", DAY.end - HOUR, DAY.end + HOUR, **over, node_seconds_day=10 * HOUR)
    write_day(
        tmp_path,
        logs={
            "darshan": [
                logged("1", DAY.end - HOUR, DAY.end - 5, fsname=name, bytes_read=5, username=None)
                for name in ("fs", "home")
            ]
        },
        slurm={"slurm": [long, scheduled("2", NOON, NOON + HOUR, account="bio", nodes=1)]},
        stats={"stats": [served("1", DAY.end - HOUR, DAY.end - 60, bytes_written=7)]},
    )
    write_day(tmp_path, date=NEXT, slurm={"slurm": [long]})
    totals = top.top(tmp_path, DATE, NEXT, "account", order="node-hours").totals
    assert [(one.name, one.jobs, one.node_seconds) for one in totals] == [
        ("physics", 1, 20 * HOUR),
        ("bio", 1, HOUR),
    ]
    assert (totals[0].read, totals[0].server_bytes_written) == (10, 7)
    (alone,) = top.top(tmp_path, NEXT, NEXT, "partition").totals
    assert (alone.name, alone.jobs, alone.node_seconds) == ("batch", 1, 10 * HOUR)
    with pytest.raises(BadArgument, match="totals by 'nodes' are not known"):
        top.top(tmp_path, DATE, DATE, "nodes")


# The command


def test_the_command_jobs_shows_accounts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "cp\x1b[2J.1001"
    write_day(
        tmp_path,
        logs={"darshan": [logged("7", NOON, NOON + 9, bytes_written=MIB)]},
        slurm={"slurm": [scheduled("7", NOON, NOON + HOUR, jobid_shown="5_7")]},
        stats={
            "stats": [served("7", NOON, NOON + 60, bytes_written=2 * MIB), served(hostile, 9, 9)]
        },
    )
    more = ("--archive", str(tmp_path))
    for limit in ("20", "0"):
        assert main(["jobs", str(DATE), "--limit", limit, *more]) == 0
        text = capsys.readouterr().out
        header, first, second = text.splitlines()
        assert header.split()[-1] == "state"
        assert first.split()[0] == "5_7"
        assert first.split()[-4:] == ["2", "2.000", "physics", "COMPLETED"]
        assert "2.0 MiB" in first
        assert second.startswith("cp\\x1b[2J.1001"), "no control character reaches the terminal"
    assert main(["jobs", str(DATE), "--account", "phys*", "--json", *more]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["account"], row["known_by"]) == ("physics", "logs,servers,scheduler")
    assert main(["jobs", str(DATE), "--by", "account", *more]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["physics", "1", "2.000"]
    assert main(["jobs", str(DATE), "--by", "account", "--json", *more]) == 0
    assert json.loads(capsys.readouterr().out)[0]["node_seconds"] == 2 * HOUR
    assert main(["jobs", str(DATE), "--partition", "none", *more]) == 1
    assert "no job matches" in capsys.readouterr().err
    frame = Archive(tmp_path).jobs(DATE, DATE + dt.timedelta(days=1), account="physics")
    assert frame["node_seconds"].tolist() == [2 * HOUR]


# site.json


@pytest.mark.parametrize(
    ("schedulers", "says"),
    [({"logs": "slurm"}, "'logs' is not an instance"), ({"darshan": "lmt"}, "of a scheduler")],
)
def test_a_scheduler_must_be_an_instance_of_one(schedulers: dict[str, str], says: str) -> None:
    sources_of = {
        "darshan": {"kind": "darshan"},
        "lmt": {"kind": "lmt"},
        "slurm": {"kind": "slurm"},
    }
    site = Site(site="x", archive="a", sources=sources_of, schedulers=schedulers)
    with pytest.raises(ConfigError, match=says):
        sources.check_schedulers(site)
    good = site.model_copy(update={"schedulers": {"darshan": "slurm"}})
    sources.check_schedulers(good)


def test_readers_have_the_keys_by_archive_json(tmp_path: Path) -> None:
    site = Site(
        site="x",
        archive=str(tmp_path),
        sources={
            "slurm": {"kind": "slurm", "files": "x"},
            "logs": {"kind": "darshan", "logs": "x"},
        },
        schedulers={"logs": "slurm"},
        lustre_to_fsname={"a": "b"},
    )
    archive_folder.write_about(site)
    belonging = Belonging.of(tmp_path)
    assert belonging.scheduler_of("logs", ()) == "slurm"
    assert belonging.known == {"slurm"}
    assert belonging.lustre_to_fsname == {"a": "b"}
