"""Jobs over midnight: one row a job and file system over a range of days, and no byte twice."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_tools.cli.main import main
from archive_tools.core.day import Day
from archive_tools.jobs import job_tables, top, whole_jobs
from archive_tools.jobs.job_tables import JobFilter
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
AFTER = DATE + dt.timedelta(days=2)
LONG = DAY.end + 30 * HOUR
"""When a job of three days ends."""


def whole(root: Path, wanted: JobFilter = ALL, stop: dt.date = AFTER) -> list[dict[str, Any]]:
    found, count = whole_jobs.find_and_count(root, DATE, stop, wanted, order="start", limit=0)
    rows: list[dict[str, Any]] = found.to_pylist()
    assert len(rows) == count
    return rows


def by_day(root: Path, wanted: JobFilter = ALL, stop: dt.date = AFTER) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = job_tables.find_jobs(root, DATE, stop, wanted).to_pylist()
    return rows


def of_day(date: dt.date, end: int | None) -> dict[str, Any]:
    """The scheduler's row on a day, of two nodes from noon of the first day on."""
    day = Day(date)
    until = min(day.end, LONG if end is None else end)
    seconds = 2 * (until - max(NOON, day.start))
    return scheduled("7", NOON, end, node_seconds_day=seconds)


def write_three_days(root: Path) -> None:
    for number, date in enumerate((DATE, NEXT, AFTER)):
        day = Day(date)
        first, last = (max(NOON, day.start), min(LONG, day.end))
        entry = served("7", first, last, bytes_written=(number + 1) * MIB, opens=1)
        logs = [logged("7", NOON, LONG, bytes_written=2 * MIB)] if date == DATE else []
        others = [served("9", first, first + 60, bytes_written=100 * MIB)]
        accounts = [of_day(date, None if date == DATE else LONG)]
        write_day(
            root,
            date=date,
            logs={"darshan": logs},
            slurm={"slurm": accounts},
            stats={"stats": [entry, *others]},
        )


def test_a_job_of_three_days_is_one_row_with_their_sums(tmp_path: Path) -> None:
    write_three_days(tmp_path)
    row, *others = [row for row in whole(tmp_path) if row["scheduler_jobid"] == "7"]
    assert not others
    assert (row["date"], row["known_by"]) == (str(DATE), "logs,servers,scheduler")
    assert (row["bytes_written"], row["logs"]) == (2 * MIB, 1)
    assert (row["server_bytes_written"], row["server_opens"]) == (6 * MIB, 3)
    assert (row["job_start"], row["job_end"], row["state"]) == (NOON, LONG, "COMPLETED")
    assert (row["start_time"], row["end_time"], row["walltime"]) == (NOON, LONG, LONG - NOON)
    assert (row["server_first_seen"], row["server_last_seen"]) == (NOON, LONG)
    assert (row["node_seconds"], row["nodes"]) == (2 * (LONG - NOON), 2)
    assert len([one for one in by_day(tmp_path) if one["scheduler_jobid"] == "7"]) == 3


def test_the_range_ends_the_sums(tmp_path: Path) -> None:
    write_three_days(tmp_path)
    (row,) = [row for row in whole(tmp_path, stop=NEXT) if row["scheduler_jobid"] == "7"]
    assert row["server_bytes_written"] == 3 * MIB
    assert row["node_seconds"] == 2 * (Day(NEXT).end - NOON)


def test_the_least_of_bytes_is_that_of_all_days(tmp_path: Path) -> None:
    """Of days with 1, 2 and 3 MiB."""
    night = [served("5", DAY.end - HOUR, DAY.end, bytes_read=2 * MIB)]
    write_day(tmp_path, stats={"stats": night})
    morning = [served("5", DAY.end, DAY.end + HOUR, bytes_read=3 * MIB)]
    write_day(tmp_path, date=NEXT, stats={"stats": morning})
    wanted = JobFilter(least_bytes=5 * MIB)
    assert [row["server_bytes_read"] for row in whole(tmp_path, wanted)] == [5 * MIB]
    assert not by_day(tmp_path, wanted)


def test_an_entry_that_was_not_there_at_midnight_is_another(tmp_path: Path) -> None:
    """Also where it has the same id: nothing says that it went on."""
    write_day(tmp_path, stats={"stats": [served("5", NOON, DAY.end, bytes_read=1)]})
    later = served("5", DAY.end + 60, DAY.end + HOUR, bytes_read=2)
    write_day(tmp_path, date=NEXT, stats={"stats": [later]})
    assert sorted(row["server_bytes_read"] for row in whole(tmp_path)) == [1, 2]


def test_an_id_that_is_used_again_is_another_job(tmp_path: Path) -> None:
    write_day(tmp_path, slurm={"slurm": [scheduled("7", NOON, DAY.end + 60)]})
    again = [
        scheduled("7", NOON, DAY.end + 60, node_seconds_day=120),
        scheduled("7", DAY.end + 2 * HOUR, DAY.end + 3 * HOUR, node_seconds_day=7200),
    ]
    write_day(tmp_path, date=NEXT, slurm={"slurm": again})
    found = {row["submit"]: row["node_seconds"] for row in whole(tmp_path)}
    assert found == {NOON - 60: 2 * 12 * HOUR + 120, DAY.end + 2 * HOUR - 60: 7200}


def test_a_day_without_io_adds_its_node_hours_to_the_rows_of_file_systems(tmp_path: Path) -> None:
    write_day(tmp_path, slurm={"slurm": [of_day(DATE, None)]})
    targets = [served("7", DAY.end, LONG, target=f"{fs}-OST0000", bytes_read=5) for fs in "ab"]
    write_day(tmp_path, date=NEXT, slurm={"slurm": [of_day(NEXT, LONG)]}, stats={"stats": targets})
    rows = whole(tmp_path, stop=NEXT)
    assert {row["fsname"] for row in rows} == {"a", "b"}
    assert {row["node_seconds"] for row in rows} == {2 * (Day(NEXT).end - NOON)}


def test_coverage_of_logs_of_two_days_is_weighted_by_the_servers_bytes(tmp_path: Path) -> None:
    for date, covered, whole_bytes in ((DATE, 1.0, 100), (NEXT, 0.25, 300)):
        day = Day(date)
        first, last = max(NOON, day.start), min(day.end, LONG) - 1
        log = logged(
            "7",
            first,
            last,
            bytes_written=int(covered * whole_bytes),
            coverage_written=covered,
            fs_bytes_written=whole_bytes,
            fs_start=first,
            fs_end=last,
            nprocs=8 if date == DATE else 4,
            exenames="b,a",
        )
        write_day(
            tmp_path, date=date, logs={"darshan": [log]}, slurm={"slurm": [of_day(date, LONG)]}
        )
    (row,) = whole(tmp_path, stop=NEXT)
    assert (row["bytes_written"], row["fs_bytes_written"]) == (175, 400)
    assert row["coverage_written"] == row["coverage"] == 175 / 400
    assert (row["logs"], row["nprocs"], row["exenames"]) == (2, 8, "b,a")


def test_a_job_over_a_day_of_which_nobody_knows_is_one(tmp_path: Path) -> None:
    for date in (DATE, AFTER):
        write_day(tmp_path, date=date, slurm={"slurm": [of_day(date, LONG)]})
    write_day(
        tmp_path,
        date=NEXT,
        slurm={"slurm": [scheduled("8", DAY.end, DAY.end + 9, node_seconds_day=18)]},
    )
    found = {row["scheduler_jobid"]: row["node_seconds"] for row in whole(tmp_path)}
    assert found == {"7": 2 * (12 * HOUR + LONG - Day(NEXT).end), "8": 18}


def test_jobs_of_two_clusters_are_two_over_midnight(tmp_path: Path) -> None:
    """Also where no scheduler knows them: their entries are of other servers."""
    instances = {"stats-1": "one", "stats-2": "two"}
    write_about(tmp_path, schedulers=instances)
    for date, first, last in ((DATE, NOON, DAY.end), (NEXT, DAY.end, LONG)):
        stats = {
            name: [served("7", first, last, bytes_read=number + 1)]
            for number, name in enumerate(instances)
        }
        write_day(tmp_path, date=date, stats=stats, slurm={"one": [], "two": []})
    found = {row["scheduler"]: row["server_bytes_read"] for row in whole(tmp_path)}
    assert found == {"one": 2, "two": 4}


SOME = st.integers(0, 2**40)
jobs = st.tuples(
    st.sampled_from("123"),  # id
    st.sampled_from(["alpha", "beta"]),
    st.integers(0, 70),  # hours to its start
    st.integers(1, 40),  # hours that it ran
    st.booleans(),  # known to a scheduler
    st.lists(st.tuples(st.sampled_from("ab"), SOME), max_size=2, unique_by=lambda one: one[0]),
    st.none() | SOME,  # bytes of a log
)


@settings(max_examples=25, deadline=None)
@given(st.lists(jobs, max_size=8), st.integers(0, 2))
def test_bytes_and_node_hours_are_conserved(given: list[Any], days: int) -> None:
    """Whatever runs when, on which clusters, under which ids, known to whom."""
    stop = DATE + dt.timedelta(days=days)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_about(root)
        write_jobs(root, given)
        rows, separate = whole(root, stop=stop), by_day(root, stop=stop)
        columns = ("bytes_read", "bytes_written", "server_bytes_read", "server_bytes_written")
        for column in (*columns, "logs", "server_opens"):
            sums = [sum(row[column] or 0 for row in some) for some in (rows, separate)]
            assert sums[0] == sums[1], column
        of_jobs = {identity(row): row["node_seconds"] or 0 for row in rows}
        assert sum(of_jobs.values()) == node_seconds(separate)
        keys = [(*identity(row), row["fsname"]) for row in rows if row["scheduler_jobid"]]
        assert len(keys) == len(set(keys)), "a row a job and file system"
        assert {identity(row) for row in rows} == {identity(row) for row in separate}
        streamed = whole_jobs.all_jobs(root, DATE, stop, ALL, order="start")
        assert sum(piece.num_rows for piece in streamed) == len(rows)


def identity(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["cluster"], row["scheduler_jobid"], row["submit"]


def node_seconds(rows: list[dict[str, Any]]) -> int:
    """Of rows of days: a job's count once a day."""
    found: dict[tuple[Any, ...], int] = {}
    for row in rows:
        if row["node_seconds"] is not None:
            found[*identity(row), row["date"]] = row["node_seconds"]
    return sum(found.values())


def write_jobs(root: Path, given: list[Any]) -> None:
    """The tables of three days."""
    for number in range(3):
        day = Day(DATE + dt.timedelta(days=number))
        logs, served_rows = [], []
        accounts = defaultdict[str, list[Any]](list)
        seen = set()
        for jobid, cluster, after, hours, is_scheduled, amounts, of_log in given:
            start = DAY.start + after * HOUR
            end = start + hours * HOUR
            if start >= day.end or end < day.start or (cluster, jobid) in seen:
                continue
            seen.add((cluster, jobid))
            first, last = max(start, day.start), min(end, day.end)
            if is_scheduled:
                row = scheduled(jobid, start, end, cluster=cluster)
                row["node_seconds_day"] = 2 * (last - first)
                accounts[cluster].append(row)
            served_rows += [
                served(jobid, first, last, target=f"{fs}-OST0000", bytes_read=amount, opens=1)
                for fs, amount in amounts
            ]
            if of_log is not None and start >= day.start:
                logs.append(logged(jobid, start, end, bytes_written=of_log, fsname="a"))
        write_day(
            root,
            date=day.date,
            logs={"darshan": logs},
            slurm=dict(accounts),
            stats={"stats": served_rows},
        )


@pytest.mark.parametrize("more", [[], ["--limit", "0"]])
def test_the_command_shows_a_line_and_by_day_three(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    write_three_days(tmp_path)
    command = ["jobs", str(DATE), str(AFTER), "--archive", str(tmp_path), *more]
    lines = []
    for by in ([], ["--by-day"]):
        assert main([*command, *by, "--job", "7"]) == 0
        lines.append(capsys.readouterr().out.splitlines()[1:])
    assert [len(some) for some in lines] == [1, 3]
    assert "6.0 MiB" in lines[0][0]
    assert main([*command, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert sum(row["server_bytes_written"] for row in rows) == (6 + 300) * MIB


def test_a_job_that_is_requeued_over_midnight_is_one(tmp_path: Path) -> None:
    """It waits at the first midnight and runs at the second; no day has its first start but one."""
    midnight, after = DAY.end, DAY.end + 24 * HOUR
    first = scheduled("7", midnight - 600, midnight - 100, state="PREEMPTED", submit=NOON)
    waits = {**scheduled("7", midnight, None), "start": None, "node_seconds_day": None}
    waits |= {"state": "PENDING", "submit": midnight - 100}
    runs = scheduled("7", midnight + HOUR, None, submit=midnight - 100, node_seconds_day=100)
    ends = scheduled("7", midnight + HOUR, after + 50, submit=midnight - 100, node_seconds_day=10)
    for date, rows in ((DATE, [first, waits]), (NEXT, [runs]), (AFTER, [ends])):
        write_day(tmp_path, date=date, slurm={"slurm": rows})
    (row,) = by_day(tmp_path, stop=DATE)
    assert (row["state"], row["job_end"]) == ("PENDING", midnight - 100), "it waits, and runs not"
    (row,) = whole(tmp_path)
    assert (row["submit"], row["job_start"], row["job_end"]) == (NOON, midnight - 600, after + 50)
    assert (row["state"], row["node_seconds"]) == ("COMPLETED", 1000 + 110)
    (total,) = top.top(tmp_path, DATE, AFTER, "account").totals
    assert (total.jobs, total.node_seconds) == (1, 1110)
