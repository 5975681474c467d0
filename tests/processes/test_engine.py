"""The map over chunks, on this machine and on a Dask cluster on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from distributed import Client

from archive_tools.core.errors import SourceError
from archive_tools.store import lock
from pipeline.building import engine
from pipeline.cli.main import COMPLETE, FAILED, main
from pipeline.sources.darshan import source as darshan
from tests.support import dask_cluster
from tests.support.paths import ROOT
from tests.support.processes import readers
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.system

DATE = "2026-11-22"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and two workers, each a process of its own."""
    with dask_cluster.running(tmp_path, workers=2) as found:
        yield found


def products(root: Path) -> dict[str, bytes]:
    return {
        name: (root / "2026" / DATE / name).read_bytes()
        for name in ("darshan.hdf5", "darshan_index.sqlite", "darshan_jobs.parquet")
    }


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
def test_dask_gives_the_same_bytes_though_a_worker_dies(  # type: ignore[no-untyped-def]
    tmp_path: Path,
    site,
    darshan_source: dict[str, Any],
    cluster: tuple[str, list[subprocess.Popen[bytes]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(darshan, "CHUNK", 8)
    site({"darshan": darshan_source}, archive="here")
    assert main(["nightly", "--date", DATE]) == COMPLETE
    address, workers = cluster
    site(
        {"darshan": darshan_source}, archive="there", engine={"kind": "dask", "scheduler": address}
    )
    done: list[int] = []
    in_order = engine.in_order

    def killing(*arguments: Any) -> Iterator[Any]:
        for number, result in enumerate(in_order(*arguments)):
            if number == 3:
                os.killpg(workers[0].pid, signal.SIGKILL)
            done.append(number)
            yield result

    monkeypatch.setattr(engine, "in_order", killing)
    assert main(["nightly", "--date", DATE]) == COMPLETE
    assert len(done) == 13
    assert products(tmp_path / "here") == products(tmp_path / "there")


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
def test_a_cluster_that_loses_all_its_workers_is_given_up(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error, instead of a run that hangs with the day's lock."""
    from pipeline.site import DaskEngine

    monkeypatch.setattr(engine, "WITHOUT_WORKERS", 1.0)
    monkeypatch.setattr(engine, "LOOK", 0.2)
    address, workers = cluster

    def jobs() -> Iterator[int]:
        yield 0
        for worker in workers:
            os.killpg(worker.pid, signal.SIGKILL)

    with (
        pytest.raises(SourceError, match="has had no workers for 1 s; to do: start some"),
        engine.executor(DaskEngine(kind="dask", scheduler=address)) as where,
    ):
        list(engine.in_order(where, time.sleep, (3600 for _ in jobs())))


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
def test_a_scheduler_that_does_not_answer(
    site,
    darshan_source: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(engine, "PATIENCE", 2.0)
    site({"darshan": darshan_source}, engine={"kind": "dask", "scheduler": "tcp://127.0.0.1:9"})
    assert main(["nightly", "--date", DATE]) == FAILED
    assert "scheduler tcp://127.0.0.1:9 does not answer" in capsys.readouterr().out


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
@pytest.mark.parametrize("lost", ["before", "meanwhile"])
def test_a_nightly_run_of_a_cluster_without_workers_releases_its_day(
    lost: str,
    site: Callable[..., Path],
    darshan_source: dict[str, Any],
    cluster: tuple[str, list[subprocess.Popen[bytes]]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The next run of the day gets the lock at once, and makes it."""
    monkeypatch.setattr(engine, "PATIENCE", 2.0)
    monkeypatch.setattr(engine, "WITHOUT_WORKERS", 1.0)
    monkeypatch.setattr(engine, "LOOK", 0.2)
    monkeypatch.setattr(lock, "PATIENCE", 0.0)
    address, workers = cluster

    def kill() -> None:
        for worker in workers:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait(PATIENCE)
        with Client(address, timeout=PATIENCE) as client:
            until(lambda: not client.nthreads(), "a scheduler without workers")

    if lost == "before":
        kill()
    else:
        in_order = engine.in_order

        def killing(*arguments: Any) -> Iterator[Any]:
            kill()
            yield from in_order(*arguments)

        monkeypatch.setattr(engine, "in_order", killing)
    site({"darshan": darshan_source}, engine={"kind": "dask", "scheduler": address})
    assert main(["nightly", "--date", DATE]) == FAILED
    said = "has no workers" if lost == "before" else "has had no workers for 1 s"
    assert said in capsys.readouterr().out
    monkeypatch.undo()
    monkeypatch.setattr(lock, "PATIENCE", 0.0)
    site({"darshan": darshan_source})
    assert main(["nightly", "--date", DATE]) == COMPLETE


def test_a_run_that_is_stopped_does_not_wait_for_a_hanging_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    from pipeline.site import LocalEngine
    from tests.support.isolated_readers import run

    with pytest.raises(KeyboardInterrupt), engine.executor(LocalEngine(workers=1)) as where:  # noqa: PT012
        where[0].submit(run, ["hang"], 10 * PATIENCE)
        until(lambda: len(readers()) == 2, "a reader and its child at the log")
        left = readers()
        raise KeyboardInterrupt
    _, alive = psutil.wait_procs(left, timeout=PATIENCE)
    assert not alive, "they end long before the log's time limit"


def test_results_come_in_order_and_not_all_at_once() -> None:
    under_way, most = 0, 0
    lock = threading.Lock()

    def work(job: int) -> int:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.01 * (job % 3))
        with lock:
            under_way -= 1
        return job

    requested: list[int] = []

    def jobs() -> Iterator[int]:
        for job in range(30):
            requested.append(job)
            yield job

    from pipeline.site import LocalEngine

    with engine.executor(LocalEngine(workers=3)) as where:
        results = engine.in_order(where, work, jobs())
        assert next(results) == 0
        assert len(requested) <= 3 * engine.AHEAD, "jobs are made as they are wanted"
        assert list(results) == list(range(1, 30))
    assert most <= 3
