"""Where things are, and what a test says that lacks something."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SITEDAY_LOGS = ROOT / "examples/site/darshan/2026/11/22"


def needed(what: str) -> None:
    """Skip for want of something; CI must have it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI needs {what}")
    pytest.skip(f"needs {what}")


def cases(kind: str) -> Path:
    """The folder of small inputs that were once archived wrongly: "servers" or "darshan"."""
    folder = Path(os.environ.get("TOKIO_CASES", ROOT.parent / "shared" / "cases")) / kind
    if not folder.is_dir():
        needed(f"the cases in {folder} (or in $TOKIO_CASES)")
    return folder
