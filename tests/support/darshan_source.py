"""Options of a source of Darshan logs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.sources import darshan

MOUNTS = {"^/scratch": "scratch", "^/project": "project"}


def options(*logs: Path | str, **keys: Any) -> darshan.Options:
    return darshan.Options(
        kind="darshan", logs=[str(log) for log in logs], mount_to_fsname=MOUNTS, **keys
    )
