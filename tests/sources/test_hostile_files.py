"""Files from outside that are small, or plain, and want much: of SQLite, JSON, text and tar."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import gc
import lzma
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from archive_tools.core.errors import SourceError, Unreachable
from pipeline.sources import lmt
from pipeline.sources._shared import source_files, sqlite_checks
from pipeline.sources._shared.sql_database import Database
from pipeline.sources.lmt.tables import TABLES
from pipeline.sources.slurm import lines
from tests.support.lmt_source import UTC, options
from tests.support.lmtdb import LmtDb
from tests.support.read_alone import read_alone

START = dt.datetime(2026, 11, 22)


def database(tmp_path: Path, *statements: str) -> Path:
    """A small LMT database that somebody has changed."""
    db = LmtDb(tmp_path / "lmt.sqlite3")
    for number, stamp in enumerate(db.stamps([START, START + dt.timedelta(seconds=5)])):
        db.ost(stamp, 1, number)
    for statement in statements:
        db.execute(statement)
    db.connection.close()
    return db.path


# SQLite


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (
            (
                "DROP TABLE OST_DATA",
                "CREATE VIEW OST_DATA AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1"
                " FROM c) SELECT 1 AS OST_ID, n AS TS_ID, n AS READ_BYTES, n AS WRITE_BYTES, 0.0 AS"
                " PCT_CPU, n AS KBYTES_FREE, n AS KBYTES_USED, n AS INODES_FREE, n AS INODES_USED"
                " FROM c",
            ),
            "OST_DATA is a view, not a table",
        ),
        (
            ("DROP TABLE OST_INFO", "CREATE VIRTUAL TABLE OST_INFO USING fts5(OST_ID, OST_NAME)"),
            "OST_INFO is a virtual table",
        ),
        (
            (
                "DROP TABLE OST_INFO",
                "CREATE TABLE OST_INFO (OST_ID, HOSTNAME, OST_NAME AS (hex(zeroblob(400000000))))",
                "INSERT INTO OST_INFO VALUES (1, 'oss0')",
            ),
            "column OST_NAME of OST_INFO is computed, not stored",
        ),
        (
            ("UPDATE OST_INFO SET OST_NAME = hex(zeroblob(40000))",),
            "a text or row is larger than 65,536 bytes",
        ),
    ],
    ids=["an endless view", "a virtual table", "a computed column", "a long name"],
)
def test_an_sqlite_file_that_is_a_program_is_refused(
    statements: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    path = database(tmp_path, *statements)
    (tmp_path / "raw").mkdir()
    with pytest.raises(SourceError, match=reason) as caught:
        lmt.SOURCE.fetch(options(path), UTC, tmp_path / "raw")
    assert str(path) in str(caught.value)


def test_a_trigger_or_another_view_does_no_harm(tmp_path: Path) -> None:
    path = database(
        tmp_path,
        "CREATE VIEW MINE AS SELECT 1",
        "CREATE TRIGGER T AFTER INSERT ON OST_DATA BEGIN SELECT 1; END",
    )
    (tmp_path / "raw").mkdir()
    assert lmt.SOURCE.fetch(options(path), UTC, tmp_path / "raw").counts["OST_DATA"] == 2


def test_an_sqlite_file_is_only_read(tmp_path: Path) -> None:
    """Also where the account may write the file: a journal beside it is not rolled back."""
    path = database(tmp_path)
    assert Database.sqlite(path).url.endswith("lmt.sqlite3%3Fmode%3Dro")
    opened = sqlite3.connect(sqlite_checks.uri(path), uri=True)
    with contextlib.closing(opened), pytest.raises(sqlite3.OperationalError, match="readonly"):
        opened.execute("DELETE FROM OST_DATA")


def test_more_rows_than_a_file_can_hold_are_damage(tmp_path: Path) -> None:
    """A damaged page may name the same page again and again."""
    found = Database.sqlite(database(tmp_path))
    assert found.select("OST_DATA", TABLES["OST_DATA"]).num_rows == 2
    few = dataclasses.replace(found, most_rows=1)
    with pytest.raises(SourceError, match="OST_DATA gives more than 1 rows, which a file of its"):
        few.select("OST_DATA", TABLES["OST_DATA"])


def test_looking_at_an_sqlite_file_takes_its_time_at_most(tmp_path: Path) -> None:
    path = database(
        tmp_path,
        "INSERT INTO OST_INFO SELECT 9 + value, 1, 'x', 'y', 0, 'z'"
        " FROM (WITH RECURSIVE c(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM c"
        " WHERE value < 60000) SELECT value FROM c)",
    )
    sqlite_checks.check_tables(path, TABLES, 60.0)
    with pytest.raises(Unreachable, match="raise ask_seconds"):
        sqlite_checks.check_tables(path, TABLES, 0.0)


# JSON and text


def a_list(path: Path) -> None:
    """60 MB: a value takes two bytes here, and some 80 as an object."""
    path.write_bytes(b"[" + b"0," * 30_000_000 + b"0]")


def lists(path: Path) -> None:
    path.write_bytes(b"[" + b"[]," * 20_000_000 + b"[]]")


def deep(path: Path) -> None:
    path.write_bytes(b"[" * 100_000)


def objects(path: Path) -> None:
    path.write_bytes(b'{"a":' * 100_000)


@pytest.mark.system
@pytest.mark.parametrize("kind", ["prometheus", "slurm"])
@pytest.mark.parametrize("make", [a_list, lists, deep, objects])
def test_json_of_nothing_takes_no_more_than_its_text(
    kind: str, make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / "a.json")
    said, megabytes = read_alone(kind, tmp_path / "a.json")
    assert "a.json" in said
    assert megabytes < 500


def test_json_of_jobs_has_a_limit_that_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    content = b'{"1": {"jobid": "1", "x": "%s"}}' % (b"x" * 2**20)
    (tmp_path / "a").write_bytes(content)
    with (tmp_path / "a").open("rb") as stream:
        assert list(lines.rows(stream, said.append, 2**20) or ()) == []
    assert said == [
        "is refused: JSON of more than 1 MiB; to do: raise max_expanded_mb of the source, of which"
        " JSON may have one part in 16, or save several files"
    ]
    with (tmp_path / "a").open("rb") as stream:
        (row,) = lines.rows(stream, said.append, 2**21) or ()
    assert row["jobid"] == "1"


@pytest.mark.parametrize(
    ("text", "jobs", "problem"),
    [
        (b'{"1": {"jobid": 1}, "2" : {"jobid": 2}}\n', ["1", "2"], ""),
        (b'[{"jobid": 1},\n {"jobid": 2} ]', ["1", "2"], ""),
        (b"{}", [], ""),
        (b" [ ] ", [], ""),
        (b'[{"jobid": 1}, 7]', ["1"], "job 2: has no jobidraw"),
        (b'{"1": {"jobid": 1}', ["1"], "is not JSON: expected , or }"),
        (b'[{"jobid": 1}] x', ["1"], "is not JSON: extra data"),
        (b'{7: {"jobid": 1}}', [], "is not JSON: expected a name and a colon"),
        (b"[" + b"0," * 5000 + b"0]", [], "the rest is not read: more than 1,000 are not jobs"),
    ],
)
def test_json_of_jobs_is_read_value_by_value(
    text: bytes, jobs: list[str], problem: str, tmp_path: Path
) -> None:
    said: list[str] = []
    (tmp_path / "a").write_bytes(text)
    with (tmp_path / "a").open("rb") as stream:
        assert [row["jobid"] for row in lines.rows(stream, said.append) or ()] == jobs
    assert (said[-1] if said else "").startswith(problem)
    assert bool(said) == bool(problem)


def csv_of_lines(path: Path) -> None:
    path.write_bytes(b"Row,Timestamp,a\n" + b"xy\n" * 3_000_000)


def legends(path: Path) -> None:
    path.write_bytes(b"Legend:\n" * 500_000 + b"x")


def columns(path: Path) -> None:
    names = b"".join(b" %d: nsd01|CPU|c%d\n" % (n, n) for n in range(1, 100_001))
    head = b"Row Timestamp " + b" ".join(b"c%d" % n for n in range(1, 100_001))
    path.write_bytes(
        b"Legend:\n" + names + b"\n" + head + b"\n1 2026-11-22-00:00:00" + b" 1" * 10**6
    )


def one_line(path: Path) -> None:
    path.write_bytes(b"Legend:\n 1: " + b"x" * 60_000_000)


@pytest.mark.system
@pytest.mark.parametrize("make", [csv_of_lines, legends, columns, one_line])
def test_text_of_mmperfmon_takes_a_few_times_its_size(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / "a.txt")
    said, megabytes = read_alone("mmperfmon", tmp_path / "a.txt")
    assert megabytes < 250 + 4 * (tmp_path / "a.txt").stat().st_size // 2**20
    assert "a.txt" in said or make is legends, said


# Compressed files and tarballs


def test_xz_takes_no_more_memory_than_is_usual(tmp_path: Path) -> None:
    """The header says how much is reserved: of 40 bytes here half a GiB."""
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**29}]
    (tmp_path / "a.xz").write_bytes(lzma.compress(b"some text\n" * 9, filters=filters))
    (tmp_path / "b.xz").write_bytes(lzma.compress(b"some text\n", preset=9) * 2)
    said: list[str] = []
    for name, text in (("a.xz", b""), ("b.xz", b"some text\n" * 2)):
        for member in source_files.members(
            tmp_path / name, name, 1000, lambda where, what: said.append(f"{where} {what}")
        ):
            assert source_files.content(member) == text
    assert [one[:30] for one in said] == ["a.xz breaks off: Memory usage "]


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_an_xz_file_that_breaks_off_is_said(cut: int, tmp_path: Path) -> None:
    (tmp_path / "a.xz").write_bytes(lzma.compress(bytes(range(256)) * 9)[:-cut])
    said: list[str] = []
    for member in source_files.members(
        tmp_path / "a.xz", "a.xz", 10_000, lambda where, what: said.append(f"{where} {what}")
    ):
        source_files.content(member)
    assert said == ["a.xz breaks off: the end is missing"]


def test_a_tarball_of_many_members_is_not_kept_in_memory(tmp_path: Path) -> None:
    block = tarfile.TarInfo("x/y").tobuf()
    (tmp_path / "a.tar").write_bytes(block * 3000 + bytes(1024))
    most = seen = 0
    for _ in source_files.members(tmp_path / "a.tar", "a.tar", 2**24, source_files.ignored):
        seen += 1
        if seen == 2900:
            most = sum(isinstance(one, tarfile.TarInfo) for one in gc.get_objects())
    assert seen == 3000
    assert 0 < most < 10


def test_headers_of_headers_cost_the_tarball(tmp_path: Path) -> None:
    """Each is read by a call within the one before it."""
    long = tarfile.TarInfo("././@LongLink")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 4
    block = long.tobuf(tarfile.GNU_FORMAT) + b"abc".ljust(512, b"\0")
    (tmp_path / "a.tar").write_bytes(block * 5000 + tarfile.TarInfo("x").tobuf() + bytes(1024))
    said: list[str] = []
    found = source_files.members(
        tmp_path / "a.tar", "a.tar", 2**24, lambda where, what: said.append(f"{where} {what}")
    )
    assert list(found) == []
    assert [one[:22] for one in said] == ["a.tar cannot be read: "]
