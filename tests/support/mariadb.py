"""A MariaDB server in a folder of its own, with LMT's schema."""

from __future__ import annotations

import getpass
import shutil
import sqlite3
import subprocess
from pathlib import Path

from tests.support.waiting import until

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
        ping = ["mariadb-admin", "--no-defaults", "-uroot", f"--socket={self.socket}", "ping"]
        until(
            lambda: (
                self.process.poll() is not None
                or not subprocess.run(ping, capture_output=True, check=False).returncode
            ),
            "the server's first answer",
            look=0.1,
        )
        assert self.process.poll() is None, (folder / "log").read_text()

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
        for table in _tables(connection):
            rows = connection.execute(f"SELECT * FROM {table}").fetchall()
            lines += [
                f"INSERT INTO {table} VALUES"
                f" ({', '.join('NULL' if v is None else repr(v) for v in row)});"
                for row in rows
            ]
        connection.close()
        self.sql("\n".join(["SET autocommit=0;", *lines, "COMMIT;"]))

    def load_large(self, database: str, sqlite: Path) -> None:
        """As `load`, for millions of rows: each table through a file."""
        self.sql(f"CREATE DATABASE {database}; USE {database}; {SCHEMA}")
        rows = self.socket.with_name("rows")
        connection = sqlite3.connect(sqlite)
        for table in _tables(connection):
            with rows.open("w") as file:
                file.writelines(
                    "\t".join("\\N" if value is None else str(value) for value in row) + "\n"
                    for row in connection.execute(f"SELECT * FROM {table}")
                )
            self.sql(
                f"SET unique_checks = 0, foreign_key_checks = 0, autocommit = 0; USE {database};"
                f" LOAD DATA INFILE '{rows}' INTO TABLE {table}; COMMIT;"
            )
        rows.unlink()
        connection.close()


def _tables(connection: sqlite3.Connection) -> list[str]:
    """The tables of an SQLite copy that LMT's schema has."""
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return [table for (table,) in found if f"TABLE {table} " in SCHEMA]
