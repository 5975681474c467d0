"""The forms in which collectd's values are kept: documents of Elasticsearch, JSON of write_http,
files of csv.

Each form becomes value lists, columns of lists that a `Spool` takes. Only plugins of the source map
are kept. Whatever cannot be read is reported to `problem`, with file and place, and costs nothing
else.
"""

from __future__ import annotations

import codecs
import functools
import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import IO, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv

from archive_tools.core import threads
from pipeline.sources._shared.source_files import Member, Problem
from pipeline.sources.collectd.regular_lines import regular
from pipeline.sources.collectd.spool import FIELDS

BLOCK = 1 << 20
"""Bytes of JSON that are looked at at a time."""
LINES = 1 << 22
"""Bytes of lines that are decoded at a time: few calls, and little memory."""
MANY = 5_000
"""Values that are worked on together."""
LONGEST = 1 << 26
"""Characters that one JSON value may have."""

Columns = Mapping[str, list[Any] | pa.Array]
Lists = Iterator[tuple[str, Columns]]
"""Plugin and value lists."""
Number = int | float | None
Name = str | int
"""A plugin's or type's instance: shippers make numbers of names that are digits. A boolean is not a
name.
"""


def host_name(*given: Any) -> str:
    """The first of some fields that names a host, as text or as ECS's ``{"name": ...}``; "" if none
    does.
    """
    for field in given:
        name = field.get("name") if isinstance(field, dict) else field
        if isinstance(name, str) and name:
            return name
    return ""


def instance_name(instance: Name | None) -> str:
    """An instance's name; "" if there is none."""
    return "" if instance is None else str(instance)


# JSON: values one a line, or in arrays of arrays


def json_values(member: Member, problem: Problem) -> Iterator[tuple[str, bytes | Any]]:
    """Pieces of a stream of JSON: ``("lines", bytes)`` for a block of lines, each a value, or
    ``("values", list)``.

    The first line decides: where it is a value of its own, so are the others.
    """
    head = member.stream.read(BLOCK)
    head += member.stream.readline(BLOCK) if head and not head.endswith(b"\n") else b""
    first = head.lstrip().partition(b"\n")[0]
    stream = _Prefixed(head, member.stream)
    if first and _is_json(first):
        yield from (("lines", block) for block in stream.blocks())
    else:
        if first and first[:1] != b"[" and b"{" not in head:
            hint = "; set Format to JSON in write_http" if first.startswith(b"PUTVAL") else ""
            text = first[:40].decode("utf-8", "replace")
            problem(member.name, f"line 1 is not JSON: {text!r}{hint}")
        values = _scanned(stream, member.name, problem)
        while some := list(itertools.islice(values, MANY)):
            yield "values", some


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


class _Prefixed:
    """A stream whose beginning was read already."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head, self._rest = head, rest

    def blocks(self) -> Iterator[bytes]:
        """Whole lines, about `BLOCK` bytes at a time."""
        block = self._head
        while block:
            yield block
            block = self._rest.read(LINES)
            if block and not block.endswith(b"\n"):
                block += self._rest.readline(LONGEST)

    def text(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        block = self._head
        while block:
            yield decoder.decode(block)
            block = self._rest.read(BLOCK)


def _scanned(stream: _Prefixed, name: str, problem: Problem) -> Iterator[Any]:
    """The objects in arrays, however deep, one after the other; what cannot be read is
    skipped.
    """
    decode = json.JSONDecoder().raw_decode
    pieces = stream.text()
    text, at, before, ended, reported = "", 0, 0, False, False
    while True:
        at = text.find("{", at)
        if at < 0 or len(text) - at < BLOCK // 4:
            piece = next(pieces, None) if not ended else None
            if piece is not None:
                keep = len(text) if at < 0 else at
                before, text, at = before + keep, text[keep:] + piece, 0
                continue
            ended = True
            if at < 0:
                return
        try:
            value, at = decode(text, at)
            reported = False
            yield value
        except (ValueError, RecursionError) as error:
            broken = not isinstance(error, json.JSONDecodeError) or (
                error.pos < len(text) - 16 and not error.msg.startswith("Unterminated")
            )
            if not broken and not ended and len(text) - at < LONGEST:
                piece = next(pieces, None)
                ended = piece is None
                before, text, at = before + at, text[at:] + (piece or ""), 0
                continue
            if not reported:
                problem(name, f"is not JSON at character {before + at}: {error}")
            reported, at = True, max(at + 1, getattr(error, "pos", 0))


def _flattened(value: Any) -> Iterator[Any]:
    """Documents in a page, a list of pages, an answer of a search, or a document as it is."""
    if isinstance(value, list):
        for item in value:
            yield from _flattened(item)
    elif isinstance(value, dict) and isinstance(value.get("hits"), dict | list):
        yield from _flattened(value["hits"])
    else:
        yield value


def _without_hit(item: Any) -> Any:
    """What a hit of a search holds; anything else as it is."""
    return item["_source"] if isinstance(item, dict) and "_source" in item else item


class _Decoder:
    """Decodes values as `kind`: a block of lines at once; where one is wrong, one by one."""

    def __init__(self, kind: type[msgspec.Struct], name: str, problem: Problem) -> None:
        self._kind, self._name, self._problem = kind, name, problem
        self._many = msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]
        self._line = 0

    def passed_over(self, lines: bytes, found: Any) -> Any:
        """What was found in lines that are decoded elsewhere, and counted here."""
        self._line += lines.count(b"\n")
        return found

    def batch(self, form: str, piece: Any) -> list[Any]:
        if form == "values":
            return self.converted(piece, "")
        lines = piece.split(b"\n")
        first, self._line = self._line, self._line + len(lines) - 1
        try:
            return self._many.decode(
                b"[" + b",".join(line for line in lines if line.strip()) + b"]"
            )
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return [
                item
                for number, line in enumerate(lines, first + 1)
                if line.strip()
                for item in self._one(line, f"line {number}: ")
            ]

    def _one(self, line: bytes, where: str) -> list[Any]:
        try:
            return self.converted(msgspec.json.decode(line), where)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._problem(self._name, f"{where}{error}")
            return []

    def converted(self, value: Any, where: str) -> list[Any]:
        found = []
        for item in _flattened(value):
            if self._kind is ValueList:
                item = _without_hit(item)
                if _is_notification(item):
                    continue
            try:
                found.append(msgspec.convert(item, self._kind))
            except msgspec.ValidationError as error:
                self._problem(self._name, f"{where}{error}")
        return found


def _is_notification(item: object) -> bool:
    """Whether it is a notification, which write_http sends among value lists."""
    return isinstance(item, dict) and "values" not in item and {"severity", "message"} <= {*item}


# Documents of Elasticsearch and OpenSearch, with Logstash's field names


NOT_A_NUMBER = "_collectdNaN"
"""The tag with which Logstash's codec marks a value that was NaN: it writes 0 in its place."""


@functools.cache
def document_type(arrival: str) -> type[msgspec.Struct]:
    """A hit of a search, or its source alone; `arrival` names the field of the arrival stamp."""
    fields: list[Any] = [
        ("stamp", str | None, msgspec.field(name="@timestamp", default=None)),
        ("hostname", Any, None),
        ("host", Any, None),
        ("host_name", Any, msgspec.field(name="host.name", default=None)),
        ("plugin", Any, None),
        ("plugin_instance", Name | None, None),
        ("collectd_type", str | None, None),
        ("type_instance", Name | None, None),
        ("tags", Any, None),
        ("dsnames", Any, None),
        *((name, Number, None) for name in FIELDS),
    ]
    if arrival:
        fields.append(("arrival", str | None, msgspec.field(name=arrival, default=None)))
    source = msgspec.defstruct("Document", fields, gc=False)
    around: list[Any] = [
        ("inner", source | None, msgspec.field(name="_source", default=None)),
        ("number", str | None, msgspec.field(name="_id", default=None)),
        ("sort", list[Any], msgspec.field(default_factory=list)),
        ("hits", Any, None),
    ]
    return msgspec.defstruct("Hit", fields + around, gc=False)


def documents(
    member: Member, plugins: Collection[str], arrival: str, problem: Problem, *, rates: bool = False
) -> Lists:
    """Value lists of a dump: pages, or a document or hit a line, see `regular_lines`."""
    decoder = _Decoder(document_type(arrival), member.name, problem)

    def together(given: tuple[str, Any]) -> tuple[str, Any, Any]:
        quick = rates and not arrival and given[0] == "lines"
        return (*given, regular(given[1], plugins, NOT_A_NUMBER) if quick else None)

    for form, piece, found in threads.in_order(together, json_values(member, problem)):
        if found is not None:
            yield from decoder.passed_over(piece, found)
            continue
        hits = decoder.batch(form, piece)
        pages = [hit.hits for hit in hits if hit.hits is not None]
        yield from of_documents(
            [*hits, *decoder.converted(pages, "")], member.name, plugins, problem
        )


def of_documents(
    hits: Iterable[Any], name: str, plugins: Collection[str], problem: Problem
) -> Lists:
    """Value lists of hits, or of documents without what a search puts around them."""
    by_plugin: dict[str, list[Any]] = {plugin: [] for plugin in plugins}
    for hit in hits:
        document = hit.inner or hit
        if isinstance(document.tags, list) and NOT_A_NUMBER in document.tags:
            continue  # its value is a 0 that nobody measured
        if isinstance(document.plugin, str) and document.plugin in by_plugin:
            host = host_name(document.hostname, document.host, document.host_name)
            if host and document.stamp and document.collectd_type:
                document.hostname = host
                by_plugin[document.plugin].append(document)
            elif document.dsnames is not None and document.collectd_type is None:
                problem(name, 'a document is a value list of write_http; set form to "write_http"')
            else:
                problem(name, "a document lacks @timestamp, hostname or collectd_type")
    for plugin, some in by_plugin.items():
        if some:
            yield plugin, _document_columns(some, name, problem)


def _document_columns(some: list[Any], name: str, problem: Problem) -> Columns:
    stamps = milliseconds([document.stamp for document in some])
    if None in stamps:
        wrong = [
            document.stamp for document, stamp in zip(some, stamps, strict=True) if stamp is None
        ]
        for text in wrong:
            problem(name, f"@timestamp {text[:40]!r} is not a time")
        some = [document for document, stamp in zip(some, stamps, strict=True) if stamp is not None]
        stamps = [stamp for stamp in stamps if stamp is not None]
    columns: dict[str, list[Any]] = {
        "time_ms": stamps,
        "host": [document.hostname for document in some],
        "instance": [instance_name(document.plugin_instance) for document in some],
        "type": [document.collectd_type for document in some],
        "type_instance": [instance_name(document.type_instance) for document in some],
        **{field: [getattr(document, field) for document in some] for field in FIELDS},
    }
    if some and hasattr(some[0], "arrival"):
        columns["arrival_ms"] = milliseconds([document.arrival or "" for document in some])
    return columns


def milliseconds(stamps: list[str]) -> list[int | None]:
    """ISO 8601 stamps with a zone as ms since 1970 UTC; None where it is none."""
    try:
        nanoseconds = (
            pa.array(stamps, pa.string())
            .cast(pa.timestamp("ns", "UTC"))
            .cast(pa.int64())
            .to_numpy()
        )
        return np.floor_divide(nanoseconds, 1_000_000).tolist()  # type: ignore[no-any-return]
    except (pa.ArrowException, ValueError):
        return [milliseconds([stamp])[0] for stamp in stamps] if len(stamps) > 1 else [None]


# JSON of the write_http plugin


class ValueList(msgspec.Struct, gc=False):
    """A value list as collectd's write_http plugin sends it; `host` may have ECS's shape."""

    values: list[Number]
    dsnames: list[str]
    time: float
    plugin: str
    type: str
    host: Any = None
    host_name: Any = msgspec.field(name="host.name", default=None)
    plugin_instance: Name | None = ""
    type_instance: Name | None = ""
    interval: float = 0.0


def write_http(member: Member, plugins: Collection[str], problem: Problem) -> Lists:
    """Value lists as write_http sends them: one or an array of them a line, or documents that hold
    one each, with or without what a search puts around them.
    """
    decoder = _Decoder(ValueList, member.name, problem)
    for form, piece in json_values(member, problem):
        by_plugin: dict[str, list[ValueList]] = {plugin: [] for plugin in plugins}
        for item in decoder.batch(form, piece):
            if item.plugin in by_plugin:
                item.host = host_name(item.host, item.host_name)
                if (
                    0 < item.time < 1e11
                    and len(item.values) == len(item.dsnames)
                    and item.host
                    and 0 <= item.interval < 1e6
                ):
                    by_plugin[item.plugin].append(item)
                else:
                    problem(
                        member.name,
                        f"a value list of {item.host[:40]!r} has no host, a time or interval that"
                        " is none, or not a name for each value",
                    )
        yield from (
            (plugin, _value_list_columns(some)) for plugin, some in by_plugin.items() if some
        )


def _value_list_columns(some: list[ValueList]) -> Columns:
    values = [dict(zip(item.dsnames, item.values, strict=True)) for item in some]
    return {
        "time_ms": [round(item.time * 1000) for item in some],
        "interval_ms": [round(item.interval * 1000) or None for item in some],
        "host": [item.host for item in some],
        "instance": [instance_name(item.plugin_instance) for item in some],
        "type": [item.type for item in some],
        "type_instance": [instance_name(item.type_instance) for item in some],
        **{field: [value.get(field) for value in values] for field in FIELDS},
    }
