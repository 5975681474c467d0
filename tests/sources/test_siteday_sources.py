"""Ten minutes of one real server, watched by collectd and by Prometheus: four ways into the
archive, one result.

Tolerances, cell by cell:

- Prometheus live and saved: exact.
- collectd's csv (counters) and write_http (rates): 0.2 % of a cell; a rate is of an interval that
  is some milliseconds longer or shorter than 5 s, and is multiplied by 5 s.
- collectd and Prometheus read the same counters at other instants of a row (collectd some 0.4 s
  later), so that a part of a row's amount may stand in the row before or after: what was moved up
  to any row differs by no more than one neighbouring cell.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from archive_tools.core.arrays import Float64
from archive_tools.core.day import Day
from archive_tools.core.grid import Grid
from pipeline.sources import collectd, prometheus
from pipeline.testing.contract import built
from tests.support.collectd_day import SITEDAY
from tests.support.prometheus_server import SAVED, started
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.server

DAY = Day(dt.date(2026, 11, 22))
FIRST, LAST = (
    (dt.datetime(2026, 11, 22, 7, *at, tzinfo=dt.UTC).timestamp() - DAY.start) // 5
    for at in ((49, 14), (58, 24))
)
ROWS = slice(int(FIRST), int(LAST) + 1)
AMOUNTS = [f"datatargets/{name}" for name in ("readbytes", "writebytes", "readops", "writeops")]
Ways = dict[str, dict[str, Grid]]


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    folder = tmp_path_factory.mktemp("siteday")
    running, url = started(folder / "server")
    common: dict[str, Any] = {"timestep": 5, "timezone": "UTC", "devices": "loop[01]"}
    options = {
        "write_http": collectd.Options(
            kind="collectd",
            form="write_http",
            files=[str(SITEDAY / "write_http.jsonl.gz")],
            store_rates=True,
            **common,
        ),
        "csv": collectd.Options(
            kind="collectd", form="csv", files=[str(SITEDAY / "csv.tar.gz")], **common
        ),
        "live": prometheus.Options(kind="prometheus", url=url, host_label="host", **common),
        "saved": prometheus.Options(kind="prometheus", answers=SAVED, host_label="host", **common),
    }
    yield {name: built(each, DAY, folder / name) for name, each in options.items()}
    running.terminate()
    running.wait(PATIENCE)


def rows(ways: Ways, way: str, dataset: str) -> Float64:
    grid = ways[way][dataset]
    assert grid.columns == (
        ("oss01:loop0", "oss01:loop1") if dataset.startswith("datatargets") else ("oss01",)
    )
    return grid.values[ROWS]


@pytest.mark.parametrize("way", ["write_http", "csv", "live", "saved"])
def test_bytes_written_are_those_of_the_record(ways: Ways, way: str) -> None:
    """4,148.0 and 2,321.9 MiB, within 1 %."""
    assert np.nansum(rows(ways, way, "datatargets/writebytes"), axis=0) / 2**20 == pytest.approx(
        [4148.0, 2321.9], rel=0.01
    )


@pytest.mark.parametrize("dataset", AMOUNTS)
def test_counters_agree_exactly(ways: Ways, dataset: str) -> None:
    """Totals of csv and Prometheus are of the same counters; live and saved cells are equal."""
    live, saved = rows(ways, "live", dataset), rows(ways, "saved", dataset)
    both = np.isfinite(saved)
    np.testing.assert_array_equal(live[both], saved[both])
    np.testing.assert_array_equal(
        np.nansum(rows(ways, "csv", dataset), axis=0), np.nansum(live, axis=0)
    )


@pytest.mark.parametrize("dataset", AMOUNTS)
def test_rates_come_to_the_counters_growth(ways: Ways, dataset: str) -> None:
    counters, rates = rows(ways, "csv", dataset), rows(ways, "write_http", dataset)
    np.testing.assert_array_equal(np.isnan(counters), np.isnan(rates))
    np.testing.assert_allclose(rates, counters, rtol=0.002, atol=0)


@pytest.mark.parametrize("dataset", AMOUNTS)
@pytest.mark.parametrize("way", ["live", "saved"])
def test_collectd_and_prometheus_agree_to_within_a_row(ways: Ways, dataset: str, way: str) -> None:
    one, other = np.nan_to_num(rows(ways, "csv", dataset)), np.nan_to_num(rows(ways, way, dataset))
    around = np.pad(one, ((1, 1), (0, 0)))
    neighbour = np.maximum(np.maximum(around[:-2], around[1:-1]), around[2:])
    assert (np.abs(one.cumsum(axis=0) - other.cumsum(axis=0)) <= neighbour).all()
    assert one.any()


@pytest.mark.parametrize(
    "name",
    ["cpuuser", "cpusys", "cpuidle", "cpuload", "memfree", "memcached", "membuffered", "memused"],
)
def test_states_of_the_server_agree_over_ten_minutes(ways: Ways, name: str) -> None:
    """Means over the time, of the same kernel figures read at other instants: within 4 %, or 1
    point of per cent.
    """
    means = {way: float(np.nanmean(rows(ways, way, f"dataservers/{name}"))) for way in ways}
    assert means["csv"] == pytest.approx(means["write_http"], rel=1e-6)
    assert means["live"] == pytest.approx(means["saved"], rel=0.02)
    assert means["live"] == pytest.approx(
        means["csv"], rel=0.04, abs=1.0 if name.startswith("cpu") else 0
    )
