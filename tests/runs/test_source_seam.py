"""How the tasks call a source: what a fetch saw, and what its figures mean."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import pytest

from archive_tools import schemas
from archive_tools.core.day import Day
from archive_tools.store.receipts import derived
from pipeline import sources
from pipeline.cli.main import COMPLETE, FAILED, main
from pipeline.sources import darshan, lmt
from pipeline.sources._shared import source_files
from pipeline.sources.contract import Fetched
from pipeline.tasks.build import Build
from pipeline.tasks.context import current
from tests.support.small_days import write_days

DATE = dt.date(2025, 3, 1)


def night(folder: Path) -> int:
    current().answers.forget()
    return main(["nightly", "--site", str(folder / "site.json"), "--date", str(DATE)])


def test_a_file_that_changes_while_it_is_copied_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, folder = tmp_path / "a.txt", tmp_path / "raw"
    path.write_text("1\n")
    folder.mkdir()
    before = source_files.inputs([path])
    assert source_files.copy([path], folder).inputs == before
    copyfile = shutil.copyfile

    def growing(source: Path, target: Path) -> None:
        copyfile(source, target)
        path.write_text("1\n2\n")

    monkeypatch.setattr(shutil, "copyfile", growing)
    assert source_files.copy([path], folder).inputs != before


@pytest.mark.parametrize(("says", "times"), [(True, 1), (False, 2)])
def test_a_source_is_asked_once_where_its_fetch_says_what_it_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: bool, times: int
) -> None:
    write_days(tmp_path, [DATE])
    requested: list[Day] = []
    inputs, fetch = darshan.SOURCE.inputs, darshan.SOURCE.fetch

    def counted(options: darshan.Options, day: Day) -> Any:
        requested.append(day)
        return inputs(options, day)

    def silent(*given: Any) -> Fetched:
        return Fetched(fetch(*given).counts)

    monkeypatch.setattr(darshan.SOURCE, "inputs", counted)
    if not says:
        monkeypatch.setattr(darshan.SOURCE, "fetch", silent)
    assert night(tmp_path) == COMPLETE
    assert len(requested) == times


def test_a_log_that_comes_before_the_fetch_lists_the_logs_is_for_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_days(tmp_path, [DATE])
    fetch = darshan.SOURCE.fetch
    log = next((tmp_path / f"darshan/{DATE}").iterdir())

    def late(*given: Any) -> Fetched:
        shutil.copy(log, log.with_name("late.darshan"))
        return fetch(*given)

    monkeypatch.setattr(darshan.SOURCE, "fetch", late)
    assert night(tmp_path) == FAILED
    monkeypatch.undo()
    assert night(tmp_path) == COMPLETE


@pytest.mark.parametrize("instance", ["home", "darshan"])
def test_fingerprints_hold_the_meaning_only_once_it_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: str
) -> None:
    path = write_days(tmp_path, [DATE])
    assert night(tmp_path) == COMPLETE
    task = Build(date=DATE, instance=instance, site=str(path))
    raw = task.raw()
    assert raw is not None
    made_of = [task.where.options.made_of(), "UTC", "nan", schemas.SCHEMA_VERSION]
    assert task.fingerprint() == derived(raw.fingerprint, *made_of)
    assert task.up_to_date()
    monkeypatch.setattr(lmt.Lmt, "version", 2)
    meaning = sources.meaning(lmt.SOURCE)
    if instance == "home":
        assert task.fingerprint() == derived(raw.fingerprint, *made_of, meaning)
        assert not task.up_to_date(), "stale: it was made by another parser"
    else:
        assert task.fingerprint() == derived(raw.fingerprint, *made_of)
        assert task.up_to_date()
