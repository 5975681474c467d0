"""Questions to the Darshan indexes of many days: which logs, who moved most, which OSTs are
slow.
"""

from __future__ import annotations

import datetime as dt
import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archive_tools.formats.index_file import asking
from archive_tools.store import layout

if TYPE_CHECKING:
    from pipeline.site import Site


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
