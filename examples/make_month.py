"""Makes an archive of one month of a small Lustre file system, to try month-long questions on:
generated numbers, not measured ones.

    python examples/make_month.py month

A row a minute, six OSTs and two OSSes; busier by day and on working days. In it: no file of 11
November, an outage of three hours on the 18th, and an OST that comes on the 16th. The same numbers
every time; days that are there are left alone. The days have no receipts: no pipeline made them,
and `tokio-archive check` says so.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from pathlib import Path

import numpy as np

from archive_tools.core.day import Day
from archive_tools.core.grid import Grid
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.schemas import catalogue
from archive_tools.store import files, layout

FIRST, DAYS = dt.date(2026, 11, 1), 30
ABSENT, OUTAGE, NEW = dt.date(2026, 11, 11), dt.date(2026, 11, 18), dt.date(2026, 11, 16)
ZONE = "America/Los_Angeles"
STEP = 60
RATES = {"datatargets/readbytes": 3e8, "datatargets/writebytes": 2e8, "mdtargets/opens": 150.0}
"""Amounts a second of one component, on a working day at noon."""


def activity(day: Day) -> np.ndarray:
    """How busy each minute is, 0 to 1: more by day, less on Saturdays and Sundays."""
    hours = (day.timestamps(STEP) - day.start) / 3600
    weekend = 0.4 if day.date.weekday() >= 5 else 1.0
    return weekend * (0.35 + 0.65 * np.exp(-(((hours - 14) / 5) ** 2)))


def write_day(path: Path, day: Day) -> None:
    """Write one day's file."""
    random = np.random.default_rng(day.date.toordinal())
    osts = tuple(f"scratch-OST{n:04x}" for n in range(6 if day.date >= NEW else 5))
    columns = {"datatargets": osts, "mdtargets": ("mds000",), "dataservers": ("oss000", "oss001")}
    busy = activity(day)[:, None]
    with (
        files.replacing(path) as temporary,
        TtsWriter(
            temporary, day, attributes={"site": "generated month", "instance": "scratch"}
        ) as writer,
    ):
        for name in (*RATES, "dataservers/cpuload"):
            names = columns[name.partition("/")[0]]
            noise = random.gamma(1.5, 1 / 1.5, (len(busy), len(names)))
            values = (
                np.floor(RATES[name] * STEP * busy * noise)
                if name in RATES
                else np.minimum(70 * busy * np.sqrt(noise), 100.0)
            )
            if day.date == OUTAGE:
                values[9 * 60 : 12 * 60] = np.nan
            writer.write(
                Grid(name, names, day.start, STEP, values),
                catalogue()[name],
                source="generated",
                updated=day.end,
            )


def make(root: Path) -> None:
    """Write the archive."""
    root.mkdir(parents=True, exist_ok=True)
    files.write_text(
        root / layout.ABOUT, json.dumps({"site": "generated month", "timezone": ZONE}) + "\n"
    )
    for n in range(DAYS):
        date = FIRST + dt.timedelta(days=n)
        path = layout.path(root, layout.TTS, date, "scratch")
        if date != ABSENT and not path.exists():
            write_day(path, Day(date, ZONE))


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path, help="folder of the archive to make")
    options = parser.parse_args()
    make(options.archive)
    print(f"{options.archive}: {DAYS - 1} days")
    return 0


if __name__ == "__main__":
    sys.exit(main())
