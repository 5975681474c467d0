"""What the world does to a night: each gives a clear message, the right exit code, and a clean next
run.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import grp
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from archive_tools.formats import darshan_tables
from pipeline.building.run_context import current
from pipeline.cli.main import COMPLETE, FAILED, PARTIAL, main
from pipeline.processes import isolated, limits
from pipeline.sources import darshan
from pipeline.sources._shared.sql_database import Database
from pipeline.sources.lmt import database
from tests.support.mariadb import PASSWORD, Server
from tests.support.paths import ROOT, needed
from tests.support.small_days import write_days, write_lmt
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.system

DATE = dt.date(2025, 3, 1)
Capture = pytest.CaptureFixture[str]


def night(folder: Path, *more: str) -> int:
    return main(["nightly", "--site", str(folder / "site.json"), "--date", str(DATE), *more])


def no_leftovers(folder: Path) -> bool:
    return not list((folder / "archive").rglob("*.tmp"))


# The archive


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system of some size as the archive; another call changes it."""
    folder = tmp_path / "archive"
    folder.mkdir()

    def mount(options: str) -> Path:
        again = "remount," if folder.is_mount() else ""
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", again + options, "tmpfs", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            needed(f"the right to mount a file system ({done.stderr.strip()})")
        return folder

    yield mount
    subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


@pytest.mark.parametrize("size", ["24k", "160k", "300k", "420k", "560k"])
def test_a_full_disk(tmp_path: Path, small_disk: Callable[[str], Path], size: str) -> None:
    """Wherever the space ends: no crash, what could be done is done, and with more space the next
    run completes.
    """
    write_days(tmp_path, [DATE])
    small_disk(f"size={size}")
    command = [
        sys.executable,
        "-m",
        "pipeline.cli.main",
        "nightly",
        "--site",
        str(tmp_path / "site.json"),
        "--date",
        str(DATE),
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == FAILED, run.stderr
    assert "No space left on device; what is archived is kept; to do: free some space" in run.stderr
    assert "Traceback" not in run.stderr
    assert no_leftovers(tmp_path)
    assert (
        main(
            [
                "status",
                "--site",
                str(tmp_path / "site.json"),
                "--start",
                str(DATE),
                "--stop",
                str(DATE),
            ]
        )
        == FAILED
    )
    small_disk("size=20m")
    assert night(tmp_path) == COMPLETE
    assert (
        main(
            [
                "status",
                "--site",
                str(tmp_path / "site.json"),
                "--start",
                str(DATE),
                "--stop",
                str(DATE),
            ]
        )
        == COMPLETE
    )


def test_a_read_only_archive(
    tmp_path: Path, small_disk: Callable[[str], Path], capsys: Capture
) -> None:
    write_days(tmp_path, [DATE])
    small_disk("size=20m")
    assert night(tmp_path) == COMPLETE
    small_disk("ro")
    assert night(tmp_path) == FAILED
    assert (
        "archive cannot be written: Read-only file system; to do: look at the file system"
        in capsys.readouterr().err
    )
    assert (
        main(
            [
                "status",
                "--site",
                str(tmp_path / "site.json"),
                "--start",
                str(DATE),
                "--stop",
                str(DATE),
            ]
        )
        == COMPLETE
    ), "it can still be read"
    small_disk("rw")
    assert night(tmp_path) == COMPLETE


def test_rights_of_what_is_written(tmp_path: Path) -> None:
    group = "daemon" if os.getuid() == 0 else grp.getgrgid(os.getgid()).gr_name
    write_days(tmp_path, [DATE], mode="0660", group=group)
    assert night(tmp_path) == COMPLETE
    archive = tmp_path / "archive"
    for path in [archive, *archive.rglob("*")]:
        status = path.stat()
        assert status.st_mode & 0o777 == (
            0o770 if path.is_dir() else 0o644 & 0o660 if path.suffix == ".sqlite" else 0o660
        ), path
        assert path.group() == group, path


def test_a_group_that_there_is_not(tmp_path: Path, capsys: Capture) -> None:
    write_days(tmp_path, [DATE], group="nobody-knows-it")
    assert night(tmp_path) == FAILED
    assert (
        "the group 'nobody-knows-it' of site.json is not known on this host"
        in capsys.readouterr().err
    )


# Databases


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not shutil.which("mariadb-install-db"):
        needed("MariaDB (Debian: mariadb-server)")
    running = Server(tmp_path_factory.mktemp("my"))
    running.sql(
        f"CREATE USER 'reader'@'localhost' IDENTIFIED BY '{PASSWORD}'; GRANT SELECT ON *.* TO"
        " 'reader'@'localhost';"
    )
    yield running
    running.process.kill()
    running.process.wait()


@pytest.mark.server
@pytest.mark.parametrize("how", ["stopped", "hangs"])
def test_mariadb_goes_away_in_the_middle_of_a_query(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: Capture, how: str
) -> None:
    write_days(tmp_path, [DATE])
    server.load("home", tmp_path / f"lmt/home_{DATE}.sqlite3")
    monkeypatch.setenv("LMT_PASSWORD", PASSWORD)
    content = json.loads((tmp_path / "site.json").read_text())
    keys = {
        "database": f"mysql://reader@localhost/home?socket={server.socket}",
        "password_env": "LMT_PASSWORD",
        "ask_seconds": 4.0,
    }
    content["sources"]["home"] |= keys
    (tmp_path / "site.json").write_text(json.dumps(content))
    select, begun = Database.select, tmp_path / "begun"

    def slow(self: Database, table: str, columns: Mapping[str, str], where: str = "") -> Any:
        is_read = table.startswith("OST_DATA") and not self.is_sqlite
        if is_read:
            begun.touch()
        return select(
            self,
            table,
            columns,
            f"{where} AND (SELECT SLEEP(20)) = 0" if is_read else where,
        )

    monkeypatch.setattr(Database, "select", slow)
    over = threading.Event()

    def stop() -> None:
        while not begun.exists() and not over.wait(0.05):
            pass
        if not over.wait(1.0):  # the query is on its way
            server.process.kill()

    stopping = threading.Thread(target=stop)
    if how == "stopped":
        stopping.start()
    assert night(tmp_path) == FAILED
    over.set()
    if how == "stopped":
        stopping.join()
    shown = capsys.readouterr().out
    assert "home             failed mysql://reader@localhost/home" in shown
    if how == "hangs":
        assert "a statement took longer than 4 s; to do: look at the server" in shown
    assert "scratch          complete" in shown
    assert PASSWORD not in shown
    assert no_leftovers(tmp_path)
    if how == "hangs":
        monkeypatch.setattr(Database, "select", select)
        assert night(tmp_path) == COMPLETE


@pytest.mark.server
def test_a_server_with_two_workers(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Task processes are forked after the server was asked: the library that asks does not bear
    that, so it is not used here.
    """
    write_days(tmp_path, [DATE], late_days=10**5, raw_days=10**5)
    monkeypatch.setenv("LMT_PASSWORD", PASSWORD)
    content = json.loads((tmp_path / "site.json").read_text())
    for name in ("home", "scratch"):
        server.load(name, tmp_path / f"lmt/{name}_{DATE}.sqlite3")
        content["sources"][name] |= {
            "database": f"mysql://reader@localhost/{name}?socket={server.socket}",
            "password_env": "LMT_PASSWORD",
        }
    (tmp_path / "site.json").write_text(json.dumps(content))
    assert night(tmp_path, "--workers", "2") == COMPLETE
    receipt = json.loads(next((tmp_path / "archive/receipts").rglob("*home.raw*")).read_text())
    assert "MariaDB" in receipt["source"]["server"]
    assert receipt["source"]["server_timezone"]


# Inputs that change


def test_a_log_that_changes_while_it_is_read(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_days(tmp_path, [DATE])
    log = next((tmp_path / f"darshan/{DATE}").iterdir())
    whole = log.read_bytes()
    log.write_bytes(whole[:-100])
    run = isolated.run

    def appended(job: Any) -> Any:
        log.write_bytes(whole)
        return run(job)

    monkeypatch.setattr(darshan.SOURCE, "run", appended)
    assert night(tmp_path) == FAILED
    shown = capsys.readouterr().out
    assert "darshan          failed" in shown
    assert "changed" in shown
    assert "home             complete" in shown
    monkeypatch.undo()
    assert (
        main(
            [
                "invalidate",
                "--site",
                str(tmp_path / "site.json"),
                "--start",
                str(DATE),
                "--stop",
                str(DATE),
                "--instance",
                "darshan",
            ]
        )
        == COMPLETE
    )
    assert night(tmp_path) == COMPLETE


def test_logs_that_come_and_change_while_a_day_is_fetched_and_read(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that comes between query and listing is of the day; one that is touched after it costs
    itself, until the next run.
    """
    write_days(tmp_path, [DATE], late_days=10**5, raw_days=10**5)
    folder = tmp_path / f"darshan/{DATE}"
    first = next(folder.iterdir())
    fetch, run = darshan.SOURCE.fetch, isolated.run

    def arrived(*given: Any) -> Any:
        shutil.copy(first, folder / "b.darshan")
        return fetch(*given)

    def touched(job: Any) -> Any:
        os.utime(first, ns=(1, 1))
        return run(job)

    monkeypatch.setattr(darshan.SOURCE, "fetch", arrived)
    monkeypatch.setattr(darshan.SOURCE, "run", touched)
    assert night(tmp_path) == PARTIAL
    said = "1 logs changed while the day was read, the next run reads them"
    shown = capsys.readouterr().out
    assert "darshan          partial" in shown
    assert said in shown
    file = tmp_path / f"archive/2025/{DATE}/darshan.hdf5"
    assert names_of_logs(file) == ["b.darshan"]
    monkeypatch.undo()
    assert night(tmp_path) == COMPLETE
    assert names_of_logs(file) == sorted([first.name, "b.darshan"])


def names_of_logs(file: Path) -> list[str]:
    return sorted(darshan_tables.read_table(file, "logs")["filename"].tolist())


def test_a_database_that_changes_while_it_is_read(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_days(tmp_path, [DATE])
    copy_series = database.copy_series

    def grown(of: Database, name: str, *given: Any) -> int:
        rows = copy_series(of, name, *given)
        if name == "OST_DATA":  # the last table
            write_lmt(tmp_path / f"lmt/home_{DATE}.sqlite3", DATE)
        return rows

    monkeypatch.setattr(database, "copy_series", grown)
    assert night(tmp_path) == FAILED
    assert (
        "changed while they were read: mtime_ns; to do: the next run reads them again"
        in capsys.readouterr().out
    )
    monkeypatch.undo()
    assert night(tmp_path) == COMPLETE


# HTTP


@pytest.fixture
def hanging() -> Iterator[socket.socket]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server


def connections(server: socket.socket) -> int:
    """How many connections were made to a server that never accepted one."""
    server.setblocking(False)
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count


def with_prometheus(folder: Path, url: str, **keys: Any) -> None:
    content = json.loads((folder / "site.json").read_text())
    content["sources"]["servers"] = {"kind": "prometheus", "url": url, "timestep": 600, **keys}
    (folder / "site.json").write_text(json.dumps(content))


def test_a_server_that_hangs(tmp_path: Path, hanging: socket.socket, capsys: Capture) -> None:
    """It is asked once, and costs one time limit."""
    write_days(tmp_path, [DATE])
    with_prometheus(tmp_path, f"http://127.0.0.1:{hanging.getsockname()[1]}", ask_seconds=3.0)
    assert night(tmp_path) == FAILED
    shown = capsys.readouterr().out
    assert (
        "servers          failed servers: what the source has of 2025-03-01 took longer than 3 s;"
        " to do: look at the source" in shown
    )
    for name in ("home", "scratch", "darshan"):
        assert f"{name:16} complete" in shown
    assert connections(hanging) == 1


def test_a_server_that_cannot_be_reached(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.sources._shared import http_client

    monkeypatch.setattr(http_client, "LONGEST_PAUSE", 0.1)
    write_days(tmp_path, [DATE])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with_prometheus(tmp_path, f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert night(tmp_path) == FAILED
    shown = capsys.readouterr().out
    assert "failed 5 times: [Errno 111] Connection refused; to do: check the key url" in shown
    assert "home             complete" in shown


class _Sample(http.server.BaseHTTPRequestHandler):
    """An empty Prometheus, after a while."""

    def do_POST(self) -> None:
        body = b'{"status":"success","data":{"resultType":"matrix","result":[]}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_server_without_data_is_missing_not_failed(tmp_path: Path, capsys: Capture) -> None:
    write_days(tmp_path, [DATE])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Sample) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with_prometheus(tmp_path, f"http://127.0.0.1:{server.server_port}")
        assert night(tmp_path) == FAILED
        server.shutdown()
    assert "servers          missing" in capsys.readouterr().out


# Limits


def test_work_that_takes_too_long() -> None:
    from archive_tools.core.errors import SourceError, Unreachable

    for limited in (limits.run_in_thread, limits.run_in_process):
        assert limited(PATIENCE, "it", lambda: 42) == 42
        with pytest.raises(Unreachable, match=r"it took longer than 0\.2 s"):
            limited(0.2, "it", lambda: time.sleep(PATIENCE))
        with pytest.raises(KeyError):
            limited(PATIENCE, "it", lambda: {}["x"])
        with given_up(), pytest.raises(Unreachable, match="it was given up"):
            limited(PATIENCE, "it", lambda: time.sleep(2 * PATIENCE))
    with pytest.raises(SourceError, match=r"the process that did it died \(SIGKILL\)"):
        limits.run_in_process(PATIENCE, "it", lambda: os.kill(os.getpid(), 9))
    with pytest.raises(SourceError, match=r"OddError: odd"):
        limits.run_in_process(PATIENCE, "it", odd)


@contextlib.contextmanager
def given_up() -> Iterator[None]:
    """Give up whatever is waited for meanwhile, as soon as it is."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(0.02):
            limits.give_up()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def odd() -> None:
    class OddError(Exception):
        """Of a function: it cannot be pickled."""

    raise OddError("odd")


# Two at once


def test_two_nights_at_once(tmp_path: Path) -> None:
    """The second leaves with its own exit code, or waits; the files are right."""
    write_days(tmp_path, [DATE])
    command = [
        sys.executable,
        "-m",
        "pipeline.cli.main",
        "nightly",
        "--site",
        str(tmp_path / "site.json"),
        "--date",
        str(DATE),
    ]
    runs = [
        subprocess.Popen(
            [*command, "--wait", wait],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for wait in ("0", "0", "600", "600")
    ]
    codes = []
    for run in runs:
        _, err = run.communicate(timeout=2 * PATIENCE)
        codes.append(run.returncode)
        assert run.returncode in (COMPLETE, 4), err
    assert codes[2:] == [COMPLETE, COMPLETE], "they waited"
    current().answers.forget()
    assert night(tmp_path) == COMPLETE
    assert no_leftovers(tmp_path)
    assert PARTIAL not in codes
