"""Workers around a real luigid on loopback, one of which is killed; luigid itself killed."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive_tools.store.receipts import Receipts
from tests.support import luigid
from tests.support.paths import ROOT
from tests.support.small_days import write_days
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.system

FIRST = dt.date(2025, 3, 1)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    with luigid.running(tmp_path) as number:
        yield number


def worker(folder: Path, port: int, count: int) -> subprocess.Popen[str]:
    stop = FIRST + dt.timedelta(days=count)
    span = [
        "--start",
        str(FIRST),
        "--stop",
        str(stop),
        "--days-back",
        "20000",
        "--reverse",
        "--task-limit",
        "50",
    ]
    command = [
        sys.executable,
        "-m",
        "luigi",
        "--module",
        "pipeline.tasks",
        "RangeDaily",
        "--of",
        "Nightly",
        *span,
    ]
    env = luigid.environment(folder) | {
        "TOKIO_SITE": str(folder / "site.json"),
        "PYTHONPATH": str(ROOT),
    }
    more = ["--scheduler-host", "127.0.0.1", "--scheduler-port", str(port), "--workers", "1"]
    return subprocess.Popen(
        [*command, *more],
        cwd=folder,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def good(folder: Path, count: int) -> dict[tuple[dt.date, str, str], int]:
    days = Receipts(folder / "archive").days([FIRST + dt.timedelta(days=n) for n in range(count)])
    return {
        (date, *r.key): os.stat(day.folder / r.name).st_mtime_ns
        for date, day in days.items()
        for r in day.all
        if r.good
    }


def until_made(folder: Path, count: int, products: int) -> None:
    until(lambda: len(good(folder, count)) >= products, f"{products} products")


def test_two_workers_one_killed(tmp_path: Path, port: int) -> None:
    """All days are done, and each product has one receipt; what the dead worker had is done by the
    other, or by the next run.
    """
    count = 6
    write_days(tmp_path, [FIRST + dt.timedelta(days=n) for n in range(count)])
    one, two = (worker(tmp_path, port, count) for _ in range(2))
    until_made(tmp_path, count, 10)
    rank = good(tmp_path, count)
    os.killpg(one.pid, signal.SIGKILL)
    one.communicate()
    two.communicate(timeout=PATIENCE)
    time.sleep(
        luigid.DISCONNECT + 1
    )  # until luigid takes the dead worker for gone, by its own clock
    again = worker(tmp_path, port, count)  # as cron does the next night
    _, err = again.communicate(timeout=PATIENCE)
    assert again.returncode == 0, err
    after = good(tmp_path, count)
    assert len(after) == count * 10
    assert all(after[key] == when for key, when in rank.items()), "what was done was not done again"
    names = [path.name for path in (tmp_path / "archive/receipts").rglob("2025*.json")]
    assert len(names) == len(after), "none is there twice"


def test_luigid_is_killed(tmp_path: Path) -> None:
    """The worker ends with an exit code that is not 0; without luigid, the next run goes on where
    it was.
    """
    count, port = 6, luigid.free_port()
    write_days(tmp_path, [FIRST + dt.timedelta(days=n) for n in range(count)])
    server = luigid.start(tmp_path, port)
    running = worker(tmp_path, port, count)
    until_made(tmp_path, count, 4)
    server.kill()
    server.wait()
    _, err = running.communicate(timeout=PATIENCE)
    assert running.returncode not in (0, None), err
    rank = good(tmp_path, count)
    assert 0 < len(rank) < count * 10
    command = [
        sys.executable,
        "-m",
        "pipeline.cli.main",
        "backfill",
        "--site",
        str(tmp_path / "site.json"),
    ]
    subprocess.run(
        [*command, "--start", str(FIRST), "--stop", str(FIRST + dt.timedelta(days=count - 1))],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    after = good(tmp_path, count)
    assert len(after) == count * 10
    assert all(after[key] == when for key, when in rank.items() if key[2] != "report")
