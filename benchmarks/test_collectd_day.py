"""collectd's documents, a dump of Elasticsearch to finished HDF5: an hour, and a day.

Plain tests make little. `make bench` with TOKIO_BENCH set makes documents of 288 hosts with 4
devices each every 10 s, 0.4 million an hour and 10 million a day, in gzipped lines; they are made
once and kept in the folder that TOKIO_BENCH names. Each document has two samples: bytes read and
bytes written.

In the same run, on the same data: nothing but decoding the documents' JSON, with the standard
library and with msgspec.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from isal import igzip

from archive_tools import open_tts
from benchmarks.figures import record
from benchmarks.measured import DATE, timed
from benchmarks.night_ratio import beside

HOSTS, DEVICES, EVERY = 288, 4, 10


def documents(hosts: int, seconds: int) -> Iterator[bytes]:
    """Lines of hits, of one stamp after the other."""
    start = dt.datetime(DATE.year, DATE.month, DATE.day, tzinfo=dt.UTC)
    fixed = [
        f'"_index": "collectd-2026.11.22", "_source": {{"plugin": "disk", "hostname": "bb{h}",'
        f' "collectd_type": "disk_octets", "plugin_instance": "nvme{d}n1"'
        for h in range(hosts)
        for d in range(DEVICES)
    ]
    for n, second in enumerate(range(EVERY, seconds + 1, EVERY)):
        stamp = (start + dt.timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S.677Z")
        lines = [
            f'{{{text}, "@timestamp": "{stamp}", "read": {(n * i) % 9973}.25, "write":'
            f" {n + i}.5}}}}\n"
            for i, text in enumerate(fixed)
        ]
        yield "".join(lines).encode()


def dump(hosts: int, seconds: int, folder: Path) -> Path:
    path = folder / f"collectd_{hosts}_{seconds}.json.gz"
    if not path.exists():
        with igzip.open(path, "wb", compresslevel=1) as file:
            file.writelines(documents(hosts, seconds))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("TOKIO_BENCH") or tmp_path_factory.mktemp("bench"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("hours", [1, 24])
def test_documents_to_file(benchmark, folder: Path, tmp_path: Path, hours: int) -> None:  # type: ignore[no-untyped-def]
    """Wall time of dump to HDF5 in a fresh process (its start included), and where it goes."""
    hosts = HOSTS if os.environ.get("TOKIO_BENCH") else 2
    path = dump(hosts, hours * 3600, folder)
    source = {"kind": "collectd", "form": "elasticsearch", "files": str(path), "timestep": EVERY}
    best, archive = timed(benchmark, source, tmp_path, rounds=2)
    samples = 2 * hosts * DEVICES * hours * 3600 // EVERY
    benchmark.extra_info["samples_per_second"] = round(samples / (best["fetch"] + best["build"]))
    with open_tts(archive) as tts:
        written = tts.to_numpy("datatargets/writebytes")
        assert written.shape == (86400 // EVERY, hosts * DEVICES)
        assert tts.columns("datatargets/writebytes")[0] == "bb0:nvme0n1"
    rows = hours * 3600 // EVERY
    assert written[:rows, 0].tolist() == [(n + 0.5) * EVERY for n in range(rows)]


def test_decoding_the_documents_alone(benchmark, folder: Path) -> None:  # type: ignore[no-untyped-def]
    """The standard library's reading of an hour: what every other way is measured by."""
    path = dump(HOSTS if os.environ.get("TOKIO_BENCH") else 2, 3600, folder)

    def read() -> float:
        with gzip.open(path) as file:
            return sum(json.loads(line)["_source"]["write"] for line in file)

    assert benchmark.pedantic(read, rounds=1) > 0


def test_night_by_decoding_once(benchmark, folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A day's whole nightly run, its page included, beside inflating the dump and decoding its
    documents by msgspec in one thread.
    """
    path = dump(HOSTS if os.environ.get("TOKIO_BENCH") else 2, 86400, folder)
    source = {"kind": "collectd", "form": "elasticsearch", "files": str(path), "timestep": EVERY}

    def read() -> None:
        decoder = msgspec.json.Decoder()
        with igzip.open(path) as file:
            for line in file:
                decoder.decode(line)

    found = beside(benchmark, source, read, tmp_path)
    limit = f"decoding {found.reading:.2f} s"
    record("collectd day", found.reading / found.nightly, "ratio", limit)
