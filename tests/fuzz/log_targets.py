"""Darshan logs: their header and regions, traces, names, mount tables, and what is made of a log.

libdarshan-util dies of some logs, which `pipeline.processes.isolated` is for; here it reads each in
a child, and what it read is reduced in this process. Its own errors of memory are what
`library_memory` is for.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import os
import pickle
import random
import resource
import signal
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from archive_tools.core import log_files
from archive_tools.core.day import Day
from archive_tools.core.errors import SourceError
from archive_tools.core.findings import Findings
from pipeline.sources.darshan import dxt, libdarshan, listing, log_checks, log_header
from pipeline.sources.darshan import source as darshan
from pipeline.sources.darshan.log_batches import BatchReader, Listed
from pipeline.sources.darshan.modules import heat_maps
from pipeline.transform import mounts
from pipeline.transform.darshan import DayMerger, Reduction
from tests.fuzz.target import HANG_SECONDS, Target, fresh_folder
from tests.support import mutants
from tests.support.darshan_bytes import LogBytes
from tests.support.darshan_source import MOUNTS
from tests.support.paths import SITEDAY_LOGS

NAME = "alice_ior_id7-1_11-22-28166-7_1.darshan"
DAY = Day(dt.date(2026, 11, 22))
SMALLEST = 6000
"""Bytes of the largest log that is a seed."""


def log_seeds() -> Iterator[tuple[str, bytes]]:
    """A log for each set of modules, the smallest first."""
    seen = set()
    for path in sorted(SITEDAY_LOGS.iterdir(), key=lambda path: (path.stat().st_size, path.name)):
        log = LogBytes.of(path)
        if path.stat().st_size <= SMALLEST and (key := tuple(sorted(log.modules))) not in seen:
            seen.add(key)
            yield "-".join(key).lower().replace("/", ""), path.read_bytes()


def mutated_log(data: bytes, chance: random.Random) -> bytes:
    """A mutant of the bytes of a log, or of its structure."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return mutants.one_of(Path(file.name), chance)[1]


def read_header(data: bytes) -> None:
    with fresh_folder() as folder:
        path = folder / NAME
        path.write_bytes(data)
        log_files.role_of(str(path))
        assert log_header.why_refused(path, NAME)
        header = log_header.header_of(path)
        if header is None:
            return
        log_header.command_line(path, header)
        file = io.BytesIO(data)
        for number in set(header.regions) - header.cut:
            header.is_whole(file, number)
        for check in (log_checks.job_text, log_checks.file_names):
            with contextlib.suppress(SourceError):
                check(file, header)
        for module in log_checks.MODULES:
            with contextlib.suppress(SourceError):
                content = log_checks.checked_module(file, header, module)
                if module == "HEATMAP":
                    heat_maps(content, header.order, {})
        for module, number in dxt.NUMBERS.items():
            if number in header.regions:
                with contextlib.suppress(SourceError):
                    dxt.traced_segments(file, header, module)


def read_trace(data: bytes) -> None:
    """The first byte says the module, its version and the byte order; the rest is the region."""
    if not data:
        return
    module = sorted(dxt.NUMBERS)[data[0] & 1]
    order, version = "<>"[data[0] >> 1 & 1], data[0] >> 2
    number, size = dxt.NUMBERS[module], len(data) - 1
    header = log_header.LogHeader(
        "3.41", order, log_header.PLAIN, {number: (0, size)}, {number: version}, size
    )
    found = dxt.traced_segments(io.BytesIO(data[1:]), header, module)
    assert len(found) * 32 <= size, "each segment is in the region"


def trace_seeds() -> Iterator[tuple[str, bytes]]:
    """Two records of two writes and a read, in each version and byte order."""
    for n, module in enumerate(sorted(dxt.NUMBERS)):
        for version, size in dxt.SEGMENT_BYTES[module].items():
            for swapped, order in enumerate("<>"):
                segment = struct.pack(f"{order}qqdd", 4096, 512, 0.25, 0.5).ljust(size, b"\0")
                record = struct.pack(order + dxt.RECORD, 7, 0, 0, b"nid0", 2, 1) + 3 * segment
                head = bytes([n | swapped << 1 | version << 2])
                yield f"{module.lower()}-{version}-{swapped}", head + 2 * record


def read_names(data: bytes) -> None:
    texts = [os.fsdecode(text) for text in data.split(b"\0") if text]
    files = []
    for text in texts:
        for found in (log_files.parse_name(text), log_files.parse_path(text)):
            if found:
                found.user("ior", "alice")
                found.is_of("alice")
        files.append(listing.LogFile("/logs", text, 1, 0, True))
        for distance in (-1, 1, 3):
            listing.may_touch(files[-1], DAY, distance, "Europe/Berlin")
    identities = [
        darshan.LogIdentity(os.fsencode(f.root), os.fsencode(f.name), *f[2:]) for f in files
    ]
    names = darshan._unique_names(identities)
    assert len(set(names)) == len(names), "two logs have a name"


def name_seeds() -> Iterator[tuple[str, bytes]]:
    some = [NAME, "a/2026/11/22/" + NAME, "x_y_id1_1-1-1-1_1.darshan", "alice_ior_id7.darshan.gz"]
    yield "names", "\0".join(some).encode()
    yield "odd", b"a_\xff\xfe_id1-1_13-45-99999-1_1.darshan\0\x1b[2J_id9_2-29-86399-1_1.darshan"
    yield "folders", b"/logs/2026/11/22/alice/ior/7/1-2.darshan\0" * 2


def read_mounts(data: bytes) -> None:
    """Lines of a table, an empty line, paths."""
    above, _, below = data.decode("utf-8", "backslashreplace").partition("\n\n")
    paths = below.split("\n")
    points = frozenset(line.partition("\t")[2] for line in above.split("\n"))
    lustre = frozenset(
        line.partition("\t")[2] for line in above.split("\n") if line.startswith("lustre\t")
    )
    systems = mounts.FileSystems(MOUNTS)
    unplaced = {}
    for path in paths:
        for has_stripes in (True, False):
            place = mounts.place_of(path, has_stripes, mounts.Table(points, lustre), systems)
            systems[place.mount]
            if place.unplaced:
                unplaced[place.unplaced] = len(unplaced)
    shown = mounts.shown_paths(unplaced)
    assert shown.isprintable(), "a terminal obeys it"


def mount_seeds() -> Iterator[tuple[str, bytes]]:
    yield (
        "table",
        b"lustre\t/scratch\nnfs\t/home\next4\t/\n\n/scratch/a/b\n/home/x\nrelative\n/tmp/\x1b",
    )
    yield "nested", b"lustre\t/a\nlustre\t/a/b\ngpfs\t/a/b/c\n\n/a/b/c/d\n/a/bc\n//a//b\n"


def _in_child(path: Path, **keys: Any) -> Any:
    """As `libdarshan.read`, by a child; a log of which it dies is an error."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(reader)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the library says what it finds
            for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE):
                signal.signal(number, signal.SIG_DFL)  # libFuzzer takes them for faults of ours
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CPU, (HANG_SECONDS, HANG_SECONDS))
            try:
                found: Any = _read_by_library(path, **keys)
            except Exception as error:
                found = error
            with os.fdopen(writer, "wb") as pipe:
                pickle.dump(found, pipe)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    if not content:
        raise SourceError("the library died")
    found = pickle.loads(content)
    if isinstance(found, Exception):
        raise found
    return found


_read_by_library = libdarshan.read


def reduce_log(data: bytes) -> None:
    """From the library's records to the tables and series of a day."""
    with fresh_folder() as folder:
        path = folder / NAME
        path.write_bytes(data)
        status = path.stat()
        listed = Listed(
            os.fsencode(folder), os.fsencode(NAME), status.st_size, status.st_mtime_ns, True
        )
        reader = BatchReader(DAY.start, DAY.end)
        with mock.patch.object(libdarshan, "read", _in_child):
            reader.add(listed, NAME)
        how = Reduction(DAY, 600, MOUNTS, darshan.metrics())
        merger = DayMerger(DAY, 600, MOUNTS, darshan.metrics(), lambda name, rows: None)
        merger.add(how(reader.batch()))
        for grid in merger.finish(Findings()):
            assert not (grid.values < 0).any(), f"{grid.dataset}: negative"


TARGETS = {
    "darshan_header": Target(read_header, log_seeds, mutated_log),
    "darshan_trace": Target(read_trace, trace_seeds),
    "darshan_names": Target(read_names, name_seeds),
    "darshan_mounts": Target(read_mounts, mount_seeds),
    "darshan_day": Target(reduce_log, log_seeds, mutated_log),
}
