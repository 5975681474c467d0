"""Whether a day's file of alerts can be read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from archive_tools.checking.problems import Problem
from archive_tools.core.errors import FormatError
from archive_tools.formats import alerts_file
from archive_tools.store import layout

NAME = layout.ALERTS.rpartition("/")[2]
"""Of the file in a day's folder."""


def alerts_problems(path: Path, date: dt.date) -> Iterator[Problem]:
    """What is wrong with a file of alerts."""
    try:
        alerts_file.decode(path.read_bytes(), path.name, date)
    except (OSError, FormatError) as error:
        yield Problem("damaged", str(path), str(error))
