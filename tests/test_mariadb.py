"""The LMT source against a real MariaDB server, started on a socket in a temporary folder."""

from __future__ import annotations

import getpass
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import archive_tools
from pipeline.cli.main import FAILED, PARTIAL, main
from tests.conftest import needed

PASSWORD = "p@ss/word:1 %"
SCHEMA = """
CREATE TABLE FILESYSTEM_INFO (FILESYSTEM_ID integer NOT NULL PRIMARY KEY,
    FILESYSTEM_NAME varchar(128) NOT NULL,
    FILESYSTEM_MOUNT_NAME varchar(64) NOT NULL, SCHEMA_VERSION float NOT NULL);
CREATE TABLE OSS_INFO (OSS_ID integer NOT NULL PRIMARY KEY, FILESYSTEM_ID integer NOT NULL,
    HOSTNAME varchar(128) NOT NULL, FAILOVERHOST varchar(128));
CREATE TABLE OST_INFO (OST_ID integer NOT NULL PRIMARY KEY, OSS_ID integer NOT NULL,
    OST_NAME varchar(128) NOT NULL, HOSTNAME varchar(128) NOT NULL,
    OFFLINE boolean, DEVICE_NAME varchar(128));
CREATE TABLE MDS_INFO (MDS_ID integer NOT NULL PRIMARY KEY, FILESYSTEM_ID integer NOT NULL,
    MDS_NAME varchar(128) NOT NULL,
    HOSTNAME varchar(128) NOT NULL, DEVICE_NAME varchar(128));
CREATE TABLE OPERATION_INFO (OPERATION_ID integer NOT NULL PRIMARY KEY,
    OPERATION_NAME varchar(64) NOT NULL, UNITS varchar(16) NOT NULL);
CREATE TABLE TIMESTAMP_INFO (TS_ID int unsigned NOT NULL PRIMARY KEY, TIMESTAMP datetime NOT NULL,
    KEY (TIMESTAMP));
CREATE TABLE OST_DATA (OST_ID integer NOT NULL, TS_ID int unsigned NOT NULL, READ_BYTES bigint,
    WRITE_BYTES bigint, PCT_CPU float, KBYTES_FREE bigint,
    KBYTES_USED bigint, INODES_FREE bigint, INODES_USED bigint, PRIMARY KEY (OST_ID, TS_ID),
        KEY (TS_ID));
CREATE TABLE OSS_DATA (OSS_ID integer NOT NULL, TS_ID int unsigned NOT NULL, PCT_CPU float,
    PCT_MEMORY float, PRIMARY KEY (OSS_ID, TS_ID), KEY (TS_ID));
CREATE TABLE MDS_DATA (MDS_ID integer NOT NULL, TS_ID int unsigned NOT NULL, PCT_CPU float,
    KBYTES_FREE bigint, KBYTES_USED bigint, INODES_FREE bigint,
    INODES_USED bigint, PRIMARY KEY (MDS_ID, TS_ID), KEY (TS_ID));
CREATE TABLE MDS_OPS_DATA (MDS_ID integer NOT NULL, TS_ID int unsigned NOT NULL,
    OPERATION_ID integer NOT NULL, SAMPLES bigint, SUM bigint,
    SUMSQUARES bigint, PRIMARY KEY (MDS_ID, TS_ID, OPERATION_ID), KEY (TS_ID));
"""
"""The tables of LMT's schema 1.1 that matter here, with the types that it gives them on a server.
"""


class Server:
    def __init__(self, folder: Path) -> None:
        self.socket = folder / "s"
        user = ["--user=root"] if getpass.getuser() == "root" else []
        data = ["--no-defaults", f"--datadir={folder / 'data'}", *user]
        subprocess.run(
            ["mariadb-install-db", *data, "--auth-root-authentication-method=normal"],
            check=True,
            capture_output=True,
        )
        server = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [server, *data, f"--socket={self.socket}", "--skip-networking"], stderr=log
            )
        deadline = time.monotonic() + 60
        while subprocess.run(
            ["mariadb-admin", "--no-defaults", "-uroot", f"--socket={self.socket}", "ping"],
            capture_output=True,
            check=False,
        ).returncode:
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)

    def sql(self, text: str) -> None:
        subprocess.run(
            ["mariadb", "--no-defaults", "-uroot", f"--socket={self.socket}"],
            input=text,
            text=True,
            check=True,
            capture_output=True,
        )

    def load(self, database: str, sqlite: Path) -> None:
        """Make an LMT database with the rows of an SQLite copy."""
        lines = [f"CREATE DATABASE {database}; USE {database};", SCHEMA]
        connection = sqlite3.connect(sqlite)
        for (table,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall():
            if f"TABLE {table} " not in SCHEMA:
                continue
            rows = connection.execute(f"SELECT * FROM {table}").fetchall()
            lines += [
                f"INSERT INTO {table} VALUES"
                f" ({', '.join('NULL' if v is None else repr(v) for v in row)});"
                for row in rows
            ]
        connection.close()
        self.sql("\n".join(["SET autocommit=0;", *lines, "COMMIT;"]))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not shutil.which("mariadb-install-db") or not (
        shutil.which("mariadbd") or Path("/usr/sbin/mariadbd").exists()
    ):
        needed("MariaDB (Debian: mariadb-server)")
    running = Server(tmp_path_factory.mktemp("my"))
    running.sql(
        f"CREATE USER 'reader'@'localhost' IDENTIFIED BY '{PASSWORD}'; GRANT SELECT ON *.* TO"
        " 'reader'@'localhost';"
    )
    yield running
    running.process.terminate()
    running.process.wait(30)


ZONE = {"timezone": "America/Los_Angeles"}


def source(server: Server, database: str, **keys: str) -> dict[str, object]:
    return {
        "kind": "lmt",
        "database": f"mysql://reader@localhost/{database}?socket={server.socket}",
        "password_env": "LMT_PASSWORD",
        **keys,
    }


def test_the_same_database_gives_the_same_datasets(
    server: Server, real: Path, site, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    copy = real / "lmt/snx11025_2018-01-28.sqlite3"
    server.load("filesystem_edison", copy)
    monkeypatch.setenv("LMT_PASSWORD", PASSWORD)
    sources = {
        "live": source(server, "filesystem_edison"),
        "copy": {"kind": "lmt", "database": f"sqlite:///{copy.absolute()}"},
    }
    path = site(sources, **ZONE)
    assert main(["nightly", "--date", "2018-01-28"]) == PARTIAL
    folder = path.parent / "archive/2018/2018-01-28"
    with (
        archive_tools.open_tts(folder / "live.hdf5") as live,
        archive_tools.open_tts(folder / "copy.hdf5") as kept,
    ):
        assert live.datasets() == kept.datasets()
        assert len(live.datasets()) == 21
        for name in live.datasets():
            assert live.columns(name) == kept.columns(name)
            np.testing.assert_array_equal(live.to_numpy(name), kept.to_numpy(name), err_msg=name)
    everything = "".join(p.read_text() for p in (path.parent / "archive/receipts").rglob("*.json"))
    assert PASSWORD not in everything


def test_late_rows_of_a_server_are_seen(
    server: Server, real: Path, site, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    server.load("filesystem_late", real / "lmt/snx11025_2018-01-28.sqlite3")
    monkeypatch.setenv("LMT_PASSWORD", PASSWORD)
    path = site(
        {"live": source(server, "filesystem_late")}, **ZONE, late_days=10**5, raw_days=10**5
    )
    main(["nightly", "--date", "2018-01-28"])
    server.sql(
        "USE filesystem_late; INSERT INTO TIMESTAMP_INFO VALUES (8921959, '2018-01-28 00:05:05');"
        " INSERT INTO OST_DATA SELECT OST_ID, 8921959, READ_BYTES + 7, WRITE_BYTES, PCT_CPU, 1, 1,"
        " 1, 1 FROM OST_DATA WHERE TS_ID = 8921958;"
    )
    from pipeline.tasks import fetch

    fetch._answers.clear()
    main(["nightly", "--date", "2018-01-28"])
    with archive_tools.open_tts(path.parent / "archive/2018/2018-01-28/live.hdf5") as tts:
        assert (tts.to_numpy("datatargets/readbytes")[60] == 7).all()


def test_a_wrong_password_is_an_error_without_the_password(  # type: ignore[no-untyped-def]
    server: Server, site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LMT_PASSWORD", "wr0ng-secret")
    path = site({"live": source(server, "filesystem_edison")}, **ZONE)
    assert main(["nightly", "--date", "2018-01-28"]) == FAILED
    shown = capsys.readouterr()
    assert "Access denied" in shown.out
    receipts = "".join(p.read_text() for p in (path.parent / "archive/receipts").rglob("*.json"))
    assert "wr0ng-secret" not in shown.out + shown.err + receipts
    monkeypatch.delenv("LMT_PASSWORD")
    assert main(["nightly", "--date", "2018-01-28"]) == FAILED
    assert "LMT_PASSWORD is not set" in capsys.readouterr().out
