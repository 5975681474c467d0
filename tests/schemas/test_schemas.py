from __future__ import annotations

import sqlite3

import pytest

from archive_tools import schemas
from archive_tools.core.errors import ConfigError
from pipeline.schemas import source_maps
from pipeline.sources import kinds

OPS = [
    "open",
    "close",
    "mknod",
    "link",
    "unlink",
    "mkdir",
    "rmdir",
    "rename",
    "getxattr",
    "statfs",
    "setattr",
    "getattr",
]
TARGETS = ["readbytes", "writebytes", "readops", "writeops"]
SERVERS = [
    "cpuuser",
    "cpusys",
    "cpuidle",
    "cpuload",
    "memfree",
    "memused",
    "memcached",
    "membuffered",
    "memslab",
    "memslab_unrecl",
    "memtotal",
    "netinbytes",
    "netoutbytes",
]


def test_catalogue_has_every_dataset_of_version_1() -> None:
    expected = {f"{g}/{n}" for g in ("datatargets", "mdtargets") for n in TARGETS}
    expected |= {f"mdtargets/{op}s" for op in OPS}
    expected |= {f"{g}/{n}" for g in ("dataservers", "mdservers") for n in SERVERS}
    expected |= {f"fullness/{n}" for n in ("bytes", "bytestotal", "inodes", "inodestotal")} | {
        "failover/datatargets",
        "failover/mdtargets",
    }
    assert set(schemas.catalogue()) == expected


def test_rates_have_the_names_that_readers_know() -> None:
    rates = set(schemas.rates())
    assert {
        f"{g}/{n}"
        for g in ("datatargets", "mdtargets")
        for n in ("readrates", "writerates", "readoprates", "writeoprates")
    } <= rates
    assert {f"mdtargets/{op}rates" for op in OPS} <= rates


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_has_a_map_that_loads(kind: str) -> None:
    assert source_maps.source_map(kind)


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ('"datatargets/readbytes" = {reports = "gauge"}', "a gauge cannot become a delta"),
        ('"dataservers/cpuload" = {reports = "counter"}', "a counter cannot become a gauge"),
        ('"datatargets/readbites" = {reports = "counter"}', "not in the catalogue"),
        (
            '"datatargets/readbytes" = {reports = "number"}',
            "expected: counter or delta or rate or gauge or seconds; got: 'number'",
        ),
        ('"datatargets/readbytes" = {reports = "counter", merge = "median"}', "merge is not known"),
        (
            '"datatargets/readbytes" = {reports = "counter", offset = 1}',
            "only a gauge has an offset",
        ),
    ],
)
def test_impossible_maps_are_refused(line: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        source_maps.parse_source_map(line, schemas.catalogue(), "test.toml")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('[g]\nx = {unit = "bytes", kind = "delta"}', "wrong keys"),
        ('[g]\nx = {unit = "bytes", kind = "delta", doc = "d", size = 1}', "wrong keys"),
        ('[g]\nx = {unit = "bytes", kind = "level", doc = "d"}', "kind is not known"),
        ('[g]\nx = {unit = "%", kind = "gauge", rate = "y", doc = "d"}', "a gauge has no rate"),
    ],
)
def test_impossible_catalogues_are_refused(text: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        schemas.parse_catalogue(text)


def test_index_ddl_is_sql() -> None:
    connection = sqlite3.connect(":memory:")
    connection.executescript(schemas.index_ddl())
    names = {
        row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    connection.close()
    assert names == {"headers", "mounts", "summaries", "rejects", "servers", "job_servers"}
