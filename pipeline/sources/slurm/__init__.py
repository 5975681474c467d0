"""Jobs by Slurm's account: saved answers of sacct, the JSON of pytokio's cache_slurm, or sacct
itself.

`fetch` keeps the answers as they are. `parse` counts what ran, by partition; `records` has a row
for each job that waited, ran or ended on the day, and each start of one that was requeued.

An answer is of its whole day, up to the time when it was made. One with a line that names the
columns and no other is a day without jobs; an empty file is not an answer. A job without an end is
known to have run until it was last seen, and the day is made again when more is known.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from archive_tools.core.day import Day
from archive_tools.core.errors import NoData
from archive_tools.core.findings import Findings
from archive_tools.core.printable import clean
from archive_tools.core.vocabulary import FindingKind
from pipeline.model import Samples
from pipeline.site import Site
from pipeline.sources._shared import file_copies, source_files
from pipeline.sources.contract import Fetched, Inputs, RecordSource
from pipeline.sources.slurm import jobs, lines, occupancy, records, sacct, table
from pipeline.sources.slurm import options as keys
from pipeline.sources.slurm.options import Options

__all__ = ["SOURCE", "Options", "Slurm"]

ANSWER = "sacct.txt.gz"
QUERY = "query.json"


class Slurm(RecordSource[keys.Options]):
    """Answers of sacct."""

    kind = "slurm"
    version = 1
    Options = keys.Options
    Selector = table.Selector
    schema = records.SCHEMA

    def metrics(self) -> tuple[table.Metric, ...]:
        """The rows of `sources/slurm.toml`."""
        return table.metrics()

    def with_absolute_paths(self, options: keys.Options, site: Site) -> keys.Options:
        """Paths counted from site.json; the site's time zone where the source names none."""
        return keys.with_absolute_paths(options, site)

    def server_info(self, options: keys.Options, day: Day) -> Mapping[str, str]:
        """The zone of local stamps, and what answers."""
        return {
            "timezone": options.timezone,
            **({"command": " ".join(options.command)} if options.command else {}),
        }

    def inputs(self, options: keys.Options, day: Day) -> Inputs:
        """Names, sizes and times of the day's files; of a command how many jobs there are, and a
        digest of their states.
        """
        if options.files:
            return file_copies.inputs(options.paths(day))
        return sacct.current_states(options, day)

    def fetch(self, options: keys.Options, day: Day, folder: Path) -> Fetched:
        """Keep the answers of the day; counts files and bytes, of a command jobs.

        Raises
        ------
        NoData
            There is no file, or none that has a job of the day, or of the cluster, though it has
            others.
        SourceError
            A file cannot be read, or the command fails.
        """
        return self.fetch_new(options, day, folder, ())

    def fetch_new(
        self, options: keys.Options, day: Day, folder: Path, held: Sequence[Path]
    ) -> Fetched:
        """The files that are new, or have changed; all that the command answers."""
        if options.command:
            asked = time.time()
            found = sacct.fetch(options, day, folder / ANSWER)
            (folder / QUERY).write_text(json.dumps({"asked": asked}), "utf-8")
            return Fetched({"jobs": int(found["jobs"])}, found)
        fetched = file_copies.copy(options.paths(day), folder, held)
        there = _answers(options, [folder], Findings())
        others = set[str]().union(*(one.others for one in there))
        if others and not any(one.jobs for one in there):
            raise NoData(
                f"the files have jobs of {clean(', '.join(sorted(others)))[:80]}, and none of"
                f" {options.cluster}",
                hint="check cluster of the source: it is spelt as sacct has it",
            )
        if any(one.jobs for one in there) and not jobs.united(there, day.start, day.end):
            raise NoData(
                f"the files have jobs, and none of {day}", hint="check files of the source"
            )
        return fetched

    def contains(self, newer: Path, older: Path) -> bool:
        """Whether a piece has all that an older one has: each file, from its beginning on; of a
        command each job and step, and what was answered later, for what an answer lacks may have
        been purged, and what it has may have ended since.
        """
        live = [(piece / QUERY).is_file() for piece in (newer, older)]
        if all(live):
            had, has = (sacct.identities(piece / ANSWER) for piece in (older, newer))
            return _asked(newer) >= _asked(older) and had <= has
        return not any(live) and file_copies.contains(newer, older)

    def parse(
        self, options: keys.Options, day: Day, folder: Path, findings: Findings
    ) -> Iterator[Samples]:
        """How many jobs ran, and on how many nodes, in each row up to the last answer."""
        return self.parse_pieces(options, day, [folder], findings)

    def parse_pieces(
        self, options: keys.Options, day: Day, pieces: Sequence[Path], findings: Findings
    ) -> Iterator[Samples]:
        """As `parse`, of all pieces: of each job the newest record counts."""
        there = _answers(options, pieces, findings)
        if not there:
            return
        until = min(max(one.seen for one in there), day.end)
        found = jobs.united(there, day.start, day.end)
        _tell_unseen(found, until, findings)
        count = max(0, until - day.start) // options.timestep
        if until == day.end:
            count = day.rows(options.timestep)
        rows = occupancy.Rows(day.start, options.timestep, count)
        parts = occupancy.by_partition(found) or {occupancy.NO_PARTITION: []}
        stamps = day.timestamps(options.timestep)[:count]
        figures = {"jobs": occupancy.running, "nodes": occupancy.busy}
        for metric in table.metrics():
            of = figures[metric.find.of]
            yield Samples(
                metric.dataset.name,
                np.tile(stamps, len(parts)),
                np.repeat(np.arange(len(parts), dtype=np.int32), count),
                np.concatenate([of(its, rows) for its in parts.values()]),
                tuple(parts),
            )

    def records(
        self, options: keys.Options, day: Day, pieces: Sequence[Path]
    ) -> Iterator[pa.Table]:
        """A row for each job of the day and start."""
        there = _answers(options, pieces, Findings())
        yield from records.tables(jobs.united(there, day.start, day.end), day)


def _answers(
    options: keys.Options, pieces: Sequence[Path], findings: Findings
) -> list[jobs.Answer]:
    """What all files say; not those that are no answer."""
    found = []
    for path, name, changed, is_newest in _files(pieces):
        report = functools.partial(_problem, findings) if is_newest else source_files.ignored
        is_own = (path.parent / QUERY).is_file()
        allowed = options.limit if is_own else options.allowed
        for member in source_files.members(path, name, allowed, report):
            problem = functools.partial(report, member.name)
            rows = lines.rows(member.stream, problem, options.limit // lines.JSON_SHARE)
            if rows is not None:
                zone = options.timezone
                found.append(jobs.answer_of(rows, changed, zone, options.cluster, problem))
    return found


def _problem(findings: Findings, where: str, what: str) -> None:
    findings.add(FindingKind.UNREADABLE, 1, where, what)


def _asked(piece: Path) -> float:
    """When a command was run, epoch seconds."""
    return float(json.loads((piece / QUERY).read_text("utf-8"))["asked"])


def _files(pieces: Sequence[Path]) -> Iterator[tuple[Path, str, int, bool]]:
    """Files of the pieces, newest piece first: path, name, when each was made, and whether there is
    no newer one of its name.
    """
    live = [piece for piece in pieces if (piece / QUERY).is_file()]
    for number, piece in enumerate(live):
        yield piece / ANSWER, ANSWER, int(_asked(piece)), not number
    copied = [piece for piece in pieces if piece not in live]
    changed = {path: time for piece in copied for path, time in file_copies.times(piece).items()}
    for path, name, is_newest in file_copies.copies_of_pieces(copied):
        yield path, name, changed[path], is_newest


def _tell_unseen(found: Sequence[jobs.Job], until: int, findings: Findings) -> None:
    """Jobs without an end that a later answer does not have any more."""
    unseen = [job for job in found if job.end is None and job.had_nodes and job.seen < until]
    findings.add(
        FindingKind.JOBS_UNSEEN,
        len(unseen),
        detail=f"the first is {unseen[0].jobid}" if unseen else "",
    )


SOURCE = Slurm()
