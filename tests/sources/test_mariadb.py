"""The LMT source against a real MariaDB server, started on a socket in a temporary folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import archive_tools
from pipeline.building.run_context import current
from pipeline.cli.main import COMPLETE, FAILED, PARTIAL, main
from pipeline.processes import own_environment
from pipeline.sources._shared.sql_database import Database
from pipeline.sources.lmt.database import copy_series, cut
from tests.support.mariadb import PASSWORD, Server
from tests.support.nights import DATE, lmt_db
from tests.support.paths import needed
from tests.support.secret_text import all_text, holds

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not shutil.which("mariadb-install-db") or not (
        shutil.which("mariadbd") or Path("/usr/sbin/mariadbd").exists()
    ):
        needed("MariaDB (Debian: mariadb-server)")
    running = Server(tmp_path_factory.mktemp("my"))
    running.sql(
        f"CREATE USER 'reader'@'localhost' IDENTIFIED BY '{PASSWORD}'; GRANT SELECT ON *.* TO"
        " 'reader'@'localhost';"
    )
    yield running
    running.process.terminate()
    running.process.wait(30)


ZONE = {"timezone": "America/Los_Angeles"}


def source(server: Server, database: str, **keys: str) -> dict[str, object]:
    return {
        "kind": "lmt",
        "database": f"mysql://reader@localhost/{database}?socket={server.socket}",
        "password_env": "LMT_PASSWORD",
        **keys,
    }


def test_the_same_database_gives_the_same_datasets(
    server: Server, real: Path, site, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    copy = real / "lmt/snx11025_2018-01-28.sqlite3"
    server.load("filesystem_edison", copy)
    monkeypatch.setenv("LMT_PASSWORD", PASSWORD)
    sources = {
        "live": source(server, "filesystem_edison"),
        "copy": {"kind": "lmt", "database": f"sqlite:///{copy.absolute()}"},
    }
    path = site(sources, **ZONE)
    assert main(["nightly", "--date", "2018-01-28"]) == PARTIAL
    folder = path.parent / "archive/2018/2018-01-28"
    with (
        archive_tools.open_tts(folder / "live.hdf5") as live,
        archive_tools.open_tts(folder / "copy.hdf5") as kept,
    ):
        assert live.datasets() == kept.datasets()
        assert len(live.datasets()) == 21
        for name in live.datasets():
            assert live.columns(name) == kept.columns(name)
            np.testing.assert_array_equal(live.to_numpy(name), kept.to_numpy(name), err_msg=name)
    everything = "".join(p.read_text() for p in (path.parent / "archive/receipts").rglob("*.json"))
    assert PASSWORD not in everything


def test_late_rows_of_a_server_are_seen(
    server: Server, real: Path, site, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    server.load("filesystem_late", real / "lmt/snx11025_2018-01-28.sqlite3")
    monkeypatch.setenv("LMT_PASSWORD", PASSWORD)
    path = site(
        {"live": source(server, "filesystem_late")}, **ZONE, late_days=10**5, raw_days=10**5
    )
    main(["nightly", "--date", "2018-01-28"])
    server.sql(
        "USE filesystem_late; INSERT INTO TIMESTAMP_INFO VALUES (8921959, '2018-01-28 00:05:05');"
        " INSERT INTO OST_DATA SELECT OST_ID, 8921959, READ_BYTES + 7, WRITE_BYTES, PCT_CPU, 1, 1,"
        " 1, 1 FROM OST_DATA WHERE TS_ID = 8921958;"
    )

    current().answers.forget()
    main(["nightly", "--date", "2018-01-28"])
    with archive_tools.open_tts(path.parent / "archive/2018/2018-01-28/live.hdf5") as tts:
        assert (tts.to_numpy("datatargets/readbytes")[60] == 7).all()


def test_rows_that_came_before_the_name_of_their_target_are_of_it_once_it_is_named(
    server: Server, tmp_path: Path, site, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    lmt_db(tmp_path / "lmt.db")
    server.load("filesystem_named", tmp_path / "lmt.db")
    server.sql(
        "USE filesystem_named; CREATE TABLE LATER AS SELECT * FROM OST_INFO;"
        " DELETE FROM OST_INFO WHERE OST_ID = (SELECT MAX(OST_ID) FROM LATER);"
        " CREATE TABLE LAST AS SELECT * FROM OST_DATA"
        " WHERE TS_ID = (SELECT MAX(TS_ID) FROM OST_DATA);"
        " DELETE FROM OST_DATA WHERE TS_ID = (SELECT MAX(TS_ID) FROM LAST);"
    )
    monkeypatch.setenv("LMT_PASSWORD", PASSWORD)
    copy = {"kind": "lmt", "database": f"sqlite:///{tmp_path / 'lmt.db'}", "timezone": "UTC"}
    sources = {"live": source(server, "filesystem_named", timezone="UTC"), "copy": copy}
    path = site(sources, late_days=10**5, raw_days=10**5)
    main(["nightly", "--date", DATE])
    folder = path.parent / f"archive/{DATE[:4]}/{DATE}"
    with archive_tools.open_tts(folder / "live.hdf5") as live:
        lacking = len(live.columns("datatargets/readbytes"))
    server.sql(
        "USE filesystem_named; DELETE FROM OST_INFO; INSERT INTO OST_INFO SELECT * FROM LATER;"
        " INSERT INTO OST_DATA SELECT * FROM LAST;"
    )
    current().answers.forget()
    main(["nightly", "--date", DATE])
    with (
        archive_tools.open_tts(folder / "live.hdf5") as live,
        archive_tools.open_tts(folder / "copy.hdf5") as right,
    ):
        assert live.columns("datatargets/readbytes") == right.columns("datatargets/readbytes")
        assert len(live.columns("datatargets/readbytes")) == lacking + 1
        for name in right.datasets():
            np.testing.assert_array_equal(live.to_numpy(name), right.to_numpy(name), err_msg=name)


@pytest.mark.parametrize("engine", ["InnoDB", "MyISAM"])
@pytest.mark.parametrize("piece", [100, 500_000])
def test_all_rows_of_the_day_are_read_once_whatever_their_ids(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, piece: int
) -> None:
    lmt_db(tmp_path / "lmt.db")
    name = f"filesystem_ids_{engine}_{piece}"
    server.load(name, tmp_path / "lmt.db")
    server.sql(
        f"USE {name}; UPDATE OST_INFO SET OST_ID = OST_ID + 3 ORDER BY OST_ID DESC LIMIT 1;"
        + "".join(
            f"INSERT INTO OST_DATA SELECT {new}, TS_ID, 1, 1, 1, 1, 1, 1, 1 FROM TIMESTAMP_INFO;"
            for new in (-4, 1000)
        )
        + f"ALTER TABLE OST_DATA ENGINE = {engine};"
    )
    monkeypatch.setattr("pipeline.sources.lmt.database.PIECE", piece)
    url = f"mysql://reader@localhost/{name}?socket={server.socket}"
    database = Database.mysql(url, PASSWORD)
    low, high = (database.scalar(f"SELECT {f}(TS_ID) FROM TIMESTAMP_INFO") for f in ("MIN", "MAX"))
    pieces = cut(database, "OST_DATA", low + 1, high - 1)
    assert ("FORCE INDEX" in pieces.source) == (engine == "InnoDB")
    assert (len(pieces.conditions) > 2) == (piece == 100)
    with ThreadPoolExecutor(2) as readers:
        count = copy_series(database, "OST_DATA", pieces, tmp_path, readers)
    found = pq.read_table(tmp_path / "OST_DATA.parquet")
    right = database.read(
        f"SELECT OST_ID, TS_ID FROM OST_DATA WHERE TS_ID BETWEEN {low + 1} AND {high - 1}"
    )
    assert count == found.num_rows == right.num_rows > 500
    pairs = [
        set(zip(*(one.column(n).to_pylist() for n in (0, 1)), strict=True))
        for one in (found, right)
    ]
    assert pairs[0] == pairs[1]
    assert len(pairs[0]) == count


def test_a_wrong_password_is_an_error_without_the_password(  # type: ignore[no-untyped-def]
    server: Server, site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = "wr0ng s/e+c'r%41et<&>"
    monkeypatch.setenv("LMT_PASSWORD", wrong)
    path = site({"live": source(server, "filesystem_edison")}, **ZONE)
    assert main(["nightly", "--date", "2018-01-28"]) == FAILED
    shown = capsys.readouterr()
    assert "Access denied" in shown.out
    assert not holds(shown.out + shown.err + all_text(path.parent), wrong)
    own_environment.forget()
    assert main(["nightly", "--date", "2018-01-28"]) == FAILED
    assert "LMT_PASSWORD is not set" in capsys.readouterr().out


def test_the_clock_of_a_server_is_compared_in_the_sources_zone(  # type: ignore[no-untyped-def]
    server: Server,
    tmp_path: Path,
    site,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The server's NOW() is UTC's here: read in another zone it is hours off, as its stamps are."""
    lmt_db(tmp_path / "lmt.db")
    server.load("filesystem_clock", tmp_path / "lmt.db")
    server.sql("SET GLOBAL time_zone = '+00:00'")
    monkeypatch.setenv("LMT_PASSWORD", PASSWORD)
    keys = source(server, "filesystem_clock", timezone="UTC")
    site({"utc": keys, "tokyo": {**keys, "timezone": "Asia/Tokyo"}})
    assert main(["check-config", "--ask", DATE]) == COMPLETE
    utc, tokyo = capsys.readouterr().out.split("tokyo: lmt, 2026-11-22")
    assert "clock: as here" in utc
    assert "OST_DATA 290" in utc
    assert "clock: 9 h behind this machine's; is timezone right?" in tokyo
    assert PASSWORD not in utc + tokyo
