"""collectd: shapes of documents and files that sites have, each with its figures by hand."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archive_tools.core.day import Day
from archive_tools.core.errors import NoData, SourceError
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from pipeline.sources import collectd
from pipeline.testing.contract import Case, Contract, built, grids, parsed
from tests.support.collectd_day import (
    DAY,
    Record,
    as_document,
    as_write_http,
    disk,
    options,
    records,
)
from tests.support.essearch import State, hits, serving

READ = "datatargets/readbytes"
RATES = [disk(13, 5.0), disk(23, 7.0), disk(33, 11.0)]
"""Rates of 10 s intervals that began at 3, 13 and 23 s: 50, 70 and 110 bytes in rows 0, 1 and 2."""


def lines(path: Path, some: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in some))
    return path


# Names of hosts and instances


def with_host(**host: Any) -> Callable[[Record], dict[str, Any]]:
    def document(record: Record) -> dict[str, Any]:
        found = as_document(record)
        del found["hostname"]
        return found | host

    return document


ECS = {
    "object": with_host(host={"name": "oss1", "ip": ["10.0.0.1"]}),
    "key": with_host(**{"host.name": "oss1"}),
    "both": with_host(**{"host": {"ip": ["10.0.0.1"]}, "host.name": "oss1"}),
    "text": with_host(host="oss1"),
    "hostname first": with_host(hostname="oss1", host={"name": "shipper"}),
}


@pytest.mark.parametrize("shape", ECS)
def test_the_host_of_documents_in_shape_of_ecs(tmp_path: Path, shape: str) -> None:
    path = lines(tmp_path / "d.json", [ECS[shape](record) for record in RATES])
    found = built(options(path, "elasticsearch", interval=10), DAY, tmp_path / "raw")[READ]
    assert found.columns == ("oss1:sd1",)
    assert found.values[:3, 0].tolist() == [50.0, 70.0, 110.0]


def test_a_host_that_names_nobody_costs_its_document(tmp_path: Path) -> None:
    nobody = [with_host(host=host)(RATES[0]) for host in ({}, {"name": 5}, {"name": ""}, [], True)]
    path = lines(tmp_path / "d.json", [*map(as_document, RATES), *nobody])
    _, findings, counts = parsed(options(path, "elasticsearch", interval=10), DAY, tmp_path / "raw")
    assert counts == {"disk": 3, "unreadable": 5}
    assert "lacks @timestamp, hostname" in str(next(iter(findings)))


def cores(values: Sequence[tuple[Any, float]]) -> list[Record]:
    """Idle per cent of some cores, three times."""
    return [
        (10.0 * n + 13, "oss1", "cpu", core, "percent", "idle", {"value": idle})
        for n in range(3)
        for core, idle in values
    ]


@pytest.mark.parametrize("form", ["elasticsearch", "write_http"])
def test_instances_that_are_numbers(tmp_path: Path, form: str) -> None:
    """Cores 0 and 1 are two: their mean is 60. Where 0 were no name, it would count alone."""
    some = cores([(0, 40.0), (1, 80.0)])
    shape = as_document if form == "elasticsearch" else as_write_http
    values = [shape(record) | {"plugin_instance": record[3]} for record in some]
    path = lines(tmp_path / "d.json", values)
    found = built(options(path, form, interval=10), DAY, tmp_path / "raw")
    assert found["dataservers/cpuidle"].values[:3, 0].tolist() == [60.0] * 3
    assert found["dataservers/cpuload"].values[:3, 0].tolist() == [40.0] * 3


@pytest.mark.parametrize("form", ["elasticsearch", "write_http"])
def test_a_number_names_a_device(tmp_path: Path, form: str) -> None:
    shape = as_document if form == "elasticsearch" else as_write_http
    values = [shape(record) | {"plugin_instance": "", "type_instance": 0} for record in RATES]
    settings = options(lines(tmp_path / "d.json", values), form, interval=10, store_rates=True)
    found = built(settings, DAY, tmp_path / "raw")[READ]
    assert found.columns == ("oss1:0",)
    assert found.values[:3, 0].tolist() == [50.0, 70.0, 110.0]


@pytest.mark.parametrize("key", ["plugin_instance", "type_instance"])
@pytest.mark.parametrize("value", [True, False, 0.5, [], {}])
@pytest.mark.parametrize("form", ["elasticsearch", "write_http"])
def test_what_is_not_a_name(tmp_path: Path, form: str, value: Any, key: str) -> None:
    shape = as_document if form == "elasticsearch" else as_write_http
    values = [*map(shape, RATES), shape(RATES[0]) | {key: value}]
    _, findings, counts = parsed(
        options(lines(tmp_path / "d.json", values), form, store_rates=True, interval=10),
        DAY,
        tmp_path / "raw",
    )
    assert counts == {"disk": 3, "unreadable": 1}
    assert f"$.{key}" in str(next(iter(findings)))


# Value lists as documents


def as_hit(record: Record) -> dict[str, Any]:
    more = {"@timestamp": "2026-11-22T00:00:00Z", "tags": ["x"]}
    return {"_index": "c", "_id": "1", "_source": as_write_http(record) | more}


VALUE_LISTS: dict[str, Callable[[Sequence[Record]], str]] = {
    "documents": lambda some: "\n".join(json.dumps(as_write_http(one)) for one in some),
    "hits": lambda some: "\n".join(json.dumps(as_hit(one)) for one in some),
    "pages": lambda some: json.dumps([[as_hit(one)] for one in some], indent=1),
    "answer": lambda some: json.dumps({"took": 1, "hits": {"hits": [as_hit(one) for one in some]}}),
}


@pytest.mark.parametrize("shape", VALUE_LISTS)
def test_value_lists_that_are_documents(tmp_path: Path, shape: str) -> None:
    """Counters: they grow by 20 and by 30; and their interval need not be measured."""
    path = tmp_path / "v.json"
    path.write_text(VALUE_LISTS[shape]([disk(3, 100), disk(13, 120), disk(23, 150)]))
    found = built(options(path), DAY, tmp_path / "raw")[READ]
    assert found.values[:2, 0].tolist() == [20.0, 30.0]
    path.write_text(VALUE_LISTS[shape](RATES))
    found = built(options(path, store_rates=True), DAY, tmp_path / "raw2")[READ]
    assert found.values[:3, 0].tolist() == [50.0, 70.0, 110.0]


class TestHits(Contract):
    @pytest.fixture
    def case(self) -> Case:
        def write(folder: Path, some: Sequence[Record]) -> None:
            lines(folder / "one.json", [as_hit(record) for record in some])

        def corrupt(folder: Path) -> str:
            text = (folder / "one.json").read_text()
            (folder / "one.json").write_text(text.replace('"time": ', '"time": null, "x": ', 1))
            return "one.json"

        return Case(
            DAY, records(), write, lambda folder: options(folder, store_rates=True), corrupt
        )


@pytest.mark.parametrize("shape", VALUE_LISTS)
def test_value_lists_under_the_wrong_form_say_which_is_right(tmp_path: Path, shape: str) -> None:
    """Whether they are rates is not known then: they are not guessed to be."""
    path = tmp_path / "v.json"
    path.write_text(VALUE_LISTS[shape](RATES))
    with pytest.raises(SourceError, match='value list of write_http; set form to "write_http"'):
        parsed(options(path, "elasticsearch"), DAY, tmp_path / "raw")


# The cpu plugin without ReportByState


def active(second: float, percent: float, core: str = "", host: str = "oss1") -> Record:
    return second, host, "cpu", core, "percent", "active", {"value": percent}


def idle(second: float, percent: float, core: str = "", host: str = "oss1") -> Record:
    return second, host, "cpu", core, "percent", "idle", {"value": percent}


def made(tmp_path: Path, some: Sequence[Record], **keys: Any) -> tuple[dict[str, Any], Findings]:
    """Grids and findings of records through write_http, of intervals of 10 s."""
    path = lines(tmp_path / "values.json", [as_write_http(record) for record in some])
    settings = options(path, **({"store_rates": True} | keys))
    findings = Findings()
    samples, reported, _ = parsed(settings, DAY, tmp_path / "raw")
    found = grids(settings, DAY, samples, findings)
    for item in reported:
        findings.add(item.kind, item.count, item.where, item.detail, components=item.components)
    return found, findings


def test_the_load_of_a_cpu_that_reports_no_states(tmp_path: Path) -> None:
    """Cores at 30 and 50 per cent are a load of 40; what is user and system is not known."""
    some = [
        active(10 * n + 13, percent, core)
        for n in range(3)
        for core, percent in (("0", 30.0), ("1", 50.0))
    ]
    some += [active(10 * n + 13, 12.5 + n, host="mds1") for n in range(3)]
    found, _ = made(tmp_path, some, mdservers="mds.*")
    assert found["dataservers/cpuload"].columns == ("oss1",)
    assert found["dataservers/cpuload"].values[:3, 0].tolist() == [40.0] * 3
    assert found["mdservers/cpuload"].values[:3, 0].tolist() == [12.5, 13.5, 14.5]
    assert not {"cpuidle", "cpuuser", "cpusys"} & {name.partition("/")[2] for name in found}


@pytest.mark.parametrize("apart", [0.0, 0.004])
@pytest.mark.parametrize("core", ["", "0"])
def test_a_load_that_states_report_too_counts_once(tmp_path: Path, apart: float, core: str) -> None:
    """Idle is 70 and 90 per cent on two cores: 20. What `active` says beside them is not used."""
    some = [
        record
        for n in range(30)
        for record in (
            idle(10 * n + 13, 70.0, "0"),
            idle(10 * n + 13, 90.0, "1"),
            active(10 * n + 13 + apart, 99.0, core),
        )
    ]
    found, findings = made(tmp_path, some)
    assert found["dataservers/cpuload"].values[:30, 0].tolist() == [20.0] * 30
    assert found["dataservers/cpuidle"].values[:30, 0].tolist() == [80.0] * 30
    assert not list(findings)


def test_a_host_whose_states_are_switched_off_in_the_middle_of_a_day(tmp_path: Path) -> None:
    some = [idle(10 * n + 13, 75.0) for n in range(3)]
    some += [active(10 * n + 43, 35.0) for n in range(3)]
    found, _ = made(tmp_path, some)
    assert found["dataservers/cpuload"].values[:6, 0].tolist() == [25.0] * 3 + [35.0] * 3


def test_jiffies_of_one_host_and_the_load_of_another(tmp_path: Path) -> None:
    some = [
        (10 * n + 3.0, "oss2", "cpu", "0", "cpu", "idle", {"value": 900.0 * n}) for n in range(3)
    ]
    some += [active(10 * n + 13, 30.0) for n in range(3)]
    found, _ = made(tmp_path, some, store_rates=False)
    grid = found["dataservers/cpuload"]
    values = dict(zip(grid.columns, grid.values[:2].T.tolist(), strict=True))
    assert values == {"oss1": [30.0, 30.0], "oss2": [10.0, 10.0]}


# Clusters that share names


def test_two_servers_of_one_name_are_a_finding(tmp_path: Path) -> None:
    some = [*RATES, disk(13, 50.0), disk(23, 7.0), disk(13, 9.0, "oss2"), disk(13, 9.0, "oss2")]
    found, findings = made(tmp_path, some)
    grid = found[READ]
    values = dict(zip(grid.columns, grid.values[:3].T.tolist(), strict=True))
    assert values["oss1:sd1"] == [500.0, 70.0, 110.0]
    assert findings.total(FindingKind.NAMES_SHARED) == 2, "bytes read and written"
    (item,) = [one for one in findings if one.where == READ]
    assert item.components == ("oss1:sd1",)
    assert "give each a source of its own" in item.detail


def test_copies_that_were_rounded_are_one(tmp_path: Path) -> None:
    rounded = [disk(second, np.float32(7.123456789).item()) for second in (13, 23)]
    _, findings = made(tmp_path, [disk(13, 7.123456789), disk(23, 7.123456789), *rounded])
    assert not list(findings)


def test_counters_are_compared_to_the_last_byte(tmp_path: Path) -> None:
    some = [disk(3, 10**12), disk(13, 10**12 + 5), disk(13, 10**12 + 6)]
    found, findings = made(tmp_path, some, store_rates=False)
    assert found[READ].values[0, 0] == 6
    assert findings.total(FindingKind.NAMES_SHARED) == 2


# A moment before midnight


def gauge(second: float, value: float) -> Record:
    return second, "oss1", "memory", "", "memory", "free", {"value": value}


EARLY = [-0.2, 9.8, 20.1, 29.9, 40.2, 50.0]
"""Stamps of a collectd that is not exactly on time: the first one is of the day before."""
COUNTED = [disk(second, 100 * n + n * n) for n, second in enumerate(EARLY)]
"""A counter that grows by 101, 103, 105, 107, 109."""
GROWTH = [101.0, 103.0, 105.0, 107.0, 109.0]
GAUGED = [gauge(second, 1024.0 * n) for n, second in enumerate(EARLY, 1)]


def of_dates(folder: Path, some: Sequence[Record]) -> None:
    for date, own in (
        ("2026-11-21", [one for one in some if one[0] < 0]),
        ("2026-11-22", [one for one in some if one[0] >= 0]),
    ):
        lines(folder / f"v-{date}.json", [as_write_http(record) for record in own])


@pytest.mark.parametrize("many", [False, True])
def test_values_stamped_before_midnight_are_of_the_first_row(tmp_path: Path, many: bool) -> None:
    """In one file of many days, or in the file of the day before."""
    some = COUNTED + GAUGED
    if many:
        files = [str(lines(tmp_path / "v.json", [as_write_http(record) for record in some]))]
    else:
        of_dates(tmp_path, some)
        files = [str(tmp_path / "v-%Y-%m-%d.json")]
    found = built(options(files), DAY, tmp_path / "raw")
    assert found[READ].values[:5, 0].tolist() == GROWTH
    assert found["dataservers/memfree"].values[:6, 0].tolist() == [1024.0 * n for n in range(1, 7)]


def test_values_before_midnight_on_a_server(tmp_path: Path) -> None:
    state = State(hits([as_document(record) for record in COUNTED + GAUGED]))
    with serving(state) as url:
        settings = options([], "elasticsearch", url=url, index="c-%Y.%m.%d", store_rates=False)
        inputs = collectd.SOURCE.inputs(settings, DAY)
        found = built(settings, DAY, tmp_path / "raw")
    assert found[READ].values[:5, 0].tolist() == GROWTH
    assert found["dataservers/memfree"].values[0, 0] == 1024.0
    paths = [path.partition("?")[0] for _, path, _ in state.requested if "/_search?" in path]
    assert set(paths) == {"/c-2026.11.22,c-2026.11.23/_search", "/c-2026.11.21/_search"}
    assert paths[-1] == "/c-2026.11.21/_search"
    assert inputs["documents"] == 10, "those of the day: receipts of earlier versions stay as good"
    assert inputs["query"]["bool"]["filter"][0]["range"]["@timestamp"]["gte"] == DAY.start * 1000


def test_what_is_before_midnight_makes_no_day(tmp_path: Path) -> None:
    early = [disk(-0.2, 100)]
    of_dates(tmp_path, early)
    (tmp_path / "all.json").write_text(json.dumps(as_write_http(early[0])))
    for files in (str(tmp_path / "v-%Y-%m-%d.json"), str(tmp_path / "all.json")):
        with pytest.raises(NoData):
            parsed(options([files]), DAY, tmp_path / f"raw-{Path(files).stem}")
    state = State(hits([as_document(record) for record in early]))
    with serving(state) as url, pytest.raises(NoData):
        parsed(options([], "elasticsearch", url=url), DAY, tmp_path / "raw-live")


def test_the_day_before_is_read_where_it_can_matter_and_fails_nothing(tmp_path: Path) -> None:
    files = [str(tmp_path / "v-%Y-%m-%d.json")]
    of_dates(tmp_path, COUNTED)
    before = tmp_path / "v-2026-11-21.json"
    inputs = collectd.SOURCE.inputs(options(files), DAY)
    before.write_text("damaged")
    assert collectd.SOURCE.inputs(options(files), DAY) == inputs
    _, findings, counts = parsed(options(files), DAY, tmp_path / "raw")
    assert not list(findings)
    assert counts == {"disk": 5}
    on_time = [disk(second, 5) for second in (-9.75, 0.25, 10.25)]
    of_dates(tmp_path, on_time)
    before.unlink()
    before.write_text("\n".join(json.dumps(as_write_http(disk(-0.2, n))) for n in range(3)))
    _, _, counts = parsed(options(files), DAY, tmp_path / "raw2")
    assert counts == {"disk": 2}


# Files of the csv plugin without a date in their names


def csv_file(folder: Path, name: str, rows: Sequence[tuple[float, Any]], header: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{DAY.start + second:.3f},{cells}\n" for second, cells in rows)
    path.write_text(f"epoch,{header}\n{text}")
    return path


DAYS = [(second, f"{second + 90_000},0") for second in range(-86_397, 2 * 86_400, 10)]
"""A counter that grows by 10 a row, on three days."""


@pytest.mark.parametrize("name", ["disk_octets", "disk_octets.1", "disk_octets-20261124"])
def test_a_csv_file_of_many_days(tmp_path: Path, name: str) -> None:
    csv_file(tmp_path, f"csv/oss1/disk-sda/{name}", DAYS, "read,write")
    settings = options([str(tmp_path / "csv")], "csv")
    found = built(settings, DAY, tmp_path / "raw")[READ]
    assert found.columns == ("oss1:sda",)
    assert found.values[:, 0].tolist() == [10.0] * 8640, "the last row is closed by the next day"
    _, _, counts = parsed(settings, DAY, tmp_path / "raw2")
    assert counts == {"disk": 8640 + 30}, "rows of the day, and of what closes it"


def test_a_packed_csv_file_without_a_date(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "csv/oss1/disk-sda/disk_octets.2", DAYS, "read,write")
    (path.parent / "disk_octets.2.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    found = built(options([str(tmp_path / "csv")], "csv"), DAY, tmp_path / "raw")[READ]
    assert found.columns == ("oss1:sda",)
    assert found.values[:, 0].tolist() == [10.0] * 8640


def test_names_without_a_date(tmp_path: Path) -> None:
    rows = [(3 + 10 * n, str(50.0)) for n in range(4)]
    csv_file(tmp_path, "csv/oss1/cpu-0/percent-idle", rows, "value")
    csv_file(tmp_path, "csv/oss1/cpu-1/percent-idle.3", rows, "value")
    csv_file(tmp_path, "csv/oss1/memory/memory-free", rows, "value")
    csv_file(tmp_path, "csv/oss1/load/load", rows, "shortterm")
    csv_file(tmp_path, "csv/oss1/disk-sda/disk_time", rows, "read")
    octets = [(3 + 10 * n, f"{10 * n},0") for n in range(4)]
    csv_file(tmp_path, "csv/oss1/interface/if_octets-eth0.10", octets, "rx,tx")
    csv_file(tmp_path, "csv/oss1/interface/if_octets-ib0.20-2026-11-22", octets, "rx,tx")
    (tmp_path / "csv/oss1/cpu-0/README").write_text("not a value")
    (tmp_path / "csv/oss1/cpu-0/percent-idle-2026-11-20").write_text("another day's")
    settings = options([str(tmp_path / "csv")], "csv", interval=10)
    samples, findings, counts = parsed(settings, DAY, tmp_path / "raw")
    assert not list(findings)
    assert counts == {"cpu": 8, "memory": 4, "interface": 8}
    parts = {name.replace("\0", ":") for one in samples for name in one.names}
    assert parts == {"oss1:0", "oss1:1", "oss1", "oss1:eth0.10", "oss1:ib0.20"}


def test_damage_of_another_day_in_a_csv_file_of_many(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "csv/oss1/disk-sda/disk_octets", DAYS, "read,write")
    text = path.read_text().splitlines()
    for line in (100, 8640 + 100, 2 * 8640 + 100):
        text[line] = text[line][:-1] + "x"
    path.write_text("\n".join(text) + "\n")
    _, findings, counts = parsed(options([str(tmp_path / "csv")], "csv"), DAY, tmp_path / "raw")
    assert counts == {"disk": 8640 + 30 - 1, "unreadable": 1}
    assert f"line {8640 + 101}" in str(next(iter(findings)))


def test_a_csv_file_of_many_days_that_grows_changes_no_day_that_is_over(tmp_path: Path) -> None:
    settings = options([str(tmp_path / "csv")], "csv")
    source = collectd.SOURCE
    middle = 2 * 8640  # the end of the day
    path = csv_file(tmp_path, "csv/oss1/disk-sda/disk_octets", DAYS[: middle - 5], "read,write")
    early = source.inputs(settings, DAY)
    csv_file(tmp_path, "csv/oss1/disk-sda/disk_octets", DAYS[: middle + 100], "read,write")
    whole = source.inputs(settings, DAY)
    assert whole != early
    assert whole["undated"] == [[str(path)]]
    csv_file(tmp_path, "csv/oss1/disk-sda/disk_octets", DAYS, "read,write")
    assert source.inputs(settings, DAY) == whole
    long_ago = Day(dt.date(2026, 10, 1))
    assert "undated" not in source.inputs(settings, long_ago)
    with pytest.raises(NoData):
        parsed(settings, long_ago, tmp_path / "raw")
