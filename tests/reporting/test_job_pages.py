"""Pages of single jobs: which jobs have one, under which names, what they say, and that they come
and go with the day's page.
"""

from __future__ import annotations

import datetime as dt
import html
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tools import Archive
from archive_tools.cli.main import main as tokio_archive
from archive_tools.core.day import Day
from archive_tools.core.vocabulary import Product
from archive_tools.jobs import job_history, job_lookup, job_tables, job_words, verdicts
from archive_tools.reporting import day_jobs, job_charts, job_pages
from archive_tools.reporting.charts import TimeAxis
from archive_tools.reporting.job_charts import Access
from archive_tools.store import job_page_files, layout
from archive_tools.store.receipts import Receipts
from pipeline.cli.main import main
from tests.support.job_index import write_logs
from tests.support.paths import ROOT

DAY = dt.date(2026, 11, 22)
GB = 10**9
HREF = re.compile(r'href="(?!#|data:)([^"]*)"')


def job(jobid: str, *, user: str = "kim", uid: int = 1, **cells: object) -> day_jobs.DayJob:
    facts = {"start": None, "end": None, "nprocs": 1, "logs": 1, "read": 0, "written": 0}
    key = (jobid, uid, user)
    return day_jobs.DayJob(jobid, user, "ior", key, **{**facts, "slowest": None, **cells})  # type: ignore[arg-type]


@given(st.text(max_size=300), st.text(max_size=300), st.integers())
def test_a_name_of_a_file_is_plain_whatever_ids_and_users_are(
    jobid: str, user: str, uid: int
) -> None:
    one = job_pages.name_of("darshan", job(jobid, user=user, uid=uid))
    assert job_page_files.NAME.fullmatch(one)
    assert one != job_pages.name_of("darshan", job(jobid, user=user, uid=uid + 1))
    assert one != job_pages.name_of("other", job(jobid, user=user, uid=uid))


def test_the_largest_and_the_slowest_have_a_page() -> None:
    jobs = [
        job(str(number), read=(10 - number) * GB, slowest=("POSIX", 100.0 + number % 7))
        for number in range(9)
    ]
    jobs += [job("small", read=GB // 1000, slowest=("POSIX", 0.1)), job("", read=5)]
    assert [one.jobid for one in day_jobs.largest(jobs, 2)] == ["0", "1"]
    assert [one.jobid for one in day_jobs.slowest(jobs, 2)] == ["0", "7"]
    assert [one.jobid for one in day_jobs.with_page(jobs, 2)] == ["0", "1", "7"]
    assert day_jobs.with_page(jobs, 0) == []
    assert "" not in [one.jobid for one in day_jobs.with_page(jobs, 100)]


@given(
    st.lists(st.tuples(st.floats(0, 3599), st.floats(0, 3599), st.integers(1, 10**15)), max_size=5)
)
def test_bytes_of_a_job_are_all_in_its_curve(found: list[tuple[float, float, int]]) -> None:
    day = Day(DAY)
    axis = TimeAxis(day, day.start, day.start + 3600, 300, [])
    accesses = [Access(day.start + min(a, b), day.start + max(a, b), n) for a, b, n in found]
    curve = job_charts._spread(accesses, axis, 60)
    total = float(curve.mean.sum()) * 60
    assert total == pytest.approx(sum(one.amount for one in accesses), rel=1e-3)


@pytest.fixture(scope="module")
def siteday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `examples/siteday`, archived."""
    root = tmp_path_factory.mktemp("examples")
    shutil.copytree(
        ROOT / "examples/siteday", root / "siteday", ignore=shutil.ignore_patterns("archive")
    )
    shutil.copytree(ROOT / "examples/site/darshan", root / "site/darshan")
    assert nightly(root / "siteday/site.json") == 3, "ten minutes are not a day"
    return root / "siteday"


def nightly(site: Path, *more: str) -> int:
    return main(["nightly", "--site", str(site), "--date", str(DAY), "--quiet", *more])


def pages(root: Path) -> list[Path]:
    folder = layout.path(root, layout.JOB_PAGES, DAY)
    return sorted(folder.iterdir()) if folder.is_dir() else []


def test_the_receipt_has_the_pages_and_all_links_lead_somewhere(siteday: Path) -> None:
    root = siteday / "archive"
    day = Receipts(root).day(DAY).read()
    receipt = day.good("_day", Product.REPORT)
    assert receipt is not None
    known = job_page_files.in_receipt(day.content(receipt))
    assert [path.name for path in pages(root)] == sorted(known)
    assert len(known) == 10
    report = layout.path(root, layout.REPORT, DAY)
    led = {name for name in HREF.findall(report.read_text()) if name.startswith("jobs/")}
    assert {f"jobs/{name}" for name in known} == led
    for page in [report, *pages(root)]:
        for href in HREF.findall(page.read_text()):
            assert (page.parent / href).resolve().is_file(), (page.name, href)


def test_a_page_says_what_the_command_says(siteday: Path) -> None:
    root = siteday / "archive"
    for page in pages(root):
        text = html.unescape(page.read_text())
        jobid = page.name.split("-")[1]
        (details,) = job_lookup.find_job(root, jobid)
        tables = [job_words.file_systems(details), job_words.servers(details)]
        tables += [job_words.logs(details), job_words.others(details, lambda _: "", 30)]
        for table in tables:
            for cell in (cell for row in table.rows for cell in row):
                assert f">{cell}<" in text or not cell, (page.name, cell)
        assert verdicts.verdict(root, details).sentence in text
        assert job_words.title(details)[1:] in text


def test_histories_of_several_jobs_are_those_of_each(siteday: Path) -> None:
    root = siteday / "archive"
    table = job_tables.find_jobs(root, DAY, DAY, job_tables.JobFilter())
    jobids = sorted({row["jobid"] for row in table.to_pylist()})
    rows = [row for one in jobids for row in job_lookup.find_job(root, one)[0].file_systems]
    alone = [job_history.history(root, row, DAY, DAY) for row in rows]
    assert max(map(len, alone)) > 2
    assert job_history.histories(root, rows, DAY, DAY) == alone
    assert job_history.histories(root, [], DAY, DAY) == []


def test_damaged_pages_are_made_again_and_others_removed(
    siteday: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, site = siteday / "archive", siteday / "site.json"
    before = {path.name: path.read_bytes() for path in pages(root)}
    assert nightly(site) == 3
    assert {path.name: path.read_bytes() for path in pages(root)} == before, "the same bytes"
    first, second, third, *_ = pages(root)
    first.unlink()
    second.write_text("cut")
    assert nightly(site) == 3
    assert {path.name: path.read_bytes() for path in pages(root)} == before, "made again"
    third.write_bytes(before[third.name][:-2] + b"x\n")  # of the same size
    other = third.parent / "job-1-000000000000.html"
    other.write_text("not ours")
    left = third.parent / f".{other.name}.{os.uname().nodename}.99999999.00ff00ff.tmp"
    left.write_text("half")
    os.utime(left, (0, 0))
    capsys.readouterr()
    tokio_archive(["check", "--archive", str(root), "--deep"])
    said = capsys.readouterr().out
    assert re.search(rf"bytes +{third} +its bytes are not those of the receipt", said)
    assert re.search(rf"note +{other} ", said)
    main(["rebuild", "--site", str(site), "--start", str(DAY), "--stop", str(DAY)])
    assert {path.name: path.read_bytes() for path in pages(root)} == before
    assert not left.exists()


def test_pages_come_and_go_with_the_key(siteday: Path) -> None:
    root, site = siteday / "archive", siteday / "site.json"
    keys, before = json.loads(site.read_text()), {path.name for path in pages(root)}
    site.write_text(json.dumps(keys | {"job_pages": 1}))
    assert nightly(site) == 3
    few = {path.name for path in pages(root)}
    assert len(few) == 2
    assert few < before
    site.write_text(json.dumps(keys | {"job_pages": 0}))
    assert nightly(site) == 3
    assert not layout.path(root, layout.JOB_PAGES, DAY).exists()
    assert 'href="jobs/' not in layout.path(root, layout.REPORT, DAY).read_text()
    site.write_text(json.dumps(keys))
    assert nightly(site) == 3
    assert {path.name for path in pages(root)} == before


def test_earlier_runs_are_on_the_page(tmp_path: Path) -> None:
    for number in range(1, 7):
        earlier = {"jobid": f"7{number}", "read": (5 + number) * GB, "written": 0}
        write_logs(tmp_path, DAY - dt.timedelta(days=number), [earlier])
    write_logs(tmp_path, DAY, [{"jobid": "80", "read": GB}, {"jobid": "81", "exename": "new"}])
    found = job_pages.write_job_pages(tmp_path, DAY, 3)
    text = next(
        (layout.path(tmp_path, layout.JOB_PAGES, DAY) / name).read_text()
        for name in found
        if name.startswith("job-80-")
    )
    assert "Job&#39;s I/O rate" in text
    assert "worst quarter" in text
    assert "the servers were measured" not in text
    assert text.count('<rect class="c1"') == 1, "this run has another colour"


def test_a_damaged_table_of_another_day_costs_the_history_alone(tmp_path: Path) -> None:
    yesterday = DAY - dt.timedelta(days=1)
    write_logs(tmp_path, yesterday, [{"jobid": "7", "read": GB}])
    layout.path(tmp_path, layout.JOBS, yesterday, "darshan").write_bytes(b"PAR1 cut")
    write_logs(tmp_path, DAY, [{"jobid": "80", "read": GB}])
    (name,) = job_pages.write_job_pages(tmp_path, DAY, 1)
    text = (layout.path(tmp_path, layout.JOB_PAGES, DAY) / name).read_text()
    assert "is not known, because" in text
    assert "No earlier run is known." in text
    assert "954 MiB" in text or "953.7 MiB" in text


def test_a_job_whose_times_no_calendar_has_is_said_without_them(tmp_path: Path) -> None:
    odd = {"start_time": 2**62, "end_time": 2**62 + 5, "read": GB}
    write_logs(tmp_path, DAY, [odd, {"start_time": None, "end_time": None, "read": GB}])
    found = job_pages.write_job_pages(tmp_path, DAY, 2)
    assert len(found) == 2
    for name in found:
        assert "– to –" in (layout.path(tmp_path, layout.JOB_PAGES, DAY) / name).read_text()


def test_the_picture_has_the_jobs_bytes_where_there_are_no_servers(tmp_path: Path) -> None:
    write_logs(tmp_path, DAY, [{"read": 3480 * 10**6}])
    (details,) = job_lookup.find_job(tmp_path, "1")
    archive = Archive(tmp_path)
    row = details.on_file_system()
    (chart,) = job_charts.charts_beside_servers(archive, details, row, archive.day(DAY))
    assert chart.title == "scratch: bytes read"
    (line,) = chart.data["lines"]
    assert max(line["mean"]) == pytest.approx(10**6 / 1024, rel=1e-3), "KiB/s, for 58 minutes"
    left, right = chart.data["during"]
    assert right - left == pytest.approx(len(chart.data["times"]) / 2, rel=0.02)
    assert np.count_nonzero(line["mean"]) < len(line["mean"]) / 2 + 2
