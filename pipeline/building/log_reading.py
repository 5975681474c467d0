"""Reading a day's logs: those that are new, beside what was kept of those that were read before."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from archive_tools.core.errors import FormatError
from archive_tools.core.findings import Findings, shortened
from archive_tools.core.vocabulary import FindingKind
from archive_tools.formats import darshan_tables
from archive_tools.schemas import BUILD_VERSION
from archive_tools.store.receipts import fingerprint
from pipeline.building import engine, pieces
from pipeline.building.instance_day import InstanceDay
from pipeline.building.reductions import Record, Reductions, joined
from pipeline.model import BatchSummary, LogIdentity, shown
from pipeline.sources import registry as sources
from pipeline.sources.contract import LogSource, Rejects
from pipeline.transform.darshan import DayMerger, Reduction


def reductions_of(where: InstanceDay, source: LogSource[Any]) -> Reductions:
    """What is kept of the logs of a day, as they are reduced now."""
    how = [source.reader, BUILD_VERSION, where.options.made_of(), where.site.timezone]
    return Reductions(where, fingerprint(*how, sources.meaning(source)))


@dataclass(frozen=True)
class LogReading:
    """How the logs of a day are read.

    Attributes
    ----------
    where : InstanceDay
    source : LogSource
    reduction : Reduction
    known_rejects : mapping
        Files that need not be tried again.
    paths : dict of str to pathlib.Path
        Where the day's logs are, by their names in the tables; `add_to` fills it.
    """

    where: InstanceDay
    source: LogSource[Any]
    reduction: Reduction
    known_rejects: Rejects
    paths: dict[str, Path] = field(default_factory=dict)

    def add_to(self, merger: DayMerger, raw: Path, findings: Findings) -> Counter[str]:
        """Give a merger the parts of all logs of the raw data, in the order of the logs.

        Returns
        -------
        collections.Counter
            Reasons why logs that changed cannot be read now; they stay as they were.

        Raises
        ------
        SourceError
            Readers cannot run.
        """
        where, source = self.where, self.source
        newest_first = pieces.paths(raw)
        files = source.files_of(newest_first)
        if files is None:
            jobs = source.jobs(where.options, where.day, raw, self.reduction, self.known_rejects)
            for _, parts in self._run(jobs):
                for part in parts:
                    merger.add(part)
            return Counter()
        newest = files if len(newest_first) == 1 else source.files_of(newest_first[:1]) or []
        choice = Choice.of(files, newest)
        store = reductions_of(where, source)
        records = store.read()
        kept = choice.kept(records, findings)
        stay: dict[str, str] = {}
        for record in choice.replaced(records, kept):
            new = self._read_again(store, files, choice.wanted_of(record))
            lost = _lost_by(new, record)
            stay |= lost
            kept += [record] if lost else new
        findings.add(FindingKind.LOGS_STAY, len(stay), detail=shortened([*stay]))
        wanted = choice.wanted(kept)
        jobs = (
            source.jobs_of(
                where.options, where.day, files, wanted, self.reduction, self.known_rejects
            )
            if wanted or not kept
            else iter(())
        )
        gone = [shown(name) for _, name in choice.lost(kept)]
        findings.add(FindingKind.LOGS_GONE, len(gone), detail=shortened(gone))
        used = {record.path.stem for record in kept}
        if kept:
            used |= self._add_in_order(merger, store, choice, kept, jobs)
        else:
            for job, parts in self._run(jobs):
                self._note_paths(_listed(job))
                used.add(store.write(_listed(job), parts))
                for part in parts:
                    merger.add(part)
        store.remove_unused(used)
        return Counter(stay.values())

    def _read_again(
        self, store: Reductions, files: Sequence[LogIdentity], wanted: Sequence[LogIdentity]
    ) -> list[Record]:
        """New records of some files."""
        how = self.where.options, self.where.day, files, wanted, self.reduction
        jobs = self.source.jobs_of(*how, self.known_rejects) if wanted else iter(())
        names = [store.write(_listed(job), parts) for job, parts in self._run(jobs)]
        return [record for record in store.read() if record.path.stem in names]

    def _add_in_order(
        self,
        merger: DayMerger,
        store: Reductions,
        choice: Choice,
        kept: list[Record],
        jobs: Iterable[Any],
    ) -> set[str]:
        """Add kept and new parts; names of the new records."""
        written: set[str] = set()
        names: dict[str, int] = {}
        found: list[BatchSummary] = []
        for record in kept:
            gone = choice.rejects_that_are_over(record)
            found += [_without_rejects(part, gone) for part in record.parts()]
            listed = list(zip(record.files, record.names, strict=True))
            self._note_paths(listed)
            names |= choice.places(listed)
        for job, parts in self._run(jobs):
            written.add(store.write(_listed(job), parts))
            found += parts
            self._note_paths(_listed(job))
            names |= choice.places(_listed(job))
        for part in found:
            merger.add_sums(part)
        merger.add_rows(joined(found, names))
        return written

    def _run(self, jobs: Iterable[Any]) -> Iterator[tuple[Any, list[BatchSummary]]]:
        """Each job with the parts that it made."""
        given: deque[Any] = deque()

        def noted() -> Iterator[Any]:
            for job in jobs:
                given.append(job)
                yield job

        with engine.executor(self.where.site.engine) as executor:
            for parts in engine.in_order(executor, self.source.run, noted()):
                yield given.popleft(), parts

    def _note_paths(self, listed: Iterable[tuple[LogIdentity, str]]) -> None:
        for file, name in listed:
            self.paths[name] = Path(os.fsdecode(os.path.join(file.root, file.name)))


Key = tuple[bytes, bytes]


@dataclass(frozen=True)
class Choice:
    """Which records of a day's logs are used, and which files are read.

    Attributes
    ----------
    place : mapping of (bytes, bytes) to int
        By folder and name: the place of each file among all that any piece lists.
    there : mapping of (bytes, bytes) to LogIdentity
        The files that the source has now.
    """

    place: dict[Key, int]
    there: dict[Key, LogIdentity]

    @classmethod
    def of(cls, files: Sequence[LogIdentity], newest: Sequence[LogIdentity]) -> Choice:
        """From the files of all pieces, and those of the newest."""
        return cls({f.key: n for n, f in enumerate(files)}, {f.key: f for f in newest})

    def kept(self, records: Sequence[Record], findings: Findings) -> list[Record]:
        """The records that are used.

        One of which an indexed log has changed is not used, and its other logs are read again;
        where some of these are purged it is used, and the log that changed stays as it was. One
        with files that no piece lists is of raw data that are no longer the day's.
        """
        used: list[Record] = []
        covered: set[Key] = set()
        stay: list[str] = []
        for record in records:
            mine = {file.key for file in record.files}
            changed = [
                name
                for file, name in zip(record.files, record.names, strict=True)
                if self._is_other(file) and name not in record.rejected
            ]
            purged = any(
                file.key not in self.there and name not in record.rejected
                for file, name in zip(record.files, record.names, strict=True)
            )
            if mine & covered or not mine <= self.place.keys() or (changed and not purged):
                continue
            covered |= mine
            stay += changed
            used.append(record)
        findings.add(FindingKind.LOGS_CHANGED, len(stay), detail=shortened(stay))
        return used

    def replaced(self, records: Sequence[Record], kept: Sequence[Record]) -> Iterator[Record]:
        """Records of the day's files that are not used, for an indexed log of theirs has changed;
        each file is in one.
        """
        covered = {file.key for record in kept for file in record.files}
        for record in records:
            mine = {file.key for file in record.files}
            if mine <= self.place.keys() and not mine & covered:
                covered |= mine
                yield record

    def wanted_of(self, record: Record) -> list[LogIdentity]:
        """The files of a record that are there now."""
        return [self.there[file.key] for file in record.files if file.key in self.there]

    def _is_other(self, file: LogIdentity) -> bool:
        """Whether a file changed; one that may not be read now is taken to be as it was."""
        now = self.there.get(file.key, file)
        return now != file and now.size >= 0

    def wanted(self, kept: Sequence[Record]) -> list[LogIdentity]:
        """The files that are there and that no record has; a reject that changed, or may be read
        another time, is tried again.
        """
        covered: set[Key] = set()
        for record in kept:
            again = self.rejects_that_are_over(record)
            covered |= {
                file.key
                for file, name in zip(record.files, record.names, strict=True)
                if name not in again
            }
        return [file for key, file in self.there.items() if key not in covered]

    def rejects_that_are_over(self, record: Record) -> set[str]:
        """Names of rejected files that changed, are gone, or may be read another time."""
        return {
            name
            for file, name in zip(record.files, record.names, strict=True)
            if name in record.rejected
            and not (record.rejected[name] and self.there.get(file.key) == file)
        }

    def places(self, listed: Iterable[tuple[LogIdentity, str]]) -> dict[str, int]:
        """The place of each file, by its name in the tables."""
        return {name: self.place.get(file.key, -1) for file, name in listed}

    def lost(self, records: Sequence[Record]) -> list[Key]:
        """Files that are gone, and of which nothing is kept: they were not read, or could not be
        read just then.
        """
        covered = {
            file.key
            for record in records
            for file, name in zip(record.files, record.names, strict=True)
            if record.rejected.get(name, True)
        }
        return [key for key in self.place if key not in self.there and key not in covered]


def _lost_by(new: Sequence[Record], before: Record) -> dict[str, str]:
    """Logs that a record has and that new ones reject: the name, and why."""
    indexed = set(before.names) - set(before.rejected)
    return {
        name: reason for record in new for name, reason in record.reasons.items() if name in indexed
    }


def archived_and_lost(
    where: InstanceDay, source: LogSource[Any], new: Path, held: Sequence[Path]
) -> str:
    """Logs that the archived day has, that are gone, and of which nothing was kept, in words; ""
    if there are none.
    """
    if not where.tts.is_file():
        return ""
    there, files = source.files_of([new]), source.files_of([new, *held[::-1]])
    if there is None or files is None:
        return ""
    choice = Choice.of(files, there)
    lost = set(choice.lost(reductions_of(where, source).read()))
    names = archived_names(where.tts)
    archived = None if names is None else {os.path.basename(name) for name in names}
    gone = sorted(
        name
        for file in files
        if file.key in lost
        for name in [shown(file.name)]
        if not file.own or archived is None or os.path.basename(name) in archived
    )
    if not gone:
        return ""
    known = {file.key for file in source.files_of(held[::-1]) or ()}
    new_ones = sum(file.key not in known for file in there)
    return (
        f"{len(gone)} archived logs are gone, such as {gone[0]};"
        f" {new_ones} files are new and not archived"
    )


def archived_names(path: Path) -> set[str] | None:
    """Names of the logs of an archived day; None where it is damaged: it may have had any."""
    try:
        return set(darshan_tables.read_table(path, "logs")["filename"].tolist())
    except FormatError:
        return None


def _listed(job: Any) -> list[tuple[LogIdentity, str]]:
    """The files of a job, and their names in the tables."""
    return [
        (LogIdentity(file.root, file.name, file.size, file.mtime_ns, file.own), name)
        for file, name in job.files
    ]


def _without_rejects(part: BatchSummary, names: set[str]) -> BatchSummary:
    if not names:
        return part
    keep = np.array([name not in names for name in part.rejects["filename"].tolist()], dtype=bool)
    return replace(part, rejects={name: column[keep] for name, column in part.rejects.items()})
