"""Where things are in an archive: paths as format strings, to write with and to read back.

2018/2018-01-28/cscratch.hdf5            one TTS file an instance
                darshan_index.sqlite     `<instance>_index.sqlite`, `<instance>_jobs.parquet`
                report.html              and jobs/, the pages of single jobs
                figures.json             what pages and alerts need of the day
raw/2018/2018-01-28/cscratch.<fingerprint>/  or piece-0001/ ... in it
                    darshan.reduced/        what was made of each log
                    cscratch.<fingerprint>.damaged/     see `DAMAGED`
receipts/2018/01/2018-01-28.cscratch.tts.v1.<fingerprint>.complete.json
aside/2018/2018-01-28/cscratch/          what `invalidate` puts aside, see `aside`
receipts/last_nightly.json               when a command ran last, how long, its exit code
archive.json                             site and time zone, for readers
index.html, 2018/2018-01.html, assets/   pages above the days, and the scripts of all pages
"""

from __future__ import annotations

import datetime as dt
import glob
import re
from collections.abc import Iterator
from pathlib import Path

from archive_tools.core.errors import ConfigError

TTS = "{date:%Y}/{date:%Y-%m-%d}/{instance}.hdf5"
INDEX = "{date:%Y}/{date:%Y-%m-%d}/{instance}_index.sqlite"
JOBS = "{date:%Y}/{date:%Y-%m-%d}/{instance}_jobs.parquet"
REPORT = "{date:%Y}/{date:%Y-%m-%d}/report.html"
JOB_PAGES = "{date:%Y}/{date:%Y-%m-%d}/jobs"
FIGURES = "{date:%Y}/{date:%Y-%m-%d}/figures.json"
ALERTS = "{date:%Y}/{date:%Y-%m-%d}/alerts.json"
RAW = "raw/{date:%Y}/{date:%Y-%m-%d}/{instance}.{fingerprint}"
REDUCED = "reduced"
DAMAGED = ".damaged"
"""End of the name of a raw folder whose files are not those of its receipt, and that no source
could give again.
"""
RECEIPTS = "receipts/{date:%Y}/{date:%m}"
ASIDE = "aside/{date:%Y}/{date:%Y-%m-%d}/{instance}"
ABOUT = "archive.json"
ASSETS = "assets"
INDEX_PAGE = "index.html"
MONTH_PAGE = "{date:%Y}/{date:%Y-%m}.html"
PAGES = "receipts/pages.json"
"""What the pages above the days were made of, and their hashes."""
LAST_RUN = "receipts/last_{command}.json"
LOCK = ".lock"

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def path(
    root: Path, template: str, date: dt.date, instance: str = "", fingerprint: str = ""
) -> Path:
    """`template` filled in, below `root`."""
    return root / template.format(date=date, instance=instance, fingerprint=fingerprint)


def day_folders(root: Path) -> Iterator[tuple[dt.date, Path]]:
    """The days that have a folder, oldest first."""
    for year in sorted(root.glob("[0-9][0-9][0-9][0-9]")):
        for folder in sorted(year.iterdir()):
            if _DAY.fullmatch(folder.name) and folder.is_dir():
                try:
                    yield dt.date.fromisoformat(folder.name), folder
                except ValueError:
                    continue


def instances_in(folder: Path) -> list[str]:
    """Instances that have a TTS file in a day's folder."""
    return sorted(file.stem for file in folder.glob("*.hdf5") if not file.name.startswith("."))


DIRECTIVES = {
    "%Y": ("[0-9]" * 4, r"(?P<year>\d{4})"),
    "%y": ("[0-9]" * 2, r"(?P<short>\d{2})"),
    "%m": ("[0-9]" * 2, r"(?P<month>\d{2})"),
    "%-m": ("*", r"(?P<month>\d{1,2})"),
    "%d": ("[0-9]" * 2, r"(?P<day>\d{2})"),
    "%-d": ("*", r"(?P<day>\d{1,2})"),
    "%%": ("%", "%"),
}
"""Directives of strftime templates of dated files: their shell pattern, and what reads them back.
"""
_DIRECTIVE = re.compile(r"%-?.")


def dated_files(template: str) -> Iterator[tuple[dt.date, Path]]:
    """The files that a strftime template names, with their days.

    Parameters
    ----------
    template : str
        Such as ``/old/%Y/%m/%d/cscratch.h5lmt``; see `DIRECTIVES`.

    Raises
    ------
    ConfigError
        A directive that cannot be read back.
    """
    shell, expression = template_patterns(template)
    for found in glob.iglob(shell):
        date = _date_of(expression.fullmatch(found))
        if date and date.strftime(template) == found:
            yield date, Path(found)


def template_patterns(template: str) -> tuple[str, re.Pattern[str]]:
    """The shell pattern of the files that a strftime template names, and what reads the day of one.

    Raises
    ------
    ConfigError
        A directive that cannot be read back.
    """
    shell, expression, at = "", "", 0
    for match in _DIRECTIVE.finditer(template):
        if match[0] not in DIRECTIVES:
            raise ConfigError(
                f"{template}: {match[0]} is not known here", expected=", ".join(DIRECTIVES)
            )
        digits, read = DIRECTIVES[match[0]]
        name = read[4 : read.index(">")] if read.startswith("(?P<") else ""
        plain = template[at : match.start()]
        shell += glob.escape(plain) + digits
        expression += re.escape(plain) + (
            f"(?P={name})" if name and f"(?P<{name}>" in expression else read
        )
        at = match.end()
    return shell + glob.escape(template[at:]), re.compile(expression + re.escape(template[at:]))


def _date_of(match: re.Match[str] | None) -> dt.date | None:
    parts = {key: int(value) for key, value in match.groupdict().items()} if match else {}
    year = parts.get("year", 2000 + parts["short"] if "short" in parts else 0)
    try:
        return dt.date(year, parts["month"], parts["day"])
    except (KeyError, ValueError):
        return None
