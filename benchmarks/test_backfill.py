"""A backfill of a small year, and status of ten years: what is the scheduler's, not the data's.

Plain tests make four days, and status of one year. `make bench` makes a year of three instances
(TOKIO_BENCH_DAYS gives another number), kills it twice on the way with -9, and goes on; and asks
status about 3,650 days of six instances.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.schemas import BUILD_VERSION
from archive_tools.store.receipt_content import with_checksum
from archive_tools.store.receipts import Receipt, Receipts, derived
from benchmarks.figures import record
from pipeline.building import provenance
from pipeline.building.instance_day import InstanceDay
from pipeline.building.site_cache import load_site
from pipeline.sources import registry
from tests.support.paths import ROOT
from tests.support.small_days import STEP, write_days

FIRST = dt.date(2025, 1, 1)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pipeline.cli.main", *arguments]


def made(root: Path) -> set[tuple[str, str, str]]:
    names = [path.name.split(".") for path in (root / "receipts").rglob("20*.complete.json")]
    return {(name[0], name[1], name[2]) for name in names if name[2] not in ("report", "figures")}


def test_a_year(benchmark, request: pytest.FixtureRequest, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    real = request.config.getoption("benchmark_enable")
    count = int(os.environ.get("TOKIO_BENCH_DAYS", "365")) if real else 4
    dates = [FIRST + dt.timedelta(days=n) for n in range(count)]
    site = write_days(tmp_path, dates)
    span = ["--site", str(site), "--start", str(dates[0]), "--stop", str(dates[-1])]
    plan = subprocess.run(
        command("backfill", *span, "--dry-run"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    planned = {
        (line[:10], instance, product)
        for line in plan[:-1]
        for part in line[12:].split("  ")
        for instance, _, products in [part.partition(": ")]
        for product in products.split()
    }
    walls = []

    def run(kill_after: float) -> None:
        began = time.monotonic()
        running = subprocess.Popen(
            command("backfill", *span),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while running.poll() is None and len(made(tmp_path / "archive")) < kill_after * len(
            planned
        ):
            time.sleep(0.2)
        if kill_after < 1:
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        walls.append(time.monotonic() - began)

    run(0.3)
    run(0.6)
    assert 0 < len(made(tmp_path / "archive")) < len(planned)
    benchmark.pedantic(lambda: run(2), rounds=1)
    assert made(tmp_path / "archive") == planned, "what ran is the plan"
    seconds = sum(
        json.loads(path.read_text())["seconds"]
        for path in (tmp_path / "archive/receipts").rglob("20*.json")
    )
    record(
        "backfill overhead",
        1000 * (sum(walls) - seconds) / count,
        "ms",
        f"of the products {1000 * seconds / count:.0f} ms",
    )
    benchmark.extra_info.update(
        {
            "days": count,
            "wall": round(sum(walls), 1),
            "of the products": round(seconds, 1),
        }
    )


DARSHAN = (Product.TTS, Product.INDEX, Product.JOBS)
CONTENT = with_checksum({"counts": {"logs": 900, "rejects": 0}, "inputs": {"padding": "x" * 1000}})


def write_ten_years(folder: Path, days: int) -> Path:
    """A site of six instances whose archive has receipts, and empty files, of that many days."""
    sources = {
        f"fs{n}": {"kind": "lmt", "database": "sqlite:///none", "timestep": STEP} for n in range(5)
    } | {"darshan": {"kind": "darshan", "logs": "logs"}}
    path, root = folder / "site.json", folder / "archive"
    path.write_text(json.dumps({"site": "x", "archive": "archive", "sources": sources}))
    site = load_site(str(path))
    raw = "0" * 16
    receipts = []
    for name in sources:
        where = InstanceDay(site, name, site.day(FIRST), registry.options(site, name))
        receipts.append((name, Product.RAW, 1, raw))
        before = derived(raw, *provenance.made_of(where))
        for product in DARSHAN if name == "darshan" else DARSHAN[:1]:
            receipts.append((name, product, BUILD_VERSION, before))
            before = derived(before)
    for n in range(days):
        date = dt.date(2016, 1, 1) + dt.timedelta(days=n)
        day, month = root / f"{date:%Y}/{date}", Receipts(root).folder(date)
        day.mkdir(parents=True)
        month.mkdir(parents=True, exist_ok=True)
        for one in receipts:
            (month / Receipt(date, *one, ReceiptState.COMPLETE).name).write_text(CONTENT)
        for name in (*(f"{name}.hdf5" for name in sources), *OTHERS):
            (day / name).touch()
    return path


OTHERS = ("darshan_index.sqlite", "darshan_jobs.parquet", "figures.json", "report.html")


def test_status(benchmark, request: pytest.FixtureRequest, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Seconds, and seconds of CPU, of ten years of six instances."""
    real = request.config.getoption("benchmark_enable")
    days = 3650 if real else 365
    site = write_ten_years(tmp_path, days)
    last = dt.date(2016, 1, 1) + dt.timedelta(days=days - 1)
    span = ["--start", "2016-01-01", "--stop", str(last)]
    costs, walls = [], []

    def status() -> None:
        before = os.times()
        shown = subprocess.run(
            command("status", "--site", str(site), *span),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        after = os.times()
        walls.append(after.elapsed - before.elapsed)
        costs.append(
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
        assert shown.stdout.count(f"{days} complete") == 6

    benchmark.pedantic(status, rounds=5 if real else 1)
    record("status", min(walls), "s", f"CPU {min(costs):.2f} s")
    benchmark.extra_info["cpu"] = round(min(costs), 2)
