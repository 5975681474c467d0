"""Makes 29 days of LMT databases of a file system called generated, up to 22 November 2026: what
the pages of examples/morning show beside the ten minutes that were recorded. No number in them was
measured.

    python examples/make_generated.py examples/morning/lmt

A sample every five minutes, four OSTs; less on Saturdays and Sundays, fuller from day to day; on
the last day five hours of nothing in the night, and an evening of ten times the load. Files that
are there are left alone.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Iterator
from pathlib import Path

import make_lmt
import numpy as np

LAST, DAYS, STEP = dt.date(2026, 11, 22), 29, 300
QUIET, BUSY = range(1 * 3600, 6 * 3600), range(19 * 3600, 21 * 3600)
"""Seconds of the last day."""
GROWTH = make_lmt.TARGET_KIB // 200
"""KiB by which a target fills each day."""


class Day(make_lmt.Day):
    """A day of the generated file system."""

    def __init__(self, date: dt.date, number: int) -> None:
        weekend = 0.4 if date.weekday() >= 5 else 1.0
        super().__init__(
            date, 4, 2, 1, date.toordinal(), step=STEP, load=weekend, with_events=False
        )
        self.usual = weekend
        level = np.random.default_rng(1).integers(
            make_lmt.TARGET_KIB // 3, make_lmt.TARGET_KIB // 2, 4
        )
        self.used = level + number * GROWTH

    def steps(self) -> Iterator[tuple[int, bool]]:
        """Each step of the day, and whether LMT was running."""
        for number in range(self.samples):
            second = number * self.step
            if self.date == LAST:
                self.load = 0.0 if second in QUIET else self.usual * (10 if second in BUSY else 1)
            self._advance(number)
            yield number, True


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the databases are made, a file a day")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(DAYS):
        date = LAST - dt.timedelta(days=DAYS - 1 - number)
        path = folder / f"generated_{date}.sqlite3"
        if not path.exists():
            make_lmt.write(path, Day(date, number), "generated")
    print(f"{folder}: {DAYS} days")
    return 0


if __name__ == "__main__":
    sys.exit(main())
