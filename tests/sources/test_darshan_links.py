"""Folders of logs are written by everybody: what links, pipes and folders in them cost."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from archive_tools.core import links
from archive_tools.core.day import Day
from archive_tools.core.vocabulary import RejectReason
from archive_tools.formats import darshan_tables
from pipeline.cli.main import COMPLETE, main
from pipeline.sources import darshan
from pipeline.sources.darshan import libdarshan
from pipeline.sources.darshan.listed_logs import Listed
from pipeline.sources.darshan.log_batches import BatchReader
from tests.support.darshan_source import options
from tests.support.nights import DATE, FOREVER, some_logs
from tests.support.paths import SITEDAY_LOGS

Site = Callable[..., Path]
DAY = Day(dt.date.fromisoformat(DATE))
LINK = str(RejectReason.LINK)


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everybody may enter; those of tests are closed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(sorted(SITEDAY_LOGS.iterdir())[3], folder / "open.darshan")
        (folder / "open.darshan").chmod(0o644)
        if not links.status_for_everybody(str(folder / "open.darshan")):
            pytest.skip("needs a temporary folder that everybody may enter")
        yield folder


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A log that not everybody may read."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return Path(shutil.copy(sorted(SITEDAY_LOGS.iterdir())[4], folder / "mine.darshan"))


def night(site: Site, logs: str = "logs", **keys: Any) -> int:
    site({"darshan": {"kind": "darshan", "logs": logs, **keys}}, **FOREVER)
    return main(["nightly", "--date", DATE])


def table(tmp_path: Path, name: str) -> dict[str, Any]:
    return darshan_tables.read_table(tmp_path / f"archive/2026/{DATE}/darshan.hdf5", name)


def reasons(tmp_path: Path) -> dict[str, str]:
    rejects = table(tmp_path, "rejects")
    return {
        name: reason.partition(":")[0]
        for name, reason in zip(rejects["filename"], rejects["reason"], strict=True)
    }


def test_a_link_to_a_private_log_is_rejected_and_nothing_of_it_is_archived(
    tmp_path: Path, site: Site, private: Path
) -> None:
    some_logs(tmp_path / "logs", 3)
    (tmp_path / "logs/x.darshan").symlink_to(private)
    (tmp_path / "logs/folder").symlink_to(private.parent)
    (tmp_path / "logs/nowhere").symlink_to(tmp_path / "nowhere")
    assert night(site) == COMPLETE
    assert reasons(tmp_path) == dict.fromkeys(["x.darshan", "folder", "nowhere"], LINK)
    rejects = table(tmp_path, "rejects")
    assert set(rejects["log_bytes"].tolist()) == {-1}, "neither what it is nor whether it is there"
    assert set(rejects["mtime_ns"].tolist()) == {0}
    assert len(table(tmp_path, "logs")["filename"]) == 3
    with sqlite3.connect(tmp_path / f"archive/2026/{DATE}/darshan_index.sqlite") as index:
        shown = str(index.execute("SELECT * FROM rejects").fetchall())
    assert str(private.stat().st_size) not in shown


def test_a_link_to_what_everybody_may_read_is_a_log(
    tmp_path: Path, site: Site, public: Path
) -> None:
    some_logs(tmp_path / "logs", 2)
    (tmp_path / "logs/x.darshan").symlink_to(public / "open.darshan")
    assert night(site) == COMPLETE
    assert "x.darshan" in table(tmp_path, "logs")["filename"].tolist()
    assert not reasons(tmp_path)


@pytest.mark.parametrize("closed", ["file", "folder"])
def test_one_closed_mode_on_the_way_closes_the_link(public: Path, closed: str) -> None:
    target = public / "deep/y.darshan"
    target.parent.mkdir(mode=0o755)
    target.touch(0o644)
    target.parent.chmod(0o755)
    (public / "x").symlink_to(target)
    assert links.status_for_everybody(str(public / "x"))
    target.chmod(0o640) if closed == "file" else target.parent.chmod(0o754)
    assert links.status_for_everybody(str(public / "x")) is None


def test_follow_links_follows_links_to_files_as_the_operator_says(
    tmp_path: Path, site: Site, private: Path
) -> None:
    some_logs(tmp_path / "logs", 2)
    (tmp_path / "logs/x.darshan").symlink_to(private)
    assert night(site) == COMPLETE
    assert reasons(tmp_path) == {"x.darshan": LINK}
    assert night(site, follow_links=True) == COMPLETE
    assert not reasons(tmp_path)
    assert "x.darshan" in table(tmp_path, "logs")["filename"].tolist()


def test_the_folder_that_the_site_names_may_be_a_link(tmp_path: Path, site: Site) -> None:
    some_logs(tmp_path / "elsewhere", 2)
    (tmp_path / "logs").symlink_to("elsewhere")
    assert night(site) == COMPLETE
    assert len(table(tmp_path, "logs")["filename"]) == 2


@pytest.mark.parametrize("pattern", ["logs/*", "logs/*/*.darshan", "logs/*.darshan", "logs/*/d"])
def test_a_pattern_enters_no_link(tmp_path: Path, site: Site, private: Path, pattern: str) -> None:
    """The links are in a folder that the site names, and were found by its pattern."""
    (private.parent / "d").mkdir()
    shutil.copy(private, private.parent / "d")
    (tmp_path / "logs/user01/d").mkdir(parents=True)
    log = some_logs(tmp_path / "logs/user01", 1)[0]
    shutil.copy(log, tmp_path / "logs/a.darshan")
    shutil.copy(log, tmp_path / "logs/user01/d/b.darshan")
    (tmp_path / "logs/folder").symlink_to(private.parent)
    (tmp_path / "logs/file.darshan").symlink_to(private)
    assert night(site, pattern) == COMPLETE
    assert private.name not in str(table(tmp_path, "logs")["filename"].tolist())
    assert set(reasons(tmp_path).values()) == {LINK}
    assert set(table(tmp_path, "rejects")["log_bytes"].tolist()) == {-1}


def test_a_link_into_a_closed_folder_fails_no_source(tmp_path: Path, site: Site) -> None:
    """Anyone can make one; a folder behind it is not the site's."""
    some_logs(tmp_path / "logs", 1)
    (tmp_path / "logs/user01").mkdir()
    some_logs(tmp_path / "logs/user01", 2)
    (tmp_path / "closed").mkdir(mode=0)
    (tmp_path / "logs/user02").symlink_to(tmp_path / "closed")
    assert night(site, "logs/*/*.darshan") == COMPLETE


def read(logs: Path, name: str, size: int, mtime_ns: int) -> BatchReader:
    reader = BatchReader(DAY.start, DAY.end, follow_links=False)
    reader.add(Listed(os.fsencode(logs), os.fsencode(name), size, mtime_ns, True), name)
    return reader


@pytest.mark.parametrize("swapped", ["file", "folder"])
def test_a_link_that_takes_the_place_of_a_listed_log_is_not_read(
    tmp_path: Path, private: Path, swapped: str
) -> None:
    """Also where size and time are those that were listed."""
    below = tmp_path / "logs/user01"
    below.mkdir(parents=True)
    log = below / private.name
    if swapped == "file":
        log.symlink_to(private)
    else:
        below.rmdir()
        below.symlink_to(private.parent)
    status = private.stat()
    found = read(tmp_path / "logs", f"user01/{log.name}", status.st_size, status.st_mtime_ns)
    assert not found.logs
    assert [row[-1].partition(":")[0] for row in found.rejects] == [LINK]


def test_a_log_whose_name_is_taken_while_it_is_read_is_read_to_its_end(
    tmp_path: Path, private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logs").mkdir()
    log = some_logs(tmp_path / "logs", 1)[0]
    whole = read(tmp_path / "logs", log.name, log.stat().st_size, log.stat().st_mtime_ns)
    real = libdarshan.read

    def swapping(path: Path, **how: Any) -> Any:
        status.append(log.stat())
        log.unlink()
        log.symlink_to(private)
        return real(path, **how)

    status: list[os.stat_result] = []
    monkeypatch.setattr(libdarshan, "read", swapping)
    found = read(tmp_path / "logs", log.name, log.stat().st_size, log.stat().st_mtime_ns)
    assert status
    assert found.logs == whole.logs


def test_pipes_sockets_devices_and_folders_named_like_logs_cost_nothing(
    tmp_path: Path, site: Site
) -> None:
    some_logs(tmp_path / "logs", 3)
    os.mkfifo(tmp_path / "logs/pipe.darshan")
    (tmp_path / "logs/folder.darshan").mkdir()
    for name, target in (("tty", "/dev/zero"), ("to_pipe", "pipe.darshan"), ("me", "me")):
        (tmp_path / f"logs/{name}.darshan").symlink_to(target)
    assert night(site) == COMPLETE
    assert set(reasons(tmp_path).values()) == {LINK}
    assert len(table(tmp_path, "logs")["filename"]) == 3


def test_a_hard_link_is_a_file(tmp_path: Path) -> None:
    logs = some_logs(tmp_path / "logs", 1)
    os.link(logs[0], tmp_path / "logs/again.darshan")
    found = darshan.SOURCE.inputs(options(tmp_path / "logs"), DAY)
    assert found["files"] == 2
