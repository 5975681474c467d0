"""collectd: three forms, one result; what is odd is counted, what is broken is named."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import math
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from archive_tools.core.day import Day
from archive_tools.core.errors import NoData, SourceError
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from pipeline.sources import collectd
from pipeline.testing.contract import Case, Contract, assert_same, built, grids, parsed
from pipeline.transform.grid import idle_among_busy_peers
from tests.support.collectd_day import (
    DAY,
    SITEDAY,
    Record,
    as_document,
    as_write_http,
    disk,
    options,
    records,
    write_csv,
    write_documents,
    write_lines,
    write_pages,
)


def halves(
    written: Callable[[Path, Sequence[Record]], None],
) -> Callable[[Path, Sequence[Record]], None]:
    """Write the records into two files."""

    def write(folder: Path, some: Sequence[Record]) -> None:
        middle = len(some) // 2
        written(folder / "one.json", some[:middle])
        written(folder / "two.json", some[middle:])

    return write


def cut_a_line(folder: Path) -> str:
    lines = (folder / "two.json").read_text().splitlines()
    lines[4] = lines[4][:30]
    (folder / "two.json").write_text("\n".join(lines) + "\n")
    return "two.json"


def cut_the_end(folder: Path) -> str:
    text = (folder / "two.json").read_text()
    (folder / "two.json").write_text(text[: len(text) - 400])
    return "two.json"


def break_a_cell(folder: Path) -> str:
    path = folder / "oss1/disk-sd1/disk_octets-2026-11-22"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], lines[3] + "x", *lines[4:]]) + "\n")
    return "oss1/disk-sd1/disk_octets-2026-11-22 (line 4"


FORMS: dict[str, Case] = {
    "write_http": Case(
        DAY,
        records(),
        halves(write_lines),
        lambda folder: options(folder, store_rates=True, mdservers="mds.*"),
        cut_a_line,
    ),
    "documents": Case(
        DAY,
        records(),
        halves(write_documents),
        lambda folder: options(folder, "elasticsearch"),
        cut_a_line,
    ),
    "pages": Case(
        DAY,
        records(),
        halves(write_pages),
        lambda folder: options(folder, "elasticsearch"),
        cut_the_end,
    ),
    "csv": Case(
        DAY,
        records(rate=False),
        write_csv,
        lambda folder: options(folder, "csv", mdservers="mds1"),
        break_a_cell,
    ),
}


class TestContract(Contract):
    @pytest.fixture(params=FORMS)
    def case(self, request: pytest.FixtureRequest) -> Case:
        return FORMS[request.param]


def made(tmp_path: Path, some: Sequence[Record], **keys: Any) -> tuple[dict[str, Any], Findings]:
    """Grids and findings of records through write_http."""
    write_lines(tmp_path / "values.json", some)
    settings = options(tmp_path / "values.json", **({"store_rates": True} | keys))
    findings = Findings()
    samples, reported, _ = parsed(settings, DAY, tmp_path / "raw")
    found = grids(settings, DAY, samples, findings)
    for item in reported:
        findings.add(item.kind, item.count, item.where, item.detail, item.amount)
    return found, findings


def core(
    second: float, number: int, idle: Any, kind: str = "percent", host: str = "oss1"
) -> Record:
    return second, host, "cpu", str(number), kind, "idle", {"value": idle}


def test_all_forms_come_to_the_same(tmp_path: Path) -> None:
    some = records()
    for name, write in (
        ("http", write_lines),
        ("documents", write_documents),
        ("pages", write_pages),
    ):
        write(tmp_path / name, some)
    http = built(options(tmp_path / "http", store_rates=True), DAY, tmp_path / "raw1")
    assert_same(
        http, built(options(tmp_path / "documents", "elasticsearch"), DAY, tmp_path / "raw2")
    )
    assert_same(http, built(options(tmp_path / "pages", "elasticsearch"), DAY, tmp_path / "raw3"))


def test_a_rate_is_an_amount_of_the_interval_before_its_stamp(tmp_path: Path) -> None:
    found, _ = made(tmp_path, [disk(13, 5.0), disk(23, 7.0)])
    grid = found["datatargets/readbytes"]
    assert grid.columns == ("oss1:sd1",)
    assert grid.values[:3, 0].tolist()[:2] == [
        50.0,
        70.0,
    ], "13 s closes the interval that began in row 0"
    assert np.isnan(grid.values[2:]).all()


def test_the_total_of_rates_is_right_whatever_the_row(tmp_path: Path) -> None:
    found, _ = made(tmp_path, [disk(13, 5.0), disk(23, 7.0), disk(33, 1.0)], timestep=60)
    assert found["datatargets/readbytes"].values[0, 0] == 130.0


def test_counters_are_integers_to_the_last_byte(tmp_path: Path) -> None:
    big = 2**62
    found, _ = made(
        tmp_path, [disk(3, big), disk(13, big + 1), disk(23, big + 3)], store_rates=False
    )
    assert found["datatargets/readbytes"].values[:2, 0].tolist() == [1.0, 2.0]


def test_a_rate_where_counters_are_said_to_be_is_told(tmp_path: Path) -> None:
    found, findings = made(
        tmp_path,
        [disk(3, 1.5), disk(3, 10, device="sd2"), disk(13, 20, device="sd2")],
        store_rates=False,
    )
    assert "set store_rates to true" in " ".join(map(str, findings))
    assert found["datatargets/readbytes"].values[0].tolist() == [10.0]


def test_null_nan_and_negative_rates_are_not_measured(tmp_path: Path) -> None:
    found, findings = made(tmp_path, [disk(13, None), disk(23, -5.0), disk(33, 2.0)])
    assert np.flatnonzero(~np.isnan(found["datatargets/readbytes"].values[:, 0])).tolist() == [2]
    assert findings.total("resets") == 2  # read and write


def test_a_host_that_knows_no_value_of_a_dataset(tmp_path: Path) -> None:
    found, _ = made(
        tmp_path,
        [
            disk(13, float("nan"), "a"),
            core(13, 0, float("nan")),
            disk(13, 1.0, "b"),
            disk(23, 1.0, "b"),
        ],
    )
    assert np.isfinite(found["datatargets/readbytes"].values).sum() == 2


def test_cpu_is_the_mean_over_the_cores_reported(tmp_path: Path) -> None:
    found, _ = made(
        tmp_path, [core(13, 0, 90.0), core(13, 1, 50.0), core(13, 1, 50.0), core(23, 0, 20.0)]
    )
    assert found["dataservers/cpuidle"].values[:2, 0].tolist() == [
        70.0,
        20.0,
    ], "a document that is there twice weighs no more"
    assert found["dataservers/cpuload"].values[:2, 0].tolist() == [30.0, 80.0]


def test_four_cores_at_40_per_cent_are_40_wherever_pages_end(tmp_path: Path) -> None:
    some = [
        (second, "bb1", "cpu", str(c), "percent", "user", {"value": 40.0})
        for second in (13.0, 23.0)
        for c in range(4)
    ]
    hits = [{"_source": as_document(record)} for record in some]
    for size in (1, 3, 5):
        (tmp_path / "pages.json").write_text(
            json.dumps([hits[n : n + size] for n in range(0, len(hits), size)])
        )
        found = built(
            options(tmp_path / "pages.json", "elasticsearch"), DAY, tmp_path / f"raw{size}"
        )
        assert found["dataservers/cpuuser"].values[:2, 0].tolist() == [40.0, 40.0]


def test_jiffies_become_shares_and_a_gap_does_not_make_them_grow(tmp_path: Path) -> None:
    some = [
        core(3, 0, 1000, "cpu"),
        core(13, 0, 1500, "cpu"),
        core(43, 0, 3000, "cpu"),
        core(53, 0, 4000, "cpu"),
    ]
    found, _ = made(tmp_path, some, store_rates=False)
    values = found["dataservers/cpuidle"].values[:5, 0]
    assert values[[0, 1, 4]].tolist() == [50.0, 50.0, 100.0]
    assert np.isnan(values[2:4]).all()


def test_a_share_is_of_the_time_between_its_two_stamps(tmp_path: Path) -> None:
    """Three quarters busy, however the stamps lie in the rows."""
    for timestep, every, jitter in ((20, 30, 0.0), (10, 10, 0.02), (5, 10, 0.02), (60, 10, 0.02)):
        chance = np.random.default_rng(7)
        stamps = [every * n + jitter * (chance.random() - 0.5) + 1 for n in range(200)]
        found, _ = made(
            tmp_path,
            [core(second - 1 + 30, 0, round(75 * (second + 100)), "cpu") for second in stamps],
            store_rates=False,
            timestep=timestep,
        )
        shutil.rmtree(tmp_path / "raw")
        idle = found["dataservers/cpuidle"].values
        np.testing.assert_allclose(idle[np.isfinite(idle)], 75, atol=0.5)
        assert np.isfinite(idle).sum() >= 30


def test_each_host_tells_its_cpu_in_its_own_way(tmp_path: Path) -> None:
    """One host in per cent, the others in jiffies, whatever bucket they are in; a metadata server
    does not decide for them.
    """
    hosts = [f"oss{n}" for n in range(40)]
    some = [core(13 + 10 * n, 0, 90.0, host="mds1") for n in range(3)] + [
        core(13 + 10 * n, 0, 25.0, host="oss0") for n in range(3)
    ]
    some += [core(3 + 10 * n, 0, 500 * n, "cpu", host) for n in range(4) for host in hosts[1:]]
    found, _ = made(tmp_path, some, store_rates=False, mdservers="mds1")
    assert set(found["dataservers/cpuidle"].columns) == set(hosts)
    assert found["dataservers/cpuidle"].values[0].tolist() == [25.0] + [50.0] * 39
    assert found["mdservers/cpuidle"].columns == ("mds1",)


@pytest.mark.parametrize("timestep", [1, 5, 10, 60, 3600])
def test_the_interval_of_rates_is_found_in_the_stamps(tmp_path: Path, timestep: int) -> None:
    """Two hosts of 10 and of 60 s, 100 bytes a second each, in a form that tells no interval; every
    third document was lost.
    """
    documents = [
        as_document(disk(every * n + 3.2, 100.0, f"oss{every}"))
        for every in (10, 60)
        for n in range(1, 7200 // every)
        if n % 7 != 3
    ]
    (tmp_path / "d.json").write_text("\n".join(map(json.dumps, documents)))
    found = built(
        options(tmp_path / "d.json", "elasticsearch", timestep=timestep), DAY, tmp_path / "raw"
    )
    grid = found["datatargets/readbytes"]
    for every in (10, 60):
        count = sum(n % 7 != 3 for n in range(1, 7200 // every))
        assert np.nansum(grid.values[:, grid.columns.index(f"oss{every}:sd1")]) == pytest.approx(
            100.0 * every * count
        )


@pytest.mark.parametrize(("first", "then"), [(60, 10), (10, 60), (10, 20), (60, 30)])
def test_an_interval_that_changes_in_the_middle_of_a_day(
    tmp_path: Path, first: int, then: int
) -> None:
    """Each row has what its values are of, before and after, where the form tells no interval."""
    change, end = 7200, 21600
    times = [n + 3.2 for n in (*range(0, change, first), *range(change, end + 61, then))]
    documents = [as_document(disk(time, 100.0)) for time in times]
    (tmp_path / "d.json").write_text("\n".join(map(json.dumps, documents)))
    found = built(options(tmp_path / "d.json", "elasticsearch", timestep=60), DAY, tmp_path / "raw")
    rows = found["datatargets/readbytes"].values[: end // 60, 0]
    assert rows.tolist() == [6000.0] * len(rows)


def test_values_of_every_second_are_all_counted(tmp_path: Path) -> None:
    chance = np.random.default_rng(7)
    some = [(n + 0.01 * (chance.random() - 0.5), 2.0) for n in range(1, 3000)]
    lists = [as_write_http(disk(second, value)) | {"interval": 1.0} for second, value in some]
    (tmp_path / "v.json").write_text("\n".join(map(json.dumps, lists)))
    found = built(options(tmp_path / "v.json", store_rates=True), DAY, tmp_path / "raw")
    assert np.nansum(found["datatargets/readbytes"].values) == pytest.approx(2.0 * 2999, abs=2.1)


def test_more_devices_than_anyone_announced(tmp_path: Path) -> None:
    found, _ = made(
        tmp_path, [disk(13, 1.0, f"bb{h}", f"nvme{d}n1") for h in range(40) for d in range(9)]
    )
    assert len(found["datatargets/readbytes"].columns) == 360


def test_which_hosts_devices_and_interfaces_count(tmp_path: Path) -> None:
    found, _ = made(tmp_path, records(), mdservers="mds.*", dataservers="oss1", devices="sd1")
    assert found["datatargets/readbytes"].columns == ("oss1:sd1",)
    assert found["mdtargets/readbytes"].columns == ("mds1:sd1",)
    assert found["dataservers/memfree"].columns == ("oss1",)
    assert found["dataservers/netoutbytes"].values[1, 0] == 140.0, (
        "both interfaces, but not the loopback"
    )


def test_a_device_that_stood_still_while_its_peers_did_not_is_found(tmp_path: Path) -> None:
    some = [
        disk(10 * n + 3, 0.0 if d == 2 else 1.0, device=f"sd{d}")
        for n in range(5)
        for d in range(5)
    ]
    found, _ = made(tmp_path, some)
    assert idle_among_busy_peers(found["datatargets/readbytes"]) == ["oss1:sd2"]


def test_clocks_that_differ_from_the_stamps_of_arrival(tmp_path: Path) -> None:
    documents = []
    for n, (host, late) in enumerate([("oss1", 1), ("oss2", 95)] * 3):
        document = as_document(disk(10 * n + 3, 1.0, host))
        arrived = dt.datetime.fromtimestamp(DAY.start + 10 * n + 3 + late, dt.UTC)
        documents.append(document | {"received_at": arrived.isoformat()})
    (tmp_path / "d.json").write_text("\n".join(map(json.dumps, documents)))
    _, findings, _ = parsed(
        options(tmp_path / "d.json", "elasticsearch", arrival_field="received_at"),
        DAY,
        tmp_path / "raw",
    )
    assert [text for text in findings.sentences() if "skew" in text] == [
        "clock skew: 1 in oss2 (disk values arrive +95 s after their stamps, by the median)"
    ]


def test_an_interval_is_not_guessed_from_a_handful(tmp_path: Path) -> None:
    """Every other value of a source of 10 s is missing: 20 s between two is not the interval."""
    documents = [as_document(disk(20 * n + 3, 100.0)) for n in range(9)]
    (tmp_path / "d.json").write_text("\n".join(map(json.dumps, documents)))
    found = options(tmp_path / "d.json", "elasticsearch")
    samples, findings, _ = parsed(found, DAY, tmp_path / "raw")
    bytes_read = grids(found, DAY, samples)["datatargets/readbytes"].values
    assert np.nansum(bytes_read) == 8 * 100.0 * 10, "the first began before the day"
    assert any(
        "9 in datatargets/readbytes (of oss1, too few to measure; taken to be 10 s; set interval)"
        in text
        for text in findings.sentences()
    )
    often = [as_document(disk(20 * n + 3, 100.0)) for n in range(200)]
    (tmp_path / "d.json").write_text("\n".join(map(json.dumps, often)))
    samples, findings, _ = parsed(found, DAY, tmp_path / "raw2")
    assert not any("interval" in text for text in findings.sentences()), "measured, not guessed"


def test_the_next_days_file_closes_the_day(tmp_path: Path) -> None:
    write_lines(tmp_path / "v-2026-11-22.json", [disk(86393, 5)])
    write_lines(
        tmp_path / "v-2026-11-23.json",
        [disk(86403, 25), disk(86413, 99)] + [disk(90000 + n, 1) for n in range(5)],
    )
    found = built(options([str(tmp_path / "v-%Y-%m-%d.json")]), DAY, tmp_path / "raw")
    assert found["datatargets/readbytes"].values[-1, 0] == 20
    reported = collectd.SOURCE.inputs(options([str(tmp_path / "v-%Y-%m-%d.json")]), DAY)
    write_lines(tmp_path / "v-2026-11-23.json", [disk(86403, 25)])
    assert collectd.SOURCE.inputs(options([str(tmp_path / "v-%Y-%m-%d.json")]), DAY) == reported, (
        "a next day that grows makes this one no other"
    )


@pytest.mark.parametrize("backwards", [False, True])
def test_a_next_days_file_is_read_whole(tmp_path: Path, backwards: bool) -> None:
    """Dumps are in no order."""
    some = [disk(86403 + 10 * n, 1000 + n, device=f"sd{d}") for n in range(3000) for d in (1, 2)]
    write_lines(tmp_path / "v-2026-11-22.json", [disk(86393, 900, device=f"sd{d}") for d in (1, 2)])
    write_lines(tmp_path / "v-2026-11-23.json", some[:: -1 if backwards else 1])
    found = built(options([str(tmp_path / "v-%Y-%m-%d.json")]), DAY, tmp_path / "raw")
    assert found["datatargets/readbytes"].values[-1].tolist() == [100.0, 100.0]


def test_files_that_are_named_by_another_zones_dates(tmp_path: Path) -> None:
    tokyo = Day(dt.date(2026, 11, 23), "Asia/Tokyo")  # from 15:00 UTC of the 22nd
    for date, first in (("2026-11-22", 54003), ("2026-11-23", 86403)):
        write_lines(
            tmp_path / f"v-{date}.json",
            [
                disk(first + 10 * n, first + 10 * n)
                for n in range(3240 if date == "2026-11-22" else 5401)
            ],
        )
    template = [str(tmp_path / "v-%Y-%m-%d.json")]
    found = built(options(template), tokyo, tmp_path / "raw")
    assert np.isfinite(found["datatargets/readbytes"].values).all()
    assert {name for name, *_ in collectd.SOURCE.inputs(options(template), tokyo)["files"]} == {
        str(tmp_path / f"v-2026-11-{n}.json") for n in (22, 23)
    }


def test_a_file_that_is_rotated_late(tmp_path: Path) -> None:
    write_lines(tmp_path / "v-2026-11-21.json", [disk(3 + 10 * n, 10 * n) for n in range(30)])
    write_lines(
        tmp_path / "v-2026-11-22.json", [disk(303 + 10 * n, 300 + 10 * n) for n in range(30)]
    )
    template = [str(tmp_path / "v-%Y-%m-%d.json")]
    assert np.isnan(
        built(options(template), DAY, tmp_path / "raw1")["datatargets/readbytes"].values[0, 0]
    )
    values = built(options(template, neighbours=1), DAY, tmp_path / "raw2")[
        "datatargets/readbytes"
    ].values
    assert values[:59, 0].tolist() == [10.0] * 59


def test_stamps_of_nanoseconds(tmp_path: Path) -> None:
    documents = [
        as_document(disk(0, 1.0)) | {"@timestamp": f"2026-11-22T00:00:{n:02d}.123456789Z"}
        for n in (10, 20, 30)
    ]
    documents += [
        as_document(disk(0, 1.0)) | {"@timestamp": f"2026-11-22T01:00:{n:02d}.123456+01:00"}
        for n in (40, 50)
    ]
    (tmp_path / "d.json").write_text("\n".join(map(json.dumps, documents)))
    found = built(options(tmp_path / "d.json", "elasticsearch"), DAY, tmp_path / "raw")
    assert found["datatargets/readbytes"].values[:5, 0].tolist() == [10.0] * 5


@pytest.mark.parametrize(
    "header",
    [
        b"epoch,re\xf4d,write",
        b"epoch,read,read",
        b"time,read,write",
        b"",
        b"epoch,r\xc3\xa9ad,write",
    ],
)
def test_a_csv_file_whose_header_is_damaged(tmp_path: Path, header: bytes) -> None:
    write_csv(
        tmp_path / "csv",
        [disk(10 * n + 3, 5 * n, host) for n in range(3) for host in ("alpha", "omega")],
    )
    path = tmp_path / "csv/omega/disk-sd1/disk_octets-2026-11-22"
    path.write_bytes(header + b"\n" + path.read_bytes().partition(b"\n")[2])
    samples, findings, _ = parsed(options(tmp_path / "csv", "csv"), DAY, tmp_path / "raw")
    assert {name for piece in samples for name in piece.names} == {"alpha:sd1"}
    assert "omega/disk-sd1/disk_octets-2026-11-22 (line 1: epoch,NAME,... is expected" in str(
        next(iter(findings))
    )


def test_folders_with_pipes_and_names_with_colons(tmp_path: Path) -> None:
    write_csv(
        tmp_path / "csv",
        [
            (n * 10 + 3, "oss1", "interface", "eth0:1", "if_octets", "", {"rx": n * 50, "tx": 0})
            for n in range(3)
        ],
    )
    os.mkfifo(tmp_path / "csv/oss1/interface-eth0:1/if_octets-pipe-2026-11-22")
    found = built(options(tmp_path / "csv", "csv"), DAY, tmp_path / "raw")
    assert found["dataservers/netinbytes"].values[:2, 0].tolist() == [50.0, 50.0]


def test_many_files_are_looked_at_in_a_moment(tmp_path: Path) -> None:
    """12,000 files: quadratic work would take minutes."""
    for n in range(120):
        folder = tmp_path / f"csv/h{n}/disk-sda"
        folder.mkdir(parents=True)
        for m in range(50):
            for date in (22, 23):
                (folder / f"disk_octets-{m}-2026-11-{date}").touch()
    found = options([str(tmp_path / "csv/*/*/*-%Y-%m-%d")], "csv")
    assert len(collectd.SOURCE.inputs(found, DAY)["files"]) == 6000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "{}\n",
        "[]",
        '"x"',
        "[[[",
        "{" * 3000,
        "\x00\x01",
        '{"hits": {"hits": []}}',
        '[1, 2, {"a": "\\ud800"}]',
    ],
)
@pytest.mark.parametrize("form", ["elasticsearch", "write_http"])
def test_files_without_a_value_list(tmp_path: Path, text: str, form: str) -> None:
    (tmp_path / "x.json").write_text(text)
    (tmp_path / "raw").mkdir()
    with pytest.raises(
        NoData
        if form == "elasticsearch"
        and text != '"x"'
        and "{{" not in text
        and "\x00" not in text
        and "[1" not in text
        else (NoData, SourceError)
    ):
        collectd.SOURCE.fetch(options(tmp_path / "x.json", form), DAY, tmp_path / "raw")


def test_damage_between_pages_costs_the_damaged_document(tmp_path: Path) -> None:
    some = [disk(10 * n + 3, float(n)) for n in range(1, 40)]
    write_pages(tmp_path / "p.json", some)
    text = (tmp_path / "p.json").read_text().replace('"read": 20.0', '"read": 2}0,', 1)
    (tmp_path / "p.json").write_text(text)
    samples, findings, counts = parsed(
        options(tmp_path / "p.json", "elasticsearch"), DAY, tmp_path / "raw"
    )
    assert counts["disk"] == 38
    assert findings.total(FindingKind.UNREADABLE) >= 1
    assert "at character" in str(next(iter(findings)))
    assert sum(len(piece) for piece in samples) == 2 * 38


def test_a_gzip_that_breaks_off_is_read_up_to_there(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    some = [disk(10 * n + 3, float(rng.random())) for n in range(2000)]
    whole = gzip.compress(
        "".join(json.dumps(as_write_http(record)) + "\n" for record in some).encode()
    )
    (tmp_path / "v.json.gz").write_bytes(whole[: len(whole) // 2])
    _, findings, counts = parsed(
        options(tmp_path / "v.json.gz", store_rates=True), DAY, tmp_path / "raw"
    )
    assert 500 < counts["disk"] < 1500
    assert "v.json.gz" in str(next(iter(findings)))


def test_hostile_names_are_only_names(tmp_path: Path) -> None:
    names = ["../../evil", "a'; DROP TABLE x", "<script>", "ünï", "a/b:c", "x" * 200]
    found, findings = made(
        tmp_path, [disk(13, 1.0, name, name) for name in [*names, "nul\0", "x" * 300, "line\nfeed"]]
    )
    assert set(found["datatargets/readbytes"].columns) == {f"{name}:{name}" for name in names}
    assert findings.total("names that cannot be archived") == 6  # read and written


@pytest.mark.parametrize(
    ("keys", "match"),
    [
        ({"form": "csv", "files": []}, "needs either files or url"),
        ({"form": "csv", "files": [], "url": "http://x"}, "read from files"),
        ({"form": "elasticsearch", "files": ["x"], "url": "http://x"}, "needs either files or url"),
        ({"form": "elasticsearch", "files": [], "url": "http://me:secret@x"}, "holds credentials"),
        ({"form": "elasticsearch", "files": [], "url": "ftp://x"}, "must begin with http"),
        ({"form": "csv", "files": ["x"], "devices": "("}, "not a regular expression"),
        ({"form": "logstash", "files": ["x"]}, "elasticsearch"),
        ({"form": "csv", "files": ["x"], "index": "y"}, "index: not used with files and form csv"),
        ({"form": "write_http", "files": ["x"], "arrival_field": "y"}, "arrival_field: not used"),
        ({"form": "elasticsearch", "url": "http://x?key=1"}, "has a query"),
        ({"form": "elasticsearch", "url": "http://x", "user": "me"}, "given together"),
        ({"form": "elasticsearch", "url": "http://x", "password_env": "P"}, "given together"),
    ],
)
def test_wrong_keys(keys: dict[str, Any], match: str) -> None:
    with pytest.raises(ValidationError, match=match):
        options(**keys)


# Real data


@pytest.mark.parametrize(
    ("name", "form", "rates"),
    [("write_http.jsonl.gz", "write_http", True), ("csv.tar.gz", "csv", False)],
)
def test_siteday(tmp_path: Path, name: str, form: str, rates: bool) -> None:
    found = built(
        options(SITEDAY / name, form, store_rates=rates, timestep=5), DAY, tmp_path / "raw"
    )
    grid = found["datatargets/writebytes"]
    assert grid.columns == ("oss01:loop0", "oss01:loop1")
    written = np.nansum(grid.values, axis=0) / 2**20
    assert written == pytest.approx([4148.0, 2321.9], rel=0.001)
    assert np.nanmean(found["dataservers/cpuload"].values) + np.nanmean(
        found["dataservers/cpuidle"].values
    ) == pytest.approx(100)


def test_the_sample_of_elasticsearch_equals_a_plain_reading(tmp_path: Path, real: Path) -> None:
    path = real / "collectd_es/sample_collectdes-full.json.gz"
    day = Day(dt.date(2017, 12, 13))
    expected: dict[str, dict[tuple[int, str], float]] = {
        "datatargets/readbytes": {},
        "datatargets/writebytes": {},
    }
    seen = set()
    with gzip.open(path) as file:
        for page in json.load(file):
            for hit in page:
                d = hit["_source"]
                key = d["@timestamp"], d["hostname"], d["plugin_instance"]
                if key in seen:
                    continue
                seen.add(key)
                second = dt.datetime.fromisoformat(d["@timestamp"]).timestamp() - 10
                row = math.floor((second - day.start) / 10)
                for name, field in (
                    ("datatargets/readbytes", "read"),
                    ("datatargets/writebytes", "write"),
                ):
                    cell = row, f"{d['hostname']}:{d['plugin_instance']}"
                    expected[name][cell] = expected[name].get(cell, 0.0) + d[field] * 10
    found = built(options(path, "elasticsearch"), day, tmp_path / "raw")
    assert set(found) == set(expected)
    for name, cells in expected.items():
        grid = found[name]
        assert sorted(grid.columns) == sorted({column for _, column in cells})
        values = np.full(grid.values.shape, np.nan)
        for (row, column), value in cells.items():
            values[row, grid.columns.index(column)] = value
        np.testing.assert_allclose(
            grid.values, values, rtol=1e-14, atol=0, equal_nan=True, err_msg=name
        )
        assert np.isfinite(grid.values).sum() > 6000


def test_a_value_that_was_not_a_number_is_a_gap(tmp_path: Path) -> None:
    """Logstash's codec writes 0 for NaN, and says so in a tag."""
    lines = [
        {
            "@timestamp": f"{DAY}T00:00:{second:02}.000Z",
            "host": "oss1",
            "plugin": "cpu",
            "plugin_instance": "0",
            "collectd_type": "percent",
            "type_instance": "idle",
            "value": value,
            **({"tags": ["a", "_collectdNaN"]} if tagged else {}),
        }
        for second, value, tagged in ((15, 60, False), (25, 0, True), (35, 60, False))
    ]
    path = tmp_path / "v.json"
    path.write_text("\n".join(map(json.dumps, lines)))
    found = options([str(path)], form="elasticsearch", timestep=10, interval=10)
    made = built(found, DAY, tmp_path / "raw")
    values = made["dataservers/cpuload"].values[:, 0]
    np.testing.assert_array_equal(values[:3], [40.0, np.nan, 40.0])


def test_a_notification_is_no_damage(tmp_path: Path) -> None:
    value_list = {
        "values": [5, 7],
        "dsnames": ["read", "write"],
        "time": DAY.start + 10,
        "interval": 10.0,
        "host": "oss1",
        "plugin": "disk",
        "plugin_instance": "sda",
        "type": "disk_octets",
        "type_instance": "",
    }
    notification = {
        "time": DAY.start,
        "severity": "WARNING",
        "host": "oss1",
        "plugin": "df",
        "message": "above the threshold",
    }
    path = tmp_path / "w.json"
    path.write_text(json.dumps([value_list, notification]) + "\n")
    found = options([str(path)], form="write_http")
    _, findings, _ = parsed(found, DAY, tmp_path / "raw")
    assert not findings.total(FindingKind.UNREADABLE)


def test_commands_in_place_of_json_are_named(tmp_path: Path) -> None:
    """What write_http sends unless its Format is JSON."""
    path = tmp_path / "w.txt"
    path.write_text("PUTVAL oss1/disk-sda/disk_octets interval=10.000 1795305604.265:0:0\n")
    with pytest.raises(SourceError, match=r"w\.txt: line 1 is not JSON: 'PUTVAL .*Format to JSON"):
        parsed(options([str(path)]), DAY, tmp_path / "raw")


def test_type_instances_are_parts_of_their_own(tmp_path: Path) -> None:
    """Interfaces in the type instance, as older versions of collectd have them."""
    lists = [
        {
            "values": [rate, 0.0],
            "dsnames": ["rx", "tx"],
            "time": DAY.start + 10 * n + 10,
            "interval": 10.0,
            "host": "oss1",
            "plugin": "interface",
            "type": "if_octets",
            "type_instance": name,
        }
        for n in range(3)
        for name, rate in (("eth0", 100.0), ("ib0", 500.5), ("lo", 7.0))
    ]
    path = tmp_path / "w.json"
    path.write_text("\n".join(map(json.dumps, lists)))
    found = options([str(path)], store_rates=True, timestep=10)
    made = built(found, DAY, tmp_path / "raw")["dataservers/netinbytes"]
    assert made.columns == ("oss1",)
    np.testing.assert_allclose(made.values[:3, 0], 6005.0)
