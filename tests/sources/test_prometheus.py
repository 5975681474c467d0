"""The Prometheus source: selectors, saved answers, and a server that refuses."""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import http.server
import io
import json
import os
import random
import tarfile
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tools import schemas
from archive_tools.core.day import Day
from archive_tools.core.errors import ConfigError, NoData, SourceError
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from pipeline.schemas import source_maps
from pipeline.site import validated
from pipeline.sources import prometheus
from pipeline.sources import registry as sources
from pipeline.sources._shared.hosts import usable
from pipeline.sources._shared.prometheus_api import Span, numbers
from pipeline.sources.prometheus import placing
from pipeline.sources.prometheus.query import ExporterRows, Matcher, Selector, host_name, lines
from pipeline.testing.contract import Case, Contract, assert_same, built, grids, parsed
from tests.support.mutants import mutated
from tests.support.prometheus_day import DAY, START, Record, labels, matrix, options, records


def every(values: Sequence[float | str], first: int = 0, step: int = 5) -> list[tuple[int, str]]:
    return [(START + first + step * n, str(value)) for n, value in enumerate(values)]


def saved(folder: Path, content: Any, name: str = "answers.json") -> prometheus.Options:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(content))
    return options(answers=str(folder / "*"))


# The contract


def write(folder: Path, given: Sequence[Record]) -> None:
    """A file for each metric and one for each half of the day of disks, as curl would have saved
    them.
    """
    for old in folder.iterdir():
        old.unlink()
    files: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], list[tuple[int, str]]]] = {}
    for r in given:
        file = f"{DAY}-{r.name}{r.row // 4 if 'disk' in r.name else ''}.json"
        files.setdefault(file, {}).setdefault((r.name, r.more), []).append(
            (START + 5 * r.row, f"{r.value:g}")
        )
    for file, series in files.items():
        (folder / file).write_text(
            json.dumps(
                matrix(
                    *(
                        ({"__name__": name, **dict(more)}, values)
                        for (name, more), values in series.items()
                    )
                )
            )
        )


def corrupt(folder: Path) -> str:
    victim = min(folder.glob("*written_bytes*"))
    victim.write_bytes(victim.read_bytes()[:-200])
    return victim.name


class TestContract(Contract):
    @pytest.fixture
    def case(self) -> Case:
        return Case(
            DAY,
            records(),
            write,
            lambda folder: options(answers=str(folder / "%Y-%m-%d-*.json")),
            corrupt,
        )


# Options and selectors


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "give either url"),
        ({"url": "http://h", "answers": "x"}, "not both"),
        ({"answers": "x", "exporters": []}, "exporters"),
        ({"answers": "x", "exporters": ["mine"]}, "node_exporter"),
        ({"answers": "x", "extra": {"a-b": "c"}}, "not a label name"),
        ({"answers": "x", "host_label": "1"}, "not a label name"),
        ({"url": "http://me:secret@h"}, "credentials"),
        ({"answers": "x", "points": 1}, "points"),
    ],
)
def test_wrong_keys_are_named(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        validated(prometheus.Options, {"kind": "prometheus", **keys}, "site.json")


@pytest.mark.parametrize(
    "text",
    ["up", "a:b", 'x{a="b"}', 'x{a="b",c!="d",e=~"f.*",g!~"h"}', 'x{a="b\\"},{\\\\"}', 'x{a=""}'],
)
def test_selectors(text: str) -> None:
    assert str(Selector.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", 1),
        ("1x", 1),
        ("x y", 2),
        ("x{", 3),
        ("x{}", 3),
        ('x{a="b"', 8),
        ('x{a="b"}[5m]', 8),
        ('x{a="b",}', 9),
        ("x{a='b'}", 3),
        ('x{a=="b"}', 3),
        ('x{a="b" c="d"}', 9),
    ],
)
def test_what_is_no_selector_is_named_with_its_place(text: str, place: int) -> None:
    with pytest.raises(ConfigError, match=f"wrong at character {place}"):
        Selector.parse(text)


@pytest.mark.parametrize("text", ['x{a=~"("}', 'x{a="\\q"}'])
def test_a_value_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match="the value of a is wrong"):
        Selector.parse(text)


NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]*", fullmatch=True)


@given(NAMES, st.lists(st.tuples(NAMES, st.sampled_from(["=", "!="]), st.text()), max_size=3))
def test_a_selector_is_read_back(name: str, matchers: list[tuple[str, str, str]]) -> None:
    selector = Selector(name, tuple(Matcher(*matcher) for matcher in matchers))
    assert Selector.parse(str(selector)) == selector


def test_matchers() -> None:
    selector = Selector.parse('x{a="1",b!="2",c=~"3|4",d!~"5.*"}')
    good = {"__name__": "x", "a": "1", "c": "4"}
    assert selector.matches(good)
    assert not any(
        selector.matches({**good, **wrong})
        for wrong in ({"__name__": "y"}, {"a": ""}, {"b": "2"}, {"c": "34"}, {"d": "55"})
    )


def test_queries() -> None:
    cpu, *_ = lines(["node_exporter"])["dataservers/cpuidle"]
    (request,) = cpu.requests()
    series = 'node_cpu_seconds_total{mode="idle",cluster="a\\"b"}'
    assert (
        request.query({"cluster": 'a"b'}, 60) == f"avg without (cpu) (min_over_time({series}[60s]))"
    )
    ((free,),) = (each.requests() for each in lines(["node_exporter"])["dataservers/memfree"])
    assert free.query({}, 60) == "last_over_time(node_memory_MemFree_bytes[60s])"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            'select = "a", componnent = "{host}"',
            "key node_exporter.component is missing | key node_exporter.componnent is not known;"
            " allowed: select, component, part, filter, without; did you mean component?",
        ),
        (
            'select = "a{b=c}", component = "{host}"',
            "key node_exporter.select: selector 'a{b=c}' is wrong at character 3",
        ),
        ('select = "a", component = "x", filter = "device"', "key node_exporter.filter: Input"),
    ],
)
def test_a_wrong_row_of_the_table_is_refused(row: str, words: str) -> None:
    text = f'"datatargets/readbytes" = {{reports = "counter", node_exporter = {{{row}}}}}'
    with pytest.raises(ConfigError) as caught:
        source_maps.parse_source_map(text, schemas.catalogue(), "p.toml", ExporterRows)
    assert f"p.toml: datatargets/readbytes: {words}" in str(caught.value)


def test_both_exporters_together_tell_all_of_the_table() -> None:
    assert set(lines(["lustre_exporter", "node_exporter"])) == {
        metric.dataset.name for metric in sources.find("prometheus").metrics()
    }
    assert {group.partition("/")[0] for group in lines(["lustre_exporter"])} == {
        "datatargets",
        "mdtargets",
        "fullness",
    }


@pytest.mark.parametrize(
    ("label", "host"),
    [
        ("oss1:9100", "oss1"),
        ("oss1", "oss1"),
        ("[::1]:9100", "[::1]"),
        ("fe80::1", "fe80::1"),
        ("10.0.0.1:80", "10.0.0.1"),
        ("", ""),
    ],
)
def test_host_names(label: str, host: str) -> None:
    assert host_name(label) == host


def test_names_that_a_file_can_hold() -> None:
    assert usable("oss1:sda")
    assert not any(usable(name) for name in ("", "a\0b", "a\nb", "x" * 300))


# Saved answers


def test_disks_of_servers_by_their_roles(tmp_path: Path) -> None:
    series = [
        (labels("node_disk_read_bytes_total", f"{host}:9100", device=device), every([0, 10, 20]))
        for host in ("oss1", "mds1", "login1")
        for device in ("sda", "nvme0n1", "loop7")
    ]
    found = saved(tmp_path / "in", matrix(*series)).model_copy(
        update={"mdservers": "mds.*", "dataservers": "oss.*", "devices": "sd.*|nvme.*"}
    )
    made = built(found, DAY, tmp_path / "raw")
    assert {name: grid.columns for name, grid in made.items()} == {
        "datatargets/readbytes": ("oss1:sda", "oss1:nvme0n1"),
        "mdtargets/readbytes": ("mds1:sda", "mds1:nvme0n1"),
    }
    assert made["datatargets/readbytes"].values[:2].tolist() == [[10, 10], [10, 10]]


def test_interfaces_are_added_up(tmp_path: Path) -> None:
    series = [
        (labels("node_network_receive_bytes_total", device=device), every([0, grows]))
        for device, grows in (("lo", 1000), ("ib0", 100), ("eth0", 10))
    ]
    found = saved(tmp_path / "in", matrix(*series))
    assert built(found, DAY, tmp_path / "raw")["dataservers/netinbytes"].values[0].tolist() == [110]
    only = found.model_copy(update={"interfaces": "ib.*"})
    assert built(only, DAY, tmp_path / "raw2")["dataservers/netinbytes"].values[0].tolist() == [100]


def test_memory_in_use_is_missing_where_a_figure_is(tmp_path: Path) -> None:
    figures = {
        "MemTotal": [1000, 1000],
        "MemFree": [300, 300],
        "Buffers": [50, 50],
        "Cached": [200, 200],
        "SReclaimable": [25, 25],
        "SUnreclaim": [5],
    }
    series = [
        (labels(f"node_memory_{what}_bytes"), every(values)) for what, values in figures.items()
    ]
    series += [
        (labels(f"node_memory_{what}_bytes", "oss2:9100"), every(values))
        for what, values in figures.items()
        if what != "Cached"
    ]
    made = built(saved(tmp_path / "in", matrix(*series)), DAY, tmp_path / "raw")
    used = made["dataservers/memused"]
    assert used.columns == ("oss1", "oss2")
    assert used.values[0, 0] == 420
    assert np.isnan(used.values[1:, 0]).all(), "SUnreclaim was not measured"
    assert np.isnan(used.values[:, 1]).all(), "oss2 never told Cached"
    assert made["dataservers/memfree"].values[1].tolist() == [300, 300]


def test_the_mean_over_cores(tmp_path: Path) -> None:
    series = [
        (labels("node_cpu_seconds_total", cpu=cpu, mode="idle"), every([0, busy, 2 * busy]))
        for cpu, busy in (("0", 5), ("1", 2.5))
    ]
    made = built(saved(tmp_path / "in", matrix(*series)), DAY, tmp_path / "raw")
    assert made["dataservers/cpuidle"].values[:2].tolist() == [[75], [75]]
    assert made["dataservers/cpuload"].values[:2].tolist() == [[25], [25]]


def test_a_reset_and_a_gap(tmp_path: Path) -> None:
    values = [*every([100, 110, 5, 15]), *every([45, 50], first=35)]
    found = saved(
        tmp_path / "in", matrix((labels("node_disk_read_bytes_total", device="sda"), values))
    )
    samples, _, _ = parsed(found, DAY, tmp_path / "raw")
    findings = Findings()
    cells = grids(found, DAY, samples, findings)["datatargets/readbytes"].values[:8, 0]
    np.testing.assert_array_equal(cells, [10, np.nan, 10, np.nan, np.nan, np.nan, 30, 5])
    assert findings.total("resets") == 1


def test_lustre_exporter(tmp_path: Path) -> None:
    def lustre(
        name: str, target: str, *values: float, **more: str
    ) -> tuple[dict[str, str], list[tuple[int, str]]]:
        component = "ost" if "OST" in target else "mdt"
        return {
            "__name__": f"lustre_{name}",
            "instance": "oss1:32221",
            "component": component,
            "target": target,
            **more,
        }, every(values)

    content = matrix(
        lustre("read_bytes_total", "fs-OST0000", 0, 7),
        lustre("read_bytes_total", "fs-MDT0000", 0, 9),
        lustre("stats_total", "fs-MDT0000", 0, 3, operation="open"),
        lustre("stats_total", "fs-MDT0000", 0, 4, operation="statfs"),
        lustre("capacity_kilobytes", "fs-OST0000", 100, 100),
        lustre("free_kilobytes", "fs-OST0000", 90, 80),
        lustre("inodes_maximum", "fs-OST0000", 50),
        lustre("inodes_free", "fs-OST0000", 20),
        (labels("node_disk_read_bytes_total", device="sda"), every([0, 1])),
        (labels("node_disk_written_bytes_total", device="sda"), every([0, 1])),
    )
    found = saved(tmp_path / "in", content).model_copy(
        update={"exporters": ["lustre_exporter", "node_exporter"]}
    )
    made = built(found, DAY, tmp_path / "raw")
    first = {
        name: dict(zip(grid.columns, grid.values[0].tolist(), strict=True))
        for name, grid in made.items()
    }
    assert first == {
        "datatargets/readbytes": {"fs-OST0000": 7},
        "datatargets/writebytes": {"oss1:sda": 1},
        "mdtargets/opens": {"fs-MDT0000": 3},
        "mdtargets/statfss": {"fs-MDT0000": 4},
        "fullness/bytestotal": {"fs-OST0000": 102400},
        "fullness/bytes": {"fs-OST0000": 10240},
        "fullness/inodestotal": {"fs-OST0000": 50},
        "fullness/inodes": {"fs-OST0000": 30},
    }


def test_forms_of_saved_files(tmp_path: Path) -> None:
    one, two, three = (
        matrix((labels("node_disk_read_bytes_total", f"oss{n}", device="sda"), every([0, n])))
        for n in (1, 2, 3)
    )
    folder = tmp_path / "in"
    saved(folder, one)
    (folder / "list.json.gz").write_bytes(gzip.compress(json.dumps([two]).encode()))
    with tarfile.open(folder / "many.tar.gz", "w:gz") as tar:
        content = gzip.compress(json.dumps({"any name": three}).encode())
        member = tarfile.TarInfo("day/three.json.gz")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    for answers in (str(folder), [str(folder / "*.json"), str(folder / "*.gz")]):
        made = built(options(answers=answers), DAY, tmp_path / f"raw{len(answers)}")
        assert made["datatargets/readbytes"].columns == ("oss1:sda", "oss2:sda", "oss3:sda")
        assert made["datatargets/readbytes"].values[0].tolist() == [1, 2, 3]


def test_extra_labels_and_another_host_label(tmp_path: Path) -> None:
    name = "node_disk_read_bytes_total"
    content = matrix(
        ({"__name__": name, "device": "sda", "host": "a", "cluster": "x"}, every([0, 1])),
        ({"__name__": name, "device": "sda", "host": "b", "cluster": "y"}, every([0, 1])),
        ({"__name__": name, "device": "sda", "cluster": "x"}, every([0, 1])),
    )
    found = saved(tmp_path / "in", content).model_copy(
        update={"extra": {"cluster": "x"}, "host_label": "host"}
    )
    samples, findings, _ = parsed(found, DAY, tmp_path / "raw")
    assert samples[0].names == ("a:sda",)
    assert findings.counts_at("datatargets/readbytes") == {
        "series whose labels name no component": 1
    }


def test_what_is_not_measured_is_not_in_the_samples(tmp_path: Path) -> None:
    values = [
        (START, "1"),
        (START + 5, "NaN"),
        (START + 10, "+Inf"),
        (START + 15, "-Inf"),
        (START + 20, "9"),
        (START - 1, "0"),
        (DAY.end + 5, "99"),
    ]
    found = saved(
        tmp_path / "in", matrix((labels("node_disk_read_bytes_total", device="sda"), values))
    )
    samples, findings, _ = parsed(found, DAY, tmp_path / "raw")
    assert samples[0].time.tolist() == [START, START + 20]
    assert samples[0].value.tolist() == [1, 9]
    assert not len(findings)


def test_values_that_are_no_numbers_cost_themselves(tmp_path: Path) -> None:
    values: list[Any] = [
        (START, "1"),
        (START + 5, "garbage"),
        (START + 10, None),
        [START + 15],
        (START + 20, "9"),
        (START + 25, "1e999"),
    ]
    other = labels("node_disk_read_bytes_total", device="sdb")
    found = saved(
        tmp_path / "in",
        matrix(
            (labels("node_disk_read_bytes_total", device="sda"), values), (other, every([1, 2]))
        ),
    )
    samples, findings, _ = parsed(found, DAY, tmp_path / "raw")
    assert sorted(samples[0].value.tolist()) == [1, 1, 2, 9]
    assert findings.total(FindingKind.UNREADABLE) == 3
    reported = str(next(iter(findings)))
    assert "answers.json" in reported
    assert "value 1" in reported
    assert "sda" in reported


def test_an_answer_that_failed_costs_itself(tmp_path: Path) -> None:
    good = (labels("node_disk_read_bytes_total", device="sda"), every([1, 2]))
    content = {
        "good": matrix(good),
        "refused": {"status": "error", "errorType": "timeout", "error": "query timed out"},
        "vector": {"status": "success", "data": {"resultType": "vector", "result": []}},
        "partial": matrix(
            (labels("node_disk_read_bytes_total", device="sdb"), every([1, 3])), isPartial=True
        ),
        "no answer": 5,
    }
    samples, findings, _ = parsed(saved(tmp_path / "in", content), DAY, tmp_path / "raw")
    assert samples[0].names == ("oss1:sda", "oss1:sdb")
    assert findings.total(FindingKind.UNREADABLE) == 4
    assert "query timed out" in str(next(iter(findings)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'"text"',
        b"\xff\xfe",
        b"[" * 100_000,
        (
            b'{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {"a":'
            b' "\xff"}}]}}'
        ),
    ],
)
def test_what_is_no_answer_is_named(tmp_path: Path, content: bytes) -> None:
    found = saved(
        tmp_path / "in", matrix((labels("node_disk_read_bytes_total", device="sda"), every([1, 2])))
    )
    (tmp_path / "in/bad.json").write_bytes(content)
    samples, findings, _ = parsed(found, DAY, tmp_path / "raw")
    assert samples[0].value.tolist() == [1, 2]
    assert [finding.where.rpartition("/")[2] for finding in findings] == ["bad.json"]
    assert findings.total(FindingKind.UNREADABLE) == 1


@pytest.mark.parametrize(
    "values",
    [
        b'[[1,"\xff"]]',
        b"[[1," + b"9" * 5000 + b"]]",
        b"[" * 90_000 + b"]" * 90_000,
        b"[[1,2],",
        b'{"1":2}',
        b"[[1,{}]]",
    ],
)
def test_values_that_cannot_be_read_cost_their_series(values: bytes) -> None:
    pairs, bad, first = numbers(msgspec.Raw(values))
    assert (len(pairs), bad) == (0, 1)
    assert 0 < len(first) < 200


def test_mutants_of_an_answer_cost_no_other_file(tmp_path: Path) -> None:
    chance = random.Random(5)
    good, bad = (
        (labels("node_disk_read_bytes_total", device=device), every([1, 2, 3, "NaN", "1e5"]))
        for device in ("sda", "sdb")
    )
    found = saved(tmp_path / "in", matrix(good), "good.json")
    text = json.dumps(matrix(bad, bad)).encode()
    named = 0
    for number in range(int(os.environ.get("TOKIO_FUZZ", 300))):
        (tmp_path / "in/bad.json").write_bytes(mutated(text, chance))
        samples, findings, _ = parsed(found, DAY, tmp_path / f"raw{number}")
        read = next(each for each in samples if each.dataset == "datatargets/readbytes")
        assert read.value[read.column == read.names.index("oss1:sda")].tolist() == [1, 2, 3, 1e5]
        named += findings.total(FindingKind.UNREADABLE) > 0
    assert named, "damage is found and named"


def test_large_datasets_come_in_pieces_by_components(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = [
        (labels("node_disk_read_bytes_total", f"h{n}:1", device="sda"), every([0, n]))
        for n in range(5)
    ]
    series += [
        (labels(f"node_memory_{what}_bytes", f"h{n}:1"), every([9]))
        for n in range(3)
        for what in ("MemTotal", "MemFree")
    ]
    found = saved(tmp_path / "in", matrix(*series))
    whole = built(found, DAY, tmp_path / "whole")
    monkeypatch.setattr(placing, "PART", 3)
    samples, _, _ = parsed(found, DAY, tmp_path / "raw")
    assert [each.names for each in samples if each.dataset == "datatargets/readbytes"] == [
        ("h0:sda", "h1:sda"),
        ("h2:sda", "h3:sda"),
        ("h4:sda",),
    ]
    assert [len(each) for each in samples if each.dataset == "dataservers/memused"] == [
        4,
        2,
    ], "all terms of a component are in one piece"
    assert_same(whole, grids(found, DAY, samples))


def test_parts_of_different_servers_are_not_mixed_up(tmp_path: Path) -> None:
    series = [
        (labels("node_network_receive_bytes_total", host, device=device), every([0, grows]))
        for host, device, grows in (("a", "b/c", 1), ("a/b", "c", 10), ("a", "b", 100))
    ]
    made = built(saved(tmp_path / "in", matrix(*series)), DAY, tmp_path / "raw")[
        "dataservers/netinbytes"
    ]
    assert dict(zip(made.columns, made.values[0].tolist(), strict=True)) == {"a": 101, "a/b": 10}


def test_what_a_file_may_expand_to_says_what_is_built() -> None:
    assert "max_expanded_mb" not in prometheus.Options.ORIGIN


def test_labels_are_what_anyone_wrote(tmp_path: Path) -> None:
    name = "node_disk_read_bytes_total"
    hostile = [
        labels(name, device="a\0b"),
        labels(name, device="x" * 1000),
        labels(name, "", device="sda"),
        {"__name__": name, "instance": "h"},
        {"instance": "h"},
    ]
    hostile += [labels(name, "{job}", device="{host}")]
    samples, findings, _ = parsed(
        saved(tmp_path / "in", matrix(*((each, every([0, 1])) for each in hostile))),
        DAY,
        tmp_path / "raw",
    )
    assert samples[0].names == ("{job}:{host}",)
    assert findings.total("series whose labels name no component") == 4
    assert findings.total("series without a metric name") == 1


def test_two_series_of_one_component(tmp_path: Path) -> None:
    """Two servers scrape the same exporter; a counter is then the larger of the two at any time."""
    name = "node_disk_read_bytes_total"
    one, two = ({**labels(name, device="sda"), "replica": replica} for replica in "ab")
    samples, findings, _ = parsed(
        saved(tmp_path / "in", matrix((one, every([0, 10, 20])), (two, every([0, 11])))),
        DAY,
        tmp_path / "raw",
    )
    assert findings.total("components of several series") == 1
    assert grids(options(answers="x"), DAY, samples)["datatargets/readbytes"].values[
        :2, 0
    ].tolist() == [11, 9]


def test_there_are_no_saved_files(tmp_path: Path) -> None:
    with pytest.raises(NoData, match="no file"):
        prometheus.SOURCE.fetch(options(answers=str(tmp_path / "*.json")), DAY, tmp_path)


@given(st.lists(st.floats(), min_size=1, max_size=30))
def test_every_finite_number_is_read_to_the_last_bit(values: list[float]) -> None:
    pairs, bad, _ = numbers(
        msgspec.Raw(
            json.dumps(
                [[n, f"+{v}" if v == np.inf else repr(v)] for n, v in enumerate(values)]
            ).encode()
        )
    )
    assert not bad
    np.testing.assert_array_equal(pairs[:, 1], values)


# A server that answers as the documentation of the HTTP API says


Respond = Callable[[dict[str, str]], tuple[int, Any]]


@pytest.fixture
def serve() -> Iterator[Callable[[Respond], tuple[str, list[dict[str, str]]]]]:
    """Starts a server that answers by a function; gives its URL and the forms that it was sent."""
    running: list[http.server.ThreadingHTTPServer] = []

    def start(respond: Respond) -> tuple[str, list[dict[str, str]]]:
        seen: list[dict[str, str]] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = dict(
                    urllib.parse.parse_qsl(
                        self.rfile.read(int(self.headers["Content-Length"])).decode()
                    )
                )
                form["path"], form["authorization"] = (
                    self.path,
                    self.headers.get("Authorization", ""),
                )
                seen.append(form)
                status, content = respond(form)
                body = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # who asked has gone
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}", seen

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


EMPTY = matrix()


def disks(form: dict[str, str], step: int = 3600) -> tuple[int, Any]:
    """One disk that reads a byte a second, asked at any time; nothing else."""
    if "node_disk_read_bytes_total" not in form["query"]:
        return 200, EMPTY
    times = np.arange(float(form["start"]), float(form["end"]) + 0.0005, step)
    return 200, matrix(
        (
            {"__name__": "node_disk_read_bytes_total", "instance": "h:1", "device": "sda"},
            [(t, str(int(t) - START)) for t in times.tolist()],
        )
    )


def points(form: dict[str, str]) -> int:
    return round((float(form["end"]) - float(form["start"])) / float(form["step"])) + 1


def test_a_day_in_pieces(tmp_path: Path, serve: Any) -> None:
    url, seen = serve(disks)
    found = options(url=url, timestep=3600, points=7, extra={"cluster": "x"})
    samples, findings, counts = parsed(found, DAY, tmp_path / "raw")
    assert not samples, "the label of extra is not there"
    requested = [
        form
        for form in seen
        if "read_bytes_total[" in form["query"] or "read_bytes_total{" in form["query"]
    ]
    assert [points(form) for form in requested] == [7, 7, 7, 4]
    assert requested[0]["query"] == 'min_over_time(node_disk_read_bytes_total{cluster="x"}[3600s])'
    assert requested[0]["start"] == f"{START + 3599}.999"
    assert requested[-1]["end"] == f"{DAY.end + 3599}.999"
    assert {form["path"] for form in seen} == {"/api/v1/query_range"}
    assert {form["nocache"] for form in seen} == {"1"}
    assert counts == {"series": 1, "samples": 25}
    assert not len(findings)
    made = grids(
        found, DAY, parsed(options(url=url, timestep=3600, points=7), DAY, tmp_path / "raw2")[0]
    )
    assert set(made) == {"datatargets/readbytes"}
    assert (made["datatargets/readbytes"].values == 3600).all()
    assert made["datatargets/readbytes"].values.shape == (24, 1)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (
            400,
            (
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the"
                " query resolution (?step=XX)"
            ),
        ),
        (422, "query processing would load too many samples into memory in query execution"),
        (503, "query timed out in expression evaluation"),
        (
            422,
            (
                "cannot select more than -search.maxSamplesPerQuery=1000000000 samples; possible"
                " solutions: increase the -search.maxSamplesPerQuery"
            ),
        ),
    ],
)
def test_what_is_too_much_is_halved(tmp_path: Path, serve: Any, status: int, text: str) -> None:
    def respond(form: dict[str, str]) -> tuple[int, Any]:
        refused = points(form) > 6
        return (
            (status, {"status": "error", "errorType": "bad_data", "error": text})
            if refused
            else disks(form, 600)
        )

    url, seen = serve(respond)
    samples, _, _ = parsed(options(url=url, timestep=600, points=40), DAY, tmp_path / "raw")
    assert [
        points(form)
        for form in seen
        if "read_bytes_total[" in form["query"] or "read_bytes_total{" in form["query"]
    ][:6] == [
        40,
        20,
        10,
        6,
        6,
        6,
    ]
    assert len(samples[0]) == 145

    url, seen = serve(
        lambda form: (status, {"status": "error", "errorType": "bad_data", "error": text})
    )
    with pytest.raises(
        SourceError, match=r"refuses the query min_over_time\(node_disk_read_bytes_total"
    ) as error:
        prometheus.SOURCE.fetch(options(url=url, timestep=600, points=40), DAY, tmp_path)
    assert text[:40] in str(error.value)
    assert [points(form) for form in seen if "count by" not in form["query"]] == [40, 20, 10, 6]


def test_a_query_that_a_server_does_not_answer_in_time_is_halved(
    tmp_path: Path, serve: Any
) -> None:
    released = threading.Event()

    def respond(form: dict[str, str]) -> tuple[int, Any]:
        if points(form) > 12 and "read_bytes" in form["query"]:
            released.wait()
        return disks(form, 1200)

    url, seen = serve(respond)
    samples, _, _ = parsed(
        options(url=url, timestep=1200, timeout_seconds=1.0), DAY, tmp_path / "raw"
    )
    released.set()
    assert len(samples[0]) == 73
    assert [
        points(form)
        for form in seen
        if "read_bytes_total[" in form["query"] or "read_bytes_total{" in form["query"]
    ][:5] == [
        73,
        37,
        19,
        10,
        10,
    ], "no size is tried twice"


def test_all_exporters_are_asked_and_the_first_that_has_a_series_of_the_site_is_used(
    tmp_path: Path, serve: Any
) -> None:
    """The first exporter has figures of a login server only, which is none of the site's data
    servers.
    """

    def respond(form: dict[str, str]) -> tuple[int, Any]:
        if "read_bytes" not in form["query"]:
            return 200, EMPTY
        node = "node_disk" in form["query"]
        series = (
            labels("node_disk_read_bytes_total", "login1:9100", device="sda")
            if node
            else labels("lustre_read_bytes_total", target="OST0")
        )
        return 200, matrix((series, every([0, 3600], step=3600)))

    url, _ = serve(respond)
    found = options(
        url=url, timestep=3600, dataservers="oss.*", exporters=["node_exporter", "lustre_exporter"]
    )
    assert built(found, DAY, tmp_path / "raw")["datatargets/readbytes"].columns == ("OST0",)
    assert prometheus.SOURCE.inputs(found, DAY) != prometheus.SOURCE.inputs(
        found.model_copy(update={"exporters": ["node_exporter"]}), DAY
    )


@pytest.mark.parametrize("value", ["NaN", "x", "9" * 5000])
def test_a_count_that_is_no_number_is_an_error(serve: Any, value: str) -> None:
    url, _ = serve(lambda form: (200, matrix(({"__name__": "x"}, [(START, value)]))))
    with pytest.raises(SourceError, match="holds what is not a number"):
        prometheus.SOURCE.inputs(options(url=url), DAY)


def test_an_answer_that_is_too_large_is_halved(tmp_path: Path, serve: Any) -> None:
    def respond(form: dict[str, str]) -> tuple[int, Any]:
        return (
            (200, json.dumps(disks(form)[1]).encode() + b" " * (1 << 20))
            if points(form) > 6
            else disks(form, 1200)
        )

    url, _ = serve(respond)
    samples, _, _ = parsed(options(url=url, timestep=1200, answer_mb=1), DAY, tmp_path / "raw")
    assert len(samples[0]) == 73


@pytest.mark.parametrize(
    ("status", "content", "said"),
    [
        (
            400,
            {"status": "error", "errorType": "bad_data", "error": "parse error: unexpected end"},
            "parse error",
        ),
        (401, b"who are you", "password_env"),
        (200, matrix(isPartial=True), "partial"),
        (200, matrix(warnings=["store gateway 3 did not answer"]), "store gateway 3"),
        (
            200,
            {"status": "error", "errorType": "internal", "error": "disk is gone"},
            "disk is gone",
        ),
        (200, {"status": "success", "data": {"resultType": "vector", "result": []}}, "vector"),
        (200, b"<html>a proxy</html>", "a proxy"),
        (200, b"", "truncated"),
    ],
)
def test_a_server_that_does_not_give_all_is_an_error(
    tmp_path: Path, serve: Any, status: int, content: Any, said: str
) -> None:
    url, seen = serve(lambda form: (status, content))
    for ask in (
        lambda: prometheus.SOURCE.fetch(options(url=url), DAY, tmp_path),
        lambda: prometheus.SOURCE.inputs(options(url=url), DAY),
    ):
        seen.clear()
        with pytest.raises(SourceError, match=said):
            ask()
        assert len(seen) == 1, "it is not asked again"


def test_credentials_are_sent(tmp_path: Path, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROM", "s3cret")
    url, seen = serve(disks)
    prometheus.SOURCE.fetch(options(url=url, token_env="PROM", timestep=3600), DAY, tmp_path)
    assert {form["authorization"] for form in seen} == {"Bearer s3cret"}
    seen.clear()
    prometheus.SOURCE.fetch(
        options(url=url, user="me", password_env="PROM", timestep=3600), DAY, tmp_path
    )
    assert {form["authorization"] for form in seen} == {"Basic bWU6czNjcmV0"}


def test_a_server_without_the_day_has_no_data(tmp_path: Path, serve: Any) -> None:
    url, _ = serve(lambda form: (200, EMPTY))
    with pytest.raises(NoData, match="2024-11-22"):
        prometheus.SOURCE.fetch(options(url=url), DAY, tmp_path)


def test_a_day_that_is_still_to_come_is_not_asked_for(tmp_path: Path, serve: Any) -> None:
    url, seen = serve(disks)
    later = Day(dt.date(2999, 1, 1))
    with pytest.raises(NoData):
        prometheus.SOURCE.fetch(options(url=url), later, tmp_path)
    assert prometheus.SOURCE.inputs(options(url=url), later)["series"] == {}
    assert not seen


def test_a_damaged_raw_file_is_named(tmp_path: Path, serve: Any) -> None:
    url, _ = serve(disks)
    found = options(url=url, timestep=3600, points=7)
    _, _, _ = parsed(found, DAY, tmp_path / "raw")
    victim = tmp_path / "raw/00001.json.gz"
    victim.write_bytes(victim.read_bytes()[:-20])
    findings = Findings()
    (samples,) = prometheus.SOURCE.parse(found, DAY, tmp_path / "raw", findings)
    assert len(samples) == 25 - 7
    assert [finding.where for finding in findings] == ["00001.json.gz"]
    (tmp_path / "raw/queries.json").write_text("[{}]")
    with pytest.raises(SourceError, match="invalidate"):
        list(prometheus.SOURCE.parse(found, DAY, tmp_path / "raw", findings))


def test_inputs_of_a_server(serve: Any) -> None:
    newest = {"value": START + 86404.0}

    def respond(form: dict[str, str]) -> tuple[int, Any]:
        if form["query"].startswith("max(timestamp("):
            return 200, matrix(({}, [(float(form["end"]), str(newest["value"]))]))
        return 200, matrix(
            (
                {"__name__": "node_disk_read_bytes_total"},
                [(float(form["start"]), "3"), (float(form["end"]), "4")],
            )
        )

    url, seen = serve(respond)
    before = prometheus.SOURCE.inputs(options(url=url), DAY)
    assert before["series"] == {"node_disk_read_bytes_total": 7}
    assert len(seen) == 2
    assert "node_cpu" not in seen[0]["query"]
    assert prometheus.SOURCE.inputs(options(url=url), DAY) == before
    newest["value"] += 5
    assert prometheus.SOURCE.inputs(options(url=url), DAY) != before
    newest["value"] -= 5
    assert prometheus.SOURCE.inputs(options(url=url, extra={"a": "b"}), DAY) != before
    assert prometheus.SOURCE.inputs(options(url=url, points=5), DAY) == before


@given(st.integers(1, 500), st.integers(1, 50))
def test_pieces_of_a_span_are_the_span(points: int, size: int) -> None:
    span, seen = Span(999, 5, points), []
    while span.points:
        piece = span.head(size)
        seen += [piece.first + 5000 * n for n in range(piece.points)]
        span = span.after(piece.points)
    assert seen == [999 + 5000 * n for n in range(points)]
