"""What Lustre's servers did for each job: snapshots of job_stats, an exporter's text of them, or
its series out of Prometheus.

`fetch` copies the files of the day and, of the next one, those that may close it; what Prometheus
has it writes as an exporter's text, a file a target. `parse` says how
many jobs each target had an entry of at each snapshot; a target that nobody looked at is missing.
`records` has a row for each job and target: what its entry grew by in the day.

Lustre forgets a job that is idle for `job_cleanup_interval` (10 minutes): what a job did between
the last snapshot and that is in no file. Snapshots belong closer together than that.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from archive_tools.core.components import component_order
from archive_tools.core.day import Day
from archive_tools.core.errors import NoData
from archive_tools.core.findings import Findings
from archive_tools.core.printable import clean
from archive_tools.core.vocabulary import FindingKind
from pipeline.model import Samples
from pipeline.site import Site
from pipeline.sources._shared import file_copies
from pipeline.sources.contract import Fetched, Inputs, RecordSource
from pipeline.sources.job_stats import exported, job_names, streams, table
from pipeline.sources.job_stats import options as keys
from pipeline.sources.job_stats.entries import UNKNOWN
from pipeline.sources.job_stats.growth import Target, Usage
from pipeline.sources.job_stats.options import Options

__all__ = ["SOURCE", "JobStats", "Options"]

SCHEMA = pa.schema(
    [
        ("target", pa.string()),
        ("fsname", pa.string()),
        ("job", pa.string()),
        ("jobid", pa.string()),
        ("uid", pa.int64()),
        ("gid", pa.int64()),
        ("exe", pa.string()),
        ("host", pa.string()),
        ("first_seen", pa.int64()),
        ("last_seen", pa.int64()),
        ("restarts", pa.int64()),
        *((name, pa.int64()) for name in table.COLUMNS),
    ]
)


class JobStats(RecordSource[keys.Options]):
    """Files with the text of job_stats."""

    kind = "job_stats"
    version = 1
    Options = keys.Options
    Selector = table.Selector
    schema = SCHEMA

    def metrics(self) -> tuple[table.Metric, ...]:
        """The rows of `sources/job_stats.toml`."""
        return table.metrics()

    def with_absolute_paths(self, options: keys.Options, site: Site) -> keys.Options:
        """Paths counted from site.json; the site's time zone where the source names none."""
        return keys.with_absolute_paths(options, site)

    def inputs(self, options: keys.Options, day: Day) -> Inputs:
        """Names, sizes and times of the day's files, and of those that may close it; of a server
        how many series there are.
        """
        if options.url:
            return exported.inputs(options, day, time.time())
        if options.answers:
            return file_copies.inputs(options.saved(day))
        return file_copies.inputs(options.paths(day))

    def server_info(self, options: keys.Options, day: Day) -> Mapping[str, str]:
        """The zone of times in names."""
        return {"timezone": options.timezone}

    def fetch(self, options: keys.Options, day: Day, folder: Path) -> Fetched:
        """Copy the files; counts files and bytes.

        Raises
        ------
        NoData
            There are none, or none has a snapshot of the day.
        SourceError
            A file cannot be read.
        """
        return self.fetch_new(options, day, folder, ())

    def fetch_new(
        self, options: keys.Options, day: Day, folder: Path, held: Sequence[Path]
    ) -> Fetched:
        """Copy the files that are new, or have changed; all that Prometheus has."""
        if options.url:
            fetched = exported.fetch(options, day, folder, time.time())
        elif options.answers:
            fetched = exported.fetch_saved(options, options.saved(day), day, folder)
        else:
            fetched = file_copies.copy(options.paths(day), folder, held)
        there = streams.files([folder], options)
        if not held and not any(file.first < day.end for file in there):
            raise NoData(f"no file has a snapshot of {day}", hint="check files of the source")
        if not held and all(file.first for file in there) and not _has_any(there, options, day):
            raise NoData(f"no file has a snapshot of {day}", hint="check files of the source")
        return fetched

    def contains(self, newer: Path, older: Path) -> bool:
        """Whether a piece has all files of an older one, from their beginnings on."""
        return file_copies.contains(newer, older)

    def parse(
        self, options: keys.Options, day: Day, folder: Path, findings: Findings
    ) -> Iterator[Samples]:
        """How many jobs each target had an entry of, at each snapshot."""
        return self.parse_pieces(options, day, [folder], findings)

    def parse_pieces(
        self, options: keys.Options, day: Day, pieces: Sequence[Path], findings: Findings
    ) -> Iterator[Samples]:
        """As `parse`, of the snapshots of all pieces."""
        found: dict[str, dict[int, int]] = {}
        names = _Names(options)
        for its in streams.by_server(streams.files(pieces, options)):
            for one in streams.in_order(its, options, findings):
                if day.start <= one.time < day.end:
                    jobs = one.jobs()
                    found.setdefault(one.target, {})[one.time] = len(jobs)
                    names.look_at(jobs)
        names.report(findings)
        targets = sorted(found, key=component_order)
        times = [np.fromiter(found[name], np.int64) for name in targets]
        counts = [np.fromiter(found[name].values(), np.int64) for name in targets]
        if not targets:
            return
        for metric in table.metrics():
            yield Samples(
                metric.dataset.name,
                np.concatenate(times),
                np.repeat(np.arange(len(targets), dtype=np.int32), list(map(len, times))),
                np.concatenate(counts).astype(np.float64),
                tuple(targets),
            )

    def records(
        self, options: keys.Options, day: Day, pieces: Sequence[Path]
    ) -> Iterator[pa.Table]:
        """A row for each job and target, target by target."""
        names = _Names(options)
        for its in streams.by_server(streams.files(pieces, options)):
            targets: dict[str, Target] = {}
            for one in streams.in_order(its, options, Findings()):
                targets.setdefault(one.target, Target(day)).add(one)
            for name in sorted(targets, key=component_order):
                yield _table(name, targets.pop(name).usage(), names)


def _has_any(there: Sequence[streams.File], options: keys.Options, day: Day) -> bool:
    return any(
        day.start <= one.time < day.end
        for its in streams.by_server(there)
        for one in streams.in_order(its, options, Findings())
    )


class _Names:
    """Job ids taken apart, and those that no template explains."""

    def __init__(self, options: keys.Options) -> None:
        self._templates = options.templates
        self._known: dict[str, job_names.JobName | None] = {}

    def of(self, job: str) -> job_names.JobName | None:
        """The parts of an id; None where no template explains it."""
        if job not in self._known:
            self._known[job] = job_names.parsed(job, self._templates)
        return self._known[job]

    def look_at(self, jobs: Iterable[str]) -> None:
        """Take ids."""
        for job in jobs:
            if job not in self._known:
                self.of(job)

    def report(self, findings: Findings) -> None:
        """Say which ids are not explained."""
        unknown = sorted(job for job, parts in self._known.items() if parts is None)
        detail = f"the first is {clean(unknown[0])!r}; see jobid_name" if unknown else ""
        findings.add(FindingKind.JOBIDS_UNEXPLAINED, len(unknown), detail=detail)


def _table(target: str, usage: Usage, names: _Names) -> pa.Table:
    rows = len(usage.jobs)
    parts = [names.of(job) or job_names.JobName() for job in usage.jobs]
    of_names = zip(*parts, strict=True) if parts else ((),) * len(job_names.JobName._fields)
    columns: dict[str, Any] = {
        "target": pa.repeat(pa.scalar(target), rows),
        "fsname": pa.repeat(pa.scalar(target.rpartition("-")[0]), rows),
        "job": usage.jobs,
        **dict(zip(job_names.JobName._fields, of_names, strict=True)),
        "first_seen": usage.first,
        "last_seen": usage.last,
        "restarts": usage.restarts,
    }
    for place, name in enumerate(table.COLUMNS):
        counted = usage.counters[:, place]
        columns[name] = pa.array(counted, pa.int64(), mask=counted == UNKNOWN)
    return pa.table([pa.array(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA)


SOURCE = JobStats()
