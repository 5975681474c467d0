"""GPFS (IBM Storage Scale): text that `mmperfmon query` wrote, in files, compressed files, tarballs
or folders; also of `--csv`, and of comparisons by node where they have a legend.

`fetch` keeps the files as they are; `parse` reads them (`text_tables` knows the form). Targets
are called ``host:device``, servers by their host name, as in existing archives. A query's stamps
are local times and mark the end of the interval that a row's figures are of: with rows a minute
apart, the row of 00:00:00 belongs to the day that ends there.

Every figure of the day is either archived or counted in a finding. The same figure in several files
counts once. A figure that was also queried in longer intervals is taken from the shorter ones, so
that nothing is added up twice; but where these do not fill a longer interval, its sum is the longer
one's. Files carry no UTC: in the hour that autumn repeats, a file is placed by the clock's jump
back, or by the row that follows the hour; where a file has neither, it is taken to be of the first
pass. Rows an hour apart may have both passes at one stamp, and then one of the two figures is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from archive_tools.core.day import Day
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from pipeline.model import Samples
from pipeline.site import Site
from pipeline.sources._shared import file_copies, source_files
from pipeline.sources.contract import Fetched, Inputs, SeriesSource
from pipeline.sources.mmperfmon import options as keys
from pipeline.sources.mmperfmon import table
from pipeline.sources.mmperfmon.csv_form import spaced
from pipeline.sources.mmperfmon.figures import Measured
from pipeline.sources.mmperfmon.options import Options
from pipeline.sources.mmperfmon.text_tables import Damage, tables

__all__ = ["SOURCE", "Mmperfmon", "Options"]


class Mmperfmon(SeriesSource[keys.Options]):
    """Files with the output of `mmperfmon query`."""

    kind = "mmperfmon"
    version = 1
    Options = keys.Options
    Selector = table.Selector

    def metrics(self) -> tuple[table.Metric, ...]:
        """The rows of `sources/mmperfmon.toml`."""
        return table.metrics()

    def with_absolute_paths(self, options: keys.Options, site: Site) -> keys.Options:
        """Paths counted from site.json; the site's time zone where the source names none."""
        return keys.with_absolute_paths(options, site)

    def inputs(self, options: keys.Options, day: Day) -> Inputs:
        """Names, sizes and times of the day's files."""
        return file_copies.inputs(options.paths(day))

    def server_info(self, options: keys.Options, day: Day) -> Mapping[str, str]:
        """The zone of the stamps."""
        return {"timezone": options.timezone}

    def fetch(self, options: keys.Options, day: Day, folder: Path) -> Fetched:
        """Copy the day's files; counts files and bytes.

        Raises
        ------
        NoData
            There are none.
        SourceError
            A file cannot be read.
        """
        return file_copies.copy(options.paths(day), folder)

    def fetch_new(
        self, options: keys.Options, day: Day, folder: Path, held: Sequence[Path]
    ) -> Fetched:
        """Copy the files that are new, or have changed."""
        return file_copies.copy(options.paths(day), folder, held)

    def contains(self, newer: Path, older: Path) -> bool:
        """Whether a piece has all files of an older one."""
        return file_copies.contains(newer, older)

    def parse(
        self, options: keys.Options, day: Day, folder: Path, findings: Findings
    ) -> Iterator[Samples]:
        """Samples of each dataset of the source map, one dataset at a time; a large one in pieces
        by hosts.
        """
        return self.parse_pieces(options, day, [folder], findings)

    def parse_pieces(
        self, options: keys.Options, day: Day, pieces: Sequence[Path], findings: Findings
    ) -> Iterator[Samples]:
        """The files of all pieces, as if they were of one. What could not be read of a file is that
        of its newest copy.
        """

        def problem(where: str, what: str) -> None:
            findings.add(FindingKind.UNREADABLE, 1, where, what)

        measured = Measured(options, day)
        limit = source_files.Allowed(options.max_expanded_mb, options.max_ratio)
        for path, name, is_newest in file_copies.copies_of_pieces(pieces):
            report = problem if is_newest else source_files.ignored
            for member in source_files.members(path, name, limit, report):
                text = spaced(source_files.content(member))
                damage = Damage(text)
                for found in tables(text, damage):
                    measured.add(found)
                if is_newest:
                    findings.add(FindingKind.UNREADABLE, damage.count, member.name, damage.first)
        measured.report(findings)
        yield from measured.samples(findings)


SOURCE = Mmperfmon()
