"""A right that is missing is a failure that names the path and the account, at once and everywhere;
it is never a day without data.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.main import COMPLETE, FAILED, PARTIAL
from tests.support.nights import DATE, lmt_db, lmt_source, some_logs
from tests.support.paths import ROOT

pytestmark = pytest.mark.system

Site = Callable[..., Path]
ACCOUNT = pwd.getpwuid(os.geteuid()).pw_name


def without_rights() -> list[str]:
    """What a program is started with so that modes of files hold for it, too, where the tests are
    root's.
    """
    if os.geteuid():
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root reads everything")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, as an account for which modes of files hold; what the environment calls the
    account is another name.
    """
    python = "from pipeline.cli.main import main; import sys; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [*without_rights(), sys.executable, "-c", python, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"LOGNAME": "nobody-else", "USER": "nobody-else"},
        check=False,
    )


def csv_files(folder: Path) -> dict[str, Any]:
    path = folder / "csv/host1/memory" / f"memory-used-{DATE}"
    path.parent.mkdir(parents=True)
    path.write_text("epoch,value\n1763769600.0,1.0\n")
    return {"kind": "collectd", "form": "csv", "files": f"{folder}/csv/*/*/*-%Y-%m-%d"}


def mmperfmon_files(folder: Path) -> dict[str, Any]:
    path = folder / f"mm/{DATE}/deep/query.txt"
    path.parent.mkdir(parents=True)
    path.write_text("nothing\n")
    return {"kind": "mmperfmon", "files": f"{folder}/mm/%Y-%m-%d"}


def saved_answers(folder: Path) -> dict[str, Any]:
    path = folder / f"answers/{DATE}.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    return {"kind": "prometheus", "answers": f"{folder}/answers/%Y-%m-%d.json", "timestep": 15}


def lmt_file(folder: Path) -> dict[str, Any]:
    (folder / "lmt").mkdir()
    lmt_db(folder / "lmt/lmt.db")
    return lmt_source(folder / "lmt/lmt.db")


def log_files(folder: Path) -> dict[str, Any]:
    (folder / "darshan").mkdir()
    some_logs(folder / "darshan/logs", 2)
    return {"kind": "darshan", "logs": f"{folder}/darshan/logs"}


@pytest.mark.parametrize(
    ("made", "closed"),
    [
        (lmt_file, "lmt/lmt.db"),
        (lmt_file, "lmt"),
        (log_files, "darshan/logs"),
        (log_files, "darshan"),
        (csv_files, f"csv/host1/memory/memory-used-{DATE}"),
        (csv_files, "csv/host1/memory"),
        (csv_files, "csv/host1"),
        (csv_files, "csv"),
        (mmperfmon_files, f"mm/{DATE}/deep/query.txt"),
        (mmperfmon_files, f"mm/{DATE}/deep"),
        (mmperfmon_files, f"mm/{DATE}"),
        (mmperfmon_files, "mm"),
        (saved_answers, f"answers/{DATE}.json"),
        (saved_answers, "answers"),
    ],
)
def test_a_source_that_may_not_be_read(
    tmp_path: Path, site: Site, made: Callable[[Path], dict[str, Any]], closed: str
) -> None:
    site({"it": made(tmp_path)})
    (tmp_path / closed).chmod(0)
    try:
        shown = run("nightly", "--date", DATE)
    finally:
        (tmp_path / closed).chmod(0o755)
    assert shown.returncode == FAILED
    (line,) = [line for line in shown.stdout.splitlines() if line.startswith(f"{DATE}  it ")]
    assert " failed " in line
    assert str(tmp_path / closed) in line
    assert f"Permission denied; to do: give the account {ACCOUNT} the right" in line


def test_logs_that_may_not_be_read_make_the_day_partial_until_they_may(
    tmp_path: Path, site: Site
) -> None:
    (tmp_path / "darshan").mkdir()
    logs = some_logs(tmp_path / "darshan/logs", 4)
    site({"it": {"kind": "darshan", "logs": f"{tmp_path}/darshan/logs"}})
    for log in logs[:3]:
        log.chmod(0)
    shown = run("nightly", "--date", DATE)
    assert shown.returncode == PARTIAL
    why = (
        "3 logs could not be read: cannot be read (Permission denied);"
        " 3 of 4 logs were rejected; see the table of rejects"
    )
    assert why in shown.stdout
    for log in logs[:3]:
        log.chmod(0o644)
    shown = run("nightly", "--date", DATE)
    assert shown.returncode == COMPLETE
    assert "complete 4 logs, 0 rejected" in shown.stdout

    for log in logs[:3]:
        log.chmod(0)
    shown = run("nightly", "--date", DATE)
    assert shown.returncode == COMPLETE, "what is archived stays"
    assert "complete 4 logs, 0 rejected" in shown.stdout


def test_an_sqlite_file_that_may_not_be_read_is_not_waited_for(tmp_path: Path, site: Site) -> None:
    """The library is never called: it would try for half a minute."""
    site({"it": lmt_file(tmp_path)})
    (tmp_path / "lmt/lmt.db").chmod(0)
    (tmp_path / "connectorx.py").write_text("raise SystemExit('it is imported')\n")
    python = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from pipeline.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    shown = subprocess.run(
        [*without_rights(), sys.executable, "-c", python, "nightly", "--date", DATE],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert shown.returncode == FAILED
    assert "lmt.db cannot be read: Permission denied" in shown.stdout
    assert "it is imported" not in shown.stdout + shown.stderr


@pytest.mark.parametrize(
    ("closed", "mode"), [(".", 0o555), ("2026", 0o555), ("raw", 0o555), ("receipts", 0o555)]
)
def test_an_archive_that_may_not_be_written(
    tmp_path: Path, site: Site, closed: str, mode: int
) -> None:
    site({"it": lmt_file(tmp_path)})
    folder = tmp_path / "archive" / closed
    folder.mkdir(parents=True)
    folder.chmod(mode)
    try:
        shown = run("nightly", "--date", DATE)
    finally:
        folder.chmod(0o755)
    assert shown.returncode == FAILED
    text = shown.stdout + shown.stderr
    assert str(tmp_path / "archive") in text
    assert "Permission denied" in text
    assert f"the rights of the account {ACCOUNT}" in text
    assert "Traceback" not in text


def test_receipts_that_may_not_be_read_are_not_no_receipts(tmp_path: Path, site: Site) -> None:
    site({"it": lmt_file(tmp_path)})
    assert run("nightly", "--date", DATE).returncode == 0
    month = tmp_path / "archive/receipts/2026/11"
    month.chmod(0)
    try:
        shown = run("status", "--start", DATE, "--stop", DATE)
    finally:
        month.chmod(0o755)
    assert shown.returncode == FAILED
    assert f"{month}: Permission denied; to do: look at the rights of the account" in shown.stderr
    assert f"account {ACCOUNT}" in shown.stderr


def test_a_password_file_that_may_not_be_read(tmp_path: Path, site: Site) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0)
    source = {
        "kind": "lmt",
        "database": "mysql://reader@localhost:1/db",
        "password_file": str(secret),
    }
    site({"it": source})
    shown = run("nightly", "--date", DATE)
    assert shown.returncode == FAILED
    assert f"{secret} cannot be read: Permission denied; to do: give the account" in shown.stdout


def test_an_error_of_the_system_names_the_account_too(tmp_path: Path) -> None:
    from pipeline.building.provenance import failure

    said = failure(PermissionError(13, "Permission denied", "/closed"))
    assert said["error"] == (
        f"PermissionError: [Errno 13] Permission denied: '/closed' (account {ACCOUNT})"
    )
    json.dumps(said)
