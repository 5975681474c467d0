"""Where things stand in an archive: paths as format strings, to write with and to read back.

2018/2018-01-28/cscratch.hdf5            one TTS file an instance
                darshan_index.sqlite     `<instance>_index.sqlite`, `<instance>_jobs.parquet`
                report.html
raw/2018/2018-01-28/cscratch.<fingerprint>/
receipts/2018/2018-01-28.cscratch.tts.v1.<fingerprint>.complete.json
archive.json                             site and time zone, for readers
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

TTS = "{date:%Y}/{date:%Y-%m-%d}/{instance}.hdf5"
INDEX = "{date:%Y}/{date:%Y-%m-%d}/{instance}_index.sqlite"
JOBS = "{date:%Y}/{date:%Y-%m-%d}/{instance}_jobs.parquet"
REPORT = "{date:%Y}/{date:%Y-%m-%d}/report.html"
RAW = "raw/{date:%Y}/{date:%Y-%m-%d}/{instance}.{fingerprint}"
RECEIPTS = "receipts/{date:%Y}"
ABOUT = "archive.json"
LOCK = ".lock"

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def path(root: Path, template: str, date: dt.date, instance: str = "", fingerprint: str = "") -> Path:
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
