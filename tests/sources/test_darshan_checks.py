"""What of a log libdarshan-util is not given: it would end the process, read forever, or pass over
records without a word.
"""

from __future__ import annotations

import importlib.util
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from archive_tools.core.errors import SourceError
from pipeline.sources.darshan import libdarshan, library, log_checks, log_header, modules, open_log
from tests.support import paths
from tests.support.darshan_bytes import HEADER, LogBytes, opened
from tests.support.darshan_day import reduced
from tests.support.darshan_source import options
from tests.support.isolated_readers import DAY
from tests.support.paths import SITEDAY_LOGS

PACKAGE = Path(importlib.util.find_spec("darshan").origin).parent  # type: ignore[union-attr,arg-type]
LOG = LogBytes.of(sorted(SITEDAY_LOGS.iterdir())[0])
RECORD = struct.pack("<Q", 7)
RECORDS = [
    (module, version, size)
    for module, sizes in log_checks.RECORD_BYTES.items()
    for version, size in sizes.items()
]


def read(tmp_path: Path, log: LogBytes, *, most: int = log_header.MOST) -> libdarshan.Log:
    return read_bytes(tmp_path, log.content(), most=most)


def read_bytes(tmp_path: Path, content: bytes, *, most: int = log_header.MOST) -> libdarshan.Log:
    path = tmp_path / "log.darshan"
    path.write_bytes(content)
    return libdarshan.read(path, most=most)


def with_module(module: str, content: bytes, version: int) -> LogBytes:
    return replace(
        LOG,
        modules={**LOG.modules, module: content},
        versions={**LOG.versions, module: version},
    )


# Names and job: the log is rejected


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (LOG.names[:-1], "the file names end in the middle of one"),
        (LOG.names + RECORD[:3], "the file names end in the middle of one"),
        (LOG.names + RECORD, "the file names end in the middle of one"),
        (b"x", "the file names end in the middle of one"),
        (RECORD + b"/" + b"x" * 2**20 + b"\0", "one of the file names has 1,048,577 bytes"),
        (RECORD + b"/" + b"x" * 2**22, "the file names end in the middle of one"),
    ],
    ids=["cut", "half an id", "an id", "a byte", "above 1 MiB", "without an end"],
)
def test_a_log_of_damaged_names_is_rejected_with_that_reason(
    names: bytes, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=f"^damaged: {reason}; copy it again"):
        read(tmp_path, replace(LOG, names=names))


def test_names_of_one_id_and_without_a_text(tmp_path: Path) -> None:
    """The first of an id counts; an empty one at the end did end the library."""
    names = RECORD + b"/a\0" + RECORD + b"/b\0" + struct.pack("<Q", 8) + b"/\xff\0"
    names += struct.pack("<Q", 9) + b"\0"
    assert read(tmp_path, replace(LOG, names=names)).names == {7: "/a", 8: "/\\xff", 9: ""}


@pytest.mark.parametrize("order", "<>")
def test_names_of_format_3_00_have_lengths(order: str, tmp_path: Path) -> None:
    content = struct.pack(f"{order}QI", 7, 2) + b"/a" + struct.pack(f"{order}QI", 8, 0)
    path = tmp_path / "log"

    def names_of(content: bytes) -> dict[int, str]:
        path.write_bytes(content)
        region = {log_header.NAMES: (0, len(content))}
        header = log_header.LogHeader("3.00", order, log_header.PLAIN, region, {}, len(content))
        return log_checks.file_names(opened(path), header)

    assert names_of(content) == {7: "/a", 8: ""}
    for damaged in (content[:-1], content[:13], content + b"\0", content[:8] + b"\xff" * 4):
        with pytest.raises(SourceError, match="end in the middle of one"):
            names_of(damaged)


@pytest.mark.parametrize(
    ("job", "text", "reason"),
    [
        (LOG.job, b"x" * 3017, "mount points have more than 4,096 bytes"),
        (LOG.job, bytes(2**24), "mount points have more than 4,096 bytes"),
        (LOG.job, b"", "mount points have 1,080 bytes, expected more than 1,080"),
        (LOG.job[:8], b"", "mount points have 8 bytes, expected more than 1,080"),
    ],
    ids=["a byte more", "a bomb", "no command line", "a part of the job"],
)
def test_a_log_of_another_size_of_job_is_rejected_with_that_reason(
    job: bytes, text: bytes, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=rf"^damaged: the job, its command line and {reason}"):
        read(tmp_path, replace(LOG, job=job, text=text))


@pytest.mark.parametrize(
    "text", [b"/bin/x\nlustre\t/scratch\nnfs", b"/bin/x\n", b"/bin/x\n\n", b"/bin/x"]
)
def test_a_broken_table_of_mounts_is_not_read_and_costs_no_more(
    text: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = read(tmp_path, replace(LOG, text=text))
    assert (log.mounts, log.exe) == ((), "/bin/x")
    assert capfd.readouterr().err == "", "the library has nothing to complain about"


# Regions


def with_place(number: int, at: int, length: int) -> bytes:
    """The log with another place of a region in its header: 0 is the names, 1 + n module n."""
    content = bytearray(LOG.content())
    struct.pack_into("<QQ", content, 32 + 16 * number, at, length)
    return bytes(content)


SIZE = len(LOG.content())


@pytest.mark.parametrize(
    ("number", "at", "length", "reason"),
    [
        (0, HEADER.size, 50, "the header leaves no room for the job"),
        (0, 100, 50, "the header leaves no room for the job"),
        (0, 2**63, 2**63, "truncated: it has"),
        (2, 8, 300, "the region of module POSIX begins inside the header"),
        (2, HEADER.size - 1, 300, "the region of module POSIX begins inside the header"),
        (2, SIZE - 20, 21, "truncated: it has"),
        (2, 2**64 - 20, 21, "truncated: it has"),
    ],
)
def test_a_region_outside_of_its_place_is_not_read(
    number: int, at: int, length: int, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=reason):
        read_bytes(tmp_path, with_place(number, at, length))


def test_the_heads_of_neighbour_days_are_looked_at_before_the_library(tmp_path: Path) -> None:
    path = tmp_path / "log.darshan"
    path.write_bytes(with_place(0, HEADER.size, 50))
    with pytest.raises(SourceError, match="the header leaves no room for the job"):
        libdarshan.times(path)


def test_a_heat_map_inside_the_header_costs_itself(tmp_path: Path) -> None:
    log = read_bytes(tmp_path, with_place(1 + log_checks.MODULES["HEATMAP"], 40, 60))
    assert (log.unreadable, log.is_trusted) == (("HEATMAP",), True)
    assert len(log.records["POSIX"])


@pytest.mark.parametrize("number", [18, 19, 63])
def test_a_module_of_a_later_runtime_costs_itself(number: int, tmp_path: Path) -> None:
    """The library has no name for it; before, the log was rejected."""
    at = HEADER.size + len(zlib.compress(LOG.job + LOG.text))
    log = read_bytes(tmp_path, with_place(1 + number, at, 10))
    assert log.unreadable == (f"MODULE_{number}",)
    assert len(log.records["POSIX"])


# Records


@pytest.mark.parametrize(("module", "version", "size"), RECORDS)
def test_the_library_reads_records_of_these_sizes(
    module: str, version: int, size: int, tmp_path: Path
) -> None:
    """Three of the region that is given: the sizes here are those of the library."""
    log = read(tmp_path, with_module(module, bytes(3 * size), version))
    assert len(log.records[module]) == 3
    assert log.unreadable == ()


@pytest.mark.parametrize(("module", "version", "size"), RECORDS)
def test_records_that_are_not_whole_are_not_passed_over(
    module: str, version: int, size: int, tmp_path: Path
) -> None:
    """The library reads the whole ones and says nothing of the rest."""
    log = with_module(module, bytes(3 * size - 1), version)
    if module not in open_log.ESSENTIAL:
        assert read(tmp_path, log).unreadable == (module,)
        return
    with pytest.raises(SourceError, match=f"module {module} has .* not whole records of {size}"):
        read(tmp_path, log)


def stripes(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}q", *numbers)


@pytest.mark.parametrize(
    ("version", "content"),
    [
        (1, stripes(7, 0, 5, 1, 0, 4096, 2, 3)),
        (1, stripes(7, 0, 5, 1, 0, 4096, 2**60)),
        (1, stripes(7, 0, 5, 1, 0, 4096, -1, 3)),
        (1, stripes(7, 0, 5)),
        (2, stripes(7, 0, 2**57, 1)),
        (2, stripes(7, 0, -1, 9)),
        (2, stripes(7, 0, 1, 2, *range(9), 3)),
        (2, stripes(7, 0, 1, -9, *range(9))),
        (2, stripes(7, 0, 1, 1, *range(9), 3)[:-1]),
    ],
)
def test_more_osts_than_are_there_do_not_reach_the_library(
    version: int, content: bytes, tmp_path: Path
) -> None:
    log = read(tmp_path, with_module("LUSTRE", content, version))
    assert (log.unreadable, log.lustre, log.is_trusted) == (("LUSTRE",), (), True)


# Sizes


@pytest.mark.parametrize(("module", "is_rejected"), [("POSIX", True), ("MPI-IO", False)])
def test_a_region_that_unpacks_to_too_much_is_not_read(
    module: str, is_rejected: bool, tmp_path: Path
) -> None:
    version = max(log_checks.RECORD_BYTES[module])
    size = log_checks.RECORD_BYTES[module][version]
    log = with_module(module, bytes(size * (2**20 // size + 1)), version)
    assert len(read(tmp_path, log, most=2**21).records[module]) == 2**20 // size + 1
    if not is_rejected:
        assert read(tmp_path, log, most=2**20).unreadable == (module,)
        return
    with pytest.raises(SourceError, match=r"^memory limit: module POSIX: above 1,048,576 bytes"):
        read(tmp_path, log, most=2**20)


def test_names_that_unpack_to_too_much_are_not_read(tmp_path: Path) -> None:
    log = replace(LOG, names=(RECORD + b"/a\0") * 2**18)
    with pytest.raises(SourceError, match=r"^memory limit: the file names: above 1,048,576 bytes"):
        read(tmp_path, log, most=2**20)


@pytest.mark.system
def test_half_of_log_memory_mb_is_what_a_region_may_unpack_to(tmp_path: Path) -> None:
    """35 MB of records in 35 KB: of the day's log the rest is kept."""
    size = log_checks.RECORD_BYTES["MPI-IO"][3]
    (tmp_path / "logs").mkdir()
    log = with_module("MPI-IO", bytes(size * (35_000_000 // size)), 3)
    (tmp_path / "logs/a.darshan").write_bytes(log.content())
    for megabytes, unreadable in ((512, ""), (64, "MPI-IO")):
        keys = options(tmp_path / "logs", log_memory_mb=megabytes)
        day = reduced(keys, tmp_path / f"raw{megabytes}", DAY)
        assert day.logs["unreadable_modules"].tolist() == [unreadable]


# Good logs


def test_all_published_logs_are_read_as_the_library_reads_them(real: Path) -> None:
    """None has a region that is held back, and their names are the library's."""
    from darshan.backend import cffi_backend

    logs = [*(real / "darshan").rglob("*.darshan"), *PACKAGE.rglob("*.darshan")]
    logs += [*SITEDAY_LOGS.iterdir()][:20]
    versions = set()
    for path in logs:
        header = log_header.header_of(path)
        assert header
        versions.add(header.version)
        for module in log_checks.MODULES:
            log_checks.checked_module(opened(path), header, module)
        text = log_checks.job_text(opened(path), header)
        handle = cffi_backend.log_open(str(path))
        names = cffi_backend.log_get_name_records(handle)
        mounts = cffi_backend.log_get_mounts(handle)
        cffi_backend.log_close(handle)
        assert log_checks.file_names(opened(path), header) == names, path
        assert log_checks.has_mounts(text) == bool(mounts), path
    assert versions >= {"3.00", "3.10", "3.20", "3.21", "3.41"}


def test_regions_that_the_library_does_not_read_are_what_it_would_read(real: Path) -> None:
    """Records of the newest versions, byte for byte; heat maps of each rank."""
    ffi, lib = library.loaded_library()
    logs = [*(real / "darshan").rglob("*.darshan"), *PACKAGE.rglob("*.darshan")]
    logs += [*SITEDAY_LOGS.iterdir(), paths.cases("darshan") / "heat_widths.darshan"]
    seen, older = set(), set()
    for path in logs:
        header = log_header.header_of(path)
        assert header
        handle = lib.darshan_log_open(bytes(path))
        for name, module in open_log.modules_of(ffi, lib, handle).items():
            if name not in {*library.MODULES, "HEATMAP"}:
                continue
            content = log_checks.checked_module(opened(path), header, name)
            if name == "HEATMAP":
                of_library = modules.each_record(
                    ffi, lib, handle, name, module.idx, "struct heatmap *"
                )
                theirs: list[bytes] = []
                for record in of_library:
                    theirs += [
                        bytes(ffi.buffer(record, 32)),
                        bytes(ffi.buffer(record.write, 8 * record.bins)),
                        bytes(ffi.buffer(record.read, 8 * record.bins)),
                    ]
                assert b"".join(theirs) == b"".join(_without_pointers(content)), path
            elif modules.is_as_in_memory(name, module.ver, header.order):
                found = modules.records_in(name, content)
                its = modules.counter_records(ffi, lib, handle, name, module.idx)
                assert found.dtype == its.dtype
                assert found.tobytes() == its.tobytes(), (path, name)
            else:
                older.add((name, module.ver, header.order))
                continue
            seen.add(name)
        lib.darshan_log_close(handle)
    assert seen >= {"POSIX", "STDIO", "MPI-IO", "H5D", "H5F", "HEATMAP"}
    assert {order for _, _, order in older} == {"<", ">"}, "these are read by the library"


def _without_pointers(content: bytearray) -> Iterator[bytes]:
    """Records of heat maps without the 16 bytes that hold addresses."""
    at = 0
    while at < len(content):
        (bins,) = struct.unpack_from("<q", content, at + 24)
        end = at + 48 + 16 * bins
        yield from (content[at : at + 32], content[at + 48 : end])
        at = end


def test_the_newest_records_have_the_librarys_layout() -> None:
    for module, sizes in log_checks.RECORD_BYTES.items():
        newest = max(sizes)
        assert newest == open_log.NEWEST[module]
        assert sizes[newest] == library.record_dtype(module).itemsize
