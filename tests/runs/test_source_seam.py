"""How the tasks call a source: what a fetch saw, and what its figures mean."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from archive_tools import schemas
from archive_tools.core.day import Day
from archive_tools.store.receipts import derived
from pipeline.building.run_context import current
from pipeline.cli.main import COMPLETE, FAILED, PARTIAL, main
from pipeline.sources import darshan, lmt
from pipeline.sources import registry as sources
from pipeline.sources._shared import file_copies
from pipeline.sources.contract import Fetched
from pipeline.tasks.build import Build
from tests.support.small_days import write_days

pytestmark = pytest.mark.system

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
    before = file_copies.inputs([path])
    assert file_copies.copy([path], folder).inputs == before
    copyfile = shutil.copyfile

    def growing(source: Path, target: Path) -> None:
        copyfile(source, target)
        path.write_text("1\n2\n")

    monkeypatch.setattr(shutil, "copyfile", growing)
    assert file_copies.copy([path], folder).inputs != before


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
    if instance == "darshan":  # its figures are not those of the first archives
        made_of.append(sources.meaning(darshan.SOURCE))
        assert made_of[-1]
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


def test_a_source_with_a_fault_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where it is archived and young, and where it ends the process."""
    today = dt.date.today() - dt.timedelta(days=1)
    path = write_days(tmp_path, [today])
    arguments = ["--site", str(path), "--date", str(today)]
    assert main(["nightly", *arguments]) == COMPLETE
    for error in (KeyError("boom"), SystemExit(0)):
        current().answers.forget()

        def broken(options: Any, day: Day, error: BaseException = error) -> Any:
            raise error

        monkeypatch.setattr(darshan.SOURCE, "inputs", broken)
        capsys.readouterr()
        assert main(["nightly", *arguments]) == COMPLETE, "what is archived remains"
        assert main(["status", "--site", str(path)]) != 2
        assert "home" in capsys.readouterr().out


def test_a_kind_that_is_not_installed_fails_its_instance_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_days(tmp_path, [DATE])
    content = json.loads(path.read_text())
    content["sources"]["objects"] = {"kind": "objstore", "files": "x"}
    path.write_text(json.dumps(content))
    assert main(["check-config", "--site", str(path)]) == 2
    said = capsys.readouterr().err
    assert "sources: objects: source kind 'objstore' is not known" in said
    assert "installed?" in said
    assert night(tmp_path) == FAILED
    shown = capsys.readouterr().out
    assert "objects          failed" in shown
    assert f"{DATE}  home             complete" in shown


def test_status_names_days_that_were_made_with_other_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also of days that no source is queried for; not where they cannot be made again."""
    path = write_days(tmp_path, [DATE])
    assert night(tmp_path) == COMPLETE
    days = ["--site", str(path), "--start", str(DATE), "--stop", str(DATE), "--no-ask"]
    assert main(["status", *days]) == COMPLETE
    content = json.loads(path.read_text())
    content["sources"]["home"]["timestep"] = 1200
    path.write_text(json.dumps(content))
    capsys.readouterr()
    assert main(["status", *days]) == PARTIAL
    assert "home: stale, made with other keys" in capsys.readouterr().out
    for raw in (tmp_path / "archive" / "raw").rglob("home.*"):
        shutil.rmtree(raw)
    assert main(["status", *days]) == COMPLETE, "there is nothing to make it from"


def test_inputs_that_differ_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_days(tmp_path, [DATE])
    fetch = darshan.SOURCE.fetch

    def other(*given: Any) -> Fetched:
        return Fetched(fetch(*given).counts, {"lines": 1})

    monkeypatch.setattr(darshan.SOURCE, "fetch", other)
    assert night(tmp_path) == FAILED
    failures = [path.read_text() for path in tmp_path.rglob("*.failed.json")]
    assert any("changed while they were read: files, lines, names" in text for text in failures)
