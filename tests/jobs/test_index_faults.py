"""Faults of earlier index tools, each as a test that fails where the fault is.

Elsewhere: whole-component mounts in test_records.py; -1 counters, "never" and files counted as
files in test_records.py; quotes, SQL and base names in two folders in test_darshan.py; two indexes
that list a user twice in test_commands.py; side-by-side reading in benchmarks/.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archive_tools
from pipeline.cli.main import COMPLETE, PARTIAL, main
from tests.support.paths import SITEDAY_LOGS

pytestmark = pytest.mark.system

DATE = "2026-11-22"
Site = Callable[..., Path]
LOGS = sorted(SITEDAY_LOGS.iterdir())
FOREVER = {"late_days": 10**5, "raw_days": 10**5}


def archived(tmp_path: Path, site: Site, code: int = COMPLETE, **source: Any) -> Any:
    """Archive the folder `logs` and open its index."""
    site({"darshan": {"kind": "darshan", "logs": "logs", **source}}, **FOREVER)
    assert main(["nightly", "--date", DATE]) == code
    return archive_tools.open_index(tmp_path / f"archive/2026/{DATE}/darshan_index.sqlite")


def rows(index: Any, query: str) -> list[tuple[Any, ...]]:
    found = index.execute(query).fetchall()
    index.close()
    return list(found)


def put(folder: Path, *logs: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for log in logs:
        shutil.copy(log, folder)


def test_a_log_without_io_does_not_stop_later_runs(tmp_path: Path, site: Site) -> None:
    idle = next(log for log in LOGS if "_true_" in log.name)
    put(tmp_path / "logs", idle)
    assert rows(
        archived(tmp_path, site), "SELECT COUNT(*), (SELECT COUNT(*) FROM summaries) FROM headers"
    ) == [(1, 0)]
    put(tmp_path / "logs", LOGS[0])
    assert rows(archived(tmp_path, site), "SELECT COUNT(*) FROM headers") == [(2,)]


def test_garbage_leaves_a_trace(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "logs", LOGS[0])
    (tmp_path / "logs/garbage.darshan").write_bytes(b"garbage" * 100)
    (tmp_path / "logs/empty.darshan").touch()
    (tmp_path / "logs/cut.darshan").write_bytes(LOGS[1].read_bytes()[:-500])
    index = archived(tmp_path, site, PARTIAL)
    reasons = {
        name: reason.partition(":")[0]
        for name, reason in rows(index, "SELECT filename, reason FROM rejects")
    }
    assert reasons == {
        "cut.darshan": "truncated",
        "empty.darshan": "empty",
        "garbage.darshan": "named like a Darshan log but not one",
    }
    assert (
        "logs rejected: 1 (named like a Darshan log but not one)"
        in (tmp_path / f"archive/2026/{DATE}/report.html").read_text()
    )


def test_a_tree_of_folders_is_read_whole(tmp_path: Path, site: Site) -> None:
    put(tmp_path / "logs/2026/11/22/a/b", LOGS[0])
    put(tmp_path / "logs/2026/11/22", LOGS[1])
    index = archived(tmp_path, site, logs="logs/%Y/%-m/%-d")
    assert rows(index, "SELECT folder FROM headers ORDER BY 1") == [("",), ("a/b",)]


def test_users_of_todays_names(tmp_path: Path, site: Site) -> None:
    put(tmp_path / "logs", *LOGS[:5])
    assert rows(
        archived(tmp_path, site),
        "SELECT COUNT(*) FROM headers WHERE username = '' OR username IS NULL",
    ) == [(0,)]


def test_interfaces_are_told_apart(tmp_path: Path, site: Site, real: Path) -> None:
    put(
        tmp_path / "logs",
        next((real / "darshan/ior_pnetcdf_hdf5").glob("*PNETCDF*")),
        next((real / "darshan/ior_pnetcdf_hdf5").glob("*HDF5*")),
    )
    index = archived(tmp_path, site)
    found = rows(
        index,
        "SELECT exename, mpiio_bytes_written > 0, pnetcdf_bytes_written > 0, hdf5_bytes_written >"
        " 0, dfs_bytes_read FROM headers ORDER BY filename",
    )
    assert found == [("ior", 1, None, 1, None), ("ior", 1, 1, None, None)]


def test_names_that_are_no_utf8_and_an_empty_name_of_a_program(tmp_path: Path, site: Site) -> None:
    put(tmp_path / "logs", LOGS[0])
    (tmp_path / "logs" / LOGS[0].name).rename(tmp_path / "logs" / os.fsdecode(b"\xff\xfe.darshan"))
    assert rows(archived(tmp_path, site), "SELECT filename FROM headers") == [
        ("\\xff\\xfe.darshan",)
    ]


def test_every_file_is_in_exactly_one_table(tmp_path: Path, site: Site) -> None:
    put(tmp_path / "logs", *LOGS)
    for n in range(7):
        (tmp_path / f"logs/bad{n}.darshan").write_bytes(os.urandom(50 * n))
    index = archived(tmp_path, site)
    names = rows(index, "SELECT filename FROM headers UNION ALL SELECT filename FROM rejects")
    assert sorted(name for (name,) in names) == sorted(os.listdir(tmp_path / "logs"))
