"""Text of job_stats, and of exporters of Prometheus, to snapshots: what a target has of each job at
a time.

The text of Lustre looks like YAML. It is read line by line, for libraries of YAML need many times
as long. All forms of a figure are read: with and without times of calls, sums of squares, fractions
of seconds. A file may hold several targets, each after its parameter's name, and several times,
each after a line ``BEGIN`` with epoch seconds; else its name has both. Where nothing says the time,
it is that of the newest change of an entry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, NamedTuple

from archive_tools.core.printable import clean
from pipeline.sources.job_stats import table
from pipeline.sources.job_stats.options import time_in

Problem = Callable[[str], None]
LONGEST = 1 << 16
"""Bytes of a line, and of an entry."""
BLOCK = 1 << 20
"""Bytes that are read at a time."""
MOST = 2**63 - 1
PLACES = {name: place for place, name in enumerate(table.COLUMNS)}
TARGET = r"[A-Za-z0-9_][A-Za-z0-9_-]*-(?:OST|MDT)[0-9a-fA-F]{4}"
_TARGET = re.compile(rf"({TARGET})")
_PARAMETER = re.compile(rf"[A-Za-z0-9_-]+\.({TARGET})\.job_stats=".encode())
_BEGIN = re.compile(rb"BEGIN\s+([0-9]{1,11})\s*$")
_STAMP = re.compile(rb"^\s+(snapshot_time|start_time):\s*([0-9]{1,11})", re.MULTILINE)
_FIGURE = re.compile(
    rb"^\s+([a-z_]+):\s*\{\s*samples:\s*([0-9]{1,19}),\s*unit:\s*([a-z]+)"
    rb"(?:,\s*min:\s*[0-9]+,\s*max:\s*[0-9]+,\s*sum:\s*([0-9]{1,19}))?(?:,\s*sumsq:\s*[0-9]+)?"
    rb"(?:,\s*hist:\s*\{[^{}\n]*\})?\s*\}\s*$",
    re.MULTILINE,
)
_ENTRY = re.compile(rb"- job_id:([^\n]*)\n((?:[ \t][^\n]*\n)+)")
_SERIES = re.compile(rb"lustre_job_([a-z_]+?)(?:_total)?\{(.*)\}\s+([0-9][0-9.eE+]*)\s*[0-9]*\s*$")
_LABEL = re.compile(rb'([a-z_]+)="((?:[^"\\]|\\.)*)"')
_OF_SERIES = {
    "read_bytes": "bytes_read",
    "write_bytes": "bytes_written",
    "read_samples": "reads",
    "write_samples": "writes",
}
_COUNTED = {
    **{name.encode(): PLACES[counted] for name, (counted, _) in table.AMOUNTS.items()},
    **{name.encode(): PLACES[column] for name, column in table.OPERATIONS.items()},
}
_SUMMED = {name.encode(): PLACES[summed] for name, (_, summed) in table.AMOUNTS.items()}
_OF_OPERATION = {name: counted for name, (counted, _) in table.AMOUNTS.items()} | table.OPERATIONS


class Entry(NamedTuple):
    """What a target has of a job since the entry began.

    Attributes
    ----------
    counters : tuple of int or None
        In the order of `table.COLUMNS`; None is what the target does not count.
    since : int
        When the entry began, epoch seconds; 0 where that is not said.
    """

    counters: tuple[int | None, ...]
    since: int = 0

    def with_most(self, other: Entry) -> Entry:
        """The larger figure of two copies of one entry, column by column."""
        pairs = zip(self.counters, other.counters, strict=True)
        most = (b if a is None else a if b is None else max(a, b) for a, b in pairs)
        return Entry(tuple(most), max(self.since, other.since))


@dataclass
class Snapshot:
    """What a target has of all jobs at a time.

    Attributes
    ----------
    time : int
        Epoch seconds.
    target : str
    entries : dict of str to Entry
        By job id, as it is.
    is_whole : bool
        Whether nothing of it is known to be lacking: then a job that is not there has no entry.
    """

    time: int
    target: str
    entries: dict[str, Entry] = field(default_factory=dict)
    is_whole: bool = True

    def add(self, job: str, entry: Entry) -> None:
        """Take an entry; of one that is there twice the larger figures count."""
        known = self.entries.get(job)
        self.entries[job] = entry if known is None else known.with_most(entry)

    def merge(self, other: Snapshot) -> None:
        """Take what another copy has."""
        for job, entry in other.entries.items():
            self.add(job, entry)
        self.is_whole |= other.is_whole


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
        while at < len(text):
            if entry := _ENTRY.match(text, at):
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
    """Takes a file line by line."""

    def __init__(self, name: str, zone: str, problem: Problem) -> None:
        found = _TARGET.search(name)
        self.target = found[1] if found else ""
        self.time = time_in(name, zone)
        self._problem = problem
        self._number = 0
        self._figures = 0
        self._newest = 0
        self._found: dict[str, Snapshot] = {}
        self._series: dict[tuple[str, str], dict[int, int]] = {}

    def take_entry(self, name: bytes, text: bytes) -> None:
        """Take an entry: what follows ``job_id:``, and its other lines."""
        self._number += 1 + text.count(b"\n")
        job, here = _job_id(name), self._snapshot()
        try:
            entry, newest, figures = _entry(text)
            if figures < self._figures:
                raise ValueError(f"{figures} figures, the entry before has {self._figures}")
            if not job or not self.target:
                raise ValueError("no job id" if self.target else "the target is not known")
        except ValueError as error:
            self._damage(f"entry of job {clean(job[:60])!r}: {error}")
            return
        self._figures, self._newest = figures, max(self._newest, newest)
        here.add(job, entry)

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
            self._snapshot(target).add(job, Entry(tuple(map(counters.get, PLACES.values()))))
        found = [one for _, one in sorted(self._found.items())]
        time = self._newest if self.time is None else self.time
        if found and not time:
            self._damage("neither its name nor its lines say its time")
            found = []
        for one in found:
            one.time = time
            yield one
        self._found, self._series, self._newest, self._figures = {}, {}, 0, 0

    def _snapshot(self, target: str = "") -> Snapshot:
        name = target or self.target
        return self._found.setdefault(name, Snapshot(0, name))

    def _damage(self, what: str) -> None:
        self._problem(f"line {self._number}: {what}")
        for one in self._found.values():
            one.is_whole = False

    def _take_series(self, line: bytes) -> None:
        match, labels = _SERIES.match(line), _labels(line)
        target, job = labels.get("target", ""), labels.get("jobid", "")
        if match is None or not target or not job or not line.endswith(b"\n"):
            self._damage("a series that cannot be read")
            return
        kind = match[1].decode()
        column = (
            _OF_OPERATION.get(labels.get("operation", ""))
            if kind == "stats"
            else _OF_SERIES.get(kind)
        )
        if column is None:
            return
        try:
            value = int(match[3]) if match[3].isdigit() else int(float(match[3]))
        except (ValueError, OverflowError):
            value = MOST + 1
        if value > MOST:
            self._damage("a figure that is larger than 64 bits")
            return
        counters = self._series.setdefault((target, job), {})
        counters[PLACES[column]] = max(value, counters.get(PLACES[column], 0))
        self._snapshot(target)


def _job_id(given: bytes) -> str:
    text = given.strip().decode("utf-8", "replace")
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return text[1:-1] if quoted else text


def _labels(line: bytes) -> Mapping[str, str]:
    return {
        name.decode(): value.decode("utf-8", "replace").replace('\\"', '"').replace("\\\\", "\\")
        for name, value in _LABEL.findall(line)
    }


def _entry(text: bytes) -> tuple[Entry, int, int]:
    """Figures of an entry, when it was last changed, and how many lines of figures it has.

    Raises
    ------
    ValueError
        A line cannot be read.
    """
    found = _FIGURE.findall(text)
    lines = text.count(b"samples:")
    if lines != len(found) or not found or len(text) > LONGEST:
        raise ValueError(f"{len(found)} of {lines} figures can be read")
    counters: list[int | None] = [None] * len(PLACES)
    for name, samples, unit, amount in found:
        if (place := _COUNTED.get(name)) is not None:
            counters[place] = _number(samples)
            if amount and unit == b"bytes" and (place := _SUMMED.get(name)) is not None:
                counters[place] = _number(amount)
    stamps = {name: int(second) for name, second in _STAMP.findall(text, 0, text.index(b"{"))}
    since = stamps.get(b"start_time", 0)
    return Entry(tuple(counters), since), stamps.get(b"snapshot_time", 0), len(found)


def _number(digits: bytes) -> int:
    found = int(digits)
    if found > MOST:
        raise ValueError("a figure that is larger than 64 bits")
    return found
