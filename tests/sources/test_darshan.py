"""Darshan logs to tables, series, index and job table."""

from __future__ import annotations

import datetime as dt
import gzip
import importlib.util
import json
import os
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import darshan as pydarshan
import h5py
import numpy as np
import pandas as pd
import pytest

import archive_tools
from archive_tools.core.day import Day
from archive_tools.core.errors import NoData
from archive_tools.core.log_files import parse_name
from archive_tools.core.vocabulary import RejectReason
from archive_tools.formats import darshan_tables
from archive_tools.jobs.index import write_index as write
from pipeline.model import LogIdentity
from pipeline.processes import isolated
from pipeline.sources.darshan import listing
from pipeline.sources.darshan import source as darshan
from pipeline.testing.log_contract import LogCase, LogContract
from pipeline.transform.darshan import Reduction
from tests.support import darshan_day
from tests.support.darshan_day import Reduced
from tests.support.darshan_source import MOUNTS, options
from tests.support.paths import SITEDAY_LOGS

DAY = Day(dt.date(2026, 11, 22))
MIB = 2**20


def reduced(found: darshan.Options, folder: Path, day: Day = DAY) -> tuple[Reduced, Any]:
    day_ = darshan_day.reduced(found, folder, day)
    return day_, day_.findings


def by_fsname(day: Reduced, name: str) -> dict[str, int]:
    return day.by_fsname(name)


def write_tables(file: h5py.File, day: Reduced) -> None:
    writer = darshan_tables.TableWriter(file)
    for name, parts in day.pieces.items():
        for part in parts:
            writer.append(name, part)
    writer.close()


def test_siteday(tmp_path: Path) -> None:
    day, findings = reduced(options(SITEDAY_LOGS), tmp_path / "raw")
    assert len(day.logs["log_id"]) == 104
    assert len(day.rejects["reason"]) == 0
    assert 104 - len(set(day.summaries["log_id"].tolist())) == 8, (
        "logs without I/O are there, without sums"
    )
    written, read = by_fsname(day, "bytes_written"), by_fsname(day, "bytes_read")
    assert round(written["scratch"] / MIB, 1) == 4133.1
    assert round(written["project"] / MIB, 1) == 2319.1
    assert round(read["scratch"] / MIB, 1) == 4219.6
    assert round(read["project"] / MIB, 1) == 1547.9
    for grid in day.series:
        total = by_fsname(
            day,
            {
                "readbytes": "bytes_read",
                "writebytes": "bytes_written",
                "readops": "reads",
                "writeops": "writes",
                "opens": "opens",
            }[grid.dataset.partition("/")[2]],
        )
        for column, name in enumerate(grid.columns):
            assert int(grid.values[:, column].sum()) == total[name], (
                f"{grid.dataset} of {name}: to the byte"
            )
    assert findings.total("amount outside the day") == 0
    assert set(day.logs["username"]) == {"user01", "user02"}
    assert sorted(day.logs["jobid"]) == [str(n) for n in range(9100001, 9100105)]


@pytest.mark.system
def test_batches_do_not_change_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = reduced(options(SITEDAY_LOGS), tmp_path / "raw")
    monkeypatch.setattr(darshan, "CHUNK", 10)
    parts, _ = reduced(options(SITEDAY_LOGS), tmp_path / "raw2")
    for name in ("logs", "rejects"):
        for column, values in getattr(whole, name).items():
            np.testing.assert_array_equal(values, getattr(parts, name)[column])
    assert len(parts.pieces["logs"]) == 11
    assert by_fsname(whole, "bytes_read") == by_fsname(parts, "bytes_read")
    for one, other in zip(whole.series, parts.series, strict=True):
        np.testing.assert_array_equal(one.values, other.values)


def copies(folder: Path, *names: str) -> list[Path]:
    """Some logs of siteday under new names."""
    folder.mkdir(parents=True, exist_ok=True)
    logs = sorted(SITEDAY_LOGS.iterdir())
    return [Path(shutil.copy(log, folder / name)) for log, name in zip(logs, names, strict=False)]


def test_every_file_is_indexed_or_rejected_with_a_reason(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    good, cut = copies(logs, "good.darshan", "cut.darshan")
    cut.write_bytes(cut.read_bytes()[:300])
    (logs / "empty.darshan").touch()
    (logs / "notes.darshan").write_text("no log at all")
    (logs / "gone.darshan").symlink_to(logs / "nowhere")
    (logs / ".hidden").write_text("not counted")
    day, findings = reduced(options(logs), tmp_path / "raw")
    assert day.logs["filename"].tolist() == [good.name]
    reasons = dict(zip(day.rejects["filename"], day.rejects["reason"], strict=True))
    assert set(reasons) == {"cut.darshan", "empty.darshan", "notes.darshan", "gone.darshan"}
    assert reasons["empty.darshan"].startswith("empty: ")
    assert reasons["gone.darshan"].startswith("a link that is not followed: ")
    assert reasons["notes.darshan"].startswith("named like a Darshan log but not one: ")
    assert reasons["cut.darshan"].startswith("truncated: it has 300 bytes")
    assert findings.total("logs rejected") == 4


def test_names_that_users_choose(tmp_path: Path) -> None:
    """Quotes, SQL, bytes that are not UTF-8, and one base name in two folders: all indexed, none
    executed.
    """
    logs = tmp_path / "logs"
    names = ["it's.darshan", 'x"); DROP TABLE headers; --.darshan', os.fsdecode(b"caf\xe9.darshan")]
    copies(logs / "a", *names)
    copies(logs / "b", names[0])
    day, _ = reduced(options(logs), tmp_path / "raw")
    stored = day.logs["filename"].tolist()
    assert len(set(stored)) == 4
    assert names[1] in stored
    assert "caf\\xe9.darshan" in stored
    assert {str(logs / "a" / names[0]), str(logs / "b" / names[0])} <= set(stored)
    index = write_index(day, tmp_path)
    assert index.execute("SELECT COUNT(*) FROM headers").fetchone() == (4,)
    index.close()


def write_index(day: Reduced, folder: Path) -> sqlite3.Connection:
    with h5py.File(folder / "d.hdf5", "w") as file:
        write_tables(file, day)
    write(folder / "d.hdf5", folder / "d.sqlite")
    return archive_tools.open_index(folder / "d.sqlite")


def test_tables_round_trip(tmp_path: Path) -> None:
    day, _ = reduced(options(SITEDAY_LOGS), tmp_path / "raw")
    with h5py.File(tmp_path / "d.hdf5", "w") as file:
        write_tables(file, day)
    for name in darshan_tables.TABLES:
        found = darshan_tables.read_table(tmp_path / "d.hdf5", name)
        assert set(found) == set(getattr(day, name))
        for column, values in getattr(day, name).items():
            np.testing.assert_array_equal(found[column], values)


def test_the_index_answers_as_existing_queries_expect(tmp_path: Path) -> None:
    day, _ = reduced(options(SITEDAY_LOGS), tmp_path / "raw")
    index = write_index(day, tmp_path)
    query = """SELECT mountpt, fsname, SUM(bytes_written) FROM summaries
               INNER JOIN headers ON summaries.log_id = headers.log_id
               INNER JOIN mounts ON summaries.fs_id = mounts.fs_id GROUP BY mounts.fs_id ORDER BY 3
                   DESC"""
    rows = index.execute(query).fetchall()
    assert [row[:2] for row in rows] == [
        ("/scratch", "scratch"),
        ("/project", "project"),
        ("UNKNOWN", "UNKNOWN"),
    ]
    assert round(rows[0][2] / MIB, 1) == 4133.1
    assert index.execute(
        "SELECT COUNT(*) FROM summaries WHERE f_read_start_timestamp = 0"
    ).fetchone() == (0,)
    assert (
        index.execute(
            "SELECT COUNT(*) FROM summaries WHERE f_read_start_timestamp IS NULL"
        ).fetchone()[0]
        > 0
    )
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        index.execute("DELETE FROM headers")
    index.close()


def test_a_day_folder_without_logs_is_a_day_without_logs(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    day, _ = reduced(options(tmp_path / "logs"), tmp_path / "raw")
    assert len(day.logs["log_id"]) == 0
    assert all((grid.values == 0).all() for grid in day.series)
    write_index(day, tmp_path).close()


def test_no_folder_is_no_data(tmp_path: Path) -> None:
    with pytest.raises(NoData, match="no Darshan log folder of 2026-11-22"):
        darshan.SOURCE.fetch(options(tmp_path / "%Y" / "%-m"), DAY, tmp_path)


def test_folders_trees_patterns_and_templates(tmp_path: Path) -> None:
    copies(tmp_path / "2026/11/22/sub", "a.darshan")
    copies(tmp_path / "2026/11/22", "b.darshan")
    for template in ["%Y/%-m/%-d", "%Y/%-m/%-d/sub/*.darshan", "%Y/*/%d"]:
        found = darshan.SOURCE.fetch(options(tmp_path / template), DAY, tmp_path)
        assert found.counts == {"files": 1 if "sub" in template else 2}


def test_a_log_that_changes_or_goes_costs_itself(tmp_path: Path) -> None:
    log, _ = copies(tmp_path / "logs", "a.darshan", "b.darshan")
    found = options(tmp_path / "logs")
    darshan.SOURCE.fetch(found, DAY, tmp_path)
    os.utime(log, ns=(1, 1))
    (job,) = darshan.SOURCE.jobs(
        found, DAY, tmp_path, Reduction(DAY, 60, MOUNTS, darshan.metrics())
    )
    for reason in (RejectReason.CHANGED, RejectReason.GONE):
        (part,) = isolated.run(job)
        assert part.logs["filename"].tolist() == ["b.darshan"]
        assert [RejectReason.read(one) for one in part.rejects["reason"]] == [reason]
        log.unlink(missing_ok=True)


def test_what_a_log_did_on_another_day_is_counted(tmp_path: Path) -> None:
    day, findings = reduced(options(SITEDAY_LOGS), tmp_path / "raw", Day(dt.date(2026, 11, 21)))
    assert sum(grid.values.sum() for grid in day.series) == 0
    assert findings.total("amount outside the day") > 6000 * MIB
    assert round(by_fsname(day, "bytes_written")["scratch"] / MIB, 1) == 4133.1


@pytest.mark.parametrize(
    ("name", "exe", "user", "job"),
    [
        (
            "shane_ior-PNETCDF_id438100-438100_11-9-41525-10280033558448664385_1.darshan",
            "ior-PNETCDF",
            "shane",
            "438100",
        ),
        (
            "laytonjb_test1_id28730_6-7-43012-2131301613401632697_1.darshan",
            "test1",
            "laytonjb",
            "28730",
        ),
        ("a_user_with_my_app_id7_6-7-43012-1_1.darshan", "my_app", "a_user_with", "7"),
        ("user_exe_id_x_id12_1-1-1-1_1.darshan", "exe_id_x", "user", "12"),
        ("noname.darshan", "x", "", ""),
        ("mpi-io-test-x86_64-3.1.3.darshan", "mpi-io-test", "", ""),
    ],
)
def test_user_and_job_out_of_file_names(name: str, exe: str, user: str, job: str) -> None:
    parsed = parse_name(name)
    assert (parsed.user(exe), parsed.job) == (user, job) if parsed else not (user or job)


def published(real: Path) -> list[Path]:
    """Every log of the real data and of the wheel, each once."""
    wheel = Path(importlib.util.find_spec("darshan").origin).parent  # type: ignore[union-attr,arg-type]
    found: dict[bytes, Path] = {}
    for log in [*sorted((real / "darshan").rglob("*.darshan")), *sorted(wheel.rglob("*.darshan"))]:
        found.setdefault(log.read_bytes(), log)
    return list(found.values())


OPERATIONS = ["bytes_read", "bytes_written", "reads", "writes", "opens", "seeks"]
MPIIO_BYTES = {"mpiio_bytes_read": "MPIIO_BYTES_READ", "mpiio_bytes_written": "MPIIO_BYTES_WRITTEN"}


def independent(log: Path) -> dict[str, int]:
    """Totals of a log as PyDarshan reads it."""
    report = pydarshan.DarshanReport(str(log), read_all=False)
    totals = dict.fromkeys([*OPERATIONS, "posix_files", "stdio_files", *MPIIO_BYTES], 0)
    for module in ("POSIX", "STDIO", "MPI-IO"):
        if module not in report.modules:
            continue
        report.mod_read_all_records(module)
        if module not in report.records:
            continue
        counters = report.records[module].to_df()["counters"]
        if module == "MPI-IO":
            totals |= {
                name: int(counters[counter].clip(lower=0).sum())
                for name, counter in MPIIO_BYTES.items()
            }
            continue
        totals[f"{module.lower()}_files"] = counters["id"].nunique()
        for name in OPERATIONS:
            totals[name] += int(counters[f"{module}_{name.upper()}"].clip(lower=0).sum())
    return totals


def test_every_published_log_equals_an_independent_reading(real: Path, tmp_path: Path) -> None:
    """Versions 3.0.0 to 3.5.0, either byte order: bytes, operations and files of POSIX, STDIO and
    MPI-IO.
    """
    logs = published(real)
    (tmp_path / "logs").mkdir()
    for number, log in enumerate(logs):
        shutil.copy2(log, tmp_path / "logs" / f"{number:03d}.darshan")
    day, _ = reduced(options(tmp_path / "logs"), tmp_path / "raw")
    assert len(day.rejects["reason"]) == 0
    assert len(day.logs["log_id"]) == len(logs)
    sums = (
        pd.DataFrame(day.summaries)
        .groupby("log_id")[[*OPERATIONS, "posix_files", "stdio_files"]]
        .sum()
    )
    for number, log in enumerate(logs):
        found = (
            sums.loc[number].to_dict() if number in sums.index else dict.fromkeys(sums.columns, 0)
        )
        found |= {name: max(0, int(day.logs[name][number])) for name in MPIIO_BYTES}
        assert found == independent(log), log.name


def test_accumulated_times_and_file_counts(real: Path, tmp_path: Path) -> None:
    """Against PyDarshan's own use of the accumulators."""
    from darshan.backend.cffi_backend import accumulate_records

    logs = [log for log in published(real) if "release_logs" in str(log) or "ior" in log.name]
    (tmp_path / "logs").mkdir()
    for number, log in enumerate(logs):
        shutil.copy2(log, tmp_path / "logs" / f"{number:03d}.darshan")
    day, _ = reduced(options(tmp_path / "logs"), tmp_path / "raw")
    compared = 0
    for number, log in enumerate(logs):
        report = pydarshan.DarshanReport(str(log), read_all=False)
        for module, name in (("POSIX", "posix"), ("MPI-IO", "mpiio"), ("STDIO", "stdio")):
            if module in report.modules:
                report.mod_read_all_records(module)
                frames = report.records[module].to_df()
                metrics = accumulate_records(
                    frames, module, report.metadata["job"]["nprocs"]
                ).derived_metrics
                assert day.logs[f"{name}_agg_perf"][number] == pytest.approx(
                    metrics.agg_perf_by_slowest, nan_ok=True
                )
                assert day.logs[f"{name}_shared_time"][number] == pytest.approx(
                    metrics.shared_io_total_time_by_slowest
                )
                assert day.logs[f"{name}_unique_time"][number] == pytest.approx(
                    metrics.unique_io_total_time_by_slowest
                )
                assert day.logs[f"{name}_total_files"][number] == metrics.category_counters[0].count
                assert (
                    day.logs[f"{name}_shared_files"][number] == metrics.category_counters[5].count
                )
                compared += 1
    assert compared > 30


def test_bytes_stand_beside_the_devices_counters(real: Path, tmp_path: Path) -> None:
    """At 5 s, what applications wrote against what the disks wrote: total within 1 %, and together
    in time.
    """
    day, _ = reduced(options(SITEDAY_LOGS, timestep=5), tmp_path / "raw")
    device = json.loads(
        gzip.decompress((real / "siteday/prometheus/query_range.json.gz").read_bytes())
    )
    written = next(grid for grid in day.series if grid.dataset == "datatargets/writebytes")
    for name, disk in (("scratch", "loop0"), ("project", "loop1")):
        stamps, counter = disk_counter(device, disk)
        applications = written.values[:, written.columns.index(name)]
        disks = np.diff(counter)
        rows = (stamps[:-1].astype(np.int64) - DAY.start) // 5
        assert disks.sum() == pytest.approx(applications.sum(), rel=0.01)
        smooth = np.ones(6) / 6  # half a minute: pages are written back later than they are written
        together = np.corrcoef(
            np.convolve(disks, smooth, "same"), np.convolve(applications[rows], smooth, "same")
        )[0, 1]
        assert together > 0.9, name


def disk_counter(answers: Any, disk: str) -> tuple[np.ndarray, np.ndarray]:
    """Time stamps and values of a disk's counter of written bytes."""
    for series in answers_of(answers):
        metric = series["metric"]
        if (
            metric.get("__name__") == "node_disk_written_bytes_total"
            and metric.get("device") == disk
        ):
            stamps, values = zip(*series["values"], strict=True)
            return np.array(stamps), np.array([float(value) for value in values])
    raise AssertionError(f"no counter of {disk}")


def answers_of(answers: Any) -> Any:
    """Every series of a collection of query_range answers, however it is nested."""
    if isinstance(answers, dict):
        if "metric" in answers:
            yield answers
            return
        answers = list(answers.values())
    if isinstance(answers, list):
        for item in answers:
            yield from answers_of(item)


def test_names_that_look_alike_and_folders_in_folders(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    copies(logs, os.fsdecode(b"a\xff.darshan"), "a\\xff.darshan")
    copies(logs / "sub", "b.darshan")
    day, _ = reduced(options(logs, logs / "sub"), tmp_path / "raw")
    shown = str(logs / "a\\xff.darshan")
    assert sorted(day.logs["filename"]) == [shown, f"{shown}#2", "b.darshan"]
    write_index(day, tmp_path).close()


@pytest.mark.parametrize(
    ("name", "zone", "touches"),
    [
        (
            "u_x_id1-1_11-23-1800-5_1.darshan",
            "UTC",
            True,
        ),  # within the hour that a change of clocks may take
        ("u_x_id1-1_11-23-3700-5_1.darshan", "UTC", False),
        (
            "u_x_id1-1_11-23-3700-5_1.darshan",
            "Europe/Berlin",
            True,
        ),  # 01:01 there is still 00:01 of the 23rd here, less an hour
        ("u_x_id1-1_11-22-80000-5_1.darshan", "UTC", True),
        ("anything.darshan", "UTC", True),
    ],
)
def test_logs_of_the_next_folder_by_their_names(name: str, zone: str, touches: bool) -> None:
    assert listing.may_touch(listing.LogFile("/l", name, 1, 0, False), DAY, 1, zone) is touches


def test_names_that_were_made_to_collide() -> None:
    names = [b"\xff.darshan", b"\\xff.darshan", b"\\xff.darshan#2", b"s/\\xff.darshan#2"]
    shown = darshan._unique_names([LogIdentity(b"/l", name, 1, 1, True) for name in names])
    assert len(set(shown)) == 4


# The contract

CONTRACT_DAY = Day(dt.date(2026, 11, 22))
LOG_NAMES = [f"{number}.darshan" for number in range(5)]


def log_path(folder: Path, name: str) -> Path:
    return folder / f"{CONTRACT_DAY}" / name


def write_logs(folder: Path, names: Sequence[str]) -> None:
    originals = dict(zip(LOG_NAMES, sorted(SITEDAY_LOGS.iterdir()), strict=False))
    for name in names:
        log_path(folder, name).parent.mkdir(exist_ok=True)
        shutil.copy(originals[name], log_path(folder, name))


def damage_log(folder: Path, name: str) -> None:
    path = log_path(folder, name)
    path.write_bytes(path.read_bytes()[:300])


class TestContract(LogContract):
    @pytest.fixture
    def case(self) -> LogCase:
        return LogCase(
            CONTRACT_DAY,
            LOG_NAMES,
            write_logs,
            lambda folder, name: log_path(folder, name).unlink(),
            damage_log,
            lambda folder: options(folder / "%Y-%m-%d"),
        )
