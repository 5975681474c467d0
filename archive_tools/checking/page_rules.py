"""Whether the pages above the days are those that the last run wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from archive_tools.checking.problems import Problem
from archive_tools.store import digest, layout

PAGE = re.compile(r"index\.html|\d{4}/\d{4}-\d{2}\.html", re.ASCII)
NEXT_RUN = "the next nightly run writes it again"


def pages_problems(root: Path, *, deep: bool) -> Iterator[Problem]:
    """Pages that are not there or have other bytes. What the next run sees is a note; it looks at
    sizes alone.
    """
    path = root / layout.PAGES
    try:
        known = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError, RecursionError):
        known = None
    if not isinstance(known, dict):
        yield Problem("damaged", str(path), f"it is not a list of pages: {NEXT_RUN}", is_note=True)
        return
    for name, facts in known.items():
        if not PAGE.fullmatch(name) or not isinstance(facts, dict):
            continue
        if why := digest.damage(root / name, facts, deep=False):
            yield Problem("bytes", str(root / name), f"{why}: {NEXT_RUN}", is_note=True)
        elif deep and (why := digest.damage(root / name, facts)):
            what = f"{why}: remove it, and {NEXT_RUN}"
            yield Problem("bytes", str(root / name), what)
