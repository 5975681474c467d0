"""Which Darshan logs there are, for callers in Python: of a site, or in any folder."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from archive_tools.core.errors import BadArgument, NotFound
from archive_tools.jobs import logs
from archive_tools.store.site_file import find_site_file, read_site_file


def find_logs(
    where: str | Path = "",
    start: dt.date | str | None = None,
    stop: dt.date | str | None = None,
    *,
    user: str = "",
    job: str | int = "",
    instance: str = "",
) -> list[Path]:
    """Paths of Darshan logs by day, user and job.

    Parameters
    ----------
    where : str or pathlib.Path
        A site file, whose archive's indexes say the users and jobs of its logs; or a folder of
        logs, however deep, whose names say days, users and jobs. Default: $TOKIO_SITE, else
        ./site.json.
    start, stop : datetime.date or str, optional
        First and last day. One alone is that day. A folder does without, a site file with `job`.
    user : str
        Name of the user.
    job : str or int
        Job id.
    instance : str
        Of a site file: only logs of this source.

    Raises
    ------
    NotFound
        There is no such file or folder.
    BadArgument
        A day is not a date, `stop` is before `start`, or days are missing.
    """
    first, last = _day_of(start or stop), _day_of(stop or start)
    if first and last and last < first:
        raise BadArgument("stop is before start", got=f"{first} to {last}")
    path = Path(where) if where else find_site_file()
    if path is None:
        raise NotFound("no site file ./site.json", hint="name a site file or a folder of logs")
    if path.is_dir():
        if (path / "archive.json").is_file():
            raise BadArgument(
                f"{path} is an archive, which does not have the logs",
                expected="its site file, or a folder of logs",
            )
        return list(logs.logs_below(path, first, last, user=user, job=str(job)))
    if not path.is_file():
        raise NotFound(f"no file or folder {path}")
    site = read_site_file(path.absolute())
    if first and last:
        days = [(first, last)]
    elif job != "":
        days = [(date, date) for date in logs.days_of_job(site.root, str(job))]
    else:
        raise BadArgument("the days are missing", expected="start, stop, or job")
    return [
        log
        for one in days
        for log in logs.find_logs(site, *one, user=user, job=str(job), instance=instance)
    ]


def _day_of(day: dt.date | str | None) -> dt.date | None:
    if day is None or (isinstance(day, dt.date) and not isinstance(day, dt.datetime)):
        return day
    try:
        return dt.date.fromisoformat(str(day))
    except ValueError:
        raise BadArgument(f"{day!r} is not a date", expected="2026-11-22") from None
