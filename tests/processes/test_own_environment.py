"""Passwords are in no process' environment, once site.json is read."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.processes import isolated, own_environment
from tests.support.mariadb import PASSWORD, Server
from tests.support.nights import DATE, lmt_db, some_logs
from tests.support.paths import needed
from tests.support.waiting import until

OTHER = "another-p@ss/word"
TASK, READER = "task", "reader of logs"
LOOK = 0.005
"""Seconds between two looks at the processes of a run."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    if not shutil.which("mariadb-install-db"):
        needed("MariaDB (Debian: mariadb-server)")
    running = Server(tmp_path)
    for user, password in (("one", PASSWORD), ("two", OTHER)):
        running.sql(
            f"CREATE USER '{user}'@'localhost' IDENTIFIED BY '{password}';"
            f" GRANT SELECT ON *.* TO '{user}'@'localhost';"
        )
    yield running
    running.process.terminate()
    running.process.wait(30)


def environments(running: psutil.Process, mine: list[str]) -> Iterator[tuple[str, bytes]]:
    """What each process below a command is, and the environment that the system shows of it."""
    for process in running.children(recursive=True):
        with contextlib.suppress(psutil.Error, OSError):
            shown = Path(f"/proc/{process.pid}/environ").read_bytes()
            words = process.cmdline()
            if shown and words:  # it has not ended
                kind = TASK if words == mine else READER if isolated.READER in words else words[0]
                yield kind, shown


@pytest.mark.server
def test_no_process_of_a_nightly_run_has_a_password_in_its_environment(
    server: Server, tmp_path: Path
) -> None:
    """Two databases with a password each, logs, and a process a task."""
    server.load("fs", lmt_db(tmp_path / "fs.sqlite3").path)
    some_logs(tmp_path / "logs", 12)
    sources = {
        name: {
            "kind": "lmt",
            "database": f"mysql://{name}@localhost/fs?socket={server.socket}",
            "password_env": f"{name.upper()}_PASSWORD",
            "timestep": 600,
        }
        for name in ("one", "two")
    }
    logs = {"kind": "darshan", "logs": str(tmp_path / "logs")}
    (tmp_path / "site.json").write_text(
        json.dumps({"site": "x", "archive": "archive", "sources": {**sources, "darshan": logs}})
    )
    variables = os.environ | {"ONE_PASSWORD": PASSWORD, "TWO_PASSWORD": OTHER}
    words = ["-m", "pipeline.cli.main", "nightly", "--date", DATE, "--workers", "3"]
    seen = defaultdict(list)
    with subprocess.Popen(
        [sys.executable, *words, "--site", tmp_path / "site.json"],
        env=variables,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        own = Path(f"/proc/{run.pid}/environ")
        until(lambda: OTHER.encode() in own.read_bytes(), "a password to be seen", look=LOOK)
        until(lambda: OTHER.encode() not in own.read_bytes(), "site.json to be read", look=LOOK)
        command = psutil.Process(run.pid)
        mine = command.cmdline()
        while run.poll() is None:
            time.sleep(LOOK)
            for kind, shown in environments(command, mine):
                seen[kind].append(shown)
                with contextlib.suppress(OSError):
                    seen["command"].append(own.read_bytes())
        assert run.stdout
        said = run.stdout.read()
    assert run.returncode == 0, said
    assert {TASK, READER, "command"} <= seen.keys()
    for kind, found in seen.items():
        for password in (PASSWORD, OTHER):
            assert not any(password.encode() in one for one in found), kind
    assert any(b"ONE_PASSWORD=\0" in one for one in seen[TASK]), "they were forked from it"


PROGRAM = """
import os, sys
from pathlib import Path
from pipeline.processes import own_environment
own_environment.take(["SECRET", "NOT_SET"])
own_environment.take(["SECRET"])
assert own_environment.variable("SECRET") == os.fsdecode(b"p\\xff=a b")
assert own_environment.variable("NOT_SET") is None
assert "SECRET" not in os.environ
if not os.fork():
    shown = "import os; print(sorted(os.environb.items()))"
    os.execv(sys.executable, [sys.executable, "-c", shown])
os.wait()
print(Path("/proc/self/environ").read_bytes().split(b"\\0"))
"""


def test_the_bytes_of_a_variable_are_overwritten_and_no_others() -> None:
    variables = {
        b"A": b"SECRET=p",
        b"SECRET": b"p\xff=a b",
        b"SECRETS": b"x",
        b"B": b"",
        b"LC_ALL": b"C.UTF-8",
    }
    program = [sys.executable, "-P", "-c", PROGRAM]
    said = subprocess.run(program, env=variables, capture_output=True, check=True).stdout.decode()
    started, own = said.splitlines()
    others = sorted((name, value) for name, value in variables.items() if name != b"SECRET")
    assert started == str(others)
    kept = [b"A=SECRET=p", b"SECRET=", *[b""] * 6, b"SECRETS=x", b"B=", b"LC_ALL=C.UTF-8", b""]
    assert own == str(kept)


def test_a_variable_that_is_set_again_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "old")
    own_environment.take(["SECRET"])
    assert own_environment.variable("SECRET") == "old"
    monkeypatch.setenv("SECRET", "new")
    assert own_environment.variable("SECRET") == "new"
    own_environment.take(["SECRET"])
    assert (own_environment.variable("SECRET"), os.environ.get("SECRET")) == ("new", None)
    own_environment.forget()
