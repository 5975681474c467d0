"""What lies in the archive's folders, and site.json: an archive may have been damaged, copied from
elsewhere, or written to by others.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from archive_tools import schemas
from archive_tools.checking import whole_archive
from archive_tools.core.day import Day
from archive_tools.core.grid import Grid
from archive_tools.formats.index_file import connected
from archive_tools.formats.jobs_file import write_jobs
from archive_tools.formats.tts_read import open_tts
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.jobs.job_lookup import query_rows
from archive_tools.jobs.job_tables import JobFilter, find_jobs
from archive_tools.reading.archive import Archive
from archive_tools.schemas import catalogue
from archive_tools.store import layout, site_file, status
from archive_tools.store.receipts import Receipts
from pipeline import site as site_module
from pipeline.building import archive_identity
from pipeline.sources import registry as sources
from tests.fuzz.target import Target, fresh_folder
from tests.support.mutants import mutated
from tests.support.small_days import write_site

DATE = dt.date(2026, 11, 22)
DAY = Day(DATE)


# site.json and archive.json


def read_site(data: bytes) -> None:
    """By the pipeline and by readers."""
    with fresh_folder() as folder:
        path = folder / "site.json"
        path.write_bytes(data)
        known = site_file.read_site_file(path)
        for what in (lambda: known.root, lambda: known.timezone, known.log_folders):
            with contextlib.suppress(*SITE.documented):
                what()
        site = site_module.load(str(path))
        for name in site.sources:
            sources.options(site, name)
        assert site.yesterday()
        assert isinstance(site.file_mode, int)


def site_seeds() -> Iterator[tuple[str, bytes]]:
    with fresh_folder() as folder:
        text = write_site(folder).read_text()
    yield "site", text.encode()
    yield "comments", text.replace("{", '{"//": "x", ', 1).encode()
    yield "nested", b'{"site": ' + b"[" * 20_000
    yield "digits", text.replace("600", "6" * 5000).encode()
    yield "surrogate", text.replace("small", "\\ud800").encode()
    yield "nul", text.replace('"archive"', '"archive": "a\\u0000b", "x"', 1).encode()
    yield "zone", text.replace('"site":', '"timezone": "../../etc/passwd", "site":', 1).encode()


@functools.cache
def _site_text() -> str:
    with fresh_folder() as folder:
        return write_site(folder).read_text()


def read_about(data: bytes) -> None:
    """archive.json, by readers and by the pipeline."""
    with fresh_folder() as folder:
        (folder / "site.json").write_text(_site_text())
        site = site_module.load(str(folder / "site.json"))
        site.root.mkdir()
        (site.root / layout.ABOUT).write_bytes(data)
        archive_identity.changes(site)
        archive = Archive(site.root)
        archive.instances()
        repr(archive)
        list(whole_archive.check_archive(archive, DATE, DATE))


def about_seeds() -> Iterator[tuple[str, bytes]]:
    about = {
        "site": "small",
        "timezone": "UTC",
        "instances": {"home": {"kind": "lmt", "timestep": 600}},
        "hdf5_files": {"old": ["/old/%Y/%Y-%m-%d.h5lmt"]},
    }
    yield "about", json.dumps(about).encode()
    yield "list", b"[]"
    yield "instances", json.dumps({**about, "instances": [1]}).encode()
    yield "instance", json.dumps({**about, "instances": {"home": 7}}).encode()
    yield "zone", json.dumps({**about, "timezone": 7}).encode()
    yield "files", json.dumps({**about, "hdf5_files": {"old": 7}}).encode()
    yield "pattern", json.dumps({**about, "hdf5_files": {"old": "/old/%q\u0000"}}).encode()
    yield "nested", b'{"site": ' + b"[" * 20_000


# Receipts

GOOD = "2026-11-22.home.tts.v1.3f2a9c1d7e4b5a60.complete.json"


def read_receipt(data: bytes) -> None:
    """A name, a line end, the content."""
    name, _, content = data.partition(b"\n")
    if b"/" in name or b"\0" in name or len(name) > 250 or not name.strip(b"."):
        return
    with fresh_folder() as folder:
        place = layout.path(folder, layout.RECEIPTS, DATE)
        place.mkdir(parents=True)
        (place / name.decode("utf-8", "surrogateescape")).write_bytes(content)
        day = Receipts(folder).day(DATE)
        for receipt in day.all:
            day.content(receipt)
            day.good(*receipt.key)
        status.states(folder, [DATE], {"home": ("tts",), "darshan": ("tts", "index", "jobs")})
        list(whole_archive.check_archive(Archive(folder), DATE, DATE, deep=True))


def receipt_seeds() -> Iterator[tuple[str, bytes]]:
    content = {"counts": {"logs": 3, "rejected": 1}, "findings": [{"kind": "gap"}], "measured": {}}
    text = json.dumps(content).encode()
    yield "good", GOOD.encode() + b"\n" + text
    for old in ("complete", "partial081", "failed", "kept", "empty"):
        yield old, GOOD.replace("complete", old).encode() + b"\n" + text
    yield "date", GOOD.replace("11-22", "11-99").encode() + b"\n" + text
    yield "version", GOOD.replace("v1", "v" + "1" * 150).encode() + b"\n" + text
    half = GOOD.replace("complete", "partial050").encode() + b"\n"
    yield "list", half + b"[1]"
    yield "cut", half + text[:20]
    yield "nested", GOOD.replace("complete", "failed").encode() + b"\n" + b"[" * 20_000
    yield (
        "digits",
        GOOD.replace("complete", "partial050").encode() + b'\n{"counts": %s}' % (b"1" * 5000),
    )


# Products


def read_series(data: bytes) -> None:
    with fresh_folder() as folder:
        path = folder / "x.hdf5"
        path.write_bytes(data)
        for direct in (True, False):
            with contextlib.suppress(*SERIES.documented):
                _read_all(path, direct)
        list(whole_archive.check_file(path, deep=True))


def _read_all(path: Path, direct: bool) -> None:
    with open_tts(path, direct=direct) as file:
        assert file.end >= 0 or file.end < 0
        repr(file)
        _ = file.attributes, file.sources
        for name in file.datasets():
            file.units(name)
            file.kind(name)
            file.largest(name)
            rows = len(file.timestamps(name))
            if rows * max(1, len(file.columns(name))) < 10**6:
                file.to_numpy(name)
                file.missing(name)


def series_seeds() -> Iterator[tuple[str, bytes]]:
    values = np.arange(48.0).reshape(24, 2)
    values[3:5, 0] = np.nan
    with fresh_folder() as folder:
        path = folder / "x.hdf5"
        with TtsWriter(path, DAY) as writer:
            for name in ("datatargets/readbytes", "mdservers/cpuload"):
                grid = Grid(name, ("a", "b"), DAY.start, 3600, values)
                writer.write(grid, catalogue()[name], source="t", updated=0)
        yield "tts", path.read_bytes()
        with h5py.File(folder / "y.hdf5", "w") as file:  # as pytokio writes them
            file.attrs["version"] = "1"
            group = file.create_group("datatargets")
            group["timestamps"] = DAY.start + 3600 * np.arange(24)
            group["readbytes"] = values
            group["readbytes"].attrs["columns"] = np.array([b"a", b"b"])
            group["readbytes"].attrs["units"] = "bytes"
        yield "pytokio", (folder / "y.hdf5").read_bytes()
        with h5py.File(folder / "z.h5lmt", "w") as file:
            file["FSStepsGroup/FSStepsDataSet"] = DAY.start + 3600 * np.arange(24)
            rates = file.create_group("OSTReadGroup").create_dataset(
                "OSTBulkReadDataSet", data=values.T
            )
            rates.attrs["OSTNames"] = np.array([b"a", b"b"])
            file["FSMissingGroup/FSMissingDataSet"] = np.zeros((2, 24))
        yield "h5lmt", (folder / "z.h5lmt").read_bytes()


def mutated_binary(data: bytes, chance: random.Random) -> bytes:
    """Few bits: most of a small file is structure."""
    if chance.random() < 0.5:
        return mutated(data, chance)
    body = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 8])):
        body[chance.randrange(len(body))] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, 0x25])
    return bytes(body)


def read_index(data: bytes) -> None:
    with fresh_folder() as folder:
        path = folder / "darshan_index.sqlite"
        path.write_bytes(data)
        for query in ("SELECT * FROM headers", "SELECT * FROM summaries JOIN mounts USING (fs_id)"):
            with contextlib.suppress(*INDEX.documented):
                with connected(path) as connection:
                    connection.execute(query).fetchall()
                query_rows(path, query, ())
        list(whole_archive.check_file(path))


def read_index_to_jobs(data: bytes) -> None:
    """The table of jobs is made from an index of the same run; from a damaged one nothing is."""
    with fresh_folder() as folder:
        (folder / "x.sqlite").write_bytes(data)
        write_jobs(folder / "x.sqlite", folder / "x.parquet", str(DATE))


def index_seeds() -> Iterator[tuple[str, bytes]]:
    with fresh_folder() as folder:
        connection = sqlite3.connect(folder / "x.sqlite")
        connection.execute("PRAGMA page_size = 1024")
        connection.executescript(schemas.index_ddl())
        _fill(connection)
        connection.commit()
        connection.execute("VACUUM")
        connection.close()
        yield "index", (folder / "x.sqlite").read_bytes()


def _fill(connection: sqlite3.Connection) -> None:
    for table in ("headers", "mounts", "summaries"):
        columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
        for row in (1, 2):
            values = [
                row
                if "INT" in kind.upper()
                else float(row)
                if "REAL" in kind.upper()
                else f"t{row}"
                for _, _, kind, *_ in columns
            ]
            marks = ",".join("?" * len(values))
            connection.execute(f"INSERT INTO {table} VALUES ({marks})", values)


def read_jobs(data: bytes) -> None:
    with fresh_folder() as folder:
        path = layout.path(folder, layout.JOBS, DATE, "darshan")
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        (folder / layout.ABOUT).write_text('{"site": "x", "timezone": "UTC"}')
        with contextlib.suppress(*JOBS.documented):
            find_jobs(folder, DATE, DATE, JobFilter())
        list(whole_archive.check_file(path))


def jobs_seeds() -> Iterator[tuple[str, bytes]]:
    for _, index in index_seeds():
        with fresh_folder() as folder:
            (folder / "x.sqlite").write_bytes(index)
            write_jobs(folder / "x.sqlite", folder / "x.parquet", str(DATE))
            yield "jobs", (folder / "x.parquet").read_bytes()


SITE = Target(read_site, site_seeds)
SERIES = Target(read_series, series_seeds, mutated_binary)
INDEX = Target(read_index, index_seeds, mutated_binary)
JOBS = Target(read_jobs, jobs_seeds, mutated_binary)
TARGETS: dict[str, Any] = {
    "site_json": SITE,
    "archive_json": Target(read_about, about_seeds),
    "receipts": Target(read_receipt, receipt_seeds),
    "series": SERIES,
    "index": INDEX,
    "index_to_jobs": Target(read_index_to_jobs, index_seeds, mutated_binary),
    "jobs": JOBS,
}
