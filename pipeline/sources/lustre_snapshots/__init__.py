"""Lustre as its clients see it: files in which cron collects `lfs df`, `lfs df -i` and
`lctl dl -t`, each time after a line ``BEGIN <epoch seconds>``.

`fetch` keeps the files as they are; `parse` reads them (`text` knows the form). The time of a
snapshot is its line's, whatever the order of snapshots, names of files or the clock's zone. Several
file systems may be in one file. Targets are called as Lustre calls them, ``fs-OST0000``.

A target that is inactive is not measured, which is not the same as empty. Whether a target is
served by another server than usual is known by comparison alone: with `usual_servers`, else with
most of the snapshots that are read (`measured`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from archive_tools.core.day import Day
from archive_tools.core.errors import NoData
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from pipeline.model import Samples
from pipeline.site import Site
from pipeline.sources._shared import file_copies, source_files
from pipeline.sources.contract import Fetched, Inputs, SeriesSource
from pipeline.sources.lustre_snapshots import options as keys
from pipeline.sources.lustre_snapshots import table, text
from pipeline.sources.lustre_snapshots.measured import Measured
from pipeline.sources.lustre_snapshots.options import Options

__all__ = ["SOURCE", "LustreSnapshots", "Options"]


class LustreSnapshots(SeriesSource[keys.Options]):
    """Files with snapshots of `lfs df`, `lfs df -i` and `lctl dl -t`."""

    kind = "lustre_snapshots"
    version = 1
    Options = keys.Options
    Selector = table.Selector

    def metrics(self) -> tuple[table.Metric, ...]:
        """The rows of `sources/lustre_snapshots.toml`."""
        return table.metrics()

    def with_absolute_paths(self, options: keys.Options, site: Site) -> keys.Options:
        """Paths counted from site.json."""
        return keys.with_absolute_paths(options, site)

    def inputs(self, options: keys.Options, day: Day) -> Inputs:
        """Names, sizes and times of the day's files."""
        return file_copies.inputs(options.paths(day))

    def fetch(self, options: keys.Options, day: Day, folder: Path) -> Fetched:
        """Copy the day's files; counts files, bytes and snapshots of the day.

        Raises
        ------
        NoData
            There are none, or no snapshot of the day is in them.
        SourceError
            A file cannot be read.
        """
        return self.fetch_new(options, day, folder, ())

    def fetch_new(
        self, options: keys.Options, day: Day, folder: Path, held: Sequence[Path]
    ) -> Fetched:
        """Copy the files that are new, or have changed."""
        copied = file_copies.copy(options.paths(day), folder, held)
        count = _snapshots(options, day, folder)
        if not count and not held:
            raise NoData(
                f"no snapshot of {day} in {options.files}",
                hint="is there a line BEGIN and the seconds since 1970 before each?",
            )
        return Fetched({**copied.counts, "snapshots": count}, copied.inputs)

    def contains(self, newer: Path, older: Path) -> bool:
        """Whether a piece has all files of an older one."""
        return file_copies.contains(newer, older)

    def parse(
        self, options: keys.Options, day: Day, folder: Path, findings: Findings
    ) -> Iterator[Samples]:
        """Samples of each dataset of the source map."""
        return self.parse_pieces(options, day, [folder], findings)

    def parse_pieces(
        self, options: keys.Options, day: Day, pieces: Sequence[Path], findings: Findings
    ) -> Iterator[Samples]:
        """The files of all pieces, as if they were of one: which server is usual follows from all
        of them. What could not be read of a file is that of its newest copy.
        """

        def problem(where: str, what: str) -> None:
            findings.add(FindingKind.UNREADABLE, 1, where, what)

        measured = Measured(options, day)
        for path, name, is_newest in file_copies.copies_of_pieces(pieces):
            report = problem if is_newest else source_files.ignored
            for member in source_files.members(path, name, options.allowed, report):
                damage = text.Damage()
                measured.add(text.readings(text.lines_of(member.stream), damage))
                if is_newest:
                    findings.add(FindingKind.UNREADABLE, damage.count, member.name, damage.first)
        yield from measured.samples(findings)


def _snapshots(options: keys.Options, day: Day, folder: Path) -> int:
    """How many snapshots of the day are in copied files."""
    start, end = day.start, day.end
    return sum(
        start <= second < end
        for path, name in file_copies.copies([folder])
        for member in source_files.members(path, name, options.allowed, source_files.ignored)
        for second in text.stamps(text.lines_of(member.stream))
    )


SOURCE = LustreSnapshots()
