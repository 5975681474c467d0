"""Who did most, against DuckDB over the same Parquet files, and where it is not known."""

from __future__ import annotations

import datetime as dt
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from archive_tools.cli.main import main
from archive_tools.jobs import top
from archive_tools.store import layout
from tests.support.generated_days import FIRST, Generated
from tests.support.job_accounts import (
    DATE,
    DAY,
    HOUR,
    NOON,
    logged,
    scheduled,
    served,
    write_about,
    write_day,
)

Capture = pytest.CaptureFixture[str]
DAYS = int(os.environ.get("TOKIO_GENERATED_DAYS", "31"))
JOBS = int(os.environ.get("TOKIO_GENERATED_JOBS", "120"))
LAST = FIRST + dt.timedelta(days=DAYS - 1)
SUMS = """
    sum(bytes_read) AS read, sum(bytes_written) AS written,
    sum(CASE WHEN coalesce(reads, writes, opens, stats) IS NULL THEN NULL
        ELSE coalesce(reads, 0) + coalesce(writes, 0) + coalesce(opens, 0) + coalesce(stats, 0)
        END) AS operations,
    sum(CASE WHEN coalesce(posix_files, stdio_files) IS NULL THEN NULL
        ELSE coalesce(posix_files, 0) + coalesce(stdio_files, 0) END) AS files,
    count(DISTINCT (jobs.date, jobs.jobid)) AS jobs
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    days = Generated(DAYS, targets=4, step=3600, jobs=JOBS)
    return days.write(tmp_path_factory.mktemp("top") / "archive")


def reported(root: Path, capsys: Capture, *more: str) -> Any:
    assert main(["top", "--archive", str(root), "--limit", "0", "--json", *more]) == 0
    return json.loads(capsys.readouterr().out)


def queried(root: Path, column: str, source: str = "jobs") -> dict[Any, tuple[Any, ...]]:
    """The same of DuckDB; node-seconds are sums of the records of a job."""
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE VIEW jobs AS SELECT * FROM '{root}/*/*/darshan_jobs.parquet';"
            f"CREATE VIEW records AS SELECT * FROM '{root}/*/*/slurm_jobs.parquet';"
            "CREATE VIEW accounts AS SELECT date, jobid, uid, any_value(account) AS account"
            " FROM records GROUP BY ALL;"
            "CREATE VIEW joined AS SELECT * FROM jobs LEFT JOIN accounts"
            " USING (date, jobid, uid)"
        )
        rows = connection.execute(
            f"SELECT {column}, {SUMS} FROM {source} AS jobs GROUP BY 1"
        ).fetchall()
    return {key: tuple(None if one is None else int(one) for one in more) for key, *more in rows}


@pytest.mark.parametrize(
    ("by", "column", "source", "key"),
    [
        ("user", "uid", "jobs", "uid"),
        ("program", "exenames", "jobs", "name"),
        ("fs", "fsname", "jobs", "name"),
        ("account", "account", "joined", "name"),
    ],
)
def test_totals_equal_those_of_duckdb(
    root: Path, capsys: Capture, by: str, column: str, source: str, key: str
) -> None:
    found = reported(root, capsys, "--by", by)["top"]
    sums = {
        one[key]: tuple(one[name] for name in ("read", "written", "operations", "files", "jobs"))
        for one in found
    }
    assert sums == queried(root, column, source)
    assert len(sums) == len(found) > 2
    moved = [one["bytes"] for one in found]
    assert moved == sorted(moved, reverse=True)


@pytest.mark.parametrize(("by", "column"), [("user", "uid"), ("account", "account")])
def test_node_hours_are_those_of_all_of_slurms_records(
    root: Path, capsys: Capture, by: str, column: str
) -> None:
    found = reported(root, capsys, "--by", by, "--order", "node-hours")["top"]
    hours = {one["uid" if by == "user" else "name"]: one["node_hours"] for one in found}
    rows = duckdb.sql(
        f"SELECT {column}, sum(node_seconds_day) / 3600 FROM '{root}/*/*/slurm_jobs.parquet'"
        " GROUP BY 1"
    ).fetchall()
    assert {key: value for key, value in hours.items() if value is not None} == {
        key: pytest.approx(value) for key, value in rows
    }


def test_node_hours_of_programs_are_those_of_their_jobs(root: Path, capsys: Capture) -> None:
    found = reported(root, capsys, "--by", "program")["top"]
    rows = duckdb.sql(
        "SELECT exenames, sum(node_seconds_day) / 3600 FROM"
        f" (SELECT DISTINCT date, jobid, uid, exenames FROM '{root}/*/*/darshan_jobs.parquet')"
        f" JOIN '{root}/*/*/slurm_jobs.parquet' USING (date, jobid, uid) GROUP BY 1"
    ).fetchall()
    assert {one["name"]: one["node_hours"] for one in found} == {
        name: pytest.approx(hours) for name, hours in rows
    }


def test_a_range_has_its_days_only(root: Path, capsys: Capture) -> None:
    first = str(FIRST + dt.timedelta(days=3))
    found = reported(root, capsys, "--by", "fs", first)
    assert found["days"] == [first]
    (jobs,) = duckdb.sql(
        f"SELECT count(DISTINCT jobid) FROM '{root}/*/{first}/darshan_jobs.parquet'"
        " WHERE fsname = 'scratch'"
    ).fetchall()[0]
    assert [one["jobs"] for one in found["top"] if one["name"] == "scratch"] == [jobs]


def test_without_slurm_accounts_and_node_hours_are_not_known(
    tmp_path: Path, capsys: Capture
) -> None:
    root = Generated(2, jobs=20, with_slurm=False).write(tmp_path / "archive")
    assert main(["top", "--archive", str(root), "--by", "account", "--json"]) == 0
    shown = capsys.readouterr()
    assert [(one["name"], one["node_hours"]) for one in json.loads(shown.out)["top"]] == [
        (None, None)
    ]
    assert "Slurm's records of 0 of 2 days" in shown.err
    assert main(["top", "--archive", str(root)]) == 0
    table = capsys.readouterr().out.splitlines()[1:]
    assert {line.split()[-1] for line in table} == {"–"}, "node-hours"


def one_day(folder: Path, **columns: Any) -> Path:
    """An archive of a day with two jobs, of which some columns are given."""
    root = Generated(1, jobs=8, with_slurm=False).write(folder / "archive")
    path = layout.path(root, layout.JOBS, FIRST, "darshan")
    table = pq.read_table(path).slice(0, 2)
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array(values, table.schema.field(name).type))
    pq.write_table(table, path)
    return root


def test_sums_do_not_run_over(tmp_path: Path, capsys: Capture) -> None:
    most = 2**63 - 1
    root = one_day(tmp_path, bytes_read=[most, most], fsname=["a", "a"])
    assert reported(root, capsys, "--by", "fs")["top"][0]["read"] == 2 * most


def test_users_of_one_name_stay_apart_and_names_are_only_text(
    tmp_path: Path, capsys: Capture
) -> None:
    root = one_day(tmp_path, uid=[7, 8], username=["\x1b[31m=kim", "\x1b[31m=kim"])
    found = reported(root, capsys)["top"]
    assert {(one["uid"], one["name"]) for one in found} == {
        (7, "\x1b[31m=kim (7)"),
        (8, "\x1b[31m=kim (8)"),
    }
    assert main(["top", "--archive", str(root)]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_user_called_like_the_uid_of_another_is_another(tmp_path: Path, capsys: Capture) -> None:
    root = one_day(tmp_path, uid=[7, -1], username=[None, "7"], bytes_read=[1, 2])
    found = reported(root, capsys)["top"]
    assert sorted((one["uid"], one["read"]) for one in found if one["uid"]) == [(7, 1)]
    assert [one["read"] for one in found if one["uid"] is None] == [2]


def test_names_do_not_become_formulas_in_csv(tmp_path: Path, capsys: Capture) -> None:
    root = one_day(tmp_path, exenames=["=cmd()", "-x"])
    assert main(["top", "--archive", str(root), "--by", "program", "--csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split(",")[0] for line in lines[1:]) == ["'-x", "'=cmd()"]


def test_csv_has_no_control_characters(tmp_path: Path, capsys: Capture) -> None:
    root = one_day(tmp_path, exenames=["a\x1b[31m\nb\u202e", "\ttab"])
    assert main(["top", "--archive", str(root), "--by", "program", "--csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split(",")[0] for line in lines[1:]) == [
        "'\\ttab",
        "a\\x1b[31m\\nb\\u202e",
    ]


def test_a_log_that_may_be_of_two_jobs_has_no_account(tmp_path: Path, capsys: Capture) -> None:
    root = Generated(1, jobs=8).write(tmp_path / "archive")
    path = layout.path(root, layout.JOBS, FIRST, "slurm")
    table = pq.read_table(path)
    job = table["jobid"][0].as_py()
    other = table.filter(pc.field("jobid") == job)
    for name, value in {"account": "another", "submit": 2}.items():
        place = other.schema.get_field_index(name)
        values = pa.array([value] * other.num_rows, other.schema.field(name).type)
        other = other.set_column(place, name, values)
    pq.write_table(pa.concat_tables([table, other]), path)
    found = {one["name"]: one for one in reported(root, capsys, "--by", "account")["top"]}
    assert (found["another"]["jobs"], found["another"]["read"]) == (1, None)
    assert found[None]["jobs"] == 2, "this log, and the one without a record"


def test_a_table_that_cannot_be_read_is_named_and_the_others_count(
    tmp_path: Path, capsys: Capture
) -> None:
    root = Generated(3, jobs=8).write(tmp_path / "archive")
    path = layout.path(root, layout.JOBS, FIRST, "darshan")
    path.write_bytes(b"PAR1")
    assert main(["top", "--archive", str(root), "--json"]) == 1
    shown = capsys.readouterr()
    assert str(path) in shown.err
    assert len(json.loads(shown.out)["days"]) == 2


def test_an_archive_without_jobs_says_so(tmp_path: Path, capsys: Capture) -> None:
    assert main(["top", "--archive", str(tmp_path)]) == 1
    assert "no table of jobs" in capsys.readouterr().err


NAMES = 4096
"""Bytes of a day that remain: its date, and the names and paths of its tables, 2.2 kB of two."""


def test_memory_does_not_grow_with_days(root: Path) -> None:
    """But for the names of tables; a day's rows are many times that."""

    def peak(days: int) -> int:
        tracemalloc.start()
        top.top(root, FIRST, FIRST + dt.timedelta(days=days - 1), "user")
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(2)
    assert peak(DAYS) < 2 * peak(3) + NAMES * DAYS


NEXT = DATE + dt.timedelta(days=1)
LATER = DATE + dt.timedelta(days=2)


def write_three_accounts(root: Path) -> None:
    """Slurm, logs and job_stats: a job over midnight, one without logs, one of the servers alone,
    and one whose id another user's log has, too.
    """
    end = DAY.end
    long = scheduled("1", end - HOUR, end + HOUR, node_seconds_day=2 * HOUR)
    write_about(root)
    write_day(
        root,
        logs={
            "darshan": [
                logged("1", end - HOUR, end - 5, bytes_read=5),
                logged("1", end - HOUR, end - 5, bytes_read=7, fsname="home"),
                logged("3", NOON, NOON + 60, uid=1002, username="bob", bytes_written=9),
                logged("4", NOON, NOON + 60, uid=1003, username="eve", fsname="fs"),
                logged("4", NOON, NOON + 60, uid=1003, username="eve", fsname="home"),
            ]
        },
        slurm={"slurm": [long, scheduled("2", NOON, NOON + HOUR, account="bio", partition="gpu")]},
        stats={
            "stats": [
                served("1", end - HOUR, end - 60, bytes_written=7),
                served("4", NOON, NOON + 60, bytes_read=3),
                served("4", NOON, NOON + 60, target="other-OST0000", bytes_read=4),
                served("cp.1001", NOON, NOON + 60, bytes_read=11),
            ]
        },
    )
    write_day(root, date=NEXT, slurm={"slurm": [long]})


@pytest.mark.parametrize("by", ["account", "user"])
def test_top_and_jobs_say_the_same(tmp_path: Path, capsys: Capture, by: str) -> None:
    write_three_accounts(tmp_path)
    days = [str(DATE), str(NEXT)]
    ranked = reported(tmp_path, capsys, *days, "--by", by)["top"]
    assert main(["jobs", "--archive", str(tmp_path), *days, "--by", by, "--json"]) == 0
    counted = json.loads(capsys.readouterr().out)
    assert {one["name"]: (one["jobs"], one["node_hours"], one["read"]) for one in ranked} == {
        one["name"]: (
            one["jobs"],
            None if one["node_seconds"] is None else one["node_seconds"] / 3600,
            one["bytes_read"],
        )
        for one in counted
    }
    jobs = {one["name"]: one["jobs"] for one in counted}
    hours = {one["name"]: one["node_seconds"] for one in counted}
    if by == "account":
        assert jobs == {"physics": 1, "bio": 1, None: 3}
        assert hours == {"physics": 4 * HOUR, "bio": 2 * HOUR, None: None}
    else:
        assert jobs == {"ann": 2, "bob": 1, "eve": 1, None: 1}
        assert hours == {"ann": 6 * HOUR, "bob": None, "eve": None, None: None}


def test_a_job_that_began_on_a_day_without_tables_counts(tmp_path: Path) -> None:
    start = DAY.end + HOUR
    write_about(tmp_path)
    write_day(tmp_path, slurm={"slurm": [scheduled("1", NOON, NOON + HOUR)]})
    write_day(tmp_path, date=LATER, slurm={"slurm": [scheduled("2", start, start + 30 * HOUR)]})
    (total,) = top.top(tmp_path, DATE, LATER, "account").totals
    assert total.jobs == 2


def test_a_job_that_ran_before_the_range_and_in_it_counts_once(
    tmp_path: Path, capsys: Capture
) -> None:
    """The day before is looked at for logs alone, of which this job has none."""
    job = scheduled("1", NOON, DAY.end + 2 * HOUR)
    write_about(tmp_path)
    write_day(tmp_path, slurm={"slurm": [job]})
    write_day(tmp_path, date=NEXT, slurm={"slurm": [job]})
    times = [f"{NEXT}T01:00", f"{NEXT}T02:00"]
    found = ["jobs", "--archive", str(tmp_path), *times, "--by", "account", "--json"]
    assert main(found) == 0
    assert [one["jobs"] for one in json.loads(capsys.readouterr().out)] == [1]


def test_jobs_by_user_keeps_users_of_one_name_apart(tmp_path: Path, capsys: Capture) -> None:
    root = one_day(tmp_path, uid=[7, 8], username=["kim", "kim"])
    assert main(["jobs", "--archive", str(root), "--by", "user", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {(one["uid"], one["name"]) for one in found} == {(7, "kim (7)"), (8, "kim (8)")}


def test_a_long_name_does_not_push_the_figures_of_others_out_of_sight(
    tmp_path: Path, capsys: Capture
) -> None:
    long = "begin" + "v" * 900 + "end"
    rows = [logged("1", NOON, NOON + HOUR), logged("2", NOON, NOON + HOUR, exenames=long)]
    write_day(tmp_path, logs={"darshan": rows})
    write_about(tmp_path)
    here = ["--archive", str(tmp_path), "--by", "program"]
    assert main(["top", *here]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["app", f"begin{'v' * 24}…{'v' * 27}end"]
    assert max(map(len, lines)) < 130
    assert main(["top", "--csv", *here]) == 0
    assert long in capsys.readouterr().out
