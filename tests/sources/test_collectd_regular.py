"""Regular lines decoded column by column are what decoding them one by one gives."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources._shared.source_files import Member
from pipeline.sources.collectd import forms

REGULAR = {
    "plugin": "disk",
    "hostname": "bb0",
    "collectd_type": "disk_octets",
    "plugin_instance": "nvme0n1",
    "@timestamp": "2026-11-22T00:00:10.677Z",
    "read": 1.25,
    "write": 7,
}
NAN, INF = float("nan"), float("inf")
ODD: dict[str, list[Any]] = {
    "plugin": ["cpu", "other", None, 3],
    "hostname": ["", None, 5, {"name": "bb1"}, "b\u00fc"],
    "host": ["h", {"name": "bb2"}, None],
    "collectd_type": ["", None, 1, "disk_ops"],
    "plugin_instance": [None, 4, True, "", "md\n0"],
    "type_instance": ["idle", 7, None],
    "@timestamp": ["", "today", None, "2026-11-22T01:00:10.6779+01:00", "2026-11-22T00:00:10", 12],
    "read": [
        None,
        0,
        -0.0,
        1e300,
        2**53 + 1,
        2**70,
        "1",
        True,
        0.1 + 0.2,
        NAN,
        INF,
    ],
    "tags": ["a", ["a"], [forms.NOT_A_NUMBER], [], [1], None],
    "dsnames": [["read"], None],
    "hits": [[], None],
    "more": [{"plugin": "cpu", "read": 2}, [1], None],
}
odd_fields = st.sampled_from(sorted(ODD)).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from([*ODD[name], "absent"]))
)


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    found = []
    around = draw(st.booleans())
    for changes in draw(st.lists(st.lists(odd_fields, max_size=1), min_size=1, max_size=4)):
        document = REGULAR | dict(changes)
        document = {name: value for name, value in document.items() if value != "absent"}
        inside = around != draw(st.sampled_from([False] * 9 + [True]))
        hit = {"_index": "i", "_id": "1", "_source": document} if inside else document
        text = json.dumps(hit)
        found.append(draw(st.sampled_from([text] * 9 + [text[:-1], text * 2, "", "[1]", "null"])))
    return "\n".join(found).encode() + draw(st.sampled_from([b"\n", b""]))


def given_by(data: bytes, *, rates: bool) -> tuple[list[Any], list[tuple[str, str]]]:
    problems: list[tuple[str, str]] = []
    member = Member("x.json", "x.json", io.BytesIO(data))
    found = [
        (plugin, {name: as_list(column) for name, column in columns.items()})
        for plugin, columns in forms.documents(
            member, ["cpu", "disk"], "", lambda *what: problems.append(what), rates=rates
        )
    ]
    return found, problems


def as_list(column: list[Any] | pa.Array) -> list[Any]:
    return list(column.to_pylist() if isinstance(column, pa.Array) else column)


@given(lines())
def test_columns_are_those_of_lines_one_by_one(data: bytes) -> None:
    assert given_by(data, rates=True) == given_by(data, rates=False)


@pytest.mark.parametrize("around", [False, True])
def test_regular_lines_are_decoded_together(around: bool) -> None:
    document: Any = {"_source": REGULAR} if around else REGULAR
    block = b"".join(json.dumps(document).encode() + b"\n" for _ in range(3))
    ((plugin, columns),) = forms.regular(block, ["disk"], forms.NOT_A_NUMBER) or []
    assert plugin == "disk"
    assert columns["read"].to_pylist() == [1.25] * 3
    assert columns["time_ms"].to_pylist() == [1795305610677] * 3
