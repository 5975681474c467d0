"""Darshan logs for users of the old tools and of Python: indexes of any logs, single logs, JSON."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archive_tools
from archive_tools.cli.main import main
from archive_tools.cli.pytokio.darshan_scoreboard import darshan_scoreboard
from archive_tools.cli.pytokio.find_darshanlogs import find_darshanlogs
from archive_tools.cli.pytokio.summarize_h5lmt import summarize_h5lmt
from archive_tools.cli.pytokio.summarize_job import summarize_job
from archive_tools.cli.pytokio.summarize_tts import summarize_tts
from archive_tools.formats import darshan_log
from pipeline.building import log_index
from pipeline.cli.darshan_logs import cache, summarize
from pipeline.cli.index_darshanlogs import main as index_darshanlogs
from tests.support import paths
from tests.support.paths import ROOT, SITEDAY_LOGS

pytestmark = pytest.mark.system

LOGS = sorted(SITEDAY_LOGS.iterdir())
MPIIO = next(log for log in LOGS if "mpiio_id9100001" in log.name)
SOME = [MPIIO, *[log for log in LOGS if "_fpp_" in log.name][:3]]


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Some logs in folders of several depths; no site file is near."""
    monkeypatch.delenv("TOKIO_SITE", raising=False)
    monkeypatch.chdir(tmp_path)
    for place, log in zip(("2026/11/21", "2026/11/22", "2026/11/22/deep", "."), SOME, strict=True):
        folder = tmp_path / "logs" / place
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(log, folder)
    return tmp_path / "logs"


def rows(file: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(file)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


BYTES = "SELECT filename, mountpt, bytes_written FROM summaries JOIN headers USING (log_id)"
BYTES += " JOIN mounts USING (fs_id) ORDER BY 1, 2"


def test_index_of_folders_of_any_depth(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (logs / "README").write_text("not a log")
    assert index_darshanlogs([str(logs), "-o", "all.db", "-t", "2", "-v"]) == 0
    assert capsys.readouterr().out == "all.db: 4 logs added, 0 in it already, 0 cannot be read\n"
    assert rows(Path("all.db"), "SELECT filename FROM headers ORDER BY 1") == [
        (name,) for name in sorted(log.name for log in SOME)
    ]
    assert (MPIIO.name, "/scratch", 201326592) in rows(Path("all.db"), BYTES)
    assert rows(Path("all.db"), "SELECT folder FROM headers WHERE jobid = '9100001'") == [
        (str(logs / "2026/11/21"),)
    ]
    assert main(["scoreboard", "all.db", "--by", "fs"]) == 0


def test_an_index_grows_and_reads_nothing_twice(
    logs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    index, first, second = Path("i.db"), logs / SOME[3].name, logs / "2026"
    assert index_darshanlogs([str(first), "-o", "i.db"]) == 0
    assert index_darshanlogs([str(second), str(first), "-o", "i.db", "-v"]) == 0
    assert "3 logs added, 1 in it already" in capsys.readouterr().out
    assert len(rows(index, "SELECT * FROM headers")) == 4
    with monkeypatch.context() as patched:
        patched.setattr(log_index.isolated, "run", lambda job: pytest.fail("read again"))
        assert index_darshanlogs([str(logs), "-o", "i.db"]) == 0
    before = rows(index, BYTES)
    os.utime(first, (1, 1))
    assert index_darshanlogs([str(logs), "-o", "i.db", "-v"]) == 0
    assert "1 logs added, 3 in it already" in capsys.readouterr().out
    assert rows(index, BYTES) == before


def test_two_logs_of_one_name(logs: Path) -> None:
    shutil.copy(MPIIO, logs / "2026/11/22")
    assert index_darshanlogs([str(logs), "-o", "i.db"]) == 0
    assert {name for (name,) in rows(Path("i.db"), "SELECT filename FROM headers")} == {
        *(log.name for log in SOME),
        str(logs / "2026/11/22" / MPIIO.name),
    }


def test_logs_that_cannot_be_read(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (logs / "bad.darshan").write_text("x" * 5000)
    (logs / "other").write_text("x")
    given = [str(logs), str(logs / "other"), str(logs / "none"), "-o", "i.db"]
    assert index_darshanlogs(given) == 1
    said = capsys.readouterr().err
    assert "bad.darshan: named like a Darshan log but not one" in said
    assert "other: neither its name nor its content" in said
    assert "none: it is not there" in said
    assert rows(Path("i.db"), "SELECT filename FROM rejects") == [("bad.darshan",)]
    assert index_darshanlogs([*given, "-q"]) == 1
    assert capsys.readouterr().err == ""
    shutil.copy(MPIIO, logs / "bad.darshan")
    assert index_darshanlogs([str(logs), "-o", "i.db"]) == 0
    assert rows(Path("i.db"), "SELECT * FROM rejects") == []
    assert len(rows(Path("i.db"), "SELECT * FROM headers")) == 5


def test_names_of_file_systems(logs: Path) -> None:
    assert index_darshanlogs([str(MPIIO), "-o", "i.db"]) == 0
    query = "SELECT fsname FROM mounts WHERE mountpt = '/scratch'"
    assert rows(Path("i.db"), query) == [("/scratch",)]
    Path("site.json").write_text('{"mount_to_fsname": {"^/scratch": "big"}}')
    assert index_darshanlogs([str(MPIIO), "-o", "i.db"]) == 0
    assert rows(Path("i.db"), query) == [("big",)]
    Path("bad.json").write_text('{"mount_to_fsname": {"(": "big"}}')
    assert index_darshanlogs([str(MPIIO), "-o", "i.db", "--site", "bad.json"]) == 1


def test_large_logs_are_read_without_what_is_not_summed(logs: Path) -> None:
    assert index_darshanlogs([str(MPIIO), "-o", "whole.db"]) == 0
    assert index_darshanlogs([str(MPIIO), "-o", "lean.db", "-m", "0.0001"]) == 0
    assert index_darshanlogs([str(MPIIO), "-o", "same.db", "-m", "1000"]) == 0
    query = "SELECT mpiio_bytes_written, posix_agg_perf IS NULL FROM headers"
    assert rows(Path("whole.db"), query) == rows(Path("same.db"), query) == [(201326592, 0)]
    assert rows(Path("lean.db"), query) == [(None, 1)]
    assert rows(Path("whole.db"), BYTES) == rows(Path("lean.db"), BYTES)


@pytest.mark.parametrize("content", ["text", "tables"])
def test_another_file_is_not_an_index(
    content: str, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content == "text":
        Path("i.db").write_text("text " * 1000)
    else:
        connection = sqlite3.connect("i.db")
        connection.execute("CREATE TABLE headers (log_id INTEGER)")
        connection.close()
    before = Path("i.db").read_bytes()
    assert index_darshanlogs([str(MPIIO), "-o", "i.db"]) == 1
    assert "i.db" in capsys.readouterr().err
    assert Path("i.db").read_bytes() == before
    assert index_darshanlogs([str(MPIIO), "-o", "none/i.db"]) == 1


def test_logs_that_make_the_library_crash(logs: Path) -> None:
    """They cost themselves, and no log that is read after them."""
    poison = paths.cases("darshan") / "poison.darshan"
    for place in (".", "2026/11", "2026/11/22/deep"):
        shutil.copy(poison, logs / place / f"a{len(place)}.darshan")
    index_darshanlogs([str(logs), "-o", "i.db"])
    names = {name for (name,) in rows(Path("i.db"), "SELECT filename FROM headers")}
    assert names >= {log.name for log in SOME}
    assert len(rows(Path("i.db"), "SELECT * FROM log_files")) == 7


def test_a_log_in_python() -> None:
    log = archive_tools.read_darshan_log(MPIIO)
    assert (log.header["jobid"], log.header["nprocs"]) == ("9100001", 4)
    assert log.header["modules"][:2] == ["POSIX", "MPI-IO"]
    assert log.mounts["/scratch"] == "ext4"
    posix = log.modules["POSIX"]
    assert posix.values.shape == (len(posix), len(posix.counters))
    on_scratch = np.char.startswith(posix.file.astype(str), "/scratch")
    assert posix["POSIX_BYTES_WRITTEN"][on_scratch].sum() == 201326592
    assert posix["POSIX_F_WRITE_TIME"].dtype == np.float64
    with pytest.raises(archive_tools.NotFound, match="no counter"):
        posix["BYTES"]
    assert log.by_mount["/scratch"]["bytes_read"] == 201326592
    series = log.series
    column = series.mounts.index("/scratch")
    assert series.bytes_written[:, column].sum() == 201326592
    assert (series.outside, series.timestep) == (0, 60)
    assert series.time[0] <= log.header["start_time"] < series.time[0] + 60
    fine = archive_tools.read_darshan_log(str(MPIIO), timestep=1).series
    assert fine.bytes_read.sum() == series.bytes_read.sum()
    assert len(fine.time) > len(series.time)


def test_a_log_that_cannot_be_read_in_python(tmp_path: Path) -> None:
    (tmp_path / "x.darshan").write_text("x" * 5000)
    with pytest.raises(archive_tools.SourceError, match="not one"):
        archive_tools.read_darshan_log(tmp_path / "x.darshan")
    (tmp_path / "x").write_text("x" * 5000)
    with pytest.raises(archive_tools.SourceError, match="neither its name"):
        archive_tools.read_darshan_log(tmp_path / "x")
    with pytest.raises(archive_tools.NotFound):
        archive_tools.read_darshan_log(tmp_path / "none")
    with pytest.raises(archive_tools.BadArgument):
        archive_tools.read_darshan_log(MPIIO, timestep=0)


SENDS_PICKLE = """
import os, pickle, sys
class Made:
    def __reduce__(self):
        return os.mkdir, (os.path.join(os.path.dirname(sys.argv[2]), "made"),)
sys.stdout.buffer.write(pickle.dumps(Made()))
"""


@pytest.mark.parametrize(
    "program",
    [
        SENDS_PICKLE,
        "",
        r"import sys; sys.stdout.buffer.write(b'\x92\x90\xc0')",
        r"import sys; sys.stdout.buffer.write(b'\x92\x90\x80')",
    ],
    ids=["a pickle", "nothing", "no error and no log", "a log without fields"],
)
def test_what_a_reader_gives_is_never_run(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(MPIIO, tmp_path)
    monkeypatch.setattr(darshan_log, "READER", program)
    with pytest.raises(archive_tools.SourceError, match="gave something else"):
        archive_tools.read_darshan_log(tmp_path / MPIIO.name)
    assert not (tmp_path / "made").exists()


def test_series_of_crafted_logs_in_python() -> None:
    assert archive_tools.read_darshan_log(paths.cases("darshan") / "poison.darshan").header[
        "unreadable_modules"
    ]
    series = archive_tools.read_darshan_log(
        paths.cases("darshan") / "trace_of_half_the_files.darshan"
    ).series
    minute = series.time % 86_400 // 60
    written = series.bytes_written.sum(axis=1)
    assert [round(written[minute == at].sum() / 1e6, 1) for at in (480, 495)] == [100.7, 100.7]
    days = archive_tools.read_darshan_log(paths.cases("darshan") / "job_of_48_hours.darshan").series
    assert days.bytes_written.sum() == 201326592


def test_a_users_own_pipeline_py_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "pipeline.py").write_text("raise SystemExit('pipeline.py was run')\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, archive_tools\n"
        "print(archive_tools.read_darshan_log(sys.argv[1]).header['jobid'])\n"
        "print([name for name in sys.modules if name.startswith('pipeline')])\n"
    )
    command = [sys.executable, script, MPIIO]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert shown.stdout.split() == ["9100001", "[]"]


def test_find_logs_of_a_folder(logs: Path) -> None:
    def names(*days: Any, **chosen: Any) -> list[str]:
        return sorted(log.name for log in archive_tools.find_logs(logs, *days, **chosen))

    everything = sorted(log.name for log in SOME)
    for log in logs.rglob("*.darshan"):
        os.utime(log, (1795400000, 1795400000))  # in the night of 2026-11-23
    assert names() == names("2026-11-22") == names(dt.date(2026, 11, 1), "2026-11-30") == everything
    assert names("2025-11-22") == names(stop="2026-11-21") == names(user="nobody") == []
    assert names(job=9100001) == [MPIIO.name]
    shutil.copy(MPIIO, logs / "a_b_id7_12-31-5-9_1.darshan")
    os.utime(logs / "a_b_id7_12-31-5-9_1.darshan", (1798800000, 1798800000))  # 2027-01-01
    assert names("2026-12-31") == ["a_b_id7_12-31-5-9_1.darshan"]
    for wrong in (("2026-11-22", "2026-11-21"), ("yesterday",)):
        with pytest.raises(archive_tools.BadArgument):
            names(*wrong)
    with pytest.raises(archive_tools.NotFound):
        archive_tools.find_logs(logs / "none")
    (logs / "archive.json").write_text("{}")
    with pytest.raises(archive_tools.BadArgument, match="is an archive"):
        names()


def test_find_logs_of_a_site(logs: Path) -> None:
    sources = {"darshan": {"kind": "darshan", "logs": "logs/%Y/%m/%d"}}
    Path("site.json").write_text(json.dumps({"archive": "archive", "sources": sources}))
    Path("archive").mkdir()
    first, *others = (log.name for log in SOME[:3])
    assert [log.name for log in archive_tools.find_logs("", "2026-11-21")] == [first]
    found = archive_tools.find_logs("site.json", "2026-11-21", "2026-11-22")
    assert sorted(log.name for log in found) == sorted([first, *others])
    assert archive_tools.find_logs(job=9100001) == [], "no day's index has it"
    with pytest.raises(archive_tools.BadArgument, match="days are missing"):
        archive_tools.find_logs("site.json")


def test_modules_and_counters_of_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ["--modules", "posix", "--counters", "bytes_*,POSIX_OPENS", str(MPIIO)]
    assert cache(["--base", "--total", *chosen]) == 0
    counters = json.loads(capsys.readouterr().out)["counters"]
    assert list(counters) == ["posix"]
    names = {"BYTES_READ", "BYTES_WRITTEN", "OPENS"}
    assert set(counters["posix"].pop("_total")) == names
    assert all(
        set(record) == names for ranks in counters["posix"].values() for record in ranks.values()
    )
    with pytest.raises(SystemExit) as stopped:
        cache(["--modules", "posixx", str(MPIIO)])
    assert stopped.value.code == 2


def test_lustre_records_have_their_ranks(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        cache(
            ["--modules", "lustre", str(paths.cases("darshan") / "lustre_record_by_rank.darshan")]
        )
        == 0
    )
    files = json.loads(capsys.readouterr().out)["counters"]["lustre"]
    ranks = {rank for records in files.values() for rank in records}
    assert len(ranks) > 1
    assert "0" in ranks
    for record in (one for records in files.values() for one in records.values()):
        assert record["STRIPE_OFFSET"] == record["OST_ID_0"]


def test_sums_of_folders_that_grow(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert summarize([str(logs / "2026/11/21"), "-o", "before.json"]) == 0
    (first,) = json.loads(Path("before.json").read_text())
    assert first == str(logs / "2026/11/21" / MPIIO.name)
    content = {first: {"/scratch": {"read_bytes": 1, "write_bytes": 2}}}
    Path("before.json").write_text(json.dumps(content))
    assert summarize([str(logs), "-i", "before.json", "-t", "2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found) == 4
    assert found[first] == content[first], "it is not read again"
    assert summarize([str(logs), "-m", "0.00001"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {}
    assert shown.err.count("passed over") == 4
    Path("before.json").write_text("[]")
    assert summarize([str(logs), "-i", "before.json"]) == 1


def test_logs_that_are_found_and_loaded(logs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (logs / "2026/11/22/wrong.darshan").write_text("x" * 5000)
    days = ["-s", "2026-11-21", "-e", "2026-11-22", "--logdir", str(logs)]
    assert find_darshanlogs([*days, "-l", "base,total", "-j", "9100001"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert list(found) == [str(logs / "2026/11/21" / MPIIO.name)]
    posix = found[str(logs / "2026/11/21" / MPIIO.name)]["counters"]["posix"]
    assert posix["_total"]["BYTES_WRITTEN"] == 201326592
    assert len(posix) > 1
    assert find_darshanlogs([*days, "--load", "total"]) == 1
    shown = capfd.readouterr()
    assert len(json.loads(shown.out)) == 3
    assert "wrong.darshan: " in shown.err
    assert find_darshanlogs([*days, "-l", "base", "-u", "nobody"]) == 1
    with pytest.raises(SystemExit):
        find_darshanlogs([*days, "-l", "all"])


@pytest.mark.parametrize("program", ["cache", "summarize"])
def test_a_closed_pipe_is_quiet(program: str) -> None:
    code = f"import sys; from pipeline.cli.darshan_logs import {program}; sys.exit({program}())"
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", code, str(MPIIO)]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, b"")


PROGRAMS = {
    "index_darshanlogs": index_darshanlogs,
    "cache_darshanlogs.py": cache,
    "summarize_darshanlogs.py": summarize,
    "find_darshanlogs": find_darshanlogs,
    "darshan_scoreboard": darshan_scoreboard,
    "summarize_job": summarize_job,
    "summarize_tts": summarize_tts,
    "summarize_h5lmt": summarize_h5lmt,
}
TABLE = re.findall(
    r"^\| `([\w.]+)` \| (.*?) \|(.*)\|$",
    (ROOT / "docs/commands.md")
    .read_text()
    .partition("## The flags of pytokio's tools")[2]
    .partition("## Side by side")[0],
    re.MULTILINE,
)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_table_of_flags(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each flag of a command is in the table once, accepted; what is refused is not a flag."""
    (row,) = [row for row in TABLE if row[0] == name]
    accepted, refused = (set(re.findall(r"`(--?[\w-]+)`", cell)) for cell in row[1:])
    with pytest.raises(SystemExit):
        PROGRAMS[name](["--help"])
    listed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  -")]
    flags = {flag for line in listed for flag in re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", line)}
    flags -= {"-h", "--help"}
    assert accepted <= flags
    assert not refused & flags
    assert {flag for flag in flags if flag.startswith("--")} <= accepted, "the table lacks flags"


def test_the_keys_of_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs/commands.md").read_text().partition("Keys of a log in JSON")[2]
    header = set(re.findall(r"`(\w+)`", text.partition("`header`:")[2].partition(";")[0]))
    perf = set(re.findall(r"`(\w+)`", text.partition("`_perf`:")[2].partition(".")[0]))
    assert cache(["--perf", str(MPIIO)]) == 0
    log = json.loads(capsys.readouterr().out)
    assert set(log) == {"header", "mounts", "counters"}
    assert set(log["header"]) == header
    assert set(log["counters"]["posix"]["_perf"]) == perf
