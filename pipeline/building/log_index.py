"""An index of Darshan logs from anywhere, of any days, in one SQLite file that grows.

It has the tables of a day's index, and `log_files`: which files it was made from, by path, size
and time. A file that is in it as it is now is not read again; one that changed replaces its rows.
The index needs no archive. It has no series and nothing of the servers.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from archive_tools import schemas
from archive_tools.core import log_files
from archive_tools.core.arrays import Table
from archive_tools.core.day import Day
from archive_tools.core.errors import FormatError, TokioError
from archive_tools.core.extras import check_extra
from archive_tools.core.vocabulary import RejectReason
from archive_tools.formats.index_file import insert_table
from pipeline.building import engine
from pipeline.model import BatchSummary, LogIdentity, shown
from pipeline.processes import isolated
from pipeline.site import LocalEngine
from pipeline.sources.darshan import SOURCE
from pipeline.sources.darshan.listed_logs import Listed
from pipeline.sources.darshan.log_batches import BatchReader
from pipeline.transform.darshan import Reduction
from pipeline.transform.mounts import FileSystems

MOST_LOGS = 500
"""Logs that are read and inserted at a time."""
LOG_FILES = """
CREATE TABLE log_files (
    path BLOB PRIMARY KEY,
    log_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    filename TEXT NOT NULL UNIQUE,
    reader TEXT NOT NULL
);
"""


@dataclass(frozen=True)
class Listing:
    """The logs that some names stand for.

    Attributes
    ----------
    logs : list of LogIdentity
        Each file once.
    problems : mapping of str to str
        Names that are not there or cannot be listed, and why.
    """

    logs: list[LogIdentity]
    problems: Mapping[str, str]


def logs_at(names: Iterable[str]) -> Listing:
    """The logs that `names` are, or that are in folders of these names, however deep.

    A file that is named is taken; of those in a folder, those that are logs.
    """
    found: dict[bytes, LogIdentity] = {}
    problems: dict[str, str] = {}
    for name in names:
        is_there = False
        for path, status in log_files.files_below(name):
            is_there = True
            if status is None:
                problems[path] = _why_unlistable(path)
            elif path == name or log_files.role_of(path) is log_files.FileRole.LOG:
                root, base = os.path.split(os.fsencode(path))
                root = os.path.realpath(root or b".")
                identity = LogIdentity(root, base, status.st_size, status.st_mtime_ns, True)
                found.setdefault(os.path.join(root, base), identity)
        if not is_there and not os.path.isdir(name):
            problems[name] = "it is not there, or not a file or folder"
    return Listing(sorted(found.values()), problems)


def _why_unlistable(path: str) -> str:
    try:
        os.listdir(path) if os.path.isdir(path) else os.stat(path)
    except OSError as error:
        return error.strerror or str(error)
    return "it changed while it was listed"


class _Reader(BatchReader):
    """Reads logs of any day; of large ones only what the index cannot do without."""

    def __init__(self, lean_from: float) -> None:
        super().__init__(0, 2**62)
        self.lean_from = lean_from

    def add(self, file: Listed, name: str) -> None:
        self._add(file, name, only_essential=0 < self.lean_from <= file.size)

    def _keep_times(self, number: int, log: Any) -> None:
        """When things were done is of series, which the index has not."""


@dataclass
class Outcome:
    """What became of the logs.

    Attributes
    ----------
    added, known : int
        Logs that are new in the index, or in it already.
    rejected : dict of str to str
        Paths, and why; also of those that an earlier run rejected and that are as they were.
    """

    added: int = 0
    known: int = 0
    rejected: dict[str, str] = field(default_factory=dict)


def update_index(
    target: Path,
    logs: Sequence[LogIdentity],
    *,
    mount_to_fsname: Mapping[str, str] | None = None,
    threads: int = 1,
    lean_from: float = 0,
) -> Outcome:
    """Add logs to an index.

    Parameters
    ----------
    target : pathlib.Path
        SQLite file; made where it is not there.
    logs : sequence of LogIdentity
        See `logs_at`.
    mount_to_fsname : mapping of str to str, optional
        See `FileSystems`; a mount point that is in the index already takes its new name.
    threads : int
        Logs are read by so many processes.
    lean_from : float
        Logs of so many bytes or more are read without traces, heat maps, derived figures and other
        modules than POSIX and STDIO; 0 for none.

    Raises
    ------
    FormatError
        The file is there, and not an index that this function made.
    TokioError
        It cannot be opened or written.
    MissingPackage
        What reads Darshan logs is not installed.
    """
    check_extra("darshan", "reading Darshan logs")
    file_systems = FileSystems(mount_to_fsname or {})
    with _opened(target) as connection:
        index = _LogIndex(connection, file_systems)
        outcome = Outcome()
        wanted = [log for log in logs if not index.has(log, outcome)]
        size = max(1, min(MOST_LOGS, -(-len(wanted) // threads)))
        how = Reduction(Day(dt.date(2000, 1, 1)), 86_400, mount_to_fsname or {}, ())
        jobs = [
            isolated.IsolatedRead(
                [(Listed(*log), str(n)) for n, log in enumerate(wanted[first : first + size])],
                functools.partial(_Reader, lean_from),
                how,
                isolated.Limits(),
                isolated.form_of(how),
            )
            for first in range(0, len(wanted), size)
        ]
        with engine.executor(LocalEngine(workers=threads)) as executor:
            results = engine.in_order(executor, isolated.run, jobs)
            for nth, parts in enumerate(results):
                index.add(wanted[nth * size : (nth + 1) * size], parts, outcome)
    return outcome


@contextlib.contextmanager
def _opened(target: Path) -> Iterator[sqlite3.Connection]:
    try:
        connection = sqlite3.connect(target, timeout=60)
        try:
            tables = {
                name
                for (name,) in connection.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table'"
                )
            }
            if not tables:
                connection.executescript(f"BEGIN; {schemas.new_index_sql()} {LOG_FILES} COMMIT;")
            elif not {"headers", "log_files"} <= tables:
                raise FormatError(
                    f"{target} is not an index that this command can add to",
                    expected="one that it made",
                    got=f"tables {', '.join(sorted(tables))[:200]}",
                    hint="name another file",
                )
            yield connection
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise TokioError(f"{target} cannot be used as an index: {error}") from error


class _LogIndex:
    """The tables of an open index."""

    def __init__(self, connection: sqlite3.Connection, file_systems: FileSystems) -> None:
        self.connection, self.file_systems = connection, file_systems
        with connection:
            for (mount,) in connection.execute("SELECT mountpt FROM mounts").fetchall():
                self._mount(mount)

    def has(self, log: LogIdentity, outcome: Outcome) -> bool:
        """Whether a file need not be read, which is noted."""
        query = (
            "SELECT log_files.log_bytes, mtime_ns, reader, reason FROM log_files"
            " LEFT JOIN rejects USING (filename) WHERE path = ?"
        )
        row = self.connection.execute(query, [_path(log)]).fetchone()
        if row is None or row[:2] != (log.size, log.mtime_ns):
            return False
        reader, reason = row[2:]
        if reason is None:
            outcome.known += 1
        elif reader != SOURCE.reader or not RejectReason.lasts(reason):
            return False
        else:
            outcome.rejected[shown(_path(log))] = reason
        return True

    def add(
        self, logs: Sequence[LogIdentity], parts: Sequence[BatchSummary], outcome: Outcome
    ) -> None:
        """Insert what was read of some logs, in place of what there was of them, all or nothing."""
        unseen = set(range(len(logs)))
        with self.connection:
            for log in logs:
                self._forget(_path(log))
            for part in parts:
                seen = [int(n) for n in part.logs["filename"]]
                failed = [int(n) for n in part.rejects["filename"]]
                unseen -= {*seen, *failed}
                self._add_part(logs, seen, failed, part)
                outcome.added += len(seen)
                for n, reason in zip(failed, part.rejects["reason"].tolist(), strict=True):
                    outcome.rejected[shown(_path(logs[n]))] = reason
        for n in unseen:
            why = "neither its name nor its content is a Darshan log's"
            outcome.rejected[shown(_path(logs[n]))] = why

    def _add_part(
        self,
        logs: Sequence[LogIdentity],
        seen: Sequence[int],
        failed: Sequence[int],
        part: BatchSummary,
    ) -> None:
        query = "SELECT coalesce(max(log_id) + 1, 0) FROM headers"
        first = self.connection.execute(query).fetchone()[0]
        ids = np.arange(first, first + len(seen), dtype=np.int64)
        named = self._named(logs, seen, part.logs)
        insert_table(self.connection, "headers", {"log_id": ids, **named})
        insert_table(self.connection, "rejects", self._named(logs, failed, part.rejects))
        numbers = np.array([self._mount(mount) for mount in part.mounts], dtype=np.int64)
        sums = dict(part.summaries)
        if len(sums["log_id"]):
            sums["log_id"], sums["fs_id"] = sums["log_id"] + first, numbers[sums["fs_id"]]
        insert_table(self.connection, "summaries", sums)

    def _named(self, logs: Sequence[LogIdentity], numbers: Sequence[int], table: Table) -> Table:
        """A table with names and folders in place of the numbers of its logs."""
        names = [self._register(logs[n]) for n in numbers]
        folders = [shown(logs[n].root) for n in numbers]
        return {
            **table,
            "filename": np.array(names, dtype=object),
            "folder": np.array(folders, dtype=object),
        }

    def _register(self, log: LogIdentity) -> str:
        """Note a file; what it is called in the other tables: its base name, or its path where
        another file has that name.
        """
        name, number = shown(log.name), 1
        while self._is_taken(name):
            name = shown(_path(log)) + (f"#{number}" if number > 1 else "")
            number += 1
        values = [_path(log), log.size, log.mtime_ns, name, SOURCE.reader]
        self.connection.execute("INSERT INTO log_files VALUES (?, ?, ?, ?, ?)", values)
        return name

    def _is_taken(self, name: str) -> bool:
        query = "SELECT 1 FROM log_files WHERE filename = ?"
        return self.connection.execute(query, [name]).fetchone() is not None

    def _forget(self, path: bytes) -> None:
        """Remove what there is of a file."""
        row = self.connection.execute(
            "SELECT filename FROM log_files WHERE path = ?", [path]
        ).fetchone()
        if row is None:
            return
        of_log = "log_id IN (SELECT log_id FROM headers WHERE filename = ?)"
        self.connection.execute(f"DELETE FROM summaries WHERE {of_log}", row)
        for table in ("headers", "rejects", "log_files"):
            self.connection.execute(f"DELETE FROM {table} WHERE filename = ?", row)

    def _mount(self, mount: str) -> int:
        """The number of a mount point, which is called as `mount_to_fsname` says."""
        known = self.connection.execute(
            "SELECT fs_id FROM mounts WHERE mountpt = ?", [mount]
        ).fetchone()
        name = self.file_systems[mount]
        if known is None:
            query = "INSERT INTO mounts (mountpt, fsname) VALUES (?, ?)"
            return int(self.connection.execute(query, [mount, name]).lastrowid or 0)
        if self.file_systems.configured(mount):
            self.connection.execute("UPDATE mounts SET fsname = ? WHERE fs_id = ?", [name, *known])
        return int(known[0])


def _path(log: LogIdentity) -> bytes:
    return os.path.join(log.root, log.name)
