"""Darshan logs to tables: ours, the bare library, PyDarshan and, where it is on PATH,
darshan-parser, in one run.

Plain tests read the example's logs once. `make bench` reads them ten times over, and a day of
100,000 logs (links to real ones under new names) through the whole pipeline; TOKIO_BENCH_LOGS gives
another number. A whole nightly run of 10,000 logs is compared with a loop that reads the records of
the same logs and does nothing with them.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from archive_tools.core.day import Day
from benchmarks.figures import record
from pipeline.sources import registry as sources
from pipeline.sources.darshan.library import loaded_library
from pipeline.sources.darshan.listed_logs import Listed
from pipeline.sources.darshan.log_batches import BatchReader
from pipeline.sources.darshan.modules import counter_records
from pipeline.sources.darshan.open_log import modules_of
from pipeline.transform.darshan import Reduction, reduce_batch
from tests.support.darshan_day import reduced
from tests.support.darshan_source import MOUNTS, options
from tests.support.paths import ROOT, SITEDAY_LOGS

DAY = Day(dt.date(2026, 11, 22))
LOGS = sorted(SITEDAY_LOGS.iterdir())
HOW = Reduction(DAY, 60, MOUNTS, sources.find("darshan").metrics())


@pytest.fixture
def times(request: pytest.FixtureRequest) -> int:
    return 10 if request.config.getoption("benchmark_enable") else 1


def reported(benchmark, count: int) -> None:  # type: ignore[no-untyped-def]
    if benchmark.stats:
        benchmark.extra_info["logs_per_second"] = round(count / benchmark.stats.stats.min)


def test_bare_library(benchmark, times: int) -> None:  # type: ignore[no-untyped-def]
    """The floor: POSIX and STDIO records of each log into arrays, and nothing else."""
    ffi, library = loaded_library()

    def read() -> None:
        for log in LOGS * times:
            handle = library.darshan_log_open(bytes(log))
            modules = modules_of(ffi, library, handle)
            for module in ("POSIX", "STDIO"):
                if module in modules:
                    counter_records(ffi, library, handle, module, modules[module].idx)
            library.darshan_log_close(handle)

    benchmark.pedantic(read, rounds=3 if times > 1 else 1)
    reported(benchmark, len(LOGS) * times)


def bare_loop(logs: Sequence[Path]) -> int:
    """Read logs by PyDarshan's functions over the library, one after the other in this process:
    job, command line, mounts, the names of files, every record of every module that the library
    knows, as NumPy arrays. Nothing is checked, kept or written. Returns the number of records.
    """
    from darshan.backend import cffi_backend as backend

    count = 0
    for path in logs:
        log = backend.log_open(str(path))
        backend.log_get_job(log)
        backend.log_get_exe(log)
        backend.log_get_mounts(log)
        backend.log_get_name_records(log)
        for module in backend.log_get_modules(log):
            while backend.log_get_record(log, module, dtype="numpy") is not None:
                count += 1
        backend.log_close(log)
    return count


def test_bare_loop(benchmark, times: int) -> None:  # type: ignore[no-untyped-def]
    """The loop that a nightly run is compared with."""
    benchmark.pedantic(bare_loop, (LOGS * times,), rounds=3 if times > 1 else 1)
    reported(benchmark, len(LOGS) * times)


def cpu_seconds() -> float:
    """Of this process and of those that it waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def test_a_nightly_run_beside_the_bare_loop(benchmark, times: int, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Logs a second of `tokio-pipeline nightly`, from its start to its report, over those of the
    loop in one process. `ratio` is by the clock; `ratio_of_cpu` is what two cores without other
    work give at best: twice the loop's CPU over that of the run and all its processes.
    """
    count = int(os.environ.get("TOKIO_BENCH_LOGS", 10_000)) if times > 1 else 104
    logs = tmp_path / "logs"
    logs.mkdir()
    for n in range(count):
        os.link(
            _copied(LOGS[n % len(LOGS)], tmp_path), logs / f"{n:06d}-{LOGS[n % len(LOGS)].name}"
        )
    site = write_log_site(tmp_path)
    began, spent = time.perf_counter(), cpu_seconds()
    assert bare_loop(sorted(logs.iterdir())) > count
    bare, bare_cpu = time.perf_counter() - began, cpu_seconds() - spent

    def run() -> None:
        command = [sys.executable, "-m", "pipeline.cli.main", "nightly", "--date", str(DAY.date)]
        subprocess.run([*command, "--site", str(site)], check=False, cwd=ROOT, capture_output=True)

    began, spent = time.perf_counter(), cpu_seconds()
    benchmark.pedantic(run, rounds=1)
    whole, whole_cpu = time.perf_counter() - began, cpu_seconds() - spent
    (receipt,) = (tmp_path / "archive/receipts").rglob("*.darshan.jobs.*.complete.json")
    assert json.loads(receipt.read_text())["counts"]["rows"] > 0
    record("darshan night", bare / whole, "ratio", f"bare loop {bare:.1f} s")
    benchmark.extra_info.update(
        {
            "logs": count,
            "bare": round(bare, 2),
            "nightly": round(whole, 2),
            "ratio": round(bare / whole, 2),
            "bare_cpu": round(bare_cpu, 2),
            "nightly_cpu": round(whole_cpu, 2),
            "ratio_of_cpu": round(2 * bare_cpu / whole_cpu, 2),
        }
    )


def _copied(log: Path, folder: Path) -> Path:
    """A copy in a folder, made once: links need the same file system."""
    copy = folder / "originals" / log.name
    if not copy.exists():
        copy.parent.mkdir(exist_ok=True)
        shutil.copy2(log, copy)
    return copy


def test_ours_in_process(benchmark, times: int) -> None:  # type: ignore[no-untyped-def]
    """All modules, accumulators, time lines, sums and series: one core, no reader process."""

    def read() -> None:
        batch = BatchReader(DAY.start, DAY.end)
        for log in LOGS * times:
            status = log.stat()
            batch.add(
                Listed(
                    os.fsencode(log.parent),
                    os.fsencode(log.name),
                    status.st_size,
                    status.st_mtime_ns,
                    True,
                ),
                log.name,
            )
        reduce_batch(batch.batch(), HOW)

    benchmark.pedantic(read, rounds=3 if times > 1 else 1)
    reported(benchmark, len(LOGS) * times)


def test_ours_isolated(benchmark, times: int, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """The same through one reader, its start included."""
    logs = tmp_path / "logs"
    logs.mkdir()
    for n in range(times):
        for log in LOGS:
            shutil.copy2(log, logs / f"{n}-{log.name}")
    benchmark.pedantic(
        functools.partial(reduced, options(logs), tmp_path / "raw", DAY),
        rounds=3 if times > 1 else 1,
    )
    reported(benchmark, len(LOGS) * times)


def test_pydarshan(benchmark) -> None:  # type: ignore[no-untyped-def]
    """PyDarshan, all records of all modules."""
    import darshan

    def read() -> None:
        for log in LOGS:
            try:
                darshan.DarshanReport(str(log), read_all=True)
            except Exception:  # modules too new for it
                darshan.DarshanReport(str(log), read_all=False)

    benchmark.pedantic(read, rounds=1)
    reported(benchmark, len(LOGS))


def test_darshan_parser(benchmark) -> None:  # type: ignore[no-untyped-def]
    """`darshan-parser --total` in a loop."""
    parser = shutil.which("darshan-parser")
    if not parser:
        pytest.skip("no darshan-parser on PATH")

    def read() -> None:
        for log in LOGS:
            subprocess.run([parser, "--total", log], stdout=subprocess.DEVNULL, check=False)

    benchmark.pedantic(read, rounds=1)
    reported(benchmark, len(LOGS))


PROGRAM = """
import datetime, json, time
from pipeline.tasks import Build, Index, Jobs
from tests.support.peak_memory import own_peak
began = time.perf_counter()
told = {}
for task in (Build, Index, Jobs):
    one = task(date=datetime.date(2026, 11, 22), instance="darshan")
    for need in one.needs():
        need.run()
    one.run()
    told[one.product] = time.perf_counter() - began
told["parent_rss_mb"] = own_peak() / 2**20
print(json.dumps(told))
"""


def write_log_site(folder: Path) -> Path:
    """A site whose logs are in the folder `logs`; the path of its site.json."""
    path = folder / "site.json"
    site = {
        "site": "bench",
        "archive": "archive",
        "mount_to_fsname": MOUNTS,
        "sources": {"darshan": {"kind": "darshan", "logs": "logs"}},
    }
    path.write_text(json.dumps(site))
    return path


def test_a_day_of_many_logs(benchmark, times: int, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """From the folder to index and job table, on all cores, in a process of its own."""
    count = int(os.environ.get("TOKIO_BENCH_LOGS", 100_000)) if times > 1 else 300
    logs = tmp_path / "logs"
    logs.mkdir()
    for n in range(count):
        shutil.copy2(LOGS[n % len(LOGS)], logs / f"{n:06d}-{LOGS[n % len(LOGS)].name}")
    site = write_log_site(tmp_path)
    told_: list[dict[str, float]] = []

    def run() -> None:
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=os.environ | {"TOKIO_SITE": str(site)},
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        told_.append(json.loads(run.stdout))

    benchmark.pedantic(run, rounds=1)
    benchmark.extra_info.update(
        {key: round(value, 1) for key, value in told_[0].items()} | {"logs": count}
    )
    reported(benchmark, count)
