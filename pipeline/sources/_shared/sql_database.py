"""SQL to Arrow through connectorx, in bounded pieces, for MySQL/MariaDB and SQLite.

Nothing from outside is put into a statement but integers and time stamps that this code formats
itself; names of tables and columns are constants of the source's module.
"""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archive_tools.core.errors import SourceError
from archive_tools.core.extras import needs_extra
from pipeline.processes.limits import is_own_process, run_in_process, run_in_thread
from pipeline.sources._shared import rights, secrets, sqlite_checks

if TYPE_CHECKING:
    import pyarrow as pa

SQLITE_CASTS = {"int64": ("INTEGER", "0"), "float64": ("REAL", "0.0"), "string": ("TEXT", "''")}

LONGEST_SAID = 1000
"""Characters of what a database says."""


@dataclass(frozen=True)
class Database:
    """A database that can be read; `url` holds the password, `shown` does not.

    Parameters
    ----------
    url : str
        connectorx connection string.
    shown : str
        The same for messages.
    seconds : float
        How long one statement may take.
    most_rows : int
        Rows that a table may have; 0 is any number.
    """

    url: str
    shown: str
    seconds: float = 300.0
    most_rows: int = 0

    def __repr__(self) -> str:
        return f"Database({self.shown})"

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite:")

    @classmethod
    def sqlite(cls, path: Path, seconds: float = 300.0) -> Database:
        """An SQLite file.

        Raises
        ------
        SourceError
            It is not there, and connectorx would make an empty one; or it may not be read, and
            connectorx would wait half a minute before it says so.
        """
        if not rights.check_file(path):
            raise SourceError(
                f"no SQLite file {path}",
                hint="check the key database in site.json, or the job that writes the file",
            )
        uri = urllib.parse.quote(sqlite_checks.uri(path))
        return cls(f"sqlite://{uri}", str(path), seconds, sqlite_checks.most_rows(path))

    @classmethod
    def mysql(cls, url: str, password: str, seconds: float = 300.0) -> Database:
        """A MySQL or MariaDB server: `url` as ``mysql://user@host:port/database``, without a
        password.
        """
        parts = urllib.parse.urlsplit(url)
        login = urllib.parse.quote(urllib.parse.unquote(parts.username or ""), safe="")
        if password:
            login += ":" + urllib.parse.quote(password, safe="")
        secrets.remember(password, urllib.parse.unquote(parts.username or ""))
        host = parts.netloc.rpartition("@")[2]
        return cls(
            urllib.parse.urlunsplit(parts._replace(netloc=f"{login}@{host}" if login else host)),
            url,
            seconds,
        )

    def read(self, statement: str) -> pa.Table:
        """The rows of one statement, as Arrow.

        Raises
        ------
        SourceError
            With the database's own words, without the password; or it took too long.
        """
        # connectorx is never used in a process that may fork others
        limited = run_in_thread if is_own_process() else run_in_process
        hint = "look at the server; raise ask_seconds if it needs that long"
        return limited(
            self.seconds, f"{self.shown}: a statement", lambda: self._read(statement), hint=hint
        )

    def _read(self, statement: str) -> pa.Table:
        os.environ.setdefault(
            "RUST_LOG", "off"
        )  # connectorx logs each failed try on stderr, over a progress bar
        with needs_extra("lmt", "a source in an SQL database"):
            import connectorx

        try:
            return connectorx.read_sql(self.url, statement, return_type="arrow")
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a Rust panic is not an Exception
            said = secrets.shown(" ".join(str(error).split()), LONGEST_SAID)
            raise SourceError(f"{self.shown}: {said}") from None

    def select(self, table: str, columns: Mapping[str, str], where: str = "") -> pa.Table:
        """Rows of a table, with the wanted types whatever the database declared.

        Parameters
        ----------
        table : str
        columns : mapping of str to {'int64', 'float64', 'string'}
        where : str
            Condition, built from integers and literals that the caller made.

        Returns
        -------
        pyarrow.Table
            SQLite: columns as requested; a value that is not a number where one should be is null.
            MySQL: as the server declares them.
        """
        condition = f" WHERE {where}" if where else ""
        if not self.is_sqlite:
            return self.read(f"SELECT {', '.join(columns)} FROM {table}{condition}")
        # SQLite has no column types to go by: the first row of the union sets them, and goes away
        # again.
        head = ", ".join(f"{SQLITE_CASTS[kind][1]} AS {name}" for name, kind in columns.items())
        limit = f" LIMIT {self.most_rows + 2}" if self.most_rows else ""
        end = f"FROM {table}{condition}{limit}"
        try:
            rows = self.read(f"SELECT {head} UNION ALL SELECT {', '.join(columns)} {end}")
        except SourceError as error:
            if "type" not in str(error).lower():
                raise
            tolerant = ", ".join(_sqlite_cast(name, kind) for name, kind in columns.items())
            rows = self.read(f"SELECT {head} UNION ALL SELECT {tolerant} {end}")
        if 0 < self.most_rows < rows.num_rows - 1:
            raise SourceError(
                f"{self.shown} is damaged: table {table} gives more than {self.most_rows:,} rows,"
                " which a file of its size cannot hold",
                hint="copy the file again if it is whole elsewhere",
            )
        return rows.slice(1)

    def scalar(self, statement: str) -> int:
        """The single integer that a statement gives."""
        return int(self.read(statement).column(0)[0].as_py())

    def text(self, expression: str) -> str:
        """What an expression gives, as text."""
        return str(self.read(f"SELECT {expression} AS told").column(0)[0].as_py())

    def tables(self) -> Sequence[str]:
        """Names of the tables, in capitals."""
        if self.is_sqlite:
            found = self.read(
                "SELECT '' AS name UNION ALL SELECT name FROM sqlite_master WHERE type = 'table'"
            ).slice(1)
        else:
            found = self.read(
                "SELECT CAST(table_name AS CHAR) AS name FROM information_schema.tables WHERE"
                " table_schema = DATABASE()"
            )
        return [str(name).upper() for name in found.column(0).to_pylist()]


def _sqlite_cast(name: str, kind: str) -> str:
    storage = SQLITE_CASTS[kind][0]
    if kind == "string":
        return f"CAST({name} AS TEXT) AS {name}"
    return (
        f"CASE WHEN typeof({name}) IN ('integer', 'real') THEN CAST({name} AS {storage}) END AS"
        f" {name}"
    )
