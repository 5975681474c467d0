"""`archive.json`, for readers that do without it: what the site said of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from archive_tools.store import layout


def read_about(root: Path) -> dict[str, Any]:
    """What `archive.json` says of the site; nothing where it is not there or damaged.

    Parameters
    ----------
    root : pathlib.Path
        The archive.
    """
    try:
        found = json.loads((root / layout.ABOUT).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
