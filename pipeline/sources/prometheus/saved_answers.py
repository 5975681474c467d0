"""Answers of the Prometheus HTTP API (``/api/v1/query_range``, result type ``matrix``) to series of
numbers.

The format is that of https://prometheus.io/docs/prometheus/latest/querying/api/, and
VictoriaMetrics' with its ``isPartial``. Values are quoted decimals; NaN and infinities are no
measurements. A piece that cannot be read costs itself alone: a file, an answer in it, a series, a
value.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.day import Day
from archive_tools.core.errors import SourceError
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from pipeline.sources._shared import file_copies, source_files
from pipeline.sources._shared.prometheus_api import UNDECODABLE, Result, answer, numbers, outer
from pipeline.sources.prometheus.query import Selector, equal

MANIFEST = "queries.json"


class AnswerSeries(NamedTuple):
    """One series within the day.

    Attributes
    ----------
    labels : dict of str to str
    time : int64 (n,)
        Epoch seconds, rounded down.
    value : float64 (n,)
        Finite.
    """

    labels: Mapping[str, str]
    time: Int64
    value: Float64


class Piece(NamedTuple):
    """A JSON text: the file and the place in it where it is from, whether its query is known, and
    whether it is the newest under its name.
    """

    file: str
    where: str
    requested: str
    content: bytes
    is_newest: bool


class Answers:
    """The answers in raw data.

    Parameters
    ----------
    pieces : sequence of Path
        Folders, the newest first.
    day : Day
    timestep : int
        Samples of [day.start, day.end + timestep) are given.
    extra : mapping of str to str
        Labels that series must have.
    limit : Allowed or int
        Bytes that a file may expand to.
    """

    def __init__(
        self,
        pieces: Sequence[Path],
        day: Day,
        timestep: int,
        extra: Mapping[str, str],
        limit: source_files.Allowed | int,
    ) -> None:
        self.pieces, self.extra, self.limit = pieces, equal(extra), limit
        self.window = day.start, day.end + timestep
        self._names: dict[str, set[str]] = {}
        self._nameless: dict[tuple[str, str], int] = {}
        self._problems: dict[str, dict[str, int]] = {}

    def report(self, findings: Findings) -> None:
        """One finding for each file that could not be read as a whole."""
        for file, problems in sorted(self._problems.items()):
            findings.add(FindingKind.UNREADABLE, sum(problems.values()), file, next(iter(problems)))
        for (file, _), count in sorted(self._nameless.items()):
            findings.add(FindingKind.SERIES_UNNAMED, count, file)

    def _problem(self, file: str, what: str, count: int = 1) -> None:
        """Remember what is wrong; a file is read for several datasets, and says it each time."""
        self._problems.setdefault(file, {})[what] = count

    def _problem_of(self, piece: Piece, what: str, count: int = 1) -> None:
        """As `_problem`, unless the file was replaced since."""
        if piece.is_newest:
            self._problem(piece.where, what, count)

    def series(
        self, selects: Collection[Selector], without: str = ""
    ) -> dict[Selector, list[AnswerSeries]]:
        """The series of selectors, in the order of the files.

        Parameters
        ----------
        selects : collection of Selector
        without : str
            The label over which a server was queried for the mean.
        """
        found: dict[Selector, list[AnswerSeries]] = {select: [] for select in selects}
        for piece in self._pieces(selects, without):
            for where, text in self._parts(piece):
                for select, result in self._results(piece, where, text, selects):
                    series = self._series(piece, where, result)
                    if len(series.time):
                        found[select].append(series)
        if len(self.pieces) == 1:
            return found
        return {select: _each_time_once(series) for select, series in found.items()}

    def _pieces(self, selects: Collection[Selector], without: str) -> Iterator[Piece]:
        for copy, requested, limit in self._files(selects, without):
            report = self._problem if copy.is_newest else source_files.ignored
            for member in source_files.members(copy.path, copy.name, limit, report):
                content = source_files.content(member)
                yield Piece(copy.name, member.name, requested, content, copy.is_newest)

    def _files(
        self, selects: Collection[Selector], without: str
    ) -> Iterator[tuple[file_copies.Copy, str, source_files.Allowed | int]]:
        """The files that may hold what is wanted, the selector that was requested, and what they
        may expand to.
        """
        live = [piece for piece in self.pieces if (piece / MANIFEST).is_file()]
        wanted = {str(select) for select in selects}
        yield from (
            (file_copies.Copy(piece / e.file, e.file, True), e.select, sys.maxsize)
            for piece in live
            for e in manifest(piece)
            if e.select in wanted and e.without == without
        )
        names = {select.name for select in selects}
        saved = [one for one in self.pieces if one not in live]
        for copy in file_copies.copies_of_pieces(saved):
            if self._names.setdefault(copy.name, set()) & names or not self._names[copy.name]:
                yield copy, "", self.limit

    def _parts(self, piece: Piece) -> Iterator[tuple[str, bytes | msgspec.Raw]]:
        """The answers of a JSON text: one, a list, or an object with a name for each."""
        try:
            whole = outer(piece.content)
        except UNDECODABLE as error:
            if piece.where not in self._problems:  # or it is known why
                self._problem_of(piece, f"{error}; the text has {len(piece.content)} bytes")
            return
        if isinstance(whole, list):
            yield from ((f"answer {number}: ", text) for number, text in enumerate(whole))
        elif "status" in whole:
            yield "", piece.content
        else:
            yield from ((f"answer {name[:60]!r}: ", text) for name, text in whole.items())

    def _results(
        self, piece: Piece, where: str, text: bytes | msgspec.Raw, selects: Collection[Selector]
    ) -> Iterator[tuple[Selector, Result]]:
        """The results that are of a selector."""
        try:
            found = answer(text)
            refusal, lack = found.refusal(), found.lack()
            results = [] if refusal else found.results()
        except UNDECODABLE as error:
            self._problem_of(piece, f"{where}{error}")
            return
        for what in filter(None, (refusal, lack)):
            self._problem_of(piece, where + what)
        if not piece.requested:
            self._note_names(piece, where, results)
        for result in results:
            if all(matcher.matches(result.metric) for matcher in self.extra):
                yield from (
                    (select, result)
                    for select in selects
                    if (
                        str(select) == piece.requested
                        if piece.requested
                        else select.matches(result.metric)
                    )
                )

    def _note_names(self, piece: Piece, where: str, results: list[Result]) -> None:
        names = [result.metric.get("__name__", "") for result in results]
        self._names[piece.file].update(names)
        if nameless := names.count(""):
            self._nameless[piece.file, f"{piece.where} {where}"] = nameless

    def _series(self, piece: Piece, where: str, result: Result) -> AnswerSeries:
        pairs, bad, first = numbers(result.values)
        if bad:
            self._problem_of(piece, f"{where}series {str(result.metric)[:200]}: {first}", bad)
        inside = (
            np.isfinite(pairs).all(axis=1)
            & (pairs[:, 0] >= self.window[0])
            & (pairs[:, 0] < self.window[1])
        )
        return AnswerSeries(
            result.metric, np.floor(pairs[inside, 0]).astype(np.int64), pairs[inside, 1]
        )


def _each_time_once(found: list[AnswerSeries]) -> list[AnswerSeries]:
    """Of answers that give a series again, what the first of them says of each time."""
    by_labels: dict[frozenset[tuple[str, str]], list[AnswerSeries]] = {}
    for series in found:
        by_labels.setdefault(frozenset(series.labels.items()), []).append(series)
    once = []
    for those in by_labels.values():
        time = np.concatenate([series.time for series in those])
        kept, at = np.unique(time, return_index=True)
        value = np.concatenate([series.value for series in those])
        once.append(AnswerSeries(those[0].labels, kept, value[at]))
    return once


class Entry(msgspec.Struct):
    """A line of the manifest: a file of an answer, and the query."""

    file: str
    select: str
    without: str
    query: str
    start: str
    end: str


def manifest(folder: Path) -> list[Entry]:
    """What `fetch` wrote.

    Raises
    ------
    SourceError
        The list cannot be read.
    """
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=list[Entry])
    except (OSError, *UNDECODABLE) as error:
        raise SourceError(
            f"raw files in {folder} cannot be read: {error}",
            hint="tokio-pipeline invalidate the day, and run it again",
        ) from error
