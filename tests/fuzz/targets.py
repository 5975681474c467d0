"""All targets by name, and where their inputs are."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz import archive_targets, log_targets, server_targets
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = log_targets.TARGETS | server_targets.TARGETS | archive_targets.TARGETS
FOLDER = Path(__file__).parent
CORPUS, FAULTS, OPEN = FOLDER / "corpus", FOLDER / "faults", FOLDER / "open"
"""Inputs that reach different code; those of faults that are mended; those that are not yet."""


def inputs(folder: Path, name: str) -> list[Path]:
    """The inputs of a target in a folder, sorted."""
    return sorted(path for path in (folder / name).glob("*") if path.is_file())
