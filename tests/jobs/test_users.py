"""Users are told apart by their uids, wherever who did what is shown."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydantic
import pytest

from archive_tools.cli.main import main as archive_main
from archive_tools.cli.pytokio.darshan_scoreboard import darshan_scoreboard
from archive_tools.jobs import scoreboards, users
from pipeline.cli.main import main
from pipeline.sources import darshan
from tests.support import paths

TOTAL = 201326592
TWO = [
    "jonathan_fpp_id2001-1_11-22-28166-2001_1.darshan",
    "jonathan_fpp_id2002-1_11-22-28166-2002_1.darshan",
]
DATE = "2026-11-22"
Site = Callable[..., Path]


def test_what_users_are_called() -> None:
    found = users.shown_users([(1, "a"), (2, "a"), (3, "b"), (3, "c"), (0, None), (4, "")])
    assert [*found.values()] == ["a (1)", "a (2)", "b", "c", "0", "4"]
    found = users.shown_users([(None, "a"), (-1, "a"), (7, "a"), (None, None), (-1, "")])
    assert [*found.values()] == ["a", "a", "a (7)", "", ""]


def index_of(path: Path, logs: list[tuple[int | None, str | None]]) -> Path:
    """An index as pytokio's, of logs of which the n-th moved 10 to the n bytes."""
    connection = sqlite3.connect(path)
    connection.executescript(
        """CREATE TABLE headers (log_id INTEGER PRIMARY KEY, filename CHAR UNIQUE, exename CHAR,
               uid INTEGER, username CHAR);
           CREATE TABLE mounts (fs_id INTEGER PRIMARY KEY, mountpt CHAR UNIQUE, fsname CHAR);
           CREATE TABLE summaries (log_id INTEGER, fs_id INTEGER, bytes_read INTEGER,
               bytes_written INTEGER);
           INSERT INTO mounts VALUES (1, '/s', 's');"""
    )
    for n, (uid, name) in enumerate(logs):
        connection.execute("INSERT INTO headers VALUES (?, ?, 'x', ?, ?)", (n, f"{n}", uid, name))
        connection.execute("INSERT INTO summaries VALUES (?, 1, ?, 0)", (n, 10**n))
    connection.commit()
    connection.close()
    return path


def test_users_of_an_index(tmp_path: Path) -> None:
    """Without a uid, or with one below 0, users go by their names; 0 is a uid."""
    logs = [(1, "a"), (2, "a"), (1, "a"), (None, "a"), (-1, "a"), (0, "root"), (None, None)]
    found = scoreboards.scoreboard([index_of(tmp_path / "i.db", logs)], "user")
    assert [(score.name, score.uid, score.logs, score.read) for score in found] == [
        ("", None, 1, 10**6),
        ("root", 0, 1, 10**5),
        ("a", None, 2, 11_000),
        ("a", 1, 2, 101),
        ("a", 2, 1, 10),
    ]


def test_the_old_tool_has_a_row_for_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And all of a name in one row where its uid is one, or none is known."""
    logs: list[Any] = [(1, "a"), (2, "a"), (3, "b"), (None, "c"), (-1, "c"), (4, None), (5, "")]
    index = index_of(tmp_path / "i.db", logs)
    capsys.readouterr()
    assert darshan_scoreboard([str(index), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert sorted((row[3], row[0], row[2]) for row in found["per_user"]) == [
        ("", 1_100_000, 2),
        ("a (1)", 1, 1),
        ("a (2)", 10, 1),
        ("b", 100, 1),
        ("c", 11_000, 2),
    ]
    assert "a (2)|x|s" in {row[3] for row in found["per_user_exe_fs"]}


@pytest.mark.system
def test_two_users_of_one_name(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """In scoreboards, tables of jobs, a job's neighbours and the report."""
    (tmp_path / "logs").mkdir()
    for name in TWO:
        shutil.copy(paths.cases("darshan") / name, tmp_path / "logs")
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, mount_to_fsname={"^/scratch": "scratch"})
    assert main(["nightly", "--date", DATE]) == 0
    archive = tmp_path / "archive"

    def shown(*command: str) -> str:
        capsys.readouterr()
        assert archive_main([*command]) == 0
        return capsys.readouterr().out

    index = str(archive / f"2026/{DATE}/darshan_index.sqlite")
    board = json.loads(shown("scoreboard", index, "--json"))
    assert [(row["name"], row["uid"], row["written"]) for row in board["user"]] == [
        ("jonathan", 2001, TOTAL),
        ("jonathan", 2002, TOTAL),
    ]
    assert "uid" not in board["exe"][0]
    in_days = ("--archive", str(archive))
    page = (archive / f"2026/{DATE}/report.html").read_text()
    for text in (shown("scoreboard", index), shown("jobs", DATE, *in_days), page):
        assert "jonathan (2001)" in text
        assert "jonathan (2002)" in text
    assert "jonathan" in shown("job", "2001", *in_days)


def test_names_in_site_json(tmp_path: Path) -> None:
    """They count before the file's, and either makes the same product."""
    (tmp_path / "passwd").write_text("one:x:1:1:::\ntwo:x:2:2:::\n")
    file = darshan.Options(kind="darshan", logs="logs", passwd=str(tmp_path / "passwd"))
    both = file.model_copy(update={"users": {"2": "second", "3": "third"}})
    assert both.names_by_uid() == {1: "one", 2: "second", 3: "third"}
    alone = darshan.Options(kind="darshan", logs="logs", users={"2001": "jonathansmith"})
    assert alone.names_by_uid() == {2001: "jonathansmith"}
    assert alone.made_of() == both.made_of() == file.made_of()
    assert alone.made_of() != darshan.Options(kind="darshan", logs="logs").made_of()


@pytest.mark.parametrize(
    "names", [{"x": "a"}, {"-1": "a"}, {"1": ""}, {"1": "a\x1b[1m"}, {"01": "a"}]
)
def test_what_is_not_a_map_of_users(names: dict[str, str]) -> None:
    with pytest.raises(pydantic.ValidationError):
        darshan.Options(kind="darshan", logs="logs", users=names)


@pytest.mark.system
def test_names_of_site_json_complete_those_of_logs(tmp_path: Path, site: Site) -> None:
    """A name that was cut is completed, and one that the log's name does not tell is known."""
    (tmp_path / "logs").mkdir()
    shutil.copy(paths.cases("darshan") / TWO[0], tmp_path / "logs")
    shutil.copy(paths.cases("darshan") / TWO[1], tmp_path / "logs/copy.darshan")
    names = {"2001": "jonathansmith", "2002": "jonathanmiller"}
    site({"darshan": {"kind": "darshan", "logs": "logs", "users": names}})
    assert main(["nightly", "--date", DATE]) == 0
    with sqlite3.connect(tmp_path / f"archive/2026/{DATE}/darshan_index.sqlite") as index:
        query = "SELECT uid, username FROM headers ORDER BY uid"
        assert index.execute(query).fetchall() == [(2001, names["2001"]), (2002, names["2002"])]
