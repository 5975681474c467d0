"""Days that no single fetch saw whole: sources that forget, hourly runs, logs that are purged."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import archive_tools
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import Product
from archive_tools.store.receipts import Receipts
from pipeline.building import pieces
from pipeline.building.run_context import current
from pipeline.cli.main import COMPLETE, FAILED, PARTIAL, main
from pipeline.sources import collectd, lmt
from pipeline.testing.contract import assert_same, built, grids
from tests.support.collectd_day import as_document, disk
from tests.support.essearch import State, hits, serving
from tests.support.lmt_hours import DAY, STEP, at, lmt_day, lmt_keys, seen_of
from tests.support.mariadb import Server
from tests.support.nights import DATE, FOREVER, some_logs
from tests.support.paths import SITEDAY_LOGS, needed
from tests.support.prometheus_server import filled, started
from tests.support.waiting import PATIENCE

Site = Callable[..., Path]
WINDOWS = ((0, 22), (1, 25), (3, 25))
"""Hours of the day that a source has when it is asked: at 22:00, and twice after midnight."""


def night() -> int:
    current().answers.forget()
    return main(["nightly", "--date", DATE])


def cells(file: Path) -> dict[str, tuple[list[str], Any]]:
    with archive_tools.open_tts(file) as tts:
        return {name: (list(tts.columns(name)), tts.to_numpy(name)) for name in tts.datasets()}


def assert_equal(one: Path, other: Path) -> None:
    first, second = cells(one), cells(other)
    assert first.keys() == second.keys()
    for name, (columns, values) in first.items():
        assert columns == second[name][0], name
        np.testing.assert_array_equal(values, second[name][1], err_msg=name)


@pytest.fixture(scope="module")
def whole_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lmt") / "whole.db"
    lmt_day(path).connection.close()
    return path


@pytest.mark.system
def test_a_database_that_forgets(
    tmp_path: Path, site: Site, whole_db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked at 22:00, after midnight and later: each fetch adds what is new, and none takes
    away.
    """
    live = tmp_path / "live.db"
    site({"fs": lmt_keys(live), "undisturbed": lmt_keys(whole_db)}, **FOREVER)
    folder = tmp_path / f"archive/2026/{DATE}"
    for hours in WINDOWS:
        seen_of(whole_db, live, *hours)
        code = night()
        assert code == (PARTIAL if hours == WINDOWS[0] else COMPLETE)
    assert "fs               complete" in capsys.readouterr().out
    assert_equal(folder / "fs.hdf5", folder / "undisturbed.hdf5")
    receipts = Receipts(tmp_path / "archive").day(DAY.date)
    receipt = receipts.good("fs", Product.RAW)
    assert receipt
    content = receipts.content(receipt)
    assert [one["name"] for one in content["pieces"]] == ["piece-0001", "piece-0002"]
    assert [one["span"] for one in content["pieces"]] == [
        [DAY.start, DAY.start + 22 * 3600 - 60],
        [DAY.start + 3600, DAY.end],
    ]
    assert [one["counts"]["OSS_DATA"] for one in content["pieces"]] == [22 * 60, 23 * 60 + 1]
    with h5py.File(folder / "fs.hdf5") as file:
        assert file.attrs["inputs_fingerprint"] == receipt.fingerprint
    live.unlink()
    assert main(["rebuild", "--all", "--start", DATE, "--stop", DATE]) == COMPLETE
    assert_equal(folder / "fs.hdf5", folder / "undisturbed.hdf5")


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    windows=st.lists(
        st.tuples(st.floats(0, 24.0), st.floats(0.1, 24.2)).filter(lambda w: w[0] < w[1]),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_hours_a_database_shows(
    whole_db: Path, tmp_path_factory: pytest.TempPathFactory, windows: list[tuple[float, float]]
) -> None:
    """The union of some hours is what a database that shows just these hours gives."""
    folder = tmp_path_factory.mktemp("windows")
    keys = lmt.Options.model_validate(lmt_keys(folder / "live.db") | {"timezone": "UTC"})
    held: list[Path] = []
    for number, window in enumerate(windows):
        seen_of(whole_db, folder / "live.db", *window)
        held += fetched(lmt.SOURCE, keys, folder / f"piece-{number}", held)
    together = folder / "together.db"
    seen_of(whole_db, together, 0, 25)
    shown = [n for n in range(1441) if not any(int(a * 60) <= n < int(b * 60) for a, b in windows)]
    import sqlite3

    with sqlite3.connect(together) as connection:
        for table in ("TIMESTAMP_INFO", "OST_DATA", "OSS_DATA", "MDS_OPS_DATA"):
            connection.executemany(
                f"DELETE FROM {table} WHERE TS_ID = ?", [(100 + n,) for n in shown]
            )
    connection.close()
    if not held:
        return
    whole = built(keys.model_copy(update={"database": f"sqlite://{together}"}), DAY, folder / "w")
    found = pieces.samples(lmt.SOURCE, keys, DAY, held[::-1], Findings())
    assert_same(whole, grids(keys, DAY, list(found)))


def fetched(source: Any, keys: Any, folder: Path, held: list[Path]) -> list[Path]:
    """A new piece, if there is anything new."""
    folder.mkdir()
    try:
        source.fetch_new(keys, DAY, folder, held)
    except archive_tools.core.errors.NoData:
        return []
    return [folder]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not shutil.which("mariadb-install-db"):
        needed("MariaDB (Debian: mariadb-server)")
    running = Server(tmp_path_factory.mktemp("my"))
    running.sql("CREATE USER 'reader'@'localhost'; GRANT SELECT ON *.* TO 'reader'@'localhost';")
    yield running
    running.process.terminate()
    running.process.wait(30)


@pytest.mark.server
def test_a_server_whose_rows_are_deleted(
    server: Server, tmp_path: Path, site: Site, whole_db: Path
) -> None:
    """A real MariaDB: rows come until the day's end, and those of the first hours are deleted."""
    upto, live = tmp_path / "upto.db", "fs_live"
    seen_of(whole_db, upto, 0, 22)
    server.load(live, upto)
    keys = {"kind": "lmt", "timestep": STEP, "password_env": ""}
    url = f"mysql://reader@localhost/{live}?socket={server.socket}"
    site({"fs": keys | {"database": url}, "undisturbed": lmt_keys(whole_db)}, **FOREVER)
    assert night() == PARTIAL
    seen_of(whole_db, upto, 22, 25)
    server.load("rest", upto)
    tables = ("TIMESTAMP_INFO", "OST_DATA", "OSS_DATA", "MDS_OPS_DATA")
    server.sql(";".join(f"INSERT INTO {live}.{one} SELECT * FROM rest.{one}" for one in tables))
    for hour in (1, 3):
        server.sql(
            ";".join(f"DELETE FROM {live}.{one} WHERE TS_ID < {100 + hour * 60}" for one in tables)
        )
        assert night() == COMPLETE
    folder = tmp_path / f"archive/2026/{DATE}"
    assert_equal(folder / "fs.hdf5", folder / "undisturbed.hdf5")
    server.sql(f"DELETE FROM {live}.OST_DATA; DELETE FROM {live}.TIMESTAMP_INFO")
    assert night() == COMPLETE, "what was once seen stays"
    assert_equal(folder / "fs.hdf5", folder / "undisturbed.hdf5")


def exported(first: float, last: float) -> Iterator[str]:
    """Some hours of two node_exporters: a counter each of two devices, and a gauge."""
    yield "# TYPE node_disk_read_bytes counter"
    minutes = range(int(first * 60), min(int(last * 60), 24 * 60 + 5))
    for host in (1, 2):
        for device in "ab":
            for minute in minutes:
                value = minute * 100 * host + (7 if device == "b" and minute > 700 else 0)
                labels = f'instance="oss{host}:9100",device="sd{device}"'
                stamp = DAY.start + 60 * minute
                yield f"node_disk_read_bytes_total{{{labels}}} {value} {stamp}"
    yield "# TYPE node_memory_MemFree_bytes gauge"
    for minute in minutes:
        labels = 'instance="oss1:9100"'
        yield f"node_memory_MemFree_bytes{{{labels}}} {minute % 97} {DAY.start + 60 * minute}"


@pytest.mark.server
def test_a_prometheus_with_a_retention(tmp_path: Path, site: Site) -> None:
    """A real server that has 00:00 to 22:00, then 01:00 to 24:00, then 03:00 to 24:00."""
    folder = tmp_path / f"archive/2026/{DATE}"
    for hours in ((0, 25), *WINDOWS):
        shutil.rmtree(tmp_path / "server", ignore_errors=True)
        filled(tmp_path / "server", exported(*hours))
        running, url = started(tmp_path / "server")
        port = url.rpartition(":")[2]
        keys = {"kind": "prometheus", "timestep": 60}
        try:
            name = "undisturbed" if hours == (0, 25) else "fs"
            site({name: keys | {"url": f"http://127.0.0.1:{port}"}}, **FOREVER)
            assert night() == (PARTIAL if hours == WINDOWS[0] else COMPLETE)
        finally:
            running.terminate()
            running.wait(PATIENCE)
    assert_equal(folder / "fs.hdf5", folder / "undisturbed.hdf5")
    (raw,) = (tmp_path / f"archive/raw/2026/{DATE}").glob("fs.*")
    assert len(list(raw.iterdir())) == 2, "the third brought nothing"


def documents(first: float, last: float) -> list[dict[str, Any]]:
    """Some hours of two disks, a value every five minutes."""
    made = [
        as_document(disk(60.0 * minute + 3, float(1000 * n + minute % 7), host))
        for minute in range(int(first * 12) * 5, min(int(last * 12) * 5, 24 * 60 + 6), 5)
        for n, host in enumerate(("oss1", "oss2"), 1)
    ]
    return hits(made)


def live_keys(url: str) -> dict[str, Any]:
    return {
        "kind": "collectd",
        "form": "elasticsearch",
        "url": url,
        "index": "collectd-%Y.%m.%d",
        "timestep": 300,
    }


@pytest.mark.system
@pytest.mark.parametrize("paging", ["scroll", "pit"])
def test_an_elasticsearch_whose_documents_are_deleted(
    tmp_path: Path, site: Site, paging: str
) -> None:
    state, more = State(documents(0, 25)), {"paging": paging, "interval": 300}
    folder = tmp_path / f"archive/2026/{DATE}"
    with serving(State(documents(0, 25))) as whole, serving(state) as url:
        site({"fs": live_keys(url) | more, "undisturbed": live_keys(whole) | more}, **FOREVER)
        for hours in WINDOWS:
            state.documents = documents(*hours)
            state.requested.clear()
            assert night() == (PARTIAL if hours == WINDOWS[0] else COMPLETE)
            searches = [path for _, path, _ in state.requested if "_search" in path]
        assert not searches, "the third fetch brought nothing"
    assert_equal(folder / "fs.hdf5", folder / "undisturbed.hdf5")


@settings(max_examples=6)
@given(
    windows=st.lists(
        st.tuples(st.floats(0, 23.9), st.floats(0.1, 24.0)).filter(lambda w: w[0] < w[1]),
        min_size=1,
        max_size=3,
    )
)
def test_whatever_hours_an_elasticsearch_shows(
    tmp_path_factory: pytest.TempPathFactory, windows: list[tuple[float, float]]
) -> None:
    folder = tmp_path_factory.mktemp("windows")
    state = State([])
    with serving(state) as url:
        keys = collectd.Options.model_validate(
            live_keys(url) | {"timezone": "UTC", "interval": 300, "page_size": 1000}
        )
        held: list[Path] = []
        for number, window in enumerate(windows):
            state.documents = documents(*window)
            held += fetched(collectd.SOURCE, keys, folder / f"piece-{number}", held)
        together = {
            (one["_source"]["@timestamp"], one["_source"]["hostname"]): one
            for window in windows
            for one in documents(*window)
        }
        state.documents = list(together.values())
        if held:
            whole = built(keys, DAY, folder / "whole")
            found = pieces.samples(collectd.SOURCE, keys, DAY, held[::-1], Findings())
            assert_same(whole, grids(keys, DAY, list(found)))


@pytest.mark.system
def test_purged_logs_stay_and_a_late_log_costs_itself(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.processes import isolated

    logs = some_logs(tmp_path / "logs", 9)
    logs[8].rename(tmp_path / "late")
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, **FOREVER)
    assert night() == COMPLETE
    for log in logs[:5]:
        log.unlink()
    (tmp_path / "late").rename(logs[8])
    read: list[str] = []
    run = isolated.run

    def counted(job: Any) -> Any:
        read.extend(name for _, name in job.files)
        return run(job)

    monkeypatch.setattr(isolated, "run", counted)
    assert night() == COMPLETE
    assert read == [logs[8].name]
    file = tmp_path / f"archive/2026/{DATE}/darshan.hdf5"
    some = cells(file)
    shutil.copy(file, tmp_path / "purged.hdf5")
    some_logs(tmp_path / "logs", 9)
    main(["invalidate", "--start", DATE, "--stop", DATE])
    assert night() == COMPLETE
    assert cells(file).keys() == some.keys()
    assert_equal(file, tmp_path / "purged.hdf5")
    with h5py.File(file) as fresh, h5py.File(tmp_path / "purged.hdf5") as kept:
        for table in ("logs", "summaries", "mounts", "rejects", "stripes"):
            for column in fresh[f"darshan/{table}"]:
                ours, theirs = (one[f"darshan/{table}/{column}"][...] for one in (kept, fresh))
                np.testing.assert_array_equal(ours, theirs, err_msg=f"{table} {column}")


@pytest.mark.system
def test_a_log_that_changed_is_read_again_with_those_of_its_job(tmp_path: Path, site: Site) -> None:
    logs = some_logs(tmp_path / "logs", 4)
    good = logs[1].read_bytes()
    shutil.copy(sorted(SITEDAY_LOGS.iterdir())[7], logs[1])
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, **FOREVER)
    assert night() == COMPLETE
    logs[1].write_bytes(good)
    assert night() == COMPLETE
    shutil.copytree(tmp_path / "archive", tmp_path / "changed")
    main(["invalidate", "--start", DATE, "--stop", DATE])
    shutil.rmtree(tmp_path / f"archive/raw/2026/{DATE}/darshan.reduced", ignore_errors=True)
    assert night() == COMPLETE
    name = f"2026/{DATE}/darshan.hdf5"
    assert_equal(tmp_path / "archive" / name, tmp_path / "changed" / name)


HOURS = 1 if "TOKIO_HOURLY" in os.environ else 2
"""From one `collect` to the next."""


@pytest.mark.system
def test_hourly_runs_and_a_night(
    tmp_path: Path,
    site: Site,
    whole_db: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Collect every second hour over a database that keeps three, then nightly: the undisturbed
    day. Quiet ones say nothing but what failed.
    """
    live = tmp_path / "live.db"
    site({"fs": lmt_keys(live), "undisturbed": lmt_keys(whole_db)})
    real = time.time
    for hour in range(2, 25, HOURS):
        seen_of(whole_db, live, max(0, hour - 3), hour + 1 / 60)
        now = DAY.start + 3600.0 * hour + 60
        monkeypatch.setattr(time, "time", lambda now=now: now)
        at(monkeypatch, now)
        current().answers.forget()
        assert main(["collect", "--quiet", "--instance", "fs"]) == COMPLETE
    assert capfd.readouterr() == ("", "")
    live.unlink()
    current().answers.forget()
    assert main(["collect", "--quiet", "--instance", "fs"]) == FAILED
    assert "no SQLite file" in capfd.readouterr().out
    seen_of(whole_db, live, 21, 24 + 1 / 60)
    at(monkeypatch, DAY.end + 3600.0 * 4)
    monkeypatch.setattr(time, "time", lambda: DAY.end + 3600.0 * 4)
    assert night() == COMPLETE
    monkeypatch.setattr(time, "time", real)
    folder = tmp_path / f"archive/2026/{DATE}"
    assert_equal(folder / "fs.hdf5", folder / "undisturbed.hdf5")
