"""A real Dask cluster on loopback: a scheduler and workers, each a process group of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from distributed import Client

from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE, until

Cluster = tuple[str, list[subprocess.Popen[bytes]]]
"""The scheduler's address, and the workers."""


@contextlib.contextmanager
def running(
    folder: Path, *, workers: int, hosts: Sequence[str] = (), nanny: bool = True
) -> Iterator[Cluster]:
    """One for some time, all of whose workers have come.

    Parameters
    ----------
    folder : pathlib.Path
        Of the files of scheduler and workers.
    workers : int
    hosts : sequence of str
        Names of the workers' hosts, where they are not on this one.
    nanny : bool
        Whether each worker has a process that starts it anew.
    """
    info = folder / "scheduler.json"
    quiet: dict[str, Any] = {
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        "cwd": ROOT,
    }
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1"]
    scheduler = subprocess.Popen(
        [*command, "--port", "0", "--no-dashboard", "--scheduler-file", str(info)], **quiet
    )
    started: list[subprocess.Popen[bytes]] = []
    try:
        until(info.exists, "the scheduler's file")
        started += [
            subprocess.Popen(
                [
                    *(sys.executable, "-m"),
                    *(("tests.support.other_host", hosts[n]) if hosts else ()),
                    *("distributed.cli.dask_worker", "--scheduler-file", str(info)),
                    *("--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"),
                    *("--local-directory", str(folder / f"w{n}")),
                    *(() if nanny else ("--no-nanny",)),
                ],
                process_group=0,
                **quiet,
            )
            for n in range(workers)
        ]
        address = json.loads(info.read_text())["address"]
        with Client(address, timeout=PATIENCE) as client:
            client.wait_for_workers(workers, timeout=PATIENCE)
        yield address, started
    finally:
        for processes in (started, [scheduler]):
            _end(processes)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes; a worker that does not leave its scheduler in time is killed."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
