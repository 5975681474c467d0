"""`summarize_h5lmt`: figures of bins, computed by hand; the reference's are in tests/docs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archive_tools import OwnSeries, write_series
from archive_tools.cli.pytokio.summarize_h5lmt import summarize_h5lmt

Capture = pytest.CaptureFixture[str]
READ, WRITTEN, LOAD = "datatargets/readbytes", "datatargets/writebytes", "dataservers/cpuload"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two days of two OSTs: in each hour of four rows, one of which nobody measured."""
    for day in ("2026-11-21", "2026-11-22"):
        values = np.tile([[0.0, 2**30], [1024.0, 1024.0], [3.0, np.nan], [np.nan, np.nan]], (24, 1))
        load = np.full((96, 1), np.nan)
        load[:4, 0] = 10, 20, 60, np.nan
        series = [
            OwnSeries(READ, ("a", "b"), 900, values),
            OwnSeries(WRITTEN, ("a", "b"), 900, values),
            OwnSeries(LOAD, ("s",), 900, load),
        ]
        write_series(tmp_path, "fs", day, series, timezone="UTC")
    return tmp_path


def shown(capsys: Capture, *arguments: str, code: int = 0) -> Any:
    assert summarize_h5lmt([*arguments, "--json"]) == code
    out = capsys.readouterr().out
    return json.loads(out) if out else None


def test_means_and_extremes_are_of_what_was_measured(archive: Path, capsys: Capture) -> None:
    path = str(archive / "2026/2026-11-22/fs.hdf5")
    found = shown(capsys, path, "--summary")
    first, second, *_ = found["bins"].values()
    assert len(found["bins"]) == 24
    total = 2**30 + 2048 + 3
    assert first["sum_ost_read"] == total
    assert first["sum_ost_read_kibs"] == total / 1024
    assert first["ave_ost_read"] == total / 5
    assert (first["min_ost_read"], first["max_ost_read_gibs"]) == (0.0, 1.0)
    assert (first["missing_ost_read"], first["num_ost_read"]) == (3, 8)
    assert (first["ave_oss_cpu"], first["max_oss_cpu"]) == (30.0, 60.0)
    assert second["ave_oss_cpu"] is None
    assert second["tstart"] - first["tstart"] == 3600
    assert "sum_mds_cpu" not in first
    assert found["summary"]["oss_ave"] == 30.0, "hours that nobody measured do not count as 0"
    assert found["summary"]["mds_ave"] is None
    assert found["summary"]["sum_bytes_read"] == 24 * total
    assert found["summary"]["frac_missing_ost_read"] == 3 / 8


def test_rows_that_do_not_divide_are_in_the_last_bin(archive: Path, capsys: Capture) -> None:
    path = str(archive / "2026/2026-11-22/fs.hdf5")
    found = shown(capsys, path, "--bins", "7")["bins"].values()
    assert [one["indexf"] - one["index0"] for one in found] == [13] * 6 + [18]
    assert sum(one["num_ost_read"] for one in found) == 2 * 96


def test_days_of_an_instance_the_last_included(archive: Path, capsys: Capture) -> None:
    days = ["fs", "--archive", str(archive), "--start", "2026-11-21", "--end", "2026-11-22"]
    assert len(shown(capsys, *days)["bins"]) == 48


def test_text_has_a_line_for_each_bin(archive: Path, capsys: Capture) -> None:
    path = str(archive / "2026/2026-11-22/fs.hdf5")
    assert summarize_h5lmt([path, "--summary", "--mibs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 24 + 4
    assert lines[0].split()[1:3] == ["mibs", "read"]
    assert lines[1].split()[2:4] == ["1024.00", "1024.00"]
    assert lines[1].endswith("37.5")
    assert lines[-2:] == [
        "Average OSS CPU:         30.00%,  96.9% missing",
        "Max OSS CPU:             60.00%",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["none.hdf5"], 1, "no file none.hdf5"),
        (["fs", "--start", "2026-11-21"], 2, "given together"),
        (["fs", "x", "--start", "2026-11-21", "--end", "2026-11-21"], 2, "one instance"),
        (["fs", "--start", "2020-01-01", "--end", "2020-01-01"], 1, "has no day of fs"),
        (["{}", "--bins", "97"], 2, "cannot be cut into 97 bins"),
        (["{}", "--bins", "0"], 2, "no bins"),
    ],
)
def test_what_cannot_be_done_is_said(
    archive: Path, capsys: Capture, arguments: list[str], code: int, said: str
) -> None:
    path = str(archive / "2026/2026-11-22/fs.hdf5")
    given = [one.format(path) for one in arguments]
    assert summarize_h5lmt([*given, "--archive", str(archive)]) == code
    assert said in capsys.readouterr().err
