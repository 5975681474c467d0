"""Who did most: users, accounts, programs and file systems, by the tables of jobs of any number of
days.

Days are read one after the other, only the columns that are summed; what is held grows with the
number of users, accounts or programs, not with that of days or jobs. Bytes, operations and files
are what Darshan's logs report. Accounts and node-hours are Slurm's, where the archive has its
records: node-hours of users and accounts count jobs without logs, too; a job's account is that of
the record of the same job and user on the same day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive_tools.core.errors import BadArgument, FormatError, NotFound
from archive_tools.formats.records_file import read_records
from archive_tools.jobs.table_files import KEY, NEEDED, TABLE, read_table, tables_of
from archive_tools.jobs.users import shown_users
from archive_tools.store import layout

if TYPE_CHECKING:
    import pyarrow as pa

BY = {
    "user": ("uid", "username"),
    "account": ("account",),
    "program": ("exenames",),
    "fs": ("fsname",),
}
"""Of what, and the columns that tell one from another."""
SUMS: Mapping[str, Sequence[str]] = {
    "read": ("bytes_read",),
    "written": ("bytes_written",),
    "operations": (
        *("reads", "writes", "opens", "seeks", "stats"),
        *("mmaps", "fsyncs", "fdsyncs", "flushes"),
    ),
    "files": ("posix_files", "stdio_files"),
}
"""What is summed, and the columns that it is the sum of, as far as a table has them."""
PARTS = {column: name for name, columns in SUMS.items() for column in columns}
"""What each column is a part of."""
ORDERS = ("bytes", *SUMS, "jobs", "node-hours")
RECORDS = ("jobid", "uid", "user", "account", "node_seconds_day")
"""Columns of Slurm's records that are looked at."""


@dataclass
class Total:
    """What one user, account, program or file system did.

    Attributes
    ----------
    name : str
        "" is what is not known: a program without a name, a job without an account, jobs without a
        file system.
    uid : int or None
        Of a user, where it is known.
    read, written, operations, files : int or None
        Of its logs; None where no log says.
    jobs : int
        With logs; one with logs on two days counts on each.
    node_seconds : int or None
        None where Slurm says nothing.
    """

    name: str = ""
    uid: int | None = None
    read: int | None = None
    written: int | None = None
    operations: int | None = None
    files: int | None = None
    jobs: int = 0
    node_seconds: int | None = None

    @property
    def moved(self) -> int | None:
        """Bytes read and written."""
        return plus(self.read, self.written)

    @property
    def node_hours(self) -> float | None:
        """Node-hours; None where Slurm says nothing."""
        return None if self.node_seconds is None else self.node_seconds / 3600

    def by(self, order: str) -> float:
        """What it is ordered by; what is not known is below all."""
        named = {"bytes": self.moved, "node-hours": self.node_hours}
        found = named[order] if order in named else getattr(self, order)
        return -1 if found is None else found


@dataclass
class Top:
    """Totals, and what they are made of.

    Attributes
    ----------
    totals : list of Total
        Most first.
    days : list of datetime.date
        With tables of jobs.
    days_of_records : list of datetime.date
        With Slurm's records.
    damaged : list of FormatError
        Tables that cannot be read, and do not count.
    """

    totals: list[Total] = field(default_factory=list)
    days: list[dt.date] = field(default_factory=list)
    days_of_records: list[dt.date] = field(default_factory=list)
    damaged: list[FormatError] = field(default_factory=list)


def plus(one: int | None, other: int | None) -> int | None:
    """A sum of what is known."""
    return other if one is None else one if other is None else one + other


def top(root: Path, start: dt.date, stop: dt.date, by: str, *, order: str = "bytes") -> Top:
    """Who did most on the days from `start` to `stop`, the last included.

    Parameters
    ----------
    root : pathlib.Path
        The archive.
    by : {'user', 'account', 'program', 'fs'}
    order : str
        One of `ORDERS`: most first.

    Raises
    ------
    NotFound
        The archive has no table of jobs of these days.
    BadArgument
        `by` or `order` is none.
    """
    if by not in BY:
        raise BadArgument(f"totals by {by!r} are not known", expected=", ".join(BY))
    if order not in ORDERS:
        raise BadArgument(f"totals are not ordered by {order!r}", expected=", ".join(ORDERS))
    tables = tables_of(root, start, stop)
    found, adding = Top(), _Adding(by)
    by_day: dict[dt.date, list[Path]] = {}
    for date, folder in layout.day_folders(root):
        if start <= date <= stop:
            by_day[date] = [path for day, _, path in tables if day == date]
            records = _records(folder, by_day[date], found.damaged)
            if records:
                found.days_of_records.append(date)
            for path in by_day[date]:
                try:
                    adding.logs(_rows(path), records)
                    found.days.append(date)
                except FormatError as error:
                    found.damaged.append(error)
            adding.records(records)
    if not found.days and not found.days_of_records and not found.damaged:
        raise NotFound(
            f"no table of jobs of these days is in {root}",
            hint="tokio-archive ls says which days there are",
        )
    found.days = sorted(set(found.days))
    adding.name_all()
    found.totals = sorted(
        adding.totals.values(), key=lambda one: (-one.by(order), one.name, one.uid or 0)
    )
    return found


class _Records:
    """Slurm's records of a day, by job."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self._of: dict[tuple[str, int | None], list[dict[str, Any]]] = {}

    def __bool__(self) -> bool:
        return bool(self.rows)

    def add(self, table: pa.Table) -> None:
        """Add a table."""
        for row in table.select(RECORDS).to_pylist():
            self.rows.append(row)
            self._of.setdefault((row["jobid"], row["uid"]), []).append(row)

    def account(self, jobid: str, uid: int | None) -> str | None:
        """The account of a job; None where there is no record, or several say several."""
        accounts = {row["account"] for row in self._of.get((jobid, uid), [])}
        return accounts.pop() if len(accounts) == 1 else None

    def node_seconds(self, jobid: str, uid: int | None) -> int | None:
        """Node-seconds of a job on this day."""
        total: int | None = None
        for row in self._of.get((jobid, uid), []):
            total = plus(total, row["node_seconds_day"])
        return total


def _records(folder: Path, logs: Sequence[Path], damaged: list[FormatError]) -> _Records:
    """The records of a day's folder."""
    found = _Records()
    for path in sorted(folder.glob(f"*{TABLE}")):
        if path in logs or path.name.startswith("."):
            continue
        try:
            table = read_records(path)
        except FormatError as error:
            damaged.append(error)
            continue
        if set(RECORDS) <= set(table.column_names):
            found.add(table)
    return found


def _rows(path: Path) -> pa.Table:
    """The columns of a day's table that are looked at; those that are summed as decimals, whose
    sums do not run over.
    """
    import pyarrow as pa

    wanted = [*KEY, "exenames", "fsname", *PARTS]
    rows = read_table(path, columns=[*wanted, *NEEDED])
    wide = {
        name: rows[name].cast(pa.decimal128(38, 0)) if name in PARTS else rows[name]
        for name in wanted
        if name in rows.column_names
    }
    return pa.table(wide)


class _Adding:
    """Totals that grow, day by day."""

    def __init__(self, by: str) -> None:
        self.by = by
        self.totals: dict[int | str, Total] = {}

    def logs(self, rows: pa.Table, records: _Records) -> None:
        """Add a day's jobs."""
        import pyarrow as pa

        if self.by == "account":
            pairs = zip(rows["jobid"].to_pylist(), rows["uid"].to_pylist(), strict=True)
            accounts = pa.array([records.account(*pair) for pair in pairs], pa.string())
            rows = rows.append_column("account", accounts)
        columns = list(BY[self.by])
        sums = [(name, "sum") for name in PARTS if name in rows.column_names]
        for row in rows.group_by(columns).aggregate(sums).to_pylist():
            total = self._total(row)
            for name, _ in sums:
                amount = row[f"{name}_sum"]
                known = None if amount is None else int(amount)
                setattr(total, PARTS[name], plus(getattr(total, PARTS[name]), known))
        jobs = rows.group_by(list(dict.fromkeys([*columns, *KEY]))).aggregate([])
        of_records = self.by in ("user", "account")
        for row in jobs.to_pylist():
            total = self._total(row)
            total.jobs += 1
            if records and not of_records:
                seconds = records.node_seconds(row["jobid"], row["uid"])
                total.node_seconds = plus(total.node_seconds, seconds)

    def records(self, records: _Records) -> None:
        """Add what Slurm says of a day's users or accounts."""
        if self.by in ("user", "account"):
            for row in records.rows:
                total = self._total(row | {"username": row["user"]})
                total.node_seconds = plus(total.node_seconds, row["node_seconds_day"])

    def _total(self, row: Mapping[str, Any]) -> Total:
        if self.by != "user":
            (column,) = BY[self.by]
            name = row[column] or ""
            return self.totals.setdefault(name, Total(name))
        uid, name = row["uid"], row["username"] or ""
        known = uid is not None and uid >= 0
        total = self.totals.setdefault(uid if known else name, Total(uid=uid if known else None))
        total.name = name or total.name  # the newest, of a uid that had several
        return total

    def name_all(self) -> None:
        """Call users as all commands do."""
        if self.by == "user":
            users = [(one.uid, one.name) for one in self.totals.values()]
            shown = shown_users(users)
            for one in self.totals.values():
                one.name = shown[one.uid, one.name]
