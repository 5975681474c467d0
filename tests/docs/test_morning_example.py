"""The example that `make nightly` shows: what was recorded is joined, what is generated is not."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from archive_tools.cli.main import main as read
from archive_tools.reporting.day_figures import read_day_figures
from archive_tools.store import layout
from pipeline.cli.main import COMPLETE, PARTIAL, main
from tests.support.paths import ROOT

DAY = dt.date(2026, 11, 22)
BEFORE = DAY - dt.timedelta(days=1)
RECORDED = "darshan,node_exporter,collectd"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of the Makefile, for two days of the month."""
    folder = tmp_path_factory.mktemp("examples")
    ignored = shutil.ignore_patterns("archive", "lmt", "tsdb.tar.gz")
    for name in ("morning", "siteday", "site"):
        shutil.copytree(ROOT / "examples" / name, folder / name, ignore=ignored)
    script = str(ROOT / "examples/make_generated.py")
    subprocess.run([sys.executable, script, str(folder / "morning/lmt")], check=True)
    site = ["--site", str(folder / "morning/site.json")]
    days = ["--start", str(BEFORE), "--stop", str(BEFORE)]
    assert main(["mark-empty", *site, *days, "--instance", RECORDED, "--why", "x"]) == COMPLETE
    assert main(["backfill", *site, *days, "--instance", "generated"]) == COMPLETE
    assert main(["nightly", *site, "--date", str(DAY), "--quiet"]) == PARTIAL
    return folder / "morning/archive"


@pytest.mark.system
def test_logs_are_joined_with_what_was_recorded_and_wrote_no_more_than_the_servers_saw(
    archive: Path,
) -> None:
    """What was read may be more, for the page cache answers without the disk."""
    index = layout.path(archive, layout.INDEX, DAY, "darshan")
    with contextlib.closing(sqlite3.connect(index)) as connection:
        for table in ("servers", "job_servers"):
            rows = connection.execute(
                f"SELECT fsname, fs_instance, MAX(coverage_written) FROM {table}"
                " WHERE fs_instance IS NOT NULL GROUP BY 1, 2"
            ).fetchall()
            assert {row[:2] for row in rows} == {
                ("project", "collectd"),
                ("scratch", "node_exporter"),
            }
            assert all(0.9 < most <= 1 for *_, most in rows)


@pytest.mark.system
def test_the_pages_show_days_around_it_and_say_what_is_generated(archive: Path) -> None:
    page = (archive / layout.INDEX_PAGE).read_text("utf-8")
    assert "and a generated file system" in page
    assert "generated: bytes a day" in page
    figures = read_day_figures(archive, [BEFORE, DAY]).days
    assert figures[BEFORE].instances["generated"].state == "complete"
    assert figures[BEFORE].instances["darshan"].state == "empty"
    hours = figures[DAY].instances["generated"].datasets["datatargets/writebytes"].hours
    assert hours[2:5] == [0.0, 0.0, 0.0]


@pytest.mark.system
def test_logs_that_read_more_than_the_servers_are_said_to_and_json_has_the_figure(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """gzip reads what a program before it left in the page cache."""
    where = [str(DAY), "--archive", str(archive), "--order", "coverage"]
    capsys.readouterr()
    assert read(["jobs", *where]) == 0
    said = capsys.readouterr()
    assert "logs ×47.5" in said.out
    assert "page cache" in said.err
    assert read(["jobs", *where, "--json"]) == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert (first["exenames"], first["coverage_read"]) == ("gzip", 47.5)
    assert read(["job", first["jobid"], "--archive", str(archive)]) == 0
    assert "47.5 times the 32.0 KiB that the servers moved then" in capsys.readouterr().out
    assert read(["umami", first["jobid"], "--archive", str(archive)]) == 0
    assert "47.5" not in capsys.readouterr().out
