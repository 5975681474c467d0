"""Two runs that make the same at the same time, as where the file system carries no locks, or
luigid's workers and a nightly run have one day.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest

from archive_tools.store import files
from pipeline.tasks import makers
from pipeline.tasks.fetch import Fetch
from tests.support.small_days import write_days

DATE = dt.date(2025, 3, 1)


def test_a_folder_that_another_run_puts_there_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two renames of one process, another has done both of its own."""
    old, new = tmp_path / "raw", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "which").write_text(folder.name)
    renamed: list[Any] = []
    rename = os.replace

    def meanwhile(source: Path, target: Path) -> None:
        rename(source, target)
        renamed.append(source)
        if len(renamed) == 1:
            old.mkdir()
            (old / "which").write_text("of another run")

    monkeypatch.setattr(os, "replace", meanwhile)
    files.replace_folder(new, old)
    assert (old / "which").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_raw_data_that_another_run_has_just_fetched_stay_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be reading them: on NFS, files that are removed on another host cannot be read on."""
    makers.load()
    fetch = Fetch(date=DATE, instance="home", site=str(write_days(tmp_path, [DATE])))
    fetch.work()
    fetched = fetch.path()
    before = [path.stat().st_ino for path in (fetched, *sorted(fetched.rglob("*")))]
    monkeypatch.setattr(fetch, "_archived_now", lambda: None)  # the other looked before
    fetch.work()
    assert [path.stat().st_ino for path in (fetched, *sorted(fetched.rglob("*")))] == before
    assert not fetch.damage()
