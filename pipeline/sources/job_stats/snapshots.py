"""Text of job_stats, and of exporters of Prometheus, to snapshots: what a target has of each job at
a time.

The text of Lustre looks like YAML, of which libraries need many times as long. All forms of a
figure are read: with and without times of calls, sums of squares, fractions of seconds. A file may
hold several targets, each after its parameter's name, and several times, each after a line
``BEGIN`` with epoch seconds; else its name has both. Where nothing says the time, it is that of the
newest change of an entry.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

import numpy as np

from archive_tools.core.printable import clean
from pipeline.sources.job_stats import table
from pipeline.sources.job_stats.entries import (
    CHANGED,
    ENTRY,
    LONGEST,
    MOST,
    NEVER,
    NOT_SAID,
    PLACES,
    UNKNOWN,
    Figures,
    array_of,
    digits_of,
    figures_of,
    layout_of,
)
from pipeline.sources.job_stats.options import time_in

Problem = Callable[[str], None]
BLOCK = 1 << 20
"""Bytes that are read at a time."""
LAYOUTS = 8
"""Layouts that a file may have: to make one costs as much as to read some hundred entries."""
SERIES, LONG_LABELS = 1 << 16, 512
"""Series of which the labels are kept, and bytes from which on they are read each time."""
TARGET = r"[A-Za-z0-9_][A-Za-z0-9_-]*-(?:OST|MDT)[0-9a-fA-F]{4}"
_TARGET = re.compile(rf"({TARGET})")
_PARAMETER = re.compile(rf"[A-Za-z0-9_-]+\.({TARGET})\.job_stats=".encode())
_BEGIN = re.compile(rb"BEGIN\s+([0-9]{1,11})\s*$")
_SERIES = re.compile(rb"lustre_job_([a-z_]+?)(?:_total)?\{")
_VALUE = re.compile(rb"\s+([0-9][0-9.eE+]*)\s*[0-9]*\s*")
_LABEL = re.compile(rb'([a-z_]+)="((?:[^"\\]|\\.)*)"')
_OF_SERIES = {
    "read_bytes": "bytes_read",
    "write_bytes": "bytes_written",
    "read_samples": "reads",
    "write_samples": "writes",
}
_OF_OPERATION = {name: counted for name, (counted, _) in table.AMOUNTS.items()} | table.OPERATIONS


@dataclass
class Snapshot:
    """What a target has of all jobs at a time.

    Attributes
    ----------
    time : int
        Epoch seconds.
    target : str
    is_whole : bool
        Whether nothing of it is known to be lacking: then a job that is not there has no entry.
    """

    time: int
    target: str
    is_whole: bool = True
    _names: list[str] = field(default_factory=list)
    _rows: list[tuple[Sequence[int], list[Sequence[bytes]]]] = field(default_factory=list)

    def add(
        self, jobs: Sequence[str], columns: Sequence[int], digits: Sequence[Sequence[bytes]]
    ) -> None:
        """Take entries: the ids of their jobs, and the numbers of each, which are those columns of
        figures.
        """
        self._names += jobs
        if self._rows and self._rows[-1][0] == columns:
            self._rows[-1][1].extend(digits)
        else:
            self._rows.append((columns, list(digits)))

    def merge(self, other: Snapshot) -> None:
        """Take what another copy has."""
        self._names += other._names
        self._rows += other._rows
        self.is_whole |= other.is_whole

    def jobs(self) -> dict[str, int]:
        """Ids of jobs as they are, and the row of `figures` of each."""
        return {job: row for row, job in enumerate(dict.fromkeys(self._names))}

    def figures(self) -> Figures:
        """Figures of the entries, a row a job; of a job that is there twice the larger ones."""
        found, jobs = array_of(self._rows), self.jobs()
        if len(jobs) == len(found):
            return found
        most = np.full((len(jobs), found.shape[1]), UNKNOWN, np.int64)
        np.maximum.at(most, [jobs[job] for job in self._names], found)
        return most


def targets_and_time(stream: IO[bytes], name: str, zone: str) -> tuple[frozenset[str], int | None]:
    """Which targets a file has, and its first time, where it says one. A file whose name has both
    is not read.
    """
    in_name = _TARGET.search(name)
    targets, time = set[str](), time_in(name, zone)
    if in_name and time is not None:
        return frozenset({in_name[1]}), time
    for line in iter(lambda: stream.readline(LONGEST), b""):
        if match := _PARAMETER.match(line):
            targets.add(match[1].decode())
        elif line.startswith(b"lustre_job_"):
            targets.add(_labels(line).get("target", ""))
        elif time is None and (match := _BEGIN.match(line)):
            time = int(match[1])
    return frozenset(targets or ({in_name[1]} if in_name else ())), time


def snapshots(stream: IO[bytes], name: str, zone: str, problem: Problem) -> Iterator[Snapshot]:
    """The snapshots of a file, in its order; those of one time after each other."""
    reader = _Reader(name, zone, problem)
    for text in _blocks(stream):
        at = 0
        while (at := reader.take_known(text, at)) < len(text):
            if entry := ENTRY.match(text, at):
                reader.take_entry(entry[1], entry[2])
                at = entry.end()
                continue
            line = text[at : text.find(b"\n", at) + 1] or text[at:]
            at += len(line)
            if begin := _BEGIN.match(line):
                yield from reader.ended()
                reader.time = int(begin[1])
            else:
                reader.take(line)
    yield from reader.ended()


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """The text in pieces of whole entries, as far as these are not longer than a piece."""
    rest = b""
    while piece := stream.read(BLOCK):
        text = rest + piece
        cut = text.rfind(b"\n- job_id:") + 1 or text.rfind(b"\n") + 1 or len(text)
        yield text[:cut]
        rest = text[cut:]
        if len(rest) > BLOCK:
            yield rest
            rest = b""
    yield rest


class _Reader:
    """Takes a file line by line, but entries as a whole.

    Attributes
    ----------
    layout : Layout
        Of the last entry.
    """

    def __init__(self, name: str, zone: str, problem: Problem) -> None:
        found = _TARGET.search(name)
        self.target = found[1] if found else ""
        self.time = time_in(name, zone)
        self._problem = problem
        self._number = 0
        self._figures = 0
        self._found: dict[str, Snapshot] = {}
        self.layout = NEVER
        self._layouts = {NEVER}
        self._series: dict[tuple[str, str], dict[int, int]] = {}

    def take_known(self, text: bytes, at: int) -> int:
        """Take the entries that follow each other from a place in a text on, as far as they are of
        `layout`; the place behind them.
        """
        if not self.target or self.layout.figures < self._figures:
            return at
        match, names, numbers = self.layout.pattern.match, list[str](), list[Sequence[bytes]]()
        while (entry := match(text, at)) and entry.end() - at <= LONGEST:
            job, *digits = entry.groups(NOT_SAID)
            if not (name := _job_id(job)):
                break
            names.append(name)
            numbers.append(digits)
            at = entry.end()
        if names:
            self._number += self.layout.lines * len(names)
            self._figures = self.layout.figures
            self._snapshot().add(names, self.layout.columns, numbers)
        return at

    def take_entry(self, name: bytes, text: bytes) -> None:
        """Take an entry: what follows ``job_id:``, and its other lines."""
        self._number += 1 + text.count(b"\n")
        job, here = _job_id(name), self._snapshot()
        try:
            found, figures = figures_of(text)
            if figures < self._figures:
                raise ValueError(f"{figures} figures, the entry before has {self._figures}")
            if not job or not self.target:
                raise ValueError("no job id" if self.target else "the target is not known")
        except ValueError as error:
            self._damage(f"entry of job {clean(job[:60])!r}: {error}")
            return
        self._figures = figures
        here.add([job], tuple(found), [digits_of(found)])
        if len(self._layouts) <= LAYOUTS:
            self.layout = layout_of(text)
            self._layouts.add(self.layout)

    def take(self, line: bytes) -> None:
        """Take a line that is in no entry."""
        self._number += 1
        if not line.endswith(b"\n"):
            self._damage("the file breaks off")
        elif line.startswith(b"lustre_job_"):
            self._take_series(line)
        elif match := _PARAMETER.match(line):
            self.target, self._figures = match[1].decode(), 0
            self._snapshot()
        elif line.startswith(b"job_stats:"):
            self._snapshot()
        elif line.strip() and line[:1] not in b"#-" and not line.startswith((b"source:", b"expr")):
            self._damage(f"{clean(line[:60].decode('utf-8', 'replace').strip())!r} is not known")
        elif line.startswith(b"- job_id:"):
            self._damage("an entry without figures")

    def ended(self) -> Iterator[Snapshot]:
        """What was taken of the time that is over, by target."""
        for (target, job), counters in self._series.items():
            self._snapshot(target).add([job], tuple(counters), [digits_of(counters)])
        found = [one for _, one in sorted(self._found.items())]
        time = self.time
        if time is None:
            time = max((int(one.figures()[:, CHANGED].max(initial=0)) for one in found), default=0)
        if found and not time:
            self._damage("neither its name nor its lines say its time")
            found = []
        for one in found:
            one.time = time
            yield one
        self._found, self._series, self._figures = {}, {}, 0

    def _snapshot(self, target: str = "") -> Snapshot:
        name = target or self.target
        return self._found.setdefault(name, Snapshot(0, name))

    def _damage(self, what: str) -> None:
        self._problem(f"line {self._number}: {what}")
        for one in self._found.values():
            one.is_whole = False

    def _take_series(self, line: bytes) -> None:
        series, _, text = line.rpartition(b"}")
        labels_of = _series if len(series) < LONG_LABELS else _series.__wrapped__
        match, found = _VALUE.fullmatch(text), labels_of(series)
        if match is None or found is None or not line.endswith(b"\n"):
            self._damage("a series that cannot be read")
            return
        target, job, column = found
        if column is None:
            return
        try:
            value = int(match[1]) if match[1].isdigit() else int(float(match[1]))
        except (ValueError, OverflowError):
            value = MOST + 1
        if value > MOST:
            self._damage("a figure that is larger than 64 bits")
            return
        counters = self._series.setdefault((target, job), {})
        counters[column] = max(value, counters.get(column, 0))
        self._snapshot(target)


def _job_id(given: bytes) -> str:
    text = given.strip().decode("utf-8", "replace")
    is_quoted = text[:1] == '"' == text[-1:] and len(text) > 1
    return text[1:-1] if is_quoted else text


@functools.lru_cache(SERIES)
def _series(text: bytes) -> tuple[str, str, int | None] | None:
    """Target, job and column of figures of a series, up to the end of its labels; None where it
    cannot be read. Each snapshot has the same ones.
    """
    match, labels = _SERIES.match(text), _labels(text)
    target, job = labels.get("target", ""), labels.get("jobid", "")
    if match is None or not target or not job:
        return None
    kind = match[1].decode()
    operation = labels.get("operation", "")
    name = _OF_OPERATION.get(operation) if kind == "stats" else _OF_SERIES.get(kind)
    return target, job, None if name is None else PLACES[name]


def _labels(line: bytes) -> Mapping[str, str]:
    return {
        name.decode(): value.decode("utf-8", "replace").replace('\\"', '"').replace("\\\\", "\\")
        for name, value in _LABEL.findall(line)
    }
