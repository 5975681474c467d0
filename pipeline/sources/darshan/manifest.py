"""The manifest of a day's logs, which is what is fetched of them: which files there were."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.model import LogIdentity
from pipeline.sources.darshan.listing import LogFile

MANIFEST = "manifest.parquet"


def write(files: Sequence[LogFile], folder: Path) -> None:
    """Write the manifest into a folder."""
    table = {
        "root": pa.array([os.fsencode(file.root) for file in files], pa.binary()),
        "name": pa.array([os.fsencode(file.name) for file in files], pa.binary()),
        "size": pa.array([file.size for file in files], pa.int64()),
        "mtime_ns": pa.array([file.mtime_ns for file in files], pa.int64()),
        "own": pa.array([file.own for file in files], pa.bool_()),
    }
    pq.write_table(pa.table(table), folder / MANIFEST)


def read(piece: Path) -> list[LogIdentity]:
    """The files of the manifest in a folder."""
    return [LogIdentity(**row) for row in pq.read_table(piece / MANIFEST).to_pylist()]
