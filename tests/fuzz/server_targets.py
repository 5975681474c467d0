"""What servers and their exporters give: collectd, Prometheus, mmperfmon, LMT.

Where a day has two files, one of host alpha is whole and the other is the input: alpha's cells must
stay as they are.
"""

from __future__ import annotations

import datetime as dt
import functools
import gzip
import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archive_tools.core.day import Day
from archive_tools.core.grid import Grid
from pipeline.sources import mmperfmon
from pipeline.sources._shared import prometheus_api
from pipeline.sources._shared.prometheus_api import numbers
from pipeline.sources.collectd import fetching
from pipeline.testing.contract import built
from tests.fuzz.target import Target, fresh_folder
from tests.support import collectd_day, lmt_source, mmperfmon_day, prometheus_day
from tests.support.lmtdb import LmtDb, every


def unharmed(expected: dict[str, Grid], found: dict[str, Grid]) -> None:
    """Every cell of host alpha is as it was.

    Raises
    ------
    AssertionError
        A neighbour is another one: a fault.
    """
    for name, grid in expected.items():
        columns = [column for column in grid.columns if column.startswith("alpha")]
        there = found[name]
        before = grid.values[:, [grid.columns.index(column) for column in columns]]
        after = there.values[:, [there.columns.index(column) for column in columns]]
        np.testing.assert_array_equal(after, before, err_msg=name)


# collectd


def _sides(rate: bool = True) -> tuple[list[Any], list[Any]]:
    records = collectd_day.records(("alpha", "omega"), rows=3, rate=rate)
    return [r for r in records if r[1] == "alpha"], [r for r in records if r[1] == "omega"]


Write = Callable[[Path, Sequence[Any]], None]
FORMS: dict[str, tuple[str, str, Write]] = {
    "write_http": ("write_http", "json", collectd_day.write_lines),
    "documents": ("elasticsearch", "json", collectd_day.write_documents),
    "pages": ("elasticsearch", "json", collectd_day.write_pages),
}


def _collectd_options(folder: Path, kind: str) -> Any:
    return collectd_day.options(folder, kind, store_rates=True, max_expanded_mb=64)


@functools.cache
def _collectd_expected(form: str) -> dict[str, Grid]:
    kind, suffix, write = FORMS[form]
    with fresh_folder() as folder:
        (folder / "source").mkdir()
        write(folder / f"source/a.{suffix}", _sides()[0])
        options = _collectd_options(folder / "source", kind)
        return built(options, collectd_day.DAY, folder / "raw")


def _read_json(form: str, data: bytes, ending: str = "") -> None:
    kind, suffix, write = FORMS[form]
    with fresh_folder() as folder:
        (folder / "source").mkdir()
        write(folder / f"source/a.{suffix}", _sides()[0])
        (folder / f"source/b.{suffix}{ending}").write_bytes(data)
        options = _collectd_options(folder / "source", kind)
        found = built(options, collectd_day.DAY, folder / "raw")
    if b"alpha" not in data and b"\\" not in data:  # it does not say something of alpha, too
        unharmed(_collectd_expected(form), found)


def _json_seeds(form: str) -> Iterator[tuple[str, bytes]]:
    with fresh_folder() as folder:
        FORMS[form][2](folder / "b", _sides()[1])
        yield form, (folder / "b").read_bytes()[:4000]
    line = json.dumps(collectd_day.as_write_http(_sides()[1][0])).encode()
    yield "numbers", line.replace(b"2010.0", b"1e400, NaN, 123456789012345678901234567890")
    yield "nested", b'{"values":' + b"[" * 2000
    yield "surrogate", line.replace(b'"omega"', b'"\\ud800\\u0000"')
    yield "time", line.replace(str(collectd_day.DAY.start).encode(), b"-1e308")


def read_packed(data: bytes) -> None:
    """As gzip, or as a tarball, by its first byte."""
    _read_json("write_http", data[1:], ".tgz" if data[:1] == b"t" else ".gz")


def packed_seeds() -> Iterator[tuple[str, bytes]]:
    with fresh_folder() as folder:
        collectd_day.write_lines(folder / "b", _sides()[1][:20])
        lines = (folder / "b").read_bytes()
    yield "gzip", b"g" + gzip.compress(lines, mtime=0)
    yield "members", b"g" + gzip.compress(lines[:700], mtime=0) + gzip.compress(b"", mtime=0)
    for kind in ("file", "link", "device"):
        with io.BytesIO() as buffer:
            with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
                member = tarfile.TarInfo("../x.json" if kind == "link" else "x.json")
                if kind == "file":
                    member.size = len(lines)
                member.type = {"file": tarfile.REGTYPE, "link": tarfile.SYMTYPE}.get(
                    kind, tarfile.CHRTYPE
                )
                member.linkname = "/etc/passwd" if kind == "link" else ""
                tar.addfile(member, io.BytesIO(lines) if kind == "file" else None)
            yield kind, b"t" + buffer.getvalue()


def read_csv(data: bytes) -> None:
    """A name's end, a line end, the file's content."""
    name, _, content = data.partition(b"\n")
    if b"/" in name or b"\0" in name or len(name) > 200 or not name.strip(b"."):
        return
    with fresh_folder() as folder:
        collectd_day.write_csv(folder / "source", _sides(rate=False)[0])
        place = folder / "source/omega/disk-sd1"
        place.mkdir(parents=True)
        (place / name.decode("utf-8", "surrogateescape")).write_bytes(content)
        options = collectd_day.options(folder / "source", "csv")
        found = built(options, collectd_day.DAY, folder / "raw")
    unharmed(_csv_expected(), found)


@functools.cache
def _csv_expected() -> dict[str, Grid]:
    with fresh_folder() as folder:
        collectd_day.write_csv(folder / "source", _sides(rate=False)[0])
        options = collectd_day.options(folder / "source", "csv")
        return built(options, collectd_day.DAY, folder / "raw")


def csv_seeds() -> Iterator[tuple[str, bytes]]:
    start = collectd_day.DAY.start
    lines = "".join(f"{start + 10 * n + 3.25},{1000 * n},{2000 * n}\n" for n in range(6))
    yield "disk", f"disk_octets-2026-11-22\nepoch,read,write\n{lines}".encode()
    yield "odd", f"disk_octets-2026-11-22\nepoch,read,write\n{start},nan,-1e999\n,,\n\0".encode()
    yield "quoted", f'disk_ops-2026-11-22\n"epoch",read\n"{start}","1\n2"\n'.encode()


class _OneAnswer:
    """In place of a connection: the input answers the first request, an end all others."""

    url = "http://server"

    def __init__(self, data: bytes, end: bytes) -> None:
        self.answers = [data]
        self.end = end

    def ask(self, *_: Any, **__: Any) -> bytes:
        return self.answers.pop() if self.answers else self.end

    def json(self, *_: Any, **__: Any) -> Any:
        return {"count": 1}


def read_search(data: bytes) -> None:
    """An answer of Elasticsearch."""
    options = collectd_day.options(
        [], "elasticsearch", url="http://server", index="collectd-*", page_size=50
    )
    problems = fetching.Problems()
    answers: Any = _OneAnswer(data, b'{"hits": {"hits": []}}')
    search = fetching._search_in(options, answers, "collectd-*", problems)
    begin = collectd_day.DAY.start
    with fresh_folder() as folder:
        fetching._window_of_documents(options, search, begin, begin + 60, folder, problems)


def search_seeds() -> Iterator[tuple[str, bytes]]:
    hits = [
        {"_id": str(n), "_source": collectd_day.as_document(record), "sort": [n]}
        for n, record in enumerate(_sides()[1][:8])
    ]
    some = {"hits": {"hits": hits, "total": {"value": 8}}, "_scroll_id": "x", "timed_out": False}
    yield "page", json.dumps(some).encode()
    yield "shards", json.dumps({**some, "_shards": {"failed": 1, "failures": [{}]}}).encode()
    yield "nested", b'{"hits": {"hits": [{"_source": ' + b"[" * 3000


# Prometheus


def _prometheus_sides() -> tuple[dict[str, Any], dict[str, Any]]:
    names = {"oss1:9100": "alpha:9100", "oss2:9100": "omega:9100"}
    found = []
    for host in names:
        series: dict[Any, list[Any]] = {}
        for r in prometheus_day.records():
            if dict(r.more)["instance"] == host and r.row < 4:
                series.setdefault((r.name, r.more), []).append(
                    (prometheus_day.START + 5 * r.row, f"{r.value:g}")
                )
        result = [
            ({"__name__": name, **dict(more), "instance": names[host]}, values)
            for (name, more), values in series.items()
        ]
        found.append(prometheus_day.matrix(*result))
    return found[0], found[1]


def _saved(data: bytes) -> dict[str, Grid]:
    with fresh_folder() as folder:
        (folder / "source").mkdir()
        (folder / "source/a.json").write_text(json.dumps(_prometheus_sides()[0]))
        if data:
            (folder / "source/b.json").write_bytes(data)
        options = prometheus_day.options(answers=str(folder / "source/*"))
        return built(options, prometheus_day.DAY, folder / "raw")


@functools.cache
def _saved_expected() -> dict[str, Grid]:
    return _saved(b"")


def read_saved(data: bytes) -> None:
    found = _saved(data)
    if b"alpha" not in data and b"\\" not in data:
        unharmed(_saved_expected(), found)


def read_answer(data: bytes) -> None:
    span = prometheus_api.Span(prometheus_day.START * 1000, 5000, 100)
    _, results = prometheus_api.ask(_OneAnswer(data, b"{}"), "up", span)  # type: ignore[arg-type]
    for result in results:
        pairs, bad, first = numbers(result.values)
        assert pairs.shape[1] == 2
        assert bool(bad) == bool(first)


def answer_seeds() -> Iterator[tuple[str, bytes]]:
    answer = _prometheus_sides()[1]
    few = {**answer, "data": {**answer["data"], "result": answer["data"]["result"][:6]}}
    text = json.dumps(few)
    yield "matrix", text.encode()
    yield "partial", json.dumps({**few, "warnings": ["x"], "isPartial": True}).encode()
    yield "error", b'{"status": "error", "errorType": "bad_data", "error": "\\u001b[2J"}'
    yield "values", text.replace('"0"', '"NaN"').replace('"4096"', '"1e999"').encode()
    yield "deep", text.replace('"0"', "[" * 1500).encode()
    yield "digits", text.replace('"0"', "1" * 5000).encode()


# mmperfmon


@functools.cache
def _good_text() -> str:
    legend = [f"alpha|GPFSNSDDisk|lun{n}|gpfs_nsdds_bytes_read" for n in (1, 2)]
    stamps = mmperfmon_day.minutes(dt.datetime(2026, 11, 22), 3)
    return mmperfmon_day.output(legend, stamps, [["1", "2"], ["3", "4"], ["5", "6"]])


def _mmperfmon(data: bytes, ending: str) -> dict[str, Grid]:
    with fresh_folder() as folder:
        (folder / "source").mkdir()
        (folder / "source/a.out").write_text(_good_text())
        if data:
            (folder / f"source/b{ending}").write_bytes(data)
        options = mmperfmon.Options(
            kind="mmperfmon",
            files=str(folder / "source"),
            timezone="UTC",
            mmperfmon_lun_map={"^lun": "datatarget"},
            max_expanded_mb=64,
        )
        return built(options, Day(dt.date(2026, 11, 22)), folder / "raw")


@functools.cache
def _mmperfmon_expected() -> dict[str, Grid]:
    return _mmperfmon(b"", "")


def read_mmperfmon(data: bytes) -> None:
    """The first byte says whether it is a text or a tarball."""
    found = _mmperfmon(data[1:], ".tgz" if data[:1] == b"t" else ".out")
    if b"alpha" not in data and data[:1] != b"t":
        unharmed(_mmperfmon_expected(), found)


def mmperfmon_seeds() -> Iterator[tuple[str, bytes]]:
    legend = [f"omega|GPFSNSDDisk|lun{n}|gpfs_nsdds_bytes_read" for n in (1, 2, 3)]
    stamps = mmperfmon_day.minutes(dt.datetime(2026, 11, 22), 4)
    rows = [[str(10 * n), "null", f"{n}.5 MB"] for n in range(4)]
    text = mmperfmon_day.output(legend, stamps, rows)
    yield "text", b"o" + text.encode()
    servers = [f"omega|{name}" for name in mmperfmon_day.SERVER]
    use = [["1.5", "0.25", "31371.0 MB", "18000.5 MB", "1.7 kB", "2.3 kB"]] * 4
    yield "server", b"o" + mmperfmon_day.output(servers, stamps, use, 5).encode()
    csv = "\n".join(
        [",".join(["Row", "Timestamp", *legend]), *(f"{n},{s},1,2,3" for n, s in enumerate(stamps))]
    )
    yield "csv", b"o" + csv.encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.tgz"
        mmperfmon_day.tarball(path, {"day/read/b.out": text, "../c.out": text})
        yield "tarball", b"t" + path.read_bytes()


# LMT


def read_lmt(data: bytes) -> None:
    with fresh_folder() as folder:
        (folder / "lmt.db").write_bytes(data)
        options = lmt_source.options(folder / "lmt.db", timestep=600)
        built(options, lmt_source.UTC, folder / "raw")


def lmt_seeds() -> Iterator[tuple[str, bytes]]:
    with fresh_folder() as folder:
        db = LmtDb(folder / "lmt.db")
        for n, ts in enumerate(db.stamps(every(600, "2026-11-22", 12))):
            for ost in (1, 2):
                db.ost(ts, ost, n * 10 if n != 7 else "x")
        db.execute("PRAGMA page_size = 512")
        db.execute("VACUUM")
        db.connection.close()
        yield "day", (folder / "lmt.db").read_bytes()


TARGETS = {
    "collectd_write_http": Target(
        functools.partial(_read_json, "write_http"), functools.partial(_json_seeds, "write_http")
    ),
    "collectd_documents": Target(
        functools.partial(_read_json, "documents"), functools.partial(_json_seeds, "documents")
    ),
    "collectd_pages": Target(
        functools.partial(_read_json, "pages"), functools.partial(_json_seeds, "pages")
    ),
    "collectd_packed": Target(read_packed, packed_seeds),
    "collectd_csv": Target(read_csv, csv_seeds),
    "collectd_search": Target(read_search, search_seeds),
    "prometheus_saved": Target(read_saved, answer_seeds),
    "prometheus_answer": Target(read_answer, answer_seeds),
    "mmperfmon": Target(read_mmperfmon, mmperfmon_seeds),
    "lmt": Target(read_lmt, lmt_seeds),
}
