"""Questions to the Darshan indexes of many days: which logs, who moved most, which OSTs are
slow.
"""

from __future__ import annotations

import datetime as dt
import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archive_tools.core.errors import NotFound, TokioError
from archive_tools.formats import darshan_tables
from archive_tools.formats.index_file import asking
from archive_tools.store import layout

if TYPE_CHECKING:
    from pipeline.site import Site

BY = {"user": "username", "exe": "exename", "fs": "fsname"}
"""What a scoreboard can be of, and the index's columns."""
FILTERS = {
    "fs": "file systems of this name or mount point",
    "user": "logs of this user",
    "exe": "logs of this program",
}
"""What a scoreboard can be limited to."""
_FILTERED = {"fs": ("fsname", "mountpt"), "user": ("username",), "exe": ("exename",)}
TABLES = "summaries JOIN headers USING (log_id) JOIN mounts USING (fs_id)"


@dataclass(frozen=True)
class Filter:
    """What a scoreboard counts.

    Attributes
    ----------
    limit, exclude : mapping of str to sequence of str
        By key of `FILTERS`: shell patterns, of which one must match, or none may. An empty sequence
        asks for nothing.
    """

    limit: Mapping[str, Sequence[str]] = field(default_factory=dict)
    exclude: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def condition(self) -> tuple[str, list[str]]:
        """An SQL condition, and what is bound to its marks."""
        terms, bound = ["1"], []
        for told, negation in ((self.limit, ""), (self.exclude, "NOT ")):
            for key, patterns in told.items():
                tests = [
                    f"COALESCE({column}, '') GLOB ?" for column in _FILTERED[key] for _ in patterns
                ]
                if tests:
                    terms.append(f"{negation}({' OR '.join(tests)})")
                    bound += [*patterns] * len(_FILTERED[key])
        return " AND ".join(terms), bound


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


def scoreboard(
    indexes: Iterable[str | Path], by: str, *, only: Filter | None = None
) -> list[Score]:
    """Who moved most bytes, over all indexes together, most first.

    Parameters
    ----------
    indexes : iterable of path
        Ours, or pytokio's own.
    by : {'user', 'exe', 'fs'}
    only : Filter, optional
        Default: everything counts.
    """
    if by not in BY:
        raise TokioError(f"a scoreboard of {by!r} is not known", expected=", ".join(BY))
    scores = [
        Score(name, *numbers)
        for (name,), numbers in totals(indexes, (BY[by],), only or Filter()).items()
    ]
    return sorted(scores, key=lambda score: (-score.read - score.written, score.name))


def totals(
    indexes: Iterable[str | Path], columns: Sequence[str], only: Filter
) -> dict[tuple[str, ...], list[int]]:
    """Logs, bytes read and bytes written by the values of some columns of the index, over all
    indexes together.

    Parameters
    ----------
    columns : sequence of str
        Of headers and mounts; the caller's own text, for it becomes part of the query.
    """
    condition, bound = only.condition()
    names = ", ".join(columns)
    query = (
        f"SELECT {names}, COUNT(DISTINCT log_id), SUM(bytes_read), SUM(bytes_written) FROM {TABLES}"
        f" WHERE {condition} GROUP BY {names}"
    )
    found: dict[tuple[str, ...], list[int]] = {}
    for path in indexes:
        with asking(path) as connection:
            for row in connection.execute(query, bound):
                total = found.setdefault(tuple(str(name or "") for name in row[:-3]), [0, 0, 0])
                total[:] = [
                    before + (number or 0) for before, number in zip(total, row[-3:], strict=True)
                ]
    return found


def indexes_of(root: Path, start: dt.date, stop: dt.date) -> list[Path]:
    """The indexes of the days from `start` to `stop`, the last included."""
    return [
        path
        for date, folder in layout.day_folders(root)
        if start <= date <= stop
        for path in sorted(folder.glob("*_index.sqlite"))
    ]


def find_logs(
    site: Site, start: dt.date, stop: dt.date, *, user: str = "", job: str = "", instance: str = ""
) -> Iterator[Path]:
    """Logs of the days from `start` to `stop`, the last included, that are there now.

    User and job are those of the day's index where the archive has it, else those in the log's
    name.

    Parameters
    ----------
    instance : str
        Only of this source; default: of all.
    """
    chosen = {
        name: keys["logs"]
        for name, keys in site.sources.items()
        if keys.get("kind") == "darshan" and instance in ("", name)
    }
    for n in range((stop - start).days + 1):
        date = start + dt.timedelta(days=n)
        for name, given in chosen.items():
            templates = [
                str(site.path(template))
                for template in ([given] if isinstance(given, str) else given)
            ]
            known = (
                _identities(layout.path(site.root, layout.INDEX, date, name)) if user or job else {}
            )
            yield from logs_in(templates, date, known, user=user, job=job)


Identities = Mapping[str, tuple[str, str]]
"""Name of a log to its user and job."""


def logs_in(
    templates: Sequence[str], date: dt.date, known: Identities, *, user: str = "", job: str = ""
) -> Iterator[Path]:
    """Logs of a day in the folders or files that strftime templates, which may be glob patterns,
    name; see `find_logs`.
    """
    for template in templates:
        yield from (
            path for path in _files_of(date.strftime(template)) if _is_of(path, known, user, job)
        )


def _files_of(pattern: str) -> Iterator[Path]:
    for root in [pattern] if os.path.isdir(pattern) else sorted(glob.glob(pattern)):
        found = Path(root).rglob("*") if os.path.isdir(root) else [Path(root)]
        yield from sorted(path for path in found if path.is_file())


def days_of_job(root: Path, job: str) -> list[dt.date]:
    """Days whose index has a job, oldest first."""
    found = []
    for date, folder in layout.day_folders(root):
        for path in sorted(folder.glob("*_index.sqlite")):
            with asking(path) as connection:
                if connection.execute(
                    "SELECT 1 FROM headers WHERE jobid = ? LIMIT 1", [job]
                ).fetchone():
                    found.append(date)
    return sorted(set(found))


def _identities(index: Path) -> dict[str, tuple[str, str]]:
    """Name of each indexed log to its user and job."""
    if not index.is_file():
        return {}
    with asking(index) as connection:
        return {
            name: (user or "", job or "")
            for name, user, job in connection.execute(
                "SELECT filename, username, jobid FROM headers"
            )
        }


def _is_of(path: Path, known: Identities, user: str, job: str) -> bool:
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
        raise TokioError(
            "bad-osts needs SciPy", hint="pip install 'tokio-archive[analysis]'"
        ) from None
    tables = [darshan_tables.read_table(Path(path), "stripes") for path in files]
    speed = np.concatenate([np.empty(0), *(table["bytes"] / table["seconds"] for table in tables)])
    osts = [
        np.array([int(ost) for ost in text.split(",")])
        for table in tables
        for text in table["osts"]
    ]
    if len(speed) < 3 or (speed == speed[0]).all():
        raise NotFound(
            f"{len(speed)} files with Lustre stripes and I/O",
            expected="at least three, of different speed",
        )
    shares: dict[int, Any] = {}
    for file, numbers in enumerate(osts):
        for ost in numbers.tolist():
            shares.setdefault(ost, np.zeros(len(speed)))[file] = 1 / len(numbers)
    tested = {
        ost: stats.pearsonr(speed, share)
        for ost, share in sorted(shares.items())
        if (share != share[0]).any()
    }
    if not tested:
        return []
    adjusted = stats.false_discovery_control([result.pvalue for result in tested.values()])
    found = [
        OstCorrelation(
            ost,
            int(np.count_nonzero(shares[ost])),
            float(result.statistic),
            float(result.pvalue),
            float(value),
        )
        for (ost, result), value in zip(tested.items(), adjusted, strict=True)
    ]
    return sorted(found, key=lambda one: (one.adjusted, one.p_value, one.ost))
