"""Damaged, newer, packed and unfinished logs: what each costs, and what is said of it."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import lzma
import os
import shutil
import socket
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from archive_tools.core.day import Day
from archive_tools.core.vocabulary import FindingKind, RejectReason
from archive_tools.jobs.logs import logs_in
from pipeline.processes import isolated
from pipeline.sources.darshan import source as darshan
from pipeline.sources.darshan.log_header import header_of
from pipeline.sources.darshan.open_log import ESSENTIAL, NEWEST
from pipeline.transform.darshan import Reduction
from tests.support import paths
from tests.support.darshan_bytes import BZIP2, HEADER, MAGIC, PLAIN, LogBytes, opened
from tests.support.darshan_day import Reduced, merged, reduced
from tests.support.darshan_source import MOUNTS, options
from tests.support.paths import ROOT, SITEDAY_LOGS

DAY = Day(dt.date(2026, 11, 22))
WRITTEN = 201_326_592


@pytest.fixture(scope="module")
def cases() -> Path:
    """The folder of the cases of logs."""
    return paths.cases("darshan")


def day_of(tmp_path: Path, *files: Path) -> Reduced:
    """The day of copies of some files."""
    logs = tmp_path / "logs"
    logs.mkdir(exist_ok=True)
    for file in files:
        shutil.copy(file, logs)
    return reduced(options(logs), tmp_path / "raw", DAY)


def reasons(day: Reduced) -> dict[str, str]:
    return dict(zip(day.rejects["filename"].tolist(), day.rejects["reason"].tolist(), strict=True))


def column(day: Reduced, name: str) -> dict[str, object]:
    """A column of the table of logs, by file name."""
    return dict(zip(day.logs["filename"].tolist(), day.logs[name].tolist(), strict=True))


# The cases


@pytest.mark.parametrize(
    ("name", "unreadable"),
    [
        ("heatmap_newer", {"HEATMAP"}),
        ("heatmap_damaged", {"HEATMAP"}),
        ("rank_is_nprocs", set()),
        ("posix_partial", set()),
    ],
)
def test_a_log_costs_what_is_damaged(
    name: str, unreadable: set[str], cases: Path, tmp_path: Path
) -> None:
    day = day_of(tmp_path, cases / f"{name}.darshan")
    assert reasons(day) == {}
    assert day.by_fsname("bytes_written")["scratch"] == WRITTEN
    assert day.logs["posix_bytes_written"].tolist() == [WRITTEN]
    found = set(day.logs["unreadable_modules"][0].split(","))
    assert found - {""} == unreadable
    said = [one for one in day.findings.events() if one.kind == FindingKind.MODULES_UNREADABLE]
    assert [one.detail for one in said] == list(filter(None, day.logs["unreadable_modules"]))
    assert day.logs["partial_modules"].tolist() == ["POSIX" if name == "posix_partial" else ""]
    is_derived = bool(np.isfinite(day.logs["posix_agg_time"][0]))
    assert is_derived == (name != "rank_is_nprocs")
    assert (day.logs["posix_total_files"][0] > 0) == is_derived


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bzip2.darshan", "compressed by bzip2 inside: this libdarshan-util reads zlib only"),
        ("whole_log.darshan.gz", "compressed as a whole (gzip): unpack it with gunzip"),
    ],
)
def test_a_log_of_another_form_is_rejected_with_that_reason(
    name: str, reason: str, cases: Path, tmp_path: Path
) -> None:
    assert reasons(day_of(tmp_path, cases / name))[name].startswith(reason)


@pytest.mark.system
def test_a_log_that_damages_the_memory_of_its_reader_costs_no_other(
    cases: Path, tmp_path: Path
) -> None:
    logs = sorted(SITEDAY_LOGS.iterdir())[:40]
    (tmp_path / "logs").mkdir()
    for place in (3, 4, 17, 30):
        shutil.copy(cases / "poison.darshan", tmp_path / "logs" / f"{logs[place].stem}_.darshan")
    day = day_of(tmp_path, *logs)
    assert {log.name for log in logs} <= set(day.logs["filename"].tolist())
    assert not [name for name in reasons(day) if not name.endswith("_.darshan")]
    whole = column(day, "unreadable_modules")
    assert {whole[log.name] for log in logs} == {""}


# Modules, one by one


def samples(real: Path) -> dict[str, LogBytes]:
    """For each module that is read, a log that has it."""
    found: dict[str, LogBytes] = {}
    for path in [*sorted(SITEDAY_LOGS.iterdir()), *sorted((real / "darshan").rglob("*.darshan"))]:
        header = header_of(path)
        if header and header.version == "3.41":
            log = LogBytes.of(path)
            for name in log.modules:
                found.setdefault(name, log)
    posix = found["POSIX"]
    for name in NEWEST.keys() - found.keys():
        added = {**posix.modules, name: bytes(4096)}
        found[name] = replace(posix, modules=added, versions={**posix.versions, name: 1})
    return {name: found[name] for name in NEWEST}


def test_the_builder_gives_what_it_took_apart(real: Path, tmp_path: Path) -> None:
    for number, log in enumerate(samples(real).values()):
        path = tmp_path / f"{number}.darshan"
        for compression in (log.compression, PLAIN, BZIP2):
            path.write_bytes(replace(log, compression=compression).content())
            assert LogBytes.of(path) == replace(log, compression=compression)


def assert_each_costs_itself(
    tmp_path: Path, originals: dict[str, LogBytes], changed: dict[str, LogBytes]
) -> Reduced:
    """Each changed log is indexed without the module, or rejected where that is essential; what
    the others say is as in the original.
    """
    (tmp_path / "logs").mkdir()
    for name, log in originals.items():
        safe = name.replace("/", "_")
        (tmp_path / f"logs/{safe}.whole.darshan").write_bytes(log.content())
        (tmp_path / f"logs/{safe}.changed.darshan").write_bytes(changed[name].content())
    day = day_of(tmp_path)
    assert set(reasons(day)) == {f"{name}.changed.darshan" for name in ESSENTIAL}
    unreadable = column(day, "unreadable_modules")
    for name in originals.keys() - set(ESSENTIAL):
        others = set(str(unreadable[f"{name}.whole.darshan"]).split(",")) - {"", name}
        mine = set(str(unreadable[f"{name}.changed.darshan"]).split(","))
        assert mine == others | {name}, name
        for what in ("posix", "stdio", "mpiio", "hdf5", "pnetcdf"):
            if (what, name) in {("mpiio", "MPI-IO"), ("hdf5", "H5D"), ("pnetcdf", "PNETCDF_FILE")}:
                assert column(day, f"{what}_bytes_written")[f"{name}.changed.darshan"] == -1
                continue
            written = column(day, f"{what}_bytes_written")
            assert written[f"{name}.changed.darshan"] == written[f"{name}.whole.darshan"], name
    return day


def test_a_newer_version_of_each_module(real: Path, tmp_path: Path) -> None:
    originals = samples(real)
    newer = {name: log.with_version(name, 99) for name, log in originals.items()}
    day = assert_each_costs_itself(tmp_path, originals, newer)
    for name in ESSENTIAL:
        assert reasons(day)[f"{name}.changed.darshan"].startswith(
            f"newer than the installed libdarshan-util: module {name} version 99; install"
        )


def test_a_damaged_region_of_each_module(real: Path, tmp_path: Path) -> None:
    originals = samples(real)
    damaged = {name: log.with_flipped_bit(name) for name, log in originals.items()}
    day = assert_each_costs_itself(tmp_path, originals, damaged)
    for name in ESSENTIAL:
        reason = reasons(day)[f"{name}.changed.darshan"]
        assert reason.startswith(f"damaged: the checksum of module {name} is wrong; copy it")


def test_a_damaged_bit_anywhere_is_noticed(tmp_path: Path) -> None:
    """Also where the library reads all records and does not look at what follows."""
    path = sorted(SITEDAY_LOGS.iterdir())[0]
    header = header_of(path)
    assert header is not None
    data = path.read_bytes()
    for number, (at, length) in header.regions.items():
        for place in range(at, at + length):
            changed = bytearray(data)
            changed[place] ^= 4
            if header.is_whole(io.BytesIO(changed), number):
                same = zlib.decompress(changed[at : at + length])
                assert same == zlib.decompress(data[at : at + length]), "another way to say it"
            others = header.regions.keys() - {number}
            assert all(header.is_whole(io.BytesIO(changed), other) for other in others)


def test_a_log_that_was_cut(real: Path, tmp_path: Path) -> None:
    log = samples(real)["HEATMAP"]
    content = log.content()
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/heat.darshan").write_bytes(content[:-5])
    (tmp_path / "logs/posix.darshan").write_bytes(content[: -len(log.region("HEATMAP")) - 5])
    (tmp_path / "logs/header.darshan").write_bytes(content[:1000])
    (tmp_path / "logs/tiny.darshan").write_bytes(content[:10])
    day = day_of(tmp_path)
    assert column(day, "unreadable_modules") == {"heat.darshan": "HEATMAP"}
    found = reasons(day)
    size = len(content) - len(log.region("HEATMAP")) - 5
    assert found["posix.darshan"].startswith(
        f"truncated: it has {size:,} bytes of {len(content):,}"
    )
    assert found["header.darshan"].startswith("truncated: it has 1,000 bytes, less than a header")
    assert found["tiny.darshan"].startswith("truncated: it has 10 bytes")


# Files that are no logs


def old(version: bytes) -> bytes:
    """The beginning of a log of Darshan 1 or 2, unpacked."""
    return version.ljust(8, b"\0") + MAGIC.to_bytes(8, "little") + bytes(5000)


def test_what_a_file_is_is_said(tmp_path: Path) -> None:
    log = sorted(SITEDAY_LOGS.iterdir())[0].read_bytes()
    newer = b"3.99" + log[4:]
    contents = {
        "a.darshan": (b"no log" * 9, "named like a Darshan log but not one"),
        "b.darshan.gz": (gzip.compress(log), "compressed as a whole (gzip)"),
        "b.darshan.bz2": (bz2.compress(log), "compressed as a whole (bzip2)"),
        "b.darshan.xz": (lzma.compress(log), "compressed as a whole (xz)"),
        "b.darshan.zst": (b"\x28\xb5\x2f\xfd" + log, "compressed as a whole (zstd)"),
        "c.darshan": (old(b"2.06"), "written by Darshan 1 or 2"),
        "c.darshan.gz": (gzip.compress(old(b"2.05")), "written by Darshan 1 or 2"),
        "c.darshan.bz2": (bz2.compress(old(b"1.24")), "written by Darshan 1 or 2"),
        "cut.darshan.gz": (gzip.compress(log)[:20], "compressed as a whole (gzip)"),
        "d.darshan": (newer, "newer than the installed libdarshan-util"),
        "e.darshan": (b"", "empty"),
    }
    (tmp_path / "logs").mkdir()
    for name, (content, _) in contents.items():
        (tmp_path / "logs" / name).write_bytes(content)
    (tmp_path / "logs/good.darshan").write_bytes(log)
    found = reasons(day_of(tmp_path))
    assert {name: reason.partition(":")[0] for name, reason in found.items()} == {
        name: reason for name, (_, reason) in contents.items()
    }
    assert all(reason.partition(": ")[2] for reason in found.values()), "each says what to do"
    assert all(RejectReason.lasts(reason) for reason in found.values())


def test_files_that_are_not_logs_are_passed_over(tmp_path: Path) -> None:
    log = sorted(SITEDAY_LOGS.iterdir())[0]
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "README").write_text("what is in this folder")
    (logs / "list.txt").touch()
    shutil.copy(log, logs / "good.darshan")
    shutil.copy(log, logs / "renamed")
    shutil.copy(log, logs / "running.darshan_partial")
    fetched = darshan.SOURCE.fetch(options(logs), DAY, tmp_path)
    assert fetched.counts == {"files": 2, "other_files": 2, "unfinished_files": 1}
    before = darshan.SOURCE.inputs(options(logs), DAY)
    assert before == fetched.inputs
    day = day_of(tmp_path)
    assert day.logs["filename"].tolist() == ["good.darshan", "renamed"]
    assert reasons(day) == {}
    assert day.findings.total("logs rejected") == 0
    assert {path.name for path in logs_in([str(logs)], DAY.date, {})} == {"good.darshan", "renamed"}
    (logs / "running.darshan_partial").rename(logs / "running.darshan")
    assert darshan.SOURCE.inputs(options(logs), DAY) != before, "the log is there now"


def test_a_file_of_an_older_list_is_passed_over_too(tmp_path: Path) -> None:
    """A list that an earlier version wrote has them."""
    (tmp_path / "logs").mkdir()
    shutil.copy(sorted(SITEDAY_LOGS.iterdir())[0], tmp_path / "logs/a.darshan")
    (tmp_path / "logs/README.darshan").write_text("what is in this folder")
    darshan.SOURCE.fetch(options(tmp_path / "logs"), DAY, tmp_path)
    renamed = [
        file._replace(name=b"README") if file.name == b"README.darshan" else file
        for file in darshan.SOURCE.files_of([tmp_path])
    ]
    (tmp_path / "logs/README.darshan").rename(tmp_path / "logs/README")
    day = day_of_files(tmp_path, renamed, {})
    assert (day.logs["filename"].tolist(), reasons(day)) == (["a.darshan"], {})


def day_of_files(
    tmp_path: Path, files: Sequence[darshan.LogIdentity], known: dict[tuple[str, int, int], str]
) -> Reduced:
    """The day of listed files, some of which were rejected before."""
    found = options(tmp_path / "logs", log_seconds=20.0)
    how = Reduction(DAY, 60, MOUNTS, darshan.metrics())
    jobs = darshan.SOURCE.jobs_of(found, DAY, files, files, how, known)
    return merged((part for job in jobs for part in isolated.run(job)), found, DAY)


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_is_not_a_regular_file_does_not_block(kind: str, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    log = sorted(SITEDAY_LOGS.iterdir())[0]
    for name in ("a.darshan", "b.darshan"):
        shutil.copy(log, logs / name)
    darshan.SOURCE.fetch(options(logs), DAY, tmp_path)
    files = darshan.SOURCE.files_of([tmp_path])
    (logs / "a.darshan").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        if kind == "pipe":
            os.mkfifo(logs / "a.darshan")
        else:
            folder = os.open(logs, os.O_RDONLY)
            server.bind(f"/proc/self/fd/{folder}/a.darshan")
            os.close(folder)
        day = day_of_files(tmp_path, files, {})
        assert day.logs["filename"].tolist() == ["b.darshan"]
        assert reasons(day)["a.darshan"].startswith("cannot be read: ")
        assert darshan.SOURCE.fetch(options(logs), DAY, tmp_path).counts == {"files": 1}


# What was rejected before


@pytest.mark.parametrize(
    "before",
    [
        "truncated or damaged: record 6 of module HEATMAP cannot be read",
        "not a Darshan log",
        "library abort",
        "library crash (SIGSEGV)",
    ],
)
def test_what_an_earlier_version_rejected_is_tried_again(before: str, tmp_path: Path) -> None:
    day = tried_again(before, tmp_path)
    assert (day.logs["filename"].tolist(), reasons(day)) == (["a.darshan"], {})


@pytest.mark.parametrize("before", ["damaged: x", "libdarshan-util aborts: x", "empty"])
def test_what_this_version_rejects_is_not_tried_again(before: str, tmp_path: Path) -> None:
    assert reasons(tried_again(before, tmp_path)) == {"a.darshan": before}


def tried_again(before: str, tmp_path: Path) -> Reduced:
    """The day of a good log that was rejected with a reason."""
    (tmp_path / "logs").mkdir()
    shutil.copy(sorted(SITEDAY_LOGS.iterdir())[0], tmp_path / "logs/a.darshan")
    darshan.SOURCE.fetch(options(tmp_path / "logs"), DAY, tmp_path)
    (file,) = files = darshan.SOURCE.files_of([tmp_path])
    return day_of_files(tmp_path, files, {("a.darshan", file.size, file.mtime_ns): before})


def test_headers_of_all_versions(real: Path) -> None:
    """Of all published logs no region ends beyond the file, and all checksums are right."""
    versions = set()
    for path in (real / "darshan").rglob("*.darshan"):
        header = header_of(path)
        assert header is not None
        assert not header.cut
        assert all(header.is_whole(opened(path), number) for number in header.regions), path
        versions.add(header.version)
    assert len(versions) >= 5
    assert HEADER.size == 1328


def test_every_reason_is_in_the_handbook() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    assert [str(reason) for reason in RejectReason if f"`{reason}`" not in text] == []
