"""The pages of single jobs, as files: their names, and what the receipt of the day's page says of
them.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from archive_tools.store import files, layout

NAME = re.compile(r"job-[A-Za-z0-9_-]{1,40}-[0-9a-f]{12}\.html", re.ASCII)
"""Names of pages."""
FOLDER = layout.JOB_PAGES.rpartition("/")[2]
"""The name of their folder, in the day's."""


def in_receipt(content: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Names of pages, with ``bytes`` and ``sha256``, of a receipt of the day's page."""
    found = content.get("job_pages")
    pages = found.items() if isinstance(found, dict) else ()
    return {
        name: facts for name, facts in pages if NAME.fullmatch(name) and isinstance(facts, dict)
    }


def remove_others(root: Path, date: dt.date, kept: Collection[str]) -> None:
    """Remove the pages of a day's jobs that have none any more, and a folder that is empty then."""
    folder = layout.path(root, layout.JOB_PAGES, date)
    if not folder.is_dir():
        return
    for name in sorted(os.listdir(folder)):
        if NAME.fullmatch(name) and name not in kept:
            files.remove(folder / name)
    if not os.listdir(folder):
        folder.rmdir()
