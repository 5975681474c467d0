"""All jobs of any number of days: in the order of a single table, in bounded memory."""

from __future__ import annotations

import datetime as dt
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archive_tools.cli.main import main
from archive_tools.core.choices import JOB_ORDERS
from archive_tools.core.errors import NotFound
from archive_tools.jobs import job_order, job_tables
from archive_tools.store import layout

FIRST = dt.date(2025, 1, 1)
EVERYTHING = job_tables.JobFilter()


def write_tables(root: Path, days: int, rows: int) -> None:
    """Jobs with sizes that several have, and some without; the first day is of an older form."""
    rng = random.Random(7)
    for n in range(days):
        date = FIRST + dt.timedelta(days=n)
        jobs: list[dict[str, Any]] = [
            {
                "date": str(date),
                "jobid": f"{n}.{i}",
                "uid": 1,
                "username": f"u{i % 7}",
                "exenames": "a.out",
                "nprocs": None if i % 5 == 0 else i,
                "start_time": rng.choice([None, 100, 200, 1_735_700_000 + i]),
                "end_time": 1_735_700_500 + i,
                "partial_modules": "POSIX" if n == i == 1 else "",
                "fsname": rng.choice(["home", "scratch", None]),
                "bytes_read": rng.choice([None, 0, 5, rng.randrange(2**62)]),
                "bytes_written": rng.choice([None, 0, 5, rng.randrange(2**62)]),
            }
            for i in range(rows)
        ]
        if n:
            jobs = [job | {"coverage_read": rng.random(), "coverage_written": 1.0} for job in jobs]
        path = layout.path(root, layout.JOBS, date, "darshan")
        path.parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(jobs), path)


@pytest.mark.parametrize("order", JOB_ORDERS)
@pytest.mark.parametrize("run", [1, 40, 100_000])
def test_pieces_are_in_the_order_of_one_table(
    tmp_path: Path, order: str, run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_order, "RUN", run)
    monkeypatch.setattr(job_order, "PIECE", 7)
    write_tables(tmp_path, 6, 25)
    dates = FIRST, FIRST + dt.timedelta(days=9)
    expected = job_tables.find_jobs(tmp_path, *dates, EVERYTHING, order=order)
    assert expected.num_rows == 150
    pieces = list(job_tables.all_jobs(tmp_path, *dates, EVERYTHING, order=order))
    assert [row for piece in pieces for row in piece.to_pylist()] == expected.to_pylist()
    few = list(job_tables.all_jobs(tmp_path, *dates, EVERYTHING, order=order, columns=["nprocs"]))
    assert [row["jobid"] for piece in few for row in piece.to_pylist()] == [
        row["jobid"] for row in expected.to_pylist()
    ]


def test_days_without_jobs_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no table of jobs"):
        job_tables.all_jobs(tmp_path, FIRST, FIRST, EVERYTHING)


@pytest.mark.parametrize("how", [[], ["--json"]])
def test_all_is_written_as_with_a_limit_that_is_not_reached(
    tmp_path: Path, how: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_tables(tmp_path, 3, 25)
    shown = []
    for limit in ("1000", "0"):
        assert main(["jobs", "--archive", str(tmp_path), "--limit", limit, *how]) == 0
        shown.append(capsys.readouterr())
    assert shown[0] == shown[1]
    assert len(json.loads(shown[1].out)) == 75 if how else "POSIX" in shown[1].out
    assert main(["jobs", "--archive", str(tmp_path), "--limit", "0", "--user", "x", *how]) == 1
    nothing = capsys.readouterr()
    assert "no job matches" in nothing.err
    assert nothing.out == ("[]\n" if how else "")


def test_memory_does_not_grow_with_the_number_of_days(tmp_path: Path) -> None:
    """Rows that do not fit: of 70 columns, a process that holds them all has 3 GB."""
    row = dict.fromkeys((f"c{n}" for n in range(60)), 1)
    facts = {"uid": 1, "username": "u", "fsname": "fs", "start_time": 1, "end_time": 2}
    one = pa.Table.from_pylist([row | facts | {"bytes_read": 1, "bytes_written": 1}])
    table = one.take(pa.array([0] * 50_000))
    for n in range(20):
        path = layout.path(tmp_path, layout.JOBS, FIRST + dt.timedelta(days=n), "darshan")
        path.parent.mkdir(parents=True)
        pq.write_table(table.append_column("jobid", pa.array([f"{n}"] * 50_000)), path)
    code = (
        "import datetime, pathlib, sys; from archive_tools.jobs import job_tables as j;"
        "found = j.all_jobs(pathlib.Path(sys.argv[1]), datetime.date.min, datetime.date.max,"
        " j.JobFilter());"
        "print(sum(one.num_rows for one in found),"
        " pathlib.Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert int(shown[0]) == 1_000_000
    assert int(shown[1]) < 600 << 10
