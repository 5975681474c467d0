"""Which Darshan logs there are: by day, user and job."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from archive_tools.core import log_files
from archive_tools.formats.index_file import connected
from archive_tools.store import layout
from archive_tools.store.site_file import SiteFile


def indexes_of(root: Path, start: dt.date, stop: dt.date) -> list[Path]:
    """The indexes of the days from `start` to `stop`, the last included."""
    return [
        path
        for date, folder in layout.day_folders(root)
        if start <= date <= stop
        for path in sorted(folder.glob("*_index.sqlite"))
    ]


def find_logs(
    site: SiteFile,
    start: dt.date,
    stop: dt.date,
    *,
    user: str = "",
    job: str = "",
    instance: str = "",
) -> Iterator[Path]:
    """Logs of the days from `start` to `stop`, the last included, that are there now.

    User and job are those of the day's index where the archive has it, else those in the log's
    name.

    Parameters
    ----------
    instance : str
        Only of this source; default: of all.
    """
    folders = site.log_folders()
    for n in range((stop - start).days + 1):
        date = start + dt.timedelta(days=n)
        for name, templates in folders.items():
            if instance in ("", name):
                index = layout.path(site.root, layout.INDEX, date, name)
                known = _identities(index) if user or job else {}
                yield from logs_in(templates, date, known, user=user, job=job)


Identities = Mapping[str, tuple[str, str]]
"""Name of a log to its user and job."""


def logs_in(
    templates: Sequence[str], date: dt.date, known: Identities, *, user: str = "", job: str = ""
) -> Iterator[Path]:
    """Logs of a day in the folders or files that strftime templates, which may be glob patterns,
    name; see `find_logs`.
    """
    for path in log_files.paths_of(templates, date):
        names = sorted(
            name
            for name, status in log_files.files_below(path)
            if status and log_files.role_of(name) is log_files.FileRole.LOG
        )
        yield from (found for found in map(Path, names) if _is_of(found, known, user, job))


def logs_below(
    folder: Path, start: dt.date | None, stop: dt.date | None, *, user: str = "", job: str = ""
) -> Iterator[Path]:
    """Logs in a folder, however deep, sorted: of jobs that started on the days from `start` to
    `stop`, the last included.

    Day, user and job are those in the log's name. A name has no year, which is taken of the time at
    which the log was written; of a name without a day, that time says the day.
    """
    found = sorted(
        (name, status.st_mtime)
        for name, status in log_files.files_below(str(folder))
        if status and log_files.role_of(name) is log_files.FileRole.LOG
    )
    for name, written in found:
        date = _date_of(os.path.basename(name), written)
        is_in_range = (start is None or start <= date) and (stop is None or date <= stop)
        if is_in_range and _is_of(Path(name), {}, user, job):
            yield Path(name)


def _date_of(name: str, written: float) -> dt.date:
    """The day on which a log's job started, by the clock of the machine that ran it."""
    last = dt.date.fromtimestamp(written)
    parsed = log_files.parse_name(name)
    if parsed and parsed.started:
        month, day, _ = parsed.started
        for year in (last.year + 1, last.year, last.year - 1):
            with contextlib.suppress(ValueError):
                date = dt.date(year, month, day)
                if date <= last + dt.timedelta(days=1):  # clocks may be a zone apart
                    return date
    return last


def days_of_job(root: Path, job: str) -> list[dt.date]:
    """Days whose index has a job, oldest first."""
    found = []
    for date, folder in layout.day_folders(root):
        for path in sorted(folder.glob("*_index.sqlite")):
            with connected(path) as connection:
                if connection.execute(
                    "SELECT 1 FROM headers WHERE jobid = ? LIMIT 1", [job]
                ).fetchone():
                    found.append(date)
    return sorted(set(found))


def _identities(index: Path) -> dict[str, tuple[str, str]]:
    """Name of each indexed log to its user and job."""
    if not index.is_file():
        return {}
    with connected(index) as connection:
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
    name = log_files.parse_path(str(path))
    return name is not None and (not user or name.is_of(user)) and job in ("", name.job)
