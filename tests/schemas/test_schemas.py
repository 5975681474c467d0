from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Mapping

import pytest

from archive_tools import schemas
from archive_tools.core.errors import ConfigError
from pipeline.schemas import source_maps
from pipeline.sources import lmt
from pipeline.sources import registry as sources

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
    capacity = ("bytes", "bytestotal", "inodes", "inodestotal")
    expected |= {f"{g}/{n}" for g in ("fullness", "mdfullness") for n in capacity}
    expected |= {"failover/datatargets", "failover/mdtargets"}
    expected |= {"jobs/running", "jobs/tracked", "nodes/busy"}
    assert set(schemas.catalogue()) == expected


def test_rates_have_the_names_that_readers_know() -> None:
    rates = set(schemas.rates())
    assert {
        f"{g}/{n}"
        for g in ("datatargets", "mdtargets")
        for n in ("readrates", "writerates", "readoprates", "writeoprates")
    } <= rates
    assert {f"mdtargets/{op}rates" for op in OPS} <= rates


@pytest.mark.parametrize("kind", sources.own_kinds())
def test_every_kind_has_a_map_that_loads(kind: str) -> None:
    assert sources.find(kind).metrics()


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
        source_maps.parse_source_map(line, schemas.catalogue(), "test.toml", source_maps.Selector)


def lmt_toml(*changes: tuple[str, str]) -> str:
    text = source_maps.table_of("lmt").read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def lmt_map(
    *changes: tuple[str, str], known: Mapping[str, schemas.Dataset] | None = None
) -> tuple[source_maps.SourceMetric[lmt.table.Selector], ...]:
    return source_maps.parse_source_map(
        lmt_toml(*changes), known or schemas.catalogue(), "sources/lmt.toml", lmt.table.Selector
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            ("field =", "feild ="),
            "datatargets/readbytes: key field is missing | key feild is not known; allowed: table,"
            " field, operation, reports, scale, offset, merge, parts, unit, columns; did you mean"
            " field?",
        ),
        (
            ('reports = "counter"', 'reports = "counter", scael = 2'),
            "datatargets/readbytes: key scael is not known;",
        ),
        (('reports = "counter"', 'reports = "counter", scael = 2'), "did you mean scale?"),
        (("OST_DATA", "OST_DATE"), "key table: OST_DATE is not a table of LMT, did you mean OST_"),
        (("READ_BYTES", "READ_BYTE"), "READ_BYTE is not a column of LMT, did you mean READ_BYTES?"),
        (('"READ_BYTES"', "7"), "key field: Input should be a valid tuple; got 7"),
        (("scale = 1024", 'scale = "1024"'), "fullness/bytes: scale is not a number; got: '1024'"),
        (('{table = "OST', '{{table = "OST'), "is not TOML"),
    ],
)
def test_a_misspelt_key_of_a_kind_is_named(change: tuple[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        lmt_map(change)
    assert words in str(caught.value)
    assert str(caught.value).startswith("sources/lmt.toml")


# What figures mean


LATER_MEANINGS = {"darshan": (2, "72c71264a793c839")}
"""Kinds whose figures changed after the first archives: the version of the parser and the digest of
today.
"""


def test_the_kinds_mean_what_they_meant_when_the_first_archives_were_made() -> None:
    """A change of a table, or of a parser's version, is meant to fail here: it makes products
    stale, and the constants of the first archives never change.
    """
    for kind in source_maps.FIRST_MEANINGS:
        source = sources.find(kind)
        now = source.version, source_maps.digest(source.metrics())
        expected = LATER_MEANINGS.get(kind, source_maps.FIRST_MEANINGS[kind])
        assert expected == now, f"say so in the CHANGELOG: {kind}"
        assert bool(sources.meaning(source)) == (kind in LATER_MEANINGS)


@pytest.mark.parametrize(
    "change",
    [
        ('reports = "counter"', 'reports = "counter", scale = 2'),
        ('reports = "counter"', 'reports = "delta"'),
        ('reports = "counter"', 'reports = "counter", merge = "max"'),
        ('reports = "counter"', 'reports = "counter", parts = "total"'),
        ('reports = "gauge"', 'reports = "gauge", offset = 1'),
        ("READ_BYTES", "WRITE_BYTES"),
        ('unit = "%"', 'unit = "1"'),
        ('operation = "open"', 'operation = "close"'),
    ],
)
def test_a_change_of_a_row_changes_the_meaning_of_its_kind_only(
    change: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = lmt_map(change)
    monkeypatch.setattr(lmt.SOURCE, "metrics", lambda: changed, raising=False)
    assert sources.meaning(lmt.SOURCE) == f"lmt: parser 1, figures {source_maps.digest(changed)}"
    others = [sources.find(kind) for kind in source_maps.FIRST_MEANINGS if kind != "lmt"]
    same = [sources.meaning(source) for source in others if source.kind not in LATER_MEANINGS]
    assert same == [""] * 3
    monkeypatch.undo()
    assert sources.meaning(lmt.SOURCE) == ""


def test_a_parsers_version_is_part_of_the_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmt.Lmt, "version", 2)
    (digest,) = {source_maps.digest(lmt_map())}
    assert sources.meaning(lmt.SOURCE) == f"lmt: parser 2, figures {digest}"


def test_what_only_people_read_is_not_part_of_the_meaning() -> None:
    now = source_maps.digest(lmt_map())
    known = {
        name: dataclasses.replace(dataset, doc=f"{dataset.doc}!")
        for name, dataset in schemas.catalogue().items()
    }
    assert source_maps.digest(lmt_map(known=known)) == now
    said = ('reports = "counter"', 'scale = 1, merge = "sum", operation = "", reports = "counter"')
    assert source_maps.digest(lmt_map(said)) == now, "a default that is written down"
    assert source_maps.digest(reversed(lmt_map())) == now


@pytest.mark.parametrize(
    ("key", "value"), [("unit", "KiB"), ("time", "max"), ("rate", "datatargets/x")]
)
def test_what_the_catalogue_says_of_a_dataset_is_part_of_the_meaning(key: str, value: str) -> None:
    name = "datatargets/readbytes"
    known = dict(schemas.catalogue())
    known[name] = dataclasses.replace(known[name], **{key: value})
    assert source_maps.digest(lmt_map(known=known)) != source_maps.digest(lmt_map())


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
