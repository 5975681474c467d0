"""The Prometheus source and a real Prometheus server with the series of ten minutes of a small
site.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import archive_tools
from archive_tools.core.arrays import Float64
from archive_tools.core.day import Day
from archive_tools.core.errors import NoData, SourceError
from pipeline.building.run_context import current
from pipeline.cli.main import COMPLETE, FAILED, PARTIAL, main
from pipeline.sources import prometheus
from pipeline.sources.prometheus.saved_answers import manifest
from pipeline.testing.contract import built, parsed
from tests.support.prometheus_server import SAVED, filled, started
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.server

DAY = Day(dt.date(2026, 11, 22))
MIB = 1 << 20


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    running, url = started(tmp_path_factory.mktemp("prometheus"))
    yield url
    running.terminate()
    running.wait(PATIENCE)


def options(**keys: Any) -> prometheus.Options:
    return prometheus.Options(kind="prometheus", timezone="UTC", **{"host_label": "host", **keys})


def totals(values: Float64) -> list[float]:
    return np.nansum(values, axis=0).tolist()


def test_what_the_devices_moved(url: str, tmp_path: Path) -> None:
    """As the server tells it, within 1 %: 4,148.0, 2,321.9, 1,538.6 and 1,536.3 MiB."""
    made = built(options(url=url, devices="loop[01]"), DAY, tmp_path / "raw")
    assert made["datatargets/writebytes"].columns == ("oss01:loop0", "oss01:loop1")
    assert totals(made["datatargets/writebytes"].values / MIB) == pytest.approx(
        [4148.0, 2321.9], rel=0.01
    )
    assert totals(made["datatargets/readbytes"].values / MIB) == pytest.approx(
        [1538.6, 1536.3], rel=0.01
    )


def test_live_and_saved_answers_agree(url: str, tmp_path: Path) -> None:
    """Cell by cell: exactly, and shares of time but for rounding: the mean over the cores is taken
    by the server or by us.

    The saved answers end at 07:58:24, one sample before the server's last one.
    """
    live, saved = (
        built(options(**keys), DAY, tmp_path / name)
        for name, keys in (("live", {"url": url}), ("saved", {"answers": SAVED}))
    )
    assert set(live) - set(saved) == {
        "dataservers/netinbytes",
        "dataservers/netoutbytes",
    }, "their series were not saved"
    assert set(saved) <= set(live)
    for name, grid in saved.items():
        assert grid.columns == live[name].columns, name
        rows = np.flatnonzero(np.isfinite(grid.values).all(axis=1))
        assert np.flatnonzero(np.isfinite(live[name].values).all(axis=1)).tolist() == [
            *rows,
            rows[-1] + 1,
        ], name
        assert len(rows) == (111 if name.startswith("dataservers/mem") else 110), name
        np.testing.assert_allclose(
            live[name].values[rows],
            grid.values[rows],
            rtol=0,
            atol=1e-9 if "/cpu" in name else 0,
            err_msg=name,
        )


def raw(url: str, query: str, folder: Path) -> str:
    """A file of the server's raw samples, with their own stamps."""
    folder.mkdir()
    (folder / "raw.json").write_bytes(
        httpx.post(
            f"{url}/api/v1/query", data={"query": f"{query}[15m]", "time": "1795334400"}
        ).content
    )
    return str(folder / "raw.json")


@pytest.mark.parametrize("timestep", [5, 60])
def test_samples_stand_in_the_rows_in_which_they_were_taken(
    url: str, tmp_path: Path, timestep: int
) -> None:
    """The server's raw samples are in the same cells; none is late by what a row is longer than a
    scrape.
    """
    answers = raw(url, "node_disk_written_bytes_total", tmp_path / "in")
    own = built(options(answers=answers, timestep=timestep), DAY, tmp_path / "one")[
        "datatargets/writebytes"
    ]
    live = built(options(url=url, timestep=timestep), DAY, tmp_path / "two")[
        "datatargets/writebytes"
    ]
    assert own.columns == live.columns
    np.testing.assert_array_equal(own.values, live.values)
    loop0 = live.values[:, live.columns.index("oss01:loop0")] / MIB
    assert np.nansum(loop0) == pytest.approx(4147.96, abs=0.01)
    if timestep == 60:
        assert loop0[469:476].round(1).tolist() == [
            518.3,
            838.4,
            710.6,
            524.8,
            966.8,
            582.8,
            6.3,
        ], "minutes from 07:49"


def test_shares_of_minutes_are_those_of_the_raw_samples_of_the_cores(
    url: str, tmp_path: Path
) -> None:
    answers = raw(url, "node_cpu_seconds_total", tmp_path / "in")
    own = built(options(answers=answers, timestep=60), DAY, tmp_path / "one")
    live = built(options(url=url, timestep=60), DAY, tmp_path / "two")
    for name in ("cpuidle", "cpuload", "cpuuser", "cpusys"):
        expected = own[f"dataservers/{name}"].values
        assert np.isfinite(expected).sum() == 9
        np.testing.assert_allclose(live[f"dataservers/{name}"].values, expected, rtol=0, atol=1e-9)


def test_inputs_count_what_there_is(url: str) -> None:
    found = prometheus.SOURCE.inputs(options(url=url), DAY)
    assert found == prometheus.SOURCE.inputs(options(url=url), DAY)
    assert set(found["series"]) >= {
        "node_disk_read_bytes_total",
        "node_memory_MemFree_bytes",
        "node_network_receive_bytes_total",
    }
    assert (
        found["series"]["node_disk_read_bytes_total"]
        == 10 * found["series"]["node_memory_MemFree_bytes"]
    )
    assert prometheus.SOURCE.inputs(options(url=url, extra={"host": "oss02"}), DAY)["series"] == {}


def test_a_day_or_a_label_that_the_server_does_not_know(url: str, tmp_path: Path) -> None:
    for found, day in (
        (options(url=url), Day(dt.date(2026, 11, 20))),
        (options(url=url, extra={"host": 'o"\\'}), DAY),
    ):
        with pytest.raises(NoData):
            prometheus.SOURCE.fetch(found, day, tmp_path)
    fetched = prometheus.SOURCE.fetch(options(url=url, extra={"host": "oss01"}), DAY, tmp_path)
    assert fetched.counts["samples"] > 0
    assert fetched.inputs is None, "only another query could say it"


def test_more_points_than_the_server_gives(url: str, tmp_path: Path) -> None:
    """Prometheus gives 11,000 points of a series at most: longer queries are refused, and
    halved.
    """
    samples, _, counts = parsed(
        options(url=url, timestep=1, points=1_000_000), DAY, tmp_path / "all"
    )
    _, _, usual = parsed(options(url=url, timestep=1), DAY, tmp_path / "usual")
    assert counts == usual
    spans = [float(entry.end) - float(entry.start) for entry in manifest(tmp_path / "all")]
    assert 3600 < max(spans) < 11_000, "the longest queries that were given"
    written = next(s for s in samples if s.dataset == "datatargets/writebytes")
    assert len(written) == 10 * 112, "a scrape every five seconds: no sample is given twice"


def test_more_samples_than_the_server_may_load(tmp_path: Path) -> None:
    running, url = started(tmp_path / "server", "--query.max-samples=500")
    try:
        with pytest.raises(SourceError, match="too many samples") as error:
            prometheus.SOURCE.fetch(options(url=url, timestep=1, points=1_000_000), DAY, tmp_path)
        assert "min_over_time(node_disk_read_bytes_total[1s])" in str(error.value)
    finally:
        running.terminate()
        running.wait(PATIENCE)


def test_a_night_with_a_server_and_with_saved_answers(
    url: str, site: Callable[..., Path], tmp_path: Path
) -> None:
    current().answers.forget()
    keys = {"kind": "prometheus", "host_label": "host", "devices": "loop[01]"}
    path = site({"live": {**keys, "url": url}, "saved": {**keys, "answers": SAVED}}, late_days=0)
    assert main(["nightly", "--site", str(path), "--date", "2026-11-22"]) == PARTIAL, (
        "the data are of ten minutes"
    )
    for instance in ("live", "saved"):
        with archive_tools.open_tts(tmp_path / f"archive/2026/2026-11-22/{instance}.hdf5") as tts:
            assert tts.columns("datatargets/writebytes") == ("oss01:loop0", "oss01:loop1")
            assert totals(tts.to_numpy("datatargets/writebytes") / MIB) == pytest.approx(
                [4148.0, 2321.9], rel=0.01
            )
            assert tts.columns("dataservers/memused") == ("oss01",)
            assert tts.units("dataservers/memused") == "bytes"
            assert tts.to_numpy("dataservers/cpuload").shape == (17280, 1)


def whole_day() -> Iterator[str]:
    """Two servers of two disks, a scrape a minute, up to the next day: counters and gauges."""
    counters = [f"node_disk_{name}_bytes" for name in ("read", "written")]
    for number, name in enumerate(counters, 1):
        yield f"# TYPE {name} counter"
        for server in (1, 2):
            for disk in "ab":
                labels = f'device="sd{disk}",instance="oss{server}:9100",job="node"'
                for minute in range(1441 + 5):
                    second = DAY.start + 60 * minute
                    yield f"{name}_total{{{labels}}} {6000 * number * server * minute} {second}"
    for name, size in (("Cached", 1000), ("MemFree", 2000)):
        yield f"# TYPE node_memory_{name}_bytes gauge"
        for server in (1, 2):
            labels = f'instance="oss{server}:9100",job="node"'
            for minute in range(1441 + 5):
                second = DAY.start + 60 * minute
                yield f"node_memory_{name}_bytes{{{labels}}} {size * server} {second}"


def test_a_whole_day_up_to_its_end(
    site: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Several metrics of the same labels, whose newest samples are near the day's last query."""
    filled(tmp_path / "server", whole_day())
    running, url = started(tmp_path / "server")
    try:
        site({"s": {"kind": "prometheus", "url": url, "timestep": 60}})
        current().answers.forget()
        assert main(["nightly", "--date", str(DAY)]) == COMPLETE
    finally:
        running.terminate()
        running.wait(PATIENCE)
    archive = archive_tools.Archive(tmp_path / "archive")
    read = archive.read("s", "datatargets/readbytes", str(DAY), "2026-11-23")
    assert read.columns == ("oss1:sda", "oss1:sdb", "oss2:sda", "oss2:sdb")
    np.testing.assert_array_equal(read.values, np.tile([6000, 6000, 12000, 12000], (1440, 1)))
    free = archive.read("s", "dataservers/memfree", str(DAY), "2026-11-23")
    np.testing.assert_array_equal(free.values, np.tile([2000, 4000], (1440, 1)))


def test_what_a_server_has_of_a_day(url: str, site: Any, capsys: Any) -> None:
    keys = {"kind": "prometheus", "url": url, "host_label": "host", "devices": "loop[01]"}
    site({"servers": keys, "away": {**keys, "url": "http://127.0.0.1:1", "ask_seconds": 0.5}})
    assert main(["check-config", "--ask", "2026-11-22"]) == FAILED
    servers, away = capsys.readouterr().out.split("away: prometheus, 2026-11-22")
    assert "clock: as here" in servers
    assert "devices 'loop[01]': 2: oss01:loop0, oss01:loop1" in servers
    assert "CANNOT BE READ" in away
