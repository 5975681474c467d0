"""The Slurm source: what accounting can say, and what comes of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import gzip
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import archive_tools
from archive_tools.cli.main import main as archive_main
from archive_tools.core import node_lists
from archive_tools.core.day import Day
from archive_tools.core.errors import ConfigError, NoData, SourceError
from archive_tools.core.findings import Findings
from archive_tools.core.grid import Grid
from archive_tools.core.vocabulary import FindingKind, Product
from archive_tools.formats.records_file import read_records
from archive_tools.store.receipts import Receipts
from pipeline.cli.main import COMPLETE, FAILED, PARTIAL, main
from pipeline.site import validated
from pipeline.sources import slurm
from pipeline.sources.slurm import jobs, occupancy
from pipeline.testing import contract, record_contract
from tests.support.sacct_answers import answer, job, step

DAY = Day(dt.date(2026, 11, 22))
HOUR = 3600
NOON = DAY.start + 12 * HOUR


def options(files: Path | str, **keys: Any) -> slurm.Options:
    content = {"kind": "slurm", "files": str(files), "timezone": "UTC", "timestep": HOUR, **keys}
    return validated(slurm.Options, content, "test")


def archived(
    folder: Path, *texts: str | bytes, day: Day = DAY, **keys: Any
) -> tuple[dict[str, Grid], list[dict[str, Any]], Findings]:
    """The day's grids, table and findings of answers, each in a file of its own."""
    source = folder / "source"
    source.mkdir(parents=True)
    for number, text in enumerate(texts):
        path = source / f"{number}.txt"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    chosen = options(source, **{"timezone": day.timezone, **keys})
    samples, findings, _ = contract.parsed(chosen, day, folder / "raw")
    grids = contract.grids(chosen, day, samples, findings)
    table = record_contract.table_of(chosen, day, [folder / "raw"])
    return grids, table.to_pylist(), findings


# The contract

CASE = [
    [
        job(n, DAY.start + n * HOUR, DAY.start + n * HOUR + 1800 * n, Partition=where, NNodes=n)
        | {"NodeList": f"n[1-{n}]"},
        step(f"{n}.batch", DAY.start + n * HOUR, DAY.start + n * HOUR + 60),
        step(f"{n}.0", DAY.start + n * HOUR + 1, DAY.start + n * HOUR + 60, MaxRSS="1M"),
    ]
    for n in range(1, 9)
    for where in (("batch", "debug")[n % 2],)
]


def write(folder: Path, records: Sequence[Any]) -> None:
    (folder / "sacct.txt").write_text(answer(row for record in records for row in record))


def corrupt(folder: Path) -> str:
    path = folder / "sacct.txt"
    path.write_text(path.read_text().replace("|debug|", "|", 1))
    return "sacct.txt (line "


class TestContract(record_contract.RecordContract):
    @pytest.fixture
    def case(self) -> contract.Case:
        hours = {
            name: sum(n / 2 for n in range(1, 9) if ("batch", "debug")[n % 2] == name)
            for name in ("batch", "debug")
        }
        shared = {"debug": 0.5 * 5, "batch": 1.0 * 6}  # jobs 5 and 7, and jobs 6 and 8
        nodes = {
            name: sum(n * n / 2 for n in range(1, 9) if ("batch", "debug")[n % 2] == name) - less
            for name, less in shared.items()
        }
        totals = {"jobs/running": hours, "nodes/busy": nodes}
        return contract.Case(DAY, CASE, write, options, corrupt, totals)


# What a row says


def test_every_column_is_the_cell_of_the_answer(tmp_path: Path) -> None:
    cells = {"TimelimitRaw": 30, "Suspended": "1-02:03:04", "QOS": "high", "AllocCPUS": 128}
    end = NOON + 600 + 93784
    rows = [
        job("77", NOON, end, JobID="70_3", ElapsedRaw=600, **cells),
        step("77.batch", NOON, NOON + 5),
        step("77.0", NOON, NOON + 5, MaxRSS="3M", TRESUsageOutTot=""),
    ]
    _, (found,), findings = archived(tmp_path, answer(rows))
    assert not list(findings)
    seen = found.pop("seen")
    assert seen >= DAY.end
    assert found == {
        "cluster": "alpha",
        "jobid": "77",
        "submit": NOON - 60,
        "eligible": NOON - 60,
        "start": NOON,
        "end": end,
        "jobid_shown": "70_3",
        "array_jobid": 70,
        "array_task": 3,
        "het_jobid": None,
        "het_component": None,
        "account": "physics",
        "user": "ann",
        "uid": 1001,
        "partition": "batch",
        "qos": "high",
        "state": "COMPLETED",
        "cancelled_by": None,
        "exit_code": 0,
        "exit_signal": 0,
        "elapsed": 600,
        "suspended": 93784,
        "timelimit": 1800,
        "nodes": 2,
        "nodelist": "nid[00001-00002]",
        "cpus": 128,
        "node_seconds": 2 * (end - NOON),
        "node_seconds_day": 2 * 12 * HOUR,
        "steps": 2,
        "max_rss": 3 << 20,
        "disk_read": 2000,
        "disk_written": 500,
        "name": "run",
    }


def test_what_is_not_known_is_null_and_never_zero(tmp_path: Path) -> None:
    text = answer(
        [{"JobIDRaw": 5, "Start": NOON, "End": NOON + 60}], columns=["JobIDRaw", "Start", "End"]
    )
    _, (found,), _ = archived(tmp_path, text)
    known = {name for name, value in found.items() if value is not None}
    assert known == {"jobid", "jobid_shown", "start", "end", "seen", "steps"}


def test_a_requeued_job_has_a_row_for_each_start_and_its_own_steps(tmp_path: Path) -> None:
    rows = [
        job("9", NOON, NOON + 60, State="REQUEUED"),
        step("9.batch", NOON, NOON + 60, MaxRSS="1M"),
        job("9", NOON + 200, NOON + 300, Submit=NOON + 60),
        step("9.batch", NOON + 200, NOON + 300, MaxRSS="7M"),
    ]
    _, found, _ = archived(tmp_path, answer(rows))
    shown = [(row["submit"], row["start"], row["state"], row["max_rss"]) for row in found]
    assert shown == [
        (NOON - 60, NOON, "REQUEUED", 1 << 20),
        (NOON + 60, NOON + 200, "COMPLETED", 7 << 20),
    ]


def test_an_id_that_is_used_again_is_another_job(tmp_path: Path) -> None:
    _, found, _ = archived(
        tmp_path, answer([job("1", NOON, NOON + 9), job("1", NOON + 5000, NOON + 5009)])
    )
    assert [row["submit"] for row in found] == [NOON - 60, NOON + 4940]


def test_heterogeneous_jobs_and_who_cancelled(tmp_path: Path) -> None:
    rows = [
        job("21", NOON, NOON + 9, JobID="20+1", State="CANCELLED by 1002", ExitCode="0:15"),
        job("22", NOON, None, Start="None", State="CANCELLED by 0", NodeList="None assigned"),
    ]
    _, (one, other), _ = archived(tmp_path, answer(rows))
    assert (one["het_jobid"], one["het_component"]) == (20, 1)
    assert (one["state"], one["cancelled_by"], one["exit_signal"]) == ("CANCELLED", 1002, 15)
    assert (other["cancelled_by"], other["node_seconds"], other["nodelist"]) == (0, None, None)


def test_names_may_have_the_delimiter_and_control_characters(tmp_path: Path) -> None:
    """Where the name is in the middle too: it is the only column that may be any text."""
    columns = ["JobIDRaw", "JobName", "Start", "End"]
    row = job("1", NOON, NOON + 9, JobName="a|b\x1b[31m||c")
    _, (found,), findings = archived(tmp_path, answer([row], columns))
    assert found["name"] == "a|b\x1b[31m||c"
    assert not list(findings)


BAD = {
    "cut": "5|alpha",
    "a column too many": "5|alpha|1|2|3|n1|4|extra",
    "negative": f"5|alpha|-5|{NOON}|COMPLETED|n1|1",
    "ends before it starts": f"5|alpha|{NOON}|{NOON - 9}|COMPLETED|n1|1",
    "a bomb of nodes": f"5|alpha|{NOON}|{NOON + 9}|COMPLETED|n[1-999999999999]|1",
    "many brackets": f"5|alpha|{NOON}|{NOON + 9}|COMPLETED|n[1-999][1-999][1-999]|1",
    "a bomb of numbers": f"5|alpha|{NOON}|{NOON + 9}|COMPLETED|n1|999999999",
    "not a time": f"5|alpha|yesterday|{NOON}|COMPLETED|n1|1",
    "control characters": f"5\x1b[2J|alpha|{NOON}|{NOON}|COMPLETED|n1|1",
    "after all times": f"5|alpha|{NOON}|99999999999|COMPLETED|n1|1",
}


@pytest.mark.parametrize("line", BAD.values(), ids=BAD)
def test_a_bad_line_costs_itself_and_is_named(tmp_path: Path, line: str) -> None:
    columns = ["JobIDRaw", "Cluster", "Start", "End", "State", "NodeList", "NNodes"]
    good = answer([job("1", NOON, NOON + HOUR)], columns)
    grids, found, findings = archived(tmp_path, f"{good}{line}\n{good.splitlines()[1]}\n")
    assert [row["jobid"] for row in found] == ["1"]
    assert findings.total(FindingKind.UNREADABLE) == 1
    said = " ".join(findings.sentences())
    assert "0.txt (line 3: " in said
    assert said.isprintable()
    assert grids["jobs/running"].values.sum() == 1


def test_a_last_line_that_was_cut_is_no_row(tmp_path: Path) -> None:
    text = answer([job("1", NOON, NOON + 9), job("2", NOON, NOON + 9, JobName="long name")])
    _, found, findings = archived(tmp_path, text[:-5])
    assert [row["jobid"] for row in found] == ["1"]
    assert "breaks off" in " ".join(findings.sentences())


# Time


@pytest.mark.parametrize(
    ("start", "end", "elapsed", "seconds"),
    [
        ("2026-11-01T01:30:00", "2026-11-01T01:45:00", 900, 900),
        ("2026-11-01T01:30:00", "2026-11-01T01:45:00", 4500, 4500),
        ("2026-11-01T00:30:00", "2026-11-01T02:30:00", 10800, 10800),
        ("2026-11-01T01:45:00", "2026-11-01T01:15:00", 1800, 1800),
    ],
)
def test_the_hour_that_autumn_repeats_is_told_apart_by_how_long_a_job_ran(
    tmp_path: Path, start: str, end: str, elapsed: int, seconds: int
) -> None:
    autumn = Day(dt.date(2026, 11, 1), "America/Los_Angeles")
    row = job("1", NOON, NOON, Submit=start, Eligible=start) | {
        "Start": start,
        "End": end,
        "ElapsedRaw": elapsed,
    }
    grids, (found,), _ = archived(tmp_path, answer([row]), day=autumn)
    assert found["end"] - found["start"] == seconds
    assert grids["jobs/running"].values.shape == (25, 1)
    assert grids["jobs/running"].values.sum() == pytest.approx(seconds / HOUR)


def test_a_time_that_spring_left_out_costs_its_row(tmp_path: Path) -> None:
    spring = Day(dt.date(2026, 3, 8), "America/Los_Angeles")
    good = job("1", spring.start + 60, spring.start + 120)
    bad = good | {"JobIDRaw": 2, "Start": "2026-03-08T02:30:00"}
    _, found, findings = archived(tmp_path, answer([good, bad]), day=spring)
    assert [row["jobid"] for row in found] == ["1"]
    assert "no clock of America/Los_Angeles showed" in " ".join(findings.sentences())


def test_a_row_of_a_figure_is_the_mean_of_its_time(tmp_path: Path) -> None:
    rows = [
        job("1", NOON + 900, NOON + 900 + HOUR),
        job("2", DAY.start - 9000, DAY.start + 1800, NodeList="nid00001", NNodes=1),
        job("3", DAY.end - 1800, DAY.end + 9, NodeList="nid[00001,00003]"),
    ]
    grids, _, _ = archived(tmp_path, answer(rows))
    expected = np.zeros(24)
    expected[[0, 12, 13, 23]] = 0.5, 0.75, 0.25, 0.5
    np.testing.assert_allclose(grids["jobs/running"].values[:, 0], expected)
    np.testing.assert_allclose(
        grids["nodes/busy"].values[:, 0], expected * np.where(np.arange(24) == 0, 1, 2)
    )


def test_a_node_that_jobs_share_is_busy_once(tmp_path: Path) -> None:
    rows = [
        job(str(n), NOON + n, NOON + HOUR, NodeList="nid00007", NNodes=1, Partition="shared")
        for n in range(5)
    ]
    grids, _, _ = archived(tmp_path, answer(rows))
    assert grids["nodes/busy"].values[12, 0] == 1.0
    assert grids["jobs/running"].values[12, 0] == pytest.approx(5 - 10 / HOUR)


# What complete means


def make(folder: Path, site: Callable[..., Path], text: str | None, **keys: Any) -> Path:
    if text is not None:
        (folder / f"sacct.{DAY}.txt").write_text(text)
    source = {"kind": "slurm", "files": "sacct.%Y-%m-%d.txt*", "timestep": HOUR, **keys}
    site({"slurm": source}, late_days=10**5, raw_days=10**5)
    return folder / f"archive/2026/{DAY}"


NIGHT = ["nightly", "--date", str(DAY)]


def said_of(folder: Path, product: Product) -> tuple[str, dict[str, Any]]:
    day = Receipts(folder.parents[1]).day(DAY.date)
    receipt = day.good("slurm", product)
    assert receipt
    return receipt.state, day.content(receipt)


def test_a_night_archives_series_and_table(tmp_path: Path, site: Callable[..., Path]) -> None:
    folder = make(tmp_path, site, answer([job("1", NOON, NOON + HOUR)]))
    assert main(NIGHT) == COMPLETE
    with archive_tools.open_tts(folder / "slurm.hdf5") as tts:
        assert tts.to_numpy("nodes/busy")[12, 0] == 2
    table = read_records(folder / "slurm_jobs.parquet")
    assert table["date"].to_pylist() == [str(DAY)]
    assert said_of(folder, Product.JOBS)[1]["counts"] == {"rows": 1}
    assert main(["check-config"]) == COMPLETE
    assert archive_main(["check", "--deep", "--archive", str(tmp_path / "archive")]) == COMPLETE
    assert main(["status", "--start", str(DAY), "--stop", str(DAY)]) == COMPLETE
    found = archive_tools.Archive(tmp_path / "archive").records("slurm", str(DAY), "2026-11-23")
    assert found["jobid"].tolist() == ["1"]
    jobs = archive_tools.Archive(tmp_path / "archive").jobs(str(DAY), "2026-11-23")
    assert jobs[["scheduler_jobid", "logs"]].to_numpy().tolist() == [["1", 0]]


def test_a_header_alone_is_a_day_without_jobs(tmp_path: Path, site: Callable[..., Path]) -> None:
    folder = make(tmp_path, site, answer([]))
    assert main(NIGHT) == COMPLETE
    assert read_records(folder / "slurm_jobs.parquet").num_rows == 0
    with archive_tools.open_tts(folder / "slurm.hdf5") as tts:
        assert tts.to_numpy("jobs/running").tolist() == [[0.0]] * 24


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("sacct: error: slurmdbd: Connection refused\n", "no line that names the columns"),
        ("1|2026-11-22T00:00:00|2026-11-22T01:00:00\n", "no line that names the columns"),
        ("JobIDRaw|Start|End", "no line that names the columns"),
    ],
)
def test_what_is_no_answer_fails_the_day(
    tmp_path: Path,
    site: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    text: str,
    why: str,
) -> None:
    make(tmp_path, site, text)
    assert main(NIGHT) == FAILED
    assert why in capsys.readouterr().err


def test_jobs_of_other_days_alone_are_no_data(tmp_path: Path, site: Callable[..., Path]) -> None:
    """A template that leads to another day's file must not make a day without jobs."""
    make(tmp_path, site, answer([job("1", DAY.start - 90000, DAY.start - 9)]))
    assert main(NIGHT) == FAILED


def test_an_answer_of_noon_says_nothing_of_the_afternoon(
    tmp_path: Path, site: Callable[..., Path]
) -> None:
    """By the time for which its jobs had run, whenever the file was copied."""
    text = answer([job("1", NOON - HOUR, None, ElapsedRaw=HOUR)])
    folder = make(tmp_path, site, text)
    assert main(NIGHT) == PARTIAL
    state, said = said_of(folder, Product.TTS)
    assert (state, said["percent"]) == ("partial", 50)
    assert said["why"] == "nothing measured since 12:00"
    assert said_of(folder, Product.JOBS)[1]["why"] == said["why"]
    (row,) = read_records(folder / "slurm_jobs.parquet").to_pylist()
    assert (row["end"], row["seen"], row["node_seconds_day"]) == (None, NOON, 2 * HOUR)


def test_without_a_running_job_an_answer_is_of_when_its_file_changed(
    tmp_path: Path, site: Callable[..., Path]
) -> None:
    folder = make(tmp_path, site, answer([job("1", NOON - HOUR, NOON)]))
    os.utime(tmp_path / f"sacct.{DAY}.txt", (NOON, NOON))
    assert main(NIGHT) == PARTIAL
    assert said_of(folder, Product.TTS)[1]["why"] == "nothing measured since 12:00"


def test_a_partition_without_a_job_has_none_and_is_not_missing(
    tmp_path: Path, site: Callable[..., Path]
) -> None:
    day = DAY.date - dt.timedelta(days=1)
    before = [job(n, NOON - 86400, NOON - 80000, Partition=n) for n in ("1a", "2b")]
    (tmp_path / f"sacct.{day}.txt").write_text(answer(before))
    folder = make(tmp_path, site, answer([job("1", NOON, NOON + HOUR, Partition="1a")]))
    assert main(["nightly", "--date", str(day)]) == COMPLETE
    assert main(NIGHT) == COMPLETE
    with archive_tools.open_tts(folder / "slurm.hdf5") as tts:
        assert tts.columns("jobs/running") == ("1a", "2b")
        assert tts.to_numpy("jobs/running")[:, 1].tolist() == [0.0] * 24


def test_an_end_that_is_known_later_makes_the_day_again(
    tmp_path: Path, site: Callable[..., Path]
) -> None:
    start = DAY.end - HOUR
    folder = make(tmp_path, site, answer([job("1", start, None, ElapsedRaw=2 * HOUR)]))
    assert main(NIGHT) == COMPLETE
    (row,) = read_records(folder / "slurm_jobs.parquet").to_pylist()
    assert (row["state"], row["node_seconds"]) == ("RUNNING", 4 * HOUR)
    make(tmp_path, site, answer([job("1", start, start + 5 * HOUR)]))
    assert main(["status", "--start", str(DAY), "--stop", str(DAY)]) == PARTIAL, "late"
    assert main(NIGHT) == COMPLETE
    (row,) = read_records(folder / "slurm_jobs.parquet").to_pylist()
    assert (row["state"], row["node_seconds"]) == ("COMPLETED", 10 * HOUR)
    assert row["node_seconds_day"] == 2 * HOUR


def test_a_job_that_a_later_answer_lacks_is_named(tmp_path: Path) -> None:
    _, found, findings = archived(
        tmp_path,
        answer([job("1", NOON - 60, None, ElapsedRaw=60)]),
        answer([job("2", NOON, NOON + HOUR)]),
    )
    assert [row["end"] for row in found] == [None, NOON + HOUR]
    assert findings.total(FindingKind.JOBS_UNSEEN) == 1


# Files


def test_compressed_answers_and_another_delimiter(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    text = answer([job("1", NOON, NOON + 9, JobName="a|b")], between="|000123|")
    (tmp_path / "source/a.txt.gz").write_bytes(gzip.compress(text.encode()))
    chosen = options(tmp_path / "source")
    samples, findings, _ = contract.parsed(chosen, DAY, tmp_path / "raw")
    assert len(samples) == 2
    assert not list(findings)
    (row,) = record_contract.table_of(chosen, DAY, [tmp_path / "raw"]).to_pylist()
    assert row["name"] == "a|b"


def test_jobs_of_other_clusters_are_left_out(tmp_path: Path) -> None:
    rows = [job("1", NOON, NOON + 9), job("1", NOON, NOON + 9, Cluster="beta")]
    _, (found,), _ = archived(tmp_path, answer(rows), cluster="beta")
    assert found["cluster"] == "beta"


def test_jobs_of_other_clusters_alone_are_not_a_day_without_jobs(
    tmp_path: Path, site: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path, site, answer([job("1", NOON, NOON + 60)]), cluster="Alpha")
    assert main(NIGHT) == FAILED
    assert "the files have jobs of alpha, and none of Alpha" in capsys.readouterr().out
    (tmp_path / "none").mkdir()
    _, found, _ = archived(tmp_path / "none", answer([]), cluster="Alpha")
    assert not found, "the line of names alone says that there were no jobs"


def test_the_json_of_cache_slurm_is_found_again_cell_by_cell(real: Path, tmp_path: Path) -> None:
    """Every job and step of pytokio's sample, by a reading of its own."""
    saved = real / "slurm/sample.slurm"
    day = Day(dt.date(2017, 3, 20), "America/Los_Angeles")
    source = tmp_path / "source"
    source.mkdir()
    (source / "sample.slurm").write_bytes(saved.read_bytes())
    chosen = options(source, timezone=day.timezone, cluster="edison")
    samples, findings, _ = contract.parsed(chosen, day, tmp_path / "raw")
    assert not list(findings)
    content = json.loads(saved.read_text())
    whole = content["4478544"]
    start, end = (
        int(dt.datetime.fromisoformat(f"{whole[name]}-07:00").timestamp())
        for name in ("start", "end")
    )
    (row,) = record_contract.table_of(chosen, day, [tmp_path / "raw"]).to_pylist()
    assert (row["cluster"], row["jobid"], row["start"], row["end"]) == (
        "edison",
        "4478544",
        start,
        end,
    )
    assert sorted(node_lists.expand(row["nodelist"])) == sorted(whole["nodelist"])
    assert row["nodes"] == len(whole["nodelist"]) == 128
    assert row["steps"] == len(content) - 1
    assert row["node_seconds"] == row["node_seconds_day"] == 128 * (end - start)
    grids = contract.grids(chosen, day, samples)
    assert grids["nodes/busy"].values.sum() * HOUR == pytest.approx(128 * (end - start))
    assert grids["jobs/running"].columns == (occupancy.NO_PARTITION,)


# Properties

numbers = st.integers(0, 99_999)
names = st.builds(
    lambda head, number, width, tail: f"{head}{number:0{width}d}{tail}",
    st.sampled_from(["nid", "n", "gpu-a", "r1i0n"]),
    numbers,
    st.integers(1, 6),
    st.sampled_from(["", "-ib", "x"]),
)


@given(st.sets(names, min_size=1, max_size=60))
def test_node_lists_round_trip(wanted: set[str]) -> None:
    text = node_lists.compact(wanted)
    found = node_lists.expand(text)
    assert sorted(found) == sorted(wanted)
    assert node_lists.count(text) == len(wanted)
    assert node_lists.compact(found) == text


@given(st.text(st.sampled_from("n[]-,09 x\n"), max_size=20))
def test_any_text_is_a_list_of_its_length_or_refused(text: str) -> None:
    try:
        size = node_lists.count(text)
    except ValueError:
        return
    assert len(node_lists.expand(text)) == size


runs = st.lists(
    st.tuples(st.integers(-5 * 86400, 86400), st.integers(0, 10 * 86400), st.integers(1, 50)),
    min_size=1,
    max_size=12,
)


@given(runs)
def test_node_seconds_are_conserved_over_days_and_by_the_figures(
    found: list[tuple[int, int, int]],
) -> None:
    """What is in the days of a week of autumn is what the jobs had in all; the figures of nodes
    that are not shared add up to the same.
    """
    week = [
        Day(dt.date(2026, 10, 25) + dt.timedelta(days=n), "America/New_York") for n in range(22)
    ]
    some = [
        _made(number, week[6].start + start, length, nodes)
        for number, (start, length, nodes) in enumerate(found)
    ]
    whole = sum(job.node_seconds(0, 2**33) or 0 for job in some)
    assert sum(job.node_seconds(day.start, day.end) or 0 for job in some for day in week) == whole
    figures = sum(
        float(occupancy.busy(some, occupancy.Rows(day.start, HOUR, day.rows(HOUR))).sum())
        for day in week
    )
    assert figures * HOUR == pytest.approx(whole)


def _made(number: int, start: int, length: int, nodes: int) -> jobs.Job:
    row = job(
        str(number),
        start,
        start + length,
        NNodes=nodes,
        NodeList=f"j{number}-[1-{nodes}]",
    )
    cells = {name.lower(): str(cell) for name, cell in row.items()} | {"line": "1"}
    found = jobs.answer_of([cells], 2**32, "UTC", "", _refuse)
    return dataclasses.replace(found.jobs[0])


def _refuse(what: str) -> None:
    raise AssertionError(what)


@given(st.permutations(range(6)), st.integers(0, 6))
def test_the_newest_record_of_a_job_wins_in_any_order(order: list[int], cut: int) -> None:
    rows = [
        job("1", NOON, None, ElapsedRaw=60),
        job("1", NOON, None, ElapsedRaw=600),
        job("1", NOON, NOON + 900, State="FAILED"),
        job("2", NOON, NOON + 5, Start="Unknown", State="PENDING", End="Unknown"),
        job("2", NOON, NOON + 5),
        job("3", NOON, NOON + 7),
    ]
    texts = [{k.lower(): str(v) for k, v in rows[n].items()} | {"line": "1"} for n in order]
    changed = NOON + 10_000
    answers = [
        jobs.answer_of(part, changed, "UTC", "", _refuse)
        for part in (texts[:cut], texts[cut:])
        if part
    ]
    found = jobs.united(answers, DAY.start, DAY.end)
    assert [(one.jobid, one.end) for one in found if one.end is not None] == [
        ("1", NOON + 900),
        ("2", NOON + 5),
        ("3", NOON + 7),
    ]


# The command


def command(folder: Path, script: str) -> list[str]:
    path = folder / "sacct"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return [str(path)]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'sacct: error: no \x1b[31mslurmdbd' >&2; exit 1", "ended with code 1: sacct: error"),
        ("exit 0", "gave no table"),
        ("echo 'Connection refused'", "no line that names the columns"),
        ("sleep 60", "took longer than"),
        ("head -c 3000000 /dev/zero; sleep 60", "more than 1 MiB"),
    ],
)
def test_a_command_that_fails_is_not_a_day_without_jobs(
    tmp_path: Path, script: str, why: str
) -> None:
    chosen = options(
        "",
        command=command(tmp_path, script),
        ask_seconds=0.5,
        fetch_seconds=0.5 if "than" in why and "MiB" not in why else 30.0,
        max_expanded_mb=1,
    )
    (tmp_path / "raw").mkdir()
    with pytest.raises(SourceError, match=why) as caught:
        slurm.SOURCE.fetch(chosen, DAY, tmp_path / "raw")
    assert str(caught.value).isprintable()


def test_a_command_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be run: No such file"):
        slurm.SOURCE.inputs(options("", command=[str(tmp_path / "sacct")]), DAY)


def test_a_command_has_its_words_and_a_small_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words reach it as they are; a secret of the pipeline's environment does not."""
    monkeypatch.setenv("LMT_PASSWORD", "secret")
    script = f'env > {tmp_path}/env; printf "%s\\n" "$@" > {tmp_path}/words; exit 3'
    autumn = Day(dt.date(2026, 11, 1), "America/Los_Angeles")
    words = [*command(tmp_path, script), "; echo $HOME"]
    chosen = options("", command=words, timezone=autumn.timezone, cluster="alpha")
    with pytest.raises(SourceError):
        slurm.SOURCE.inputs(chosen, autumn)
    given = (tmp_path / "words").read_text().splitlines()
    assert given[0] == "; echo $HOME"
    assert {"--allusers", "--duplicates", "--clusters=alpha"} <= set(given)
    assert "--starttime=2026-11-01T00:00:00" in given
    assert "--endtime=2026-11-02T00:00:00" in given
    kept = (tmp_path / "env").read_text()
    assert "secret" not in kept
    assert "TZ=America/Los_Angeles\n" in kept


@pytest.mark.parametrize("keys", [{"files": "x", "command": ["sacct"]}, {"files": ""}])
def test_files_or_a_command_and_not_both(keys: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="exactly one of files and command"):
        validated(slurm.Options, {"kind": "slurm", **keys}, "test")


def test_a_later_answer_of_a_command_takes_the_place_of_one_that_it_has_all_of(
    tmp_path: Path, site: Callable[..., Path]
) -> None:
    """A collect every hour keeps one piece; what was purged since is kept."""

    def night(*rows: dict[str, Any]) -> tuple[int, list[str | None]]:
        (tmp_path / "answer").write_text(answer(rows))
        words = command(tmp_path, f"cat {tmp_path}/answer")
        folder = make(tmp_path, site, None, files="", command=words)
        assert main(NIGHT) == COMPLETE
        table = read_records(folder / "slurm_jobs.parquet")
        return len(said_of(folder, Product.RAW)[1]["pieces"]), table["state"].to_pylist()

    start = DAY.end - HOUR
    running = job("1", start, None, ElapsedRaw=2 * HOUR)
    assert night(running) == (1, ["RUNNING"])
    assert night(job("1", start, start + 9 * HOUR), job("2", start, start + 9)) == (
        1,
        ["COMPLETED", "COMPLETED"],
    )
    assert night(job("2", start, start + 9)) == (2, ["COMPLETED", "COMPLETED"])


def test_another_day_of_a_command_is_requested_anew(tmp_path: Path) -> None:
    with pytest.raises(NoData):
        slurm.SOURCE.fetch(options(tmp_path / "none*"), DAY, tmp_path)
