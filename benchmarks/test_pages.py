"""CPU of the pages: figures and page of a day, pages of jobs, and the index of ten years.

Plain tests make small ones. `make bench` also makes a day of Cori's size (see `test_lmt_day`, which
shares its database by TOKIO_BENCH). Each page is the first of a process of its own: what it takes
includes the template engine and the compiling of templates, not the imports of the packages.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from archive_tools.core.day import Day
from archive_tools.reporting import figures_of_day, job_pages, site_pages
from archive_tools.store import layout
from benchmarks.measured import DATE, archived
from benchmarks.test_lmt_day import CORI, SMALL, source
from tests.support.job_index import write_logs
from tests.support.lmtdb import make_lmt
from tests.support.paths import ROOT

WANTED = {"bench": ["tts"]}
TIMES = 3
LARGEST_PAGE = 1_000_000
PROGRAM = """
import datetime, json, pathlib, sys, time
from archive_tools.reporting import figures_of_day, report
root, out = map(pathlib.Path, sys.argv[1:])
date, wanted = datetime.date(2026, 11, 22), {"bench": ["tts"]}
began = time.process_time()
figures_of_day.write_figures(root, date, out / "figures.json", instances=wanted)
figured = time.process_time()
report.write_report(root, date, out / "report.html", instances=wanted)
print(json.dumps({"figures": figured - began, "page": time.process_time() - figured}))
"""


@pytest.mark.parametrize("size", ["small", "cori"])
def test_page_of_a_day(  # type: ignore[no-untyped-def]
    benchmark, tmp_path: Path, capsys: pytest.CaptureFixture[str], size: str
) -> None:
    """CPU of a day's figures and page, the least of three processes, and the bytes of the page."""
    if size == "cori" and not benchmark.enabled:
        pytest.skip("only in benchmarks")
    database = tmp_path / "lmt.sqlite3"
    make_lmt.make(database, DATE, **(CORI if size == "cori" else SMALL))
    archived(source(database), tmp_path / "site")
    runs: list[dict[str, float]] = []
    benchmark.pedantic(
        lambda: runs.append(_written(tmp_path / "site/archive", tmp_path)),
        rounds=TIMES if benchmark.enabled else 1,
    )
    least = min(runs, key=lambda one: one["figures"] + one["page"])
    written = (tmp_path / "report.html").stat().st_size
    benchmark.extra_info.update(least)
    with capsys.disabled():
        print(
            f"\n{size} day: figures {least['figures']:.2f} s of CPU, page {least['page']:.2f} s,"
            f" {written:,} bytes"
        )
    assert written < LARGEST_PAGE


def _written(root: Path, out: Path) -> dict[str, float]:
    """Write figures and page in a process of its own; seconds of CPU of each."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, root, out],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return dict(json.loads(run.stdout))


def test_index_of_years(  # type: ignore[no-untyped-def]
    benchmark, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """CPU of index and months of ten years, all of them new, and of a day that is added."""
    days = 3653 if benchmark.enabled else 62
    database = tmp_path / "lmt.sqlite3"
    make_lmt.make(database, DATE, **SMALL)
    archived(source(database), tmp_path / "site")
    root = tmp_path / "site/archive"
    figures = _figures(root)
    receipt = next((root / "receipts").rglob("*.tts.*.json"))
    for number in range(1, days):
        _add_day(root, DATE - dt.timedelta(days=number), figures, receipt)
    texts = []

    def write(what: str) -> None:
        began = time.process_time()
        written = site_pages.write_pages(root, WANTED)
        texts.append(f"{what} {time.process_time() - began:.2f} s of CPU, {len(written)} pages")

    benchmark.pedantic(lambda: write("all"), rounds=1)
    _add_day(root, DATE + dt.timedelta(days=1), figures, receipt)
    write("one day more")
    with capsys.disabled():
        print(f"\nindex and months of {days:,} days: {'; '.join(texts)}")
    assert (root / layout.INDEX_PAGE).stat().st_size < LARGEST_PAGE


def test_pages_of_jobs(  # type: ignore[no-untyped-def]
    benchmark, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """CPU of the pages of the five largest and the five slowest jobs of a day of many."""
    count = 20_000 if benchmark.enabled else 200
    random = np.random.default_rng(1)
    starts = Day(DATE).start + random.integers(0, 80_000, count)
    read, rates = random.lognormal(20, 2, count), random.lognormal(5, 2, count)
    write_logs(
        tmp_path,
        DATE,
        (
            {
                "username": f"user{number % 50}",
                "uid": number % 50,
                "exename": f"program{number % 20}",
                "start_time": int(starts[number]),
                "end_time": int(starts[number]) + 3600,
                "read": int(read[number]),
                "posix_agg_perf": float(rates[number]),
            }
            for number in range(count)
        ),
    )
    runs: list[float] = []

    def write() -> None:
        began = time.process_time()
        assert 5 <= len(job_pages.write_job_pages(tmp_path, DATE, 5)) <= 10
        runs.append(time.process_time() - began)

    benchmark.pedantic(write, rounds=TIMES if benchmark.enabled else 1)
    with capsys.disabled():
        print(f"\npages of {count:,} jobs: {min(runs):.2f} s of CPU")


def _figures(root: Path) -> dict[str, object]:
    path = layout.path(root, layout.FIGURES, DATE)
    figures_of_day.write_figures(root, DATE, path, instances=WANTED)
    return dict(json.loads(path.read_bytes()))


def _add_day(root: Path, date: dt.date, figures: dict[str, object], receipt: Path) -> None:
    """A day that is like `DATE`, with figures and a receipt and nothing else."""
    path = layout.path(root, layout.FIGURES, date)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures | {"date": str(date)}))
    folder = layout.path(root, layout.RECEIPTS, date)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(receipt, folder / receipt.name.replace(str(DATE), str(date)))
