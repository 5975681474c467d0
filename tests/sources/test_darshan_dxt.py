"""Traces of DXT: what is read of each version, and what a damaged or unknown one costs."""

from __future__ import annotations

import datetime as dt
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cffi
import darshan as pydarshan
import numpy as np
import numpy.typing as npt
import pytest

from archive_tools.core.day import Day
from archive_tools.core.errors import MissingPackage, SourceError
from pipeline.sources.darshan import dxt, libdarshan, library
from pipeline.sources.darshan.log_header import LogHeader, header_of
from pipeline.sources.darshan.modules import each_record
from tests.support.darshan_bytes import PLAIN, LogBytes, opened
from tests.support.darshan_day import reduced
from tests.support.darshan_source import options
from tests.support.paths import ROOT, SITEDAY_LOGS

DAY = Day(dt.date(2026, 11, 22))
KNOWN_TO_THE_LIBRARY = {"DXT_POSIX": 1, "DXT_MPIIO": 2}
"""Newest versions that libdarshan-util 3.5.0 reads."""
HEAD = 104
"""Bytes of a record before its segments."""
SEGMENTS = [
    (True, 0, 1000, 0.25, 0.5),
    (True, 1000, 2000, 0.5, 0.75),
    (False, 0, 3000, 1.0, 1.5),
]


def logs(real: Path) -> list[Path]:
    """All real logs, and the examples of the wheel."""
    wheel = Path(str(pydarshan.__file__)).parent
    found = [path for folder in (real / "darshan", wheel) for path in folder.rglob("*.darshan")]
    return sorted(path for path in found if header_of(path))


def sample() -> LogBytes:
    """A log with DXT_POSIX."""
    return LogBytes.of(sorted(SITEDAY_LOGS.glob("*_fpp_*"))[0])


def record(
    size: int, *, file: int = 7, order: str = "<", counts: tuple[int, int] = (2, 1)
) -> bytes:
    """A record of `SEGMENTS`, each of which takes some bytes."""
    head = struct.pack(f"{order}Qqq64sqq", file, 0, 0, b"host", *counts)
    segments = [
        struct.pack(f"{order}qqdd", *values) + b"\xff" * (size - 32) for _, *values in SEGMENTS
    ]
    return head + b"".join(segments)


def with_module(module: str, version: int, content: bytes) -> LogBytes:
    """The sample with a module of DXT."""
    log = sample()
    return replace(
        log,
        modules={**log.modules, module: content},
        versions={**log.versions, module: version},
    )


def read(log: LogBytes, folder: Path) -> libdarshan.Log:
    path = folder / "a.darshan"
    path.write_bytes(log.content())
    return libdarshan.read(path)


def rows(found: npt.NDArray[Any]) -> list[tuple[Any, ...]]:
    return found[["write", "offset", "length", "begin", "end"]].tolist()


def of_the_library(path: Path, header: LogHeader, module: str) -> Iterator[npt.NDArray[Any]]:
    """Segments as libdarshan-util gives them, record by record."""
    ffi, lib = library.loaded_library()
    handle = lib.darshan_log_open(bytes(path))
    try:
        for found in each_record(ffi, lib, handle, module, dxt.NUMBERS[module], "char *"):
            file, _, _, _, writes, reads = struct.unpack("=Qqq64sqq", ffi.buffer(found, HEAD)[:])
            segments = np.empty(writes + reads, dxt.SEGMENT)
            segments["id"], segments["write"] = file, np.arange(writes + reads) < writes
            raw = np.frombuffer(
                ffi.buffer(found + HEAD, 32 * (writes + reads)), np.dtype([*dxt.TRACE])
            )
            for name, _ in dxt.TRACE:
                segments[name] = raw[name]
            yield segments
    finally:
        lib.darshan_log_close(handle)


# Real logs


@pytest.mark.parametrize("module", dxt.NUMBERS)
def test_what_the_library_reads_is_read_alike(module: str, real: Path) -> None:
    seen = set()
    for path in logs(real):
        header = header_of(path)
        assert header
        if dxt.NUMBERS[module] not in header.regions:
            continue
        version = header.versions[dxt.NUMBERS[module]]
        assert version <= KNOWN_TO_THE_LIBRARY[module], path
        theirs = list(of_the_library(path, header, module))
        ours = dxt.traced_segments(opened(path), header, module)
        assert theirs
        np.testing.assert_array_equal(ours, np.concatenate(theirs))
        seen.add((version, header.order))
    assert (
        seen
        == {
            "DXT_POSIX": {(1, "<"), (1, ">")},
            "DXT_MPIIO": {(1, "<"), (1, ">"), (2, "<")},
        }[module]
    )


def test_headers_are_those_that_the_library_finds(real: Path) -> None:
    """Also of older formats, which number modules otherwise."""
    ffi, lib = library.loaded_library()
    formats = set()
    for path in [*logs(real), *SITEDAY_LOGS.iterdir()]:
        header = header_of(path)
        assert header
        handle = lib.darshan_log_open(bytes(path))
        found, count = ffi.new("struct module **"), ffi.new("int *")
        lib.darshan_log_get_modules(handle, found, count)
        theirs = {found[0][i].idx: (found[0][i].len, found[0][i].ver) for i in range(count[0])}
        lib.darshan_free(found[0])
        lib.darshan_log_close(handle)
        assert theirs == {
            number: (length, header.versions[number])
            for number, (_, length) in header.regions.items()
            if number >= 0
        }, path
        formats.add(header.version)
    assert formats == {"3.00", "3.10", "3.20", "3.21", "3.41"}


def test_siteday_is_placed_by_its_traces(tmp_path: Path) -> None:
    """Its runtime is newer than any released library: DXT_POSIX 2, DXT_MPIIO 3. Lengths of a
    traced file add up to its counters.
    """
    versions = set()
    for path in SITEDAY_LOGS.iterdir():
        header = header_of(path)
        assert header
        log = libdarshan.read(path)
        assert log.unreadable == ()
        for module, number in dxt.NUMBERS.items():
            assert (module in log.segments) == (number in header.regions)
            if module in log.segments:
                versions.add((module, header.versions[number]))
        trace = log.segments.get("DXT_POSIX")
        if trace is None:
            continue
        integers, _ = library.counters("POSIX")
        records = log.records["POSIX"]
        for way, is_write in (("READ", False), ("WRITTEN", True)):
            of_file = dict.fromkeys(trace["id"].tolist(), 0)
            for segment in trace[trace["write"] == is_write]:
                of_file[int(segment["id"])] += int(segment["length"])
            counted = records["counters"][:, integers.index(f"POSIX_BYTES_{way}")]
            for file, length in of_file.items():
                assert counted[records["id"] == file].sum() == length
        assert (trace["end"] >= trace["begin"]).all()
        assert trace["end"].max() <= log.runtime + 1
    assert versions == {("DXT_POSIX", 2), ("DXT_MPIIO", 3)}
    day = reduced(options(SITEDAY_LOGS), tmp_path / "raw", DAY)
    assert set(day.logs["unreadable_modules"]) == {""}
    assert day.merger.placed["dxt"] == 3_758_096_384
    assert day.merger.contradicted == {}, "heat maps have all that is traced"


# Crafted logs


@pytest.mark.parametrize("compression", [0, PLAIN])
@pytest.mark.parametrize(
    ("module", "version", "size"),
    [
        ("DXT_POSIX", 1, 32),
        ("DXT_POSIX", 2, 40),
        ("DXT_MPIIO", 1, 32),
        ("DXT_MPIIO", 2, 32),
        ("DXT_MPIIO", 3, 40),
    ],
)
def test_each_version(
    module: str, version: int, size: int, compression: int, tmp_path: Path
) -> None:
    content = record(size, file=7) + record(size, file=8)
    log = with_module(module, version, content)
    found = read(replace(log, compression=compression), tmp_path)
    assert found.unreadable == ()
    expected = SEGMENTS
    if (module, version) == ("DXT_MPIIO", 1):  # it does not report offsets
        expected = [(way, -1, *others) for way, _, *others in SEGMENTS]
    assert rows(found.segments[module]) == expected * 2
    assert found.segments[module]["id"].tolist() == [7] * 3 + [8] * 3


def test_regions_of_several_streams_and_records_without_segments(tmp_path: Path) -> None:
    """Each rank writes a stream; a record may lie in two."""
    content = record(40) + record(40)[:HEAD].replace(
        struct.pack("<qq", 2, 1), struct.pack("<qq", 0, 0)
    )
    streams = b"".join(map(zlib.compress, (content[:50], content[50:120], b"", content[120:])))
    log = replace(with_module("DXT_POSIX", 2, content), raw={"DXT_POSIX": streams})
    assert rows(read(log, tmp_path).segments["DXT_POSIX"]) == SEGMENTS


@pytest.mark.parametrize("size", [32, 40])
def test_byte_order_is_the_logs(size: int, tmp_path: Path) -> None:
    content = record(size, order=">")
    (tmp_path / "region").write_bytes(content)
    version = 1 if size == 32 else 2
    header = LogHeader("3.41", ">", PLAIN, {10: (0, len(content))}, {10: version}, len(content))
    found = dxt.traced_segments(opened(tmp_path / "region"), header, "DXT_POSIX")
    assert rows(found) == SEGMENTS
    assert found.dtype == dxt.SEGMENT


@pytest.mark.parametrize(
    ("module", "version"),
    [("DXT_POSIX", 9), ("DXT_POSIX", 3), ("DXT_POSIX", 0), ("DXT_MPIIO", 9), ("DXT_MPIIO", 4)],
)
def test_an_unknown_version_costs_the_module(module: str, version: int, tmp_path: Path) -> None:
    log = with_module(module, version, record(40))
    found = read(log, tmp_path)
    assert found.unreadable == (module,)
    assert module not in found.segments
    assert found.is_trusted, "the library was not shown it"
    header = header_of(tmp_path / "a.darshan")
    assert header
    with pytest.raises(SourceError, match=f"module {module} version {version}"):
        dxt.traced_segments(opened(tmp_path / "a.darshan"), header, module)


DAMAGED = {
    "more than there is": (record(40, counts=(2, 2)), "has fewer segments than a record says"),
    "as many as a number holds": (
        record(40, counts=(2**63 - 1, 2**63 - 1)),
        "has fewer segments than a record says",
    ),
    "negative": (record(40, counts=(4, -1)), "has a negative number of segments"),
    "all negative": (record(40, counts=(-(2**63), 0)), "has a negative number of segments"),
    "too few": (record(40, counts=(1, 1)), "ends in the middle of a record"),
    "the rest of a record": (record(40) + bytes(103), "ends in the middle of a record"),
    "cut": (record(40)[:-1], "has fewer segments than a record says"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_torn_counts_are_a_damaged_module(name: str, tmp_path: Path) -> None:
    content, message = DAMAGED[name]
    assert_damaged(with_module("DXT_POSIX", 2, content), message, tmp_path)


def assert_damaged(log: LogBytes, message: str, folder: Path) -> None:
    """The module is unreadable, and nothing else."""
    found = read(log, folder)
    assert found.unreadable == ("DXT_POSIX",)
    assert found.is_trusted
    assert len(found.records["POSIX"])
    header = header_of(folder / "a.darshan")
    assert header
    with pytest.raises(SourceError, match=f"^damaged: module DXT_POSIX.*{message}"):
        dxt.traced_segments(opened(folder / "a.darshan"), header, "DXT_POSIX")


def test_damaged_regions(tmp_path: Path) -> None:
    log = with_module("DXT_POSIX", 2, record(40))
    packed = zlib.compress(record(40))
    for raw in (packed[:-1], packed[:40], b"no zlib", packed + b"x", b"\0"):
        assert_damaged(replace(log, raw={"DXT_POSIX": raw}), "", tmp_path)
    assert_damaged(log.with_flipped_bit("DXT_POSIX"), "", tmp_path)


def test_a_region_that_ends_beyond_the_file(tmp_path: Path) -> None:
    """The header says 2^64 - 1 bytes at 2^64 - 1: nothing is looked for there."""
    (tmp_path / "region").write_bytes(record(40))
    place = (2**64 - 1, 2**64 - 1)
    header = LogHeader("3.41", "<", PLAIN, {10: place}, {10: 2}, len(record(40)))
    with pytest.raises(SourceError, match="ends beyond the file"):
        dxt.traced_segments(opened(tmp_path / "region"), header, "DXT_POSIX")


def test_what_unpacks_to_far_more_than_its_bytes_is_not_unpacked(tmp_path: Path) -> None:
    """300 MiB of zeros: records without segments, in 300 KiB."""
    stream = zlib.compressobj(9)
    packed = b"".join([stream.compress(bytes(2**20)) for _ in range(300)] + [stream.flush()])
    log = replace(with_module("DXT_POSIX", 2, b""), raw={"DXT_POSIX": packed})
    assert len(packed) < 2**19
    assert_damaged(log, f"unpacks to more than {dxt.EXPANSION} times its bytes", tmp_path)


def test_only_essential_modules(tmp_path: Path) -> None:
    path = tmp_path / "a.darshan"
    path.write_bytes(with_module("DXT_POSIX", 2, record(40)).content())
    found = libdarshan.read(path, only_essential=True)
    assert "DXT_POSIX" in found.unreadable
    assert found.segments == {}


# Older formats


def test_damage_to_traces_of_an_older_format_costs_the_traces(real: Path, tmp_path: Path) -> None:
    """In format 3.21 the traces have the number that STDIO has now."""
    path = next((real / "darshan").rglob("hdf5_diagonal_write_1_byte_dxt.darshan"))
    header = header_of(path)
    assert header
    assert header.version == "3.21"
    at, length = header.regions[dxt.NUMBERS["DXT_POSIX"]]
    data = bytearray(path.read_bytes())
    data[at + length // 2] ^= 1
    (tmp_path / "a.darshan").write_bytes(data)
    assert libdarshan.read(tmp_path / "a.darshan").unreadable == ("DXT_POSIX",)


def test_damage_to_posix_of_an_older_format_is_noticed(real: Path, tmp_path: Path) -> None:
    """STDIO of format 3.21, the last bytes of its checksum."""
    path = next((real / "darshan").rglob("treddy_mpi-io-test_id4373053_*.darshan"))
    header = header_of(path)
    assert header
    at, length = header.regions[9]
    data = bytearray(path.read_bytes())
    data[at + length - 1] ^= 1
    (tmp_path / "a.darshan").write_bytes(data)
    with pytest.raises(SourceError, match="checksum of module STDIO"):
        libdarshan.read(tmp_path / "a.darshan")


# The library


@pytest.mark.parametrize("version", [b"3.5.0", b"3.5.1", b"3.5.0-pre1"])
def test_known_versions_of_the_library(version: bytes) -> None:
    library.check_version(*fake(version))


@pytest.mark.parametrize("version", [b"3.6.0", b"3.50.0", b"3.4.7", b"4.0", b"", b"\xff"])
def test_an_unknown_version_of_the_library_is_refused(version: bytes) -> None:
    with pytest.raises(MissingPackage, match=r"is not supported, known versions: 3\.5\.x"):
        library.check_version(*fake(version))


def test_a_library_without_a_version_is_refused() -> None:
    with pytest.raises(MissingPackage, match="'unknown' is not supported"):
        library.check_version(cffi.FFI(), SimpleNamespace())


def test_the_installed_library_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "KNOWN", ("9.9",))
    with pytest.raises(MissingPackage, match=r"libdarshan-util '3\.5\.\d+' is not supported"):
        library.loaded_library.__wrapped__()


def test_packages_that_are_allowed_are_those_whose_library_is_known() -> None:
    assert library.KNOWN == ("3.5",)
    assert "darshan>=3.5.0,<3.6" in (ROOT / "setup.cfg").read_text()


def fake(version: bytes) -> tuple[Any, Any]:
    """A library that reports a version."""
    ffi = cffi.FFI()
    text = ffi.new("char[]", version)
    return ffi, SimpleNamespace(darshan_log_get_lib_version=lambda: text)
