"""The manifest of a day's logs, which is what is fetched of them: which files there were."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
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


def union(manifests: Iterable[Iterable[LogIdentity]]) -> list[LogIdentity]:
    """The files of several manifests, each once, as the newest one has it.

    A file that a newer manifest does not have any more, while it has a new one of the same base
    name and size in another folder, was moved: it is the same log.

    Parameters
    ----------
    manifests : iterable of iterable of LogIdentity
        The newest first.
    """
    found: dict[tuple[bytes, bytes], LogIdentity] = {}
    for manifest in manifests:
        older = {file.key: file for file in manifest}
        new = Counter(_wherever(file) for key, file in found.items() if key not in older)
        for key, file in older.items():
            if key in found:
                continue
            if file.size > 0 and new[_wherever(file)]:
                new[_wherever(file)] -= 1
                continue
            found[key] = file
    return sorted(found.values())


def _wherever(file: LogIdentity) -> tuple[bytes, int]:
    """What stays of a file that is moved: names of logs have job, time and a random number."""
    return os.path.basename(file.name), file.size
