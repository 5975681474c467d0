"""Logs to jobs: a file counts once, OSTs are accused for an effect, and figures that nothing can
have stop no step.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import struct
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

import archive_tools
from archive_tools.cli.main import main as archive_main
from archive_tools.core.sums import LARGEST, capped_sums
from archive_tools.core.vocabulary import FindingKind, Product
from archive_tools.formats.darshan_tables import read_table
from archive_tools.jobs.slow_osts import OstCorrelation, bad_osts
from archive_tools.store.receipts import Receipts
from pipeline.cli.main import COMPLETE, main
from pipeline.sources.darshan.library import counters, record_dtype
from tests.support import paths
from tests.support.darshan_bytes import LogBytes
from tests.support.nights import FOREVER

Site = Callable[..., Path]
DATE = "2026-11-22"
FILES = 12
OST_AT = 32 + 7 * 8 + 16
"""Bytes of a Lustre record of one component before its only OST."""
LUSTRE_RECORD = OST_AT + 8


@pytest.fixture(scope="module")
def cases() -> Path:
    """The folder of the cases."""
    return paths.cases("darshan")


@pytest.fixture
def archived(tmp_path: Path, site: Site) -> Callable[..., Path]:
    """Archives a day with some logs, given by name and content; gives the day's folder."""

    def of(logs: dict[str, bytes], **more: Any) -> Path:
        (tmp_path / "logs").mkdir(exist_ok=True)
        for name, content in logs.items():
            (tmp_path / "logs" / name).write_bytes(content)
        site({"darshan": {"kind": "darshan", "logs": "logs", **more}}, **FOREVER)
        assert main(["nightly", "--date", DATE]) == COMPLETE
        return tmp_path / f"archive/2026/{DATE}"

    return of


def by_rank(cases: Path) -> LogBytes:
    return LogBytes.of(cases / "lustre_record_by_rank.darshan")


# Lustre


def test_records_of_many_ranks_are_one_file(
    cases: Path, archived: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    content = by_rank(cases).content()
    path = archived({"one.darshan": content}) / "darshan.hdf5"
    stripes = read_table(path, "stripes")
    assert len(stripes["bytes"]) == FILES
    assert stripes["bytes"].sum() == 201_326_592
    logs = read_table(path, "logs")
    assert (logs["lustre_files"].tolist(), logs["lustre_osts"].tolist()) == ([FILES], [5])
    capsys.readouterr()
    assert archive_main(["bad-osts", str(path)]) == 0
    assert capsys.readouterr().out == (
        "0 of 5 OSTs go with slow files (at least 5 files, 1.2 times slower)\n"
    )


def test_a_negative_number_is_not_an_ost(cases: Path, archived: Callable[..., Path]) -> None:
    log = by_rank(cases)
    region = bytearray(log.modules["LUSTRE"])
    records = [
        bytes(region[at : at + LUSTRE_RECORD]) for at in range(0, len(region), LUSTRE_RECORD)
    ]
    ids = [record[:8] for record in records]
    changed = b"".join(
        record[:OST_AT] + struct.pack("<q", -1) if own == ids[0] else record
        for own, record in zip(ids, records, strict=True)
    )
    log = dataclasses.replace(log, modules={**log.modules, "LUSTRE": changed})
    path = archived({"one.darshan": log.content()}) / "darshan.hdf5"
    gone = len(
        {ost for own, ost in zip(ids, (r[OST_AT:] for r in records), strict=True) if own != ids[0]}
    )
    logs = read_table(path, "logs")
    assert logs["lustre_osts"].tolist() == [gone]
    assert logs["lustre_files"].tolist() == [FILES]
    assert not any("-1" in text for text in read_table(path, "stripes")["osts"])


def test_records_that_differ_are_joined(cases: Path, archived: Callable[..., Path]) -> None:
    """A rank knows the OSTs that a file had when it opened it."""
    log = by_rank(cases)
    region = log.modules["LUSTRE"]
    more = region[:OST_AT] + struct.pack("<q", 77)
    log = dataclasses.replace(log, modules={**log.modules, "LUSTRE": region + more})
    stripes = read_table(archived({"one.darshan": log.content()}) / "darshan.hdf5", "stripes")
    assert len(stripes["osts"]) == FILES
    assert sum("77" in text.split(",") for text in stripes["osts"]) == 1


# bad-osts


def day_with(folder: Path, speed: np.ndarray[Any, Any], osts: list[str]) -> str:
    path = folder / "darshan.hdf5"
    with h5py.File(path, "w") as file:
        group = file.create_group("darshan/stripes")
        group["log_id"] = group["row"] = np.arange(len(speed))
        group["bytes"], group["seconds"] = np.full(len(speed), 10**6), 1 / speed
        group.create_dataset("osts", data=osts, dtype=h5py.string_dtype("utf-8"))
    return str(path)


def listed(path: str, capsys: pytest.CaptureFixture[str], *more: str) -> list[str]:
    capsys.readouterr()
    assert archive_main(["bad-osts", path, *more]) == 0
    return [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:-1]]


def test_an_effect_and_enough_files_are_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """OST 0 is 5 % slower, which many files make certain; 1 is twice as slow; 2 has four files."""
    random = np.random.default_rng(1)
    osts = np.concatenate([np.full(4, 2), random.integers(3, 8, 4000), np.zeros(1000, int)])
    osts = np.concatenate([osts, np.ones(1000, int)])
    speed = random.normal(100, 3, len(osts))
    speed[osts == 0] *= 0.95
    speed[osts == 1] /= 2
    speed[osts == 2] /= 50
    path = day_with(tmp_path, speed, [str(ost) for ost in osts])
    assert listed(path, capsys) == ["1"]
    assert set(listed(path, capsys, "--min-files", "4")) == {"1", "2"}
    found = {one.ost: one for one in bad_osts([path])}
    assert found[1].slowdown == pytest.approx(2, rel=0.05)
    assert found[2].files == 4
    assert found[2].adjusted < 0.05


def test_ids_below_zero_of_older_files_do_not_count(tmp_path: Path) -> None:
    path = day_with(tmp_path, np.array([1.0, 2.0, 3.0, 4.0]), ["-1", "1", "-1,2", "2"])
    assert [(one.ost, one.files) for one in bad_osts([path])] == [(1, 1), (2, 2)]


@pytest.mark.parametrize(
    ("changes", "is_slow"),
    [
        ({}, True),
        ({"files": 4}, False),
        ({"slowdown": 1.19}, False),
        ({"slowdown": None}, False),
        ({"adjusted": 0.05}, False),
        ({"coefficient": 0.1}, False),
    ],
)
def test_what_makes_an_ost_slow(changes: dict[str, Any], is_slow: bool) -> None:
    one = OstCorrelation(3, 5, -0.2, 0.001, 0.01, 1.2)
    changed = dataclasses.replace(one, **changes)
    assert changed.is_slow(alpha=0.05, min_files=5, min_slowdown=1.2) == is_slow


# Sums


def test_capped_sums() -> None:
    values = np.array([2**63 - 1, 1, 2**62 - 2, 1, 5, 2**62 - 1, 1], np.int64)
    place = np.array([0, 0, 1, 1, 2, 3, 3])
    assert capped_sums(values, place, 5).tolist() == [LARGEST, LARGEST, 5, LARGEST, 0]
    many = np.full(10_000, 2**40 - 1, np.int64)
    assert capped_sums(many, np.zeros(10_000, np.int64), 1).tolist() == [10_000 * (2**40 - 1)]


# Partial modules


def test_partial_modules_are_shown(
    cases: Path,
    archived: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs = {"a.darshan": (cases / "posix_partial.darshan").read_bytes()}
    day = archived(logs)
    table = pq.read_table(day / "darshan_jobs.parquet")
    assert set(table["partial_modules"].to_pylist()) == {"POSIX"}
    (jobid,) = set(table["jobid"].to_pylist())
    monkeypatch.setenv("TOKIO_ARCHIVE", str(day.parents[1]))
    capsys.readouterr()
    assert archive_main(["job", jobid]) == 0
    assert "Partial: POSIX. Darshan ran out of memory" in capsys.readouterr().out
    assert archive_main(["jobs", DATE]) == 0
    shown = capsys.readouterr()
    head, line = shown.out.splitlines()[:2]
    assert (head.split()[-1], line.split()[-1]) == ("partial", "POSIX")
    assert "figures may be too low" in shown.err
    assert archive_main(["job", jobid, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["partial_modules"] == "POSIX"


def test_jobs_without_partial_modules_have_no_such_column(
    cases: Path,
    archived: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    day = archived({"a.darshan": by_rank(cases).content()})
    assert pq.read_table(day / "darshan_jobs.parquet")["partial_modules"].to_pylist() == [None]
    monkeypatch.setenv("TOKIO_ARCHIVE", str(day.parents[1]))
    capsys.readouterr()
    assert archive_main(["jobs", DATE]) == 0
    assert "partial" not in capsys.readouterr().out


# Figures that nothing can have

JOB = struct.Struct("<7q")
"""uid, start and its nanoseconds, end and its nanoseconds, processes, job id."""


def with_job(log: LogBytes, **changes: int) -> bytes:
    names = ("uid", "start", "start_ns", "end", "end_ns", "nprocs", "jobid")
    values = dict(zip(names, JOB.unpack_from(log.job), strict=True)) | changes
    job = JOB.pack(*(values[name] for name in names)) + log.job[JOB.size :]
    return dataclasses.replace(log, job=job).content()


def every_command(
    day: Path, jobid: str, capsys: pytest.CaptureFixture[str], *, problems: str = ""
) -> None:
    """No command that reads the day fails; `check` names the problems."""
    archive = str(day.parents[1])
    index, path = str(day / "darshan_index.sqlite"), str(day / "darshan.hdf5")
    for command in (
        ["jobs", DATE, "--archive", archive],
        ["jobs", DATE, "--archive", archive, "--json"],
        ["job", jobid, "--archive", archive],
        ["job", jobid, "--archive", archive, "--json"],
        ["scoreboard", index],
        ["bad-osts", path],
    ):
        assert archive_main(command) == 0, (command, capsys.readouterr())
    capsys.readouterr()
    code = archive_main(["check", "--start", DATE, "--archive", archive])
    lines = capsys.readouterr().out.splitlines()[:-1]
    assert (code, problems in " ".join(lines), len(lines)) == (
        (1, True, 2) if problems else (0, True, 0)
    )


@pytest.mark.parametrize(
    ("changes", "absent"),
    [
        ({"end": 2**63 - 1}, {"end_time", "walltime"}),
        ({"end": 253_402_300_800}, {"end_time", "walltime"}),
        ({"end": 10**9}, {"end_time", "walltime"}),
        ({"start": -(2**62)}, {"start_time", "walltime"}),
        ({"nprocs": 4 * 10**18}, {"nprocs"}),
        ({"nprocs": -5}, {"nprocs"}),
    ],
)
def test_a_head_that_no_job_has_is_null(
    changes: dict[str, int],
    absent: set[str],
    cases: Path,
    archived: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    day = archived({"a.darshan": with_job(by_rank(cases), jobid=7, **changes)})
    with contextlib.closing(archive_tools.open_index(day / "darshan_index.sqlite")) as index:
        names = ("start_time", "end_time", "walltime", "nprocs")
        (row,) = index.execute(f"SELECT {', '.join(names)} FROM headers").fetchall()
    assert {name for name, value in zip(names, row, strict=True) if value is None} == absent
    (one,) = pq.read_table(day / "darshan_jobs.parquet").to_pylist()
    assert {name for name in names if name != "walltime" and one[name] is None} == absent - {
        "walltime"
    }
    assert f"a.darshan: {', '.join(sorted(absent))}" in " ".join(findings_of(day, Product.INDEX))
    every_command(day, "7", capsys)


def findings_of(day: Path, product: Product) -> list[str]:
    receipts = Receipts(day.parents[1]).day(dt.date.fromisoformat(DATE))
    receipt = receipts.good("darshan", product)
    assert receipt
    found: list[str] = receipts.content(receipt)["findings"]
    return found


def with_bytes(log: LogBytes, amount: int, files: int) -> LogBytes:
    """Bytes written of the first files."""
    region = bytearray(log.modules["POSIX"])
    size = record_dtype("POSIX").itemsize
    at = 16 + 8 * counters("POSIX")[0].index("POSIX_BYTES_WRITTEN")
    for number in range(files):
        struct.pack_into("<q", region, number * size + at, amount)
    return dataclasses.replace(log, modules={**log.modules, "POSIX": bytes(region)})


@pytest.mark.parametrize(("amount", "files"), [(2**63 - 1, 1), (2**62, 1), (2**61, 12)])
def test_amounts_that_no_job_can_have_are_in_no_sum(
    amount: int,
    files: int,
    cases: Path,
    archived: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = with_job(with_bytes(by_rank(cases), amount, files), jobid=7)
    names = ("a.darshan", "b.darshan", "c.darshan")
    honest = with_job(by_rank(cases), jobid=8)
    day = archived(dict.fromkeys(names, content) | {"d.darshan": honest})
    summaries = read_table(day / "darshan.hdf5", "summaries")
    written = summaries["bytes_written"].tolist()
    assert written[:3] == [LARGEST] * 3, "what the logs say, as far as it fits"
    one, two = pq.read_table(day / "darshan_jobs.parquet").to_pylist()
    assert (one["bytes_written"], two["bytes_written"]) == (None, written[3])
    found = " ".join(findings_of(day, Product.INDEX))
    assert all(f"{name}: posix_bytes_written" in found for name in names)
    expected = f"{FindingKind.LOGS_TOO_LARGE}: 3 ({', '.join(names)})"
    assert expected in findings_of(day, Product.TTS)
    with h5py.File(day / "darshan.hdf5") as file:
        assert file["datatargets/writebytes"][...].sum() == written[3]
    every_command(day, "7", capsys)
    capsys.readouterr()
    assert archive_main(["scoreboard", str(day / "darshan_index.sqlite"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["user"][0]["written"] == written[3]


# DAOS

POOL, ONE, TWO = (uuid.UUID(int=number << 64 | 7) for number in (1, 2, 3))


def daos_record(module: str, container: uuid.UUID, read: int, written: int) -> bytes:
    dtype = record_dtype(module)
    record = np.zeros(1, dtype)
    names, floats = counters(module)
    record["id"], record["rank"] = 99, -1
    record["counters"][0, names.index(f"{module}_BYTES_READ")] = read
    record["counters"][0, names.index(f"{module}_BYTES_WRITTEN")] = written
    for way in ("READ", "WRITE"):
        record["fcounters"][0, floats.index(f"{module}_F_{way}_START_TIMESTAMP")] = 1.0
        record["fcounters"][0, floats.index(f"{module}_F_{way}_END_TIMESTAMP")] = 2.0
    record["uuids"] = np.void(POOL.bytes + container.bytes)
    return record.tobytes()


def test_bytes_of_daos_are_those_of_their_containers(
    cases: Path, archived: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """DAOS records of a container that DFS records are of report the same bytes again."""
    log = by_rank(cases)
    more = {
        "DFS": daos_record("DFS", ONE, 1000, 5000) + daos_record("DFS", ONE, 1, 0),
        "DAOS": daos_record("DAOS", ONE, 1001, 5000) + daos_record("DAOS", TWO, 30, 40),
    }
    log = dataclasses.replace(
        log, modules={**log.modules, **more}, versions={**log.versions, "DFS": 1, "DAOS": 1}
    )
    maps = {"^/scratch": "scratch", f"^daos://{POOL}/{ONE}": "fast"}
    day = archived({"a.darshan": with_job(log, jobid=7)}, mount_to_fsname=maps)
    two = f"daos://{POOL}/{TWO}"
    table = pq.read_table(day / "darshan_jobs.parquet").to_pylist()
    assert {row["fsname"]: (row["bytes_read"], row["bytes_written"]) for row in table} == {
        "scratch": (0, 201_326_592),
        "fast": (1001, 5000),
        two: (30, 40),
    }
    assert {row["fsname"]: row["reads"] for row in table}[two] is None, "DAOS counts other calls"
    with h5py.File(day / "darshan.hdf5") as file:
        group = file["datatargets"]
        columns = [name.decode() for name in group["writebytes"].attrs["columns"]]
        sums = dict(zip(columns, group["writebytes"][...].sum(axis=0), strict=True))
    assert sums == {"scratch": 201_326_592, "fast": 5000, two: 40}
    capsys.readouterr()
    assert archive_main(["scoreboard", str(day / "darshan_index.sqlite"), "--json"]) == 0
    names = {one["name"]: one["written"] for one in json.loads(capsys.readouterr().out)["fs"]}
    assert (names["fast"], names[two]) == (5000, 40)
    every_command(day, "7", capsys)
