"""Questions about jobs, on the real ten minutes of siteday, and on tables that were made by
hand.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import archive_tools
from archive_tools.cli.main import main
from archive_tools.cli.pytokio.summarize_job import summarize_job
from archive_tools.core import quantities
from archive_tools.core.errors import BadArgument, FormatError, NotFound, TokioError
from archive_tools.jobs import job_history, job_lookup, job_tables
from archive_tools.plotting.job_panels import panels
from archive_tools.store import layout
from pipeline.cli.main import main as pipeline
from tests.support.paths import ROOT

DAY = dt.date(2026, 11, 22)
LOG = "user01_fpp_id9100003-16902_11-22-28166-11783268800627505873_1.darshan"


@pytest.fixture(scope="module")
def siteday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of `examples/siteday`."""
    root = tmp_path_factory.mktemp("examples")
    shutil.copytree(
        ROOT / "examples/siteday", root / "siteday", ignore=shutil.ignore_patterns("archive")
    )
    shutil.copytree(ROOT / "examples/site/darshan", root / "site/darshan")
    assert (
        pipeline(["nightly", "--site", str(root / "siteday/site.json"), "--date", str(DAY)]) == 3
    ), "ten minutes are not a day"
    return root / "siteday/archive"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("TOKIO_SITE", "TOKIO_ARCHIVE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(arguments) == code
    return capsys.readouterr().out


# jobs


def test_largest_first(siteday: Path) -> None:
    rows = job_tables.find_jobs(
        siteday, DAY, DAY, job_tables.JobFilter(), order="written"
    ).to_pylist()
    written = [row["bytes_written"] or 0 for row in rows if row["fsname"]]
    assert written == sorted(written, reverse=True)
    assert {row["jobid"] for row in rows} == {str(9100000 + n) for n in range(1, 105)}
    assert sum(
        row["bytes_written"] for row in rows if row["fsname"] == "scratch"
    ) / 2**20 == pytest.approx(4133.1, abs=0.05), "see the record of the day"
    assert (
        job_tables.find_jobs(
            siteday, DAY, DAY, job_tables.JobFilter(), order="written", limit=3
        ).to_pylist()
        == rows[:3]
    )


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (
            job_tables.JobFilter(user="user01", exe="fpp"),
            {
                "9100003",
                "9100004",
                "9100029",
                "9100030",
                "9100055",
                "9100056",
                "9100081",
                "9100082",
            },
        ),
        (
            job_tables.JobFilter(exe="f?p", fs="scratch", user="*2"),
            {"9100016", "9100042", "9100068", "9100094"},
        ),
        (job_tables.JobFilter(job="9100003"), {"9100003"}),
        (job_tables.JobFilter(job=9100003), {"9100003"}),
        (job_tables.JobFilter(exe="fp"), set()),
        (
            job_tables.JobFilter(fs="scratch", least_bytes=384 * 2**20),
            {
                "9100001",
                "9100014",
                "9100027",
                "9100040",
                "9100053",
                "9100066",
                "9100079",
                "9100092",
            },
        ),
        (job_tables.JobFilter(user="user0[12]"), set()),
        (job_tables.JobFilter(user="' OR 1=1 --"), set()),
    ],
)
def test_filters(siteday: Path, wanted: job_tables.JobFilter, expected: set[str]) -> None:
    assert {
        row["jobid"] for row in job_tables.find_jobs(siteday, DAY, DAY, wanted).to_pylist()
    } == expected


def test_the_command_jobs(siteday: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(
        capsys,
        "jobs",
        "2026-11-22",
        "--archive",
        str(siteday),
        "--exe",
        "fpp",
        "--order",
        "start",
        "--limit",
        "2",
    )
    header, first, second = text.splitlines()
    assert header.split()[:4] == ["job", "start", "user", "program"]
    assert first.split()[0] == "9100095"
    assert "2026-11-22T07:54:57Z" in first
    assert second.split()[0] == "9100094"
    found = json.loads(
        shown(capsys, "jobs", "--archive", str(siteday), "--job", "9100003", "--json")
    )
    assert [(row["fsname"], row["bytes_written"]) for row in found] == [("scratch", 192 * 2**20)]
    assert (
        len(
            shown(
                capsys, "jobs", "2026-11-22", "--archive", str(siteday), "--user", "nobody", code=1
            ).splitlines()
        )
        == 1
    ), "a header and no job"
    assert main(["jobs", "2020-01-01", "--archive", str(siteday)]) == 1
    assert "no table of jobs of 2020-01-01 is in" in capsys.readouterr().err


def test_the_command_jobs_says_what_it_does_not_show(
    siteday: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = ["jobs", "2026-11-22", "--archive", str(siteday), "--exe", "fpp"]
    assert main([*whole, "--limit", "2"]) == 0
    assert capsys.readouterr().err == "2 of 16; --limit 0 shows all\n"
    for limit in ("0", "16"):
        assert main([*whole, "--limit", limit]) == 0
        assert capsys.readouterr().err == ""
    for given in ([], ["--json"]):
        assert main([*whole, "--user", "nobody", *given]) == 1
        assert capsys.readouterr().err == "no job matches\n"


def test_the_command_jobs_takes_times_of_day(
    siteday: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    every = job_tables.find_jobs(siteday, DAY, DAY, job_tables.JobFilter()).to_pylist()
    for first, last in (("07:50", "07:51"), ("07:54:57", "07:54:58"), ("06:00", "07:00")):
        low, high = (
            int(dt.datetime.fromisoformat(f"2026-11-22T{time}+00:00").timestamp())
            for time in (first, last)
        )
        expected = {
            row["jobid"] for row in every if row["start_time"] < high and row["end_time"] >= low
        }
        code = main(
            [
                "jobs",
                f"2026-11-22T{first}",
                f"2026-11-22T{last}",
                "--archive",
                str(siteday),
                "--json",
                "--limit",
                "0",
            ]
        )
        assert {row["jobid"] for row in json.loads(capsys.readouterr().out)} == expected
        assert code == (0 if expected else 1)
    assert (
        main(
            [
                "job",
                "9100003",
                "--start",
                "2026-11-22T07:00",
                "--stop",
                "2026-11-22T07:10",
                "--archive",
                str(siteday),
            ]
        )
        == 1
    )
    assert (
        main(
            [
                "umami",
                "9100003",
                "--start",
                "2026-11-22T07:00",
                "--stop",
                "2026-11-22T07:10",
                "--archive",
                str(siteday),
            ]
        )
        == 1
    )
    assert main(["job", "9100003", "--stop", "2026-11-22T08:00", "--archive", str(siteday)]) == 0


# job


def test_a_job_and_its_servers(siteday: Path) -> None:
    (job,) = job_lookup.find_job(siteday, "9100003")
    assert (job.username, job.exenames, job.nprocs, job.date) == ("user01", "fpp", 4, DAY)
    assert [log["filename"] for log in job.logs] == [LOG]
    (row,) = job.file_systems
    assert (row["fsname"], row["fs_instance"], row["bytes_written"]) == (
        "scratch",
        "servers",
        192 * 2**20,
    )
    assert 0.3 < row["coverage_written"] <= 1.01
    assert row["share_written"] == 1
    assert row["fs_missing"] == 0
    assert row["fs_opens"] is None, "node_exporter knows no metadata operations"
    assert all(other["fsname"] == "scratch" and other["jobid"] != "9100003" for other in job.others)
    assert len({other["jobid"] for other in job.others}) == row["other_jobs"]


def test_a_job_without_io(siteday: Path, capsys: pytest.CaptureFixture[str]) -> None:
    idle = next(
        row["jobid"]
        for row in job_tables.find_jobs(siteday, DAY, DAY, job_tables.JobFilter()).to_pylist()
        if row["fsname"] is None
    )
    assert job_lookup.find_job(siteday, idle)[0].file_systems == []
    assert "no I/O on any file system" in shown(capsys, "job", idle, "--archive", str(siteday))
    assert main(["umami", idle, "--archive", str(siteday)]) == 1


def test_the_command_job(siteday: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "job", "9100003", "--archive", str(siteday))
    for reported in (
        "job 9100003 of user01: fpp, 4 processes",
        "192.0 MiB",
        "what the servers saw of",
        "coverage, written",
        "who else was there",
    ):
        assert reported in text
    (found,) = json.loads(
        shown(
            capsys, "job", "9100003", "--archive", str(siteday), "--start", "2026-11-22", "--json"
        )
    )
    assert found["file_systems"][0]["fs_instance"] == "servers"
    picture = tmp_path / "job.png"
    assert main(["job", "9100003", "--archive", str(siteday), "--plot", str(picture)]) == 0
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert (
        main(
            ["job", "9100003", "--archive", str(siteday), "--plot", str(picture), "--fs", "project"]
        )
        == 1
    )
    assert "moved nothing on project" in capsys.readouterr().err
    assert main(["job", "1", "--archive", str(siteday)]) == 1
    assert "tokio-archive jobs lists them" in capsys.readouterr().err


def test_panels_are_of_the_targets_behind_the_file_system(siteday: Path) -> None:
    archive = archive_tools.Archive(siteday)
    (job,) = job_lookup.find_job(siteday, "9100003")
    drawn = panels(archive, job, job.file_systems[0])
    assert [panel.unit for panel in drawn] == ["bytes/s", "%"]
    assert drawn[0].lines["servers, written"].columns == ("oss01:loop0",)
    assert drawn[0].lines["all applications, written"].columns == ("scratch",)


# umami


def test_history_is_of_earlier_runs_of_the_same_kind(siteday: Path) -> None:
    (job,) = job_lookup.find_job(siteday, "9100094")
    runs = job_history.history(siteday, job.file_systems[0], DAY, DAY)
    assert [run["jobid"] for run in runs] == ["9100016", "9100042", "9100068", "9100094"]
    every = job_history.history(siteday, job.file_systems[0], DAY, DAY, like=["exe"])
    assert [run["jobid"] for run in every] == sorted(run["jobid"] for run in every)
    assert len(every) == 8
    metrics = job_history.metrics(every)
    assert [metric.label for metric in metrics][:3] == [
        "Job's I/O rate",
        "Coverage factor",
        "Servers' I/O rate",
    ]
    rate = metrics[0].values[-1]
    row = every[-1]
    assert rate == pytest.approx(row["bytes_written"] / (row["last_write"] - row["first_write"]))


def test_the_command_umami(
    siteday: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown(capsys, "umami", "9100095", "--archive", str(siteday), "--like", "exe")
    assert "7 earlier runs" in text
    assert "Coverage factor" in text
    reported = json.loads(
        shown(capsys, "umami", "9100095", "--archive", str(siteday), "--like", "exe", "--json")
    )
    assert {len(metric["values"]) for metric in reported} == {8}
    assert (
        main(["umami", "9100095", "--archive", str(siteday), "--output", str(tmp_path / "u.svg")])
        == 0
    )
    assert (tmp_path / "u.svg").read_text().lstrip().startswith("<")


# summarize_job


def test_summarize_job(siteday: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert summarize_job([f"/purged/{LOG}", "--json", "--archive", str(siteday)]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert (
        record["darshan_biggest_write_fs_bytes"]
        == record["darshan_tot_bytes_written_posix"]
        == 192 * 2**20
    )
    assert (record["_jobid"], record["_file_system"]) == ("9100003", "scratch")
    assert record["fs_ave_bytes_written_per_sec"] > 192 * 2**20 / 60
    assert record["fs_ave_open_ops_per_sec"] is None
    when = (
        str(dt.datetime.fromtimestamp(record[f"_datetime_{end}"], dt.UTC).replace(tzinfo=None))
        for end in ("start", "end")
    )
    start, end = when
    assert (
        summarize_job(
            [
                "--start-time",
                start,
                "--end-time",
                end,
                "-f",
                "scratch",
                "--json",
                "--archive",
                str(siteday),
            ]
        )
        == 0
    )
    (of_time,) = json.loads(capsys.readouterr().out)
    assert of_time["fs_tot_bytes_written"] == pytest.approx(record["fs_tot_bytes_written"], rel=0.5)
    assert summarize_job(["--slurm-jobid", "9100003", "--archive", str(siteday)]) == 0
    header, line = capsys.readouterr().out.splitlines()
    assert len(header.split(",")) == len(line.split(","))
    assert summarize_job(["nowhere.darshan", "--archive", str(siteday)]) == 1
    assert summarize_job(["--archive", str(siteday)]) == 2
    assert summarize_job(["--start-time", start, "--archive", str(siteday)]) == 2
    capsys.readouterr()
    assert (
        summarize_job(
            ["--start-time", end, "--end-time", end, "-f", "scratch", "--archive", str(siteday)]
        )
        == 2
    )
    assert "the range is empty" in capsys.readouterr().err


def test_summarize_job_of_a_job_over_midnight(
    siteday: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(shutil.copytree(siteday, tmp_path / "archive"))
    today = layout.path(root, layout.INDEX, DAY, "darshan")
    for ago in (1, 3):
        other = layout.path(root, layout.INDEX, DAY - dt.timedelta(days=ago), "darshan")
        other.parent.mkdir(parents=True)
        shutil.copyfile(today, other)
    assert summarize_job(["--slurm-jobid", "9100003", "--json", "--archive", str(root)]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2, "of the newest day and the one before"
    assert summarize_job([LOG, "--json", "--archive", str(root)]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1


def test_servers_of_which_the_time_is_not_known(
    siteday: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(shutil.copytree(siteday, tmp_path / "archive"))
    with (
        contextlib.closing(
            sqlite3.connect(layout.path(root, layout.INDEX, DAY, "darshan"))
        ) as connection,
        connection,
    ):
        connection.execute("UPDATE servers SET fs_start = NULL")
    path = layout.path(root, layout.JOBS, DAY, "darshan")
    table = pq.read_table(path)
    at = table.schema.get_field_index("fs_start")
    pq.write_table(table.set_column(at, "fs_start", pa.nulls(len(table), pa.int64())), path)
    assert summarize_job([LOG, "--json", "--archive", str(root)]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert record["fs_tot_bytes_written"] > 0
    assert record["fs_ave_bytes_written_per_sec"] is None
    seen = next(
        line
        for line in shown(capsys, "job", "9100003", "--archive", str(root)).splitlines()
        if line.startswith("seconds looked at")
    )
    assert seen.split()[-1] == "–"
    assert main(["umami", "9100003", "--archive", str(root)]) == 0


def test_an_index_that_is_damaged_further_on(
    siteday: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(shutil.copytree(siteday, tmp_path / "archive"))
    path = layout.path(root, layout.INDEX, DAY, "darshan")
    content = bytearray(path.read_bytes())
    with contextlib.closing(sqlite3.connect(path)) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        root_page = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'headers'"
        ).fetchone()[0]
    low = (root_page - 1) * size
    content[low + 12 : low + size] = b"\xff" * (size - 12)
    path.write_bytes(content)
    for run, given in (
        (main, ["job", "9100003"]),
        (summarize_job, [LOG]),
        (summarize_job, ["--slurm-jobid", "9100003"]),
    ):
        assert run([*given, "--archive", str(root)]) == 1
        reported = capsys.readouterr().err
        assert str(path) in reported
        assert reported.count("\n") == 1


# Tables made by hand


def write_table(root: Path, date: dt.date, rows: list[dict[str, Any]]) -> Path:
    path = layout.path(root, layout.JOBS, date, "darshan")
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {
        "uid": 1,
        "username": "u",
        "exenames": "a",
        "logs": 1,
        "nprocs": 1,
        "start_time": 0,
        "end_time": 10,
        "fsname": "fs",
    }
    whole |= {
        "bytes_read": 0,
        "bytes_written": 0,
        "first_read": None,
        "last_read": None,
        "first_write": None,
        "last_write": None,
    }
    pq.write_table(
        pa.Table.from_pandas(pd.DataFrame([{"date": str(date)} | whole | row for row in rows])),
        path,
    )
    return path


def test_one_of_several_names_must_match(tmp_path: Path) -> None:
    write_table(
        tmp_path,
        DAY,
        [
            {"jobid": "1", "username": "ann", "exenames": "a,ior"},
            {"jobid": "2", "username": "bob", "exenames": "fpp"},
            {"jobid": "3", "username": "annbob", "exenames": "iorfpp"},
        ],
    )
    for wanted, expected in (
        (job_tables.JobFilter(user=["ann", "bob"]), ["1", "2"]),
        (job_tables.JobFilter(user=("bob", "nobody")), ["2"]),
        (job_tables.JobFilter(exe=["io?", "fpp"]), ["1", "2"]),
        (job_tables.JobFilter(exe=["*"], fs=["fs", "x"]), ["1", "2", "3"]),
    ):
        found = job_tables.find_jobs(tmp_path, DAY, DAY, wanted, limit=0).to_pylist()
        assert [row["jobid"] for row in found] == expected


def test_older_tables_lack_what_was_added_later(tmp_path: Path) -> None:
    write_table(tmp_path, DAY, [{"jobid": "1", "bytes_read": 5}])
    write_table(
        tmp_path,
        DAY + dt.timedelta(days=1),
        [{"jobid": "2", "bytes_read": 7, "coverage_read": 0.5, "coverage_written": None}],
    )
    rows = job_tables.find_jobs(
        tmp_path, DAY, dt.date.max, job_tables.JobFilter(), order="coverage"
    ).to_pylist()
    assert [(row["jobid"], row["coverage"]) for row in rows] == [("2", 0.5), ("1", None)]


def test_a_job_of_two_days_and_a_number_used_again(tmp_path: Path) -> None:
    for n, names in enumerate([["7", "7"], [], ["7"], ["7"], ["8"]]):
        write_table(
            tmp_path,
            DAY + dt.timedelta(days=n),
            [{"jobid": name, "uid": uid} for uid, name in enumerate(names)] or [{"jobid": "0"}],
        )
    assert [job.date for job in job_lookup.find_job(tmp_path, "7")] == [
        DAY + dt.timedelta(days=n) for n in (3, 2)
    ]
    assert [job.uid for job in job_lookup.find_job(tmp_path, "7", DAY, DAY)] == [0, 1]
    with pytest.raises(NotFound, match="a job of 5 days"):
        job_lookup.find_job(tmp_path, "9")


def test_what_ran_over_midnight_is_found_by_its_time(tmp_path: Path) -> None:
    midnight = int(dt.datetime(2026, 11, 22, tzinfo=dt.UTC).timestamp())
    before = DAY - dt.timedelta(days=1)
    write_table(
        tmp_path,
        before,
        [
            {"jobid": "1", "start_time": midnight - 60, "end_time": midnight + 60},
            {"jobid": "2", "end_time": midnight - 1},
        ],
    )
    write_table(
        tmp_path, DAY, [{"jobid": "3", "start_time": midnight + 60, "end_time": midnight + 70}]
    )
    write_table(tmp_path, DAY - dt.timedelta(days=2), [{"jobid": "4", "end_time": midnight + 99}])

    def at(first: int, end: int) -> list[str]:
        found = job_tables.find_jobs(
            tmp_path,
            DAY,
            DAY,
            job_tables.JobFilter(between=(midnight + first, midnight + end)),
            order="start",
        )
        return sorted(found["jobid"].to_pylist())

    assert at(0, 10) == ["1"]
    assert at(60, 61) == ["1", "3"]
    assert at(61, 70) == ["3"]
    assert at(71, 80) == []
    assert [
        job.date
        for job in job_lookup.find_job(tmp_path, "1", DAY, DAY, between=(midnight, midnight + 1))
    ] == [before]
    with pytest.raises(NotFound):
        job_lookup.find_job(tmp_path, "1", DAY, DAY, between=(midnight + 61, midnight + 99))


def test_a_job_is_no_earlier_run_of_itself(tmp_path: Path) -> None:
    for n, (jobid, uid) in enumerate([("7", 2), ("6", 1), ("7", 1), ("7", 1)]):
        write_table(
            tmp_path,
            DAY + dt.timedelta(days=n),
            [{"jobid": jobid, "uid": uid, "start_time": 100 * n}],
        )
    last = DAY + dt.timedelta(days=3)
    with pytest.raises(BadArgument, match="'foo'; expected: exe, user, nprocs"):
        job_history.history(tmp_path, {"fsname": "fs"}, DAY, last, ["foo"])
    job, *_ = job_lookup.find_job(tmp_path, "7")
    runs = job_history.history(tmp_path, job.file_systems[0], DAY, last)
    assert [(run["jobid"], run["uid"]) for run in runs] == [("6", 1), ("7", 1)], "2 is another user"
    runs = job_history.history(tmp_path, job.file_systems[0], DAY, last, ["exe", "nprocs"])
    assert [(run["jobid"], run["uid"], run["start_time"]) for run in runs] == [
        ("7", 2, 0),
        ("6", 1, 100),
        ("7", 1, 300),
    ]


def test_one_is_not_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_table(
        tmp_path,
        DAY,
        [
            {"jobid": "1", "nprocs": 1, "posix_files": 1, "stdio_files": 0}
            | dict.fromkeys(["reads", "writes", "opens"], 1)
        ],
    )
    text = shown(capsys, "job", "1", "--archive", str(tmp_path))
    assert "a, 1 process\n" in text
    job = archive_tools.Archive(tmp_path).job("1")
    assert ": a, 1 process, 1970" in repr(job)
    assert repr(job.history()).endswith("0 earlier runs")
    with pytest.raises(NotFound, match="expected: a job of 1 day"):
        job_lookup.find_job(tmp_path, "2")
    with pytest.raises(NotFound, match=r"no job 2 in .*; to do: the archive has no table"):
        job_lookup.find_job(tmp_path, "2", dt.date(2020, 1, 1), dt.date(2020, 1, 2))
    assert quantities.counted(1, "log") == "1 log"
    assert quantities.counted(1200, "log") == "1,200 logs"
    with pytest.raises(NotFound, match="no table of jobs is in"):
        job_tables.find_jobs(tmp_path / "2026", dt.date.min, dt.date.max, job_tables.JobFilter())


def test_names_of_users_are_shown_not_obeyed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_table(
        tmp_path,
        DAY,
        [
            {
                "jobid": "1",
                "exenames": "\x1b[31m[red]$(reboot)",
                "username": "a\nb",
                "bytes_written": 3,
            }
        ],
    )
    text = shown(capsys, "jobs", "2026-11-22", "--archive", str(tmp_path))
    assert "\x1b" not in text
    assert "\\x1b[31m[red]$(reboot)" in text
    assert "a\\nb" in text
    assert len(text.splitlines()) == 2


def test_what_is_no_table(tmp_path: Path) -> None:
    path = write_table(tmp_path, DAY, [{"jobid": "1"}])
    with pytest.raises(TokioError, match="are not ordered by 'colour'"):
        job_tables.find_jobs(tmp_path, DAY, DAY, job_tables.JobFilter(), order="colour")
    for wrong in ({"user": 7}, {"exe": []}, {"fs": ["a", 7]}, {"user": [""]}, {"job": 7.5}):
        with pytest.raises(BadArgument, match=r"names nothing|is not a job id"):
            job_tables.find_jobs(tmp_path, DAY, DAY, job_tables.JobFilter(**wrong))  # type: ignore[arg-type]
    for limit in (-1, True, 2.5):
        with pytest.raises(ValueError, match="is not a number of rows"):
            job_tables.find_jobs(tmp_path, DAY, DAY, job_tables.JobFilter(), limit=limit)  # type: ignore[arg-type]
    path.write_bytes(b"PAR1")
    with pytest.raises(FormatError, match="is not a table of jobs"):
        job_tables.find_jobs(tmp_path, DAY, DAY, job_tables.JobFilter())


def test_an_index_that_is_damaged_past_its_first_page(siteday: Path, tmp_path: Path) -> None:
    from archive_tools.jobs import scoreboards

    path = tmp_path / "darshan_index.sqlite"
    content = bytearray((siteday / "2026/2026-11-22/darshan_index.sqlite").read_bytes())
    content[8192:65536] = b"\xff" * (65536 - 8192)
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"darshan_index\.sqlite"):
        scoreboards.scoreboard([path], "user")
