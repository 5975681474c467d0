"""The exporters' series ``lustre_job_*`` of a Prometheus server, or of its saved answers, as text
of snapshots: what an exporter would have said of a target at each time.

A server is queried target by target and some hours at a time, so that no answer has the series of
all jobs and targets. The text has all values of the answers, in the order of time; that of a longer
answer begins with that of a shorter one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from isal import igzip

from archive_tools.core.day import Day
from archive_tools.core.errors import NoData, SourceError
from pipeline.sources._shared import file_copies, secrets, source_files
from pipeline.sources._shared.http_client import Server
from pipeline.sources._shared.prometheus_api import (
    UNDECODABLE,
    Result,
    Span,
    answer,
    in_pieces,
    numbers,
    outer,
)
from pipeline.sources.contract import Fetched, Inputs
from pipeline.sources.job_stats.options import Options
from pipeline.sources.job_stats.snapshots import TARGET

NAMES = "lustre_job_(?:stats|read_bytes|write_bytes|read_samples|write_samples)(?:_total)?"
"""Series that have a figure of the table."""
PIECE = 6 * 3600
"""Seconds that are requested at a time; a target's jobs of so long are in memory."""
HOUR = 3600
CLOSING = HOUR
"""Seconds after a day in which the snapshot that closes it is looked for."""
TARGETS = "/api/v1/label/target/values"
LABELS = ("operation", "target", "jobid")


def span(options: Options, day: Day, now: float, after: int = 0) -> Span:
    """The times of the snapshots of a day, the one at its end included, and of some seconds after
    it, up to now.
    """
    last = min(day.end + after, int(now))
    points = max(0, (last - day.start) // options.timestep + 1)
    return Span(day.start * 1000, options.timestep, points)


def _selector(options: Options, target: str = "") -> str:
    labels = {**options.extra, **({"target": target} if target else {})}
    equal = [f"{name}={json.dumps(value)}" for name, value in sorted(labels.items())]
    return "{" + ",".join([f'__name__=~"{NAMES}"', 'jobid!=""', *equal]) + "}"


def targets_there(server: Server, options: Options, times: Span) -> list[str]:
    """The targets of which the server has series in a span, sorted.

    Raises
    ------
    SourceError
        The answer is not a list of names.
    """
    form = times.form("")
    asked = {"match[]": _selector(options), "start": form["start"], "end": form["end"]}
    found = server.json("GET", TARGETS, params=asked)
    names = found.get("data") if isinstance(found, dict) else None
    if not isinstance(names, list) or found.get("status") != "success":
        raise SourceError(
            f"{server.url}{TARGETS} does not answer with names of targets",
            got=secrets.shown(json.dumps(found).encode(), 200),
        )
    return sorted({str(name) for name in names if re.fullmatch(TARGET, str(name))})


def inputs(options: Options, day: Day, now: float) -> Inputs:
    """What a server has: of each target how many series there are every hour."""
    times = span(options, day, now)
    if not times.points:
        return {"targets": 0, "series": 0, "looks": ""}
    looks = hashlib.sha256()
    series = 0
    hourly = Span(times.first, HOUR, (times.points - 1) * times.step // HOUR + 1)
    with Server(options) as server:
        names = targets_there(server, options, times)
        for name in names:
            query = f"count(last_over_time({_selector(options, name)}[{HOUR}s]))"
            for _, _, results in in_pieces(server, query, hourly, hourly.points):
                for result in results:
                    pairs, _, _ = numbers(result.values)
                    looks.update(f"{name} {pairs.tolist()}".encode())
                    series += int(pairs[:, 1].max(initial=0))
    return {"targets": len(names), "series": series, "looks": looks.hexdigest()[:16]}


def fetch(options: Options, day: Day, folder: Path, now: float) -> Fetched:
    """Write a file a target.

    Raises
    ------
    NoData
        The server has none of the series.
    SourceError
        A query is refused, or answered in part.
    """
    times, keeper = span(options, day, now, CLOSING), _Keeper(folder)
    with Server(options) as server:
        for name in targets_there(server, options, times) if times.points else ():
            query = f"last_over_time({_selector(options, name)}[{options.timestep}s])"
            most = max(1, PIECE // options.timestep)
            texts = (
                text
                for _, _, results in in_pieces(server, query, times, most)
                for text in texts_of(results).values()
            )
            keeper.keep(f"{name}.{day.start}", texts)
    if not keeper.files:
        raise NoData(
            f"{options.url} has no lustre_job_* series of {day}",
            hint="check extra of the source, and that the exporter has job_stats",
        )
    return keeper.fetched()


def fetch_saved(options: Options, paths: Sequence[Path], day: Day, folder: Path) -> Fetched:
    """As `fetch`, out of files with answers: one, or a list of them.

    Raises
    ------
    NoData
        There is no file, or no answer has one of the series.
    SourceError
        A file is not of answers, or one says that it is not whole.
    """
    identities, keeper = file_copies.inputs(paths), _Keeper(folder)
    number = 0
    for path in paths:
        for member in source_files.members(path, path.name, options.allowed, _raised):
            for content in _answers(source_files.content(member), member.name):
                for name, text in texts_of(_results(content, member.name)).items():
                    keeper.keep(f"{name}.{day.start}.{number}", [text])
                number += 1
    if not keeper.files:
        raise NoData(
            f"no saved answer has a lustre_job_* series of {day}",
            hint="check answers of the source",
        )
    return keeper.fetched(identities)


def _raised(where: str, what: str) -> None:
    raise SourceError(f"{where}: {what}")


def _answers(content: bytes, where: str) -> list[bytes]:
    try:
        if content.lstrip()[:1] != b"[":
            return [content]
        found = outer(content)
        return [bytes(one) for one in (found.values() if isinstance(found, dict) else found)]
    except UNDECODABLE as error:
        raise SourceError(f"{where} is not a list of answers: {error}") from None


def _results(content: bytes, where: str) -> list[Result]:
    try:
        found = answer(content)
        wrong = found.refusal() or found.lack()
        results = [] if wrong else found.results()
    except UNDECODABLE as error:
        wrong = f"not an answer of Prometheus' API: {error}"
    if wrong:
        raise SourceError(f"{where}: {wrong}")
    return results


def texts_of(results: Iterable[Result]) -> dict[str, str]:
    """By target, sorted: the text of its series. A time at which a target has none has no snapshot:
    nobody looked.
    """
    found: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        labels = result.metric
        target, name = labels.get("target", ""), labels.get("__name__", "")
        if not re.fullmatch(TARGET, target) or not re.fullmatch(NAMES, name):
            continue
        pairs, bad, first = numbers(result.values)
        if bad:
            raise SourceError(f"a value of {name} of {target} is not a number", got=first)
        said = ",".join(
            f'{label}="{_escaped(labels[label])}"' for label in LABELS if labels.get(label)
        )
        stamped = found[target]
        for time, value in pairs[np.isfinite(pairs).all(axis=1)].tolist():
            if value >= 0:
                stamped[int(time)].append(f"{name}{{{said}}} {int(value)}")
    return {target: _text(stamped) for target, stamped in sorted(found.items())}


def _text(stamped: Mapping[int, list[str]]) -> str:
    return "".join(
        f"BEGIN {time}\n" + "".join(f"{line}\n" for line in sorted(lines))
        for time, lines in sorted(stamped.items())
    )


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class _Keeper:
    """Writes files as `file_copies` knows them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[file_copies.Identity] = []
        self.size = 0

    def keep(self, name: str, texts: Iterable[str]) -> None:
        """Write texts one after the other, each as a member of a gzip file; none makes no file."""
        path = self.folder / f"{len(self.files):05d}"
        there = self._written(path, texts)
        if not there:
            path.unlink(missing_ok=True)
            return
        self.files.append([f"{name}.gz", path.stat().st_size, 0])
        self.size += path.stat().st_size

    def _written(self, path: Path, texts: Iterable[str]) -> int:
        with path.open("wb") as file:
            return sum(file.write(one) for one in _members(texts))

    def fetched(self, inputs: Inputs | None = None) -> Fetched:
        """The list of the files, and their number and bytes."""
        content = json.dumps(self.files)
        (self.folder / file_copies.MANIFEST).write_text(content, "utf-8")
        return Fetched({"files": len(self.files), "bytes": self.size}, inputs)


def _members(texts: Iterable[str]) -> Iterator[bytes]:
    for text in texts:  # no time in it: pieces are compared byte by byte
        if text:
            yield igzip.compress(text.encode("utf-8", "replace"), 1, mtime=0)
