"""Fixtures: the real data, small LMT databases, sites in temporary folders."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support.paths import ROOT, SITEDAY_LOGS, needed

settings.register_profile("tokio", deadline=None)
settings.load_profile("tokio")
"""No example has a limit of time: the machine may be busy."""


def pytest_collection_finish() -> None:
    """What was collected stays to the end: it is not looked at again for cycles, nor copied when a
    test forks.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real data."""
    folder = Path(os.environ.get("TOKIO_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        needed(f"the real data in {folder} (or in $TOKIO_REAL_DATA)")
    return folder


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a site.json into the test's folder and makes it the site; returns its path."""

    def write(sources: dict[str, Any], **keys: Any) -> Path:
        path = tmp_path / "site.json"
        path.write_text(
            json.dumps({"site": "test", "archive": "archive", "sources": sources, **keys})
        )
        monkeypatch.setenv("TOKIO_SITE", str(path))
        return path

    return write


@pytest.fixture
def darshan_source() -> dict[str, Any]:
    """The keys of a source with the logs of siteday."""
    return {"kind": "darshan", "logs": str(SITEDAY_LOGS)}
