"""The text of `mmperfmon query`: legends and tables, to arrays. No names are judged here, no time
zones known.

A legend numbers the columns; the tables that follow it have them in that order, as many as fit a
line::

    Legend:
     1:	nsd01.site|CPU|cpu_user
     2:	nsd01.site|Memory|mem_total
     3:	nsd01.site|Network|ib0|net_r

    Row           Timestamp cpu_user   mem_total
      1 2019-05-15-11:01:00     0.17  31371.0 MB
      2 2019-05-15-11:02:00     null  31371.0 MB

    Row           Timestamp     net_r
      1 2019-05-15-11:01:00  261.4 kB
      2 2019-05-15-11:02:00   74.2 kB

A comparison by node (`compareNodes`) names its columns after the hosts instead of the counters.
Only its place says which legend entry a column has. So a row that is wrong costs that row, but
where the head of a table is wrong or lost, nothing is taken until the next legend. The form is
known from outputs of real servers; units are powers of 1024 (a node with 32 GB says ``31371.0
MB``).
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Int64
from pipeline.sources._shared.hosts import usable

MARK = re.compile(rb"^[ \t]*(Legend:|Row[ \t]+Timestamp\b)[^\n]*\n?", re.MULTILINE)
ENTRY = re.compile(rb"(\d{1,9}):\s+(\S.*)")
"""Of a line without the spaces around it."""
ROW = re.compile(rb"\s*(\d{1,9})\s+(\S+)\s+(?=\S)")
CELL = re.compile(
    rb"(null|[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?:[ \t]*((?:[kKMGTP]i?)?B))?(?:\s+|$)"
)
STAMP = re.compile(rb"(\d{4})-(\d\d)-(\d\d)-(\d\d):(\d\d):(\d\d)")
UNITS = {unit: 1024.0**power for power, unit in enumerate((b"B", b"K", b"M", b"G", b"T", b"P"))}
EPOCH = dt.datetime(1970, 1, 1)
WITHOUT_LEGEND = (
    "a table without a legend, as of a comparison by node: nothing says what its columns are; query"
    " the counters by name instead of compareNodes"
)


class Column(NamedTuple):
    """One entry of a legend; `device` is "" where the counter is the host's own."""

    host: str
    device: str
    counter: str


class Table(NamedTuple):
    """What was measured at the same rows of one query.

    Attributes
    ----------
    columns : tuple of Column
    row : int64 (rows,)
        Numbers of the rows, each once.
    stamp : int64 (rows,)
        Local wall clock at the end of each row's interval, seconds since 1970-01-01T00:00:00 local.
    values : float64 (rows, columns)
        NaN is null: not measured. A figure with a unit is in bytes.
    plain : bool (rows, columns)
        Which figures had no unit.
    """

    columns: tuple[Column, ...]
    row: Int64
    stamp: Int64
    values: Float64
    plain: npt.NDArray[np.bool_]


class Damage:
    """What of a text could not be read: how many pieces, and where and what the first of them
    is.
    """

    def __init__(self, text: bytes) -> None:
        self._text = text
        self.count = 0
        self.first = ""

    def add(self, at: int, what: str) -> None:
        """Count a piece at a byte of the text."""
        if not self.count:
            line = self._text.count(b"\n", 0, at) + 1
            self.first = f"line {line}: {what}"
        self.count += 1


class _Rows(NamedTuple):
    """Rows of a table, as they are: numbers and stamps as text."""

    row: tuple[bytes, ...]
    stamp: tuple[bytes, ...]
    values: Float64
    plain: npt.NDArray[np.bool_]


def tables(text: bytes, damage: Damage) -> Iterator[Table]:
    """The tables of a text, those of one query with the same rows side by side.

    Parameters
    ----------
    text : bytes
        One or more outputs, one after another.
    damage : Damage
        Called for everything that cannot be read.
    """
    query: _Query | None = None
    for mark, after in itertools.pairwise(itertools.chain(MARK.finditer(text), [None])):
        assert mark  # only the last one is none
        end = after.start() if after else len(text)
        if mark[1] == b"Legend:":
            yield from query.finished() if query else ()
            query = _Query(text[mark.end() : end], mark.end(), damage)
        elif query:
            query.add(mark[0], text[mark.end() : end], mark.start())
        else:
            damage.add(mark.start(), WITHOUT_LEGEND)
    if query:
        yield from query.finished()
    elif not damage.count:
        damage.add(0, "no output of mmperfmon query" if text.strip() else "the file is empty")


class _Query:
    """One legend and its tables."""

    def __init__(self, legend: bytes, at: int, damage: Damage) -> None:
        self.damage = damage
        self.legend = _legend(legend, at, damage)
        self.size = max(self.legend, default=0)
        self.end = at + len(legend)
        self.done = 0
        self.longest = 0
        self.lost = False
        self.parts: dict[
            tuple[tuple[bytes, ...], tuple[bytes, ...]], list[tuple[list[Column | None], _Rows]]
        ] = {}

    def add(self, head: bytes, body: bytes, at: int) -> None:
        """A table: its head, its rows, and the byte at which it begins."""
        start = at + len(head)
        self.end = start + len(body)
        counters = [name.decode("utf-8", "replace") for name in head.split()[2:]]
        columns = [self.legend.get(self.done + 1 + n) for n in range(len(counters))]
        if not self.lost and not _are_named(columns, counters):
            self._lose(at, "the head of a table is not what the legend says")
        if self.lost:
            return
        self.done += len(counters)
        for number in (
            self.done - len(columns) + 1 + n for n, column in enumerate(columns) if column is None
        ):
            self.damage.add(at, f"the legend has no column {number}")
        rows = self._rows(head, body, start, len(counters))
        if len(rows.row):
            self.parts.setdefault((rows.row, rows.stamp), []).append((columns, rows))

    def _rows(self, head: bytes, body: bytes, start: int, width: int) -> _Rows:
        whole, before = body, self.damage.count
        last = body.rpartition(b"\n")[2]
        if last.strip() and len(last.rstrip()) < len(
            head.rstrip()
        ):  # numbers are right-aligned: this line was cut
            self.damage.add(start + len(body), "the last line breaks off")
            whole = body[: len(body) - len(last)]
        rows = _plain_rows(whole, width)
        if rows is None:
            rows = self._rows_by_line(whole, start, width)
        if len(rows.row) < self.longest and self.damage.count == before:
            self.damage.add(
                start + len(body),
                f"a table has {len(rows.row)} rows, others of the query have {self.longest}",
            )
        self.longest = max(self.longest, len(rows.row))
        return rows

    def _rows_by_line(self, body: bytes, start: int, width: int) -> _Rows:
        """The rows that can be read: a bad one is left out, and what follows a lost head is."""
        found: dict[bytes, tuple[bytes, list[float], list[bool]]] = {}
        bad = 0
        for line in body.splitlines(keepends=True):
            row = _row(line, width)
            if row and row[0] in found:
                self._lose(
                    start, f"Row {row[0].decode()} is there twice in a table: a head is missing"
                )
                break
            if row:
                found[row[0]] = row[1:]
            elif ENTRY.fullmatch(line.strip()):
                self._lose(start, "entries of a legend are in a table")
                break
            elif line.strip():
                self.damage.add(start, f"a row that is not {width} figures of a time")
                bad += 1
            start += len(line)
        if bad > 1 and not found:
            self._lose(start, "no row of a table is as its head says")
        values = np.array([row[1] for row in found.values()]).reshape(-1, width)
        plain = np.array([row[2] for row in found.values()], dtype=bool).reshape(-1, width)
        return _Rows(tuple(found), tuple(row[0] for row in found.values()), values, plain)

    def _lose(self, at: int, what: str) -> None:
        self.lost = True
        self.damage.add(at, f"{what}; nothing is read from here to the next legend")

    def finished(self) -> Iterator[Table]:
        """What was read."""
        if self.done < self.size and not self.lost:
            self.damage.add(
                self.end, f"the text ends after {self.done} of the legend's {self.size} columns"
            )
        for (numbers, stamps), parts in self.parts.items():
            columns = [column for those, _ in parts for column in those]
            known = [n for n, column in enumerate(columns) if column]
            values = np.hstack([rows.values for _, rows in parts])
            plain = np.hstack([rows.plain for _, rows in parts])
            if len(known) < len(columns):
                values, plain = values[:, known], plain[:, known]
            row = np.array([int(number) for number in numbers], dtype=np.int64)
            stamp = np.array([_seconds(stamp) for stamp in stamps], dtype=np.int64)
            yield Table(tuple(column for column in columns if column), row, stamp, values, plain)


def _are_named(columns: Sequence[Column | None], names: Sequence[str]) -> bool:
    """Whether a head has the columns' counters, or in a comparison by node their hosts, whole or
    without domain.
    """
    known = [
        (column, name) for column, name in zip(columns, names, strict=True) if column is not None
    ]
    return bool(names) and (
        all(column.counter == name for column, name in known)
        or all(name in (column.host, column.host.partition(".")[0]) for column, name in known)
    )


def _legend(body: bytes, at: int, damage: Damage) -> dict[int, Column]:
    """Columns by number; a number that stands for two columns stands for none."""
    found: dict[int, Column] = {}
    twice = set()
    for line in body.splitlines(keepends=True):
        entry = ENTRY.fullmatch(line.strip())
        names = entry[2].decode("utf-8", "replace").split("|") if entry else []
        if entry and len(names) > 2 and all(names):
            column = Column(names[0], names[-2] if len(names) > 3 else "", names[-1])
            if not all(usable(name) for name in (f"{column.host}:{column.device}", column.counter)):
                damage.add(at, "a name that is too long or not printable")
            elif found.setdefault(int(entry[1]), column) != column:
                twice.add(int(entry[1]))
        elif line.strip():
            damage.add(at, "not host|component|device|counter")
        at += len(line)
    return {number: column for number, column in found.items() if number not in twice}


def _plain_rows(body: bytes, width: int) -> _Rows | None:
    """All rows at once, where each is as it should be and every figure a plain number; None where
    not.
    """
    tokens = body.split()
    numbers, stamps = tuple(tokens[:: width + 2]), tuple(tokens[1 :: width + 2])
    if len(tokens) % (width + 2) or b"_" in body or not _are_times(numbers, stamps):
        return None
    del tokens[:: width + 2]
    del tokens[:: width + 1]
    try:
        values = np.fromiter(map(float, tokens), np.float64, len(tokens)).reshape(-1, width)
    except ValueError:
        return None
    return (
        _Rows(numbers, stamps, values, np.ones(values.shape, dtype=bool))
        if np.isfinite(values).all()
        else None
    )


@functools.lru_cache(maxsize=64)
def _are_times(numbers: tuple[bytes, ...], stamps: tuple[bytes, ...]) -> bool:
    """Whether these are numbers of rows, each once, and time stamps; the tables of a query have
    them in common.
    """
    right = all(number.isdigit() and len(number) < 10 for number in numbers) and len(
        set(numbers)
    ) == len(numbers)
    return right and all(_seconds(stamp) is not None for stamp in stamps)


def _row(line: bytes, width: int) -> tuple[bytes, bytes, list[float], list[bool]] | None:
    """Number, stamp, figures, and which of them have no unit; None where the line is not such a
    row.
    """
    row = ROW.match(line)
    if not row or _seconds(row[2]) is None:
        return None
    values, plain, at = [], [], row.end()
    while at < len(line):
        cell = CELL.match(line, at)
        if not cell:
            return None
        values.append(np.nan if cell[1] == b"null" else float(cell[1]) * UNITS[_prefix(cell[2])])
        plain.append(cell[2] is None)
        at = cell.end()
    return (
        (row[1], row[2], values, plain)
        if len(values) == width and not any(map(math.isinf, values))
        else None
    )


def _prefix(unit: bytes | None) -> bytes:
    return unit[:1].upper() if unit else b"B"


@functools.lru_cache(maxsize=100_000)
def _seconds(stamp: bytes) -> int | None:
    """Local seconds of a stamp such as ``2019-05-15-11:01:00``; None where it is none."""
    match = STAMP.fullmatch(stamp)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        return int((dt.datetime(year, month, day, hour, minute, second) - EPOCH).total_seconds())
    except ValueError:
        return None
