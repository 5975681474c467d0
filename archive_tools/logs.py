"""Questions to the Darshan indexes of many days: which logs, who moved most, which OSTs are slow."""

from __future__ import annotations

import datetime as dt
import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archive_tools import darshan_file, layout
from archive_tools.index import open_index
from pipeline.errors import NotFound, TokioError
from pipeline.site import Site

BY = {"user": "username", "exe": "exename", "fs": "fsname"}
"""What a scoreboard can be of, and the index's columns."""


@dataclass(frozen=True)
class Score:
    """What one user, program or file system moved.

    Attributes
    ----------
    name : str
    logs : int
    read, written : int
        Bytes.
    """

    name: str
    logs: int
    read: int
    written: int


def scoreboard(indexes: Iterable[str | Path], by: str) -> list[Score]:
    """Who moved most bytes, over all indexes together, most first.

    Parameters
    ----------
    indexes : iterable of path
        Ours, or pytokio's own.
    by : {'user', 'exe', 'fs'}
    """
    if by not in BY:
        raise TokioError(f"a scoreboard of {by!r} is not known", expected=", ".join(BY))
    totals: dict[str, list[int]] = {}
    for path in indexes:
        connection = open_index(path)
        try:
            query = f"""SELECT {BY[by]}, COUNT(DISTINCT log_id), SUM(bytes_read), SUM(bytes_written)
                        FROM summaries JOIN headers USING (log_id) JOIN mounts USING (fs_id) GROUP BY 1"""
            for name, *numbers in connection.execute(query):
                total = totals.setdefault(str(name or ""), [0, 0, 0])
                for i, number in enumerate(numbers):
                    total[i] += number or 0
        finally:
            connection.close()
    scores = [Score(name, *numbers) for name, numbers in totals.items()]
    return sorted(scores, key=lambda score: (-score.read - score.written, score.name))


def indexes_of(root: Path, start: dt.date, stop: dt.date) -> list[Path]:
    """The indexes of the days from `start` to `stop`, the last included."""
    return [path for date, folder in layout.day_folders(root) if start <= date <= stop for path in sorted(folder.glob("*_index.sqlite"))]


def find_logs(site: Site, start: dt.date, stop: dt.date, *, user: str = "", job: str = "") -> Iterator[Path]:
    """Logs of the days from `start` to `stop`, the last included, that are there now.

    User and job are those of the day's index where the archive has it, else those in the log's name.
    """
    for n in range((stop - start).days + 1):
        date = start + dt.timedelta(days=n)
        for instance, keys in site.sources.items():
            if keys.get("kind") == "darshan":
                yield from _logs_of_day(site, instance, keys["logs"], date, user, job)


def _logs_of_day(site: Site, instance: str, templates: str | Sequence[str], date: dt.date, user: str, job: str) -> Iterator[Path]:
    known = _identities(layout.path(site.root, layout.INDEX, date, instance))
    for template in [templates] if isinstance(templates, str) else templates:
        pattern = str(site.path(date.strftime(template)))
        for root in [pattern] if os.path.isdir(pattern) else sorted(glob.glob(pattern)):
            for path in sorted(p for p in (Path(root).rglob("*") if os.path.isdir(root) else [Path(root)]) if p.is_file()):
                if _is_of(path, known, user, job):
                    yield path


def _identities(index: Path) -> dict[str, tuple[str, str]]:
    """Name of each indexed log to its user and job."""
    if not index.is_file():
        return {}
    connection = open_index(index)
    try:
        return {name: (user or "", job or "") for name, user, job in connection.execute("SELECT filename, username, jobid FROM headers")}
    finally:
        connection.close()


def _is_of(path: Path, known: dict[str, tuple[str, str]], user: str, job: str) -> bool:
    if not user and not job:
        return True
    identity = known.get(path.name) or known.get(str(path))
    if identity:
        return (not user or identity[0] == user) and (not job or identity[1] == job)
    head, _, tail = path.name.rpartition("_id")
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    return (not user or head.startswith(f"{user}_")) and (not job or digits == job)


@dataclass(frozen=True)
class OstCorrelation:
    """How the speed of files goes with the share of them that is on an OST.

    Attributes
    ----------
    ost : int
    files : int
        Files that have stripes on it.
    coefficient : float
        Pearson's; below 0, files on this OST are slower.
    p_value : float
        Two-sided.
    adjusted : float
        After Benjamini and Hochberg (1995), over all OSTs that were tested.
    """

    ost: int
    files: int
    coefficient: float
    p_value: float
    adjusted: float


def bad_osts(files: Iterable[str | Path]) -> list[OstCorrelation]:
    """OSTs that go with slow files, most certain first.

    Parameters
    ----------
    files : iterable of path
        `darshan.hdf5` of some days.

    Raises
    ------
    NotFound
        Fewer than three files with Lustre stripes and I/O are in them.
    TokioError
        SciPy is not installed.
    """
    try:
        from scipy import stats
    except ImportError:
        raise TokioError("bad-osts needs SciPy", hint="pip install 'tokio-archive[analysis]'") from None
    tables = [darshan_file.read_table(Path(path), "stripes") for path in files]
    speed = np.concatenate([np.empty(0), *(table["bytes"] / table["seconds"] for table in tables)])
    osts = [np.array([int(ost) for ost in text.split(",")]) for table in tables for text in table["osts"]]
    if len(speed) < 3 or (speed == speed[0]).all():
        raise NotFound(f"{len(speed)} files with Lustre stripes and I/O", expected="at least three, of different speed")
    shares: dict[int, Any] = {}
    for file, numbers in enumerate(osts):
        for ost in numbers.tolist():
            shares.setdefault(ost, np.zeros(len(speed)))[file] = 1 / len(numbers)
    tested = {ost: stats.pearsonr(speed, share) for ost, share in sorted(shares.items()) if (share != share[0]).any()}
    if not tested:
        return []
    adjusted = stats.false_discovery_control([result.pvalue for result in tested.values()])
    found = [
        OstCorrelation(ost, int(np.count_nonzero(shares[ost])), float(result.statistic), float(result.pvalue), float(value))
        for (ost, result), value in zip(tested.items(), adjusted, strict=True)
    ]
    return sorted(found, key=lambda one: (one.adjusted, one.p_value, one.ost))
