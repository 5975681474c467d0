"""Snapshots of many files in the order of time, target by target, with little of them in memory.

Files that share targets, which are those of a server, are read together, other files after them. Of
these, a file is opened when its first time has come, and holds one time.
"""

from __future__ import annotations

import functools
import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from pipeline.sources._shared import file_copies, source_files
from pipeline.sources.job_stats.options import Options
from pipeline.sources.job_stats.snapshots import Snapshot, snapshots, targets_and_time


@dataclass(frozen=True)
class File:
    """A file of snapshots.

    Attributes
    ----------
    copy : file_copies.Copy
    targets : frozenset of str
    first : int
        Its first time; 0 where only its entries say it.
    """

    copy: file_copies.Copy
    targets: frozenset[str]
    first: int


def files(pieces: Sequence[Path], options: Options) -> list[File]:
    """What is in the files of some pieces, the newest piece first."""
    found = []
    for copy in file_copies.copies_of_pieces(pieces):
        ignore = source_files.ignored
        for member in source_files.members(copy.path, copy.name, options.allowed, ignore):
            base = Path(copy.name).name
            targets, time = targets_and_time(member.stream, base, options.timezone)
            found.append(File(copy, targets, time or 0))
    return found


def by_server(found: Sequence[File]) -> list[list[File]]:
    """Files that share targets together, by the first of their targets."""
    group: dict[str, set[str]] = {}
    for targets in {file.targets for file in found if file.targets}:
        joined = set(targets).union(*(group.get(name, set()) for name in targets))
        group.update(dict.fromkeys(joined, joined))
    together: dict[str, list[File]] = {}
    for file in found:
        key = min(group[min(file.targets)]) if file.targets else ""
        together.setdefault(key, []).append(file)
    return [together[key] for key in sorted(together)]


def in_order(found: Sequence[File], options: Options, findings: Findings) -> Iterator[Snapshot]:
    """The snapshots of some files by time and target; copies of one are one."""
    ordered = _merged(found, options, findings)
    for _, copies in itertools.groupby(ordered, key=lambda one: (one.time, one.target)):
        first, *others = copies
        for other in others:
            first.merge(other)
        yield first


def _merged(found: Sequence[File], options: Options, findings: Findings) -> Iterator[Snapshot]:
    """As `in_order`, each copy by itself."""
    waiting = sorted(found, key=lambda file: (file.first, file.copy.name, str(file.copy.path)))
    heap: list[tuple[int, str, int, Snapshot, Iterator[Snapshot]]] = []
    numbers = itertools.count()

    def push(stream: Iterator[Snapshot]) -> None:
        if (head := next(stream, None)) is not None:
            heapq.heappush(heap, (head.time, head.target, next(numbers), head, stream))

    waiting.reverse()
    while waiting or heap:
        while waiting and (not heap or waiting[-1].first <= heap[0][0]):
            push(_ascending(waiting.pop(), options, findings))
        if heap:
            *_, head, stream = heapq.heappop(heap)
            yield head
            push(stream)


def _ascending(file: File, options: Options, findings: Findings) -> Iterator[Snapshot]:
    """A file's snapshots by time and target; what goes back in time is left out."""
    report = functools.partial(_problem, findings)
    said = report if file.copy.is_newest else source_files.ignored
    before = 0, ""
    for member in source_files.members(file.copy.path, file.copy.name, options.allowed, said):
        problem = functools.partial(said, member.name)
        base = Path(file.copy.name).name
        for one in snapshots(member.stream, base, options.timezone, problem):
            if (one.time, one.target) < before:
                problem(f"snapshot of {one.target} at {one.time}: the file goes back in time")
                continue
            before = one.time, one.target
            yield one


def _problem(findings: Findings, where: str, what: str) -> None:
    findings.add(FindingKind.UNREADABLE, 1, where, what)
